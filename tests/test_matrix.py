"""Every framing x every protection x every APDU of the vectors: framed and sealed by the project's builder, opened again.

The APDUs are those of vectors/apdus.toml, which were assembled by hand. What comes out has to be what the plain APDU
says, field by field, and every tag has to verify.
"""

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support import AK, CLIENT, EK, METER, frame, wrapped
from test_power_line import host_frame, line_frame

from analyzer.agreement import wrap
from analyzer.decoding import decode
from analyzer.decryptor import Decryptor, aad, nonce
from analyzer.keyring import KeyRing
from analyzer.message import Layer, Message
from analyzer.model import Record
from grammars import mbus
from grammars.apdu import APDU
from grammars.kit.spec import RawNode
from grammars.parse import build, parse
from grammars.tables.apdu import APDU_TAGS

VECTORS = tomllib.loads((Path(__file__).parent / "vectors" / "apdus.toml").read_text("utf-8"))["apdu"]
TAG_OF = {name: tag for tag, name in APDU_TAGS.items()}
BEK, DEDICATED, KEK, SESSION = (bytes([n]) * 16 for n in (0xB0, 0xD0, 0x70, 0x50))
EK_2, AK_2 = bytes(range(32)), bytes(range(0xC0, 0xE0))  # of suite 2: AES-256
COUNTER = 0x01234567
PROTECTING = ("glo-", "ded-", "general-", "gateway-", "aarq", "aare", "rlrq", "rlre")


@cache
def apdus() -> dict[str, bytes]:
    """The plain APDUs that can be protected, by the names of the vectors."""
    found = {}
    for vector in VECTORS:
        octets = bytes.fromhex("".join(vector["hex"].split()))
        name = APDU_TAGS.get(octets[0], "unknown")
        if vector.get("whole", True) and name != "unknown" and not name.startswith(PROTECTING):
            found[vector["name"]] = octets
    return found


def values(nodes: list[RawNode]) -> list[Any]:
    """Names and values without the places where they stand."""
    return [(n[0].name, values(n[3]) if isinstance(n[3], list) else repr(n[3])) for n in nodes]


# -- protections: (plain APDU, sender's title) -> APDU on the wire, None where the standard has none --------------


def _sealed(control: int, apdu: bytes, title: bytes, key: bytes, header: bytes = b"") -> bytes:
    head = bytes([control]) + COUNTER.to_bytes(4, "big")
    encrypted, authenticated = control & 0x20, control & 0x10
    crypto, iv = Decryptor(), nonce(title, COUNTER)
    if not authenticated:
        return head + crypto.gcm_decrypt(key, iv, apdu)
    text, tag = crypto.gcm_seal(
        key, iv, apdu if encrypted else b"", aad(control, AK_2 if len(key) == 32 else AK, apdu, header)
    )
    return head + (text if encrypted else apdu) + tag


def _by_service(prefix: str, control: int, key: bytes) -> Callable[[bytes, bytes], bytes | None]:
    def protect(apdu: bytes, title: bytes) -> bytes | None:
        tag = TAG_OF.get(prefix + APDU_TAGS[apdu[0]])
        return _lengthed(bytes([tag]), _sealed(control, apdu, title, key)) if tag is not None else None

    return protect


def _lengthed(head: bytes, content: bytes) -> bytes:
    size = len(content)
    return head + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def _general(tag: int, control: int, key: bytes) -> Callable[[bytes, bytes], bytes]:
    return lambda apdu, title: _lengthed(bytes([tag, 8]) + title, _sealed(control, apdu, title, key))


def _general_ciphering(key_info: bytes, key: bytes) -> Callable[[bytes, bytes], bytes]:
    def protect(apdu: bytes, title: bytes) -> bytes:
        other = METER if title == CLIENT else CLIENT
        header = b"\x08\x01\x02\x03\x04\x05\x06\x07\x08" + b"\x08" + title + b"\x08" + other + b"\0\0"
        return _lengthed(b"\xdd" + header + b"\x01" + key_info, _sealed(0x30, apdu, title, key, header))

    return protect


def _blocked(apdu: bytes, title: bytes) -> bytes:
    return _lengthed(bytes.fromhex("E0C000010000"), apdu)


def _blocked_and_sealed(apdu: bytes, title: bytes) -> bytes:
    return _blocked(_general(0xDB, 0x30, EK)(apdu, title), title)


PROTECTIONS: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "plain": lambda apdu, title: apdu,
    "glo, authenticated": _by_service("glo-", 0x10, EK),
    "glo, encrypted": _by_service("glo-", 0x20, EK),
    "glo, both": _by_service("glo-", 0x30, EK),
    "glo, broadcast": _by_service("glo-", 0x70, BEK),
    "glo, suite 1": _by_service("glo-", 0x31, EK),
    "glo, suite 2": _by_service("glo-", 0x32, EK_2),
    "ded, both": _by_service("ded-", 0x30, DEDICATED),
    "general-glo, authenticated": _general(0xDB, 0x10, EK),
    "general-glo, encrypted": _general(0xDB, 0x20, EK),
    "general-glo, both": _general(0xDB, 0x30, EK),
    "general-glo, suite 2": _general(0xDB, 0x32, EK_2),
    "general-ded, both": _general(0xDC, 0x30, DEDICATED),
    "general-ciphering, identified": _general_ciphering(b"\0\0", EK),
    "general-ciphering, identified broadcast": _general_ciphering(b"\0\1", BEK),
    "general-ciphering, wrapped": _general_ciphering(b"\1\0" + _lengthed(b"", wrap(KEK, SESSION)), SESSION),
    "general-block-transfer": _blocked,
    "general-block-transfer of general-glo": _blocked_and_sealed,
}
UNAUTHENTICATED = {"glo, encrypted", "general-glo, encrypted"}

# -- framings: (APDU, whether the client sends) -> records, None where it is too long ---------------------------


def _hdlc(apdu: bytes, client: bool) -> list[bytes]:
    return [frame(0x10, (b"\xe6\xe6\0" if client else b"\xe6\xe7\0") + apdu, to_server=client)]


def _hdlc_segments(apdu: bytes, client: bool) -> list[bytes]:
    whole = (b"\xe6\xe6\0" if client else b"\xe6\xe7\0") + apdu
    parts = [whole[n : n + 20] for n in range(0, len(whole), 20)]
    return [
        frame(n % 8 << 1 | (0x10 if n + 1 == len(parts) else 0), part, to_server=client, more=n + 1 < len(parts))
        for n, part in enumerate(parts)
    ]


def _wrapper(apdu: bytes, client: bool) -> list[bytes]:
    return [wrapped(apdu, *((16, 1) if client else (1, 16)))]


def _gateway(apdu: bytes, client: bool) -> list[bytes]:
    return _wrapper((b"\xe6" if client else b"\xe7") + b"\x01\x02\x0a\x0b" + apdu, client)


def _mbus(apdu: bytes, client: bool) -> list[bytes]:
    made = []
    parts = [apdu[n : n + 200] for n in range(0, len(apdu), 200)]
    for number, part in enumerate(parts):
        final = mbus.FINAL if number + 1 == len(parts) else 0
        saps = {"source_sap": 16, "destination_sap": 1} if client else {"source_sap": 1, "destination_sap": 16}
        fields = {
            "start": 0x68,
            "start_repeated": 0x68,
            "control": 0x53 if client else 0x08,
            "address": 1,
            "control_information": number | final,
            "user_data": {**saps, "apdu": part},
            "checksum": 0,
            "stop": 0x16,
        }
        made.append(build(mbus.LONG_FRAME, fields))
    return made


def _host(apdu: bytes, client: bool) -> list[bytes] | None:
    sides = (0xC00, 0x012, 1, 16) if client else (0x012, 0xC00, 16, 1)
    return [host_frame(apdu, *sides)] if len(apdu) <= 180 else None


def _line(apdu: bytes, client: bool) -> list[bytes] | None:
    return [line_frame((b"\x90\x01\x10" if client else b"\x90\x10\x01") + apdu)] if len(apdu) <= 230 else None


def _prime(apdu: bytes, client: bool) -> list[bytes]:
    return [(b"\x90\x01\x10" if client else b"\x90\x10\x01") + apdu]


FRAMINGS: dict[str, Callable[[bytes, bool], list[bytes] | None]] = {
    "hdlc": _hdlc,
    "hdlc, segmented": _hdlc_segments,
    "wrapper": _wrapper,
    "wrapper, several records": lambda apdu, client: [
        _wrapper(apdu, client)[0][n : n + 7] for n in range(0, len(apdu) + 8, 7)
    ],
    "gateway": _gateway,
    "mbus": _mbus,
    "plc, host": _host,
    "plc, line": _line,
    "prime": _prime,
    "none": lambda apdu, client: [apdu],
}


def _innermost(layer: Layer | None) -> Layer | None:
    while layer is not None and layer.inner and not layer.inner[0].joined:
        layer = layer.inner[0]
    return layer


def _messages(records: list[bytes], client: bool, suite_2: bool) -> list[Message]:
    ek, ak = (EK_2, AK_2) if suite_2 else (EK, AK)
    ring = KeyRing.from_options(
        ek=ek.hex(), ak=ak.hex(), bek=BEK.hex(), dedicated_key=DEDICATED.hex(), kek=KEK.hex(),
        client_title=CLIENT.hex(), server_title=METER.hex(),
    )  # fmt: skip
    side = "client" if client else "meter"
    return list(decode([Record(n, data, side) for n, data in enumerate(records, 1)], ring))


@pytest.mark.parametrize("protection", PROTECTIONS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_apdu(framing: str, protection: str) -> None:
    tried = 0
    for name, apdu in apdus().items():
        client = not APDU_TAGS[apdu[0]].endswith(
            ("response", "error", "report", "report-request", "notification")
        ) and ("notification" not in APDU_TAGS[apdu[0]])
        sealed = PROTECTIONS[protection](apdu, CLIENT if client else METER)
        records = FRAMINGS[framing](sealed, client) if sealed is not None else None
        if records is None:
            continue
        tried += 1
        found = _messages(records, client, "suite 2" in protection)
        assert len(found) == 1 or framing == "prime", (name, [m.wire.hex() for m in found])
        message = found[0]
        assert b"".join(m.wire for m in found) == b"".join(records)
        inner = _innermost(message.layer)
        assert inner is not None and inner.name == APDU_TAGS[apdu[0]], (name, records[0].hex())
        assert values(inner.nodes) == values(parse(APDU, apdu).nodes), name
        if "glo" in protection or "ded" in protection or "ciphering" in protection:
            expected = "unauthenticated" if protection in UNAUTHENTICATED else "verified"
            assert message.security is not None and message.security.verdict == expected, (name, message.security)
    assert tried >= 10


def test_every_tag_has_a_vector() -> None:
    """No tag of the table is without an example, and none is unknown to the grammar."""
    seen = {bytes.fromhex("".join(vector["hex"].split()))[0] for vector in VECTORS}
    assert set(APDU_TAGS) - seen == set()
    for tag, name in APDU_TAGS.items():
        assert parse(APDU, bytes([tag])).issues[-1].spec.name != "unknown-apdu", name


@pytest.mark.parametrize("tag", sorted(set(range(256)) - set(APDU_TAGS)))
def test_an_unassigned_tag_says_so_and_keeps_its_octets(tag: int) -> None:
    octets = bytes([tag]) + bytes.fromhex("01020304")
    parsed = parse(APDU, octets)
    assert parsed.whole and parsed.nodes[0][0].name == "unknown-apdu" and parsed.nodes[0][3] == octets
    assert "is not defined here" in parsed.issues[0].text
