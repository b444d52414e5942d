"""What was protected: the APDU, and nothing before it, and with its tag."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case, hexed, protections
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.frame import fits
from analyzer.message import Layer, Message
from analyzer.rebuild import AnyChange, Reseal
from grammars.apdu import APDU
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

GLO = ("glo-", "ded-")
# The APDUs that each side sends within an association, of which general ciphering does not tell which it holds.
SERVICES: dict[str, tuple[str, ...]] = {
    "client": ("get-request", "set-request", "action-request", "read-request", "write-request", "access-request"),
    "meter": (
        "get-response",
        "set-response",
        "action-response",
        "read-response",
        "write-response",
        "access-response",
        "data-notification",
    ),
    "unknown": (),
}


@rule("protected-range-wrong")
def protected_range_wrong(case: Case) -> Iterator[Hit]:
    """Content whose tag verifies, and that is an APDU with something before it, or without its tag."""
    found: dict[tuple[str, str], list[tuple[Message, Layer, bytes]]] = {}
    for message in case.messages:
        for layer, security in protections(message):
            text = security.plaintext
            if security.verdict != "verified" or not text or _as_promised(layer, text):
                continue
            for words, whole in _other_ranges(text, layer.name, message.direction):
                if fits(parse(APDU, whole)) and (
                    layer.name[:4] not in GLO or APDU_TAGS.get(whole[0]) == layer.name[4:]
                ):
                    found.setdefault((message.direction, words), []).append((message, layer, whole))
                    break
    for (direction, words), all_rows in found.items():
        rows = [row for row in all_rows if case.owns(row[0])]
        if not rows:
            continue
        message, layer, whole = rows[0]
        text = next(s.plaintext for other, s in protections(message) if other is layer)
        mended: list[tuple[Message, tuple[AnyChange, ...]]] = [
            (own, (Reseal(inside, apdu, replaces=True),)) for own, inside, apdu in rows
        ]
        yield Hit(
            message,
            (
                f"the tag verifies, and the text {hexed(text or b'', 8)} is not the APDU alone: {words}",
                f"otherwise it is a whole {APDU_TAGS.get(whole[0], 'APDU')}",
                Counted(_so_are, Many(len(rows))),
            ),
            field="ciphered_text",
            side="client" if message.direction == "client" else "meter",
            changes=mended[0][1],
            elsewhere=tuple(mended[1:]),
            explains=frozenset(own.number for own, _, _ in rows),
            once=f"protected-range-wrong {direction} {words}",
        )


def _so_are(many: int) -> str:
    return f"so are {many - 1} more of this side" if many > 1 else ""


def _as_promised(layer: Layer, text: bytes) -> bool:
    """Whether the content of a layer is the APDU that its tag promises. An LLC header reads as an APDU for a gateway."""
    if text[:3] in (COMMAND, RESPONSE) and len(text) > 3 and fits(parse(APDU, text[3:])):
        return False
    if not layer.inner or not fits(layer.inner[0].parsed):
        return False
    return layer.name[:4] not in GLO or layer.inner[0].name == layer.name[4:]


def _other_ranges(text: bytes, name: str, sender: str) -> Iterator[tuple[str, bytes]]:
    """What may have been protected instead of the APDU alone, in words, with that APDU."""
    if text[:3] in (COMMAND, RESPONSE):
        yield "the LLC header is inside the protection", text[3:]
    for lead in (1, 2, 3):
        if len(text) > lead and text[:lead] in _lengths(len(text) - lead):
            yield "a length stands before the APDU, inside the protection", text[lead:]
        if len(text) > lead + 1 and text[1 : lead + 1] in _lengths(len(text) - lead - 1):
            yield "tag and length of the ciphered APDU are inside the protection", text[lead + 1 :]
    glo = name[:4] in GLO
    plain = [tag for tag, known in APDU_TAGS.items() if (known == name[4:] if glo else known in SERVICES[sender])]
    for tag in plain:
        yield "the tag of the APDU is left outside the protection", bytes((tag,)) + text


def _lengths(size: int) -> tuple[bytes, ...]:
    """The ways to write a length in A-XDR and BER."""
    return (bytes((size,)),) if size < 128 else (bytes((0x81, size & 0xFF)), b"\x82" + size.to_bytes(2, "big"))
