"""Rules on values and pieces: scalers, time zones, segments taken for APDUs, HDLC in a P1 stream, agreed keys."""

from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from analyzer.agreement import derived_keys
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.meter_keys import KeyFile, MeterKeys, Secret
from analyzer.model import Record, Trace
from tests.support import (
    AK,
    CLIENT,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    Conversation,
    aare,
    aarq,
    diagnosed,
)
from tests.test_keymaterial import CLOCK, general, octets, pem, point, private

READ_ENERGY, READ_SCALER = bytes.fromhex("C001C100030100010800FF0200"), bytes.fromhex("C001C100030100010800FF0300")
ENERGY, SCALER, NO_SCALER = (
    bytes.fromhex(t) for t in ("C401C1000600001234", "C401C10002020FFF161E", "C401C10002020F00161E")
)
READ_ZONE, ZONE = bytes.fromhex("C001C100080000010000FF0300"), bytes.fromhex("C401C10010FFC4")


def talk(*apdus: bytes) -> Conversation:
    made = Conversation().connect().request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
    for request, reply in zip(apdus[::2], apdus[1::2], strict=True):
        made.request(request).reply(reply)
    return made.close()


def codes(found: Diagnosis) -> list[str]:
    return [f.code for f in found.findings]


def test_a_value_without_its_scaler() -> None:
    found = diagnosed(talk(READ_ENERGY, ENERGY))
    hit = next(f for f in found.findings if f.code == "scaler-ignored")
    assert (hit.severity, hit.certainty, hit.message, hit.side) == ("info", "possible", 6, "analyst")
    assert "scaler-ignored" not in codes(diagnosed(talk(READ_ENERGY, ENERGY, READ_SCALER, SCALER)))
    assert "scaler-ignored" not in codes(diagnosed(talk(READ_SCALER, SCALER, READ_ENERGY, ENERGY)))
    assert "scaler-ignored" not in codes(diagnosed(talk(GET_CLOCK, ENERGY)))


@pytest.mark.parametrize(("scaler", "proven"), [(SCALER, True), (NO_SCALER, False)])
def test_a_scaler_that_another_trace_tells(scaler: bytes, proven: bool) -> None:
    traces = [talk(READ_ENERGY, ENERGY).trace("a"), talk(READ_SCALER, scaler).trace("b")]
    found = diagnose([(trace, list(decode(trace, KeyRing()))) for trace in traces], KeyRing())[0]
    hits = [f for f in found.findings if f.code == "scaler-ignored"]
    assert [f.certainty for f in hits] == (["proven"] if proven else [])


def clock(deviation: str, status: str) -> bytes:
    return bytes.fromhex(f"C401C100090C07E80B1A040A1E0F00{deviation}{status}")


@pytest.mark.parametrize(
    ("time", "wrong"),
    [
        ("FFC4 00", False),
        ("003C 00", True),
        ("FF88 80", False),
        ("0078 80", True),
        ("8000 00", False),
        ("0000 00", False),
        ("0078 00", False),
    ],
)
def test_the_sign_of_the_deviation(time: str, wrong: bool) -> None:
    found = diagnosed(talk(GET_CLOCK, clock(*time.split()), READ_ZONE, ZONE))
    hits = [f for f in found.findings if f.code == "clock-deviation-sign"]
    assert [(f.severity, f.side) for f in hits] == ([("info", "meter")] if wrong else [])


LONG = bytes.fromhex("C401C100") + b"\x09\x40" + bytes(range(64))


@pytest.mark.parametrize("cuts", [(30,), (20, 40), (10, 30, 60)])
def test_segments_without_the_segmentation_bit(cuts: tuple[int, ...]) -> None:
    made = talk()
    made.records = made.records[:-2]
    made.request(GET_CLOCK)
    ends = [0, *cuts, len(LONG)]
    for start, end in pairwise(ends):
        made.reply(LONG[start:end], llc=b"" if start else bytes.fromhex("E6E700"))
    found = diagnosed(made.close())
    first = found.findings[0]
    assert (first.code, first.certainty, first.message) == ("segments-decoded-separately", "proven", 6)
    others = [f for f in found.findings[1:] if f.severity == "error"]
    assert others and all(f.because_of == "segments-decoded-separately" for f in others)


def test_segments_that_are_joined_are_no_fault() -> None:
    assert "segments-decoded-separately" not in codes(diagnosed(talk(GET_CLOCK, LONG)))


def test_hdlc_in_a_p1_stream() -> None:
    text = b"/XYZ5\\2METER\r\n\r\n1-0:1.8.0(000123.4*kWh)\r\n!\r\n"
    push = Conversation().connect().reply(general(CLOCK, b"\x00", AK)).records[-1].data
    trace = Trace("p1", "test", (Record(1, text, "meter"), Record(2, push, "meter")))
    assert "hdlc-in-p1" in codes(diagnosed(trace))
    assert "hdlc-in-p1" not in codes(
        diagnosed(Trace("p1", "test", (Record(1, push, "meter"), Record(2, push, "meter"))))
    )


def test_hdlc_behind_a_handshake_is_no_p1() -> None:
    push = Conversation().connect().reply(general(CLOCK, b"\x00", AK)).records[-1].data
    texts = [(b"/?!\r\n", "client"), (b"/XYZ5\\2METER\r\n", "meter"), (b"\x062\x35\x32\r\n", "client")]
    rows = [*texts, *((r.data, r.direction) for r in talk(GET_CLOCK, LONG).records), (push, "meter")]
    trace = Trace("mode e", "test", [Record(n, data, side) for n, (data, side) in enumerate(rows, 1)])  # type: ignore[arg-type]
    assert "hdlc-in-p1" not in codes(diagnosed(trace))


@pytest.mark.parametrize("which", [0, 1], ids=["registered", "printed"])
def test_the_algorithm_of_an_agreed_key(which: int) -> None:
    own, ephemeral = private("11" * 20, "P-256"), private("35" * 20, "P-256")
    keys = KeyRing(
        [MeterKeys(authentication_key=Secret(AK), client_private_key=KeyFile("k", lambda path: pem(own), "k"))]
    )
    key = derived_keys(ephemeral.exchange(ec.ECDH(), own.public_key()), METER, CLIENT, 1)[which]
    info = b"\x01\x02\x01\x01" + octets(point(ephemeral) + bytes(len(point(ephemeral))))
    found = diagnosed(Conversation("wrapper").reply(general(CLOCK, info, key, 0x31, ak=AK)), keys)
    hits = [f for f in found.findings if f.code == "kdf-algorithm-id"]
    assert [(f.certainty, f.severity) for f in hits] == ([("proven", "info")] if which else [])
