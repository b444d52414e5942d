"""The values screen: by object, profiles as table and plot, CSV."""

import csv
import datetime
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from analyzer.decoding import decode
from analyzer.inputs import open_traces
from analyzer.model import Trace
from analyzer.report.value_table import ValueTable, readings_of, series_of, table_of
from analyzer.sources import read_input
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings
from analyzer.tui.widgets.values_rows import ReadingRows, TableRows
from tests.support import Conversation
from tests.test_profiles import PROFILE, data, get, known

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
TELEGRAMS = ROOT / "captures/p1-push/telegrams.txt"


def profile_trace(rows: int = 24) -> Trace:
    """A load profile of quarter hours: clock, status, energy. Every third status is left out."""
    buffer = f"01{rows:02X}"
    start = datetime.datetime(2024, 1, 1)
    for n in range(rows):
        time = start + datetime.timedelta(minutes=15 * n)
        clock = f"07E8{time.month:02X}{time.day:02X}FF{time.hour:02X}{time.minute:02X}0000FFC400"
        buffer += f"0203090C{clock}{'00' if n % 3 == 2 else '1100'}06{100_000 + n * n:08X}"
    return known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data(buffer)).trace("profile")


@pytest.fixture
def profile_app() -> DlmscopeApp:
    """A load profile, open on the values."""
    return DlmscopeApp([profile_trace()], first="values", settings=Settings())


def rows_of(app: DlmscopeApp) -> ReadingRows:
    return app.screen.query_one("#readings", ReadingRows)


def lines(rows: ReadingRows | TableRows, width: int = 160) -> list[str]:
    return ["".join(text for text, _ in rows.row(n, width)).rstrip() for n in range(rows.row_count())]


async def test_values_stand_by_object(profile_app: DlmscopeApp, settled: Settled) -> None:
    app = profile_app
    async with app.run_test(size=(160, 40)) as pilot:
        await settled(pilot)
        assert [line.split()[0] for line in lines(rows_of(app))] == ["1-0:1.8.0*255"] + ["1-0:99.1.0*255"] * 3
        assert "24 rows of 3 columns" in lines(rows_of(app))[1]
        await pilot.press("s")
        await settled(pilot)
        assert [line.split()[-1] for line in lines(rows_of(app))] == ["#2", "#4", "#6", "#8"]
        await pilot.press("slash", *"period", "enter")
        await settled(pilot)
        assert len(lines(rows_of(app))) == 1 and " 900" in lines(rows_of(app))[0]
        assert "1 of 4 values with period" in str(rows_of(app).border_subtitle)
        await pilot.press("escape")
        await settled(pilot)
        assert len(lines(rows_of(app))) == 4


async def test_a_profile_is_a_table_and_a_plot(profile_app: DlmscopeApp, settled: Settled) -> None:
    app = profile_app
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down", "enter")
        await settled(pilot)
        table = app.screen.query_one("#table", TableRows)
        shown = lines(table)
        assert len(shown) == 25
        assert shown[0].startswith("clock") and "active energy" in shown[0]
        assert shown[1].startswith("2024-01-01 00:00:00") and shown[1].endswith("100.000")
        assert "0 *" in shown[3]
        assert "filled in" in str(app.screen.query_one("#values-notes", Static).render())
        assert table.plotted == 2
        assert str(app.screen.query_one("#plot").border_title) == "active energy import (+A) in Wh"
        await pilot.press("p")
        await settled(pilot)
        assert table.plotted == 1
        await pilot.press("right", "right")
        assert lines(table)[0].startswith("active energy")
        await pilot.press("left", "escape")
        await settled(pilot)
        assert app.screen.focused is rows_of(app)


async def test_without_the_plotting_package_there_is_the_table(
    profile_app: DlmscopeApp, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "textual_plotext", None)
    async with profile_app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", "enter", "p")
        await settled(pilot)
        assert len(lines(profile_app.screen.query_one("#table", TableRows))) == 25
        assert "dlmscope[plot]" in profile_app.export_screenshot().replace("&#160;", " ")


async def test_csv_of_all_values_and_of_a_profile(profile_app: DlmscopeApp, settled: Settled, tmp_path: Path) -> None:
    app = profile_app
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for press, name in (((), "all.csv"), (("down", "enter"), "one.csv")):
            for key in press:
                await pilot.press(key)
                await settled(pilot)
            await pilot.press("x")
            app.screen.query_one("#values-line", Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await settled(pilot)
        rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
        assert {row["trace"] for row in rows} == {"profile"}
        assert sum(row["obis"] == "1-0:1.8.0*255" and row["number"] != "" for row in rows) == 24
        table = list(csv.reader(io.StringIO((tmp_path / "one.csv").read_text())))
        assert table[0] == ["clock", "status", "active energy import (+A) [Wh]"]
        assert table[1][1:] == ["0", "100.000"] and table[3][1:] == ["0", "100.004"]
        assert len(table) == 25
        before = (tmp_path / "one.csv").read_bytes()
        await pilot.press("x")
        app.screen.query_one("#values-line", Input).value = str(tmp_path / "one.csv")
        await pilot.press("enter")
        await settled(pilot)
        assert (tmp_path / "one.csv").read_bytes() == before  # a file that is there stays


async def test_other_values_are_shown_over_the_trace(settled: Settled) -> None:
    app = DlmscopeApp(open_traces(str(TELEGRAMS)), first="values", settings=Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        place = next(n for n, line in enumerate(lines(rows_of(app))) if line.startswith("1-0:1.8.1"))
        assert "active energy import (+A), tariff 1" in lines(rows_of(app))[place]
        rows_of(app).move(place)
        await pilot.press("enter")
        await settled(pilot)
        shown = lines(app.screen.query_one("#table", TableRows))
        assert [line.split()[-1] for line in shown[1:]] == ["000123.456", "000123.457"]
        await pilot.press("escape", "o")
        await settled(pilot)
        assert app.screen.place == "trace"  # type: ignore[attr-defined]


async def test_nothing_open_and_nothing_read(settled: Settled) -> None:
    for traces in ([], read_input(b"7E A0 07 03 21 93 0F 01 7E", "a frame")):
        app = DlmscopeApp(traces, first="values", settings=Settings())
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("enter", "p", "o", "c", "s", "left", "right", "right_square_bracket")
            await settled(pilot)
            assert "no values" in str(rows_of(app).border_subtitle)


def test_readings_of_one_object_as_a_series() -> None:
    traces = open_traces(str(TELEGRAMS))
    readings = list(readings_of(list(decode(traces[0]))))
    one = next(r for r in readings if r.obis == "1-0:1.8.1")
    table = series_of(readings, one)
    assert [row[2] for row in table.rows] == ["000123.456", "000123.457"]
    assert [row[2] for row in table.numbers] == [123.456, 123.457]
    assert table.heads[2] == ("active energy import (+A), tariff 1", "kWh")
    assert 2 in table.plottable()


def test_a_table_holds_every_cell() -> None:
    messages = list(decode(profile_trace(40)))
    (reading,) = [r for r in readings_of(messages) if r.profile is not None]
    table: ValueTable = table_of(reading)
    assert [row[2] for row in table.numbers] == [100 + n * n / 1000 for n in range(40)]
    assert table.time == 0 and table.plottable() == [1, 2]
    assert reading.how == "read" and reading.obis == "1-0:99.1.0*255"
