"""Hex as people paste it: forum threads, e-mails and the logs of tools become traces of records."""

from __future__ import annotations

import re

from analyzer.model import Trace
from analyzer.sources.logreader import LogReader
from analyzer.sources.text import Text
from analyzer.sources.tracedraft import finish

_NOT_TEXT = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",  # pcap
    b"\x0a\x0d\x0d\x0a",  # pcapng
    b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh", b"PK\x03\x04",  # packed
)  # fmt: skip
_TELEGRAM = re.compile(r"\s*/[A-Za-z]{3}[0-9A-Za-z]")  # IEC 62056-21 and P1 are text with some hex in it
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_PROBED = 1 << 18


def read_hexlog(text: str | bytes, source: str) -> list[Trace]:
    """The traces in a pasted text, in its order, each under its heading or, without one, the name of the source.

    A heading without bytes gives no trace. Where there are no bytes at all but something that looked like
    them, one trace without records tells so in its issues. Never raises; time grows with the text, memory with its
    longest line and record.
    """
    reader = LogReader(Text(text), _stem(source))
    reader.run()
    return [finish(draft, source) for draft in reader.traces()]


def _stem(source: str) -> str:
    """The name of a file without folder and suffix; "trace" when the source is no file."""
    name = re.split(r"[/\\]", source)[-1]
    stem = name.rpartition(".")[0] or name
    return stem if any(letter.isalnum() for letter in stem) else "trace"


def looks_like_text_hex(data: bytes) -> bool:
    """Whether bytes of unknown kind, or the first 256 KiB of them, are a text with hex in it.

    False for pcap, pcapng, packed files, the raw bytes of a line, and the telegrams of IEC 62056-21.
    """
    head = data[: _PROBED * 2]
    if head.startswith(_NOT_TEXT):
        return False
    text = Text(head if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head[:_PROBED]).whole()
    if len(_CONTROL.findall(text)) * 50 > len(text) or _TELEGRAM.match(text) is not None:
        return False
    return any(len(trace) for trace in read_hexlog(text, "probe"))
