"""The diagnosis of a long trace by several processes: the same as by one, whatever is in the trace, and whoever dies."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analyzer.bulk import diagnoses, parts
from analyzer.bulk.diagnoses import Diagnoser, worker
from analyzer.bulk.stages import Stages
from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, long, search
from analyzer.diagnosis.long import diagnose_long
from analyzer.hiding import values_hidden
from analyzer.index.pages import Messages
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.damage import DAMAGES, Damage, blocks, meters, registers
from tests.lab.conversation import healthy
from tests.lab.faults import every_fault
from tests.support import AK, CLIENT, EK, METER, Conversation, Station, ciphered, frame, keys, plain
from tests.test_bulk import strung

SWAPPED = keys(ek=AK.hex(), ak=EK.hex())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that short traces have many."""
    monkeypatch.setattr(long, "LONG", 100)
    monkeypatch.setattr(long, "PART", 80)
    monkeypatch.setattr(long, "OVERLAP", 20)
    monkeypatch.setattr(parts, "LEAD", 40)
    monkeypatch.setattr(parts, "CLOSED", 6)
    monkeypatch.setattr(diagnoses, "LEAD", 40)
    monkeypatch.setattr(diagnoses, "BEHIND", 40)
    monkeypatch.setattr(search, "BUDGET", 500)  # a search is bounded, and here are many
    monkeypatch.setattr(search, "SEARCHED", 5)
    monkeypatch.setattr(search, "MISTYPED", 1)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that the first process did, "..." where it went on alone."""
    done: list[str] = []
    own, alone = diagnoses._Run._here, diagnoses._Run._alone
    monkeypatch.setattr(
        diagnoses._Run,
        "_here",
        lambda run, part: done.append(str(part.number)) or own(run, part),  # type: ignore[func-returns-value]
    )
    monkeypatch.setattr(diagnoses._Run, "_alone", lambda run: done.append("...") or alone(run))  # type: ignore[func-returns-value]
    return done


def sessions(count: int = 8, reads: int = 30) -> Trace:
    """Ciphered sessions whose counters go on."""
    client, meter = Station(CLIENT), Station(METER)
    return strung([ciphered(client=client, meter=meter, reads=reads) for _ in range(count)])


def alone(trace: Trace, ring: KeyRing) -> Diagnosis:
    return diagnose_long(trace, decode(trace, ring), ring, partial(Messages, trace))


def told(diagnosis: Diagnosis) -> tuple[Any, ...]:
    """What anybody sees of a diagnosis."""
    return (
        diagnosis.findings, diagnosis.counts, diagnosis.statements, diagnosis.wires, diagnosis.messages, diagnosis.health,
        repr(diagnosis.keys if not isinstance(diagnosis.keys, KeyRing) else ""),
    )  # fmt: skip


def same(trace: Trace, ring: KeyRing, jobs: int = 2) -> Diagnosis:
    """The diagnosis by several processes, which is that by one."""
    with Diagnoser(ring, jobs) as diagnoser:
        found = diagnoser.diagnosis(trace)
    assert told(found) == told(alone(trace, ring))
    assert diagnoser.lost == []
    return found


@pytest.mark.parametrize("jobs", [2, 3])
def test_sessions_with_counters(jobs: int, here: list[str]) -> None:
    found = same(sessions(), keys(), jobs)
    assert found.health == "ok" and found.counts["verified"] > 400
    assert here == ["0"]  # workers did all others, each from a guess that became true


def test_one_stream_without_directions(here: list[str]) -> None:
    trace = Trace("stream", "raw", (Record(1, b"".join(record.data for record in sessions())),))
    same(trace, keys())
    assert here == ["0"]


def test_the_wrapper() -> None:
    same(ciphered("wrapper", reads=250).trace(), keys())


@pytest.mark.parametrize("seed", range(3))
def test_conversations_with_faults_one_after_the_other(seed: int) -> None:
    cases = [fault.make(seed * 100 + n)[0] for n, fault in enumerate(every_fault()[seed::12])]
    trace = strung([*cases, *(healthy(seed * 10 + n)[0] for n in range(5))])
    found = same(trace, healthy(seed)[1], 3)
    assert len(found.findings) > 10


@pytest.mark.parametrize(
    "ring", [SWAPPED, keys(ak="00112233445566778899AABBCCDDEE01"), KeyRing()], ids=["swapped", "wrong", "none"]
)
def test_keys_that_open_nothing(ring: KeyRing, here: list[str]) -> None:
    """Keys that the first part finds are used in all others."""
    found = same(sessions(), ring)
    assert found.counts["verified"] == 0
    assert "..." not in here and len(here) <= 2


def test_keys_that_are_found_late() -> None:
    """The first parts have nothing that is ciphered, so what is found has to be decoded from the begin of the trace."""
    for reads in (45, 130, 200):
        same(strung([plain(reads=reads), sessions(4)]), SWAPPED)


def test_keys_that_are_right_in_the_end() -> None:
    """Nothing verifies in the first parts, so that later ones are not searched, up to the one in which something does."""
    other = Station(METER, ek=bytes(16)), Station(CLIENT, ek=bytes(16))
    same(strung([*(ciphered(meter=other[0], client=other[1], reads=40) for _ in range(5)), sessions(5)]), keys())


def test_segments_and_blocks_across_parts() -> None:
    talk = Conversation().connect()
    octets = bytes.fromhex("E6E700C401C1000982012C") + bytes(300)
    for turn in range(60):
        number = turn % 8
        talk.link(0x10 | number << 1, bytes.fromhex("E6E600C001C100080000010000FF0200"))
        for start in range(0, len(octets), 40):
            talk.add(
                frame(0x10 | number << 1, octets[start : start + 40], to_server=False, more=start + 40 < len(octets)),
                "meter",
            )
    same(talk.trace(), KeyRing(), 3)


def test_what_is_never_finished() -> None:
    segment = frame(0x10, bytes.fromhex("E6E600C001C100"), more=True)
    same(strung([plain(reads=100), Trace("", "", [Record(1, segment)]), plain(reads=200)]), KeyRing())


def test_what_is_never_closed(here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A few parts are tried again and again from the begin; then one process goes on, so that the time stays linear."""
    monkeypatch.setattr(Stages, "snapshot", lambda stages: None)
    same(plain(reads=400).trace(), KeyRing())
    assert here[0] == "0" and here[-1] == "..." and len(here) <= 4


def test_damage_everywhere() -> None:
    octets = bytearray(b"".join(record.data for record in plain(reads=300).records))
    for at in range(50, len(octets), 211):
        octets[at] ^= 0x7E
    same(Trace("damaged", "raw", (Record(1, bytes(octets)),)), KeyRing(), 3)


@pytest.mark.parametrize(("seams", "done"), [([1], "0"), ([2], "02"), ([1, 2], "0"), ([4], "04"), ([4, 5], "04")])
def test_damage_before_a_part(seams: list[int], done: str, here: list[str]) -> None:
    """An address that is damaged keeps the state open for a while: the part is done here, and workers do the others."""
    records = list(plain(reads=300).trace())
    for seam in seams:
        octets = bytearray(records[seam * 80 - 30].data)
        octets[3] ^= 0x40
        records[seam * 80 - 30] = replace(records[seam * 80 - 30], data=bytes(octets))
    found = same(Trace("damaged", "raw", (Record(1, b"".join(record.data for record in records)),)), KeyRing())
    assert "fcs-wrong" in [finding.code for finding in found.findings]
    assert here == list(done)


SCALER_UNIT = bytes.fromhex("E6E600C001C100030100010800FF0300"), bytes.fromhex("E6E700C401C10002020FFF161E")


@pytest.mark.parametrize("jobs", [2, 6])
def test_what_happens_once_and_stays(jobs: int, here: list[str]) -> None:
    """A scaler that is read is known of the meter from then on: parts that were guessed before it came are given anew, and
    workers do all that follow, however many had been given."""
    records = list(plain(reads=500).trace())
    for place, side in ((260, "client"), (261, "meter")):
        control = 0x32 if side == "client" else 0x52
        data = frame(control, SCALER_UNIT[place - 260], to_server=side == "client")
        records[place] = replace(records[place], data=data)
    same(Trace("once", "raw", (Record(1, b"".join(record.data for record in records)),)), KeyRing(), jobs)
    assert here == ["0", "5"]


def test_a_request_that_is_never_answered(here: list[str]) -> None:
    """It waits for ever, and no part that is behind it looks at it: workers do all."""
    records = list(plain(reads=500).trace())
    octets = bytearray(records[260].data)
    octets[13] ^= 0x08  # the invoke-id
    records[260] = replace(records[260], data=bytes(octets))
    same(Trace("once", "raw", (Record(1, b"".join(record.data for record in records)),)), KeyRing())
    assert here == ["0"]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("dump", [registers, blocks, meters], ids=lambda dump: dump.__name__)
def test_damaged_dumps(damage: Damage, dump: Callable[[int], list[bytes]]) -> None:
    octets = b"".join(damage(dump(900), 60))
    same(Trace("damaged", "raw", (Record(1, octets),)), KeyRing(), 3)


@pytest.mark.parametrize("reads", [*range(36, 44), 85, 90])
def test_any_length(reads: int) -> None:
    """A last part that is short belongs to the one before it."""
    same(plain(reads=reads).trace(), KeyRing())


def test_nothing_at_all() -> None:
    same(Trace("empty", "test", ()), KeyRing())


def test_values_are_hidden_in_workers_too() -> None:
    trace = strung([fault.make(3)[0] for fault in every_fault()[::9]])
    with values_hidden():
        same(trace, KeyRing())


def test_one_crew_for_several_traces() -> None:
    with Diagnoser(keys(), 2) as diagnoser:
        found = [diagnoser.diagnosis(trace) for trace in (sessions(3), plain(reads=150).trace(), sessions(5))]
    assert [one.messages for one in found] == [204, 306, 340]
    assert all(one.health == "ok" for one in found)


# --- who dies ----------------------------------------------------------------------------------------------------------

DYING: dict[str, Any] = {}


def dies_in_a_part(shared: Any, job: Any) -> Any:
    """Dies in the part with a number, as often as told."""
    if job.number == DYING["number"] and len(os.listdir(DYING["folder"])) < DYING["times"]:
        (Path(DYING["folder"]) / str(len(os.listdir(DYING["folder"])))).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return worker(shared, job)


def test_a_part_that_killed_its_worker_is_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, here: list[str]
) -> None:
    monkeypatch.setattr(diagnoses, "worker", dies_in_a_part)
    DYING.update(number=3, times=2, folder=str(tmp_path))
    same(sessions(), keys())
    assert len(os.listdir(tmp_path)) == 2 and here == ["0"]


def test_a_part_that_kills_three_workers_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(diagnoses, "worker", dies_in_a_part)
    DYING.update(number=3, times=99, folder=str(tmp_path))
    trace = sessions()
    with Diagnoser(keys(), 2) as diagnoser:
        found = diagnoser.diagnosis(trace)
    (lost,) = diagnoser.lost
    assert "died 3 times (killed by SIGKILL)" in lost
    assert found.messages == len(trace) - 80 and found.counts["verified"] > 350
    assert any(text.startswith("Not diagnosed: about 80 messages") for text in found.statements)


def test_a_part_that_is_lost_where_nothing_was_closed_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No state is known from there on: what is behind is not told with numbers of messages that are made up."""
    monkeypatch.setattr(diagnoses, "worker", dies_in_a_part)
    DYING.update(number=1, times=99, folder=str(tmp_path))
    records = list(plain(reads=300).trace())
    records[50] = replace(records[50], data=records[50].data[:3] + b"\x43" + records[50].data[4:])
    records[200] = replace(records[200], data=records[200].data[:-3] + b"\0\0~")
    with Diagnoser(KeyRing(), 2) as diagnoser:
        found = diagnoser.diagnosis(Trace("damaged", "raw", (Record(1, b"".join(r.data for r in records)),)))
    assert [f.message for f in found.findings if f.code == "fcs-wrong"] == [51]
    assert len(diagnoser.lost) == 7 and "what is before it is not known" in diagnoser.lost[-1]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.bin"
    path.write_bytes(b"".join(record.data for record in sessions()))
    options = ["--ek", EK.hex(), "--ak", AK.hex(), "--format", "json"]
    said = []
    for jobs in ("1", "2", "3"):
        assert main(["diagnose", str(path), *options, "--jobs", jobs]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]
    assert json.loads(said[0])["traces"][0]["keys"]["verified"] > 400
    monkeypatch.setattr(diagnoses, "worker", dies_in_a_part)
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    DYING.update(number=2, times=99, folder=str(deaths))
    assert main(["diagnose", str(path), *options, "--jobs", "2"]) == 2
    out, err = capsys.readouterr()
    assert "died 3 times" in err and len(err.splitlines()) == 1 and '"health": "ok"' in out
