"""The pictures of the README: the thread in the terminal interface, as SVG. Run by `make screenshots`."""

import asyncio
import re
from pathlib import Path

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings
from tests.tui.conftest import ROOT, THREAD, ZEROS, idle

FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # they would be fetched from the network
FOLDER = ROOT / "docs"
PICTURES = {"diagnosis": ("4",), "diff": ("3", "f")}


async def take(name: str, keys: tuple[str, ...]) -> Path:
    """One picture of 120 x 36 characters."""
    app = DlmscopeApp(open_traces(str(THREAD)), KeyRing.from_options(ek=ZEROS, ak=ZEROS), settings=Settings())
    async with app.run_test(size=(120, 36)) as pilot:
        await idle(pilot)
        for key in keys:
            await pilot.press(key)
            await idle(pilot)
        path = FOLDER / f"{name}.svg"
        drawn = app.export_screenshot(title=f"dlmscope, {name}")
        path.write_text(FONTS.sub("", drawn), "utf-8")
    return path


if __name__ == "__main__":
    for name, keys in PICTURES.items():
        print(asyncio.run(take(name, keys)).relative_to(ROOT))
