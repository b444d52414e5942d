"""What several tests need: the sample thread, keys, and conversations built from independent values.

The builders use the project's own grammars for building, which have vectors of their own, and nothing of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from analyzer.decoding import decode
from analyzer.decryptor import Decryptor
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.sources import read_input
from grammars import hdlc

ROOT = Path(__file__).parents[1]
THREAD = ROOT / "captures/gurux-forum-2017"

EK = bytes.fromhex("3B0E55C17D92A4F8066B9A2D41E7C35F")  # no published key
AK = bytes.fromhex("9B5F1A7733C4E8D0225A6C7D8E9FA0B1")
CLIENT = bytes.fromhex("4D4D4D0000000001")
METER = bytes.fromhex("4D4D4D0000BC614E")


def thread(keys: KeyRing | None = None) -> list[tuple[Trace, list[Message]]]:
    """The two traces of the sample thread, decoded."""
    traces = read_input((THREAD / "thread.log").read_bytes(), "thread.log")
    return [(trace, list(decode(trace, keys or thread_keys()))) for trace in traces]


def thread_keys() -> KeyRing:
    return KeyRing.from_toml((THREAD / "keys.toml").read_text("utf-8"))


def frame(
    control: int,
    information: bytes = b"",
    *,
    client: int = 0x10,
    server: int = 1,
    to_server: bool = True,
    more: bool = False,
) -> bytes:
    """An HDLC frame between one-octet addresses, with its checks."""
    addresses = [bytes([server << 1 | 1]), bytes([client << 1 | 1])]
    head = b"".join(addresses if to_server else addresses[::-1]) + bytes([control])
    size = 2 + len(head) + 2 + (2 + len(information) if information else 0)
    body = bytes([0xA0 | more << 3 | size >> 8, size & 0xFF]) + head
    if information:
        body += hdlc.crc16_x25(body).to_bytes(2, "little") + information
    return b"\x7e" + body + hdlc.crc16_x25(body).to_bytes(2, "little") + b"\x7e"


def wrapped(apdu: bytes, source: int, destination: int) -> bytes:
    """A TCP wrapper around an APDU."""
    return b"".join(n.to_bytes(2, "big") for n in (1, source, destination, len(apdu))) + apdu


def tlv(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def oid(arc: int, last: int) -> bytes:
    return bytes.fromhex("6085740508") + bytes([arc, last])


CONFORMANCE = bytes.fromhex("5F1F0400007E1F")
GRANTED = bytes.fromhex("5F1F040000501F")
INITIATE_REQUEST = bytes.fromhex("0100000006") + CONFORMANCE + bytes.fromhex("FFFF")
INITIATE_RESPONSE = bytes.fromhex("080006") + GRANTED + bytes.fromhex("04000007")
CTOS, STOC = b"K56iVagY", b"P6wRJ21F"
GET_CLOCK = bytes.fromhex("C001C100080000010000FF0200")
CLOCK = bytes.fromhex("C401C100090C07E80B1A040A1E0F00FFC480")


def aarq(initiate: bytes, *, context: int = 1, mechanism: int = 0, challenge: bytes = b"", title: bytes = b"") -> bytes:
    body = tlv(0xA1, tlv(6, oid(1, context)))
    body += tlv(0xA6, tlv(4, title)) if title else b""
    if mechanism:
        body += bytes.fromhex("8A020780") + tlv(0x8B, oid(2, mechanism)) + tlv(0xAC, tlv(0x80, challenge))
    return tlv(0x60, body + tlv(0xBE, tlv(4, initiate)))


def aare(
    initiate: bytes,
    *,
    context: int = 1,
    result: int = 0,
    diagnostic: int = 0,
    mechanism: int = 0,
    challenge: bytes = b"",
    title: bytes = b"",
) -> bytes:
    body = tlv(0xA1, tlv(6, oid(1, context))) + tlv(0xA2, bytes([2, 1, result]))
    body += tlv(0xA3, tlv(0xA1, bytes([2, 1, diagnostic])))
    body += tlv(0xA4, tlv(4, title)) if title else b""
    if mechanism:
        body += bytes.fromhex("88020780") + tlv(0x89, oid(2, mechanism)) + tlv(0xAA, tlv(0x80, challenge))
    return tlv(0x61, body + tlv(0xBE, tlv(4, initiate)))


CIPHERED = {0x01: 0x21, 0x08: 0x28, 0xC0: 0xC8, 0xC1: 0xC9, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF}


@dataclass
class Station:
    """One side of a ciphered conversation, as the standard has it; what a test breaks, it sets here."""

    title: bytes
    ek: bytes = EK
    ak: bytes = AK
    control: int = 0x30
    counter: int = 0
    nonce_title: bytes | None = None
    nonce_counter: int | None = None
    data: bytes | None = None  # additional authenticated data instead of the right one
    tag_octets: int = 12
    dedicated: bytes | None = None
    log: list[int] = field(default_factory=list)

    def seal(self, apdu: bytes, tag: int | None = None) -> bytes:
        """A glo- APDU (ded- with a dedicated key) under the next counter."""
        self.counter += 1
        self.log.append(self.counter)
        content = self.content(apdu)
        outer = tag if tag is not None else CIPHERED[apdu[0]] + (8 if self.dedicated and apdu[0] >= 0xC0 else 0)
        size = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
        return bytes([outer]) + size + content

    def content(self, apdu: bytes) -> bytes:
        """Control, counter, text and tag."""
        counter = self.counter if self.nonce_counter is None else self.nonce_counter
        iv = (self.nonce_title if self.nonce_title is not None else self.title) + counter.to_bytes(4, "big")
        key = self.dedicated if self.dedicated and apdu[0] >= 0xC0 else self.ek
        head = bytes([self.control]) + self.counter.to_bytes(4, "big")
        crypto = Decryptor()
        encrypted, authenticated = self.control & 0x20, self.control & 0x10
        data = bytes([self.control]) + self.ak + (b"" if encrypted else apdu)
        data = self.data if self.data is not None else data
        if not authenticated:
            return head + crypto.gcm_decrypt(key, iv, apdu)
        text, tag = crypto.gcm_seal(key, iv, apdu if encrypted else b"", data, self.tag_octets)
        return head + (text if encrypted else apdu) + tag

    def proof(self, challenge: bytes, counter: int | None = None) -> bytes:
        """f(challenge) of mechanism 5 under the next counter."""
        self.counter += counter is None
        counter = self.counter if counter is None else counter
        iv = self.title + counter.to_bytes(4, "big")
        return b"\x10" + counter.to_bytes(4, "big") + Decryptor().gmac(self.ek, iv, b"\x10" + self.ak + challenge)


class Conversation:
    """Frames in turn over HDLC or the wrapper; link numbers are kept."""

    def __init__(self, framing: str = "hdlc", client: int = 0x10, server: int = 1) -> None:
        self.framing, self.client, self.server = framing, client, server
        self.records: list[Record] = []
        self.sent = [0, 0]

    def add(self, data: bytes, direction: str) -> None:
        self.records.append(Record(len(self.records) + 1, data, direction))  # type: ignore[arg-type]

    def link(self, control: int, information: bytes = b"", to_server: bool = True) -> None:
        data = frame(control, information, client=self.client, server=self.server, to_server=to_server)
        self.add(data, "client" if to_server else "meter")

    def connect(self) -> Conversation:
        if self.framing == "hdlc":
            self.link(0x93)
            self.link(0x73, to_server=False)
            self.sent = [0, 0]
        return self

    def request(self, apdu: bytes, llc: bytes = bytes.fromhex("E6E600")) -> Conversation:
        return self._apdu(apdu, llc, True)

    def reply(self, apdu: bytes, llc: bytes = bytes.fromhex("E6E700")) -> Conversation:
        return self._apdu(apdu, llc, False)

    def _apdu(self, apdu: bytes, llc: bytes, to_server: bool) -> Conversation:
        if self.framing == "wrapper":
            ends = (self.client, self.server) if to_server else (self.server, self.client)
            self.add(wrapped(apdu, *ends), "client" if to_server else "meter")
        elif self.framing == "none":
            self.add(apdu, "client" if to_server else "meter")
        else:
            own, other = (0, 1) if to_server else (1, 0)
            control = 0x10 | (self.sent[other] & 7) << 5 | (self.sent[own] & 7) << 1
            self.sent[own] += 1
            self.link(control, llc + apdu, to_server)
        return self

    def close(self) -> Conversation:
        if self.framing == "hdlc":
            self.link(0x53)
            self.link(0x73, to_server=False)
        return self

    def trace(self, name: str = "trace") -> Trace:
        return Trace(name, "test", tuple(self.records))


def plain(framing: str = "hdlc", reads: int = 2) -> Conversation:
    """A healthy conversation without protection."""
    talk = Conversation(framing).connect()
    talk.request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
    for _ in range(reads):
        talk.request(GET_CLOCK).reply(CLOCK)
    return talk.close()


def ciphered(
    framing: str = "hdlc", client: Station | None = None, meter: Station | None = None, reads: int = 3
) -> Conversation:
    """A healthy conversation with HLS GMAC, all APDUs protected; what the stations do otherwise is on them."""
    client, meter = client or Station(CLIENT), meter or Station(METER)
    talk = Conversation(framing).connect()
    talk.request(aarq(client.seal(INITIATE_REQUEST), context=3, mechanism=5, challenge=CTOS, title=client.title))
    talk.reply(
        aare(meter.seal(INITIATE_RESPONSE), context=3, diagnostic=14, mechanism=5, challenge=STOC, title=meter.title)
    )
    reply_to_hls = bytes.fromhex("C301C1000F0000280000FF01010911") + client.proof(STOC)
    talk.request(client.seal(reply_to_hls))
    talk.reply(meter.seal(bytes.fromhex("C701C1000100") + b"\x09\x11" + meter.proof(CTOS)))
    for _ in range(reads):
        talk.request(client.seal(GET_CLOCK)).reply(meter.seal(CLOCK))
    return talk.close()


def keys(**changes: str) -> KeyRing:
    """The right keys of `Station`, but for what a test changes."""
    return KeyRing.from_options(**{"ek": EK.hex(), "ak": AK.hex(), **changes})


def diagnosed(talk: Conversation | Trace, ring: KeyRing | None = None) -> Diagnosis:
    """The diagnosis of one conversation."""
    trace = talk.trace() if isinstance(talk, Conversation) else talk
    ring = ring if ring is not None else KeyRing()
    return diagnose([(trace, list(decode(trace, ring)))], ring)[0]


def peak_kibibytes() -> int:
    """The most memory this process ever had resident, since its program began.

    Not by getrusage: what it says of a process begins with what its parent had, and hides what is less than that.
    """
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
