"""`dlmscope serve`: the terminal interface in a browser."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from analyzer.cli.options import KEYS_VARIABLE, OK, UsageError

TOKEN_VARIABLE = "DLMSCOPE_TOKEN"


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "serve",
        help="the terminal interface in a browser",
        description="Serves the terminal interface to browsers: of this machine, or of others that have the token.",
    )
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="captures to open")
    parser.add_argument("--keys", metavar="FILE", help=f"a key file (TOML); else the one that {KEYS_VARIABLE} names")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; by default this machine alone")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--token", help=f"what browsers have to know; else {TOKEN_VARIABLE}, else one is made")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    try:
        from analyzer.tui.serve import GuardedServer, is_loopback, token_for
    except ImportError:
        raise UsageError("serve needs textual-serve: pip install 'dlmscope[serve]'") from None
    token = token_for(options.host, options.token or os.environ.get(TOKEN_VARIABLE))
    server = GuardedServer(command_of(options), options.host, options.port, token)
    suffix = f"/?token={token}" if token else "/"
    shown = f"[{options.host}]" if ":" in options.host else options.host
    if not is_loopback(options.host):
        print(
            f"dlmscope: warning: {shown} can be reached by other machines, without encryption; whoever has the token "
            "reads every file that you can read",
            file=sys.stderr,
        )
    print(f"http://{shown}:{options.port}{suffix}   Ctrl+C ends", flush=True)
    server.serve()
    return OK


def command_of(options: argparse.Namespace) -> str:
    """The command that each browser tab runs."""
    import shlex

    words = [sys.executable, "-m", "analyzer.cli", "open"]
    words += ["--keys", os.path.abspath(options.keys)] if options.keys else []
    return shlex.join([*words, "--", *options.inputs] if options.inputs else words)
