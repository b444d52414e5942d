"""Traces and records while they are put together, and what they become when the text is at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.model import Direction, Place, Record, Severity, SourceIssue, Trace
from analyzer.sources.dumps import Dump
from analyzer.sources.timestamps import Stamp, seconds_of

ISSUES_PER_TRACE = 1000  # a reader stops reading long before; the others are counted


@dataclass(slots=True)
class Draft:
    """A record being put together."""

    number: int
    place: Place
    direction: Direction
    stamp: Stamp | None
    data: bytearray = field(default_factory=bytearray)
    announced: int | None = None
    gaps: bool = False
    width: int = 0
    carried: str = ""
    carry_place: Place | None = None
    dump: Dump | None = None
    indent: int = -1


class TraceDraft:
    """A trace being put together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.drafts: list[Draft] = []
        self.issues: list[SourceIssue] = []
        self.unlisted = 0

    def note(
        self,
        severity: Severity,
        text: str,
        place: Place | None,
        record: int | None = None,
        offset: int | None = None,
    ) -> None:
        """Add an issue; beyond the limit only count it."""
        if len(self.issues) < ISSUES_PER_TRACE:
            self.issues.append(SourceIssue(severity, text, place, record, offset))
        else:
            self.unlisted += 1


def finish(trace: TraceDraft, source: str) -> Trace:
    """The trace as the other layers see it."""
    issues = list(trace.issues)
    directions = _sides_of_a_followed_stream(trace, issues)
    if trace.unlisted:
        issues.append(SourceIssue("warning", f"{trace.unlisted} more places of this kind are not listed"))
    seconds = seconds_of(draft.stamp for draft in trace.drafts)
    records = [
        Record(
            draft.number,
            bytes(draft.data),
            directions.get(draft.indent, draft.direction) if draft.dump is not None else draft.direction,
            draft.stamp.text if draft.stamp is not None else None,
            second,
            draft.place,
        )
        for draft, second in zip(trace.drafts, seconds, strict=True)
    ]
    return Trace(trace.name, source, records, issues)


def _sides_of_a_followed_stream(trace: TraceDraft, issues: list[SourceIssue]) -> dict[int, Direction]:
    """Wireshark's "follow stream" tells the sides by indentation only: the right one answers."""
    if any(draft.direction != "unknown" for draft in trace.drafts):
        return {}
    indents = sorted({draft.indent for draft in trace.drafts if draft.dump is not None})
    if len(indents) != 2 or indents[0] < 0:
        return {}
    issues.append(SourceIssue("info", "no line names a sender: the rows on the left are taken as the client's"))
    return {indents[0]: "client", indents[1]: "meter"}
