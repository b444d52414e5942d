"""LLC header and what stands in its place: missing, of the wrong direction, stale octets behind it, plain text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import takewhile

from analyzer.diagnosis.case import Case, hexed, names, side_of
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule, tally
from analyzer.frame import fits
from analyzer.message import Message
from analyzer.model import Span
from analyzer.rebuild import LlcChange
from grammars.apdu import APDU
from grammars.kit.spec import find_raw
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

HEADER_OCTETS = 3
SHORTEST_TEXT = 4  # octets
READABLE = bytes((*range(0x20, 0x7F), *b"\r\n"))
CONTEXT = "application_context_name"  # so far an AARQ is read, where only its first segment is there
WITH_HEADER = "information fields with an LLC header"
STALE_AT_LEAST = 2  # so many equal octets behind the header; one alone may be chance


def information(message: Message) -> bytes:
    """The octets that the frames of a message carry, LLC header included."""
    buffer, start, end = message.payload
    return message.octets(buffer)[start:end]


@rule("llc-missing")
def llc_missing(case: Case) -> Iterator[Hit]:
    """An information field that begins with an APDU at once, where the link uses LLC headers or a client sends it."""
    for message in case.messages:
        octets = information(message)
        if message.llc != "missing" or message.frame != "I" or not octets or octets[0] not in APDU_TAGS:
            continue
        if cut_in(case, message) or any(f.faults for f in message.frames) or octets[:2] in (COMMAND[:2], RESPONSE[:2]):
            continue  # cut off, so that what seems to be missing may only be lost
        header = COMMAND if message.direction == "client" else RESPONSE
        whole = fits(parse(APDU, octets))
        begun = (
            not message.complete and message.layer is not None and find_raw(message.layer.nodes, CONTEXT) is not None
        )
        others = case.once(_with_header)
        if not whole and not others and not begun:
            continue
        evidence: list[str] = [
            f"the information field begins {hexed(octets, 4)}: {octets[0]:02X} is the tag of "
            f"{APDU_TAGS[octets[0]]}, and no {hexed(header)} stands before it"
        ]
        if whole:
            evidence.append(f"with {hexed(header)} inserted the frame carries a whole {APDU_TAGS[octets[0]]}")
        if others:
            evidence.append(Counted(_others_have_it, Many(others), key=WITH_HEADER))
        evidence += _its_effect(case, message, octets)
        yield Hit(
            message,
            tuple(evidence),
            certainty="proven" if whole else "likely",
            field="information",
            side=side_of(message),
            fix=f"Put {hexed(header)} before the APDU in every information frame from the {message.direction}; "
            "update the library.",
            changes=(LlcChange("command" if header == COMMAND else "response"),),
        )


def cut_in(case: Case, message: Message) -> bool:
    """Whether a frame without LLC header may be the rest of an APDU of which the capture has not the beginning: the first
    I frame of its side, on a link whose connection is not in the capture."""
    if message.frame != "I" or message.llc != "missing" or message.before.link not in ("unknown", "connected"):
        return False
    first = case.once(_first_frames)
    if any(kind in ("SNRM", "UA") and number < message.number for (kind, _), number in first.items()):
        return False
    if first.get(("I", message.direction), message.number) < message.number:
        return False
    return not fits(parse(APDU, information(message)))


def _first_frames(case: Case) -> dict[tuple[str | None, str], int]:
    """The number of the first message of each kind of frame and each side."""
    first: dict[tuple[str | None, str], int] = {}
    for message in case.messages:
        first.setdefault((message.frame, message.direction), message.number)
    return first


def _its_effect(case: Case, message: Message, octets: bytes) -> Iterator[str]:
    """What the answer shows of a missing header."""
    reply = case.reply(message)
    if message.direction != "client":
        return
    seen = f"a meter that takes {HEADER_OCTETS} octets off the front reads {hexed(octets[HEADER_OCTETS:], 4)}"
    if reply is None:
        yield f"no answer followed; {seen} and finds no APDU there"
    elif reply.frame != "I":
        yield f"the answer, {names(reply)}, refuses the frame; {seen} and finds no APDU there"
    elif stale(case, reply) is not None:
        yield f"this alone explains the answer, {names_plainly(reply)}: {seen}, finds no APDU there and has none to send"


def names_plainly(message: Message) -> str:
    """A message whose octets are no APDU, whatever a grammar made of them."""
    return f"message {message.number}"


@rule("llc-wrong")
def llc_wrong(case: Case) -> Iterator[Hit]:
    """The header of the other direction, or a quality octet that is not 00."""
    for message in case.messages:
        if message.llc not in ("command", "response") or message.direction == "unknown":
            continue
        header = information(message)[:HEADER_OCTETS]
        wanted = COMMAND if message.direction == "client" else RESPONSE
        if header == wanted:
            continue
        push = message.frame == "UI" or (message.apdu or "").startswith(("data-notification", "general-glo"))
        yield Hit(
            message,
            (f"the header is {hexed(header)}, a frame from the {message.direction} has {hexed(wanted)}",),
            field="llc",
            severity="info" if push or message.direction == "meter" else "error",
            side=side_of(message),
            changes=(LlcChange("command" if wanted == COMMAND else "response"),),
        )


@rule("stale-buffer")
def stale_buffer(case: Case) -> Iterator[Hit]:
    """Octets behind the header that are no APDU, and equal those at the same place of an earlier frame."""
    for message in case.sent_by("meter"):
        found = stale(case, message)
        if found is None:
            continue
        older, count = found
        octets = information(message)
        first, last = HEADER_OCTETS, HEADER_OCTETS + count - 1
        request = case.request(message)
        cause = "llc-missing" if request is not None and request.llc == "missing" else None
        evidence = [
            f"{hexed(octets[:HEADER_OCTETS])} is followed by {hexed(octets[HEADER_OCTETS:])}, which is no APDU from a "
            f"meter: {_not_an_apdu(octets[HEADER_OCTETS])}",
            f"octets {first} to {last} of the information field equal octets {first} to {last} of that of {names(older)}: "
            f"{hexed(information_field(older), last + 1)}",
            "the meter wrote a fresh LLC header over its old transmit buffer and sent it: it had no answer",
        ]
        yield Hit(
            message,
            tuple(evidence),
            span=_behind_header(message),
            field="information",
            because_of=cause,
        )


def _not_an_apdu(tag: int) -> str:
    name = APDU_TAGS.get(tag)
    if name is None:
        return f"{tag:02X} is no tag"
    return f"read as one, tag {tag:02X} would be a {name}, which no server sends or which does not fit these octets"


def _behind_header(message: Message) -> Span:
    buffer, start, end = message.payload
    return Span(buffer, start + HEADER_OCTETS, end)


def stale(case: Case, message: Message) -> tuple[Message, int] | None:
    """The earlier message of the meter whose octets a message repeats behind its header, and how many; or None."""
    if message.direction != "meter" or message.frame != "I":
        return None
    octets = information(message)
    behind = octets[HEADER_OCTETS:]
    if octets[:HEADER_OCTETS] != RESPONSE or len(behind) < STALE_AT_LEAST or is_apdu(message, behind):
        return None
    sent = case.once(_transmitted)
    rows = (sent[place] for place in range(bisect_left(sent, (behind, 0)), len(sent)))
    equal = takewhile(lambda row: row[0].startswith(behind), rows)
    older = case.at(max((number for _, number in equal if number < message.number), default=0))
    return (older, len(behind)) if older is not None else None


def is_apdu(message: Message, octets: bytes) -> bool:
    """Whether octets at the end of what a message carries are a whole APDU; as such they may have been read already."""
    layer = message.layer
    buffer, _, end = message.payload
    if layer is not None and (layer.buffer, layer.start, layer.end) == (buffer, end - len(octets), end):
        return fits(layer.parsed)
    return fits(parse(APDU, octets))


def _transmitted(case: Case) -> list[tuple[bytes, int]]:
    """What the meter's messages have in their first information field behind the LLC header, sorted, each with its number."""
    return sorted((information_field(message)[HEADER_OCTETS:], message.number) for message in case.sent_by("meter"))


def information_field(message: Message) -> bytes:
    """The information field of the first frame, also of frames that carry no APDU, such as UA."""
    frame = message.frames[0]
    node = frame.field("information")
    return frame.data[node[1] : node[2]] if node is not None else b""


@rule("not-dlms-reply")
def not_dlms_reply(case: Case) -> Iterator[Hit]:
    """Readable text where an APDU should be."""
    for message in case.sent_by("meter"):
        text = text_in(message)
        if text:
            yield Hit(message, (f"the information field holds the text {text!r}",), field="information")


def text_in(message: Message) -> str:
    """The text that a meter sends where an APDU should be; empty where it does not."""
    if message.direction != "meter" or not (message.frame == "I" or message.frames[0].framing == "wrapper"):
        return ""
    octets = information(message)
    behind = octets[HEADER_OCTETS:] if octets[:HEADER_OCTETS] in (COMMAND, RESPONSE) else octets
    if len(behind) < SHORTEST_TEXT or behind.translate(None, READABLE):
        return ""
    return "" if behind[0] in APDU_TAGS and is_apdu(message, behind) else behind.decode("ascii").strip()


def _others_have_it(others: int) -> str:
    return f"{others} other information fields in this input have the header"


@tally(WITH_HEADER)
def _own_with_header(case: Case) -> tuple[int]:
    return (sum(m.llc in ("command", "response") for m in case.given if case.owns(m)),)


def _with_header(case: Case) -> int:
    """How many messages of the input have an LLC header."""
    return sum(m.llc in ("command", "response") for one in (case, *case.others) for m in one.given)
