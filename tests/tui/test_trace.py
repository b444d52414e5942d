"""The trace screen: fields light octets and octets fields, filters, findings, bookmarks, copying."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from analyzer.keyring import KeyRing
from analyzer.model import Record, Span, Trace
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.screens.trace import TraceScreen
from analyzer.tui.settings import Settings
from analyzer.tui.widgets.bytes_view import BytesView, Lit
from analyzer.tui.widgets.field_tree import FieldTree
from analyzer.tui.widgets.message_list import MessageList, time_in

Settled = Callable[[Pilot[Any]], Awaitable[None]]


def parts(app: DlmscopeApp) -> tuple[MessageList, FieldTree, BytesView, BytesView]:
    screen = app.screen
    assert isinstance(screen, TraceScreen)
    return (
        screen.query_one("#messages", MessageList),
        screen.query_one("#fields", FieldTree),
        screen.query_one("#wire", BytesView),
        screen.query_one("#opened", BytesView),
    )


def rows(view: MessageList | FieldTree) -> list[str]:
    return ["".join(text for text, _ in view.row(n, 200)) for n in range(view.row_count())]


def words(app: DlmscopeApp) -> str:
    return str(app.screen.query_one("#doc", Static).render())


async def test_messages_stand_with_direction_lock_and_mark(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        listed = rows(parts(app)[0])
        assert len(listed) == 10
        assert listed[6].split()[:5] == ["7", "→", "I", "✓", "glo-get-request"]
        assert "1-0:0.2.8*255" in listed[6]
        await pilot.press("right_square_bracket")
        await settled(pilot)
        listed = rows(parts(app)[0])
        assert listed[2].split()[:5] == ["!", "3", "→", "I", "✓"]


async def test_a_field_lights_its_octets_in_both_buffers(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.show_message(0, 7)
        await settled(pilot)
        _, tree, wire, opened = parts(app)
        assert opened.display and opened.data.hex().upper() == "C001C100010100000208FF0200"
        path = tree.matching(1, 5, 11)
        assert path is not None
        tree.select(path)
        await settled(pilot)
        assert tree.current is not None and tree.current.name == "instance_id"
        assert opened._lit == (Lit(5, 11),)
        assert wire._lit == (Lit(21, 34, "around"),)  # what the text was decrypted from
        assert wire.data[21:34].hex().upper() == "C952F666F2B02FB2BB6A99741F"
        assert "1-0:0.2.8*255" in words(app)


async def test_an_octet_selects_the_innermost_field(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.show_message(0, 7)
        await settled(pilot)
        _, tree, wire, opened = parts(app)
        for view, offset, name in (
            (wire, 0, "opening_flag"),
            (wire, 8, "control"),
            (wire, 14, "tag"),
            (opened, 12, "access_selection"),
        ):
            view.post_message(BytesView.Selected(view, offset))
            await settled(pilot)
            assert tree.current is not None
            assert name in tree.path_names().split("."), (offset, tree.path_names())
            assert tree.current.start <= offset < tree.current.end


async def test_a_click_on_an_octet_finds_it(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        _, tree, wire, _ = parts(app)
        await pilot.click(wire, offset=(1 + 5 + 3 * 7, 1))  # the border, the offset column, the eighth octet
        await settled(pilot)
        assert wire.cursor == 7
        assert tree.current is not None and tree.current.name == "source_address"


async def test_bits_are_shown_where_they_are(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.show_message(0, 7)
        await settled(pilot)
        shown = rows(parts(app)[1])
        assert any("receive_sequence_number  010. ....  2" in row for row in shown)
        assert any("frame_type  1010 .... .... ....  10 type-3" in row for row in shown)


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("get", [7, 8]),
        ("dir:meter", [2, 4, 6, 8, 10]),
        ("dir:meter apdu:glo-", [6, 8]),
        ("!dir:meter !sec:verified", [1, 9]),
        ("obis:1-0:0.2.8", [7, 8]),
        ("obis:1.0.0.2.8.255", [7, 8]),
        ("frame:snrm", [1]),
        ("hex:E6E600", [3, 5, 7]),
        ("sec:verified", [3, 4, 5, 6, 7, 8]),
        ("find:warning", [5]),
        ("nothing-like-this", []),
    ],
)
async def test_filters(app: DlmscopeApp, settled: Settled, line: str, numbers: list[int]) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        app.screen.query_one("#line", Input).value = line
        await settled(pilot)
        messages = parts(app)[0]
        shown = [index + 1 for index in messages.shown or ()]
        assert shown == numbers
        assert messages.row_count() == len(numbers)
        await pilot.press("enter", "escape")
        await settled(pilot)
        assert messages.row_count() == 10


async def test_a_filter_that_means_nothing_is_said(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        app.screen.query_one("#line", Input).value = "side:meter"
        await settled(pilot)
        assert "side: is no kind of filter" in str(parts(app)[0].border_subtitle)
        assert parts(app)[0].row_count() == 10


async def test_findings_in_turn_and_their_octets(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("right_square_bracket")
        await settled(pilot)
        messages = parts(app)[0]
        await pilot.press("n", "n")
        await settled(pilot)
        assert messages.current is not None and messages.current.number == 3
        assert "LLC header is missing" in words(app)
        await pilot.press("N")
        await settled(pilot)
        assert messages.current.number == 2


async def test_a_span_of_a_finding_is_lit(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.show_message(1, 3, Span(0, 11, 14))
        await settled(pilot)
        messages, _, wire, _ = parts(app)
        assert messages.current is not None and messages.current.number == 3
        assert Lit(11, 14, "finding") in wire._lit


async def test_go_to_a_number_and_bookmarks(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        messages = parts(app)[0]
        await pilot.press("g", "8", "enter", "b", "home")
        await settled(pilot)
        assert messages.current is not None and messages.current.number == 1
        await pilot.press("apostrophe")
        await settled(pilot)
        assert messages.current.number == 8
        assert "*" in rows(messages)[7]
        await pilot.press("g", *"99", "enter")
        await settled(pilot)
        assert messages.current.number == 8


async def test_copying(app: DlmscopeApp, settled: Settled) -> None:
    import json

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("g", "7", "enter", "C")
        await settled(pilot)
        assert app.clipboard.startswith("7E A0 2F 00 02 FE FF 03 54 CD B3 E6 E6 00 C8")
        await pilot.press("J")
        await settled(pilot)
        assert json.loads(app.clipboard)["plain_apdu"] == "get-request"
        _, tree, _, _ = parts(app)
        path = tree.matching(1, 5, 11)
        assert path is not None
        tree.select(path)
        await pilot.press("c")
        await settled(pilot)
        assert app.clipboard == "01 00 00 02 08 FF"


async def test_other_keys_leave_the_place(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("g", "7", "enter")
        await settled(pilot)
        app.session.set_keys(KeyRing.from_options(ek="11" * 16, ak="00" * 16))
        await settled(pilot)
        messages = parts(app)[0]
        assert messages.current is not None and messages.current.number == 7
        assert messages.current.security is not None and messages.current.security.verdict == "failed"
        assert "✗" in rows(messages)[6]


async def test_messages_of_several_frames_unfold(settled: Settled) -> None:
    from pathlib import Path

    from analyzer.inputs import open_traces
    from analyzer.tui.settings import Settings

    root = Path(__file__).parents[2]
    traces = open_traces(str(root / "captures/mbus-push/push.bin"))
    app = DlmscopeApp(traces, settings=Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        messages = parts(app)[0]
        split = next(n for n, m in enumerate(messages.messages) if len(m.frames) > 1)
        frames = len(messages.messages[split].frames)
        before = messages.row_count()
        messages.go_to(split)
        await pilot.press("right", "down")
        await settled(pilot)
        assert messages.row_count() == before + frames
        assert messages.frame == 0
        wire = parts(app)[2]
        assert wire._lit == (Lit(0, len(messages.messages[split].frames[0].data)),)
        await pilot.press("left")
        await settled(pilot)
        assert messages.row_count() == before


async def test_a_filter_that_nothing_passes_says_so(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"apdu:nothing", "enter")
        await settled(pilot)
        shown = app.screen.query_one(MessageList)
        assert shown.row_count() == 0 and "No message passes the filter" in shown.render_line(0).text
        assert "Nothing is open" not in app.export_screenshot().replace("&#160;", " ")
        await pilot.press("escape")
        await settled(pilot)
        assert shown.row_count() == 10


@pytest.mark.parametrize(
    ("width", "shown"),
    [(78, "22:13:20.033"), (118, "22:13:20.033000"), (198, "2023-11-14T22:13:20.033000Z")],
)
def test_a_time_is_shown_from_its_clock_on(width: int, shown: str) -> None:
    assert time_in("2023-11-14T22:13:20.033000Z", width) == shown
    assert time_in("1700000000.5", width) == "1700000000.5"
    assert time_in("", width) == ""


async def test_a_long_trace_says_how_many_messages_it_will_have(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpy")
    monkeypatch.setattr("analyzer.tui.session.MANY", 500)
    monkeypatch.setattr("analyzer.tui.screens.trace.COUNTED_LATER", 0.0)
    trace = Trace("dump", "dump.bin", [Record(1, bytes.fromhex("7EA0070321930F017E") * 1200)])
    seen: list[str] = []
    async with DlmscopeApp([trace], settings=Settings()).run_test(size=(100, 30)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, TraceScreen)
        await settled(pilot)
        screen.session.count(0)
        decoded = screen.session._decoded[0]
        decoded.complete, messages, decoded.messages = False, decoded.messages, [*decoded.messages[:40]]
        screen._title()
        seen.append(str(parts(pilot.app)[0].border_subtitle))
        decoded.complete, decoded.messages = True, messages
        screen._title()
        seen.append(str(parts(pilot.app)[0].border_subtitle))
    assert seen == ["40 of 1,200 messages, decoding ...", "1,200 messages"]
