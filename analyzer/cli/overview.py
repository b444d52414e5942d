"""`dlmscope overview`: what is in a capture, however big it is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import (
    OK,
    UsageError,
    add_input_options,
    colored,
    keys_of,
    named_traces_of,
    print_json,
    redactor_for,
    width,
)

if TYPE_CHECKING:
    from analyzer.model import Trace
    from analyzer.redaction import Redactor


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "overview",
        help="what is in a capture: frames, APDUs, counters, damage, times",
        description="Says what is in a capture: frames and APDUs of each side, counters, damage, times. Needs no keys.",
    )
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    try:
        from analyzer.index.overview import overview_of
    except ImportError:
        raise UsageError("overview needs NumPy: pip install 'dlmscope[big]'") from None
    named = named_traces_of(options)
    redactor = _redactor(options, [trace for _, trace in named])
    overviews = [overview_of(trace) for _, trace in named]
    if options.format == "json":
        from analyzer.report import overview_json

        made = overview_json.render(overviews)
        print_json(redactor.json(made) if redactor else made)
    else:
        from analyzer.report import overview_text

        text = overview_text.render(overviews, [typed for typed, _ in named], colored(options), width())
        print(redactor.text(text) if redactor else text, end="")
    return OK


def _redactor(options: argparse.Namespace, traces: Sequence[Trace]) -> Redactor | None:
    """What covers secrets in names: those of the keys, and those that the traces tell, which are decoded for that alone."""
    if options.redact is None:
        return None
    from analyzer.decoding import decode

    keys = keys_of(options)
    return redactor_for(options, chain.from_iterable(decode(trace, keys) for trace in traces), keys)
