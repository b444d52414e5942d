"""Decoding by several processes: the same to the byte as in one, whatever is in the trace, and whoever dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analyzer.bulk import ranges, traces
from analyzer.bulk.crew import Crew, Lost
from analyzer.bulk.forms import Form, made
from analyzer.bulk.stages import Snapshot, Stages
from analyzer.bulk.traces import Bulk, worker
from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.framing import pieces_of
from analyzer.keyring import KeyProviderError, KeyRing
from analyzer.meter_keys import KeyFileError
from analyzer.model import Record, Trace
from tests.lab.conversation import healthy
from tests.lab.faults import every_fault
from tests.support import CLIENT, METER, Conversation, Station, ciphered, frame, keys, plain

KINDS = ("summary", "jsonl", "tree", "csv", "rows")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges so small that short traces have many."""
    monkeypatch.setattr(traces, "HEAD", 30)
    monkeypatch.setattr(traces, "WORTH", 90)
    monkeypatch.setattr(traces, "PAUSE", 60)
    monkeypatch.setattr(ranges, "RANGE_PIECES", 50)
    monkeypatch.setattr(ranges, "OVER", 12)


def strung(parts: Sequence[Trace | Conversation]) -> Trace:
    """Conversations one after the other as one trace."""
    records = [record for part in parts for record in (part if isinstance(part, Trace) else part.records)]
    return Trace("strung", "test", [Record(n, r.data, r.direction, r.time, r.seconds, carrier=r.carrier, lost=r.lost)
                                    for n, r in enumerate(records, 1)])  # fmt: skip


def by(jobs: int, all_traces: Sequence[Trace], kind: str, ring: KeyRing, **options: Any) -> tuple[list[Any], list[str]]:
    """What a form makes of each trace, and what was lost."""
    forms = [Form(kind, trace=trace.name, source=trace.source, **options) for trace in all_traces]  # type: ignore[arg-type]
    with Bulk(ring, jobs) as bulk:
        found = [ranges.joined(list(each)) for each in bulk.each(zip(all_traces, forms, strict=True))]
        return found, bulk.lost


def wanted(trace: Trace, kind: str, ring: KeyRing) -> Any:
    """The same by `decode`, which knows of no ranges."""
    form = Form(kind, trace=trace.name, source=trace.source)  # type: ignore[arg-type]
    return made(form, list(decode(trace, ring)))


def long_sessions(count: int = 20) -> Trace:
    """Ciphered sessions whose counters go on, so that no state at the begin of a range is that of another."""
    client, meter = Station(CLIENT), Station(METER)
    return strung([ciphered(client=client, meter=meter, reads=9) for _ in range(count)])


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_with_counters(kind: str) -> None:
    trace = long_sessions()
    assert by(3, [trace], kind, keys()) == ([wanted(trace, kind, keys())], [])


def test_one_stream_without_directions() -> None:
    trace = Trace("stream", "raw", (Record(1, b"".join(record.data for record in long_sessions())),))
    assert by(2, [trace], "jsonl", keys()) == ([wanted(trace, "jsonl", keys())], [])


@pytest.mark.parametrize("seed", range(4))
def test_conversations_with_faults_one_after_the_other(seed: int) -> None:
    faults = every_fault()
    cases = [fault.make(seed * 100 + n)[0] for n, fault in enumerate(faults[seed::4])]
    trace = strung([*cases, *(healthy(seed * 10 + n)[0] for n in range(10))])
    ring = healthy(seed)[1]
    assert by(3, [trace], "jsonl", ring) == ([wanted(trace, "jsonl", ring)], [])


def test_what_is_never_finished() -> None:
    """A segment that nothing follows holds everything back up to the end; memory, not correctness, hangs on that."""
    open_ended = Conversation("hdlc")
    open_ended.link(0x10, bytes.fromhex("E6E600C001C1"), to_server=True)
    segment = frame(0x10, bytes.fromhex("E6E600C001C100"), more=True)
    trace = strung([plain(reads=100), Trace("", "", [Record(1, segment)]), plain(reads=100), open_ended])
    assert by(2, [trace], "summary", KeyRing()) == ([wanted(trace, "summary", KeyRing())], [])


def test_damage_everywhere() -> None:
    octets = bytearray(b"".join(record.data for record in plain(reads=400).records))
    for at in range(50, len(octets), 211):
        octets[at] ^= 0x7E
    trace = Trace("damaged", "raw", (Record(1, bytes(octets)),))
    assert by(3, [trace], "jsonl", KeyRing()) == ([wanted(trace, "jsonl", KeyRing())], [])


def test_many_short_traces_and_a_long_one_between() -> None:
    many = [healthy(seed)[0] for seed in range(30)]
    all_traces = [*many[:15], long_sessions(), *many[15:]]
    found, lost = by(3, all_traces, "summary", keys())
    assert found == [wanted(trace, "summary", keys()) for trace in all_traces] and not lost


def test_nothing_at_all() -> None:
    assert by(2, [Trace("empty", "", ())], "summary", KeyRing()) == ([""], [])
    assert by(2, [], "summary", KeyRing()) == ([], [])


def test_a_snapshot_is_where_one_can_go_on() -> None:
    """The state behind any piece where nothing is open, taken up by other stages, gives the same messages."""
    trace = strung([ciphered(reads=3), plain(reads=2), healthy(3)[0], healthy(4)[0]])
    pieces = list(pieces_of(trace))
    whole = wanted(trace, "jsonl", keys())
    tried = 0
    for cut in range(1, len(pieces), 3):
        stages = Stages(keys())
        taken: list[Snapshot | None] = []

        def fed(until: int, stages: Stages = stages, taken: list[Snapshot | None] = taken) -> Iterator[Any]:
            yield from pieces[:until]
            taken.append(stages.snapshot())

        form = Form("jsonl", trace=trace.name, source=trace.source)
        first = list(stages.messages(fed(cut)))
        if taken[0] is None:
            continue
        tried += 1
        first = first[: taken[0].count]
        rest = list(Stages(keys(), taken[0]).messages(pieces[cut:]))
        assert made(form, first) + made(form, rest) == whole
    assert tried > 5


# --- who dies ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_remembers_the_last_segments() -> None:
    """A segment that comes again right behind a range is the one before it, and no beginning of another APDU."""
    apdu = bytes.fromhex("E6E700C401C1000928") + bytes(range(40))
    segments = [frame(0x30, apdu[:20], to_server=False, more=True), frame(0x32, apdu[20:], to_server=False)]
    pieces = [*pieces_of([Record(n, data, "meter") for n, data in enumerate([*segments, segments[1]], 1)])]
    request = next(pieces_of([Record(9, frame(0x10, bytes.fromhex("E6E600C001C100080000010000FF0200")), "client")]))
    pieces = [request, *pieces[:2], request, *pieces[2:]]

    def shown(messages: Iterator[Any]) -> list[Any]:
        return [(m.number, m.wire, m.complete, m.apdu) for m in messages]

    whole, tried = shown(Stages(KeyRing()).messages(iter(pieces))), 0
    for cut in range(1, len(pieces)):
        stages, taken = Stages(KeyRing()), []

        def fed(stages: Stages = stages, taken: list[Any] = taken, cut: int = cut) -> Iterator[Any]:
            yield from pieces[:cut]
            taken.append(stages.snapshot())

        first = shown(stages.messages(fed()))
        if taken[0] is not None:
            tried += 1
            first = first[: taken[0].count]
            assert first + shown(Stages(KeyRing(), taken[0]).messages(iter(pieces[cut:]))) == whole
    assert tried


def killer(shared: tuple[str, int], job: int) -> int:
    """Kills itself as often as told for the job 13, before it gives the double."""
    folder, times = shared
    if job == 13:
        deaths = len(os.listdir(folder))
        if deaths < times:
            (Path(folder) / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return 2 * job


@pytest.mark.parametrize(("times", "answer"), [(0, 26), (1, 26), (2, 26), (3, None)])
def test_a_worker_that_dies_loses_only_its_job(times: int, answer: int | None, tmp_path: Path) -> None:
    with Crew(2, killer, (str(tmp_path), times)) as crew:
        for number in range(30):
            crew.give(number, number)
        results = dict(crew.take() for _ in range(30))
        assert not crew.open
    odd = results.pop(13)
    assert results == {number: 2 * number for number in range(30) if number != 13}
    if answer is None:
        assert odd == Lost("its worker process died 3 times (killed by SIGKILL)")
    else:
        assert odd == answer


@pytest.fixture
def thread() -> Iterator[None]:
    """A second thread: then no process is forked, but started anew, as on other systems than Linux."""
    over = threading.Event()
    running = threading.Thread(target=over.wait)
    running.start()
    yield
    over.set()
    running.join()


@pytest.mark.usefixtures("thread")
def test_workers_that_are_started_anew() -> None:
    trace = long_sessions(10)
    assert by(2, [trace], "summary", keys()) == ([wanted(trace, "summary", keys())], [])


def faulty(shared: Any, job: str) -> str:
    raise ValueError(f"the secret {job}")


def test_a_defect_is_said_without_what_it_holds() -> None:
    with Crew(1, faulty, None) as crew:
        crew.give(1, "octets")
        _, lost = crew.take()
    assert isinstance(lost, Lost) and "ValueError in test_bulk.py" in lost.reason and "octets" not in lost.reason


def without_keys(shared: Any, job: type[Exception]) -> Any:
    raise job("key plug-in Vault failed for ek: ConnectionError sealed")


@pytest.mark.parametrize("kind", [KeyProviderError, KeyFileError])
def test_keys_that_a_worker_cannot_have_are_no_defect(kind: type[Exception]) -> None:
    """It is said as the first process says it."""
    with Crew(1, without_keys, None) as crew:
        crew.give(1, kind)
        assert crew.take() == (1, Lost("key plug-in Vault failed for ek: ConnectionError sealed"))


def test_workers_end_with_the_crew() -> None:
    with Crew(2, killer, ("", 0)) as crew:
        crew.give(1, 1)
        crew.give(2, 2)
        crew.take()
        processes = crew.processes
        assert len(processes) == 2
    for number in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


DYING: dict[str, Any] = {}


def dies_in_a_range(shared: Any, job: Any) -> Any:
    """Dies in every range that has a certain record, as often as told."""
    if any(DYING["octets"] in piece.data for piece in job.pieces) and len(os.listdir(DYING["folder"])) < DYING["times"]:
        (Path(DYING["folder"]) / str(len(os.listdir(DYING["folder"])))).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return worker(shared, job)


def test_a_range_that_killed_its_worker_is_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(traces, "worker", dies_in_a_range)
    trace = long_sessions()
    DYING.update(octets=trace[400].data, times=2, folder=str(tmp_path))
    assert by(2, [trace], "summary", keys()) == ([wanted(trace, "summary", keys())], [])
    assert len(os.listdir(tmp_path)) == 2


def test_a_range_that_kills_three_workers_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(traces, "worker", dies_in_a_range)
    trace = long_sessions()
    DYING.update(octets=trace[400].data, times=99, folder=str(tmp_path))
    (found,), (lost,) = by(2, [trace], "summary", keys())
    lines, all_lines = found.splitlines(), wanted(trace, "summary", keys()).splitlines()
    missing = [line for line in all_lines if line not in lines]
    assert 0 < len(missing) <= 80 and lines == [line for line in all_lines if line not in missing]
    assert "died 3 times (killed by SIGKILL)" in lost and f"about {len(missing)} messages" in lost


# --- the commands ------------------------------------------------------------------------------------------------------


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "long.bin"
    path.write_bytes(b"".join(record.data for record in long_sessions(10)))
    return str(path)


KEY_OPTIONS = [
    "--ek",
    keys().candidates("ek")[0].secret.value.hex(),
    "--ak",
    keys().candidates("ak")[0].secret.value.hex(),
]


@pytest.mark.parametrize(
    "arguments",
    [
        ["decode", "--format", "summary"],
        ["decode", "--format", "jsonl"],
        ["decode"],
        ["decode", "--format", "summary", "--redact=secrets"],
        ["decode", "--format", "jsonl", "--redact=payload"],
        ["export", "--to", "jsonl"],
        ["export", "--to", "csv", "--table", "values"],
        ["export", "--to", "csv"],
        ["export", "--to", "parquet", "--table", "values"],
        ["export", "--to", "parquet", "--table", "values", "--redact=secrets"],
    ],
    ids=" ".join,
)
def test_commands_give_the_same_with_any_number_of_processes(
    arguments: list[str], capture: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = []
    for jobs in ("1", "2", "3"):
        assert main([*arguments, capture, *KEY_OPTIONS, "--jobs", jobs]) == 0
        found.append(capfdbinary.readouterr().out)
    assert found[0] == found[1] == found[2] and len(found[0]) > 1000


def test_jobs_is_a_number(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", capture, "--jobs", "0"]) == 2
    assert capsys.readouterr().err == "dlmscope: --jobs takes a number from 1\n"


def test_what_is_lost_ends_with_a_word_and_status_2(
    capture: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    monkeypatch.setattr(traces, "worker", dies_in_a_range)
    DYING.update(octets=long_sessions()[150].data, times=3, folder=str(deaths))
    assert main(["decode", capture, "--format", "summary", "--jobs", "2"]) == 2
    out, err = capsys.readouterr()
    assert "died 3 times" in err and len(err.splitlines()) == 1 and len(out.splitlines()) > 100
