"""Protected text under a right key that is damaged: it reads so far as noise never does, and breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from analyzer.diagnosis.case import Case, names, protections
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.frames import has_issue
from analyzer.frame import addresses
from analyzer.message import Layer, Message
from analyzer.model import Span
from analyzer.readable import damaged

CHECKS = {"frame_check_sequence": "fcs-wrong", "checksum": "mbus-checksum"}


@rule("ciphertext-damaged")
def ciphertext_damaged(case: Case) -> Iterator[Hit]:
    """Text that no tag vouches for, or whose tag fails, and of which a long beginning reads."""
    explained = {one.item.message.number for one in case.search.explained if one.hypothesis is not None}
    for message in case.messages:
        for layer, security in protections(message):
            found = damaged(layer) if message.complete and message.number not in explained else None
            if found is None:
                continue
            inner = layer.inner[0]
            size, at = inner.end - inner.start, inner.start + found.octets
            ends = found.octets >= size
            where = f"at its end, octet {size}, before its structure does" if ends else f"at octet {found.octets}"
            evidence = [
                f"the text of {names(message)} reads for {found.octets} of {size} octets, with {found.values} tagged values",
                f"the chance that noise reads so far is {odds(found.chance)} at most: key, system title and counter are right",
                f"it breaks {where}{f': {found.broken}' if found.broken else ', where octets are left over'}",
                *_frame_of(message, layer, found.octets),
                "its tag cannot match then, whatever the keys are"
                if security.authenticated
                else "it has no tag, so each octet before that is as it was sent or is wrong by itself: nothing vouches",
            ]
            yield Hit(
                message,
                tuple(evidence),
                certainty="likely",
                field="ciphered_text",
                span=None if ends else Span(inner.buffer, at, inner.end),
                because_of=_cause(message),
            )


def _frame_of(message: Message, layer: Layer, octets: int) -> Iterator[str]:
    """Which of several frames an octet of the text inside a layer came in."""
    hole = layer.inner[0].hole
    if layer.buffer == 0 or hole is None:
        return
    spans, place = message.buffers[layer.buffer - 1].sources, hole[0] + octets
    if len(spans) != len(message.frames):
        return
    for number, span in enumerate(spans, 1):
        if place < span.end - span.start:
            yield f"that octet came in frame {number} of {len(spans)}"
            return
        place -= span.end - span.start


def odds(chance: float) -> str:
    """A small chance in words."""
    return f"one in 10^{floor(-log10(chance))}" if chance > 0 else "one in 10^300"


def _cause(message: Message) -> str | None:
    """The code of what the framing has to say about the damage, if it has."""
    for frame in message.frames:
        if frame.faults:
            return frame.faults[0].code
        for name, code in CHECKS.items():
            if has_issue(frame, name):
                return code
    if not message.frames[0].dlms_transport:
        return None
    return "mbus-saps-differ" if len(set(map(addresses, message.frames))) > 1 else "mbus-segment-missing"
