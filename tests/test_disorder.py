"""Captures of 1 to 100,000 packets over every link type with every disorder at once: the reader returns exactly the truth."""

from __future__ import annotations

import random
from io import BytesIO
from itertools import count

import pytest

from analyzer.model import Trace
from analyzer.sources import InputError
from analyzer.sources.pcap.capture import read_capture
from tests import captured
from tests.captured import LINKS
from tests.disorder import LINES, connections, datagrams_of, in_turns, lines

SIZES = [1, 10, 100, 1000]
BIG = [10_000, pytest.param(100_000, marks=pytest.mark.slow)]
CASES = [(name, size) for name in LINKS for size in SIZES]


def said(trace: Trace, side: str) -> bytes:
    return b"".join(record.data for record in trace if record.direction == side)


def container(packets: list[bytes], link: int, random_: random.Random, wrap=lambda data: data) -> BytesIO:
    """Either container in either byte order."""
    timed = captured.timed(packets, wrap, 1000)
    order = random_.choice("<>")
    if link not in (189, 220) and random_.random() < 0.5:  # usbmon is in the byte order of who captured it
        return BytesIO(captured.pcap(timed, link, order, random_.random() < 0.5))
    return BytesIO(captured.pcapng(timed, link, "<" if link in (189, 220) else order))


def check(packets: int, name: str, lossy: bool) -> None:
    random_ = random.Random(f"{packets} {name} {lossy}")
    link, wrap = LINKS[name]
    made = connections(packets, random_, lossy)
    numbers = count()
    datagrams = in_turns([list(datagrams_of(one, random_, numbers)) for one in made], random_)
    assert len(datagrams) >= packets
    stream = container(datagrams, link, random_, wrap)
    if not any(packet.data for one in made for packet in one.packets):
        with pytest.raises(InputError):
            read_capture(stream, "test")
        return
    found = {trace.name: trace for trace in read_capture(stream, "test")}
    for one in made[:-1] or made:  # the last one may be cut in the middle of its disorder
        if one is made[-1] and len(one.packets) < len(one.connection.packets):
            continue
        trace = found[one.name]
        truths = [one.truth(side) for side in (0, 1)]
        assert [said(trace, side) for side in ("client", "meter")] == [truth.data for truth in truths]
        assert [sum(r.lost for r in trace if r.direction == side) for side in ("client", "meter")] == [
            truth.lost for truth in truths
        ]
        assert any(issue.severity != "info" for issue in trace.issues) == any(truth.lost for truth in truths)


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize(("name", "packets"), CASES)
def test_every_link_layer_and_every_disorder(name: str, packets: int, lossy: bool) -> None:
    check(packets, name, lossy)


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("packets", BIG, ids="{:_}".format)
@pytest.mark.parametrize("name", ["ethernet", "cooked 2"])
def test_big_captures_with_every_disorder(name: str, packets: int, lossy: bool) -> None:
    check(packets, name, lossy)


@pytest.mark.parametrize("packets", [*SIZES, *BIG], ids="{:_}".format)
@pytest.mark.parametrize("name", LINES)
def test_every_kind_of_line(name: str, packets: int) -> None:
    random_ = random.Random(f"{packets} {name}")
    link, wrap = LINES[name]
    made, truth = lines(packets, random_, wrap)
    found = read_capture(container(made, link, random_), "test")
    sides = {"client": 0, "meter": 1}
    told = sorted([(sides[record.direction], record.data) for record in trace] for trace in found)
    assert told == sorted(truth)
    assert not [issue for trace in found for issue in trace.issues]


@pytest.mark.parametrize("packets", [*SIZES, *BIG], ids="{:_}".format)
def test_every_user_link_type(packets: int) -> None:
    """DLT_USER0 to 15 on several interfaces each, with their directions."""
    random_ = random.Random(packets)
    made, truth = lines(packets, random_, lambda line, number, side, data: [bytes([line, side]) + data], 40)
    blocks = [captured.section(), *(captured.interface(147 + line % 16, name=b"") for line in range(len(truth)))]
    blocks += [captured.enhanced(octets[2:], n, octets[0], way=2 - octets[1]) for n, octets in enumerate(made)]
    found = read_capture(BytesIO(b"".join(blocks)), "test")
    sides = {"client": 0, "meter": 1}
    assert sorted([(sides[r.direction], r.data) for r in trace] for trace in found) == sorted(truth)
