"""What the captures of a sweep have in common: findings by code and model, counters that jump or go back, silent meters.

Everything comes out of the manifests of the parts, so a sweep that was interrupted reports as one that was not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

JUMP = 100_000  # APDUs between two captures of a meter beyond which its counter is worth a look
UNKNOWN = "unknown model"
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Two captures of one meter, and the invocation counter of one sender at the end of the first and begin of the next.

    `ordered` says by what the captures follow each other: their time or their name."""

    meter: str
    model: str
    direction: str
    sender: str
    before: int
    after: int
    captures: tuple[str, str]
    ordered: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """The report of a sweep. `codes` are (code, severity, model, findings, captures, meters), most captures first."""

    captures: int
    traces: int
    messages: int
    values: int
    failing: int
    keys: dict[str, int]
    models: tuple[tuple[str, int, int], ...]  # model, meters, captures
    codes: tuple[tuple[str, str, str, int, int, int], ...]
    back: tuple[Step, ...]
    jumps: tuple[Step, ...]
    silent: tuple[tuple[str, str, int, str], ...]  # meter, model, requests, capture
    unreadable: tuple[tuple[str, str], ...]  # capture, reason


def fleet_of(manifests: Sequence[Manifest]) -> Fleet:
    """The report; the order of the manifests does not matter."""
    parts = sorted(manifests, key=lambda part: (part["capture"], part["part"]))
    traces = [(part["capture"], _named(part, trace)) for part in parts for trace in part["traces"]]
    models = _models(traces)
    steps = sorted(_steps(traces, models), key=lambda step: (step.meter, step.direction, step.captures))
    keys: Counter[str] = Counter()
    for _, trace in traces:
        keys.update(trace["keys"])
    return Fleet(
        captures=len(parts),
        traces=len(traces),
        messages=sum(trace["messages"] for _, trace in traces),
        values=sum(part["rows"].get("values", 0) for part in parts),
        failing=sum(1 for part in parts if any(trace["health"] == "failing" for trace in part["traces"])),
        keys={verdict: keys[verdict] for verdict in ("verified", "unauthenticated", "failed", "no_key")},
        models=_counted(traces, models),
        codes=_codes(traces, models),
        back=tuple(step for step in steps if step.after <= step.before),
        jumps=tuple(step for step in steps if step.after - step.before > JUMP),
        silent=tuple(_silent(traces, models)),
        unreadable=tuple((part["capture"], part["unreadable"]) for part in parts if part["unreadable"] is not None),
    )


def _named(part: Manifest, trace: Manifest) -> Manifest:
    """A trace whose meters have a key that no other has: an address alone is that of another meter in each trace."""
    own = f" of {part['part']}#{trace['number']}"
    meters = [{**meter, "key": meter["meter"] + ("" if meter["known"] else own)} for meter in trace["meters"]]
    return {**trace, "meters": meters}


def _models(traces: Sequence[tuple[str, Manifest]]) -> dict[str, str]:
    """The model of each meter: the longest name for it in any capture, since not each has its logical device name."""
    found: dict[str, str] = {}
    for _, trace in traces:
        for meter in trace["meters"]:
            name, model = meter["key"], meter["model"]
            found[name] = max(found.get(name, ""), model, key=lambda text: (len(text), text))
    return {name: model or UNKNOWN for name, model in found.items()}


def _counted(traces: Sequence[tuple[str, Manifest]], models: dict[str, str]) -> tuple[tuple[str, int, int], ...]:
    meters: dict[str, set[str]] = defaultdict(set)
    captures: dict[str, set[str]] = defaultdict(set)
    for capture, trace in traces:
        for meter in trace["meters"]:
            model = models[meter["key"]]
            meters[model].add(meter["key"])
            captures[model].add(capture)
    rows = [(model, len(meters[model]), len(captures[model])) for model in meters]
    return tuple(sorted(rows, key=lambda row: (-row[1], row[0])))


def _codes(
    traces: Sequence[tuple[str, Manifest]], models: dict[str, str]
) -> tuple[tuple[str, str, str, int, int, int], ...]:
    """Findings by code and model. A finding of a trace with several models counts for each of them."""
    found: dict[tuple[str, str, str], list[Any]] = {}
    for capture, trace in traces:
        names = [meter["key"] for meter in trace["meters"]]
        for model in sorted({models[name] for name in names}) or [UNKNOWN]:
            own = {name for name in names if models[name] == model}
            for code, entry in trace["findings"].items():
                row = found.setdefault((code, entry["severity"], model), [0, set(), set()])
                row[0] += entry["count"]
                row[1].add(capture)
                row[2] |= own
    rows = [(*key, row[0], len(row[1]), len(row[2])) for key, row in found.items()]
    order = ("error", "warning", "info")
    return tuple(sorted(rows, key=lambda row: (order.index(row[1]), -row[4], row[0], row[2])))


@dataclass(frozen=True, slots=True)
class _Place:
    """The counter of one sender in one trace: the first and the last, and when the trace was captured if that is known."""

    capture: str
    first: int
    last: int
    span: tuple[float, float] | None

    def overlaps(self, later: _Place) -> bool:
        """Whether both show the same traffic, or may: then the counter did not go on from one to the other."""
        if self.span is not None and later.span is not None:
            return later.span[0] <= self.span[1]
        return (self.first, self.last) == (later.first, later.last)


def _steps(traces: Sequence[tuple[str, Manifest]], models: dict[str, str]) -> Iterator[Step]:
    """The counters of each sender from one capture of a meter to the next."""
    seen: dict[tuple[str, str, str], list[_Place]] = defaultdict(list)
    for capture, trace in traces:
        span = tuple(trace["span"]) if trace["span"] is not None else None
        for meter in trace["meters"]:
            for counter in meter["counters"] if meter["known"] else ():
                key = (meter["key"], counter["direction"], counter["sender"])
                seen[key].append(_Place(capture, counter["first"], counter["last"], span))
    for (meter, direction, sender), places in seen.items():
        dated = sorted((place for place in places if place.span is not None), key=lambda place: place.span or (0, 0))
        undated = sorted((place for place in places if place.span is None), key=lambda place: place.capture)
        for order, own in (("time", dated), ("name", undated)):
            for one, other in pairwise(own):
                if not one.overlaps(other):
                    captures = (one.capture, other.capture)
                    yield Step(meter, models[meter], direction, sender, one.last, other.first, captures, order)


def _silent(traces: Sequence[tuple[str, Manifest]], models: dict[str, str]) -> Iterator[tuple[str, str, int, str]]:
    """Meters that were asked and of which a capture has nothing."""
    for capture, trace in traces:
        for meter in trace["meters"]:
            if meter["requests"] and not meter["answers"]:
                yield meter["meter"], models[meter["key"]], meter["requests"], capture


CAPTURE_COLUMNS = {
    "capture": "text", "number": "integer", "trace": "text", "health": "text", "begins": "number", "ends": "number",
    "messages": "integer",
    "verified": "integer", "unauthenticated": "integer", "failed": "integer", "no_key": "integer", "errors": "integer",
    "warnings": "integer", "infos": "integer", "findings": "text", "meters": "text", "models": "text",
    "requests": "integer", "answers": "integer", "unreadable": "text",
}  # fmt: skip


def capture_rows(manifests: Sequence[Manifest]) -> Iterator[tuple[Any, ...]]:
    """A row for each trace, and one for each capture that could not be read."""
    for part in sorted(manifests, key=lambda part: (part["capture"], part["part"])):
        if part["unreadable"] is not None:
            yield (part["capture"], *[None] * (len(CAPTURE_COLUMNS) - 2), part["unreadable"])
        for trace in part["traces"]:
            severities: Counter[str] = Counter()
            for entry in trace["findings"].values():
                severities[entry["severity"]] += entry["count"]
            meters, verdicts = trace["meters"], trace["keys"]
            yield (
                part["capture"],
                trace["number"],
                trace["trace"],
                trace["health"],
                *(trace["span"] or (None, None)),
                trace["messages"],
                *(verdicts[name] for name in ("verified", "unauthenticated", "failed", "no_key")),
                *(severities[name] for name in ("error", "warning", "info")),
                " ".join(trace["findings"]),
                " ".join(meter["meter"] for meter in meters),
                ", ".join(dict.fromkeys(meter["model"] for meter in meters if meter["model"])),
                sum(meter["requests"] for meter in meters),
                sum(meter["answers"] for meter in meters),
                None,
            )
