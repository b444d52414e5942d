"""Traces and records while they are put together, and what they become when the text is at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.model import Direction, Place, Severity, SourceIssue, Trace
from analyzer.sources.dumps import Dump
from analyzer.sources.logrecords import LogRecords
from analyzer.sources.parts import Spool
from analyzer.sources.timestamps import Stamp

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

    def __init__(self, name: str, spool: Spool) -> None:
        self.name = name
        self.records = LogRecords(spool)
        self.issues: list[SourceIssue] = []
        self.unlisted = 0

    def take(self, draft: Draft) -> None:
        """A record that is whole."""
        indent = draft.indent if draft.dump is not None else None
        self.records.append(draft.data, draft.direction, indent, draft.stamp, draft.place)

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
    if trace.records.settle():
        issues.append(SourceIssue("info", "no line names a sender: the rows on the left are taken as the client's"))
    if trace.unlisted:
        issues.append(SourceIssue("warning", f"{trace.unlisted} more places of this kind are not listed"))
    return Trace(trace.name, source, trace.records, issues)
