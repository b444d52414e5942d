"""The diff screen: pairs side by side, walking the differences, expected ones, octets, choosing traces."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, Static

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.screens.choice import Choice
from analyzer.tui.screens.diff import DiffScreen
from analyzer.tui.settings import Settings
from analyzer.tui.widgets.bytes_view import BytesView
from analyzer.tui.widgets.diff_octets import differing, joined
from analyzer.tui.widgets.diff_rows import DiffRows

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"


def parts(app: DlmscopeApp) -> tuple[DiffRows, BytesView, BytesView]:
    screen = app.screen
    assert isinstance(screen, DiffScreen)
    return (
        screen.query_one("#diff-rows", DiffRows),
        screen.query_one("#octets-a", BytesView),
        screen.query_one("#octets-b", BytesView),
    )


def listed(rows: DiffRows, width: int = 160) -> list[str]:
    return ["".join(text for text, _ in rows.row(n, width)) for n in range(rows.row_count())]


def head(app: DlmscopeApp) -> str:
    return str(app.screen.query_one("#diff-head", Static).render())


async def opened(app: DlmscopeApp, pilot: Pilot[Any], settled: Settled) -> None:
    await settled(pilot)
    await pilot.press("3")
    await settled(pilot)


async def test_messages_face_each_other_and_gaps(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(160, 40)) as pilot:
        await opened(app, pilot, settled)
        rows = listed(parts(app)[0])
        assert head(app).startswith(
            "3 of 10 pairs of messages differ, 4 have no counterpart. First divergence: message 1"
        )
        assert any(row.startswith(" 1 → SNRM, 2000/2000") and "→ SNRM, no parameters" in row for row in rows)
        assert any("E6 E6 00" in row and row.split("|")[1].strip() == "-" for row in rows)
        assert sum("(no counterpart)" in row for row in rows) == 4
        assert all(row.strip()[0] in "!~" for row in rows if " | " in row)


async def test_d_walks_what_matters_and_f_finds_the_first(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        rows = parts(app)[0]
        seen = []
        for _ in range(40):
            before = rows.cursor
            await pilot.press("d")
            await settled(pilot)
            if rows.cursor == before:
                break
            assert rows.current is not None and rows.current.matters
            seen.append(rows.cursor)
        assert len(seen) == sum(row.matters for row in rows.rows) == 14
        await pilot.press("D")
        await settled(pilot)
        assert rows.cursor == seen[-2]
        await pilot.press("f")
        await settled(pilot)
        assert rows.cursor == seen[0]


async def test_expected_differences_go_and_come_back(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        rows = parts(app)[0]
        await pilot.press("d", "d", "d")
        await settled(pilot)
        here, all_of_them = rows.current, rows.row_count()
        await pilot.press("e")
        await settled(pilot)
        assert rows.current == here
        assert rows.row_count() == all_of_them - 19
        assert not any("~ " in row.partition("|")[0] for row in listed(rows) if " | " in row)
        await pilot.press("e")
        await settled(pilot)
        assert rows.current == here and rows.row_count() == all_of_them


async def test_plain_text_is_compared_and_its_octets_are_lit(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        rows, left, right = parts(app)
        place = next(n for n, row in enumerate(listed(rows)) if "proposed_dlms_version_number" in row)
        rows.move(place)
        await settled(pilot)
        assert left.data.hex() == "01000000065f0400000019ffff"
        assert right.data.hex() == "01000000015f1f0400007e1fffff"
        assert [(lit.start, lit.end) for lit in left._lit if lit.look == "field"] == [(4, 5)]
        assert {(lit.start, lit.end) for lit in right._lit if lit.look == "changed"} >= {(4, 5), (10, 12)}
        assert [(lit.start, lit.end) for lit in right._lit if lit.look == "expected"] == [(6, 7)]


async def test_enter_shows_the_octets_in_the_trace(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        rows = parts(app)[0]
        rows.move(next(n for n, row in enumerate(listed(rows)) if "proposed_dlms_version_number" in row))
        await settled(pilot)
        await pilot.press("O")
        await settled(pilot)
        assert app.screen.place == "trace"  # type: ignore[attr-defined]
        assert app.screen.index == 1  # type: ignore[attr-defined]
        assert app.screen.query_one("#messages").current.number == 3  # type: ignore[attr-defined]


async def test_any_two_traces_also_of_further_files(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        await pilot.press("b", "up", "enter")
        await settled(pilot)
        assert head(app) == "No difference that matters in 10 pairs of messages."
        await pilot.press("b", "end", "enter")
        await pilot.pause(0.2)
        app.screen.query_one("#path", Input).value = f"{THREAD}#2"
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        await settled(pilot)
        assert [trace.name for trace in app.session.traces].count("MY SOFTWARE") == 2
        assert head(app).startswith("3 of 10 pairs of messages differ")
        await pilot.press("x")
        await settled(pilot)
        assert app.screen.sides == (2, 0)  # type: ignore[attr-defined]


async def test_a_choice_can_be_left(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, settled)
        before = head(app)
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, Choice)
        await pilot.press("escape")
        await settled(pilot)
        assert head(app) == before


async def test_other_keys_compare_again(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, settled)
        assert any("proposed_dlms_version_number" in row for row in listed(parts(app)[0]))
        app.session.set_keys(KeyRing())
        await settled(pilot)
        assert not any("proposed_dlms_version_number" in row for row in listed(parts(app)[0]))


async def test_one_trace_and_none_are_said(settled: Settled) -> None:
    for traces, said in ((open_traces(f"{THREAD}#1"), "One trace is open"), ([], "Nothing is open")):
        app = DlmscopeApp(traces, first="diff", settings=Settings())
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("d", "D", "f", "e", "w", "x", "enter", "c")
            await settled(pilot)
            assert head(app).startswith(said)


def test_octets_that_differ_also_of_long_messages() -> None:
    assert differing(b"\x01\x02\x03", b"\x01\x03") == ({1}, set())
    long = bytes(5000)
    other = bytearray(long) + b"\x00"
    other[7] = 1
    assert differing(long, bytes(other)) == ({7}, {7, 5000})
    assert [(lit.start, lit.end) for lit in joined({1, 2, 3, 7})] == [(1, 4), (7, 8)]
