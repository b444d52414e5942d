"""The diagnosis screen: causes first, evidence to octets, suppositions, the search, corrected and edited frames."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, Static

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.screens.diagnose import DiagnoseScreen
from analyzer.tui.settings import Settings
from analyzer.tui.widgets.bytes_view import BytesView
from analyzer.tui.widgets.diagnosis_frames import TwoFrames
from analyzer.tui.widgets.diagnosis_rows import FindingRows
from analyzer.tui.widgets.diagnosis_trials import TrialRows
from tests.support import CLIENT, EK, METER, Station, ciphered, keys

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
RIGHT = "7E A0 6E 00 02 FE FF 03 10 3E EF E6 E6 00 60 5D"
WRONG = "0F" * 16


def findings(app: DlmscopeApp) -> FindingRows:
    assert isinstance(app.screen, DiagnoseScreen)
    return app.screen.query_one("#findings", FindingRows)


def trials(app: DlmscopeApp) -> TrialRows:
    return app.screen.query_one("#trials", TrialRows)


def said(app: DlmscopeApp, where: str = "#finding-text") -> str:
    return str(app.screen.query_one(where, Static).render())


def lines(rows: FindingRows | TrialRows, width: int = 160) -> list[str]:
    return ["".join(text for text, _ in rows.row(n, width)).rstrip() for n in range(rows.row_count())]


async def opened(pilot: Pilot[Any], settled: Settled, *pressed: str) -> None:
    await settled(pilot)
    for key in ("4", *pressed):
        await pilot.press(key)
        await settled(pilot)


async def test_causes_stand_over_consequences(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settled)
        rows = lines(findings(app))
        assert rows[0].startswith("MY SOFTWARE  6 messages, 1 of 1 verify") and rows[0].endswith("FAILING")
        assert rows[1] == "  1 ! LLC header is missing  proven, client, message 3"
        assert rows[2] == "  2 ! Proposed DLMS version is not 6  proven, client, message 3"
        assert rows[3].startswith("  3 i └ of 1  Answer is a leftover of an older frame")
        assert any(row.startswith("MANUFACTURER SOFTWARE  10 messages, 6 of 6 verify") for row in rows)
        assert "llc-missing" in said(app) and "Cause" in said(app) and "Fix" in said(app)
        top = findings(app).scroll_offset.y
        assert top == 0  # both causes are in sight at 80 x 24
        assert findings(app).size.height >= 4


async def test_sent_and_right_frame_with_what_differs(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled)
        frames = app.screen.query_one("#finding-frames", TwoFrames)
        assert frames.sent.hex(" ").upper().startswith("7E A0 6B 00 02 FE FF 03 10 9D 1F 60 5D")
        left, right = frames.query(BytesView)
        assert (left._lit[0].start, left._lit[0].look) == (2, "changed")
        assert [(lit.start, lit.end) for lit in right._lit[:2]] == [(2, 3), (9, 14)]
        await pilot.press("c")
        await settled(pilot)
        assert app.clipboard.startswith(RIGHT)
        await pilot.press("C")
        await settled(pilot)
        assert app.clipboard == frames.sent.hex(" ").upper()


async def test_enter_jumps_to_the_evidence(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "n", "enter")
        assert app.screen.place == "trace"  # type: ignore[attr-defined]
        assert app.screen.index == 1  # type: ignore[attr-defined]
        assert app.screen.query_one("#messages").current.number == 3  # type: ignore[attr-defined]
        assert any(lit.look == "finding" for lit in app.screen.query_one("#opened", BytesView)._lit)


async def test_every_finding_can_be_shown(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settled, "home")
        rows = findings(app)
        for n in range(rows.row_count()):
            rows.move(n)
            await settled(pilot)
            row = rows.current
            assert row is not None
            assert (row.finding.title if row.finding else row.diagnosis.trace) in said(app)


async def test_a_wrong_key_is_seen_at_once_and_changes_nothing(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "h")
        assert str(trials(app).border_title) == "7 of 7 verify, 7 readable"
        for key in ("tab", "end", "backspace"):
            await pilot.press(key)
        await settled(pilot)
        assert "AK: expected an even number of digits, found 31" in str(trials(app).border_title)
        await pilot.press("1")
        await settled(pilot)
        assert str(trials(app).border_title) == "0 of 7 verify, 7 fail, 7 readable"
        assert all(row.startswith("✗ fails") for row in lines(trials(app)))
        assert app.screen.query_one("#try-text", BytesView).data.hex() == "01000000065f0400000019ffff"
        assert app.session.keys.key("ak", None, 0) == bytes(16)
        await pilot.press("backspace", "0")
        await settled(pilot)
        assert str(trials(app).border_title) == "7 of 7 verify, 7 readable"


async def test_each_field_of_the_form_is_tried(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "h")
        for name, text, title in (
            ("counter", "+1", "0 of 7 verify, 7 fail, 0 readable"),
            ("data", "SC", "0 of 7 verify, 7 fail, 7 readable"),
            ("control", "20", "0 of 7 verify, 7 not checked"),
            ("tag", "8", "0 of 7 verify"),
            ("client_title", "0102030405060708", "3 of 7 verify, 4 fail"),
            ("data", "NONSENSE", "! authenticated data: NONSENSE is none of"),
        ):
            field = app.screen.query_one(f"#suppose-{name}", Input)
            field.value = text
            await settled(pilot)
            assert str(trials(app).border_title).startswith(title), name
            field.value = ""
            await settled(pilot)
            assert str(trials(app).border_title) == "7 of 7 verify, 7 readable"


async def test_the_search_narrows_and_its_keys_are_taken(settled: Settled) -> None:
    app = DlmscopeApp(open_traces(str(THREAD)), KeyRing.from_options(ek=WRONG, ak=WRONG), settings=Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "h")
        assert str(trials(app).border_title).startswith("0 of 7 verify, 7 fail, 0 readable")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert said(app, "#try-found").startswith("7 of 7 explained")
        assert "MANUFACTURER SOFTWARE 3, 4, 5, 6, 7, 8: verifies" in said(app, "#try-found")
        assert str(trials(app).border_title) == "7 of 7 verify, 7 readable"
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert app.session.keys.key("ek", None, 0) == bytes(16)
        await pilot.press("escape", "escape")
        await settled(pilot)
        assert "7 of 7" not in lines(findings(app))[0] and "1 of 1 verify" in lines(findings(app))[0]


async def test_a_search_that_finds_nothing_says_what_was_tried(settled: Settled) -> None:
    unknown = Station(CLIENT, ek=bytes(range(40, 56))), Station(METER, ek=bytes(range(40, 56)))
    traces = [ciphered(client=unknown[0], meter=unknown[1], reads=1).trace()]
    app = DlmscopeApp(traces, keys(), settings=Settings(), first="diagnose")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("h")
        await settled(pilot)
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert said(app, "#try-found").startswith("0 of ")
        assert "three changes at once were not tried" in said(app, "#try-found")
        assert app.screen.query_one("#suppose-encryption_key", Input).value == EK.hex().upper()


async def test_a_search_can_be_stopped(settled: Settled) -> None:
    unknown = Station(CLIENT, ek=bytes(range(40, 56))), Station(METER, ek=bytes(range(40, 56)))
    traces = [ciphered(client=unknown[0], meter=unknown[1], reads=25).trace()]
    app = DlmscopeApp(traces, keys(), settings=Settings(), first="diagnose")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("h")
        await settled(pilot)
        await app.screen.run_action("search")
        await app.screen.run_action("search")  # at once: a key stroke of a test waits until nothing happens any more
        await settled(pilot)
        assert said(app, "#try-found").startswith("Stopped.")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert said(app, "#try-found").startswith("0 of ")


async def test_ctrl_n_is_as_given_and_keys_are_masked(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "h")
        field = app.screen.query_one("#suppose-encryption_key", Input)
        field.value = WRONG
        await settled(pilot)
        assert WRONG not in app.export_screenshot()
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert field.password is False
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert field.value == "00" * 16
        assert str(trials(app).border_title) == "7 of 7 verify, 7 readable"


async def test_a_field_is_edited_and_the_frame_rebuilt(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "e")
        line = app.screen.query_one("#edit-line", Input)
        assert app.screen.query_one("#edit-number", Input).value == "3"
        line.value = "proposed_dlms_version_number=6"
        await settled(pilot)
        frames = app.screen.query_one("#edit-frames", TwoFrames)
        assert frames.right != frames.sent and len(frames.right) == len(frames.sent)
        assert "take the next counter before sending" in said(app, "#edit-said")
        line.value = "proposed_dlms_version_number=6; send_sequence_number=3"
        await settled(pilot)
        assert frames.right[8] == 0x16
        await pilot.press("escape", "c")
        await settled(pilot)
        assert app.clipboard == frames.right.hex(" ").upper()
        for text, problem in (
            ("nonsense=1", "nonsense: there is no such field in message 3"),
            ("proposed_dlms_version_number=999", "999 does not fit 1 octet"),
            ("length=3", "length is computed when the frame is built"),
            ("proposed_dlms_version_number", "type = and a value"),
        ):
            line.value = text
            await settled(pilot)
            assert said(app, "#edit-said").startswith("! ") and problem in said(app, "#edit-said")
            assert frames.right == b""
        app.screen.query_one("#edit-number", Input).value = "99"
        await settled(pilot)
        assert said(app, "#edit-said") == "There is no message 99; the trace has 6."


async def test_enter_on_a_field_takes_it_into_the_line(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "e", "escape", "down", "down", "down", "enter")
        assert app.screen.query_one("#edit-line", Input).value == "frame_format.frame_type="
        await pilot.press("1", "0")
        await settled(pilot)
        frames = app.screen.query_one("#edit-frames", TwoFrames)
        assert frames.right == frames.sent


async def test_nothing_open_and_every_key(settled: Settled) -> None:
    app = DlmscopeApp(first="diagnose", settings=Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "Nothing is open" in said(app)
        await pilot.press("c", "C", "o", "n", "N", "e", "enter", "h")
        await settled(pilot)
        assert str(trials(app).border_title) == "Nothing is protected"
        await pilot.press("ctrl+r", "ctrl+s", "ctrl+n", "escape", "escape")
        await settled(pilot)
        assert app.screen.view == "findings"  # type: ignore[attr-defined]


async def test_the_search_begins_with_the_keys_of_the_form(app: DlmscopeApp, settled: Settled) -> None:
    """The given keys open everything; those of the form do not."""
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settled, "h")
        app.screen.query_one("#suppose-authentication_key", Input).value = "11" * 16
        await settled(pilot)
        assert str(trials(app).border_title).startswith("0 of 7 verify, 7 fail")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert said(app, "#try-found").startswith("7 of 7 explained")
        assert str(trials(app).border_title).startswith("7 of 7 verify")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert said(app, "#try-found").startswith("Everything that can be checked verifies")


async def test_frames_begin_at_their_top_after_another_view(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settled, "h")
        await pilot.press("escape", "escape")
        await settled(pilot)
        assert [view.scroll_y for view in app.screen.query("#finding-frames BytesView")] == [0, 0]


async def test_a_pane_alone_and_back(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, settled)
        for _ in range(4):
            alone = app.screen.focused
            assert alone is not None
            await pilot.press("z")
            await settled(pilot)
            assert app.screen.maximized is alone and alone.size.height > 16
            await pilot.press("escape")
            await settled(pilot)
            assert app.screen.maximized is None and app.screen.focused is alone
            await pilot.press("tab")
            await settled(pilot)
