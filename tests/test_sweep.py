"""Sweeps: the same tables whoever works, restartable at any point, and nothing secret in the folder."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer.cli import main
from analyzer.diagnosis import long
from analyzer.export import hexlog
from analyzer.export.bundle import Bundle
from analyzer.sweep import places, pools
from analyzer.sweep.examine import Outcome, examine
from analyzer.sweep.places import Capture
from tests.support import (
    AK,
    CLIENT,
    EK,
    GET_CLOCK,
    INITIATE_REQUEST,
    METER,
    Conversation,
    Station,
    aarq,
    ciphered,
    keys,
    plain,
)

parquet = pytest.importorskip("pyarrow.parquet")

KEYS = f'[[meter]]\nname = "bench"\nglobal_unicast_encryption_key = "{EK.hex()}"\nauthentication_key = "{AK.hex()}"\n'
OTHER_METER = bytes.fromhex("4C475A0000BC614F")


def log(talk: Conversation) -> str:
    """A conversation as a hex log."""
    from analyzer.decoding import decode

    trace = talk.trace()
    return "\n".join(hexlog.lines_of([Bundle(trace, list(decode(trace, keys())))])) + "\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder of captures: two meters whose counters go on, go back and jump, a silent one, one without any octets."""
    folder = tmp_path / "captures"
    folder.mkdir()
    client, meter = Station(CLIENT), Station(METER)
    for number in range(3):
        (folder / f"one-{number}.log").write_text(log(ciphered(client=client, meter=meter)))
    other = Station(OTHER_METER)
    (folder / "two-0.log").write_text(log(ciphered(client=Station(CLIENT), meter=other)))
    other.counter += 1_000_000
    (folder / "two-1.log").write_text(log(ciphered(client=Station(CLIENT, counter=500), meter=other)))
    other.counter = 7
    (folder / "two-2.log").write_text(log(ciphered(client=Station(CLIENT, counter=900), meter=other)))
    (folder / "plain.log").write_text(log(plain()))
    silent = Conversation("wrapper")
    for _ in range(3):
        silent.request(GET_CLOCK)
    (folder / "silent.log").write_text(log(silent))
    wrong = Conversation("hdlc").connect().request(aarq(INITIATE_REQUEST), llc=b"").reply(b"\x05\x01\xc8")
    (folder / "wrong.log").write_text(log(wrong))
    (folder / "text.log").write_text("nothing but words\n")
    (tmp_path / "keys.toml").write_text(KEYS)
    return folder


def run(fleet: Path, *more: str, out: str = "out", pattern: str = "*") -> int:
    arguments = [str(fleet / pattern), "--keys", str(fleet.parent / "keys.toml"), "--out", str(fleet.parent / out)]
    return main(["sweep", *arguments, *more])


def tables(folder: Path) -> dict[str, list[str]]:
    """The rows of every table, sorted."""
    found: dict[str, list[str]] = {}
    for name in ("values", "findings"):
        rows = [row for part in folder.glob(f"{name}/*.parquet") for row in parquet.read_table(part).to_pylist()]
        found[name] = sorted(map(json.dumps, rows))
    found["captures"] = sorted(map(json.dumps, parquet.read_table(folder / "captures.parquet").to_pylist()))
    return found


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The captures that were examined, by this process."""
    seen: list[str] = []

    def noted(settings: Any, capture: Capture) -> Outcome:
        seen.append(os.path.basename(capture.name))
        return examine(settings, capture)

    monkeypatch.setattr(pools, "examine", noted)
    return seen


# --- what comes out ----------------------------------------------------------------------------------------------------


def test_the_report_says_what_the_fleet_has_in_common(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fleet) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "10 captures: " in out and "1 unreadable" in out
    found = report(fleet.parent / "out")
    assert found["captures"] == 10 and found["traces"] == 9
    assert [one["capture"].rpartition("/")[2] for one in found["unreadable"]] == ["text.log"]
    assert "no hexadecimal bytes found" in found["unreadable"][0]["reason"]
    (silent,) = found["silent"]
    assert silent["capture"].endswith("silent.log") and silent["requests"] == 3
    meters = {step["direction"]: step for step in found["counters"]["jumps"]}
    assert set(meters) == {"meter"} and meters["meter"]["meter"] == OTHER_METER.hex().upper()
    assert meters["meter"]["after"] - meters["meter"]["before"] > 1_000_000 and meters["meter"]["ordered"] == "name"
    (back,) = found["counters"]["back"]
    assert (back["direction"], back["meter"], back["model"]) == ("meter", OTHER_METER.hex().upper(), "LGZ")
    assert [name.rpartition("/")[2] for name in back["captures"]] == ["two-1.log", "two-2.log"]
    assert {"MMM": 1, "LGZ": 1}.items() <= {m["model"]: m["meters"] for m in found["models"]}.items()
    assert found["keys"]["failed"] == found["keys"]["no_key"] == 0 < found["keys"]["verified"]
    markdown = (fleet.parent / "out/report.md").read_text()
    assert "two-1.log" in markdown.replace("\\", "") and "# Fleet report" in markdown


def test_the_report_is_as_its_schema_says(fleet: Path) -> None:
    run(fleet)
    schema = json.loads((files("analyzer.report") / "schemas/sweep.schema.json").read_text("utf-8"))
    jsonschema.validate(report(fleet.parent / "out"), schema)


def test_tables_have_the_rows_of_every_capture(fleet: Path) -> None:
    run(fleet)
    found = tables(fleet.parent / "out")
    clock = [json.loads(row) for row in found["values"] if "0-0:1.0.0" in row]
    assert {row["capture"].rpartition("/")[2] for row in clock} >= {"one-0.log", "two-2.log", "plain.log"}
    assert {row["meter"] for row in clock} >= {METER.hex().upper(), OTHER_METER.hex().upper()}
    captures = [json.loads(row) for row in found["captures"]]
    assert len(captures) == 10 and sum(row["unreadable"] is not None for row in captures) == 1
    assert {row["health"] for row in captures if row["unreadable"] is None} == {"ok", "failing"}


@pytest.mark.parametrize("more", [[], ["--redact"]], ids=["open", "redacted"])
def test_a_long_capture_has_the_rows_of_one_that_is_held(
    more: list[str], fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part, with ids that go on; only how much was tried to explain a damaged tag depends on the part."""
    talk = ciphered(reads=50)
    for place in (31, 88):
        data = bytearray(talk.records[place].data)
        data[-4] ^= 1
        talk.records[place] = replace(talk.records[place], data=bytes(data))
    (fleet / "long.log").write_text(log(talk))
    found = []
    for out in ("held", "parts"):
        run(fleet, "--jobs", "1", *more, out=out, pattern="[lp]*.log")
        rows = tables(fleet.parent / out)
        findings = [json.loads(row) for row in rows.pop("findings")]
        ids = [(row["capture"], row["trace"], row["id"]) for row in findings]
        assert len(set(ids)) == len(ids) > 3
        kept = sorted(json.dumps({**row, "id": 0, "evidence": ""}) for row in findings)
        found.append((kept, rows["values"], report(fleet.parent / out)["models"]))
        monkeypatch.setattr(long, "LONG", 30)
        monkeypatch.setattr(long, "PART", 20)
        monkeypatch.setattr(long, "OVERLAP", 8)
    assert found[0] == found[1]


@pytest.mark.parametrize("jobs", ["1", "2", "5"])
def test_tables_are_the_same_with_any_number_of_processes(jobs: str, fleet: Path) -> None:
    run(fleet, "--jobs", "1", out="a")
    run(fleet, "--jobs", jobs, out="b")
    assert tables(fleet.parent / "a") == tables(fleet.parent / "b")
    assert report(fleet.parent / "a") == report(fleet.parent / "b")


def test_formats_of_the_report(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fleet, "--format", "json")
    assert json.loads(capsys.readouterr().out) == report(fleet.parent / "out")
    run(fleet, "--format", "markdown")
    assert capsys.readouterr().out == (fleet.parent / "out/report.md").read_text()


def test_exit_status(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fleet, pattern="one-*", out="healthy") == 0
    assert run(fleet, pattern="wrong*", out="failing") == 1
    assert run(fleet, pattern="text*", out="unreadable") == 2
    capsys.readouterr()
    assert run(fleet, pattern="none*") == 2
    assert capsys.readouterr().err.endswith("none*: no capture matches\n")


# --- restarts ----------------------------------------------------------------------------------------------------------


def test_what_is_done_stays(fleet: Path, counted: list[str]) -> None:
    run(fleet, "--jobs", "1")
    first = tables(fleet.parent / "out"), report(fleet.parent / "out")
    assert len(counted) == 10
    counted.clear()
    run(fleet, "--jobs", "1")
    assert counted == ["text.log"], "what could not be read is tried again"
    assert (tables(fleet.parent / "out"), report(fleet.parent / "out")) == first


def test_a_changed_capture_is_done_again(fleet: Path, counted: list[str]) -> None:
    run(fleet, "--jobs", "1", pattern="[op]*")
    counted.clear()
    status = os.stat(fleet / "one-1.log")
    os.utime(fleet / "one-1.log", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    run(fleet, "--jobs", "1", pattern="[op]*")
    assert counted == ["one-1.log"]


def test_other_keys_or_options_do_all_again(fleet: Path, counted: list[str]) -> None:
    run(fleet, "--jobs", "1", pattern="one*")
    counted.clear()
    (fleet.parent / "keys.toml").write_text(KEYS.replace(AK.hex(), "00" * 16))
    run(fleet, "--jobs", "1", pattern="one*")
    assert len(counted) == 3
    run(fleet, "--jobs", "1", "--redact", pattern="one*")
    assert len(counted) == 6


@pytest.mark.parametrize("damage", ["manifest gone", "manifest cut", "table gone", "table cut"])
def test_half_a_part_is_done_again(damage: str, fleet: Path, counted: list[str]) -> None:
    out = fleet.parent / "out"
    run(fleet, "--jobs", "1", pattern="one*")
    whole = tables(out)
    part = next(path.stem for path in out.glob("parts/*.json") if "one-1" in path.read_text())
    path = (
        out
        / ("parts" if "manifest" in damage else "values")
        / (f"{part}.json" if "manifest" in damage else f"{part}.parquet")
    )
    if "gone" in damage:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40])
    (out / "values" / f"{part}.parquet.half").write_bytes(b"PAR1")
    counted.clear()
    run(fleet, "--jobs", "1", pattern="one*")
    assert counted == ["one-1.log"] and tables(out) == whole
    assert not list(out.rglob("*.half"))


def test_parts_of_captures_that_are_gone_go(fleet: Path) -> None:
    run(fleet)
    (fleet / "two-1.log").unlink()
    run(fleet)
    run(fleet, out="fresh")
    assert tables(fleet.parent / "out") == tables(fleet.parent / "fresh")
    assert len(list((fleet.parent / "out/values").iterdir())) == 8


def test_an_interrupted_sweep_goes_on(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], counted: list[str]
) -> None:
    def interrupted(settings: Any, capture: Capture) -> Outcome:
        if len(counted) == 4:
            raise KeyboardInterrupt
        counted.append(capture.name)
        return examine(settings, capture)

    with monkeypatch.context() as patch:
        patch.setattr(pools, "examine", interrupted)
        assert run(fleet, "--jobs", "1", out="a") == 130
    assert "interrupted: 4 of 10 captures are done; the same command goes on there" in capsys.readouterr().err
    counted.clear()
    run(fleet, "--jobs", "1", out="a")
    assert len(counted) == 6
    run(fleet, out="b")
    assert tables(fleet.parent / "a") == tables(fleet.parent / "b")


def test_a_folder_of_something_else_is_left_alone(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet.parent / "out").mkdir()
    (fleet.parent / "out/thesis.txt").write_text("all my work")
    assert run(fleet) == 2
    assert "holds other things than a sweep" in capsys.readouterr().err
    assert [path.name for path in (fleet.parent / "out").iterdir()] == ["thesis.txt"]


def test_two_sweeps_at_once_do_not_share_a_folder(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from analyzer.sweep.folder import Folder

    folder = Folder(str(fleet.parent / "out"))
    try:
        assert run(fleet) == 2
        assert "another sweep is writing to this folder" in capsys.readouterr().err
    finally:
        folder.close()
    assert run(fleet) == 1


# --- who dies ----------------------------------------------------------------------------------------------------------


def deadly(settings: Any, capture: Capture) -> Outcome:
    if capture.name.endswith("two-1.log"):
        os.kill(os.getpid(), signal.SIGKILL)
    return examine(settings, capture)


def test_a_capture_that_kills_its_worker_does_not_end_the_sweep(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "examine", deadly)
    assert run(fleet, "--jobs", "2") == 1
    reasons = {one["capture"].rpartition("/")[2]: one["reason"] for one in report(fleet.parent / "out")["unreadable"]}
    assert reasons["two-1.log"] == "its worker process died 3 times (killed by SIGKILL)" and len(reasons) == 2
    monkeypatch.undo()
    run(fleet, "--jobs", "2")
    run(fleet, out="fresh")
    assert tables(fleet.parent / "out") == tables(fleet.parent / "fresh")


def test_workers_that_are_started_anew_have_keys_and_certificates(fleet: Path) -> None:
    (fleet.parent / "card.pem").write_text("certificate")
    (fleet.parent / "keys.toml").write_text(KEYS + 'server_certificate = "card.pem"\n')
    over = threading.Event()
    running = threading.Thread(target=over.wait)
    running.start()
    try:
        assert run(fleet, "--jobs", "2", pattern="one*") == 0
    finally:
        over.set()
        running.join()
    assert report(fleet.parent / "out")["keys"]["verified"] > 0


# --- secrets -----------------------------------------------------------------------------------------------------------


def everything(folder: Path) -> str:
    """All that can be read in a folder, names of files included."""
    texts = [path.name for path in folder.rglob("*")]
    texts += [path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".md")]
    texts += [row for rows in tables(folder).values() for row in rows]
    return "\n".join(texts).upper()


def test_keys_are_nowhere(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(fleet)
    text = everything(fleet.parent / "out") + "".join(capsys.readouterr()).upper()
    assert METER.hex().upper() in text
    assert EK.hex().upper() not in text and AK.hex().upper() not in text


@pytest.mark.parametrize("redact", ["--redact", "--redact=payload"])
def test_redacted(redact: str, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "one-0.log").rename(fleet / f"{METER.hex()}.log")
    run(fleet, redact)
    text = everything(fleet.parent / "out") + "".join(capsys.readouterr()).upper()
    for title in (METER, OTHER_METER, CLIENT):
        assert title.hex().upper() not in text and title[3:].hex().upper() not in text
    assert ("2024-11-26" in text) is (redact == "--redact")
    found = report(fleet.parent / "out")
    (back,) = found["counters"]["back"]
    assert back["meter"].startswith("meter ") and back["model"] == "LGZ"
    run(fleet, redact, out="again")
    assert report(fleet.parent / "out")["models"] == report(fleet.parent / "again")["models"]


# --- places ------------------------------------------------------------------------------------------------------------


def test_patterns_folders_and_files_name_captures_once(fleet: Path) -> None:
    found = places.captures_of([str(fleet), str(fleet / "one*"), str(fleet / "plain.log")], str(fleet.parent / "out"))
    assert len(found) == 10 and [one.name for one in found] == sorted(one.name for one in found)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_shown_in_some_way(fleet: Path) -> None:
    try:
        with open(os.fsencode(fleet) + b"/odd-\xff.log", "wb") as file:
            file.write((fleet / "plain.log").read_bytes())
    except OSError:
        pytest.skip("this file system wants names that are text")
    assert run(fleet, pattern="odd*") == 0
    assert {row["capture"] for row in map(json.loads, tables(fleet.parent / "out")["captures"])} == {
        f"{fleet}/odd-\\xff.log"
    }


def test_the_own_folder_is_no_capture(fleet: Path, counted: list[str]) -> None:
    run(fleet, "--jobs", "1", pattern="../*/*")
    counted.clear()
    run(fleet, "--jobs", "1", pattern="../*/*")
    assert counted == ["text.log"]


def test_urls_are_opened_by_fsspec(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for path in fleet.glob("[ot]*"):
        memory.pipe(f"/fleet/{path.name}", path.read_bytes())
    arguments = ["--keys", str(fleet.parent / "keys.toml"), "--jobs", "1"]
    assert main(["sweep", "memory://fleet/*.log", "--out", str(fleet.parent / "remote"), *arguments]) == 1
    run(fleet, pattern="[ot]*", out="local")
    near, far = tables(fleet.parent / "local"), tables(fleet.parent / "remote")
    assert [row.replace(f"{fleet}/", "memory:///fleet/") for row in near["values"]] == far["values"]
    assert far["values"] and far["captures"]
    assert main(["sweep", "memory://none/*.log", "--out", str(fleet.parent / "none")]) == 2
    assert "no capture matches" in capsys.readouterr().err


# --- a cluster ---------------------------------------------------------------------------------------------------------


def test_without_dask_one_line_says_what_to_do(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    assert run(fleet, "--cluster", "tcp://127.0.0.1:1") == 2
    assert capsys.readouterr().err == "dlmscope: --cluster needs Dask: pip install 'dlmscope[cluster]'\n"


class KilledWorker(Exception):
    """As Dask calls it."""


class Future:
    """A task of a cluster that is played here: `statuses` are what it is found to be, one look after the other."""

    def __init__(self, statuses: list[str], outcome: Outcome, problem: BaseException | None) -> None:
        self.statuses, self.outcome, self.problem = statuses, outcome, problem

    @property
    def status(self) -> str:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def result(self) -> Outcome:
        return self.outcome

    def exception(self) -> BaseException | None:
        return self.problem

    def release(self) -> None:
        pass


class Played:
    """Stands for the module `distributed`, with a client that works at once; tasks meet what `fates` has for captures."""

    def __init__(self, fates: dict[str, tuple[list[str], BaseException | None]]) -> None:
        self.fates, self.loop = fates, None

    def Client(self, *_: Any, **__: Any) -> Played:  # noqa: N802
        return self

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def nthreads(self) -> dict[str, int]:
        return {"worker": 1}

    def submit(self, function: Any, settings: Any, capture: Capture, **_: Any) -> Future:
        statuses, problem = self.fates.get(os.path.basename(capture.name), (["finished"], None))
        return Future(list(statuses), function(settings, capture), problem)

    def as_completed(self, **_: Any) -> Any:
        class Queue(list):  # type: ignore[type-arg]
            add = list.append

            def __next__(self) -> Any:
                return self.pop(0)

        return Queue()


def test_a_result_that_was_lost_with_its_worker_is_waited_for(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played({"one-1.log": (["lost", "pending", "finished"], None)})
    monkeypatch.setitem(__import__("sys").modules, "distributed", played)  # type: ignore[arg-type]
    run(fleet, "--cluster", "tcp://played:1", out="played")
    run(fleet)
    assert tables(fleet.parent / "played") == tables(fleet.parent / "out")


def test_a_task_that_killed_workers_is_a_capture_that_cannot_be_read(
    fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = {"one-1.log": (["error"], KilledWorker()), "plain.log": (["error"], RuntimeError("octets"))}
    monkeypatch.setitem(__import__("sys").modules, "distributed", Played(fates))  # type: ignore[arg-type]
    assert run(fleet, "--cluster", "tcp://played:1") == 1
    reasons = {one["capture"].rpartition("/")[2]: one["reason"] for one in report(fleet.parent / "out")["unreadable"]}
    assert reasons["one-1.log"] == "its worker process died 3 times"
    assert reasons["plain.log"] == "a defect of dlmscope: RuntimeError"


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ((["cancelled"], None), "the Dask cluster went away; the same command goes on where this one was"),
        (
            (["error"], ModuleNotFoundError("No module named 'analyzer'")),
            "the workers of the cluster need dlmscope[cluster]",
        ),
    ],
)
def test_a_cluster_that_cannot_go_on_ends_in_one_line(
    fate: Any, said: str, fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", Played({"plain.log": fate}))  # type: ignore[arg-type]
    assert run(fleet, "--cluster", "tcp://played:1") == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and len(err.splitlines()) == 1
    monkeypatch.undo()
    assert run(fleet) == 1


@pytest.mark.slow
def test_a_cluster_gives_the_same_tables_though_a_worker_is_killed(fleet: Path) -> None:
    distributed = pytest.importorskip("distributed")
    for number in range(60):
        (fleet / f"many-{number}.log").write_text((fleet / f"one-{number % 3}.log").read_text())
    run(fleet, out="local")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killed: list[int] = []
        whole = pools._result

        def after_some(future: Any, status: str) -> Outcome:
            killed.append(1)
            if len(killed) == 10:
                os.kill(victim, signal.SIGKILL)
            return whole(future, status)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pools, "_result", after_some)
            assert run(fleet, "--cluster", cluster.scheduler_address, out="cluster") == 1
    assert tables(fleet.parent / "cluster") == tables(fleet.parent / "local")
    assert report(fleet.parent / "cluster") == report(fleet.parent / "local")
