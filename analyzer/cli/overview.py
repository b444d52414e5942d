"""`dlmscope overview`: what is in a capture, however big it is."""

from __future__ import annotations

import argparse
from typing import Any

from analyzer.cli.options import (
    OK,
    UsageError,
    add_input_options,
    colored,
    keys_of,
    named_traces_of,
    print_json,
    redactor_of,
    width,
)


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
    redacts = options.redact is not None  # else no keys are needed
    redactor = redactor_of(options, (trace for _, trace in named), keys_of(options)) if redacts else None
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
