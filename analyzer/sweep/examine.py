"""What a worker does with one capture: decode, diagnose, and give its rows as octets of Parquet and its facts as JSON.

Whatever is in the capture, there is an outcome: one that cannot be read has its reason instead of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from analyzer.bulk.crew import Lost, place_of
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.export.bundle import Bundle
from analyzer.export.parquet import ParquetMissing, write_rows
from analyzer.export.tables import VALUES, Row, rows_of
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyProviderError
from analyzer.message import Message
from analyzer.model import Trace
from analyzer.redaction import Redactor, secrets_of
from analyzer.sources import InputError
from analyzer.sweep.meters import as_json, meters_of, span
from analyzer.sweep.places import Capture, opened, traces_in
from analyzer.sweep.settings import Settings
from grammars.readings import escaped

VALUE_COLUMNS = {"capture": "text", **VALUES}
FINDING_COLUMNS = {
    "capture": "text", "trace": "text", "id": "integer", "code": "text", "severity": "text", "certainty": "text",
    "side": "text", "message": "integer", "record": "integer", "title": "text", "evidence": "text", "cause": "text",
    "fix": "text", "because_of": "text",
}  # fmt: skip
Decoded = list[tuple[Trace, list[Message]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a capture: facts for the manifest, and the tables as Parquet files, none where it is unreadable."""

    facts: dict[str, Any]
    tables: dict[str, bytes] = field(default_factory=dict, repr=False)


def examine(settings: Settings, capture: Capture) -> Outcome:
    """The outcome for one capture. Raises ParquetMissing, and nothing because of what a capture holds."""
    try:
        with values_hidden(settings.redact == "payload"):
            return _examined(settings, capture)
    except ParquetMissing:
        raise
    except MemoryError:
        return unreadable("there is not enough memory for it")
    except InputError as problem:
        return unreadable(_covered(settings, _one_line(problem)))
    except KeyProviderError as problem:  # it would fail for every capture
        return unreadable(_one_line(problem))
    except OSError as problem:
        return unreadable(f"cannot be opened: {problem.strerror or type(problem).__name__}")
    except Exception as problem:  # a defect, or an error of a file system of its own
        return unreadable(f"cannot be read: {place_of(problem)}")


def unreadable(reason: str) -> Outcome:
    """The outcome for a capture without rows."""
    return Outcome({"unreadable": reason, "rows": {}, "traces": []})


def outcome_of(result: Outcome | Lost) -> Outcome:
    """The outcome of a job, also where its workers died."""
    return unreadable(result.reason) if isinstance(result, Lost) else result


def name_of(settings: Settings, capture: Capture) -> str:
    """The name of a capture that nobody could read, with the titles that the keys tell covered if anything is."""
    return _covered(settings, capture.name)


def _covered(settings: Settings, text: str) -> str:
    if settings.redact is None:
        return text
    return Redactor(secrets_of((), settings.keys.keys, False)).text(text)


def _examined(settings: Settings, capture: Capture) -> Outcome:
    keys = settings.keys.ring()
    with opened(capture.url) as stream:
        traces = traces_in(stream, capture.name.replace("\\", "/").rpartition("/")[2], settings.kind, settings.choice)
        decoded = [(trace, list(decode(trace, keys))) for trace in traces]
        diagnoses = diagnose(decoded, keys)
    redactor = None
    if settings.redact is not None:
        messages = [message for _, own in decoded for message in own]
        redactor = Redactor(secrets_of(messages, keys, settings.redact == "payload"))
    bundles = [
        Bundle(trace, messages, diagnosis.findings, redactor)
        for (trace, messages), diagnosis in zip(decoded, diagnoses, strict=True)
    ]
    name = redactor.text(capture.name) if redactor else capture.name
    tables, rows = {}, {}
    for table, columns, made in (
        ("values", VALUE_COLUMNS, ((name, *row) for row in rows_of("values", bundles))),
        ("findings", FINDING_COLUMNS, _findings(name, bundles)),
    ):
        stream_out = BytesIO()
        rows[table] = write_rows(stream_out, columns, made)
        tables[table] = stream_out.getvalue()
    facts = {"capture": name, "unreadable": None, "rows": rows, "traces": list(_traces(settings, bundles, diagnoses))}
    return Outcome(facts, tables)


def _findings(capture: str, bundles: Sequence[Bundle]) -> Iterator[Row]:
    for bundle in bundles:
        for one in bundle.findings:
            texts = (one.title, "\n".join(one.evidence), one.cause, one.fix)
            trace, title, evidence, cause, fix = (escaped(bundle.text(text)) for text in (bundle.trace.name, *texts))
            yield (
                capture, trace, one.id, one.code, one.severity, one.certainty, one.side, one.message, one.record,
                title, evidence, cause, fix, one.because_of,
            )  # fmt: skip


def _traces(settings: Settings, bundles: Sequence[Bundle], diagnoses: Sequence[Diagnosis]) -> Iterator[dict[str, Any]]:
    """What each trace is in short: its health, its findings by code, its verdicts and its meters."""
    covered = settings.redact is not None
    named = settings.pseudonym if covered else str
    for number, (bundle, diagnosis) in enumerate(zip(bundles, diagnoses, strict=True), 1):
        codes: dict[str, dict[str, Any]] = {}
        for finding in diagnosis.findings:
            entry = codes.setdefault(finding.code, {"severity": finding.severity, "count": 0})
            entry["count"] += 1
        yield {
            "number": number,
            "trace": escaped(bundle.text(bundle.trace.name)),
            "health": diagnosis.health,
            "messages": diagnosis.messages,
            "span": span(bundle.messages),
            "keys": {verdict.replace("-", "_"): count for verdict, count in diagnosis.counts.items()},
            "findings": codes,
            "meters": [
                as_json(meter, named, covered, settings.redact != "payload") for meter in meters_of(bundle.messages)
            ],
        }


def _one_line(problem: Exception) -> str:
    return escaped(" ".join(str(problem).split())) or type(problem).__name__
