"""`dlmscope sweep`: thousands of captures, on this machine or on a Dask cluster."""

from __future__ import annotations

import argparse
from typing import Any

from analyzer.cli.options import FOUND, OK, UNUSABLE, add_jobs_option, add_key_options, jobs_of, keys_of, print_json


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "sweep",
        help="thousands of captures, on one machine or a Dask cluster",
        description="Examines many captures: health and findings of each, values as Parquet, and what the fleet has in "
        "common. The same command goes on where an earlier one was stopped: what is done, and did not change, stays.",
    )
    parser.add_argument(
        "urls",
        nargs="+",
        metavar="URL",
        help="a path, a pattern in quotes (* ? [] **), a folder, or the same as URL (s3://..., by fsspec)",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="a folder for parts, tables and reports; holds what this command names, and no more",
    )
    add_jobs_option(parser)
    parser.add_argument("--cluster", metavar="ADDRESS", help="work on this Dask cluster, such as tcp://host:8786")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="of the report")
    parser.add_argument(
        "--as",
        dest="kind",
        choices=("hex", "raw", "pcap", "pcapng"),
        help="what the captures are, where it is not recognised",
    )
    capture = parser.add_argument_group("captures", "pcap and pcapng, plain or packed")
    capture.add_argument("--all-connections", action="store_true", help="take connections without DLMS as well")
    capture.add_argument(
        "--framing",
        choices=("ethernet", "ip", "hdlc", "wrapper", "mbus", "p1", "iec62056-21", "none"),
        help="what packets of DLT_USER and IEEE 802.15.4 hold, where it is not recognised",
    )
    add_key_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.export.parquet import arrow
    from analyzer.sources.pcap.connections import Choice
    from analyzer.sweep import report
    from analyzer.sweep.folder import Folder
    from analyzer.sweep.places import captures_of
    from analyzer.sweep.run import sweep
    from analyzer.sweep.settings import settings_of

    arrow()
    jobs, keys = jobs_of(options), keys_of(options)
    captures = captures_of(options.urls, options.out)
    folder = Folder(options.out)
    try:
        choice = Choice(options.all_connections, options.framing)
        settings = settings_of(keys, options.kind, choice, options.redact, folder.salt)
        fleet = sweep(folder, captures, settings, jobs, options.cluster)
    finally:
        folder.close()
    if options.format == "json":
        print_json(report.as_json(fleet))
    elif options.format == "markdown":
        print(report.as_markdown(fleet), end="")
    else:
        print(report.as_text(fleet), end="")
    if len(fleet.unreadable) == fleet.captures:
        return UNUSABLE
    return FOUND if fleet.failing or fleet.unreadable else OK
