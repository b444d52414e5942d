"""Pieces of one APDU that were taken for APDUs: each by itself is nonsense, joined they are whole."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case, hexed, names
from analyzer.diagnosis.registry import Hit, rule
from analyzer.frame import fits
from analyzer.message import Message
from grammars.apdu import APDU
from grammars.parse import parse

MOST_PIECES = 32
SHORTEST = 8  # octets of the whole; less fits too easily


def _piece(message: Message) -> bytes:
    """What a frame carries behind its LLC header."""
    buffer, start, end = message.payload
    first = message.layer.start if message.layer is not None else start
    data = message.octets(buffer)
    if message.frames[0].framing == "none":
        return data
    return data[first:end]


def _begins(message: Message) -> bool:
    """Whether a message begins an APDU that ends before its length does, without saying that more follows."""
    layer = message.layer
    if layer is None or fits(layer.parsed) or message.frames[-1].segmented or len(message.frames) > 1:
        return any(issue.code == "apdu-cut" for issue in message.frames[0].issues)
    return message.llc in ("command", "response") or message.frames[0].framing in ("none", "wrapper")


@rule("segments-decoded-separately")
def segments_decoded_separately(case: Case) -> Iterator[Hit]:
    """Frames or records of one side in a row whose contents, joined, are one whole APDU."""
    for index, first in enumerate(case.messages):
        if not _begins(first) or first.frames[0].framing not in ("hdlc", "none", "wrapper"):
            continue
        joined = _piece(first)
        for count, message in enumerate(case.messages[index + 1 : index + MOST_PIECES], 2):
            if message.direction != first.direction or message.frames[0].framing != first.frames[0].framing:
                break
            if message.llc in ("command", "response") or message.frame not in (first.frame, None):
                break
            joined += _piece(message)
            if len(joined) >= SHORTEST and fits(parsed := parse(APDU, joined)):
                evidence = (
                    f"{count} pieces in a row, {names(first)} to message {message.number}, are decoded one by one",
                    f"the second begins {hexed(_piece(case.messages[index + 1]), 6)}: in the middle of the data",
                    f"joined they are one whole {parsed.nodes[0][0].name} of {len(joined)} octets, its length fits exactly",
                )
                pieces = frozenset(range(first.number, message.number + 1))
                yield Hit(first, evidence, explains=pieces)
                return
