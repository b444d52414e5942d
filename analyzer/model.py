"""What flows between the layers: records, frames, messages, trees and findings. All of it is immutable.

Offsets count bytes from 0 in the buffer they belong to, ends are exclusive, record and message numbers
count from 1 within their trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["client", "meter", "unknown"]
Severity = Literal["error", "warning", "info"]
Certainty = Literal["proven", "likely", "possible"]
Verdict = Literal["verified", "unauthenticated", "failed", "no-key"]
Side = Literal["client", "meter", "link", "analyst"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text that somebody pasted: line and column, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class SourceIssue:
    """Something about the input itself that a reader has to know: an odd digit, a stray character.

    `place` is where in a text, `offset` where in the bytes of the record; either may be unknown. `code` is a fault of the
    catalogue where the issue shows one; the diagnosis reports it as a finding.
    """

    severity: Severity
    text: str
    place: Place | None = None
    record: int | None = None
    offset: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One chunk of bytes as it was captured: a line of a log, a TCP segment, a read of a serial port.

    `time` is the text of the time stamp as it was written, with all its digits; `seconds` the same as seconds on a clock
    of the trace, for differences only: a float holds dates of today to 238 ns. `place` is where a text source had it.
    `lost` counts octets of the same sender that are known to be missing before it.
    """

    number: int
    data: bytes = field(repr=False)
    direction: Direction = "unknown"
    time: str | None = None
    seconds: float | None = None
    place: Place | None = None
    carrier: str = ""
    lost: int = 0


class Trace(Sequence[Record]):
    """The records of one conversation, in the order they were captured, with a name and a source."""

    __slots__ = ("issues", "name", "records", "source")

    def __init__(self, name: str, source: str, records: Sequence[Record], issues: Sequence[SourceIssue] = ()) -> None:
        self.name = name
        self.source = source
        self.records = records
        self.issues = tuple(issues)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __repr__(self) -> str:
        return f"Trace({self.name!r}, {len(self.records)} records)"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes in a buffer. Buffer 0 is the wire: the frames of the message, one after the other.

    `message` is the number of the message that the buffer belongs to, where it is another one."""

    buffer: int
    start: int
    end: int
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that were not on the wire as such: decrypted, reassembled or decompressed from `sources`."""

    id: int
    how: Literal["wire", "decrypted", "reassembled", "decompressed"]
    sources: tuple[Span, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Node:
    """One field: its name in the standard, its bytes, its value and what the value means.

    `bits` is (first, width), the first bit counted from the most significant one of the byte range.
    `error` tells what is wrong with the field; `doc` what the standard says about it.
    """

    name: str
    start: int
    end: int
    buffer: int = 0
    value: object = None
    meaning: str = ""
    error: str | None = None
    bits: tuple[int, int] | None = None
    doc: str = ""
    unit: str = ""
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the bytes."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, path: str) -> Node | None:
        """The first node below this one at a dotted path of names; a part may skip levels.

        find("initiate_request.version") finds it wherever between them other nodes stand.
        """
        first, _, rest = path.partition(".")
        for node in self.walk():
            if node is not self and node.name == first:
                found = node.find(rest) if rest else node
                if found is not None:
                    return found
        return None


@dataclass(frozen=True, slots=True)
class Security:
    """What became of one protected APDU. The key itself is never here, only its role."""

    layer: str
    verdict: Verdict
    control: int
    suite: int
    authenticated: bool
    encrypted: bool
    invocation_counter: int | None
    system_title: bytes | None
    key: str | None
    plaintext: bytes | None = field(repr=False, default=None)
    inner: tuple[Security, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement of the diagnosis, with its proof and its cure."""

    code: str
    severity: Severity
    certainty: Certainty
    side: Side
    title: str
    evidence: tuple[str, ...]
    cause: str
    fix: str
    message: int | None = None
    record: int | None = None
    span: Span | None = None
    field: str | None = None
    fixed_bytes: bytes | None = None
    fixed_note: str = ""
    because_of: str | None = None
    because_of_id: int | None = None
    id: int = 0
    rank: float = 0.0
