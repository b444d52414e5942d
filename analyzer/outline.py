"""What is kept of the messages of a trace while they pass, to compare it with another one: no message, little of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.align import Key, key_of
from analyzer.expectation import joined_by
from analyzer.message import Message


class Outline:
    """A key for each message that has passed, and the numbers of those whose blocks a later one completes."""

    def __init__(self, beside: Outline | None = None) -> None:
        """`beside` is the outline of the trace to compare with: keys are few, and kept once for both."""
        self.keys: list[Key] = []
        self.blocks: set[int] = set()
        self._known: dict[Key, Key] = beside._known if beside is not None else {}

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"Outline({len(self)} messages)"

    def passing(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The messages as they come, each noted."""
        for message in messages:
            key = key_of(message)
            self.keys.append(self._known.setdefault(key, key))
            self.blocks.update(joined_by(message))
            yield message


def outlines(a: Iterable[Message], b: Iterable[Message]) -> tuple[Outline, Outline]:
    """Those of two traces, all messages of which are gone through."""
    one = Outline()
    other = Outline(one)
    for outline, messages in ((one, a), (other, b)):
        for _ in outline.passing(messages):
            pass
    return one, other
