"""A long trace goes out part by part: the same as one that is held, in memory that does not grow with it."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.diagnosis import long
from analyzer.export import diagnosed, hexlog, pcapng, stretches
from analyzer.export.bundle import Bundle
from analyzer.export.diagnosed import bundles_of
from analyzer.export.pieces import pieces_of
from analyzer.export.stretches import stretches_of
from analyzer.export.tables import rows_of
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyRing
from analyzer.model import Direction, Record, Trace
from analyzer.redaction import Redactor, secrets_of
from analyzer.sources import read_input
from tests.support import Conversation, ciphered, keys, plain

ROOT = Path(__file__).parents[1]
Short = Callable[[], None]


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Short]:
    """Long traces are those of more than 30 messages; the function that is given makes all of them short again."""
    monkeypatch.setattr(long, "LONG", 30)
    monkeypatch.setattr(long, "PART", 20)
    monkeypatch.setattr(long, "OVERLAP", 8)
    monkeypatch.setattr(diagnosed, "AT_ONCE", 7)
    monkeypatch.setattr(stretches, "LATE", 3)
    monkeypatch.setattr(stretches, "OPEN", 10)
    yield lambda: monkeypatch.setattr(long, "LONG", 20_000)


def faulty(framing: str = "hdlc") -> Trace:
    """A conversation with damage in two places, far from each other."""
    records = list(plain(framing, reads=50).trace())
    for place in (31, 88):  # in the second part and in the last
        data = bytearray(records[place].data)
        data[-4] ^= 1
        records[place] = replace(records[place], data=bytes(data))
    return Trace("METER", "faulty.log", records)


def in_pieces(talk: Conversation, size: int, direction: Direction | None = None, carrier: str = "") -> Trace:
    """The octets as a serial port or TCP brings them: records that end anywhere; each of one side if a direction is given."""
    parts: list[tuple[Direction, bytes]] = []
    for record in talk.trace():
        side = direction or record.direction
        if parts and parts[-1][0] == side:
            parts[-1] = side, parts[-1][1] + record.data
        else:
            parts.append((side, record.data))
    cut = [(side, data[at : at + size]) for side, data in parts for at in range(0, len(data), size)]
    return Trace("L", "l", [Record(n, data, side, carrier=carrier) for n, (side, data) in enumerate(cut, 1)])


TRACES: dict[str, Callable[[], Trace]] = {
    "healthy": lambda: plain(reads=50).trace("METER"),
    "ciphered": lambda: ciphered(reads=50).trace("METER"),
    "damaged": faulty,
    "wrapper": lambda: faulty("wrapper"),
    "records that cut frames": lambda: in_pieces(ciphered(reads=50), 20),
    "over TCP": lambda: in_pieces(ciphered("wrapper", reads=50), 30, carrier="tcp"),
    "records of either side": lambda: in_pieces(plain(reads=50), 100, "unknown"),
    "one record for all": lambda: in_pieces(plain(reads=50), 1 << 20, "unknown"),
    "no words for the sides": lambda: Trace(
        "L", "l", [replace(r, direction="unknown") for r in plain(reads=50).trace()]
    ),
}


def captured(trace: Trace, redactor: Redactor | None) -> bytes:
    stream = io.BytesIO()
    mask = redactor.text if redactor is not None else str
    pcapng.write(stream, [trace], bundles_of([trace], keys(), redactor), "test", mask)
    return stream.getvalue()


FORMS: dict[str, Callable[[Trace, Redactor | None], object]] = {
    "messages": lambda trace, redactor: list(rows_of("messages", bundles_of([trace], keys(), redactor))),
    "hex": lambda trace, redactor: list(hexlog.lines_of(bundles_of([trace], keys(), redactor, diagnosed=False))),
    "pcapng": captured,
}


def redactors(trace: Trace) -> Iterator[Redactor | None]:
    yield None
    yield Redactor(secrets_of(decode(trace, keys()), keys(), False))


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("form", FORMS)
def test_what_goes_out_in_parts_is_the_same(name: str, form: str, in_parts: Short) -> None:
    trace = TRACES[name]()
    made = []
    for _ in range(2):
        made.append([FORMS[form](trace, redactor) for redactor in redactors(trace)])
        with values_hidden():
            made[-1].append(FORMS[form](trace, None))
        in_parts()
    assert made[0] == made[1]


@pytest.mark.parametrize("name", TRACES)
def test_little_of_a_trace_waits(name: str, in_parts: Short) -> None:
    """No more than a part and what is open."""
    trace = TRACES[name]()
    sizes = [len(stretch.messages) for bundle in bundles_of([trace], keys()) for stretch in stretches_of(bundle)]
    assert sum(sizes) == sum(1 for _ in decode(trace)) > 90
    assert max(sizes) <= 40 or len(trace) == 1


@pytest.mark.parametrize("sides", ["unknown", "meter"])
@pytest.mark.parametrize("size", [333, 1 << 20])
def test_of_a_long_dump_the_frames_go_out(
    sides: Direction, size: int, in_parts: Short, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each frame once, in a record of its own; also those that go from one record into the next."""
    monkeypatch.setattr(stretches, "DUMP", 300)
    talk = ciphered(reads=50)
    trace = in_pieces(talk, size, sides)
    before = list(decode(trace, keys()))
    for redactor in redactors(trace):
        (bundle,) = bundles_of([trace], keys(), redactor, diagnosed=False)
        found = list(stretches_of(bundle))
        assert len(found) >= 5
        pieces = [piece for stretch in found for piece in pieces_of(stretch)]
        assert [len(piece.data) for piece in pieces] == [len(frame.data) for m in before for frame in m.frames]
        assert [number for piece in pieces for number in piece.messages] == [m.number for m in before]
    again = read_input(captured(trace, None), "out.pcapng")
    assert [[m.wire for m in decode(one, keys())] for one in again] == [[m.wire for m in before]]


@pytest.mark.parametrize("size", [7, 40, 100, 333])
def test_records_that_end_anywhere_read_back(size: int, in_parts: Short) -> None:
    """A frame that begins in a record with frames of both sides goes out once, also where it ends in the next one."""
    trace = in_pieces(plain(reads=50), size, "unknown")
    before = [(m.direction, m.wire) for m in decode(trace)]
    for _ in range(2):
        text = "\n".join(hexlog.lines_of(bundles_of([trace], keys(), diagnosed=False)))
        (again,) = read_input(text.encode(), "out.log")
        assert [(m.direction, m.wire) for m in decode(again)] == before
        in_parts()


@pytest.mark.parametrize("waiting", [10, 1000])
def test_a_packet_that_comes_late_is_not_lost(waiting: int, in_parts: Short, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP one side may begin a frame that ends far behind; its message stands where its octets are not out yet."""
    records = [replace(r, carrier="tcp") for r in plain("wrapper", reads=50).trace()]
    first, second = records[10].data[:5], records[10].data[5:]
    side = records[10].direction
    others = [r for r in records[11:] if r.direction != side]
    mixed = [*records[:10], replace(records[10], data=first), *others, replace(records[10], data=second), *records[12:]]
    trace = Trace("L", "l", [replace(r, number=n) for n, r in enumerate(mixed, 1)])
    monkeypatch.setattr(stretches, "OPEN", waiting)
    (bundle,) = bundles_of([trace], keys())
    pieces = [piece for stretch in stretches_of(bundle) for piece in pieces_of(stretch)]
    assert [(p.direction, p.data) for p in pieces] == [(r.direction, r.data) for r in trace]
    numbers = [m.number for m in decode(trace)]
    assert sorted(number for piece in pieces for number in piece.messages) == numbers


def test_short_traces_between_long_ones(in_parts: Short, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All come, in their order; the ids of the findings of a long one are its own."""
    log = tmp_path / "all.log"
    talks = [plain(reads=reads).trace(f"TRACE {n}") for n, reads in enumerate((3, 8, 50, 4, 4, 4, 40), 1)]
    log.write_text("\n".join(hexlog.lines_of(Bundle(trace, list(decode(trace))) for trace in talks)))
    assert main(["export", str(log), "--to", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    told = [(row["trace"], int(row["message"])) for row in rows]
    assert told == [(trace.name, message.number) for trace in talks for message in decode(trace)]
    out = tmp_path / "out.pcapng"
    assert main(["export", str(log), "--to", "pcapng", "-o", str(out)]) == 0
    again = read_input(out.read_bytes(), "out.pcapng")
    assert [[m.wire for m in decode(one)] for one in again] == [[m.wire for m in decode(one)] for one in talks]


def test_a_finding_of_no_message_comes_once(in_parts: Short) -> None:
    trace = faulty()
    found = [one for _, parts in diagnosed.diagnosed_of([trace], KeyRing()) for part in parts for one in part.findings]
    assert [one.message for one in found if one.code == "fcs-wrong"] == [32, 89]
    assert len({one.id for one in found}) == len(found)
    nowhere = [(one.code, one.side) for one in found if one.message is None]
    assert len(nowhere) == len(set(nowhere))


def test_the_input_may_be_written_over(tmp_path: Path) -> None:
    path = tmp_path / "dump.bin"
    path.write_bytes(b"".join(record.data for record in plain(reads=2000).trace()))
    before = [m.wire for trace in read_input(path.read_bytes(), "dump.bin") for m in decode(trace)]
    assert main(["export", str(path), "--to", "hex", "-o", str(path)]) == 0
    after = [m.wire for trace in read_input(path.read_bytes(), "dump.log") for m in decode(trace)]
    assert before == after
    assert [one.name for one in tmp_path.iterdir()] == ["dump.bin"]


MEASURE = """
import sys
sys.path.insert(0, "tests")
from analyzer.cli import main
from analyzer.diagnosis import long
from support import peak_kibibytes
long.LONG, long.PART, long.OVERLAP = 400, 200, 50
def peak(path):
    for form in sys.argv[4:]:
        assert main(["export", path, "--to", form, "-o", sys.argv[3]]) == 0
    return peak_kibibytes() // 1024
print(*map(peak, sys.argv[1:3]))
"""


@pytest.mark.parametrize("kind", ["log", "bin"])
def test_memory_does_not_grow_with_the_trace(tmp_path: Path, kind: str) -> None:
    """Held, the messages of the longer one would be 25 MB more. A dump is read in parts of 6000 frames of this size."""
    lengths, forms = ((400, 4000), ("csv", "pcapng", "hex")) if kind == "log" else ((3600, 7200), ("pcapng",))
    paths = []
    for reads in lengths:
        records = [record.data for record in plain(reads=reads).trace()]
        paths.append(tmp_path / f"{reads}.{kind}")
        paths[-1].write_bytes(
            b"".join(records) if kind == "bin" else b"\n\n".join(data.hex().encode() for data in records)
        )
    command = [sys.executable, "-c", MEASURE, *map(str, paths), str(tmp_path / "out"), *forms]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    less, more = map(int, done.stdout.split())
    assert more - less < 10
