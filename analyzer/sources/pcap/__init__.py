"""Capture files: pcap and pcapng, plain or packed, into one trace for each connection or serial line. Sans-IO: a stream in.

files (containers) -> links -> ip -> tcp, or usb -> connections -> capture (traces)
"""
