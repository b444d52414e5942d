"""Thousands of captures, one after the other or side by side: what is in each, as tables, and what the fleet has in common.

    places (which captures) -> pools (who works) -> examine (one capture) -> folder (parts on disk) -> fleet -> report

A sweep may be stopped at any time and goes on where it was. Workers only read; the process that was started writes.
"""
