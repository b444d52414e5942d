"""`dlmscope explain`: what a finding, an error text or a number means."""

from __future__ import annotations

import argparse
from typing import Any

from analyzer.cli.options import OK, UsageError


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "explain",
        help="what a finding, an error text or a number means",
        description='Explains a code such as llc-missing, an error text such as "invalid tag 97", octets or a number; '
        "without any, lists all codes.",
    )
    parser.add_argument("phrase", nargs="*", metavar="CODE", help="a code, or words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.explain import explain

    phrase = " ".join(options.phrase)
    answer = explain(phrase)
    if answer is None:
        raise UsageError(f"nothing is known about {phrase[:60]!r}; dlmscope explain lists all codes")
    print(answer)
    return OK
