"""`dlmscope open`: the terminal interface; without a command and on a terminal, the same on an empty paste screen."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from analyzer.cli.options import OK, UsageError, add_input_options, add_live_options, keys_of, traces_of, watched_of

DRIVER = "TEXTUAL_DRIVER"  # set where something else than a terminal shows it: a browser


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "open",
        help="the terminal interface on captures",
        description="Opens captures in the terminal interface: messages, fields, octets, comparison, diagnosis.",
    )
    add_input_options(parser, "*")
    add_live_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    live = watched_of(options)
    given = options.inputs or options.hex or options.tx or options.rx
    traces = traces_of(options) if given and live is None else []
    keys = keys_of(options)
    if not sys.stdin.isatty() and DRIVER not in os.environ:
        raise UsageError("open needs a terminal; decode and diagnose write text")
    from analyzer.tui.app import DlmscopeApp
    from analyzer.tui.masking import Masking
    from analyzer.tui.settings import Settings

    masking = Masking(options.redact == "payload") if options.redact is not None else None
    return DlmscopeApp(traces, keys, settings=Settings.load(), live=live, masking=masking).run() or OK
