"""`dlmscope diagnose`: what is wrong, why, what to do."""

from __future__ import annotations

import argparse
from typing import Any

from analyzer.cli.options import (
    FOUND,
    OK,
    add_input_options,
    colored,
    keys_of,
    print_json,
    redactor_for,
    traces_of,
    width,
)


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "diagnose", help="what is wrong, why, what to do", description="Says what is wrong, why, and what to do."
    )
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="INPUT",
        help="a working trace of the same meter to compare with",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.decoding import decode
    from analyzer.diagnosis import diagnose
    from analyzer.inputs import open_traces

    traces, keys = traces_of(options), keys_of(options)
    decoded = [(trace, list(decode(trace, keys))) for trace in traces]
    working = [
        (trace, list(decode(trace, keys))) for name in options.against for trace in open_traces(name, options.kind)
    ]
    diagnoses = diagnose(decoded, keys, working)
    redactor = redactor_for(options, [message for _, messages in (*decoded, *working) for message in messages], keys)
    if options.format == "json":
        from analyzer.report import diagnosis_json

        made = diagnosis_json.render(diagnoses)
        print_json(redactor.json(made) if redactor else made)
    else:
        from analyzer.report import diagnosis_text

        text = diagnosis_text.render(diagnoses, colored(options), width())
        print(redactor.text(text) if redactor else text, end="")
    return FOUND if any(diagnosis.health == "failing" for diagnosis in diagnoses) else OK
