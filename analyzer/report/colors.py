"""Colours of a terminal by what they mean, or none at all. Nothing is said by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Palette:
    """Paints texts when `on`, and leaves them as they are otherwise."""

    on: bool

    def _painted(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{RESET}" if self.on and text else text

    def strong(self, text: str) -> str:
        """A heading."""
        return self._painted("1", text)

    def error(self, text: str) -> str:
        """Something wrong."""
        return self._painted("1;31", text)

    def warning(self, text: str) -> str:
        """Something to look at."""
        return self._painted("33", text)

    def good(self, text: str) -> str:
        """Something right."""
        return self._painted("1;32", text)

    def dim(self, text: str) -> str:
        """Something to pass over."""
        return self._painted("2", text)


def palette(on: bool) -> Palette:
    """Colours, or none."""
    return Palette(on)
