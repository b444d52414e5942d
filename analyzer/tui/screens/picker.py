"""Choosing a file: its path, the recent ones, the folder tree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree, Input, OptionList
from textual.widgets.option_list import Option

from analyzer.tui.recognition import path_in, shown_path


class Folders(DirectoryTree):
    """The folder tree with signs that every terminal has, and without hidden files."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Hidden files stay hidden."""
        return [path for path in paths if not path.name.startswith(".")]


class FilePicker(ModalScreen[str | None]):
    """Gives a path, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", show=False)]

    def __init__(self, recent: Sequence[str] = (), title: str = "Open a file") -> None:
        super().__init__()
        self._recent = [path for path in recent if os.path.isfile(path)]
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(id="picker") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter opens, Backspace goes up a folder, Escape leaves"
            yield Input(placeholder="path, with # and a number for one trace of it", id="path", compact=True)
            if self._recent:
                yield OptionList(
                    *(Option(shown_path(path), id=None) for path in self._recent), id="recent", markup=False
                )
            yield Folders(os.getcwd(), id="tree")

    def on_mount(self) -> None:
        """The folder tree has the keys."""
        self.query_one(DirectoryTree).focus()

    def on_key(self, event: object) -> None:
        """Backspace in the tree goes to the folder above."""
        tree = self.query_one(DirectoryTree)
        if getattr(event, "key", "") == "backspace" and tree.has_focus:
            tree.path = Path(tree.path).resolve().parent

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        """A file of the tree."""
        self.dismiss(str(event.path))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A recent file."""
        self.dismiss(self._recent[event.option_index])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A path that was typed or dragged here; a folder becomes the root of the tree."""
        path = path_in(event.value)
        folder = os.path.expanduser(event.value.strip() or ".")
        if path is not None:
            self.dismiss(path)
        elif os.path.isdir(folder):
            self.query_one(DirectoryTree).path = Path(folder)
        else:
            self.notify(f"{event.value}: there is no such file", severity="error", markup=False)

    def action_leave(self) -> None:
        """Without a file."""
        self.dismiss(None)
