"""What is said of one side where nothing but the alternation of the two tells who sent a message: that is no proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analyzer.diagnosis.case import Case, protections
from analyzer.diagnosis.catalogue import load_catalogue
from analyzer.diagnosis.registry import Hit
from analyzer.frame import Frame, addresses
from analyzer.message import Message
from analyzer.model import Direction
from analyzer.senders import by_size, evident, sender_of, turn
from grammars.kit.spec import find_octets

TITLES = ("system_title", "originator_system_title")
# Said of the line or of both sides, and still worked out from who sent each frame.
BY_TURNS = frozenset({"frame-lost", "retransmission"})


def without_guesses(case: Case, found: Sequence[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """The hits, and none proven that blames a side for a message which is that side's by alternation alone."""
    catalogue = load_catalogue()
    blaming = [code in BY_TURNS or (hit.side or catalogue[code].side) in ("client", "meter") for code, hit in found]
    wanted = [
        hit.message
        for (code, hit), blames in zip(found, blaming, strict=True)
        if blames and hit.message is not None and hit.certainty == "proven" and hit.message.direction != "unknown"
        and (hit.severity or catalogue[code].severity) != "info"
    ]  # fmt: skip
    guessed = _guessed(case, wanted)
    made = []
    for (code, hit), blames in zip(found, blaming, strict=True):
        severity = hit.severity or catalogue[code].severity
        if blames and hit.certainty == "proven" and severity != "info" and hit.message is not None:
            if hit.message.number in guessed:
                said = (
                    f"nothing but the alternation of the two sides says that message {hit.message.number} "
                    f"is from the {hit.message.direction}"
                )
                hit = replace(hit, certainty="likely", evidence=(*hit.evidence, said))
        made.append((code, hit))
    return made


def _guessed(case: Case, messages: Sequence[Message]) -> set[int]:
    """The numbers of those of these messages whose sender was told neither by the log nor by any octets."""
    open_ = [message for message in messages if not _shown(message)]
    if not open_:
        return set()
    told = {record.number: record.direction for record in case.records}
    pairs: set[tuple[tuple[str, str], Direction]] = set()  # (source, destination) and who sends so, where it has shown
    for message in case.messages:
        known = _shown(message) or _in_log(message, told)
        for pair in {addresses(frame) for frame in message.frames} if known else ():
            if pair is not None and pair[0] != pair[1]:
                pairs |= {(pair, message.direction), (pair[::-1], turn(message.direction))}
    return {
        message.number
        for message in open_
        if not _in_log(message, told)
        and not any((addresses(frame), message.direction) in pairs for frame in message.frames)
    }


def _in_log(message: Message, told: dict[int, Direction]) -> bool:
    """Whether the log says a direction for a record of a message; it may mean the other side by its words."""
    return any(told.get(number, "unknown") != "unknown" for frame in message.frames for number in frame.records)


def _shown(message: Message) -> bool:
    """Whether the octets of a message tell who sent it: its frames, an APDU in it, the title or the tag of its sender."""
    side = message.direction
    if any(side in (evident(frame), _sized(frame)) for frame in message.frames):
        return True
    if message.layer is not None and any(sender_of(layer.name) == side for layer in message.layer.walk()):
        return True
    own = message.after.client_title if side == "client" else message.after.server_title
    other = message.after.server_title if side == "client" else message.after.client_title
    if own is None or own == other:
        return False
    for layer, security in protections(message):
        title = next((octets for name in TITLES if (octets := find_octets(layer.nodes, name))), None)
        if title == own or (title is None and security.verdict == "verified"):
            return True
    return False


def _sized(frame: Frame) -> Direction:
    """Who sent a frame of HDLC, by the sizes of its addresses."""
    source, destination = frame.field("source_address"), frame.field("destination_address")
    if not frame.carries_hdlc or source is None or destination is None:
        return "unknown"
    return by_size(source[3].octets, destination[3].octets)
