"""The difference of two traces as JSON, in the shape that programs rely on (schemas/diff.schema.json)."""

from __future__ import annotations

from typing import Any

from analyzer.comparison import Diff


def render(result: Diff, a_name: str, b_name: str) -> dict[str, Any]:
    """All pairs with their fields, as an object for `json.dumps`."""
    first = result.first_divergence
    return {
        "a": a_name,
        "b": b_name,
        "first_divergence": {"a": first.a, "b": first.b} if first is not None else None,
        "pairs": [
            {
                "a": pair.a,
                "b": pair.b,
                "status": pair.status,
                "fields": [
                    {"path": field.path, "a": field.a, "b": field.b, "status": field.status, "why": field.why}
                    for field in pair.fields
                ],
            }
            for pair in result.pairs
        ],
    }
