"""Addresses that are ever new, as noise and hostile captures have them: what is kept has a bound, and honest meters between
them are read as ever."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from analyzer import decoding, senders
from analyzer.decoding import decode
from analyzer.fed import Fed
from analyzer.framing import MARGIN, PART, Framer, frames_of, parts_of
from analyzer.framings import apdu
from analyzer.framings.cut import WAIT
from analyzer.message import Message
from analyzer.model import Record
from tests import support
from tests.apdu_looks import count_looks
from tests.hdlc_frames import PAYLOADS, four, hdlc

HONEST = [
    bytes.fromhex(line) for line in (support.THREAD / "thread.log").read_text("utf-8").splitlines() if line[:2] == "7E"
]


def noise(begin: int, count: int) -> Iterator[bytes]:
    """Frames with addresses that no other has: requests, answers, and damaged ones."""
    for n in range(begin, begin + count):
        frame = hdlc(four(n), "03", 0x10, PAYLOADS[n % len(PAYLOADS)])
        if n % 3 == 0:
            frame = frame[:-1] + bytes([frame[-1] ^ 1])
        yield b"\x7e" + frame + b"\x7e"


def test_memory_and_time_are_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LINKS", 256)
    monkeypatch.setattr(senders, "MOST_PAIRS", 512)
    fed = Fed()
    sizes, times = [], []
    for step in range(8):
        began = time.process_time()
        for number, frame in enumerate(noise(step * 600, 600)):
            fed.feed(Record(number, frame))
        times.append(time.process_time() - began)
        sizes.append(len(fed.state()))
    assert max(sizes) < 300_000, sizes
    assert times[-1] < 3 * min(times[:3])


def test_honest_meters_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """What noise begins is forgotten, and not what a meter has told."""
    monkeypatch.setattr(decoding, "LINKS", 16)
    monkeypatch.setattr(senders, "MOST_PAIRS", 64)
    noisy: list[bytes] = []
    begin = 100
    for octets in HONEST:
        noisy += [*noise(begin, 30), octets]
        begin += 30
    keys = support.thread_keys()
    told = set(HONEST)
    read = [
        seen(message)
        for message in decode((Record(n, octets) for n, octets in enumerate(noisy, 1)), keys)
        if message.wire in told
    ]
    assert read == [
        seen(message) for message in decode([Record(n, octets) for n, octets in enumerate(HONEST, 1)], keys)
    ]
    assert any(security is not None and security.verdict == "verified" for *_, security in read)


# What stands by chance in noise and announces more than is there, as far as a PDU may go and further.
ANNOUNCING = {
    "stations": "1EB2",
    "stations, 7F": "1E7F",
    "stations, 82": "1E82FFFF",
    "stations, 84": "1E84FFFFFFFF",
    "new stations": "1C000000000000000084FFFFFFFF",
    "methods": "C303C184FFFFFFFF",
    "methods, DC": "C30388DC",
    "results": "DAC99D4D56D523E4",
    "octets, 82": "0F0000000000 0982FFFF",
    "octets, 83": "0F0000000000 0983 200000",
    "octets, 84": "C401C100 0984 FFFFFFFF",
    "a block": "C402C100 00000001 00 83200000",
    "ciphertext": "CC84 00FFFFFF 30 00000001",
}


@pytest.mark.parametrize("size", [5000, 300_000])
@pytest.mark.parametrize("head", ANNOUNCING.values(), ids=ANNOUNCING)
def test_what_announces_more_than_is_there_does_not_swallow_what_follows(head: str, size: int) -> None:
    octets = bytes.fromhex(head) + random.Random(2).randbytes(size) + b"".join(HONEST)
    read = [message.wire for message in decode([Record(1, octets)])]
    assert set(HONEST) <= set(read) and b"".join(read) == octets


@pytest.mark.parametrize("head", ANNOUNCING.values(), ids=ANNOUNCING)
def test_noise_costs_no_more_where_something_in_it_announces_much(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The octets that are looked at to tell APDUs, whose number is what time and memory grow with."""
    looked = count_looks(monkeypatch)
    noise = random.Random(7).randbytes(1_500_000)
    octets = b"".join(
        bytes.fromhex(head) + noise[at : at + 300_000] + HONEST[0] for at in range(0, len(noise), 300_000)
    )
    frames = list(frames_of([Record(1, octets)]))
    assert b"".join(frame.data for frame in frames) == octets
    assert sum(looked) < 5 * len(octets) and len(looked) > 5
    taken = [len(frame.data) for frame in frames if any(issue.code == "apdu-cut" for issue in frame.issues)]
    assert max(taken, default=0) <= apdu.LONGEST < MARGIN


@pytest.mark.parametrize("seed", range(4))
def test_what_noise_gives_does_not_depend_on_the_parts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    heads = [bytes.fromhex(head) for head in ANNOUNCING.values()]
    octets = b"".join(
        dice.choice(heads) + dice.randbytes(dice.choice([100, 3000, 90_000])) + dice.choice(HONEST) for _ in range(30)
    )
    monkeypatch.setattr("analyzer.framing.PART", 10**9)
    whole = list(frames_of([Record(1, octets)]))
    monkeypatch.setattr("analyzer.framing.PART", dice.choice([80_000, 100_000, 200_000]))
    assert list(frames_of([Record(1, octets)])) == whole


def test_noise_is_not_held_back() -> None:
    """What can be told of octets is told before those that follow are there, but for a frame of strays."""
    noise = random.Random(4).randbytes(3_000_000)
    framer, told, fed = Framer(), 0, 0
    for part in parts_of(Record(1, noise)):
        fed += len(part.data)
        told += sum(len(frame.data) for frame in framer.feed(part))
        assert fed - told <= PART, (fed, told)
    head = b"\xdb\x08ABC12345"
    assert apdu.general_at(head + b"\x85\1", 0, False) is None and apdu.general_at(head + b"\x82", 0, False) is WAIT


@pytest.mark.parametrize("apdu_", ["0F0000000100 0202 0985 01020304", "C401C100 0202 0600000007 09DC 010203"])
def test_an_apdu_with_a_damaged_length_is_shown_as_far_as_it_goes(apdu_: str) -> None:
    (message,) = decode([Record(1, bytes.fromhex(apdu_))])
    assert [issue.code for issue in message.frames[0].issues] == ["apdu-cut"]
    assert message.apdu in ("data-notification", "get-response") and "is no length" in message.frames[0].issues[0].text


def test_frames_inside_of_apdus_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind each frame begins an APDU that reads well to the end of all octets: not all of it is read for each."""
    looked = count_looks(monkeypatch)
    begun = bytes.fromhex("0F0000000000 01 84 3B9ACA00")
    string = b"\x09" + bytes([len(HONEST[1]) + len(begun)]) + HONEST[1] + begun
    octets = string * 1000
    assert sum(frame.data == HONEST[1] for frame in frames_of([Record(1, octets)])) == 1000
    assert sum(looked) < 1000 * 2 * apdu.FEW


@pytest.mark.parametrize("count", [1, 20_000])
def test_gateways_behind_gateways_without_framing(count: int) -> None:
    octets = b"\xe6\0\0" * count + HONEST[0] + b"\xe6\0\0" * count
    assert b"".join(frame.data for frame in frames_of([Record(1, octets)])) == octets
    assert apdu.apdu_at(octets, 0, True) is None


def seen(message: Message) -> tuple[object, ...]:
    """What is read of a message, wherever it stands."""
    return message.wire, message.direction, message.plain_apdu, message.before, message.after, message.security
