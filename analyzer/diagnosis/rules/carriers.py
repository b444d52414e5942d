"""M-Bus, IEC 62056-21, P1 and pushes: checks, telegrams that are missing, hand-overs that did not happen."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case, hexed, names, side_of
from analyzer.diagnosis.registry import Hit, rule
from grammars.kit.spec import find_int, find_octets, find_raw


@rule("mbus-checksum")
def mbus_checksum(case: Case) -> Iterator[Hit]:
    """A checksum or a length that does not fit; a length that overflowed its octet is tolerated."""
    for message in case.messages:
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
    for message in case.messages:
        numbers = [
            frame.transport & 0x0F for frame in message.frames if frame.framing == "mbus" and frame.dlms_transport
        ]
        if not numbers:
            continue
        final = bool(message.frames[-1].transport & 0x10)
        if numbers == list(range(len(numbers))) and final:
            continue
        shown = ", ".join(map(str, numbers))
        said = f"telegrams {shown} came, expected 0 to {max(numbers)}" + (
            "" if final else ", and the final one is missing"
        )
        yield Hit(message, (said,), field="control_information")


@rule("iec21-bcc")
def iec21_bcc(case: Case) -> Iterator[Hit]:
    """A block check that fails, or a NAK."""
    for message in case.messages:
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
    for message in case.messages:
        if message.frame == "identification":
            identified = message
        elif message.frame == "option-select" and identified is not None:
            protocol, mode = (find_int(message.frames[0].parsed.nodes, name) for name in ("protocol", "mode"))
            capable = find_octets(identified.frames[0].parsed.nodes, "enhanced_capability")
            later = [m for m in case.messages[message.number :] if m.frame == "SNRM"]
            if (protocol, mode) != (0x32, 0x32) and later:
                octets = hexed(message.wire)
                said = f"the client chooses {octets}, not 06 32 Z 32, and sends SNRM afterwards"
                more = "the meter says \\2: it knows HDLC" if capable == b"2" else "the meter does not say \\2"
                yield Hit(message, (said, more), field="protocol")
            identified = None
        elif message.frame == "SNRM" and identified is not None:
            said = f"{names(identified)} is not answered by 06 32 Z 32, and SNRM follows"
            yield Hit(message, (said,))
            return


@rule("mode-e-baud-not-switched")
def mode_e_baud_not_switched(case: Case) -> Iterator[Hit]:
    """HDLC chosen, and the SNRM after it unanswered: silence, so no more than a candidate."""
    chosen = None
    for message in case.messages:
        if message.frame == "option-select" and find_int(message.frames[0].parsed.nodes, "mode") == 0x32:
            chosen = message
        elif message.frame == "SNRM" and chosen is not None:
            reply = case.reply(message)
            if reply is None and message is not case.messages[-1]:
                speed = find_raw(chosen.frames[0].parsed.nodes, "baud_rate_identification")
                symbol = (speed[0].symbols or {}).get(speed[3], ("", ""))[1] if speed is not None else ""
                said = f"{names(chosen)} agrees on {symbol}, and {names(message)} is not answered"
                yield Hit(message, (said,), certainty="possible")
            chosen = None


@rule("date-time-tagged")
def date_time_tagged(case: Case) -> Iterator[Hit]:
    """A push whose time has the tag of an octet-string before its length."""
    for message in case.messages:
        if message.plain is not None and find_raw(message.plain.nodes, "tagged_date_time") is not None:
            yield Hit(message, ("09 0C stands where 0C is enough",), field="tagged_date_time", side="meter")
            return


@rule("p1-header-hybrid")
def p1_header_hybrid(case: Case) -> Iterator[Hit]:
    """The header line of a P1 telegram with a ciphered APDU behind it."""
    for message in case.messages[:-1]:
        following = case.messages[message.number]
        if message.frame == "identification" and (following.apdu or "").startswith("general-"):
            yield Hit(
                following, (f"{names(message)} is a telegram's header, and {following.apdu} follows in place of text",)
            )
            return


@rule("gbt-in-push")
def gbt_in_push(case: Case) -> Iterator[Hit]:
    """A push in blocks: nothing wrong, and a trap for receivers that expect DB or 0F."""
    for message in case.messages:
        layer = message.layer_named("general-block-transfer")
        pushed = message.frame == "UI" or (message.frames[0].framing == "mbus")
        if layer is not None and pushed and layer.inner:
            said = f"the blocks up to this one carry a {layer.inner[0].name}"
            yield Hit(message, (said,), severity="info", side="meter")
            return


@rule("apdu-cut")
def apdu_cut(case: Case) -> Iterator[Hit]:
    """An APDU without framing that ends before its own length does."""
    for message in case.messages:
        for issue in message.frames[0].issues:
            if issue.code == "apdu-cut":
                said = "a tag can not be checked without the end of what it protects, whatever the keys"
                yield Hit(message, (issue.text, said), field="length", side="link")


@rule("hdlc-in-p1")
def hdlc_in_p1(case: Case) -> Iterator[Hit]:
    """HDLC frames with pushed APDUs in a stream that somebody reads as P1 text."""
    text = next((m for m in case.messages if m.frames[0].framing == "p1" or m.frame == "identification"), None)
    if text is None or any(True for _ in case.sent_by("client")):
        return  # with a client it is a handshake of mode E, and HDLC belongs behind it
    for message in case.messages:
        if message.frames[0].framing == "hdlc" and (message.apdu or "").startswith("general-"):
            said = f"{names(text)} is text of a P1 port, and {names(message)} is an HDLC frame"
            more = f"without frame and LLC header it is a {message.apdu} whose length fits"
            whole = message.layer is not None and message.layer.parsed.whole
            yield Hit(message, (said, more) if whole else (said,), certainty="proven" if whole else "likely")
            return
