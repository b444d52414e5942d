"""Words that may hold what must not be seen."""

from __future__ import annotations

from rich.text import Text
from textual.visual import VisualType
from textual.widgets import Static


class Said(Static):
    """A text, masked before it is broken into lines."""

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Another text."""
        masking = getattr(self.app, "masking", None)
        if masking is not None and isinstance(content, Text):
            content = masking.rich(content)
        elif masking is not None and isinstance(content, str):
            content = masking.text(content)
        super().update(content, layout=layout)
