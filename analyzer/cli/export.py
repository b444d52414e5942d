"""`dlmscope export`: traces out again, as a capture, as text that reads back, as tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from analyzer.cli.options import OK, UsageError, add_input_options, add_jobs_option, keys_of, redactor_for, traces_of

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
    add_jobs_option(parser)
    parser.add_argument("-o", "--out", metavar="FILE", help="where to write; else standard output")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    if options.to in BINARY and options.out is None and sys.stdout.isatty():
        raise UsageError(f"{options.to} is no text for a terminal; give --out FILE or a pipe")
    flat = options.to == "jsonl" or (options.to in ("csv", "parquet") and options.table == "values")
    if options.to in BINARY:
        write = _binary_of_many(options) if flat else _binary_of(options)
        if options.out is None:
            write(sys.stdout.buffer)
        else:
            with open(options.out, "wb") as stream:
                write(stream)
        return OK
    texts = _texts_of_many(options) if flat else _texts_of(options, _bundles(options))
    if options.out is None:
        _write(texts, sys.stdout)
    else:
        with open(options.out, "w", encoding="utf-8", newline="\n") as out:
            _write(texts, out)
    return OK


def _texts_of_many(options: argparse.Namespace) -> Iterator[str]:
    """What goes out message by message, by as many processes as are worth it."""
    from itertools import chain

    from analyzer.cli.many import contents

    traces, keys = traces_of(options), keys_of(options)  # before a file is opened that may be written over
    found = contents(options, traces, keys, "jsonl" if options.to == "jsonl" else "csv", together=True)
    texts = (text for _, own in found for text in own)
    if options.to == "jsonl":
        return texts
    from analyzer.export.csv_table import heading_of

    return chain([heading_of(options.table) + "\n"], texts)


def _binary_of_many(options: argparse.Namespace) -> Callable[[IO[bytes]], None]:
    """The table of values as Parquet, the same way."""
    from analyzer.cli.many import contents
    from analyzer.export import parquet
    from analyzer.export.tables import TABLES

    traces, keys = traces_of(options), keys_of(options)
    parquet.arrow()
    found = contents(options, traces, keys, "rows", together=True)
    rows = (row for _, groups in found for group in groups for row in group)
    return lambda stream: _flushed(stream, parquet.write_rows(stream, TABLES[options.table], rows))


def _binary_of(options: argparse.Namespace) -> Callable[[IO[bytes]], None]:
    bundles = _bundles(options)
    return lambda stream: _write_binary(options, bundles, stream)


def _flushed(stream: IO[bytes], _: int) -> None:
    stream.flush()


def _write_binary(options: argparse.Namespace, bundles: Sequence[Bundle], stream: IO[bytes]) -> None:
    if options.to == "pcapng":
        from analyzer import __version__
        from analyzer.export import pcapng

        pcapng.write(stream, bundles, f"dlmscope {__version__}")
    else:
        from analyzer.export import parquet

        parquet.write(stream, options.table, bundles)
    stream.flush()


def _write(texts: Iterator[str], out: IO[str]) -> None:
    for text in texts:
        out.write(text)


def _texts_of(options: argparse.Namespace, bundles: Sequence[Bundle]) -> Iterator[str]:
    if options.to == "hex":
        from analyzer.export import hexlog

        return (line + "\n" for line in hexlog.lines_of(bundles))
    from analyzer.export import csv_table

    return (line + "\n" for line in csv_table.lines_of(options.table, bundles))


def _bundles(options: argparse.Namespace) -> list[Bundle]:
    """The traces with their messages and findings; a diagnosis only where its findings go out."""
    from analyzer.decoding import decode
    from analyzer.diagnosis import diagnose
    from analyzer.export.bundle import Bundle

    traces, keys = traces_of(options), keys_of(options)
    decoded = [(trace, list(decode(trace, keys))) for trace in traces]
    redactor = redactor_for(options, [message for _, messages in decoded for message in messages], keys)
    wanted = options.to != "hex"
    found = [diagnosis.findings for diagnosis in diagnose(decoded, keys)] if wanted else [()] * len(decoded)
    return [
        Bundle(trace, messages, findings, redactor) for (trace, messages), findings in zip(decoded, found, strict=True)
    ]
