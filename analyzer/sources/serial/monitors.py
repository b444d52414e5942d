"""Logs of Windows port monitors, whose times and directions stand on lines of their own, put where `hexlog` finds them.

    [26/11/2026 10:00:02]                                                   Serial Port Monitor (Eltima,
    41  IRP_MJ_WRITE - Request transfers data from a client to a COM port   Electronic Team)
       STATUS_SUCCESS
             7E A0 07 03 21 93 0F 01 7E                        ~...!..~

    000012: Read Request (UP), 2026-11-26 10:00:02.1234567 +0.0312          Device Monitoring Studio (HHD)

    Request: 11/26/2026 10:00:02 AM.53482 (+2.2343 seconds)                 Serial Monitor (HHD)

Each such heading becomes "time TX:" or "time RX:" on the same line, so that places stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.sources.text import Text

_IRP_TIME = re.compile(r"\[(\d{1,2}[/.-]\d{1,2}[/.-]\d{4}[ T]\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?: [AP]M)?)\]\s*")
_IRP = re.compile(r"\s*\d{1,9}\s+IRP_MJ_(WRITE|READ)\b.*")
_OTHER_IRP = re.compile(r"\s*\d{1,9}\s+IRP_MJ_\w+.*")  # opening, closing, settings: no traffic until the next time
_RULE = re.compile(r"-{10,}\s*")
_STATUS = re.compile(r"\s*STATUS_[A-Z_]+\s*")
_STUDIO = re.compile(
    r"\d{6,9}: (?:(Read|Write) Request|[A-Z][\w ]{2,40}) \((?:UP|DOWN)\),? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,7})?).*"
)
_HHD = re.compile(
    r"(Request|Answer): (\d{1,2}[/.]\d{1,2}[/.]\d{4} \d{1,2}:\d{2}:\d{2})(?: ([AP]M))?(\.\d{1,9})?(?: \(\+[\d.,]+ seconds\))?\s*"
)
WORDS = {"WRITE": "TX", "Write": "TX", "Request": "TX", "READ": "RX", "Read": "RX", "Answer": "RX"}
PROBED = 400  # lines in which a heading has to stand


def is_monitored(text: Text) -> bool:
    """Whether a text is the log of a port monitor, however little traffic is in it."""
    head = next(text.blocks(), "")[: PROBED * 200].splitlines()[:PROBED]
    return any(_IRP.fullmatch(line) or _STUDIO.fullmatch(line) or _HHD.fullmatch(line) for line in head)


def normalised(text: Text) -> Iterator[str]:
    """The lines of the text with the headings of port monitors rewritten; those of any other text as they are."""
    return _rewritten(text.lines()) if is_monitored(text) else text.lines()


def _rewritten(lines: Iterator[str]) -> Iterator[str]:
    time, skipping = "", False
    for line in lines:
        bare = line.rstrip("\r\n")
        found = _IRP_TIME.fullmatch(bare)
        if found is not None:
            time, skipping = found[1], False
        elif not skipping:
            skipping = bool(time) and _OTHER_IRP.fullmatch(bare) is not None and _IRP.fullmatch(bare) is None
        if found is not None or skipping or (time and _RULE.fullmatch(bare)):
            yield "\n"
        else:
            yield _heading(bare, time) + "\n"


def _heading(line: str, time: str) -> str:
    """One line: a heading rewritten, a status taken out, anything else as it is."""
    if (found := _IRP.fullmatch(line)) is not None:
        return f"{time} {WORDS[found[1]]}:".strip()
    if _STATUS.fullmatch(line) is not None:
        return ""
    if (found := _STUDIO.fullmatch(line)) is not None:
        return f"{found[2]} {WORDS[found[1]]}:" if found[1] else found[2]
    if (found := _HHD.fullmatch(line)) is not None:
        half = f" {found[3]}" if found[3] else ""
        return f"{found[2]}{found[4] or ''}{half} {WORDS[found[1]]}:"
    return line
