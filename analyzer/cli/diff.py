"""`dlmscope diff`: two traces side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import (
    FOUND,
    OK,
    UsageError,
    add_input_options,
    colored,
    keys_of,
    named_traces_of,
    redactor_for,
    width,
)

if TYPE_CHECKING:
    from analyzer.comparison import Faced, Totals
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import Trace
    from analyzer.outline import Outline
    from analyzer.redaction import Redactor


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
    from analyzer.comparison import Totals, faced_messages

    named, keys = named_traces_of(options), keys_of(options)
    traces = [trace for _, trace in named]
    if len(traces) != 2:
        listed = ", ".join(f"{typed} {trace.name}" for typed, trace in named)
        raise UsageError(f"diff compares two traces, and here {'is' if len(traces) == 1 else 'are'} {listed}")
    a = _Side(traces[0], keys)
    b = _Side(traces[1], keys, a)
    passing = chain(a.passing(), b.passing())
    redactor = redactor_for(options, passing, keys)  # what is secret at the end stands at the beginning as well
    for _ in passing:  # what nobody has asked for yet
        pass
    totals = Totals()
    faced: Iterable[Faced] = totals.counting(faced_messages(a.messages, b.messages, (a.outline, b.outline)))
    if a.held and b.held:
        faced = list(faced)
    for text in _texts(options, faced, totals, (a, b), redactor):
        print(text, end="")
    return FOUND if totals.first_divergence is not None else OK


class _Side:
    """A trace, gone through once for its outline. Its messages are held then if they are not too many."""

    def __init__(self, trace: Trace, keys: KeyRing, beside: _Side | None = None) -> None:
        from analyzer.index.pages import Messages
        from analyzer.outline import Outline

        self.name, self.held = trace.name, True
        self.messages: Iterable[Message] = Messages(trace, keys)
        self.outline: Outline = Outline(beside.outline if beside is not None else None)

    def passing(self) -> Iterator[Message]:
        """The messages, as they are decoded for the first time."""
        from analyzer.diagnosis.long import LONG

        held: list[Message] = []
        for message in self.outline.passing(self.messages):
            if self.held:
                held.append(message)
                if len(held) > LONG:
                    self.held, held = False, []
            yield message
        if self.held:
            self.messages = held


def _texts(
    options: argparse.Namespace,
    faced: Iterable[Faced],
    totals: Totals,
    sides: tuple[_Side, _Side],
    redactor: Redactor | None,
) -> Iterator[str]:
    """The output, a piece for each pair."""
    names, counts = (sides[0].name, sides[1].name), (len(sides[0].outline), len(sides[1].outline))
    mask = redactor.text if redactor is not None else str
    if options.format == "json":
        from analyzer.report import diff_json

        cover = redactor.json if redactor is not None else lambda value: value
        yield from diff_json.pieces((one.pair for one in faced), totals, *names, cover)
    elif options.format == "html":
        from analyzer.report import diff_html

        messages = sides[0].messages, sides[1].messages
        yield from diff_html.pieces(faced, totals, names, counts, messages, mask)
    else:
        from analyzer.report import diff_text

        yield from map(mask, diff_text.pieces(faced, totals, names, counts, colored(options), width()))
