"""The screens by their number keys. One line each; a screen whose module is not there is left out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.tui.screens.base import BaseScreen


@dataclass(frozen=True, slots=True)
class Place:
    """A screen: the key that opens it, its name for `show_screen`, its title, and where its class is."""

    key: str
    name: str
    title: str
    module: str
    class_name: str

    def make(self) -> BaseScreen:
        """The screen itself."""
        made: BaseScreen = getattr(import_module(self.module), self.class_name)()
        return made


_ALL = (
    Place("1", "start", "Start", "analyzer.tui.screens.start", "StartScreen"),
    Place("2", "trace", "Trace", "analyzer.tui.screens.trace", "TraceScreen"),
    Place("3", "diff", "Diff", "analyzer.tui.screens.diff", "DiffScreen"),
    Place("4", "diagnose", "Diagnose", "analyzer.tui.screens.diagnose", "DiagnoseScreen"),
    Place("5", "values", "Values", "analyzer.tui.screens.values", "ValuesScreen"),
    Place("6", "keys", "Keys", "analyzer.tui.screens.keys", "KeysScreen"),
)
PLACES = tuple(place for place in _ALL if find_spec(place.module) is not None)
