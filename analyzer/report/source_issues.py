"""What the reader of an input has to say about it: odd digits, stray characters, hex that was not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analyzer.model import SourceIssue
from grammars.readings import escaped


def as_json(issues: Sequence[SourceIssue]) -> list[dict[str, Any]]:
    """Each with its place, where it is known."""
    return [
        {
            "severity": issue.severity,
            "text": issue.text,
            "line": issue.place.line if issue.place else None,
            "column": issue.place.column if issue.place else None,
            "record": issue.record,
        }
        for issue in issues
    ]


def as_lines(issues: Sequence[SourceIssue]) -> list[str]:
    """One line each."""
    return [f"{issue.severity}: {f'{issue.place}: ' if issue.place else ''}{escaped(issue.text)}" for issue in issues]
