"""The difference of two traces as JSON, in the shape that programs rely on (schemas/diff.schema.json)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from analyzer.comparison import Diff, Pair, Totals
from analyzer.report import json_text

Cover = Callable[[Any], Any]  # a value of JSON with the secrets in it covered


def render(result: Diff, a_name: str, b_name: str) -> dict[str, Any]:
    """All pairs with their fields, as an object for `json.dumps`."""
    return {
        "a": a_name,
        "b": b_name,
        "first_divergence": _first(result.first_divergence),
        "pairs": [_pair(pair) for pair in result.pairs],
    }


def pieces(pairs: Iterable[Pair], totals: Totals, a_name: str, b_name: str, cover: Cover) -> Iterator[str]:
    """The same as text, a piece for each pair. `first_divergence` stands before the pairs if the totals are complete, else
    behind them."""
    before: dict[str, Any] = {"a": a_name, "b": b_name}
    totals_first = totals.complete
    if totals_first:
        before |= {"first_divergence": _first(totals.first_divergence)}
    yield f'{_text(cover(before))[:-2]},\n  "pairs": ['
    between, end = "\n", "]"
    for pair in pairs:
        yield between + "    " + _text(cover(_pair(pair))).replace("\n", "\n    ")
        between, end = ",\n", "\n  ]"
    yield end if totals_first else f"{end},{_text(cover({'first_divergence': _first(totals.first_divergence)}))[1:-2]}"
    yield "\n}\n"


def _text(value: object) -> str:
    return json_text.as_text(value, 2)


def _first(first: Pair | None) -> dict[str, int | None] | None:
    return {"a": first.a, "b": first.b} if first is not None else None


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "status": pair.status,
        "fields": [
            {"path": field.path, "a": field.a, "b": field.b, "status": field.status, "why": field.why}
            for field in pair.fields
        ],
    }
