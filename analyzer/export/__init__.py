"""Traces out again: as captures for Wireshark, as text that reads back, as tables for pandas and DuckDB. One file a form.

Nothing here opens a file; each form gives text, octets or rows, or writes to a stream that it is given.
"""
