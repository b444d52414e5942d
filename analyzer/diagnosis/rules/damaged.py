"""APDUs that end before their structure does, and protected text under a right key that is damaged: it reads so far as
noise never does, and breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from analyzer.decryptor import TAG_OCTETS
from analyzer.diagnosis.case import Case, names, protections, side_of
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.frames import has_issue
from analyzer.frame import addresses
from analyzer.message import Layer, Message
from analyzer.model import Span
from analyzer.readable import UNLIKELY, damaged

CIPHERED = ("glo-", "ded-", "general-glo", "general-ded", "general-ciphering")
SHORTER_TAG = 8  # octets that some take of the tag
COMPRESSED = 0x80  # of the security control
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
            if ends and not security.authenticated:
                continue  # as it was sent, then, and sent without its end: `data-truncated` says that
            where = f"at its end, octet {size}, before its structure does" if ends else f"at octet {found.octets}"
            evidence = [
                f"the text of {names(message)} reads for {found.octets} of {size} octets, with {found.values} tagged values",
                f"the chance that noise reads so far is {odds(found.chance)} at most: key, system title and counter are right"
                if found.chance < UNLIKELY
                else "other texts of this side are whole under the same key: it is right",
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


@rule("data-truncated")
def data_truncated(case: Case) -> Iterator[Hit]:
    """An APDU that ends before its own structure does, in a frame that is whole, and that is no leftover."""
    from analyzer.diagnosis.rules.llc import cut_in, stale, text_in

    for message in case.messages:
        layer = message.plain
        if layer is None or layer.parsed.whole or not message.complete or cut_in(case, message):
            continue
        sealed = any(security.verdict == "verified" for _, security in protections(message))  # so nothing was cut off
        ends_short = _ends_short(message)
        if message.frames[0].framing == "none" and not sealed and not ends_short:
            continue
        if layer.name in ("aarq", "aare", "unknown-apdu") or stale(case, message) is not None or text_in(message):
            continue
        if any(security.control & COMPRESSED for _, security in protections(message)):
            continue
        if any(i.severity == "error" for f in message.frames for i in f.parsed.issues) or _damaged(message):
            continue
        issue = next(i for i in layer.parsed.issues if i.severity == "error")
        if layer.name.startswith(CIPHERED) and issue.spec.name == "ciphered_text":
            continue  # too short for a tag of 12 octets: `tag-length-wrong` says that
        said = f"at octet {issue.start - layer.start} of the {layer.name}: {issue.spec.name}, {issue.text}"
        if all(security.verdict == "verified" for _, security in protections(message)):
            yield Hit(message, (said, "the frame around it is whole"), field=None, side=side_of(message))
        elif ends_short:
            size = layer.end - layer.start
            told = f"the decrypted text reads for {size} of {size} octets, and has no tag of which any could be missing"
            yield Hit(message, (said, told), certainty="likely", side=side_of(message))


def _ends_short(message: Message) -> bool:
    """Whether a text without a tag reads up to its end, which comes before that of its structure."""
    for layer, security in protections(message):
        reading = damaged(layer) if not security.authenticated else None
        if reading is not None:
            return reading.octets >= layer.inner[0].end - layer.inner[0].start
    return False


def _damaged(message: Message) -> bool:
    return any(frame.faults for frame in message.frames)


@rule("tag-length-wrong")
def no_room_for_a_tag(case: Case) -> Iterator[Hit]:
    """Protected content with fewer octets than a tag has, in an APDU that is whole by its own length."""
    for message in case.messages:
        layer = message.plain
        if layer is None or layer.parsed.whole or not message.complete or not layer.name.startswith(CIPHERED):
            continue
        issue = next(i for i in layer.parsed.issues if i.severity == "error")
        if issue.spec.name != "ciphered_text" or _damaged(message) or message.frames[0].issues:
            continue
        left = layer.end - issue.start
        if SHORTER_TAG < left < TAG_OCTETS:
            said = f"behind security control and counter are {left} octets, fewer than the {TAG_OCTETS} of a tag"
            more = f"with a tag of {SHORTER_TAG} its text has {left - SHORTER_TAG}"
            yield Hit(message, (said, more), certainty="likely", field="ciphered_text", side=side_of(message))
