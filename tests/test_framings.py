"""The framings beside HDLC and wrapper: recognised from their octets, in streams and mixed, read to what they carry."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.framing import frames_of
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record
from analyzer.report import message_json, summary_text, tree_text
from analyzer.report.values import values_of
from analyzer.tree import tree_of
from grammars import iec62056_21, mbus, p1
from grammars.compiler import compile_all
from grammars.parse import build, parse
from tests.support import AK, CLOCK, EK, METER, ROOT, Station, aarq, frame, wrapped
from tests.test_grammars import same_both_ways

PUSH = bytes.fromhex("0F000000010C07E80B1A040A1E0F00FFC4800202090601000108 00FF0600000007".replace(" ", ""))
TEXT = (
    b"/KFM5KAIFA-METER\r\n\r\n1-3:0.2.8(42)\r\n1-0:1.8.1(000123.456*kWh)\r\n"
    b"0-1:24.2.1(101209112500W)(12785.123*m3)\r\n0-0:96.13.1()\r\n!"
)
TELEGRAM = TEXT + b"%04X\r\n" % p1.crc16_arc(TEXT)
SIGN_ON, IDENT, OPTION = b"/?12345678!\r\n", b"/ISK5\\2MT382-1003\r\n", b"\x06252\r\n"
SNRM = frame(0x93)


def telegram(ci: int, data: bytes, control: int = 0x53, address: int = 0xFF) -> bytes:
    """A long M-Bus frame; a length over 255 overflows, as meters do it."""
    body = bytes([control, address, ci]) + data
    return bytes([0x68, len(body) & 255, len(body) & 255, 0x68]) + body + bytes([sum(body) & 255, 0x16])


def in_telegrams(apdu: bytes, size: int) -> list[bytes]:
    parts = [apdu[n : n + size] for n in range(0, len(apdu), size)]
    last = len(parts) - 1
    return [telegram(n | (0x10 if n == last else 0), b"\x01\x67" + part) for n, part in enumerate(parts)]


def messages(*chunks: bytes, ring: KeyRing | None = None) -> list[Message]:
    return list(decode([Record(n, chunk) for n, chunk in enumerate(chunks, 1)], ring or KeyRing()))


def shown(message: Message) -> None:
    """Every report can show it, and no octet of the tree is undecoded."""
    message_json.render(message)
    summary_text.render(message)
    tree_text.render(message)
    assert not [n for n in tree_of(message).walk() if n.name == "undecoded" or n.error], tree_text.render(message)


@pytest.mark.parametrize(
    ("grammar", "octets"),
    [
        (mbus.LONG_FRAME, telegram(0x10, b"\x01\x67" + PUSH)),
        (mbus.LONG_FRAME, telegram(0x00, b"\x01\x67" + bytes(252))),
        (mbus.LONG_FRAME, telegram(0x7D, b"\x01\x00\x00\x05" + PUSH, 0x08, 1)),
        (mbus.LONG_FRAME, telegram(0x7C, bytes.fromhex("78563412 2423 01 02 05 00 0000") + PUSH, 0x08, 1)),
        (mbus.LONG_FRAME, telegram(0x72, bytes(12), 0x08, 1)),
        (mbus.SHORT_FRAME, bytes.fromhex("105B015C16")),
        (mbus.SINGLE_CHARACTER, b"\xe5"),
        (p1.TELEGRAM, TELEGRAM),
        (p1.TELEGRAM, TEXT + b"\r\n"),
        (iec62056_21.SIGN_ON, SIGN_ON),
        (iec62056_21.SIGN_ON, b"/?!\r\n"),
        (iec62056_21.IDENTIFICATION, IDENT),
        (iec62056_21.IDENTIFICATION, b"/LGZ4ZMF100AC.M26\r\n"),
        (iec62056_21.OPTION_SELECT, OPTION),
        (iec62056_21.DATA_BLOCK, b"\x021.8.0(000123*kWh)\r\n!\r\n\x03" + b"\x00"),
    ],
)
def test_grammars(grammar, octets: bytes) -> None:
    compile_all(grammar)
    parsed = same_both_ways(grammar, octets)
    assert parsed.whole
    if grammar is not iec62056_21.DATA_BLOCK:
        assert build(grammar, parsed.nodes) == octets
        assert not [i for i in parsed.issues if i.severity == "error"]


def test_mbus_push() -> None:
    (message,) = messages(telegram(0x10, b"\x01\x67" + PUSH))
    assert message.frames[0].framing == "mbus" and message.apdu == "data-notification"
    assert values_of(message) == [["0100010800FF", 7]]
    shown(message)


@settings(max_examples=20, deadline=None)
@given(st.integers(9, 40))
def test_mbus_telegrams_are_joined(size: int) -> None:
    parts = in_telegrams(PUSH, size)
    for chunks in (parts, [b"".join(parts)], [bytes([b]) for b in b"".join(parts)]):
        found = messages(*chunks)
        assert [m.apdu for m in found] == ["data-notification"]
        assert values_of(found[0]) == [["0100010800FF", 7]]


@pytest.mark.parametrize(
    ("telegrams", "side"),
    [(telegram(0x60, bytes(12) + b"\xc0", 0x53, 1), "client"), (telegram(0x61, bytes(4) + b"\xc8", 0x73, 1), "client"),
     (telegram(0x7C, bytes(12) + b"\xdb", 0x53, 1), "meter"), (telegram(0x7D, bytes(4) + b"\xdb", 0x53), "meter"),
     (telegram(0x10, b"\x01\x67\xdb\x00"), "unknown")],
)  # fmt: skip
def test_the_control_information_tells_the_sender(telegrams: bytes, side: str) -> None:
    (message,) = messages(telegrams)
    assert message.direction == side


@pytest.mark.parametrize("opened", [True, False])
def test_a_ciphered_push_is_the_meter_s_once_it_is_opened(opened: bool) -> None:
    """The DLMS transport of M-Bus is of either side, and a meter that pushes sends like a master."""
    capture = ROOT / "captures" / "mbus-push"
    (trace,) = open_traces(str(capture / "push.bin"))
    ring = KeyRing.from_toml((capture / "keys.toml").read_text("utf-8")) if opened else KeyRing()
    assert {message.direction for message in decode(trace, ring)} == {"meter" if opened else "unknown"}


def test_a_length_of_257() -> None:
    sealed = Station(METER).content(CLOCK + bytes(180))
    apdu = b"\xdb\x08" + METER + b"\x81" + bytes([len(sealed)]) + sealed
    long = telegram(0x10, b"\x01\x67" + apdu.ljust(252, b"\x00"))
    assert long[1] == 1 and len(long) == 263
    found = list(frames_of([Record(1, long + SNRM)]))
    assert [(f.framing, len(f.data)) for f in found] == [("mbus", 263), ("hdlc", len(SNRM))]


def test_a_wrong_checksum_is_an_issue() -> None:
    broken = bytearray(telegram(0x10, b"\x01\x67" + PUSH))
    broken[-2] ^= 1
    (message,) = messages(bytes(broken))
    assert message.frames[0].framing == "mbus" and values_of(message) == [["0100010800FF", 7]]
    assert any(node.error and "computed" in node.error for node in tree_of(message).walk())


def test_p1() -> None:
    (message,) = messages(TELEGRAM)
    assert message.frames[0].framing == "p1" and message.direction == "meter"
    assert values_of(message) == [
        {"obis": "1-3:0.2.8", "value": "42", "unit": None},
        {"obis": "1-0:1.8.1", "value": "000123.456", "unit": "kWh"},
        {"obis": "0-1:24.2.1", "value": "101209112500W", "unit": None},
        {"obis": "0-1:24.2.1", "value": "12785.123", "unit": "m3"},
        {"obis": "0-0:96.13.1", "value": "", "unit": None},
    ]
    shown(message)
    damaged = TELEGRAM.replace(b"123.456", b"123.457")
    assert any(n.name == "crc" and n.error for n in tree_of(messages(damaged)[0]).walk())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2 * len(TELEGRAM) - 1), max_size=6).map(lambda p: sorted(set(p))))
def test_p1_in_any_pieces(places: list[int]) -> None:
    stream = TELEGRAM * 2
    chunks = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert [m.frames[0].data for m in messages(*chunks)] == [TELEGRAM, TELEGRAM]


def test_p1_ciphered() -> None:
    sealed = Station(METER).content(TELEGRAM)
    apdu = b"\xdb\x08" + METER + b"\x82" + len(sealed).to_bytes(2, "big") + sealed
    ring = KeyRing.from_options(ek=EK.hex(), ak=AK.hex())
    found = messages(apdu + apdu, ring=ring)
    assert [m.apdu for m in found] == ["general-glo-ciphering"] * 2
    assert found[0].plain_apdu == "p1-telegram" and len(values_of(found[0])) == 5
    assert found[0].security is not None and found[0].security.verdict == "verified"
    shown(found[0])
    hybrid = messages(b"/KFM5KAIFA-METER\r\n" + apdu, ring=ring)
    assert [m.frames[0].framing for m in hybrid] == ["iec62056-21", "none"]
    assert len(values_of(hybrid[1])) == 5


def test_sign_on_and_hand_over_to_hdlc() -> None:
    for chunks in ([SIGN_ON, IDENT, OPTION, SNRM], [SIGN_ON + IDENT + OPTION + SNRM]):
        found = messages(*chunks)
        assert [m.frame for m in found] == ["sign-on", "identification", "option-select", "SNRM"]
        assert [m.frames[0].framing for m in found] == ["iec62056-21"] * 3 + ["hdlc"]
    assert [m.direction for m in found] == ["client", "meter", "client", "client"]
    for message in found:
        shown(message)
    ident = tree_of(found[1])
    assert ident.find("enhanced_capability").meaning == "2"  # type: ignore[union-attr]
    assert tree_of(found[2]).find("mode").meaning == "binary"  # type: ignore[union-attr]


def test_a_read_out() -> None:
    content = b"1.8.0(000123*kWh)\r\n!\r\n\x03"
    block = b"\x02" + content + bytes([iec62056_21.block_check(content)])
    found = messages(b"/?!\r\n", b"/LGZ4ZMF100AC.M26\r\n", b"\x06040\r\n", block)
    assert [m.frame for m in found] == ["sign-on", "identification", "option-select", "data"]
    shown(found[3])


def test_han_push_by_ui_frames() -> None:
    push = frame(0x13, bytes.fromhex("E6E700") + PUSH, client=103, server=103, to_server=False)
    (message,) = messages(push)
    assert (message.frame, message.apdu) == ("UI", "data-notification")
    assert values_of(message) == [["0100010800FF", 7]]


def test_all_mixed_in_one_stream() -> None:
    request = wrapped(aarq(bytes.fromhex("01000000065F1F0400007E1FFFFF")), 16, 1)
    stream = SNRM + telegram(0x10, b"\x01\x67" + PUSH) + b"\x00\xff" + TELEGRAM + request + SNRM
    found = list(frames_of([Record(1, stream)]))
    assert [f.framing for f in found] == ["hdlc", "mbus", "none", "p1", "wrapper", "hdlc"]
    assert b"".join(f.data for f in found) == stream


@pytest.mark.slow
@pytest.mark.parametrize(
    "octets",
    [b"\x68" * 1_000_000, b"\x68\x05\x05\x68" * 300_000, b"/" * 1_000_000, b"/KFM5X\r\n" * 200_000, b"\x02A" * 500_000,
     b"/KFM5\r\n\r\n1-0:1.8.0(1)\r\n" * 50_000, b"\xdb\x08" * 500_000, b"\xdb\x08" + bytes(8) + b"\x82\xff\xff" * 300_000,
     b"\x06" * 1_000_000, b"\xe5" * 500_000],
    ids=["starts", "heads", "slashes", "identifications", "blocks", "telegrams without end", "titles", "lengths", "ack", "E5"],
)  # fmt: skip
def test_linear_time(octets: bytes) -> None:
    import time

    started = time.perf_counter()
    found = list(frames_of([Record(1, octets, "meter")]))
    assert sum(len(f.data) for f in found) == len(octets)
    assert time.perf_counter() - started < 60
    parse(mbus.LONG_FRAME, octets[:300])
