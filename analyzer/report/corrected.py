"""The octets of a frame as it was sent and as it should have been, in hexadecimal, without values where they are hidden."""

from __future__ import annotations

from difflib import SequenceMatcher

from analyzer.covered import MASK
from analyzer.diagnosis import Diagnosis
from analyzer.model import Finding

HIDDEN = MASK * 2


def sent_and_right(finding: Finding, diagnosis: Diagnosis) -> tuple[list[str], list[str]]:
    """Two digits for each octet of the sent frame and of the corrected one; a corrected octet is covered where the sent
    one is that it stands for."""
    sent, right = diagnosis.wires.get(finding.message or 0, b""), finding.fixed_bytes or b""
    cover = diagnosis.covers.get(finding.message or 0)
    before = cover.octets(0, sent) if cover is not None else _cells(sent)
    after = _cells(right)
    if HIDDEN not in before:
        return before, after
    for kind, a, b, c, d in SequenceMatcher(None, sent, right, autojunk=False).get_opcodes():
        if kind == "equal":
            after[c:d] = before[a:b]
        elif HIDDEN in before[max(a - 1, 0) : b + 1]:
            after[c:d] = [HIDDEN] * (d - c)
    return before, after


def _cells(data: bytes) -> list[str]:
    return [f"{octet:02X}" for octet in data]
