"""Pieces of one APDU that were taken for APDUs: each by itself is nonsense, joined they are whole."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.decryptor import SUITE_BITS, Decryptor, Protected
from analyzer.diagnosis.case import Case, hexed, names, side_of
from analyzer.diagnosis.registry import Hit, rule
from analyzer.frame import fits
from analyzer.message import Message
from grammars.apdu import APDU
from grammars.kit.spec import find_int, find_octets
from grammars.llc import COMMAND, RESPONSE
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


@rule("protected-range-wrong", once=True)
def sealed_by_segments(case: Case) -> Iterator[Hit]:
    """Segments that were protected one by one: each carries a ciphered APDU that is whole by itself."""
    for message in case.messages:
        pieces = [frame.data[slice(*frame.payload)] for frame in message.frames]
        if len(pieces) < 2 or not message.frames[0].carries_hdlc:
            continue
        pieces = [piece[3:] if piece[:3] in (COMMAND, RESPONSE) else piece for piece in pieces]
        contents = [_content(message, piece) for piece in pieces]
        if any(content is None for content in contents):
            continue
        opened = [_opens(case, message, content) for content in contents if content is not None]
        said = f"each of {len(pieces)} segments is a ciphered APDU of its own, whole by its own length: {hexed(pieces[1], 6)}"
        more = f"{sum(opened)} of their {len(opened)} tags verify: what was protected are segments, and not the APDU"
        yield Hit(
            message,
            (said, more if any(opened) else "none of their tags could be verified"),
            certainty="proven" if all(opened) else "likely",
            side=side_of(message),
            explains=frozenset({message.number}),
        )
        return


def _content(message: Message, octets: bytes) -> Protected | None:
    """The protected content of octets that are a ciphered APDU and nothing else."""
    parsed = parse(APDU, octets)
    name = parsed.nodes[0][0].name if parsed.nodes else ""
    control, counter = find_int(parsed.nodes, "security_control"), find_int(parsed.nodes, "invocation_counter")
    text, tag = find_octets(parsed.nodes, "ciphered_text"), find_octets(parsed.nodes, "authentication_tag")
    if not fits(parsed) or not name.startswith(("glo-", "ded-", "general-glo")) or None in (control, counter, text):
        return None
    title = find_octets(parsed.nodes, "system_title") or message.after.title_of(message.direction)
    return Protected(control or 0, counter or 0, title, text or b"", tag or b"")


def _opens(case: Case, message: Message, content: Protected) -> bool:
    """Whether a tag verifies under the keys of the meter."""
    owner = content.system_title if message.direction != "client" else message.after.server_title
    suite = content.control & SUITE_BITS
    encryption, authentication = case.keys.key("ek", owner, suite), case.keys.key("ak", owner, suite)
    return Decryptor().unprotect(content, encryption, authentication).verdict == "verified"


@rule("segments-decoded-separately", once=True)
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
