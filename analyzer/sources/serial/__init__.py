"""What serial tools write: octets with times from logic analysers, sniffers that log octet by octet, port monitors.

A log of frames as hexadecimal text needs nothing of this: `hexlog` reads it. Each module here knows one family, and gives
None for any other text.
"""

from __future__ import annotations

import re
from itertools import islice

from analyzer.model import Trace
from analyzer.sources.serial import interceptty, sigrok, uart_csv
from analyzer.sources.serial.seven_bits import undone
from analyzer.sources.text import Text

READERS = (uart_csv, sigrok, interceptty)
LONGEST_BEGINNING = 256  # octets that one of these can match
HEAD = 200  # lines that show which tool wrote a text
_BEGINS = re.compile(rb"[\s\xef\xbb\xbf]{0,8}(?:[<>]|\"?(?:[Tt]ime|name|start)|[0-9]+-[0-9]|uart|UART|lib|META|;|#)")
_TELEGRAM = re.compile(rb"\s{0,8}/(?:\?[^!\r\n]{0,32}!|[A-Za-z]{3}[0-9A-Za-z][^\r\n]{0,80}\r?\n)")


def read_serial(data: bytes, source: str) -> list[Trace] | None:
    """The traces of a text that a serial tool wrote octet by octet; None where it is no such text."""
    if _BEGINS.match(data[:LONGEST_BEGINNING]) is None:
        return None
    text = Text(data)
    head = "".join(islice(text.lines(), HEAD)).splitlines()
    for reader in READERS:
        traces = reader.read(text.whole(), source) if reader.wrote(head) else None
        if traces is not None:
            return [undone(trace) for trace in traces]
    return None


def is_telegram(data: bytes) -> bool:
    """Whether octets that are text throughout are what a meter says: a P1 telegram or IEC 62056-21."""
    return _TELEGRAM.match(data[:LONGEST_BEGINNING]) is not None
