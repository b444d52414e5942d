"""`dlmscope export`: traces out again, as a capture, as text that reads back, as tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from analyzer.cli.options import OK, UsageError, add_input_options, keys_of, redactor_for, traces_of

if TYPE_CHECKING:
    from analyzer.export.bundle import Bundle

BINARY = ("pcapng", "parquet")


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "export",
        help="traces as pcapng, hex, JSON Lines, CSV or Parquet",
        description="Writes traces in another form: a capture for Wireshark with what was decrypted and found in the "
        "comments of its packets, text that reads back, tables of messages or of values.",
    )
    add_input_options(parser, "*")
    parser.add_argument("--to", required=True, choices=("pcapng", "hex", "jsonl", "csv", "parquet"))
    parser.add_argument(
        "--table", choices=("messages", "values"), default="messages", help="what the rows of csv and parquet are"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="where to write; else standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    if options.to in BINARY and options.out is None and sys.stdout.isatty():
        raise UsageError(f"{options.to} is no text for a terminal; give --out FILE or a pipe")
    bundles = _bundles(options)
    if options.to in BINARY:
        if options.out is None:
            _write_binary(options, bundles, sys.stdout.buffer)
        else:
            with open(options.out, "wb") as stream:
                _write_binary(options, bundles, stream)
    elif options.out is None:
        _write_lines(_lines(options, bundles), sys.stdout.write)
    else:
        with open(options.out, "w", encoding="utf-8", newline="\n") as out:
            _write_lines(_lines(options, bundles), out.write)
    return OK


def _write_binary(options: argparse.Namespace, bundles: Sequence[Bundle], stream: IO[bytes]) -> None:
    if options.to == "pcapng":
        from analyzer import __version__
        from analyzer.export import pcapng

        pcapng.write(stream, bundles, f"dlmscope {__version__}")
    else:
        from analyzer.export import parquet

        parquet.write(stream, options.table, bundles)
    stream.flush()


def _write_lines(lines: Iterator[str], write: Callable[[str], object]) -> None:
    for line in lines:
        write(line + "\n")


def _lines(options: argparse.Namespace, bundles: Sequence[Bundle]) -> Iterator[str]:
    if options.to == "hex":
        from analyzer.export import hexlog

        yield from hexlog.lines_of(bundles)
    elif options.to == "csv":
        from analyzer.export import csv_table

        yield from csv_table.lines_of(options.table, bundles)
    else:
        from analyzer.report import json_text, message_json

        for bundle in bundles:
            for message in bundle.messages:
                line = {"trace": bundle.trace.name, "source": bundle.trace.source, **message_json.render(message)}
                shown = bundle.redactor.json(line) if bundle.redactor is not None else line
                yield json_text.as_text(shown)


def _bundles(options: argparse.Namespace) -> list[Bundle]:
    """The traces with their messages and findings; a diagnosis only where its findings go out."""
    from analyzer.decoding import decode
    from analyzer.diagnosis import diagnose
    from analyzer.export.bundle import Bundle

    traces, keys = traces_of(options), keys_of(options)
    decoded = [(trace, list(decode(trace, keys))) for trace in traces]
    redactor = redactor_for(options, [message for _, messages in decoded for message in messages], keys)
    wanted = options.to == "pcapng" or (options.to in ("csv", "parquet") and options.table == "messages")
    found = [diagnosis.findings for diagnosis in diagnose(decoded, keys)] if wanted else [()] * len(decoded)
    return [
        Bundle(trace, messages, findings, redactor) for (trace, messages), findings in zip(decoded, found, strict=True)
    ]
