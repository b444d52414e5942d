"""The HDLC session: who is connected, what was agreed, which number comes next, and how a refusal looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from analyzer.diagnosis.case import Case, names, side_of
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.frames import has_issue
from analyzer.frame import Frame, addresses
from analyzer.message import Message
from analyzer.model import Side
from grammars.kit.spec import find_int

NUMBERED = frozenset({"I", "RR", "RNR", "UA", "DM", "FRMR"})
SHORTEST = 7  # octets of a frame of HDLC between its flags, at least
IDLE_SECONDS = 120.0  # default inactivity time-out of class 23


def payload_octets(frame: Frame) -> int:
    """How long the information field of a frame is."""
    start, end = frame.payload
    return end - start


def one_sided(case: Case) -> bool:
    """Whether a capture has the client alone, who goes on as if it was answered: what the meter said is not in it."""
    if case.has_meter():
        return False
    opening = ("SNRM", "SND_NKE", "DISC", "sign-on", "option-select")
    later = (m for m in case.sent_by("client") if m.frame not in opening and m.apdu != "aarq")
    if any(m.layer is not None or m.frame in ("RR", "RNR") for m in later):
        return True
    connected = any(m.frame == "SNRM" for m in case.messages) and any(m.apdu == "aarq" for m in case.messages)
    return connected and any(m.frame == "I" for m in case.messages)


def goes_on(case: Case, message: Message) -> bool:
    """Whether the meter answers a message with data."""
    reply = case.reply(message)
    return reply is not None and reply.frame in ("I", "RR", "UA") and reply.layer is not None


@rule("snrm-parameters-defaulted", once=True)
def snrm_parameters_defaulted(case: Case) -> Iterator[Hit]:
    """A connection request that proposes nothing."""
    for message in case.messages:
        if message.frame == "SNRM" and message.after.snrm is not None and not message.after.snrm.given:
            said = "the SNRM has no information field: 128 octets and a window of 1 apply unless the UA says otherwise"
            yield Hit(message, (said,))
            return
        proposed, granted = message.after.snrm, message.after.ua
        if message.frame == "UA" and proposed is not None and proposed.given and granted and not granted.given:
            said = "the UA has no information field: 128 octets and a window of 1 apply, whatever the SNRM proposed"
            yield Hit(message, (said,), side="meter")
            return


@rule("ua-length-lies", once=True)
def ua_length_lies(case: Case) -> Iterator[Hit]:
    """A parameter group whose length is not that of its parameters."""
    for message in case.messages:
        if message.frame not in ("UA", "SNRM"):
            continue
        for issue in message.frames[0].parsed.issues:
            if issue.spec.name == "hdlc_parameters":
                side: Side = "meter" if message.frame == "UA" else "client"
                yield Hit(
                    message, (issue.text, "the parameters themselves are whole"), field="hdlc_parameters", side=side
                )
                return


@rule("ua-exceeds-proposal")
def ua_exceeds_proposal(case: Case) -> Iterator[Hit]:
    """A UA that grants more than the SNRM proposes."""
    for message in case.messages:
        proposed, granted = message.after.snrm, message.after.ua
        if message.frame != "UA" or not proposed or not granted or not (proposed.given and granted.given):
            continue
        rows = (
            ("transmit length", proposed.receive_length, granted.transmit_length),
            ("receive length", proposed.transmit_length, granted.receive_length),
            ("transmit window", proposed.receive_window, granted.transmit_window),
            ("receive window", proposed.transmit_window, granted.receive_window),
        )
        over = [f"{name}: proposed {asked}, granted {given}" for name, asked, given in rows if given > asked]
        if over:
            yield Hit(message, tuple(over))


@rule("info-too-long")
def info_too_long(case: Case) -> Iterator[Hit]:
    """Information fields over the length that both sides agreed on."""
    for message in case.spoken:
        proposed, granted = message.before.snrm, message.before.ua
        if proposed is None or granted is None:
            continue
        if message.direction == "client":
            limits = [granted.receive_length] + ([proposed.transmit_length] if proposed.given else [])
        else:
            limits = [granted.transmit_length] + ([proposed.receive_length] if proposed.given else [])
        for frame in message.frames:
            if frame.kind in ("I", "UI") and not frame.damaged and payload_octets(frame) > min(limits):
                harmless = message.direction == "meter" or goes_on(case, message)
                yield Hit(
                    message,
                    (
                        f"the information field has {payload_octets(frame)} octets, agreed are {min(limits)} "
                        f"(SNRM {limits[-1] if proposed.given else 'silent'}, UA {limits[0]})",
                    ),
                    field="information",
                    severity="info" if harmless else "error",
                    side=side_of(message),
                )
                break


@rule("link-not-connected", once=True)
def link_not_connected(case: Case) -> Iterator[Hit]:
    """An information frame of the client where no connection is open."""
    for message in case.messages:
        if message.direction != "client" or message.frame != "I":
            continue
        if _begins_without_snrm(case, message):
            said = "no SNRM stands before it in the trace, and the meter answers that it is disconnected"
            yield Hit(message, (f"{names(message)} is an information frame, {said}",), certainty="likely")
            return
        if message.before.link not in ("disconnected", "connecting", "disconnecting") or goes_on(case, message):
            continue
        if one_sided(case):
            return
        said = {
            "disconnected": "the connection was closed before",
            "connecting": "the SNRM before it was not answered by a UA",
            "disconnecting": "the client sent DISC before",
        }[message.before.link]
        yield Hit(message, (f"{names(message)} is an information frame, and {said}",))
        return


def _begins_without_snrm(case: Case, message: Message) -> bool:
    """Whether a trace begins with an AARQ, without anything of the link before it, and DM is the answer."""
    reply = case.reply(message)
    return (
        message.before.link == "unknown"
        and message.frame == "I"
        and message.apdu == "aarq"
        and message.llc != "missing"
        and reply is not None
        and reply.frame == "DM"
    )


@dataclass(slots=True)
class _Numbers:
    """What one side of a link sent last and what it should send next; None until it is known."""

    next: int | None = None
    last: bytes = b""
    seen: set[int] = field(default_factory=set)


def _number(frame: Frame, part: str) -> int | None:
    control = find_int(frame.parsed.nodes, "control")
    if control is None:
        return None
    return control >> 5 & 7 if part == "receive" else control >> 1 & 7


def numbering(case: Case) -> list[tuple[str, Message, str]]:
    """(code, message, evidence) for frames whose numbers do not follow. A capture that begins in the middle takes the
    first numbers it sees."""
    return case.once(_numbering)


def _numbering(case: Case) -> list[tuple[str, Message, str]]:
    found: list[tuple[str, Message, str]] = []
    links: dict[frozenset[str], dict[str, _Numbers]] = {}
    last: dict[str, Frame] = {}
    # As they came: the RR between the segments of an APDU are messages behind the one that the segments make.
    frames = [(frame, message) for message in case.messages for frame in message.frames]
    spoken = {(frozenset(addresses(frame) or ()), frame.direction) for frame, _ in frames if frame.kind in NUMBERED}
    for frame, message in _as_they_came(frames):
        if _may_hide_a_frame(frame):
            for damaged in links.values():
                for side in ("client", "meter") if frame.direction == "unknown" else (frame.direction,):
                    damaged[side].next = None  # whatever it was, the next one tells
            continue
        if not frame.carries_hdlc or frame.direction == "unknown" or frame.faults:
            continue
        link = frozenset(addresses(frame) or ())
        if frame.kind in ("SNRM", "UA"):
            links[link] = {"client": _Numbers(0), "meter": _Numbers(0)}
            continue
        if frame.kind not in ("I", "RR", "RNR") or _repeated(frame, last):
            continue
        last[frame.direction] = frame
        sides = links.setdefault(link, {"client": _Numbers(), "meter": _Numbers()})
        own, peer = sides[frame.direction], sides["meter" if frame.direction == "client" else "client"]
        if {
            (link, "client"),
            (link, "meter"),
        } <= spoken:  # else the capture has one side alone, and tells nothing of N(R)
            found += _received(message, frame, own, peer)
        if frame.kind == "I":
            found += _sent(case, message, frame, own)
    return found


def _as_they_came(frames: list[tuple[Frame, Message]]) -> list[tuple[Frame, Message]]:
    """Frames in the order of their records. What is damaged may have taken in later frames with their flags, so it stands
    at its last record again."""
    rows = [(frame.records[0], n, frame, message) for n, (frame, message) in enumerate(frames)]
    rows += [
        (frame.records[-1], n, frame, message)
        for n, (frame, message) in enumerate(frames)
        if frame.records[-1] != frame.records[0] and _may_hide_a_frame(frame)
    ]
    return [(frame, message) for *_, frame, message in sorted(rows, key=lambda row: row[:2])]


def _may_hide_a_frame(frame: Frame) -> bool:
    """Whether a numbered frame may be in these octets, and its number unknown: it is damaged, or lies there as octets
    outside frames."""
    if frame.carries_hdlc:
        return has_issue(frame, "frame_check_sequence") or bool(frame.faults)
    return len(frame.data) >= SHORTEST and any(issue.code == "stray-octets" for issue in frame.issues)


def _repeated(frame: Frame, last: dict[str, Frame]) -> bool:
    """Whether this is the last frame of its side again, as stations of an S-FSK power line repeat what they hear."""
    before = last.get(frame.direction)
    if before is None or frame.framing != "plc" or before.framing != "plc":
        return False
    return frame.data[slice(*frame.hdlc)] == before.data[slice(*before.hdlc)]


def _sent(case: Case, message: Message, frame: Frame, own: _Numbers) -> Iterator[tuple[str, Message, str]]:
    number = _number(frame, "send")
    assert number is not None
    information = frame.data[slice(*frame.payload)]
    if own.next is not None and number != own.next:
        if number == (own.next - 1) % 8 and information == own.last:
            yield "retransmission", message, f"N(S) {number} with the same information field as before"
            return
        said = f"N(S) is {number}, expected {own.next}"
        reply = case.reply(message)
        taken = message.direction == "meter" or (
            reply is not None and reply.frame == "I" and _number(reply.frames[0], "receive") == (number + 1) % 8
        )
        if taken:
            yield (
                "frame-lost",
                message,
                said + ", and the other side goes on from there: frames are missing in the capture",
            )
        else:
            yield "sequence-error", message, said
            return  # its receiver goes on waiting for the one that is due
    own.next, own.last = (number + 1) % 8, information


def _received(message: Message, frame: Frame, own: _Numbers, peer: _Numbers) -> Iterator[tuple[str, Message, str]]:
    number = _number(frame, "receive")
    assert number is not None
    if peer.next is None:
        peer.next = number
    elif number != peer.next and (number - peer.next) % 8 < 4:
        said = f"N(R) is {number}, and frames up to N(S) {(peer.next - 1) % 8} were seen"
        if frame.direction == "meter":
            yield "frame-lost", message, said + ": it acknowledges a frame that the capture does not have"
            peer.next = number
        else:
            yield "sequence-error", message, said


@rule("sequence-error", "retransmission", "frame-lost")
def sequence(case: Case) -> Iterator[Hit]:
    """Numbers that do not follow; in order of the trace, each kind of a message once."""
    for code, message, evidence in numbering(case):
        follows = case.reply(message) if message.direction == "client" else None
        refused = follows is not None and follows.frame in ("FRMR", "DM")
        harmless = code == "sequence-error" and not refused and goes_on(case, message)
        yield Hit(
            message,
            (evidence,),
            code=code,
            field="control",
            severity="info" if harmless else None,
            side="link" if code == "frame-lost" else side_of(message),
        )


@rule("dm-reply")
def dm_reply(case: Case) -> Iterator[Hit]:
    """A meter that says it is disconnected, to anything but DISC."""
    for message in case.sent_by("meter"):
        request = case.request(message)
        if message.frame != "DM" or request is None or request.frame == "DISC":
            continue
        cause = None
        if not request.frames[0].carries_hdlc:
            cause = "framing-mismatch"
        elif request.frame == "I" and request.llc == "missing":
            cause = "llc-missing"
        elif _begins_without_snrm(case, request) or (
            request.before.link in ("disconnected", "disconnecting", "connecting") and request.frame == "I"
        ):
            cause = "link-not-connected"
        elif idle_before(case, request) is not None:
            cause = "inactivity-timeout"
        refused = f"a frame {request.frame}" if request.frame is not None else "it"
        refused = "the connection request" if request.frame == "SNRM" else refused
        yield Hit(
            message,
            (f"{names(request)} is answered by DM: the meter refuses {refused} because it is disconnected",),
            because_of=cause,
            side="meter" if request.frame == "SNRM" else "link",
        )


def idle_before(case: Case, request: Message) -> float | None:
    """The pause before a message of the client, if it is longer than the inactivity time-out of a meter."""
    now = request.frames[0].seconds
    if now is None or request.number < 2:
        return None
    before = next((m.frames[0].seconds for m in case.ahead_of(request)), None)
    if before is None or now - before <= IDLE_SECONDS:
        return None
    return now - before


@rule("inactivity-timeout")
def inactivity_timeout(case: Case) -> Iterator[Hit]:
    """A long pause, and no data afterwards."""
    for exchange in case.exchanges:
        pause = idle_before(case, exchange.request)
        if pause is None or exchange.request.frame in ("SNRM", "DISC") or goes_on(case, exchange.request):
            continue
        if exchange.reply is None or exchange.reply.frame == "DM":
            said = (
                f"{pause:.0f} seconds passed before {names(exchange.request)}, and sessions expire after 120 by default"
            )
            yield Hit(exchange.request, (said,), certainty="likely")


@rule("frmr-reply")
def frmr_reply(case: Case) -> Iterator[Hit]:
    """A frame that the meter rejects, with what it says about it."""
    wrong = {message.number for code, message, _ in numbering(case) if code == "sequence-error"}
    for message in case.messages:
        if message.frame != "FRMR":
            continue
        frame = message.frames[0]
        rejected, state = (
            find_int(frame.parsed.nodes, "rejected_control_field"),
            find_int(frame.parsed.nodes, "sequence_state"),
        )
        reason = find_int(frame.parsed.nodes, "reason")
        evidence = []
        if rejected is not None:
            evidence.append(f"rejected control field {rejected:02X}")
            if not rejected & 1:
                evidence[0] += f": an I frame with N(S) {rejected >> 1 & 7}, N(R) {rejected >> 5}"
        if state is not None:
            evidence.append(f"the meter stands at V(S) {state >> 1 & 7}, V(R) {state >> 5}")
        if reason is not None:
            evidence.append(f"reason {reason:02X}")
        request = case.request(message)
        cause = "sequence-error" if request is not None and request.number in wrong else None
        if cause is None and request is not None and request.before.ua is not None:
            longest = max((payload_octets(f) for f in request.frames), default=0)
            cause = "info-too-long" if longest > request.before.ua.receive_length else None
        yield Hit(message, tuple(evidence) or ("the meter rejects a frame",), because_of=cause)


@rule("segmentation-stalled")
def segmentation_stalled(case: Case) -> Iterator[Hit]:
    """Segments that announce more, and nobody asks for them."""
    for message in case.messages:
        last = message.frames[-1]
        if not last.carries_hdlc or not last.segmented or message.direction != "meter":
            continue
        if message.layer is None:
            continue  # nobody heard it, or it came before
        later = next((m for m in case.behind(message) if m.direction == "client"), None)
        if later is not None and later.frame not in ("RR", "RNR"):
            yield Hit(
                message,
                (
                    f"the last of {len(message.frames)} segments says that more follow",
                    f"the client goes on with {names(later)} in place of RR",
                ),
                field="segmentation",
            )


@rule("receiver-not-ready", once=True)
def receiver_not_ready(case: Case) -> Iterator[Hit]:
    """A meter that is busy, more than once."""
    busy = [message for message in case.sent_by("meter") if message.frame == "RNR" and case.owns(message)]
    if len(busy) > 1 or (busy and case.own is not None):  # other parts may have more
        yield Hit(busy[0], (Counted(_busy, Many(len(busy)), least=2),))


def _busy(times: int) -> str:
    return f"the meter sent RNR {times} times"


@rule("response-timeout-short")
def response_timeout_short(case: Case) -> Iterator[Hit]:
    """A request sent again, and both copies answered."""
    seen: dict[int, Message] = {}
    repeated = [
        message for code, message, _ in numbering(case) if code == "retransmission" and message.direction == "client"
    ]
    for message in repeated:
        seen[message.number] = message
        answers = [m for m in islice(case.behind(message), 4) if m.direction == "meter" and m.frame == "I"]
        if len(answers) > 1 and answers[0].wire == answers[1].wire:
            yield Hit(message, (f"{names(message)} repeats a request whose answer was under way: it comes twice",))
