"""The output of interceptty: an octet a line, `>` to the device, `<` from it, with the character where it has one.

    >       0x7e (~)
    >       0xa0
    <       0x7e (~)

There are no times. Octets of one direction in a row are one record; its frames tell where they end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analyzer.model import Direction, Place, SourceIssue, Trace
from analyzer.sources.serial.joining import Octet, records_of

_LINE = re.compile(r"(?P<arrow>[<>])\s+0x(?P<octet>[0-9A-Fa-f]{2})(?:\s+\(.{0,8}\)?)?\s*")
SIDES: dict[str, Direction] = {">": "client", "<": "meter"}
PROBED = 50
ISSUES = 20


def wrote(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are such output."""
    head = [line for line in lines[: 4 * PROBED] if line.strip()][:PROBED]
    return bool(head) and sum(_LINE.fullmatch(line) is not None for line in head) >= 0.8 * len(head)


def read(text: str, source: str) -> list[Trace] | None:
    """The one trace of such an output; None for another text."""
    lines = text.splitlines()
    if not wrote(lines):
        return None
    octets: list[Octet] = []
    issues: list[SourceIssue] = []
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is not None:
            octets.append(Octet(int(found["octet"], 16), SIDES[found["arrow"]], None, number))
        elif line.strip() and len(issues) < ISSUES:
            issues.append(
                SourceIssue("info", f"found {line.strip()[:60]!r}, which is no octet: left out", Place(number, 1))
            )
    name = source.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or source
    return [Trace(name, source, records_of(octets, None), issues)]
