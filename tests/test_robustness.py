"""Nothing that anybody feeds in raises, hangs or loses a byte: through every layer, with and without keys."""

import random

import pytest

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Node, Record, Trace
from analyzer.report import diagnosis_json, diagnosis_text, message_json, summary_text, tree_text
from analyzer.sources.hexlog import read_hexlog
from analyzer.tree import tree_of
from tests.support import THREAD, ciphered, keys, plain, thread_keys

TEXT = (THREAD / "thread.log").read_text("utf-8")
FRAMES = [bytes.fromhex(line) for line in TEXT.splitlines() if line.startswith("7E")]
REGRESSION = sorted((THREAD.parents[1] / "tests" / "regression").glob("*.*"))


def leaves(node: Node) -> list[Node]:
    """The nodes without parts; one that holds another buffer stands for its octets as well."""
    if any(child.buffer != node.buffer for child in node.children):
        return [node]
    if node.children and not all(child.bits for child in node.children):
        return [leaf for child in node.children for leaf in leaves(child)]
    return [node]


def covered(message: Message) -> None:
    """Every octet of the wire is in a leaf of the tree."""
    at = 0
    for leaf in sorted(leaves(tree_of(message)), key=lambda n: (n.start, n.end)):
        if leaf.buffer != 0 or leaf.end == leaf.start:
            continue
        assert leaf.start <= at, (message.wire.hex(), leaf)
        at = max(at, leaf.end)
    assert at == len(message.wire), (message.wire.hex(), at)


def through(records: list[Record], ring: KeyRing) -> None:
    """All layers over some records."""
    trace = Trace("trace", "test", records)
    messages = list(decode(trace, ring))
    for message in messages:
        covered(message)
        message_json.render(message)
        tree_text.render(message)
        summary_text.render(message)
    found = diagnose([(trace, messages)], ring)
    diagnosis_text.render(found)
    diagnosis_json.render(found)


def as_records(*chunks: bytes) -> list[Record]:
    sides = ("client", "meter")
    return [Record(n + 1, chunk, sides[n % 2]) for n, chunk in enumerate(chunks)]  # type: ignore[arg-type]


def damaged(octets: bytes, dice: random.Random) -> bytes:
    made = bytearray(octets)
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(len(made) + 1)
        kind = dice.randrange(4)
        if kind == 0 and at < len(made):
            made[at] = dice.randrange(256)
        elif kind == 1:
            del made[at : at + dice.choice((1, 2, 9))]
        elif kind == 2:
            made[at:at] = dice.randbytes(dice.choice((1, 2, 9)))
        elif at < len(made):
            made[at] ^= 1 << dice.randrange(8)
    return bytes(made)


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_every_prefix_of_every_frame(number: int) -> None:
    ring = thread_keys()
    for end in range(len(FRAMES[number]) + 1):
        through(as_records(*FRAMES[max(0, number - 1) : number], FRAMES[number][:end]), ring)


def test_every_octet_of_the_thread_is_decoded() -> None:
    for trace in read_hexlog(TEXT, "thread.log"):
        for message in decode(trace, thread_keys()):
            covered(message)
            nodes = list(tree_of(message).walk())
            unreadable = (trace.name, message.number) == ("MY SOFTWARE", 4)
            assert any(node.name == "undecoded" for node in nodes) == unreadable
            if unreadable:
                assert next(n.error for n in nodes if n.name == "undecoded").startswith("variable_access_specification")


def mutations(count: int, seed: int) -> None:
    dice = random.Random(seed)
    talks = [plain(), ciphered(), plain("wrapper"), ciphered("wrapper"), ciphered("none")]
    rings = [keys(), thread_keys(), KeyRing()]
    for _ in range(count):
        if dice.random() < 0.4:
            chunks = FRAMES[dice.randrange(6) :][: dice.randrange(1, 5)]
        else:
            records = dice.choice(talks).records
            start = dice.randrange(len(records))
            chunks = [record.data for record in records[start : start + dice.randrange(1, 5)]]
        through(as_records(*(damaged(chunk, dice) for chunk in chunks)), dice.choice(rings))


def text_mutations(count: int, seed: int) -> None:
    dice = random.Random(seed)
    octets = TEXT.encode()
    for _ in range(count):
        start = dice.randrange(len(octets))
        text = damaged(octets[start : start + dice.randrange(1, 900)], dice).decode("utf-8", "replace")
        for trace in read_hexlog(text, "x"):
            through(list(trace), KeyRing())


def test_mutated_octets() -> None:
    mutations(600, 1)


def test_mutated_texts() -> None:
    text_mutations(500, 2)


def test_noise() -> None:
    dice = random.Random(3)
    for size in (0, 1, 2, 7, 100, 5000):
        for _ in range(10):
            through(as_records(dice.randbytes(size), dice.randbytes(size)), keys())


@pytest.mark.parametrize("path", REGRESSION, ids=lambda p: p.name)
def test_what_ever_broke_something(path) -> None:
    for trace in read_hexlog(path.read_text("utf-8"), path.name):
        through(list(trace), thread_keys())


@pytest.mark.fuzz
@pytest.mark.parametrize("part", range(100))
def test_a_million_mutations(part: int) -> None:
    mutations(8_000, 1000 + part)
    text_mutations(2_000, 2000 + part)
