"""`dlmscope diff`: two traces side by side."""

from __future__ import annotations

import argparse
from itertools import chain
from typing import Any

from analyzer.cli.options import (
    FOUND,
    OK,
    UsageError,
    add_input_options,
    colored,
    keys_of,
    messages_of,
    print_json,
    redactor_for,
    traces_of,
    width,
)


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "diff",
        help="two traces side by side",
        description="Compares two traces: two inputs, or the two traces of one.",
    )
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.comparison import diff

    traces, keys = traces_of(options), keys_of(options)
    if len(traces) != 2:
        listed = ", ".join(f"{trace.source}#{number} {trace.name}" for number, trace in enumerate(traces, 1))
        raise UsageError(f"diff compares two traces, and here {'is' if len(traces) == 1 else 'are'} {listed}")
    a, b = ((trace, messages_of(trace, keys)) for trace in traces)
    result = diff(a[1], b[1])
    redactor = redactor_for(options, chain(a[1], b[1]), keys)
    if options.format == "json":
        from analyzer.report import diff_json

        made = diff_json.render(result, a[0].name, b[0].name)
        print_json(redactor.json(made) if redactor else made)
    elif options.format == "html":
        from analyzer.report import diff_html

        mask = redactor.text if redactor else None
        print(diff_html.render(result, a[0].name, b[0].name, a[1], b[1], mask), end="")
    else:
        from analyzer.report import diff_text

        text = diff_text.render(result, a[0].name, b[0].name, a[1], b[1], colored(options), width())
        print(redactor.text(text) if redactor else text, end="")
    return FOUND if any(pair.status in ("different", "only-a", "only-b") for pair in result.pairs) else OK
