"""Logs and dumps that somebody still writes: in any pieces the same records as at once, and each line when it is there."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from analyzer.sources import growing as module
from analyzer.sources import read_input
from analyzer.sources.arrivals import Arrival
from analyzer.sources.growing import Growing
from tests.support import ROOT

THREAD = (ROOT / "captures/gurux-forum-2017/thread.log").read_bytes()
LINE = "2024-01-01 10:00:{:02}.000 {}: 7E A0 07 03 21 93 0F 01 7E\n"
SERIAL = sorted((ROOT / "captures/serial-pair").glob("*"))


class Kept:
    """What a reader has after some arrivals."""

    def __init__(self) -> None:
        self.traces: dict[int, tuple[object, list]] = {}

    def take(self, arrivals) -> list[Arrival]:
        made = list(arrivals)
        for arrival in made:
            _, records = self.traces.setdefault(id(arrival.trace), (arrival.trace, []))
            if arrival.anew:
                records.clear()
            records += arrival.records
            assert [r.number for r in records] == list(range(1, len(records) + 1))
        return made

    @property
    def said(self) -> list:
        return [(trace.name, octets(records)) for trace, records in self.traces.values() if records]


def octets(records) -> list[tuple[str, bytes]]:
    return [(side, b"".join(r.data for r in some)) for side, some in groupby(records, key=lambda r: r.direction)]


def grown(data: bytes, pieces: list[int], kind: str | None = None) -> tuple[Kept, Growing]:
    made, kept, at = Growing("x.log", kind), Kept(), 0
    for size in [*pieces, len(data)]:
        kept.take(made.more(data[at : at + size]))
        at += size
    kept.take(made.quiet())
    return kept, made


def whole(data: bytes, kind: str | None = None) -> list:
    return [(trace.name, octets(trace)) for trace in read_input(data, "x.log", kind)]


def inputs() -> list:
    found = [pytest.param(THREAD, id="thread")]
    found += [pytest.param(path.read_bytes(), id=path.name) for path in SERIAL if path.suffix not in (".md", ".toml")]
    return found


@pytest.mark.parametrize("data", inputs())
@pytest.mark.parametrize("seed", range(3))
def test_in_any_pieces_the_same_as_at_once(data: bytes, seed: int) -> None:
    chance = random.Random(seed)
    kept, _ = grown(data, [chance.randint(1, 700) for _ in range(100)])
    assert kept.said == whole(data)


def test_a_line_is_there_with_its_end_and_a_row_that_goes_on_gives_its_rest() -> None:
    made, kept = Growing("x.log"), Kept()
    assert kept.take(made.more(LINE.format(1, "TX").encode()[:-5])) == []
    (first,) = kept.take(made.more(LINE.format(1, "TX").encode()[-5:]))
    assert [(r.number, r.direction, len(r.data)) for r in first.records] == [(1, "client", 9)]
    kept.take(made.more(b"RX:\n00000  7E A0 07 03 21 93\n"))
    kept.take(made.more(b"00006  0F 01 7E\n"))
    assert kept.said[0][1] == [
        ("client", bytes.fromhex("7EA0070321930F017E")),
        ("meter", bytes.fromhex("7EA0070321930F017E")),
    ]


def test_a_line_without_an_end_waits_until_it_is_quiet() -> None:
    made, kept = Growing("x.log"), Kept()
    assert kept.take(made.more(b"TX: 7E A0 07 03 21 93 0F 01 7E")) == []
    (arrival,) = kept.take(made.quiet())
    assert len(arrival.records) == 1
    assert kept.take(made.quiet()) == []


def test_octets_of_a_line_come_as_they_are() -> None:
    made, kept = Growing("x.bin"), Kept()
    frame = bytes.fromhex("7EA0070321930F017E")
    kept.take(made.more(frame[:4]))
    kept.take(made.quiet())
    kept.take(made.more(frame[4:]))
    kept.take(made.quiet())
    kept.take(made.more(frame))
    assert kept.said == [("x", [("unknown", frame * 2)])]


def test_utf_16_as_windows_writes_it() -> None:
    text = "".join(LINE.format(n, "TX") for n in range(5)).encode("utf-16")
    kept, _ = grown(text, [7] * 40)
    assert kept.said == whole(text)


def test_text_without_octets_is_nothing_yet() -> None:
    made = Growing("x.log")
    assert list(made.more(b"Port COM5 opened\n")) == []
    assert "no hexadecimal" in made.problem
    assert len(list(made.more(LINE.format(1, "TX").encode()))) == 1
    assert made.problem == ""


@pytest.mark.parametrize("text", [True, False])
def test_a_long_log_is_not_read_again_as_a_whole(text: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 6000)
    monkeypatch.setattr(module, "HEAD", 1000)
    read: list[int] = []
    monkeypatch.setattr(module, "read_input", lambda data, *rest: (read.append(len(data)), read_input(data, *rest))[1])
    lines = [LINE.format(n % 60, "TX" if n % 2 else "RX").encode() for n in range(1000)]
    lines[700:700] = [b"\nSECOND METER\n============\n\n"]
    lines[900:900] = [b"TX: 7E A0 0\n"]
    data = b"".join(lines) if text else bytes.fromhex("7EA0070321930F017E") * 3000
    kept, _ = grown(data, [300] * (len(data) // 300))
    assert max(read) < 8000
    assert kept.said == whole(data)
    if text:
        (one, _), (two, records) = kept.traces.values()
        expected = read_input(data, "x.log")
        assert [r.place for r in records] == [r.place for r in expected[1]]
        assert [i.place for i in two.issues] == [i.place for i in expected[1].issues]  # type: ignore[attr-defined]
        assert one.issues == expected[0].issues  # type: ignore[attr-defined]
