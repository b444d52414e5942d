"""What a worker does with one capture: decode, diagnose, and give its rows as octets of Parquet and its facts as JSON.

Whatever is in the capture, there is an outcome: one that cannot be read has its reason instead of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from typing import Any

from analyzer.bulk.crew import Lost, place_of
from analyzer.decoding import decode
from analyzer.diagnosis.long import PartFound
from analyzer.export.bundle import Bundle
from analyzer.export.diagnosed import diagnosed_of
from analyzer.export.parquet import ParquetMissing, Table
from analyzer.export.tables import VALUES, Row, rows_of
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyProviderError
from analyzer.redaction import Redactor, secrets_of
from analyzer.sources import InputError
from analyzer.sweep.meters import Told, as_json
from analyzer.sweep.places import Capture, opened, traces_in
from analyzer.sweep.settings import Settings
from grammars.readings import escaped

VALUE_COLUMNS = {"capture": "text", **VALUES}
FINDING_COLUMNS = {
    "capture": "text", "trace": "text", "id": "integer", "code": "text", "severity": "text", "certainty": "text",
    "side": "text", "message": "integer", "record": "integer", "title": "text", "evidence": "text", "cause": "text",
    "fix": "text", "because_of": "text",
}  # fmt: skip


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
    streams = BytesIO(), BytesIO()
    with opened(capture.url) as stream:
        traces = traces_in(stream, capture.name.replace("\\", "/").rpartition("/")[2], settings.kind, settings.choice)
        redactor = None
        if settings.redact is not None:
            messages = chain.from_iterable(decode(trace, keys) for trace in traces)
            redactor = Redactor(secrets_of(messages, keys, settings.redact == "payload"))
        name = redactor.text(capture.name) if redactor else capture.name
        with Table(streams[0], VALUE_COLUMNS) as values, Table(streams[1], FINDING_COLUMNS) as findings:
            told = []
            for number, (trace, found) in enumerate(diagnosed_of(traces, keys), 1):
                summed = _Summed()
                for part in (found,) if isinstance(found, PartFound) else found:
                    bundle = Bundle(trace, part.messages, part.findings, redactor)
                    values.add((name, *row) for row in rows_of("values", (bundle,)))
                    findings.add(_findings(name, bundle))
                    summed.add(part)
                told.append(_trace(settings, number, escaped(bundle.text(trace.name)), summed))
    tables = dict(zip(("values", "findings"), (one.getvalue() for one in streams), strict=True))
    rows = {"values": values.count, "findings": findings.count}
    return Outcome({"capture": name, "unreadable": None, "rows": rows, "traces": told}, tables)


def _findings(capture: str, bundle: Bundle) -> Iterator[Row]:
    for one in bundle.findings:
        texts = (one.title, "\n".join(one.evidence), one.cause, one.fix)
        trace, title, evidence, cause, fix = (escaped(bundle.text(text)) for text in (bundle.trace.name, *texts))
        yield (
            capture, trace, one.id, one.code, one.severity, one.certainty, one.side, one.message, one.record,
            title, evidence, cause, fix, one.because_of,
        )  # fmt: skip


@dataclass(slots=True)
class _Summed:
    """What the parts of a trace have told up to now."""

    messages: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: bool = False
    told: Told = field(default_factory=Told)

    def add(self, part: PartFound) -> None:
        """Takes a part."""
        self.messages += len(part.messages)
        self.counts.update(part.counts)
        for finding in part.findings:
            entry = self.codes.setdefault(finding.code, {"severity": finding.severity, "count": 0})
            entry["count"] += 1
            self.failing = self.failing or finding.severity == "error"
        for message in part.messages:
            self.told.add(message)


def _trace(settings: Settings, number: int, name: str, summed: _Summed) -> dict[str, Any]:
    """What a trace is in short: its health, its findings by code, its verdicts and its meters."""
    covered = settings.redact is not None
    named = settings.pseudonym if covered else str
    return {
        "number": number,
        "trace": name,
        "health": "failing" if summed.failing else "ok",
        "messages": summed.messages,
        "span": summed.told.span,
        "keys": {verdict.replace("-", "_"): count for verdict, count in summed.counts.items()},
        "findings": summed.codes,
        "meters": [as_json(meter, named, covered, settings.redact != "payload") for meter in summed.told.meters],
    }


def _one_line(problem: Exception) -> str:
    return escaped(" ".join(str(problem).split())) or type(problem).__name__
