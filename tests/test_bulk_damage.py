"""Damaged dumps by several processes: the same to the byte as by one, and hardly more that is decoded twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from analyzer.bulk import ranges, traces
from analyzer.bulk.forms import Form
from analyzer.bulk.traces import Bulk
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.damage import CLIENT, DAMAGES, METER, Damage, blocks, flagged, meters, registers

Dump = Callable[[int], list[bytes]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges so small that short traces have many."""
    monkeypatch.setattr(traces, "HEAD", 60)
    monkeypatch.setattr(traces, "WORTH", 180)
    monkeypatch.setattr(traces, "PAUSE", 400)
    monkeypatch.setattr(ranges, "RANGE_PIECES", 100)
    monkeypatch.setattr(traces, "RANGE_PIECES", 100)
    monkeypatch.setattr(ranges, "OVER", 12)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pieces of each range, and of what lies between ranges, the first process decoded."""
    done: list[int] = []
    own, alone = traces._Ranges._taken, traces.alone

    def taken(run: Any, job: Any, chunks: Any) -> Iterator[Any]:
        right = run.right
        yield from own(run, job, chunks)
        done.append(len(job.pieces) - (run.right - right))

    def counted(stages: Any, form: Any, pieces: Any, stop: int | None) -> Any:
        if stop is not None and stop > traces.HEAD:
            done.append(stop)
        return alone(stages, form, pieces, stop)

    monkeypatch.setattr(traces._Ranges, "_taken", taken)
    monkeypatch.setattr(traces, "alone", counted)
    return done


def decoded(frames: list[bytes], jobs: int, kind: str = "summary") -> Any:
    trace = Trace("dump", "raw", (Record(1, b"".join(frames)),))
    form = Form(kind, trace=trace.name, source=trace.source)  # type: ignore[arg-type]
    with Bulk(KeyRing(), jobs) as bulk:
        (found,) = [ranges.joined(list(each)) for each in bulk.each([(trace, form)])]
        assert bulk.lost == []
    return found


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("dump", [registers, blocks, meters], ids=lambda dump: dump.__name__)
def test_any_number_of_processes_writes_the_same(dump: Dump, damage: Damage) -> None:
    frames = damage(dump(1000), 60)
    one = decoded(frames, 1, "jsonl")
    assert decoded(frames, 2, "jsonl") == one and decoded(frames, 3, "jsonl") == one


def test_all_kinds_of_damage_at_once() -> None:
    frames = registers(400) + blocks(400) + meters(400)
    for damage in DAMAGES:
        frames = damage(frames, 150)
    one = decoded(frames, 1)
    assert decoded(frames, 2) == one and decoded(frames, 3) == one


def test_noise_leaves_a_link_that_nobody_looks_at(again: list[int]) -> None:
    """Octets between frames are of a link without addresses, which stays; all ranges that were guessed before it came are
    right for all that."""
    frames = registers(3000)
    frames[800:800] = [b"\x55" * 9]
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(count >= 20 for count in again) <= 1


def test_a_request_that_nobody_answers(again: list[int]) -> None:
    """It is known for ever that it waits, and it matters only to an answer with its number."""
    frames = registers(3000)
    frames[850:850] = [flagged(METER, CLIENT, 0x10, "E6E600CB0000007700")]
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(again) < 500


def test_meters_one_after_the_other(again: list[int]) -> None:
    """What is known of one meter does not keep ranges with others from being right."""
    frames = meters(3000)
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(again) < 500


def test_long_answers_in_pieces(again: list[int]) -> None:
    """A range that is guessed while a request waits is guessed as if it did not."""
    frames = blocks(3000)
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(again) < 1200


def test_what_stays_costs_few_ranges(again: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaler that is read is known of the meter from then on. Ranges that had been guessed before are guessed anew, so that
    all behind them are right, and no pause is made."""
    frames = registers(3000)
    frames[800:800] = [
        flagged(METER, CLIENT, 0x10, "E6E600C001C100030100010800FF0300"),
        flagged(CLIENT, METER, 0x10, "E6E700C401C10002020FFF161E"),
    ]
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(count >= 20 for count in again) <= 2


def test_messages_that_were_counted_wrongly(again: list[int]) -> None:
    """An echo of a segment is a message of its own, which nobody can tell at a glance: what waits is numbered anew."""
    frames = blocks(3000)
    frames[805:805] = [frames[804]] * 2
    assert decoded(frames, 2) == decoded(frames, 1)
    assert sum(count >= 60 for count in again) <= 4
