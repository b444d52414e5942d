"""`dlmscope edit`: a frame with other fields, built again."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from analyzer.cli.options import OK, UsageError, add_input_options, keys_of, traces_of


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "edit",
        help="set fields and build the frame again",
        description="Sets fields of one message and prints the frame in hexadecimal: lengths, check sequences and tags right.",
    )
    add_input_options(parser, "*")
    parser.add_argument("--record", type=int, required=True, metavar="N", help="number of the record, from 1")
    parser.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="FIELD=VALUE",
        help="dotted path of the tree and its new value; may be given several times",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.decoding import decode
    from analyzer.edit import edited
    from analyzer.rebuild import SAME_COUNTER

    if options.redact is not None:
        raise UsageError("edit prints a frame that can be sent; it cannot be redacted")
    traces, keys = traces_of(options), keys_of(options)
    if len(traces) != 1:
        listed = ", ".join(f"#{number} {trace.name}" for number, trace in enumerate(traces, 1))
        raise UsageError(f"edit takes one trace; choose one of {listed}")
    settings = []
    for text in options.set:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise UsageError(f"--set takes FIELD=VALUE, found {text!r}")
        settings.append((path.strip(), value.strip()))
    message = next((m for m in decode(traces[0], keys) if options.record in m.records), None)
    if message is None:
        raise UsageError(f"there is no record {options.record}; the trace has {len(traces[0])}")
    rebuilt = edited(message, settings, keys)
    print(rebuilt.data.hex(" ").upper())
    if rebuilt.resealed and not any(path.endswith("invocation_counter") for path, _ in settings):
        print(f"dlmscope: sealed under the counter of the sent frame; {SAME_COUNTER}", file=sys.stderr)
    return OK
