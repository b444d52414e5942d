"""Whether octets without any framing are one whole APDU."""

from __future__ import annotations

from analyzer.frame import fits
from grammars.apdu import APDU
from grammars.kit.spec import Failure, find_int, holes_in
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS
from grammars.tables.enums import SECURITY_SUITES

GATEWAY_TAGS = frozenset(tag for tag, name in APDU_TAGS.items() if name.startswith("gateway-"))


def is_apdu(data: bytes, start: int, end: int) -> bool:
    """Whether octets without any framing are one whole APDU, with or without an LLC header."""
    start += len(header_at(data, start))
    if start >= end or data[start] not in APDU_TAGS:
        return False
    try:
        parsed = parse(APDU, data, start, end, partial=False)
    except Failure:
        return False
    return fits(parsed) and may_be(parsed, data)


def header_at(data: bytes, at: int) -> bytes:
    """The LLC header that begins there; no octets where none does."""
    head = data[at : at + 3]
    return head if head in (COMMAND, RESPONSE) else b""


def may_be(parsed: Parsed, data: bytes) -> bool:
    """Whether nothing tells that octets which read as an APDU are none: its protection exists, and what it carries is
    an APDU."""
    return _known_protection(parsed) and _carries(parsed, data)


def _known_protection(parsed: Parsed) -> bool:
    """Whether the security control, if there is one, names a suite that exists: any octets make a ciphered APDU."""
    control = find_int(parsed.nodes, "security_control")
    return control is None or control & 0x0F in SECURITY_SUITES


def _carries(parsed: Parsed, data: bytes) -> bool:
    """Whether a gateway header has an APDU behind it: it tells no length, so any octets up to the end would do. Gateways
    behind gateways are none."""
    inside = next((n for n in holes_in(parsed.nodes) if n[0].hole == "apdu"), None) if parsed.nodes else None
    if inside is None or not parsed.nodes[0][0].name.startswith("gateway-"):
        return True
    first = inside[1] + len(header_at(data, inside[1]))
    if first >= inside[2] or data[first] in GATEWAY_TAGS:
        return False
    return is_apdu(data, inside[1], inside[2])
