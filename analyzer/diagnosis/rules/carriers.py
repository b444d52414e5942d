"""M-Bus, IEC 62056-21, P1, power line and pushes: checks, telegrams that are missing, hand-overs that did not happen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from analyzer.diagnosis.case import Case, hexed, names, side_of
from analyzer.diagnosis.counted import Counted, Listed
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.frames import has_issue, repaired
from analyzer.diagnosis.rules.session import one_sided
from analyzer.frame import Frame, addresses
from grammars.hdlc import crc16_x25
from grammars.kit.spec import find_int, find_octets, find_raw
from grammars.mbus import SEQUENCE
from grammars.parse import Parsed, parse
from grammars.plc import HOST_CHECK, HOST_FRAME, STX

CIPHERED = b"\xdb\x08"  # general-glo-ciphering with a system title of 8 octets
FALSE_FRAMES = 4  # that all fail their checks: rather other octets that look like frames than damage to each
CHOSEN = re.compile(rb"\x062.2\r\n")  # the choice of HDLC, at any speed


@rule("mbus-checksum")
def mbus_checksum(case: Case) -> Iterator[Hit]:
    """A checksum or a length that does not fit; a length that overflowed its octet is tolerated."""
    for message in case.spoken:
        for frame in message.frames:
            if frame.framing != "mbus":
                continue
            wrong = [i for i in frame.parsed.issues if i.spec.name in ("checksum", "length_repeated", "stop")]
            cut = [issue.text for issue in frame.issues if issue.code == "mbus-checksum"]
            overflow = [i for i in frame.parsed.issues if "overflowed" in i.text]
            if wrong or cut:
                texts = tuple(f"{i.spec.name}: {i.text}" for i in wrong) + tuple(cut)
                yield Hit(message, texts, field="checksum" if wrong else "length", side="link")
            elif overflow:
                yield Hit(
                    message,
                    (overflow[0].text, "checksum and stop fit there"),
                    field="length",
                    severity="info",
                    side="meter",
                )


@rule("mbus-segment-missing")
def mbus_segment_missing(case: Case) -> Iterator[Hit]:
    """Telegrams of one APDU whose numbers do not run from 0 to the final one."""
    first = next(case.sent_by("meter"), None)
    several = {frame.data for message in case.spoken if len(message.frames) > 1 for frame in message.frames}
    for message in case.spoken:
        if message.frames[0].dlms_transport and not (len(message.frames) == 1 and message.wire in several):
            said = _missing(_counted(message.frames), not message.frames[-1].segmented)
            if said:
                begun = (
                    first is not message or message.frames[0].sequence == 0
                )  # else the capture may begin in its middle
                yield Hit(message, (said,), field="control_information", severity=None if begun else "info")


def _counted(frames: Sequence[Frame]) -> list[int]:
    """The numbers of telegrams, which have four bits on the wire, counted on."""
    numbers = [frames[0].sequence]
    for frame in frames[1:]:
        step = (frame.sequence - numbers[-1]) & SEQUENCE
        numbers.append(numbers[-1] + (step if step <= SEQUENCE // 2 else step - SEQUENCE - 1))
    return numbers


def _missing(numbers: list[int], final: bool) -> str:
    """What is wrong with a row of telegrams; nothing where they run from 0 to the final one."""
    came = f"telegram{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} came"
    lost = [str(number) for number in range(max(numbers)) if number not in numbers]
    said = []
    if lost:
        said.append(f"{', '.join(lost)} {'are' if len(lost) > 1 else 'is'} missing")
    elif numbers != list(range(len(numbers))):
        said.append("each has to come once, in order")
    if not final:
        said.append("the final one is missing")
    return f"{came}: {' and '.join(said)}" if said else ""


@rule("mbus-saps-differ")
def mbus_saps_differ(case: Case) -> Iterator[Hit]:
    """Telegrams that are one APDU by their numbers, and have not the same SAPs."""
    for message in case.spoken:
        pairs = [addresses(frame) for frame in message.frames if frame.dlms_transport]
        if len(set(pairs)) < 2:
            continue
        shown = ", ".join(
            f"{frame.sequence}: " + (f"{pair[0]} to {pair[1]}" if pair else "none")
            for frame, pair in zip(message.frames, pairs, strict=True)
        )
        damaged = any(has_issue(frame, "checksum") for frame in message.frames)
        checks = "a checksum among them does not fit" if damaged else "the checksums of all of them fit"
        said = f"the telegrams have the SAPs {shown}"
        yield Hit(message, (said, f"their numbers follow each other, so they are joined; {checks}"), field="source_sap")


@rule("fcs-wrong")
def host_check(case: Case) -> Iterator[Hit]:
    """Power line frames between modem and host whose check fails. Where none of several holds, they are no frames, and
    what is read in them means nothing."""
    frames = [(m, f) for m in case.spoken for f in m.frames if f.framing == "plc" and f.data[:1] == bytes((STX,))]
    wrong = [(message, frame) for message, frame in frames if has_issue(frame, "frame_check_sequence")]
    if len(wrong) == len(frames) >= FALSE_FRAMES:
        wrong = [row for row in wrong if case.owns(row[0])]
        if not wrong:
            return
        yield Hit(
            wrong[0][0],
            (
                Counted(_none_right, Listed.of((message.number for message, _ in wrong), 8)),
                _computed(wrong[0][1]),
                "damage to every one is unlikely: these are other octets, or the check is made in another way",
            ),
            field="frame_check_sequence",
            severity="error",
            title="No power line frame has a right check sequence",
            cause="Octets of another protocol that look like power line frames, or damage all over the capture.",
            fix="Check what was captured, and the settings of the port.",
            explains=frozenset(message.number for message, _ in wrong),
            once="fcs-wrong of the power line",
        )
        return
    for message, frame in wrong:
        mended = repaired(frame.data, _host_frame)
        evidence, fixed = [_computed(frame)], None
        if mended is not None:
            at, before, after = mended
            fixed = frame.data[:at] + bytes([after]) + frame.data[at + 1 :]
            evidence.append(f"with octet {at} as {after:02X} in place of {before:02X} every check of the frame holds")
        yield Hit(message, tuple(evidence), field="frame_check_sequence", fixed=fixed)


def _none_right(wrong: Listed) -> str:
    numbers = ", ".join(map(str, wrong.first[:8])) + (" ..." if wrong.many > 8 else "")
    return f"none of {wrong.many} frames 02 LL 50 between modem and host has a right check (messages {numbers})"


def _computed(frame: Frame) -> str:
    sent, computed = frame.data[-HOST_CHECK:], crc16_x25(frame.data[:-HOST_CHECK]).to_bytes(HOST_CHECK, "little")
    return f"the check sequence of the power line frame is {hexed(sent)}, computed {hexed(computed)}"


def _host_frame(octets: bytes) -> Parsed:
    return parse(HOST_FRAME, octets)


@rule("iec21-bcc")
def iec21_bcc(case: Case) -> Iterator[Hit]:
    """A block check that fails, or a NAK."""
    for message in case.spoken:
        frame = message.frames[0]
        if frame.framing != "iec62056-21":
            continue
        wrong = next((i for i in frame.parsed.issues if i.spec.name == "block_check_character"), None)
        if wrong is not None:
            yield Hit(
                message,
                (f"the block check does not fit: {wrong.text}",),
                field="block_check_character",
                side=side_of(message),
            )
        elif frame.kind == "NAK":
            yield Hit(message, (f"{names(message)} refuses the message before it",), side="client")


@rule("mode-e-incomplete")
def mode_e_incomplete(case: Case) -> Iterator[Hit]:
    """A meter that identifies itself, and a client that goes on to HDLC without choosing it."""
    identified = None
    for message in case.spoken:
        if message.frame == "identification":
            identified = message
        elif message.frame == "option-select" and identified is not None:
            protocol, mode = (find_int(message.frames[0].parsed.nodes, name) for name in ("protocol", "mode"))
            capable = find_octets(identified.frames[0].parsed.nodes, "enhanced_capability")
            if (protocol, mode) != (0x32, 0x32) and any(m.frame == "SNRM" for m in case.behind(message)):
                octets = hexed(message.wire)
                said = f"the client chooses {octets}, not 06 32 Z 32, and sends SNRM afterwards"
                more = "the meter says \\2: it knows HDLC" if capable == b"2" else "the meter does not say \\2"
                yield Hit(message, (said, more), field="protocol")
            identified = None
        elif message.frames[0].framing == "none" and CHOSEN.search(message.wire):
            identified = None  # it is answered, among octets that are none of it
        elif message.frame == "SNRM" and identified is not None:
            said = f"{names(identified)} is not answered by 06 32 Z 32, and SNRM follows"
            yield Hit(message, (said,))
            return


@rule("mode-e-baud-not-switched")
def mode_e_baud_not_switched(case: Case) -> Iterator[Hit]:
    """HDLC chosen, and the SNRM after it unanswered: silence, so no more than a candidate."""
    chosen = None
    for message in case.spoken:
        if message.frame == "option-select" and find_int(message.frames[0].parsed.nodes, "mode") == 0x32:
            chosen = message
        elif message.frame == "SNRM" and chosen is not None:
            reply = case.reply(message)
            if reply is None and message is not case.messages[-1] and not one_sided(case):
                speed = find_raw(chosen.frames[0].parsed.nodes, "baud_rate_identification")
                symbol = (speed[0].symbols or {}).get(speed[3], ("", ""))[1] if speed is not None else ""
                said = f"{names(chosen)} agrees on {symbol}, and {names(message)} is not answered"
                yield Hit(message, (said,), certainty="possible")
            chosen = None


@rule("date-time-tagged", once=True)
def date_time_tagged(case: Case) -> Iterator[Hit]:
    """A push whose time has the tag of an octet-string before its length."""
    for message in case.spoken:
        if message.plain is not None and find_raw(message.plain.nodes, "tagged_date_time") is not None:
            yield Hit(message, ("09 0C stands where 0C is enough",), field="tagged_date_time", side="meter")
            return


@rule("p1-header-hybrid", once=True)
def p1_header_hybrid(case: Case) -> Iterator[Hit]:
    """The header line of a P1 telegram with a ciphered APDU behind it."""
    for message in case.spoken:
        head, _, rest = message.wire.partition(b"\r\n\r\n")
        if message.frames[0].framing == "p1" and head[:1] == b"/" and rest[:2] == CIPHERED:
            said = f"the header {head[:24].decode('ascii', 'replace')!r} is followed by {hexed(rest, 4)}, general-glo-ciphering"
            yield Hit(message, (said, "a telegram has readable lines there"), side="meter")
            return
    for message, following in pairwise(case.messages):
        if message.frame == "identification" and (following.apdu or "").startswith("general-"):
            yield Hit(
                following, (f"{names(message)} is a telegram's header, and {following.apdu} follows in place of text",)
            )
            return


@rule("gbt-in-push", once=True)
def gbt_in_push(case: Case) -> Iterator[Hit]:
    """A push in blocks: nothing wrong, and a trap for receivers that expect DB or 0F. An answer in blocks is none."""
    asked = any(True for _ in case.sent_by("client"))
    for message in case.sent_by("meter"):
        layer = message.layer_named("general-block-transfer")
        unasked = message.frames[0].framing == "mbus" and message.frame != "RSP_UD"
        if layer is not None and layer.inner and (message.frame == "UI" or unasked or not asked):
            said = f"the blocks up to this one carry a {layer.inner[0].name}"
            yield Hit(message, (said,), severity="info", side="meter")
            return


@rule("apdu-cut")
def apdu_cut(case: Case) -> Iterator[Hit]:
    """An APDU without framing that ends before its own length does."""
    for message in case.spoken:
        for issue in message.frames[0].issues:
            if issue.code == "apdu-cut":
                said = "a tag can not be checked without the end of what it protects, whatever the keys"
                yield Hit(message, (issue.text, said), field="length", side="link")


@rule("hdlc-in-p1", once=True)
def hdlc_in_p1(case: Case) -> Iterator[Hit]:
    """HDLC frames with pushed APDUs in a stream that somebody reads as P1 text."""
    text = next((m for m in case.messages if m.frames[0].framing == "p1" or m.frame == "identification"), None)
    if text is None or any(True for _ in case.sent_by("client")):
        return  # with a client it is a handshake of mode E, and HDLC belongs behind it
    if any(message.frame in ("UA", "DM", "RR") for message in case.messages):
        return  # a session, of which the capture has the meter alone
    for message in case.spoken:
        if message.frames[0].framing == "hdlc" and (message.apdu or "").startswith("general-"):
            said = f"{names(text)} is text of a P1 port, and {names(message)} is an HDLC frame"
            more = f"without frame and LLC header it is a {message.apdu} whose length fits"
            whole = message.layer is not None and message.layer.parsed.whole
            yield Hit(message, (said, more) if whole else (said,), certainty="proven" if whole else "likely")
            return
