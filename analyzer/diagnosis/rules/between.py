"""What is no frame by itself: flags and octets between frames, the parity of all octets, what came back to its sender."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from analyzer.diagnosis.case import Case, hexed, names
from analyzer.diagnosis.counted import Counted, Listed, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.acse import is_bare_aarq
from analyzer.diagnosis.rules.frames import body, hdlc_frames
from analyzer.frame import Frame
from analyzer.message import Message

ALONE = "stray-octets alone"
PARITY_OCTETS = 20  # fewer may look alike by chance
ODD = bytes(octet for octet in range(256) if octet.bit_count() % 2)
NO_TEXT = bytes(octet for octet in range(256) if not (0x20 <= octet & 0x7F < 0x7F or octet & 0x7F in b"\r\n"))


def _joined(case: Case) -> list[Message]:
    """The messages with a frame that begins with the flag that ends the one before it."""
    rows = sorted(hdlc_frames(case), key=lambda row: row[1].records[:1])
    if not rows:
        return []
    sizes = {record.number: len(record.data) for record in case.records}
    found: list[Message] = []
    for number, group in groupby(rows, key=lambda row: row[1].records):
        frames = list(group)
        if len(frames) == 1:
            continue
        sound = len(number) == 1 and not any(frame.faults for _, frame in frames)
        if sound and sum(len(frame.data) for _, frame in frames) > sizes.get(number[0], 1 << 30):
            found += [message for message, _ in frames[1:]]
    return found


@rule("shared-flag")
def shared_flag(case: Case) -> Iterator[Hit]:
    """More than one flag between frames: legal, and a trap for parsers."""
    seen = [m for m in case.messages for f in m.frames for issue in f.issues if issue.code == "shared-flag"]
    shared = _joined(case) if not seen else []
    for found, said in (
        (shared, "one flag ends a frame and begins the next"),
        (seen, "several flags stand between frames"),
    ):
        own = list(filter(case.owns, found))
        if own:
            yield Hit(own[0], (Counted(_times, Many(len(own)), said),), once=said)


def _times(many: int, said: str) -> str:
    return f"{many} time{'s' if many != 1 else ''} {said}"


def _is_stray(frame: Frame) -> bool:
    return any(issue.code == "stray-octets" for issue in frame.issues)


@rule("stray-octets")
def stray_octets(case: Case) -> Iterator[Hit]:
    """Octets between frames. Where nothing in the trace is a frame, all of them are another protocol."""
    stray = [m for m in case.messages if any(map(_is_stray, m.frames)) and case.owns(m)]
    if not stray:
        return
    octets = sum(len(message.wire) for message in stray if message.frames[0].framing == "none")
    where = Listed.of((message.number for message in stray), 8)
    if all(frame.framing == "none" and _is_stray(frame) for message in case.messages for frame in message.frames):
        yield Hit(
            stray[0],
            (Counted(_nothing, Many(octets)), f"they begin {hexed(stray[0].wire, 8)}"),
            severity="error",
            title="Nothing here is DLMS/COSEM in a framing that is known",
            cause="Another protocol, another speed or parity of the port, or octets that lost their beginning.",
            fix="Check the settings of the port and what was captured; look for 7E A0 or 00 01 at the start.",
            because_of="ber-length-wrong" if is_bare_aarq(stray[0]) else "parity-mismatch",
            once=ALONE,
            throughout=True,
        )
        if case.own is None:
            return  # what a part says besides holds where other parts have frames
    if octets:
        said = Counted(_outside, Many(octets), where, hexed(stray[0].wire, 8))
        yield Hit(stray[0], (said,), once="stray-octets", unless=ALONE)
    else:
        texts = dict.fromkeys(i.text for m in stray for f in m.frames for i in f.issues if i.code == "stray-octets")
        yield Hit(stray[0], (Counted(_inside, ", ".join(texts), where),), once="stray-octets in frames")


def _nothing(octets: int) -> str:
    return f"none of the {octets} octets is part of a frame or an APDU: another protocol, speed or parity"


def _outside(octets: int, where: Listed, first: str) -> str:
    return f"{octets} octets outside frames (messages {', '.join(map(str, where.first[:8]))}), first {first}"


def _inside(texts: str, where: Listed) -> str:
    return f"{texts} (message{'s' if where.many > 1 else ''} {', '.join(map(str, where.first[:8]))})"


@rule("parity-mismatch")
def parity_mismatch(case: Case) -> Iterator[Hit]:
    """Octets that carry even parity in bit 7, or that lost it. Where the reader took it off, its issue is the evidence:
    a fault of the client's port if only the octets of the meter have it, else one of the capture."""
    undone = [issue for issue in case.trace.issues if issue.code == "parity-mismatch"]
    for issue in undone:
        numbers = [m.number for m in case.messages if issue.record is not None and issue.record in m.records]
        message = case.at(numbers[0]) if numbers else None
        affected = {r.direction for r in case.records if any(other.record == r.number for other in undone)}
        port = affected == {"meter"} and any(record.direction == "client" for record in case.records)
        yield Hit(
            message,
            (issue.text,),
            severity="error" if port else "info",
            side="client" if port else "analyst",
            record=issue.record,
            once=f"parity-mismatch {issue.record}",
            cause="" if port else "The port that captured has another parity than the line.",
            fix="" if port else "Capture with the settings of the line: 7E1 for IEC 62056-21, 8N1 for HDLC.",
        )
    for side in ("client", "meter", "unknown"):
        octets = case.heard(side)
        if len(octets) < PARITY_OCTETS:
            continue
        message = next((m for m in case.messages if m.direction == side), None) or case.messages[0]
        even = len(octets.translate(None, ODD)) / len(octets)
        text = len(octets.translate(None, NO_TEXT)) / len(octets)
        seven_bits = octets.isascii()
        if even >= 0.95 and text >= 0.9 and not seven_bits:
            stripped = bytes(octet & 0x7F for octet in octets[:40])
            yield Hit(
                message,
                (
                    f"{even:.0%} of {len(octets)} octets have an even number of ones, bit 7 counted",
                    f"without bit 7 they read {stripped.decode('ascii', 'replace').strip()!r}",
                ),
                once=f"parity-mismatch of {side}",
            )
        elif seven_bits and b"\x7e\x20" in octets:
            yield Hit(
                message,
                (
                    f"none of {len(octets)} octets has bit 7 set",
                    "7E 20 stands where an HDLC frame begins 7E A0",
                ),
                certainty="likely",
                once=f"parity-mismatch of {side}",
            )


@rule("echo", once=True)
def echo(case: Case) -> Iterator[Hit]:
    """What was received is what was sent."""
    echoed = [message for message in case.messages if message.frames[0].echo and case.owns(message)]
    if echoed:
        first = echoed[0]
        own = next(m for m in case.ahead_of(first) if _same(first, m))
        evidence = [f"message {first.number} equals {names(own)} octet for octet", Counted(_echoes, Many(len(echoed)))]
        evidence.append(
            "the meter's own answers follow behind"
            if case.has_meter()
            else "nothing else was received: the meter is silent"
        )
        yield Hit(first, tuple(evidence))


def _echoes(many: int) -> str:
    return f"so do {many - 1} more that were received what was sent before them" if many > 1 else ""


def _same(echo: Message, message: Message) -> bool:
    """Whether a message of the client is, or has, the frame that came back."""
    octets = body(echo.frames[0]) if echo.frames[0].carries_hdlc else echo.wire
    return message.direction == "client" and octets in message.wire
