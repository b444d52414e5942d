"""What is watched: appended as it comes, followed and paused, told in a line, ended cleanly."""

import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from analyzer.inputs import followed
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.sources import InputError
from analyzer.sources.arrivals import Arrival
from analyzer.tui import app as module
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings
from analyzer.tui.sources import KINDS, source_of
from analyzer.tui.watch import Watch
from tests.support import CLOCK, GET_CLOCK, wrapped

Settled = Callable[[Pilot[Any]], Awaitable[None]]
REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)
SIZES = [(80, 24), (120, 40), (200, 60)]
sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


class Source:
    """Gives what a test puts into it."""

    def __init__(self, name: str = "eth0, tcp port 4059") -> None:
        self.name, self.note = name, ""
        self.closed = False
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._counts: dict[int, int] = {}

    def say(self, trace: Trace, *octets: bytes, **more: Any) -> None:
        records = []
        for data in octets:
            number = self._counts[id(trace)] = self._counts.get(id(trace), 0) + 1
            side = "meter" if data[3:4] == b"\x01" else "client"
            records.append(Record(number, data, side, f"10:00:{number:02}.000"))  # type: ignore[arg-type]
        self._queue.put(Arrival(trace, records, **more))

    def fail(self, problem: Exception) -> None:
        self._queue.put(problem)

    def arrivals(self) -> Iterator[Arrival]:
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed = True

    def stop(self) -> None:
        self._queue.put(None)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def live(source: Source, monkeypatch: pytest.MonkeyPatch) -> DlmscopeApp:
    monkeypatch.setattr(module, "SETTLED", 0.2)
    monkeypatch.setattr(Watch, "_seconds", lambda self: 75)
    return DlmscopeApp(keys=KeyRing(), settings=Settings(), live=source)


@pytest.fixture
async def pilot(live: DlmscopeApp) -> AsyncIterator[Pilot[Any]]:
    async with live.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.05)
        yield pilot


def trace(name: str = "10.1.0.5:51000 -> 10.1.0.9:4059") -> Trace:
    return Trace(name, "eth0", [])


async def until(pilot: Pilot[Any], true: Callable[[], bool]) -> None:
    for _ in range(600):
        await pilot.pause(0.01)
        if true():
            await pilot.pause()
            return
    raise AssertionError("it never came to that")


def rows(app: DlmscopeApp) -> Any:
    return app.get_screen("trace").query_one("#messages")


def said(app: DlmscopeApp) -> str:
    return str(app.screen.query_one("#watch-line", Static).content)


async def test_messages_come_and_the_end_stays_in_sight(live: DlmscopeApp, source: Source, pilot: Pilot[Any]) -> None:
    one = trace()
    for number in range(1, 40):
        source.say(one, REQUEST if number % 2 else ANSWER)
    await until(pilot, lambda: rows(live).cursor == 38)
    await pilot.pause()  # a line of the screen that has come meanwhile takes a row of the list
    assert rows(live).scroll_offset.y == rows(live).max_scroll_y > 0
    assert "39 messages, following" in rows(live).border_subtitle
    assert said(live).startswith("● eth0, tcp port 4059: 39 messages, ")
    assert f"{20 * len(REQUEST) + 19 * len(ANSWER)} octets, 01:15" in said(live)
    assert live.get_screen("trace")._panes.message.number == 39  # type: ignore[attr-defined]


async def test_going_up_pauses_and_a_key_returns(live: DlmscopeApp, source: Source, pilot: Pilot[Any]) -> None:
    one = trace()
    source.say(one, *[REQUEST, ANSWER] * 30)
    await until(pilot, lambda: rows(live).cursor == 59)
    await pilot.press("up", "up")
    source.say(one, REQUEST)
    await until(pilot, lambda: rows(live).row_count() == 61)
    assert rows(live).cursor == 57
    assert "paused, f follows" in rows(live).border_subtitle
    await pilot.press("f")
    assert rows(live).cursor == 60
    source.say(one, ANSWER)
    await until(pilot, lambda: rows(live).cursor == 61)
    rows(live).scroll_to(y=0, animate=False, immediate=True)  # as the wheel and the bar do
    source.say(one, REQUEST)
    await until(pilot, lambda: rows(live).row_count() == 63)
    assert rows(live).cursor == 61
    assert rows(live).scroll_offset.y == 0
    await pilot.press("end")
    await pilot.pause()
    source.say(one, ANSWER)
    await until(pilot, lambda: rows(live).cursor == 63)


async def test_the_trace_that_speaks_is_followed(
    live: DlmscopeApp, source: Source, pilot: Pilot[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = trace(), trace("10.1.0.6:50000 -> 10.1.0.9:4059")
    source.say(one, REQUEST, ANSWER, ended=True)
    source.say(two, REQUEST)
    await until(pilot, lambda: len(live.session.traces) == 2)
    assert "2 traces, 3 messages" in live.watched.line()  # type: ignore[union-attr]
    assert live.get_screen("trace").index == 0  # type: ignore[attr-defined]
    monkeypatch.setattr("analyzer.tui.screens.trace.SILENT", 0.0)
    source.say(two, ANSWER)
    await until(pilot, lambda: rows(live).border_title.startswith("10.1.0.6"))
    assert "(2 of 2)" in rows(live).border_title
    await pilot.press("left_square_bracket")
    source.say(two, REQUEST)
    await until(pilot, lambda: live.session.growth == 4)
    await pilot.pause(0.2)
    assert rows(live).border_title.startswith("10.1.0.5")


async def test_a_filter_takes_what_comes(live: DlmscopeApp, source: Source, pilot: Pilot[Any]) -> None:
    one = trace()
    source.say(one, REQUEST, ANSWER)
    await until(pilot, lambda: rows(live).row_count() == 2)
    await pilot.press("slash", *"dir:meter", "enter")
    await until(pilot, lambda: rows(live).row_count() == 1)
    source.say(one, REQUEST, ANSWER, ANSWER)
    await until(pilot, lambda: rows(live).row_count() == 3)
    assert rows(live).shown == [1, 3, 4]
    assert rows(live).cursor == 2


async def test_findings_come_when_it_is_quiet(live: DlmscopeApp, source: Source, pilot: Pilot[Any]) -> None:
    one = trace()
    source.say(one, bytes.fromhex("7EA0070321930F027E"))  # a check sequence that is wrong
    await until(pilot, lambda: bool(rows(live).findings))
    await pilot.press("4")
    findings = live.screen.query_one("#findings")
    await until(pilot, lambda: findings.row_count() > 0)  # type: ignore[attr-defined]
    source.say(one, REQUEST)
    await pilot.press("5")
    source.say(one, ANSWER)
    await until(pilot, lambda: live.screen.query_one("#readings").row_count() == 1)  # type: ignore[attr-defined]
    assert said(live).startswith("● eth0")


async def test_what_reads_otherwise_comes_anew(live: DlmscopeApp, source: Source, pilot: Pilot[Any]) -> None:
    one = trace()
    source.say(one, REQUEST, REQUEST)
    await until(pilot, lambda: rows(live).row_count() == 2)
    source._counts.clear()
    source.say(one, ANSWER, anew=True)
    await until(pilot, lambda: rows(live).row_count() == 1)
    assert rows(live).current.wire == ANSWER


@pytest.mark.parametrize("end", ["ends", "fails", "is stopped", "has a defect"])
async def test_how_it_ends_is_one_line(live: DlmscopeApp, source: Source, pilot: Pilot[Any], end: str) -> None:
    source.say(trace(), REQUEST, ANSWER[:12])
    await until(pilot, lambda: rows(live).row_count() == 1)
    expected = {"ends": "■", "fails": "✗", "is stopped": "■", "has a defect": "✗"}[end]
    if end == "ends":
        source.note = "was removed"
        source.stop()
    elif end == "fails":
        source.fail(InputError("COM5: the device is gone"))
    elif end == "has a defect":
        source.fail(ZeroDivisionError("SECRET"))
    else:
        await pilot.press("f7")
        await pilot.press("enter")
    await until(pilot, lambda: said(live).startswith(expected))
    assert rows(live).row_count() == 2  # what is unfinished is shown as it is
    assert source.closed
    line = said(live)
    assert "\n" not in line and "SECRET" not in line
    assert {"ends": "ended: was removed", "fails": "failed: COM5: the device is gone", "is stopped": "stopped",
            "has a defect": "ZeroDivisionError"}[end] in line  # fmt: skip
    assert not live.watching


async def test_opening_something_else_ends_it(
    live: DlmscopeApp, source: Source, pilot: Pilot[Any], tmp_path: Path, settled: Settled
) -> None:
    source.say(trace(), REQUEST)
    await until(pilot, lambda: rows(live).row_count() == 1)
    path = tmp_path / "other.log"
    path.write_text(f"TX: {REQUEST.hex(' ')}\nRX: {ANSWER.hex(' ')}\n")
    live.open_path(str(path))
    await settled(pilot)
    source.say(trace("late"), REQUEST)
    await until(pilot, lambda: source.closed)
    assert [one.name for one in live.session.traces] == ["other"]
    assert rows(live).row_count() == 2
    assert not live.screen.query_one("#watch-line").display


async def test_quitting_closes_it(live: DlmscopeApp, source: Source) -> None:
    async with live.run_test() as pilot:
        source.say(trace(), REQUEST)
        await until(pilot, lambda: rows(live).row_count() == 1)
        await pilot.press("ctrl+q")
    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "dlmscope watch"]


async def test_other_keys_while_it_goes_on(
    live: DlmscopeApp, source: Source, pilot: Pilot[Any], settled: Settled
) -> None:
    one = trace()
    source.say(one, REQUEST, ANSWER)
    await until(pilot, lambda: rows(live).row_count() == 2)
    live.session.set_keys(KeyRing.from_options(ek="00" * 16))
    await settled(pilot)
    source.say(one, REQUEST)
    await until(pilot, lambda: rows(live).row_count() == 3 and rows(live).cursor == 2)


async def test_the_form_begins_a_file(empty_app: DlmscopeApp, tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    path.write_text(f"TX: {REQUEST.hex(' ')}\n")
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f7", "enter")
        assert isinstance(empty_app.focused, Input)
        await pilot.press(*str(tmp_path / "none"), "enter")
        assert "no such file" in str(empty_app.screen.query_one("#live-problem", Static).content)
        empty_app.focused.value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: rows(empty_app).row_count() == 1)
        with path.open("a") as file:
            file.write(f"RX: {ANSWER.hex(' ')}\n")
        await until(pilot, lambda: rows(empty_app).cursor == 1)
        assert "growing.log" in said(empty_app)
        assert "following" in rows(empty_app).border_subtitle


async def test_keys_right_behind_each_other_reach_the_field_that_is_meant(empty_app: DlmscopeApp) -> None:
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f7")
        for key in ("down", "down", "down", "tab", "end", "backspace", "1", "tab", "m", ":", "2", "shift+tab", "7"):
            empty_app.post_message(events.Key(key, key if len(key) == 1 else None))
        to = empty_app.screen.query_one("#live-proxy-to", Input)
        listen = empty_app.screen.query_one("#live-proxy-listen", Input)
        await until(pilot, lambda: listen.value.endswith("7"))
        assert to.value == "m:2"


@sizes
async def test_every_kind_fits_and_says_what_is_missing(empty_app: DlmscopeApp, size: tuple[int, int]) -> None:
    async with empty_app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("f7")
        for index, (kind, _, _, fields) in enumerate(KINDS):
            empty_app.screen.query_one(OptionList).highlighted = index
            await pilot.pause()
            shown = empty_app.screen.query_one(f"#live-{kind}")
            assert shown.region.bottom < size[1]
            assert len(shown.query(Input)) == len(fields)
        await pilot.press("escape")
        assert empty_app.screen is empty_app.get_screen("start")


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("file", {"path": ""}, "missing"),
        ("interface", {"name": ""}, "interface is missing"),
        ("serial", {"name": ""}, "port is missing"),
        ("serial", {"baud": "fast"}, "speed is a number"),
        ("serial", {"frame": "9X9"}, "frame is one of"),
        ("serial", {"direction": "both"}, "unknown"),
        ("proxy", {"to": ""}, "address of the meter"),
        ("proxy", {"to": ":4059"}, "needs a host"),
        ("proxy", {"to": "meter"}, "HOST:PORT"),
        ("proxy", {"listen": "here"}, "HOST:PORT"),
    ],
)
def test_what_cannot_be_watched(kind: str, given: dict[str, str], expected: str) -> None:
    good = {"path": "x", "name": "COM5", "baud": "9600", "frame": "8N1", "direction": "meter", "bridge": "", "out": "",
            "listen": "127.0.0.1:0", "to": "meter:4059", "filter": ""}  # fmt: skip
    with pytest.raises(InputError, match=expected):
        source_of(kind, {**good, **given})
    if kind != "file":
        assert source_of(kind, good).name


def test_the_file_is_closed_when_a_watch_is_stopped(tmp_path: Path) -> None:
    from analyzer.tui.session import Session

    path = tmp_path / "x.log"
    path.write_text(f"TX: {REQUEST.hex(' ')}\n")
    watch = Watch(followed(str(path)), Session())
    watch.start()
    watch.stop()
    watch.wait()
    assert watch.state == "stopped"


# Pictures


@sizes
@pytest.mark.parametrize("state", ["following", "paused", "failed"])
def test_live(snap_compare: Any, live: DlmscopeApp, source: Source, size: tuple[int, int], state: str) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        one = trace()
        source.say(one, *[REQUEST, ANSWER] * 20)
        source.say(trace("10.1.0.6:50000 -> 10.1.0.9:4059"), REQUEST)
        await until(pilot, lambda: rows(live).cursor == 39 and len(live.session.traces) == 2)
        if state == "paused":
            await pilot.press("pageup")
        if state == "failed":
            source.fail(InputError("eth0: tshark says: The network is down"))
            await until(pilot, lambda: said(live).startswith("✗"))
        await until(pilot, lambda: live.background.busy == 0 and live._settled_at >= live._grown_at)
        await until(pilot, lambda: live.background.busy == 0)

    assert snap_compare(live, terminal_size=size, run_before=look)


@sizes
def test_live_form(
    snap_compare: Any, live: DlmscopeApp, source: Source, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.tui.screens.live.time.strftime", lambda text: text.replace("%Y%m%d-%H%M%S", "now"))
    monkeypatch.setattr("analyzer.tui.screens.live.ports", lambda: ["/dev/ttyUSB0", "/dev/ttyUSB1"])

    async def look(pilot: Pilot[Any]) -> None:
        source.say(trace(), REQUEST)
        await until(pilot, lambda: rows(live).row_count() == 1)
        await pilot.press("f7", "down", "down", "down")
        await until(pilot, lambda: live.background.busy == 0 and live._settled_at >= live._grown_at)

    assert snap_compare(live, terminal_size=size, run_before=look)
