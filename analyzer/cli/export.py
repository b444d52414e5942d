"""`dlmscope export`: traces out again, as a capture, as text that reads back, as tables."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from analyzer.cli.options import OK, UsageError, add_input_options, add_jobs_option, keys_of, redactor_of, traces_of

if TYPE_CHECKING:
    from analyzer.export.bundle import Bundle
    from analyzer.model import Trace
    from analyzer.redaction import Redactor

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
            sys.stdout.buffer.flush()
        else:
            _to_file(options, write)
        return OK
    texts = _texts_of_many(options) if flat else _texts_of(options)
    if options.out is None:
        sys.stdout.writelines(texts)
    else:
        _to_file(options, lambda stream: stream.writelines(text.encode() for text in texts))
    return OK


def _to_file(options: argparse.Namespace, write: Callable[[IO[bytes]], object]) -> None:
    """Writes to a file. One that is read while it goes out is replaced only when all is written."""
    named = [*options.inputs, *(name.rpartition("#")[0] for name in options.inputs), options.tx, options.rx]
    files = [name for name in named if name and os.path.exists(name)]
    read = os.path.exists(options.out) and any(os.path.samefile(name, options.out) for name in files)
    path = f"{options.out}.part" if read else options.out
    with open(path, "wb") as stream:
        write(stream)
    if read:
        os.replace(path, options.out)


def _texts_of_many(options: argparse.Namespace) -> Iterator[str]:
    """What goes out message by message, by as many processes as are worth it."""
    from itertools import chain

    from analyzer.cli.many import contents

    traces, keys = traces_of(options), keys_of(options)  # before a file is opened that may be written over
    found = contents(options, traces, keys, "jsonl" if options.to == "jsonl" else "csv")
    texts = (text for _, _, own in found for text in own)
    if options.to == "jsonl":
        return texts
    from analyzer.export.csv_table import heading_of

    return chain([heading_of(options.table) + "\n"], texts)


def _binary_of_many(options: argparse.Namespace) -> Callable[[IO[bytes]], object]:
    """The table of values as Parquet, the same way."""
    from analyzer.cli.many import contents
    from analyzer.export import parquet
    from analyzer.export.tables import TABLES

    traces, keys = traces_of(options), keys_of(options)
    parquet.arrow()
    found = contents(options, traces, keys, "rows")
    rows = (row for _, _, groups in found for group in groups for row in group)
    return lambda stream: parquet.write_rows(stream, TABLES[options.table], rows)


def _binary_of(options: argparse.Namespace) -> Callable[[IO[bytes]], object]:
    """A capture, or the table of messages as Parquet."""
    traces, bundles, redactor = _bundles(options)
    if options.to == "pcapng":
        from analyzer import __version__
        from analyzer.export import pcapng

        mask = redactor.text if redactor is not None else str
        return lambda stream: pcapng.write(stream, traces, bundles, f"dlmscope {__version__}", mask)
    from analyzer.export import parquet

    parquet.arrow()
    return lambda stream: parquet.write(stream, options.table, bundles)


def _texts_of(options: argparse.Namespace) -> Iterator[str]:
    """Text that reads back, or the table of messages."""
    _, bundles, _ = _bundles(options)
    if options.to == "hex":
        from analyzer.export import hexlog

        return (line + "\n" for line in hexlog.lines_of(bundles))
    from analyzer.export import csv_table

    return (line + "\n" for line in csv_table.lines_of(options.table, bundles))


def _bundles(options: argparse.Namespace) -> tuple[list[Trace], Iterator[Bundle], Redactor | None]:
    """The traces, and how they go out: with their messages, and findings where these are shown. Where secrets are masked the
    traces are decoded twice, since those of later messages stand in earlier ones as well."""
    from analyzer.export.diagnosed import bundles_of

    traces, keys = traces_of(options), keys_of(options)
    redactor = redactor_of(options, traces, keys)
    return traces, bundles_of(traces, keys, redactor, diagnosed=options.to != "hex"), redactor
