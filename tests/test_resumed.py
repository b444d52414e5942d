"""A decoder that is put away and taken up behind every record gives the same messages: conversations of the laboratory, with
segments, blocks, general block transfer, HLS, key transfer and key wrap open at that moment."""

from __future__ import annotations

from random import Random

import pytest

from analyzer.decoding import decode
from analyzer.fed import Fed
from analyzer.framing import parts_of
from analyzer.index import pages
from analyzer.index.pages import Messages
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.lab.conversation import talk_of
from tests.lab.faults import FAULTS, every_fault, talk_with
from tests.test_pages import shown

every_fault()
NAMES = sorted(FAULTS)


def resumed_always(trace: Trace, keys: KeyRing) -> list[object]:
    fed, made = Fed(keys), []
    for record in trace:
        for part in parts_of(record):
            made += fed.feed_part(part)
        fed = Fed.resumed(fed.state(), keys)
    return [shown(message) for message in [*made, *fed.end()]]


def agree(trace: Trace, keys: KeyRing) -> None:
    wanted = [shown(message) for message in decode(trace, keys)]
    assert resumed_always(trace, keys) == wanted
    # The same octets in parts of any size: as a reader of a serial line has them.
    pick = Random(len(wanted))
    numbers, records = 0, []
    for record in trace:
        for half in (record.data[: (at := pick.randrange(len(record.data) + 1))], record.data[at:]):
            if half:
                numbers += 1
                records.append(Record(numbers, half, record.direction, record.time, record.seconds))
    halves = Trace("halves", "halves", tuple(records))
    assert resumed_always(halves, keys) == [shown(message) for message in decode(halves, keys)]
    messages = Messages(trace, keys)
    assert [shown(message) for message in messages.advance()] == wanted
    for index in range(0, len(wanted), 3):
        messages._pages.clear()
        assert shown(messages[index]) == wanted[index]


@pytest.mark.parametrize("seed", range(60))
def test_healthy_conversations(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EVERY", 2)
    talk = talk_of(seed)
    agree(talk.play(), talk.ring())


@pytest.mark.parametrize("name", NAMES)
def test_conversations_with_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EVERY", 2)
    talk = talk_with(7, FAULTS[name])
    agree(talk.play(), talk.ring())
