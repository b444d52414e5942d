"""Annotations of the UART decoder of sigrok-cli and PulseView.

    uart-1: 7E                              sigrok-cli -A uart=rx-data
    100-991 uart-1: rx-data: 7E             --protocol-decoder-samplenum, with the class of the annotation
    uart-1: TX data: 48
    104-999 UART: RX data: 7E               PulseView, "export all annotations"

Times are numbers of samples; with a line that tells the samplerate they are seconds. The decoder's RX and TX are the
names of its two inputs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analyzer.model import Direction, Place, SourceIssue, Trace
from analyzer.sources.serial.joining import Octet, records_of

_LINE = re.compile(
    r"(?:(?P<start>\d{1,18})-\d{1,18}\s+)?(?:uart-\d+|UART(?:[ _-]?\d+)?)\s*:\s*"
    r"(?:(?P<side>[RrTt][Xx])(?:[ _-]?data)?(?:[ _-]?values?)?\s*:\s*)?\"?"
    r"(?:(?:0x)?(?P<hex>[0-9A-Fa-f]{2})|\[(?P<escaped>[0-9A-Fa-f]{2})\]|(?P<character>[ -~]))\"?(?:\s+\".*)?"
)
_OTHER = re.compile(r"(?:\d{1,18}-\d{1,18}\s+)?(?:uart-\d+|UART(?:[ _-]?\d+)?)\s*:\s*(?P<said>.{0,60})")
_BAD = re.compile(r"frame error|parity error|break condition|warning", re.IGNORECASE)
_RATE = re.compile(r"sample ?rate\W{1,3}(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kMG]?)(?:Hz)?", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "m": 1e6, "G": 1e9, "g": 1e9}
SIDES: dict[str, Direction] = {"rx": "meter", "tx": "client"}
PROBED = 50  # lines
ISSUES = 100


def wrote(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are annotations."""
    head = [line for line in lines[: 4 * PROBED] if line.strip()][:PROBED]
    return bool(head) and sum(_OTHER.match(line.strip()) is not None for line in head) * 2 > len(head)


def read(text: str, source: str) -> list[Trace] | None:
    """The one trace of an annotation export; None for another text."""
    lines = text.splitlines()
    if not wrote(lines):
        return None
    issues: list[SourceIssue] = []
    octets: list[Octet] = []
    second: float | None = None
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            rate = _RATE.search(line) if second is None else None
            second = float(rate["number"]) * _UNITS[rate["unit"]] if rate is not None else second
            said = _OTHER.match(line.strip())
            if said is not None and _BAD.search(said["said"]) and len(issues) < ISSUES:
                issues.append(SourceIssue("warning", f"the decoder says: {said['said'].strip()}", Place(number, 1)))
            continue
        octets.append(_octet(found, number))
    if not octets:
        return None
    timed = all(octet.at is not None for octet in octets)
    if timed:
        octets.sort(key=lambda octet: octet.at or 0.0)
    name = source.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or source
    return [Trace(name, source, records_of(octets, second if timed else None), issues)]


def _octet(found: re.Match[str], line: int) -> Octet:
    digits = found["hex"] or found["escaped"]
    value = int(digits, 16) if digits else ord(found["character"])
    side = (found["side"] or "").lower()
    at = float(found["start"]) if found["start"] else None
    return Octet(value, SIDES.get(side, "unknown"), at, line, None, side)
