"""The whole way by keyboard: from the paste to the corrected frame."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.events import Paste
from textual.pilot import Pilot

from analyzer.tui.app import DlmscopeApp
from analyzer.tui.widgets.diagnosis_rows import FindingRows
from analyzer.tui.widgets.diagnosis_trials import TrialRows
from analyzer.tui.widgets.diff_rows import DiffRows

Settled = Callable[[Pilot[Any]], Awaitable[None]]
THREAD = Path(__file__).parents[2] / "captures/gurux-forum-2017/thread.log"
DIGITS = "0" * 32
# README.md of the capture has this frame: message 3 with LLC header, version 6, and the tag that belongs to it.
RIGHT = (
    "7EA06E0002FEFF03103EEFE6E600605DA109060760857405080103A60A040848454300050000018A0207808B0760857405080205AC12801067"
    "226776"
)


async def test_from_the_paste_to_the_corrected_frame(empty_app: DlmscopeApp, settled: Settled) -> None:
    app = empty_app
    strokes = 0

    async with app.run_test(size=(80, 24)) as pilot:

        async def press(*keys: str, digits: bool = False) -> None:
            nonlocal strokes
            strokes += 0 if digits else len(keys)
            await pilot.press(*keys)
            await settled(pilot)

        await settled(pilot)
        app.post_message(Paste(THREAD.read_text()))
        await settled(pilot)
        await press("tab")
        await press(*DIGITS, digits=True)
        await press("tab")
        await press(*DIGITS, digits=True)

        await press("f4")  # the diagnosis
        rows = app.screen.query_one("#findings", FindingRows)
        causes = [
            row.finding.code
            for row in rows.rows
            if row.finding is not None and row.diagnosis.trace == "MY SOFTWARE" and row.finding.severity == "error"
        ]
        assert causes == ["llc-missing", "dlms-version-wrong"]
        assert strokes < 30
        diagnosed_after = strokes

        await press("3", "f")  # the diff at the first divergence
        diff = app.screen.query_one("#diff-rows", DiffRows)
        assert diff.current is not None and (diff.current.pair.a, diff.current.pair.b) == (1, 1)
        assert diff.current.matters

        await press("4", "h", "tab", "end", "backspace", "1")  # another authentication key
        trials = app.screen.query_one("#trials", TrialRows)
        assert str(trials.border_title).startswith("0 of 7 verify, 7 fail")
        await press("backspace", "0")  # as it was
        assert str(trials.border_title).startswith("7 of 7 verify")

        await press("escape", "escape", "c")  # the corrected frame
        assert app.clipboard.replace(" ", "").startswith(RIGHT)
        assert bytes.fromhex(app.clipboard)[-1] == 0x7E
        assert diagnosed_after == 3 and strokes < 30
