"""Which differences of two messages two healthy runs of one exchange also show, and why.

Expected are what a device draws (challenges, dedicated keys), counts (invocation counters, invoke-ids, link numbers
that an earlier difference shifted), computes over what differs (check sequences, tags, ciphertext, proofs, lengths),
and what a clock or a register tells. A length that does not follow from its content, a check that is wrong on one
side, a link number out of step are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.association import hls_answer, is_hls_reply
from analyzer.message import Message
from analyzer.model import Node
from analyzer.objects import NUMBERS as INTEGERS
from analyzer.objects import SCALED
from grammars import readings

LINK_NUMBERS = ("send_sequence_number", "receive_sequence_number")
EXPECTED = {
    "header_check_sequence": "a check over octets that differ",
    "frame_check_sequence": "a check over octets that differ",
    "crc": "a check over octets that differ",
    "checksum": "a check over octets that differ",
    "block_check_character": "a check over octets that differ",
    "access_number": "a counter advances",
    "invocation_counter": "a counter advances",
    "authentication_tag": "a tag over octets or under a counter that differ",
    "signature": "a signature is another each time",
    "invoke_id": "numbers requests one after the other",
    "long_invoke_id": "numbers requests one after the other",
    "transaction_id": "numbers transactions",
}
RANDOM = {"charstring": "a challenge is random", "dedicated_key": "a dedicated key is random"}
LENGTHS = frozenset({"length", "count"})
FLAGS = frozenset({"opening_flag", "closing_flag"})
CLOCKS = frozenset({"date-time", "date", "time", "date_time", "tagged_date_time"})
MEASURED = INTEGERS | {"float32", "float64", "bcd"}
READINGS = frozenset((class_id, index) for class_id, (indices, _) in SCALED.items() for index in indices) | {(7, 2)}
BLOCKS = frozenset({"raw-data", "raw_data", "block_data"})
CLOCK, MEASUREMENT = "a clock goes on", "a measured value of the same type"
P1_CLOCK = re.compile(rb"\d{12}[SW]?")  # YYMMDDhhmmss and summer or winter time (DSMR P1 companion standard, 6.4)
DECIMAL = re.compile(rb"\d+(\.\d+)?")
FOLLOWS = "follows from another difference"


class LinkNumbers:
    """How far N(S) and N(R) of each sender are apart in two traces, modulo 8."""

    def __init__(self) -> None:
        self._apart: dict[tuple[str, str], int] = {}
        self.allowed: dict[str, int] = {}

    def forget(self) -> None:
        """After a message without counterpart the numbers may be apart by anything."""
        self._apart.clear()

    def follow(self, a: Message, b: Message) -> None:
        """Takes a pair: `allowed` is then how far its numbers may be apart."""
        if a.frame == b.frame == "SNRM":
            self._apart = {(side, name): 0 for side in ("client", "meter", "unknown") for name in LINK_NUMBERS}
        if len(a.frames) != len(b.frames) or a.frame != b.frame:
            self.forget()
            return
        self.allowed = {}
        for name in LINK_NUMBERS:
            one, other = (_control_part(message, name) for message in (a, b))
            if one is None or other is None:
                continue
            apart = (one - other) % 8
            self.allowed[name] = self._apart.get((a.direction, name), apart)
            self._apart[(a.direction, name)] = apart


def _control_part(message: Message, name: str) -> int | None:
    """N(S) or N(R) of the first frame of a message: bits 3 to 1, and 7 to 5, of the control field (ISO/IEC 13239)."""
    control = message.frames[0].field("control")
    if control is None or not isinstance(control[3], int) or message.frame not in ("I", "RR", "RNR"):
        return None
    if name == "send_sequence_number":
        return control[3] >> 1 & 7 if message.frame == "I" else None
    return control[3] >> 5 & 7


class Expectation:
    """What may differ in one pair of messages."""

    def __init__(self, a: Message, b: Message, allowed: dict[str, int], in_blocks: bool) -> None:
        self.allowed, self.in_blocks = allowed, in_blocks
        both = (a, b)
        self.challenged = all((m.before.mechanism or m.after.mechanism or 0) > 1 for m in both)
        self.gmac = all((m.after.mechanism or 0) == 5 for m in both)
        self.proof = all(_is_proof(m) for m in both)
        self.reading = all(m.answers and all(_is_reading(t.target) for t in m.answers) for m in both)
        self.pushed = all(m.plain is not None and m.plain.name == "data-notification" for m in both)

    def why(self, a: Node, b: Node, around: tuple[Node, Node], path: str) -> str:
        """Why two leaves of one name, in the nodes `around`, may differ; empty where the difference matters."""
        if bool(a.error) != bool(b.error) or bool(a.children) != bool(b.children):
            return ""
        if a.name in EXPECTED:
            return EXPECTED[a.name]
        if a.name in LENGTHS:
            return FOLLOWS if _follows(a, b, around) else ""
        if a.name in LINK_NUMBERS and isinstance(a.value, int) and isinstance(b.value, int):
            in_step = (a.value - b.value) % 8 == self.allowed.get(a.name, 0)
            return "link numbers, shifted by an earlier difference" if in_step else ""
        if a.name == "tag":
            return FOLLOWS if around[0].name != around[1].name else ""
        if isinstance(a.value, bytes) and isinstance(b.value, bytes):
            return self._octets(a, a.value, b.value, around, path)
        return self._value(a, b, path)

    def _octets(self, node: Node, a: bytes, b: bytes, around: tuple[Node, Node], path: str) -> str:
        if node.name == "charstring":
            return RANDOM[node.name] if self.challenged else ""
        if node.name in RANDOM:
            return RANDOM[node.name]
        if _in_clock(path):
            return CLOCK
        if len(a) != len(b):
            return ""
        if node.name == "key_ciphered_data":
            return "a key that is wrapped or agreed anew"
        if node.name in BLOCKS and self.in_blocks:
            return "a part of what the last block completes, which is compared there"
        if node.name == "value" and all(side.name == "value_of_line" for side in around):
            return _of_telegram(a, b, around)
        if node.name == "octet-string":
            if self.proof and (not self.gmac or a[:1] == b[:1]):  # begins with the security control
                return "a proof differs with challenge and counter"
            if readings.is_date_time(a) and readings.is_date_time(b):
                return CLOCK
        return ""

    def _value(self, a: Node, b: Node, path: str) -> str:
        if _in_clock(path):
            return CLOCK
        if (self.reading or self.pushed) and a.name == b.name and a.name in MEASURED:
            return MEASUREMENT
        return ""


def _in_clock(path: str) -> bool:
    return any(part.partition("[")[0] in CLOCKS for part in path.split("."))


def _of_telegram(a: bytes, b: bytes, around: tuple[Node, Node]) -> str:
    """Why two values of P1, of one length, may differ: time stamps, and numbers with a unit and as many decimals."""
    if P1_CLOCK.fullmatch(a) and P1_CLOCK.fullmatch(b):
        return CLOCK
    units = [child.value for side in around for child in side.children if child.name == "unit"]
    number = DECIMAL.fullmatch(a) and DECIMAL.fullmatch(b) and a.find(b".") == b.find(b".")
    return MEASUREMENT if number and len(units) == 2 and units[0] == units[1] else ""


def joined_by(message: Message) -> Iterator[int]:
    """The numbers of the messages whose blocks this one completes."""
    for buffer in message.buffers:
        for span in buffer.sources:
            if span.message is not None:
                yield span.message


def _is_reading(target: tuple[int, bytes, int]) -> bool:
    return (target[0], target[2]) in READINGS


def _is_proof(message: Message) -> bool:
    """Whether a message is pass 3 or pass 4 of HLS."""
    plain = message.plain
    if plain is None:
        return False
    answer = message.before.state == "proving" and hls_answer(plain.nodes)[0]
    return answer or is_hls_reply(plain.nodes) is not None


def _follows(a: Node, b: Node, around: tuple[Node, Node]) -> bool:
    """Whether two lengths or counts differ by just what their contents do, and are written in the same form."""
    return a.value != b.value and _slack(a, around[0]) == _slack(b, around[1])


def _slack(node: Node, around: Node) -> int | None:
    """What a length says beyond the octets that are there, or a count beyond the elements."""
    if not isinstance(node.value, int):
        return None
    if node.name == "count":
        return node.value - sum(
            child is not node and child.name not in ("tag", "presence") for child in around.children
        )
    if node.bits is None:
        return node.value - (around.end - node.end)
    flags = sum(child.end - child.start for child in around.children if child.name in FLAGS)
    return node.value - (around.end - around.start - flags)  # HDLC counts its frame without the flags
