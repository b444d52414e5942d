"""The diagnosis as JSON, in the shape that programs rely on (schemas/diagnose.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analyzer.diagnosis import Diagnosis
from analyzer.model import Finding
from analyzer.report import source_issues
from analyzer.report.corrected import sent_and_right


def render(diagnoses: Sequence[Diagnosis]) -> dict[str, Any]:
    """All traces with their findings, as an object for `json.dumps`."""
    return {"traces": [_trace(diagnosis) for diagnosis in diagnoses]}


def _trace(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "trace": diagnosis.trace,
        "source": diagnosis.source,
        "health": diagnosis.health,
        "messages": diagnosis.messages,
        "keys": {verdict.replace("-", "_"): count for verdict, count in diagnosis.counts.items()},
        "statements": list(diagnosis.statements),
        "issues": source_issues.as_json(diagnosis.issues),
        "findings": [_finding(finding, diagnosis) for finding in diagnosis.findings],
    }


def _finding(finding: Finding, diagnosis: Diagnosis) -> dict[str, Any]:
    span = finding.span
    return {
        "id": finding.id,
        "code": finding.code,
        "severity": finding.severity,
        "certainty": finding.certainty,
        "message": finding.message,
        "record": finding.record,
        "side": finding.side,
        "span": [span.buffer, span.start, span.end] if span is not None else None,
        "field": finding.field,
        "title": finding.title,
        "evidence": list(finding.evidence),
        "cause": finding.cause,
        "fix": finding.fix,
        "fixed_bytes": "".join(sent_and_right(finding, diagnosis)[1]) if finding.fixed_bytes is not None else None,
        "fixed_note": finding.fixed_note or None,
        "because_of": finding.because_of,
        "because_of_id": finding.because_of_id,
    }
