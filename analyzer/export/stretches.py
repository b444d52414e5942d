"""A trace as stretches of records, each with the messages in it: what is held at once when octets go out.

A trace that is held is one stretch. Else messages come by and by, in the order in which they begin, and the records before
the last one are done when no later message can have octets in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer import hiding
from analyzer.export.bundle import Bundle
from analyzer.message import Message
from analyzer.model import Finding, Record
from analyzer.redaction import Redactor

DUMP = 1 << 16  # octets; no packet is longer, and of a longer record of a long trace the frames go out
LATE = 1000  # records that wait: over TCP a frame may begin in one and end far behind, both sides send at once
OPEN = 5000  # messages that wait for a record at whose end none goes on; if more would, the frames go out


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records in a row and the messages that begin in them, with their findings and those that are of no message. No frame of
    records with both sides goes on behind it. Without records, the frames of the messages go out."""

    records: Sequence[Record]
    messages: Sequence[Message]
    findings: Sequence[Finding]
    redactor: Redactor | None = None

    def text(self, text: str) -> str:
        """A text with what is secret in it covered."""
        return self.redactor.text(text) if self.redactor is not None else text


def stretches_of(bundle: Bundle) -> Iterator[Stretch]:
    """The stretches of a trace, in order."""
    if bundle.coming is None:
        yield Stretch(bundle.trace, bundle.messages, bundle.findings, bundle.redactor)
        return
    line = _Line(bundle)
    for part in bundle.parts():
        line.add(part)
        del part
        yield from line.ready()
    yield from line.rest()


class _Line:
    """What waits of a trace: records that have not gone out, and the messages that begin in them."""

    def __init__(self, bundle: Bundle) -> None:
        self._redactor = bundle.redactor
        self._source = iter(bundle.trace)
        self._records: deque[Record] = deque()
        self._messages: list[Message] = []
        self._findings: list[Finding] = []
        self._framed = 0  # up to this record only frames go out

    def add(self, part: Bundle) -> None:
        """Takes the next messages."""
        self._messages += part.messages
        self._findings += part.findings

    def ready(self) -> Iterator[Stretch]:
        """What can go out now: no message that comes begins before the last one that is here."""
        if not self._messages:
            return
        last = self._messages[-1].frames[0].records[-1]
        while not self._records or self._records[-1].number < last:
            self._records.append(next(self._source))
        while (dump := self._dump()) is not None:
            yield from self._up_to(dump)
            yield from self._frames(dump)
            if dump == last:
                return  # more of it comes
            self._taken(dump + 1)
        if self._records[-1].carrier == "tcp":  # one of one side, whatever ends in it; but what is covered may go on
            yield from self._up_to(last - LATE, self._redactor is not None or hiding.are_hidden())
        else:
            yield from self._up_to(last)
        if len(self._messages) > OPEN:
            yield from self._frames(last)
            self._taken(last)

    def rest(self) -> Iterator[Stretch]:
        """What is left at the end of the trace."""
        yield from self.ready()
        self._records.extend(self._source)
        yield from self._frames(self._framed)
        self._taken(self._framed + 1)
        if self._records:
            yield self._stretch(tuple(self._records), self._messages)

    def _dump(self) -> int | None:
        """The number of the first record that is not held until all of its messages are there."""
        found = (one.number for one in self._records if one.number <= self._framed or _is_dump(one))
        return next(found, None)

    def _up_to(self, end: int, clean: bool = True) -> Iterator[Stretch]:
        """The records before one, with the messages that begin in them; `clean` ones only up to where no message goes on."""
        first = self._records[0].number
        yield from self._frames(min(self._framed, first - 1))  # those that come late, where frames went out
        for message in sorted(self._messages, key=lambda message: -max(message.records)) if clean else ():
            if max(message.records) < end:
                break
            end = min(end, max(first, message.records[0]))
        records = self._taken(end)
        if records:
            yield self._stretch(records, self._begun(end))

    def _frames(self, end: int) -> Iterator[Stretch]:
        """The frames of the messages that begin in a record or before it."""
        begun = self._begun(end + 1)
        if begun:
            self._framed = max(self._framed, *(max(message.records) for message in begun))
            yield self._stretch((), begun)

    def _stretch(self, records: Sequence[Record], messages: Sequence[Message]) -> Stretch:
        numbers = {message.number for message in messages}
        own = [one for one in self._findings if one.message is None or one.message in numbers]
        self._findings = [one for one in self._findings if one.message is not None and one.message not in numbers]
        return Stretch(records, messages, own, self._redactor)

    def _taken(self, end: int) -> list[Record]:
        """The records before one, which wait no longer."""
        taken = []
        while self._records and self._records[0].number < end:
            taken.append(self._records.popleft())
        return taken

    def _begun(self, end: int) -> list[Message]:
        """The messages that begin before a record, which wait no longer."""
        begun = [message for message in self._messages if message.records[0] < end]
        if begun:
            self._messages = [message for message in self._messages if message.records[0] >= end]
        return begun


def _is_dump(record: Record) -> bool:
    """Whether a record is what a line carried for a time, and no unit of anything."""
    return len(record.data) > DUMP and record.carrier != "tcp"
