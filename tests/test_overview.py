"""The overview counts what the frames say one by one; its text is bounded and its JSON is as its schema says."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter, defaultdict
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from analyzer.cli import main
from analyzer.frame import addresses
from analyzer.framing import frames_of
from analyzer.index.overview import Overview, overview_of
from analyzer.inputs import open_traces
from analyzer.message import llc_of
from analyzer.model import Record, Trace
from analyzer.report import overview_json, overview_text
from analyzer.report.overview_text import duration
from grammars.apdu import APDU
from grammars.kit.spec import find_raw
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS
from tests.hdlc_frames import PAYLOADS, four, hdlc
from tests.support import ROOT, wrapped
from tests.test_index import numbered
from tests.test_trace_index import long_talk, traces

pytest.importorskip("numpy")

SCHEMA = json.loads(files("analyzer.report").joinpath("schemas/overview.schema.json").read_text("utf-8"))
CAPTURES = sorted(path for path in ROOT.glob("captures/*/*") if path.suffix not in (".md", ".toml"))


def counted(trace: Trace) -> dict[str, object]:
    """The same figures, by a look at each frame and its APDU."""
    frames = list(frames_of(trace))
    messages = numbered(frames)
    stray = [
        frame for frame in frames if frame.framing == "none" and frame.issues and frame.issues[0].code == "stray-octets"
    ]
    idle = [frame for frame in frames if frame.issues and frame.issues[0].code == "shared-flag"]
    own = [frame for frame in frames if frame not in stray and frame not in idle]
    sound = [frame for frame in own if not frame.damaged and not frame.echo]
    begins = [frame for row, frame in enumerate(frames) if messages[row] not in messages[:row]]
    firsts = [frame for frame in begins if frame in sound]
    apdus: Counter[tuple[str, str, str]] = Counter()
    for frame in firsts:
        begin, end = frame.payload
        _, at = llc_of(frame, frame.data, begin, end)
        if at < end and frame.data[at]:
            apdus[frame.framing, frame.direction, APDU_TAGS.get(frame.data[at], "other")] += 1
    return {
        "frames": len(own), "octets": sum(len(frame.data) for frame in frames), "messages": max(messages, default=0),
        "damaged": sum(frame.damaged for frame in own), "stray": sum(len(frame.data) for frame in stray),
        "idle": sum(len(frame.data) for frame in idle), "echoes": sum(frame.echo for frame in own),
        "ways": Counter((frame.framing, addresses(frame), frame.direction) for frame in sound).most_common() and
        sorted(Counter((frame.framing, addresses(frame), frame.direction) for frame in sound).values()),
        "kinds": Counter((frame.framing, frame.direction, frame.kind or "other") for frame in sound if frame.framing == "hdlc"),
        "apdus": apdus,
    }  # fmt: skip


def told(one: Overview) -> dict[str, object]:
    """The figures of an overview in the same form."""
    kinds: Counter[tuple[str, str, str]] = Counter()
    apdus: Counter[tuple[str, str, str]] = Counter()
    for link in one.links:
        for way in link.ways:
            for name, count in way.kinds.items() if link.framing == "hdlc" else ():
                kinds[link.framing, way.side, name] += count
            for name, count in way.apdus.items():
                apdus[link.framing, way.side, name] += count
    return {
        "frames": one.frames, "octets": one.octets, "messages": one.messages, "damaged": one.damaged, "stray": one.stray,
        "idle": one.idle, "echoes": one.echoes, "ways": sorted(way.frames for link in one.links for way in link.ways),
        "kinds": kinds, "apdus": apdus,
    }  # fmt: skip


def check(trace: Trace) -> Overview:
    made = overview_of(trace)
    found, wanted = told(made), counted(trace)
    found["apdus"] = Counter({key: n for key, n in found["apdus"].items() if key[2] != "other"})  # type: ignore[attr-defined]
    wanted["apdus"] = Counter({key: n for key, n in wanted["apdus"].items() if key[2] != "other"})  # type: ignore[attr-defined]
    assert found == wanted
    jsonschema.validate(overview_json.render([made]), SCHEMA)
    return made


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_captures(path: Path) -> None:
    for trace in open_traces(str(path)):
        check(trace)


@settings(max_examples=60, deadline=None)
@given(traces())
def test_traces(records: list[Record]) -> None:
    check(Trace("a", "a", records))


def test_counters() -> None:
    """Counters that go back and repeat, of each side and key by itself, compared with a look at each APDU."""
    pick, records, seen = random.Random(5), [], defaultdict(list)
    for number in range(400):
        asks = number % 2 == 0
        tag = pick.choice(("C8", "D0") if asks else ("CC", "D4"))
        control, counter = pick.choice((0x30, 0x20, 0x70)), pick.randrange(6)
        apdu = bytes.fromhex(f"{tag}18{control:02X}{counter:08X}") + bytes(19)
        records.append(
            Record(number + 1, wrapped(apdu, *((16, 1) if asks else (1, 16))), "client" if asks else "meter")
        )
        read = parse(APDU, apdu, 0, len(apdu))
        ded = read.nodes[0][0].name.startswith("ded-")
        key = "dedicated" if ded else "global broadcast" if control & 0x40 else "global"
        node = find_raw(read.nodes, "invocation_counter")
        assert node is not None
        seen["client" if asks else "meter", key].append(node[3])
    (link,) = overview_of(Trace("a", "a", records)).links
    found = {(way.side, one.key): one for way in link.ways for one in way.counters}
    assert found.keys() == seen.keys()
    for key, values in seen.items():
        pairs = list(pairwise(values))
        one = found[key]
        assert (one.count, one.lowest, one.highest) == (len(values), min(values), max(values))
        assert (one.back, one.repeated) == (sum(b < a for a, b in pairs), sum(a == b for a, b in pairs))
        assert sum(one.controls.values()) == one.count


def test_times_and_silence() -> None:
    records = [
        Record(number, wrapped(bytes.fromhex(PAYLOADS[3]), 16, 1), "client", f"t{number}", float(when))
        for number, when in enumerate((5, 6, 16, 15, 17), 1)
    ]
    made = overview_of(Trace("a", "a", records))
    assert made.first == ("t1", 5.0) and made.last == ("t5", 17.0)
    assert made.silence == (10.0, ("t2", 6.0))
    assert overview_of(Trace("a", "a", [Record(1, records[0].data)])).silence is None


def test_a_clock_that_went_back_is_said() -> None:
    """No time is negative, neither of one trace nor of many together."""
    data = wrapped(bytes.fromhex(PAYLOADS[3]), 16, 1)
    records = [Record(n, data, "client", f"t{n}", when) for n, when in ((1, 7200.0), (2, 3600.0))]
    made = overview_of(Trace("a", "a", records))
    assert "t1 to t2, the clock went back 1 h\n" in overview_text.render([made], ["a"])
    lines = overview_text.render([made] * 7, [f"a#{n}" for n in range(1, 8)]).splitlines()
    assert [line.endswith("  1 h") for line in lines[1:9]] == [True] * 8


def test_security_controls_are_hexadecimal() -> None:
    apdu = bytes.fromhex("C818" + "30" + "00000001") + bytes(19)
    made = overview_of(Trace("a", "a", [Record(1, wrapped(apdu, 16, 1), "client")]))
    assert "    control 0x30" in overview_text.render([made], ["a"])


def test_what_it_says_to_type_shows_that_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A number counts the traces of one input, however many were typed before it."""
    log, more = tmp_path / "two.log", []
    record = f"TX: {wrapped(bytes.fromhex(PAYLOADS[3]), 16, 1).hex(' ')}\n"
    log.write_text(f"FIRST ====\n\n{record}\nSECOND ====\n\n{record * 3}")
    for n in range(5):
        more.append(tmp_path / f"one{n}.log")
        more[-1].write_text(record)
    assert main(["overview", *map(str, more), str(log)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("two.log#2  SECOND  ") and any(line.startswith("one4.log   one4 ") for line in lines)
    typed = "".join(lines[lines.index("") + 1 :]).partition(" shows one of them")[0]
    assert typed == f"{log}#2"
    assert main(["overview", typed]) == 0
    assert capsys.readouterr().out.startswith("SECOND ")
    assert main(["diff", str(more[0]), str(log)]) == 2
    assert f"{log}#2 SECOND" in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_text_is_bounded(width: int) -> None:
    """Whatever the names, the addresses and their number."""
    frames = b"".join(b"\x7e" + hdlc(four(n + 1), "03", 0x10, PAYLOADS[4]) + b"\x7e" for n in range(60))
    some = [
        overview_of(Trace("\x1b[2J" + "n" * 300, "s" * 300, records))
        for records in ([Record(1, frames)], long_talk(4, 300))
    ]
    for overviews in (some, some * 40):
        text = overview_text.render(overviews, ["s#1"] * len(overviews), False, width)
        assert max(map(len, text.splitlines())) <= max(width, overview_text.NARROWEST)
        assert len(text.splitlines()) < 60 + 14 * overview_text.SHOWN and "\x1b" not in text
    assert "and 40 more pairs of addresses with 40 frames" in overview_text.render(
        some, ["s#1"] * len(some), False, width
    )
    assert "80 traces" in overview_text.render(some * 40, ["s#1"] * len(some * 40), False, width)


def test_without_numpy_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("analyzer.index", "numpy"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert main(["overview", str(CAPTURES[0])]) == 2
    assert capsys.readouterr().err == "dlmscope: overview needs NumPy: pip install 'dlmscope[big]'\n"


def test_redaction_masks_titles_that_are_given(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "4D4D4D0000BC614E.log"
    log.write_text(f"TX: {wrapped(bytes.fromhex(PAYLOADS[3]), 16, 1).hex(' ')}\n")
    for form in ("text", "json"):
        assert main(["overview", str(log), "--redact", "--server-title", "4D4D4D0000BC614E", "--format", form]) == 0
        assert "BC614E" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["secrets", "payload"])
def test_redaction_masks_titles_that_the_capture_tells(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    log = tmp_path / "444C4D0000BC614E.bin"
    log.write_bytes((ROOT / "captures/mbus-push/push.bin").read_bytes())
    for form in ("text", "json"):
        assert main(["overview", str(log), "--redact", kind, "--format", form]) == 0
        assert "BC614E" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.0002, "200 microseconds"), (0.0009996, "0.001 s"), (0.25, "0.25 s"), (59.94, "59.9 s"), (60, "1 min"), (3599.9, "1 h"),
     (5473, "1 h 31 min"), (90_000, "1 d 1 h"), (86_400_000, "1,000 d")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
