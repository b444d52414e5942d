"""Each fault in the smallest conversation that has it: it comes first, its effects behind it, and healthy talks are silent."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from analyzer.keyring import KeyRing
from analyzer.model import Finding, Record
from grammars.hdlc import crc16_x25
from tests.support import (
    AK,
    CLIENT,
    CLOCK,
    CTOS,
    EK,
    GET_CLOCK,
    GRANTED,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    STOC,
    Conversation,
    Station,
    aare,
    aarq,
    ciphered,
    diagnosed,
    frame,
    keys,
    oid,
    plain,
    tlv,
    wrapped,
)

NONE = KeyRing()
RIGHT = keys()


@dataclass(frozen=True)
class Fault:
    """A conversation and what has to be said of it first."""

    code: str
    talk: Callable[[], Conversation]
    ring: KeyRing = NONE
    severity: str = "error"
    side: str | None = None
    message: int | None = None
    certainty: str | None = None
    effects: tuple[str, ...] = ()  # further codes, each a consequence
    fixed: bool | None = None
    name: str = ""


def at(talk: Conversation, index: int, change: Callable[[bytes], bytes]) -> Conversation:
    """The conversation with one frame changed."""
    old = talk.records[index]
    talk.records[index] = Record(old.number, change(old.data), old.direction, old.time, old.seconds)
    return talk


def flipped(position: int, bit: int = 1) -> Callable[[bytes], bytes]:
    return lambda data: data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :]


def rechecked(body: bytes, header: int = 0) -> bytes:
    """A frame from what is between the flags but for the FCS; `header` octets are under a new HCS."""
    if header:
        body = body[:header] + crc16_x25(body[:header]).to_bytes(2, "little") + body[header + 2 :]
    return b"\x7e" + body + crc16_x25(body).to_bytes(2, "little") + b"\x7e"


def all_of(talk: Conversation, side: str, change: Callable[[bytes], bytes]) -> Conversation:
    for index, record in enumerate(talk.records):
        if record.direction == side:
            at(talk, index, change)
    return talk


def swapped_checks(data: bytes) -> bytes:
    body = bytearray(data[1:-1])
    if len(body) > 8:
        body[5:7] = crc16_x25(bytes(body[:5])).to_bytes(2, "big")
    body[-2:] = crc16_x25(bytes(body[:-2])).to_bytes(2, "big")
    return b"\x7e" + bytes(body) + b"\x7e"


def stuffed(data: bytes) -> bytes:
    return b"\x7e" + data[1:-1].replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def little_endian(data: bytes) -> bytes:
    """A wrapper PDU whose header fields have their octets swapped."""
    return b"".join(data[n : n + 2][::-1] for n in range(0, 8, 2)) + data[8:]


def of_meter(data: bytes) -> Conversation:
    """Octets from the meter, and nothing else."""
    talk = Conversation()
    talk.records.append(Record(1, data, "meter"))
    return talk


def wrapper_to_hdlc() -> Conversation:
    """A client with the wrapper at a meter with HDLC."""
    talk = Conversation("wrapper").request(GET_CLOCK)
    talk.link(0x1F, to_server=False)
    return talk


def start() -> Conversation:
    return Conversation().connect()


def opened(**changes) -> Conversation:
    return start().request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE, **changes))


def with_flag_inside() -> Conversation:
    talk = opened().request(GET_CLOCK).reply(bytes.fromhex("C401C10009047E7D7E7E")).request(GET_CLOCK).reply(CLOCK)
    return at(talk, 5, stuffed)


def wrong_hcs(data: bytes) -> bytes:
    body = bytearray(data[1:-3])
    body[5:7] = crc16_x25(bytes(body[:5])).to_bytes(2, "big")
    return rechecked(bytes(body))


def numbered(numbers: list[tuple[int, int]], answer: int = 0x97) -> Conversation:
    """An association, then requests with these N(S) and N(R); the last one is answered by FRMR or DM."""
    talk = opened()
    for send, receive in numbers:
        talk.link(0x10 | receive << 5 | send << 1, bytes.fromhex("E6E600") + GET_CLOCK)
        talk.link(answer, bytes.fromhex("540010") if answer == 0x97 else b"", to_server=False)
    return talk


def hls(
    client: Station, meter: Station, mechanism: int = 5, proof: bytes | None = None, answer: int = 0
) -> Conversation:
    """Up to the end of the authentication, with another proof of the client."""
    talk = start()
    talk.request(aarq(client.seal(INITIATE_REQUEST), context=3, mechanism=mechanism, challenge=CTOS, title=CLIENT))
    talk.reply(
        aare(meter.seal(INITIATE_RESPONSE), context=3, diagnostic=14, mechanism=mechanism, challenge=STOC, title=METER)
    )
    value = client.proof(STOC) if proof is None else proof
    talk.request(client.seal(bytes.fromhex("C301C1000F0000280000FF010109") + bytes([len(value)]) + value))
    if answer:
        talk.reply(meter.seal(bytes([0xC7, 1, 0xC1, answer, 0])))
    else:
        talk.reply(meter.seal(bytes.fromhex("C701C1000100") + b"\x09\x11" + meter.proof(CTOS)))
    return talk


def proof_of(
    challenge: bytes, title: bytes = CLIENT, ek: bytes = EK, ak: bytes = AK, counter: int = 7, shown: int = 7
) -> bytes:
    made = Station(title, ek=ek, ak=ak).proof(challenge, counter)
    return made[:1] + shown.to_bytes(4, "big") + made[5:]


def refused_aare(result: int, diagnostic: int, **changes) -> bytes:
    return aare(bytes.fromhex("0E010600"), result=result, diagnostic=diagnostic, **changes)


def initiate(**parts) -> bytes:
    version, conformance, size = parts.get("version", 6), parts.get("conformance", "007E1F"), parts.get("size", 0xFFFF)
    return bytes([1, 0, 0, 0, version]) + bytes.fromhex("5F1F0400" + conformance) + size.to_bytes(2, "big")


def timed(talk: Conversation, *pauses: tuple[int, float]) -> Conversation:
    clock, gaps = 0.0, dict(pauses)
    for index, record in enumerate(talk.records):
        clock += gaps.get(index, 0.1)
        talk.records[index] = Record(record.number, record.data, record.direction, f"{clock:.1f}", clock)
    return talk


def ciphered_until(client: Station, meter: Station, answer: bytes) -> Conversation:
    """A healthy session whose last request is answered by something in clear."""
    talk = ciphered("hdlc", client, meter, reads=1)
    talk.records = talk.records[:-2]
    return talk.request(client.seal(GET_CLOCK)).reply(answer)


FAULTS = [
    # -- link
    Fault("fcs-wrong", lambda: at(plain(), 4, flipped(14)), severity="warning", side="link", message=5, fixed=True),
    Fault("fcs-wrong", lambda: at(plain(), 5, flipped(-3)), severity="warning", message=6, name="in the check itself"),
    Fault("crc-variant", lambda: all_of(plain(), "client", swapped_checks), side="client", message=1, certainty="proven"),
    Fault("crc-variant", lambda: all_of(plain(), "meter", swapped_checks), side="meter", message=2),
    Fault("hcs-wrong", lambda: at(plain(), 2, wrong_hcs), side="client", message=3, certainty="proven", fixed=True),
    Fault("octet-stuffing", with_flag_inside, side="meter", message=6, certainty="proven", fixed=True),
    Fault("frame-length-wrong", lambda: at(plain(), 2, lambda d: rechecked(bytes([d[1], d[2] + 2]) + d[3:-3], 5)),
          message=3, side="client", certainty="proven", fixed=True),
    Fault("frame-length-wrong", lambda: at(plain(), 4, lambda d: d[:20] + d[22:]), message=5, side="link", name="octets lost"),
    Fault("frame-type-unknown", lambda: at(plain(), 2, lambda d: rechecked(bytes([d[1] & 0x0F | 0x90]) + d[2:-3], 5)), message=3),
    Fault("address-length",
          lambda: at(plain(), 0, lambda d: rechecked(bytes.fromhex("A00900020321" "93")[:7])), side="client", message=1),
    Fault("addresses-swapped", lambda: at(plain(), 0, lambda d: rechecked(bytes.fromhex("A008" "21" "0223" "93"))), side="client"),
    Fault("link-not-connected", lambda: _disconnected(), side="client", effects=("dm-reply",)),
    Fault("dm-reply", lambda: _refused_connection(), certainty="proven", message=2),
    Fault("frmr-reply", lambda: numbered([(1, 1)]), side="client", name="without a cause in sight"),
    Fault("sequence-error", lambda: numbered([(2, 2)]), side="client", effects=("frmr-reply",)),
    Fault("sequence-error", lambda: numbered([(5, 1)]), side="client", effects=("frmr-reply",), name="N(S) jumps"),
    Fault("info-too-long", lambda: _too_long(), side="client", effects=("frmr-reply",)),
    Fault("segmentation-stalled", lambda: _stalled(), side="client"),
    Fault("inactivity-timeout", lambda: timed(_late(), (6, 300.0)), severity="warning", effects=("dm-reply",)),
    Fault("no-reply", lambda: _silence(), certainty="likely", side="client"),
    Fault("llc-missing", lambda: _no_llc_no_reply(), side="client", effects=("no-reply",), fixed=True),
    Fault("llc-missing", lambda: _no_llc_on_get(), side="client", fixed=True, name="on a GET"),
    Fault("llc-wrong", lambda: start().request(aarq(INITIATE_REQUEST), bytes.fromhex("E6E700")), side="client", fixed=True),
    Fault("wrapper-version-wrong", lambda: at(plain("wrapper"), 2, little_endian), fixed=True),
    Fault("wrapper-version-wrong", lambda: at(plain("wrapper"), 2, lambda d: b"\0\2" + d[2:]), name="version 2"),
    Fault("framing-mismatch", wrapper_to_hdlc, side="client", effects=("dm-reply",)),
    Fault("apdu-cut", lambda: of_meter(b"\xdb\x08" + METER + Station(METER).seal(CLOCK)[1:-9]), side="link"),
    Fault("wrapper-length-wrong", lambda: at(plain("wrapper"), 2, lambda d: d[:6] + b"\x00\x40" + d[8:]), side="link"),
    Fault("parity-mismatch", lambda: _parity(), side="client"),
    # -- other carriers
    Fault("mbus-checksum", lambda: _pushed([_telegram(0x10, PUSHED, damage=1)]), side="link"),
    Fault("mbus-segment-missing", lambda: _pushed([_telegram(0x00, PUSHED[:20]), _telegram(0x12, PUSHED[20:])]), side="link"),
    Fault("iec21-bcc", lambda: _pushed([b"\x021.8.0(1*kWh)\r\n!\r\n\x03\x00"]), side="meter"),
    Fault("mode-e-incomplete", lambda: _signed_on(b"\x06050\r\n"), side="client"),
    Fault("mode-e-incomplete", lambda: _signed_on(b""), side="client", name="no choice at all"),
    # -- association
    Fault("dlms-version-wrong", lambda: start().request(aarq(initiate(version=1))).reply(refused_aare(1, 1)), side="client",
          certainty="proven", fixed=True),
    Fault("application-context-rejected", lambda: start().request(aarq(INITIATE_REQUEST, context=2)).reply(refused_aare(1, 2)),
          side="client"),
    Fault("mechanism-rejected", lambda: start().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=b"12345678")).reply(
          refused_aare(1, 11)), side="client"),
    Fault("authentication-failed", lambda: start().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=b"12345678")).reply(
          refused_aare(1, 13)), side="client", certainty="proven"),
    Fault("authentication-failed", lambda: start().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=b"12345678")).reply(
          refused_aare(1, 1)), certainty="possible", name="no reason given"),
    Fault("sap-wrong", lambda: start().request(aarq(INITIATE_REQUEST)).reply(refused_aare(1, 1)), certainty="possible"),
    Fault("calling-ap-title-wrong", lambda: start().request(aarq(
          Station(CLIENT).seal(INITIATE_REQUEST), context=3, mechanism=5, challenge=CTOS)).reply(refused_aare(1, 3)), RIGHT,
          side="client"),
    Fault("mechanism-oid-wrong", lambda: opened(mechanism=0x85, challenge=STOC), severity="warning", side="meter"),
    Fault("context-ciphering-mismatch", lambda: start().request(aarq(
          Station(CLIENT).seal(INITIATE_REQUEST), context=1, mechanism=5, challenge=CTOS, title=CLIENT)).reply(refused_aare(1, 1)),
          RIGHT, side="client"),
    Fault("acse-requirements-missing", lambda: start().request(_without_requirements()).reply(refused_aare(1, 1)), side="client",
          fixed=True),
    Fault("user-information-missing", lambda: start().request(tlv(0x60, tlv(0xA1, tlv(6, oid(1, 1))))).reply(refused_aare(1, 1)),
          side="client"),
    Fault("ber-length-wrong", lambda: start().request(_longer(aarq(INITIATE_REQUEST))).reply(refused_aare(1, 1)), side="client"),
    Fault("hls-pass3-missing", lambda: _no_pass3(), side="client", effects=("service-not-allowed",)),
    Fault("association-not-released", lambda: opened().request(aarq(INITIATE_REQUEST)).reply(bytes.fromhex("D80101")),
          severity="warning", effects=("service-not-allowed",)),
    # -- HLS
    Fault("hls-challenge-swapped", lambda: hls(Station(CLIENT), Station(METER), proof=proof_of(CTOS), answer=3), RIGHT,
          side="client", certainty="proven", effects=("hls-rejected",)),
    Fault("hls-counter-mismatch", lambda: hls(Station(CLIENT), Station(METER), proof=proof_of(STOC, counter=8), answer=1), RIGHT,
          side="client", certainty="proven", effects=("hls-rejected",)),
    Fault("hls-key-or-title-wrong", lambda: hls(Station(CLIENT), Station(METER), proof=proof_of(STOC, METER), answer=13), RIGHT,
          side="client", certainty="proven", effects=("hls-rejected",)),
    Fault("hls-key-or-title-wrong", lambda: hls(Station(CLIENT), Station(METER), proof=proof_of(STOC, ek=AK, ak=EK), answer=13),
          RIGHT, certainty="proven", name="keys exchanged"),
    Fault("hls-value-length", lambda: hls(Station(CLIENT), Station(METER), proof=bytes(16), answer=1), RIGHT, side="client",
          effects=("hls-rejected",)),
    Fault("hls-rejected", lambda: hls(Station(CLIENT), Station(METER), answer=1), RIGHT, name="although right"),
    Fault("hls-server-proof-wrong", lambda: hls(Station(CLIENT), _other_proof()), RIGHT, side="meter", certainty="likely"),
    Fault("hls-challenges-equal", lambda: start().request(aarq(
          INITIATE_REQUEST, mechanism=3, challenge=CTOS)).reply(aare(
          INITIATE_RESPONSE, diagnostic=14, mechanism=3, challenge=CTOS)), side="meter"),
    # -- security
    Fault("invocation-counter-replayed", lambda: _replayed(), RIGHT, side="client", certainty="proven"),
    Fault("invocation-counter-replayed", lambda: ciphered_until(Station(CLIENT), Station(METER), bytes.fromhex("D8010600000100")),
          RIGHT, name="as the meter says"),
    Fault("deciphering-error", lambda: ciphered_until(Station(CLIENT), Station(METER), bytes.fromhex("D80105")), RIGHT,
          side="client"),
    Fault("nonce-reused", lambda: _reused(), RIGHT, side="client", certainty="proven"),
    Fault("unprotected-reply", lambda: ciphered_until(Station(CLIENT), Station(METER), CLOCK), RIGHT, severity="warning",
          side="meter"),
    Fault("aad-without-key", lambda: ciphered("hdlc", Station(CLIENT, data=b"\x30")), RIGHT, side="client", certainty="proven"),
    Fault("tag-length-wrong", lambda: ciphered("hdlc", Station(CLIENT, tag_octets=16)), RIGHT, side="client", certainty="proven"),
    Fault("system-title-of-other-side", lambda: ciphered("hdlc", None, Station(METER, nonce_title=CLIENT)), RIGHT, side="meter",
          certainty="proven"),
    # -- services
    Fault("conformance-insufficient", lambda: _no_get_bit(), side="client", effects=("service-not-allowed",)),
    Fault("ln-sn-mismatch", lambda: opened().request(bytes.fromhex("050102FA08")).reply(bytes.fromhex("D80101")), side="client",
          effects=("service-not-allowed",)),
    Fault("service-not-allowed", lambda: opened().request(GET_CLOCK).reply(bytes.fromhex("D80101")), side="client"),
    Fault("service-not-supported", lambda: opened().request(GET_CLOCK).reply(bytes.fromhex("D80202")), side="client"),
    Fault("object-undefined", lambda: opened().request(GET_CLOCK).reply(bytes.fromhex("C401C10104")), side="client"),
    Fault("access-denied", lambda: opened().request(GET_CLOCK).reply(bytes.fromhex("C401C1010D")), side="client"),
    Fault("type-unmatched", lambda: opened().request(bytes.fromhex("C101C100080000010000FF02001100")).reply(
          bytes.fromhex("C501C10C")), side="client"),
    Fault("block-number-wrong", lambda: _wrong_block(), side="client", effects=("block-transfer-aborted",)),
    Fault("reply-out-of-order", lambda: opened().request(GET_CLOCK).reply(bytes.fromhex("C501C100")), severity="warning",
          side="meter"),
    Fault("pdu-size-too-small", lambda: start().request(aarq(initiate(size=5))).reply(refused_aare(1, 1)), side="client",
          certainty="proven", fixed=True),
]  # fmt: skip


PUSHED = bytes.fromhex("0F000000010C07E80B1A040A1E0F00FFC480020209060100010800FF0600000007")


def _telegram(ci: int, data: bytes, damage: int = 0) -> bytes:
    body = bytes([0x53, 0xFF, ci, 1, 0x67]) + data
    return bytes([0x68, len(body), len(body), 0x68]) + body + bytes([(sum(body) + damage) & 255, 0x16])


def _pushed(telegrams: list[bytes]) -> Conversation:
    talk = Conversation()
    for telegram in telegrams:
        talk.add(telegram, "meter")
    return talk


def _signed_on(choice: bytes) -> Conversation:
    talk = Conversation()
    talk.add(b"/?!\r\n", "client")
    talk.add(b"/ISK5\\2MT382-1003\r\n", "meter")
    if choice:
        talk.add(choice, "client")
    talk.link(0x93)
    talk.link(0x73, to_server=False)
    return talk


def _disconnected() -> Conversation:
    talk = plain()
    talk.link(0x10, bytes.fromhex("E6E600") + GET_CLOCK)
    talk.link(0x1F, to_server=False)
    return talk


def _refused_connection() -> Conversation:
    talk = Conversation()
    talk.link(0x93)
    talk.link(0x1F, to_server=False)
    return talk


def _too_long() -> Conversation:
    talk = Conversation()
    talk.link(0x93, bytes.fromhex("8180120501800601800704000000010804000000 01"))
    talk.link(0x73, bytes.fromhex("818012050140060140070400000001080400000001"), to_server=False)
    talk.request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE)).request(
        bytes.fromhex("C101C100010000600100FF02000960") + bytes(0x60)
    )
    talk.link(0x97, bytes.fromhex("32 42 04"), to_server=False)
    return talk


def _stalled() -> Conversation:
    talk = opened().request(GET_CLOCK)
    talk.add(frame(0x52, bytes.fromhex("E6E700") + CLOCK[:10], to_server=False, more=True), "meter")
    talk.sent[1] += 1
    return talk.request(GET_CLOCK)


def _late() -> Conversation:
    talk = opened().request(GET_CLOCK).reply(CLOCK)
    talk.link(0x54, bytes.fromhex("E6E600") + GET_CLOCK)
    talk.link(0x1F, to_server=False)
    return talk


def _silence() -> Conversation:
    talk = Conversation()
    for _ in range(3):
        talk.link(0x93)
    return talk


def _no_llc_no_reply() -> Conversation:
    return start().request(aarq(INITIATE_REQUEST), b"").close()


def _no_llc_on_get() -> Conversation:
    talk = opened().request(GET_CLOCK, b"")
    talk.link(0x1F, to_server=False)
    return talk


def _parity() -> Conversation:
    def even(text: bytes) -> bytes:
        return bytes(octet | (octet.bit_count() & 1) << 7 for octet in text)

    talk = Conversation()
    talk.add(even(b"/?12345678901234567890!\r\n"), "client")
    talk.add(even(b"/ISK5\\2MT382-1003\r\n"), "meter")
    return talk


def _without_requirements() -> bytes:
    body = tlv(0xA1, tlv(6, oid(1, 1))) + tlv(0x8B, oid(2, 1)) + tlv(0xAC, tlv(0x80, b"12345678"))
    return tlv(0x60, body + tlv(0xBE, tlv(4, INITIATE_REQUEST)))


def _longer(apdu: bytes) -> bytes:
    return apdu[:1] + bytes([apdu[1] + 3]) + apdu[2:]


def _no_pass3() -> Conversation:
    talk = start().request(aarq(INITIATE_REQUEST, mechanism=3, challenge=CTOS))
    talk.reply(aare(INITIATE_RESPONSE, diagnostic=14, mechanism=3, challenge=STOC))
    return talk.request(GET_CLOCK).reply(bytes.fromhex("D80101"))


class _Impostor(Station):
    def proof(self, challenge: bytes, counter: int | None = None) -> bytes:
        return super().proof(b"something else", counter)


def _other_proof() -> Station:
    return _Impostor(METER)


def _replayed() -> Conversation:
    client, meter = Station(CLIENT, counter=10), Station(METER)
    talk = ciphered("hdlc", client, meter, reads=1)
    talk.records = talk.records[:-2]
    client.counter = 3
    return talk.request(client.seal(GET_CLOCK))


def _reused() -> Conversation:
    client, meter = Station(CLIENT), Station(METER)
    talk = ciphered("hdlc", client, meter, reads=2)
    talk.records = talk.records[:-2]
    client.counter -= 1
    other = bytes.fromhex("C001C100080000010000FF0300")
    return talk.request(client.seal(other)).reply(meter.seal(CLOCK))


def _no_get_bit() -> Conversation:
    granted = INITIATE_RESPONSE.replace(GRANTED, bytes.fromhex("5F1F040000500F"))
    return (
        start().request(aarq(INITIATE_REQUEST)).reply(aare(granted)).request(GET_CLOCK).reply(bytes.fromhex("D80101"))
    )


def _wrong_block() -> Conversation:
    talk = opened().request(GET_CLOCK).reply(bytes.fromhex("C402C100000000010003090C07"))
    return talk.request(bytes.fromhex("C002C100000002")).reply(bytes.fromhex("C402C10000000001010F"))


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.code} {f.name}".strip() for f in FAULTS])
def test_the_fault_comes_first(fault: Fault) -> None:
    found = diagnosed(fault.talk(), fault.ring).findings
    codes = [f.code for f in found]
    assert codes and codes[0] == fault.code, [(f.code, f.severity, f.because_of, f.evidence) for f in found]
    first = found[0]
    assert first.severity == fault.severity
    assert fault.side is None or first.side == fault.side
    assert fault.message is None or first.message == fault.message
    assert fault.certainty is None or first.certainty == fault.certainty
    assert first.because_of is None and first.evidence and first.id == 1
    assert fault.fixed is None or (first.fixed_bytes is not None) == fault.fixed
    for effect in fault.effects:
        consequence = next(f for f in found if f.code == effect)
        assert consequence.because_of == fault.code and consequence.because_of_id == 1
    known = {fault.code, *fault.effects}
    others = [f.code for f in found if f.severity != "info" and f.code not in known and f.because_of not in known]
    assert not others or others == ["unprotected-reply"], [(f.code, f.severity, f.evidence) for f in found]


def segmented() -> Conversation:
    talk = opened().request(GET_CLOCK)
    whole = bytes.fromhex("E6E700") + bytes.fromhex("C401C100094C") + bytes(range(76))
    talk.add(frame(0x52, whole[:40], to_server=False, more=True), "meter")
    talk.link(0x51)
    talk.add(frame(0x54, whole[40:], to_server=False), "meter")
    talk.sent[1] += 2
    return talk.request(GET_CLOCK).reply(CLOCK).close()


def release() -> Conversation:
    return (
        opened().request(GET_CLOCK).reply(CLOCK).request(b"\x62\x03\x80\x01\x00").reply(b"\x63\x03\x80\x01\x00").close()
    )


def middle() -> Conversation:
    talk = ciphered(reads=4)
    talk.records = talk.records[7:]
    return talk


def short_names() -> Conversation:
    request = initiate(conformance="1C0320")
    response = bytes.fromhex("0800065F1F04001C03200400FA00")
    talk = start().request(aarq(request, context=2)).reply(aare(response, context=2))
    return talk.request(bytes.fromhex("050102FA08")).reply(bytes.fromhex("0C01001105")).close()


def push() -> Conversation:
    talk = Conversation()
    body = bytes.fromhex("0F000000010C07E80B1A040A1E0F00FFC480020109060100010800FF")
    for _ in range(3):
        talk.add(frame(0x13, bytes.fromhex("E6E700") + body, client=103, server=103, to_server=False), "meter")
    return talk


def md5() -> Conversation:
    import hashlib

    talk = start().request(aarq(INITIATE_REQUEST, mechanism=3, challenge=CTOS))
    talk.reply(aare(INITIATE_RESPONSE, diagnostic=14, mechanism=3, challenge=STOC))
    proof = hashlib.md5(STOC + b"secret").digest()
    talk.request(bytes.fromhex("C301C1000F0000280000FF01010910") + proof)
    talk.reply(bytes.fromhex("C701C10001000910") + hashlib.md5(CTOS + b"secret").digest())
    return talk.request(GET_CLOCK).reply(CLOCK).close()


def polled_wrapper() -> Conversation:
    talk = Conversation("wrapper")
    for _ in range(3):
        talk.request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
        talk.request(GET_CLOCK).reply(CLOCK).request(b"\x62\x00").reply(b"\x63\x00")
    return talk


HEALTHY = {
    "plain": (plain, NONE), "plain wrapper": (lambda: plain("wrapper"), NONE), "bare APDUs": (lambda: plain("none"), NONE),
    "ciphered": (ciphered, RIGHT), "ciphered wrapper": (lambda: ciphered("wrapper"), RIGHT),
    "many reads": (lambda: plain(reads=20), NONE), "segments": (segmented, NONE), "release": (release, NONE),
    "from the middle": (middle, keys(client_title=CLIENT.hex(), server_title=METER.hex())),
    "from the middle, no keys": (middle, NONE), "ciphered, no keys": (ciphered, NONE),
    "ciphered, no AK": (ciphered, KeyRing.from_options(ek=EK.hex())),
    "M-Bus push": (lambda: _pushed([_telegram(0x00, PUSHED[:20]), _telegram(0x11, PUSHED[20:])]), NONE),
    "mode E": (lambda: _signed_on(b"\x06252\r\n"), NONE),
    "short names": (short_names, NONE), "push": (push, NONE), "MD5": (md5, KeyRing.from_options(password="secret")),
    "MD5, no secret": (md5, NONE), "three associations": (polled_wrapper, NONE),
    "LLS": (lambda: start().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=b"12345678")).reply(
        aare(INITIATE_RESPONSE, mechanism=1)).request(GET_CLOCK).reply(CLOCK).close(), NONE),
    "encrypted only": (lambda: ciphered("hdlc", Station(CLIENT, control=0x20), Station(METER, control=0x20)), RIGHT),
    "authenticated only": (lambda: ciphered("hdlc", Station(CLIENT, control=0x10), Station(METER, control=0x10)), RIGHT),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_no_alarm_on_a_healthy_conversation(name: str) -> None:
    talk, ring = HEALTHY[name]
    found = diagnosed(talk(), ring)
    assert found.health == "ok"
    loud: list[Finding] = [f for f in found.findings if f.severity != "info"]
    assert not loud, [(f.code, f.evidence) for f in loud]


def test_wrapped_helper_is_the_wrapper_of_the_standard() -> None:
    assert wrapped(b"\xc0", 16, 1) == bytes.fromhex("0001001000010001C0")


def test_silence_has_ranked_candidates_by_what_preceded_it() -> None:
    """After a UA the line and the link are cleared; before any octet of the meter nothing is."""
    linked = Conversation().connect().request(aarq(INITIATE_REQUEST)).request(aarq(INITIATE_REQUEST)).close()
    found = next(f for f in diagnosed(linked).findings if f.code == "no-reply")
    assert any("a client address without an association" in text for text in found.evidence)
    assert "public client 16" in found.fix
    mute = Conversation()
    mute.link(0x93)
    mute.link(0x93)
    found = next(f for f in diagnosed(mute).findings if f.code == "no-reply")
    assert any("likeliest first: cable, speed or parity" in text for text in found.evidence)
    assert found.certainty == "likely" and "300 baud 7E1" in found.fix
