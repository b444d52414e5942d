"""Traces with what the diagnosis says of their messages, in memory that does not grow with them.

Short traces are held, and diagnosed together as long as there are not too many messages in them; a long one comes in parts, a
part as soon as it is diagnosed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from analyzer import hiding
from analyzer.association import Association
from analyzer.decoding import decode
from analyzer.diagnosis import diagnose, long
from analyzer.diagnosis.gathered import Limits
from analyzer.diagnosis.long import PartFound, diagnose_parts
from analyzer.export.bundle import Bundle, Content
from analyzer.framing import frames_of
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Trace
from analyzer.reassembly import units_of
from analyzer.redaction import Redactor

AT_ONCE = 1000  # messages that go out together where nothing is said of them
Found = PartFound | Iterator[PartFound]


def bundles_of(
    traces: Iterable[Trace], keys: KeyProvider, redactor: Redactor | None = None, diagnosed: bool = True
) -> Iterator[Bundle]:
    """The traces ready to go out, each to be used up before the next. Where they are not diagnosed only their octets can go
    out. Never raises on any octets."""
    if not diagnosed:
        yield from _octets_of(traces, keys, redactor)
        return
    for trace, found in diagnosed_of(traces, keys):
        if isinstance(found, PartFound):
            yield Bundle(trace, *_content(found), redactor)
        else:
            yield Bundle(trace, redactor=redactor, coming=map(_content, found))


def _octets_of(traces: Iterable[Trace], keys: KeyProvider, redactor: Redactor | None) -> Iterator[Bundle]:
    for trace in traces:
        # Which octets are a value is known only where they have been read.
        messages = beginning_of(decode(trace, keys) if hiding.are_hidden() else _unread(trace))
        if isinstance(messages, list):
            yield Bundle(trace, messages, (), redactor)
        else:
            yield Bundle(trace, redactor=redactor, coming=_at_once(messages))


def _unread(trace: Trace) -> Iterator[Message]:
    """The messages of a trace with nothing read in them."""
    state = Association()
    for number, unit in enumerate(units_of(frames_of(trace)), 1):
        yield Message(number, unit.frames, unit.wire, unit.frames[0].direction, "none", None, None, (), state, state)


def diagnosed_of(traces: Iterable[Trace], keys: KeyProvider) -> Iterator[tuple[Trace, Found]]:
    """Each trace with all that was found in it, or part by part where it is long; to be used up in this order. What is said
    once of a trace comes with the first part that says it. Never raises on any octets."""
    held: list[tuple[Trace, Sequence[Message]]] = []
    count = 0
    for trace in traces:
        messages = beginning_of(decode(trace, keys))
        size = len(messages) if isinstance(messages, list) else long.LONG
        if count + size > long.LONG:
            yield from _together(held, keys)
            count = 0
        if isinstance(messages, list):
            held.append((trace, messages))
            count += size
        else:
            yield trace, _numbered_on(diagnose_parts(trace, messages, keys, partial(decode, trace)))
    yield from _together(held, keys)


def beginning_of(coming: Iterator[Message]) -> list[Message] | Iterator[Message]:
    """The messages of a trace: held where it is short, else as they come."""
    held = list(islice(coming, long.LONG + 1))
    return held if len(held) <= long.LONG else _released(held, coming)


def _released(held: list[Message], coming: Iterator[Message]) -> Iterator[Message]:
    """The messages that are held, of which each is let go, and those that come."""
    held.reverse()
    while held:
        yield held.pop()
    yield from coming


def _at_once(messages: Iterator[Message]) -> Iterator[Content]:
    """Messages, some at a time."""
    take: Callable[[], list[Message]] = lambda: list(islice(messages, AT_ONCE))  # noqa: E731
    return ((some, ()) for some in iter(take, []))


def _content(found: PartFound) -> Content:
    return found.messages, found.findings


def _together(held: list[tuple[Trace, Sequence[Message]]], keys: KeyProvider) -> Iterator[tuple[Trace, Found]]:
    """Short traces, diagnosed together; they are let go one after the other."""
    made = diagnose(held, keys)
    held.reverse()
    made.reverse()
    while held:
        (trace, messages), own = held.pop(), made.pop()
        yield trace, PartFound(messages, own.counts, own.findings, own)


def _numbered_on(parts: Iterator[PartFound]) -> Iterator[PartFound]:
    """The parts of a trace, with findings that are numbered throughout, and none more often than a short trace has it."""
    told = Limits()
    count = 0
    for part in parts:
        own = []
        for one in told.within(part.findings, part.messages[-1].number):
            because = one.because_of_id + count if one.because_of_id is not None else None
            own.append(replace(one, id=one.id + count, because_of_id=because))
        count += len(part.made.findings)
        yield replace(part, findings=tuple(own))
