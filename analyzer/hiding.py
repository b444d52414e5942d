"""Whether the values of messages are to be covered in reports, and the words for it.

A report asks here where it writes a value, so that no value has to be searched for in the finished text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from analyzer.covered import MASK, Cover, masked
from analyzer.message import Message
from analyzer.model import Node
from analyzer.tree import parts_of, tree_of

NAMES = frozenset({"obis", "unit"})  # members that say what a value is

_hidden: ContextVar[bool] = ContextVar("hidden", default=False)
_last: deque[tuple[Message, Cover]] = deque(maxlen=4)  # a report asks for many fields of one message, a diff of two


@contextmanager
def values_hidden(hidden: bool = True) -> Iterator[None]:
    """Reports that are made inside cover the values of messages. A thread that is started inside has to say so again."""
    token = _hidden.set(hidden)
    try:
        yield
    finally:
        _hidden.reset(token)
        _last.clear()


def are_hidden() -> bool:
    """Whether values are to be covered."""
    return _hidden.get()


def said(text: str) -> str:
    """The words for a value, covered if values are to be."""
    return masked(text) if _hidden.get() else text


def tree(message: Message) -> Node:
    """The tree of a message, without its values if they are to be covered."""
    made, cover = tree_of(message), cover_of(message)
    return cover.tree(made) if cover is not None else made


def parts(message: Message) -> Iterator[Node]:
    """The parts of the tree of a message one by one, without their values if they are to be covered."""
    cover = cover_of(message)
    for part in parts_of(message):
        yield cover.tree(part) if cover is not None else part


def cover_of(message: Message) -> Cover | None:
    """What is to be covered in a message; None if nothing is."""
    if not _hidden.get():
        return None
    found = next((cover for known, cover in tuple(_last) if known is message), None)
    if found is None:
        found = Cover(message)
        _last.append((message, found))
    return found


def octets(message: Message, data: bytes, between: str = "") -> str:
    """The whole of one buffer of a message in hexadecimal; octets that are no buffer of it are covered whole."""
    cover = cover_of(message)
    if cover is None:
        return data.hex(" ").upper().replace(" ", between)
    buffers = [(0, message.wire), *((buffer.id, buffer.data) for buffer in message.buffers)]
    number = next((number for number, whole in buffers if whole == data), None)
    return between.join(cover.octets(number, data) if number is not None else [MASK * 2] * len(data))


def covered_json(value: Any) -> Any:
    """A value of JSON with all that is in it covered; lists and the names of members stay, of a P1 value all but itself."""
    if isinstance(value, list):
        return [covered_json(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key in NAMES else covered_json(item) for key, item in value.items()}
    if isinstance(value, str):
        return masked(value)
    return None if value is None else MASK * len(str(value))
