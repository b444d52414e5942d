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
from analyzer.message import Message
from analyzer.model import Record
from tests import support
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


def test_a_list_of_power_line_devices_does_not_swallow_what_follows() -> None:
    """1E is a list of titles; one whose count takes many octets is as long as all that comes."""
    octets = b"\x1e\xb2" + random.Random(1).randbytes(5000) + b"".join(HONEST)
    read = [message.wire for message in decode([Record(1, octets)])]
    assert set(HONEST) <= set(read) and b"".join(read) == octets


def seen(message: Message) -> tuple[object, ...]:
    """What is read of a message, wherever it stands."""
    return message.wire, message.direction, message.plain_apdu, message.before, message.after, message.security
