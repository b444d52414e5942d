"""Whether a trace is long is known without decoding much of it, and never said of one that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from analyzer.cli import main
from analyzer.decoding import Decoder, decode
from analyzer.diagnosis import long
from analyzer.diagnosis.long import BEGINNING, LONG, LongMessages, messages_of, surely_long
from analyzer.keyring import KeyRing
from analyzer.model import Direction, Record, Trace
from analyzer.sources import read_input
from tests.lab.conversation import healthy
from tests.lab.faults import every_fault, talk_with
from tests.support import ROOT, plain

FIRST = 20  # stands for BEGINNING


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the messages that are decoded."""
    found: list[int] = []
    own = Decoder.message

    def message(self: Decoder, unit):  # type: ignore[no-untyped-def]
        made = own(self, unit)
        found.append(made.number)
        return made

    monkeypatch.setattr(Decoder, "message", message)
    return found


def traces() -> list[Trace]:
    """Conversations of all kinds, with faults, in pieces, damaged, and noise."""
    random = Random(1)
    made = [talk_with(2, fault).play() for fault in every_fault() if not fault.beside]
    made += [healthy(seed)[0] for seed in range(60)]
    for trace in list(made[::5]):
        octets = bytearray(b"".join(record.data for record in trace))
        for _ in range(len(octets) // 40):
            octets[random.randrange(len(octets))] = random.choice((0x7E, 0x68, random.randrange(256)))
        cuts = sorted(random.randrange(len(octets)) for _ in range(20))
        sides: tuple[Direction, ...] = ("client", "meter", "unknown")
        parts = [bytes(octets[a:b]) for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
        made.append(Trace("damaged", "t", tuple(Record(n, p, random.choice(sides)) for n, p in enumerate(parts, 1))))
    for n in range(20):
        made.append(Trace("noise", "t", (Record(1, random.randbytes(3000), "meter"), Record(2, b"~" * n, "client"))))
    for path in sorted((ROOT / "captures").glob("*/*.log")):
        made += read_input(path.read_bytes(), path.name)
    return made


def test_no_trace_is_called_long_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of most that are it is known."""
    known = both = 0
    for trace in traces():
        count = sum(1 for _ in decode(trace))
        for most in {0, count // 2, max(0, count - 1), count, count + 1}:
            monkeypatch.setattr(long, "LONG", most)
            assert surely_long(trace) <= (count > most), trace.name
        monkeypatch.setattr(long, "LONG", count * 8 // 10)
        known, both = known + surely_long(trace), both + (count > 0)
    assert known > both / 2 > 100


@pytest.mark.parametrize("most", [5, 21, 30, 63, 64, 65, 1000])
def test_the_messages_are_those_of_decode(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "LONG", most)
    monkeypatch.setattr(long, "BEGINNING", FIRST)
    trace, ring = plain(reads=29).trace(), KeyRing()
    whole = list(decode(trace, ring))
    assert len(whole) == 64
    found = messages_of(trace, ring)
    assert isinstance(found, LongMessages) == (len(whole) > most)
    assert [m.wire for m in found] == [m.wire for m in whole] and len(found) > min(most, 63)
    if isinstance(found, LongMessages):
        assert len(found) == most + 1 and str(found).endswith(f"more than {most})")
        found.known = len(whole)
        assert len(found) == len(whole) and str(found) == "LongMessages(64)"
        for place in (0, 3, 63, -1, slice(2, 9), slice(None, None, 7)):
            one, other = found[place], whole[place]
            assert [m.wire for m in (one if isinstance(one, list) else [one])] == [  # type: ignore[union-attr]
                m.wire for m in (other if isinstance(other, list) else [other])
            ]
        with pytest.raises(IndexError):
            found[64]


def test_little_is_decoded_to_know(decoded: list[int]) -> None:
    trace = plain(reads=LONG // 2).trace()
    assert isinstance(messages_of(trace, KeyRing()), LongMessages)
    assert len(decoded) == BEGINNING
    decoded.clear()
    short = plain(reads=700).trace()
    assert len(messages_of(short, KeyRing())) == len(decoded) == 1406


def test_segments_are_decoded_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no frame says that none follows, the messages are counted."""
    monkeypatch.setattr(long, "LONG", 30)
    monkeypatch.setattr(long, "BEGINNING", 10)
    records = []
    for number, record in enumerate(plain(reads=40).trace(), 1):
        data = bytearray(record.data)
        data[1] |= 0x08
        records.append(replace(record, number=number, data=bytes(data)))
    trace = Trace("t", "t", tuple(records))
    assert not surely_long(trace)
    count = sum(1 for _ in decode(trace))
    assert isinstance(messages_of(trace, KeyRing()), LongMessages) == (count > 30)


def test_markdown_counts_the_messages_that_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.log"
    path.write_text("\n".join(record.data.hex() for record in plain(reads=300).trace()))
    said = []
    for most in (20_000, 250):
        monkeypatch.setattr(long, "LONG", most)
        assert main(["diagnose", str(path), "--format", "markdown", "--jobs", "1"]) == 0
        said.append([line for line in capsys.readouterr().out.splitlines() if line.endswith(" more")])
    assert said[0] == said[1] and len(said[0]) == 1
