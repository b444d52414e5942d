"""Messages as they come, of several conversations mixed; a part of `dlmscope decode`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from analyzer.cli.options import OK, colored, width

if TYPE_CHECKING:
    from analyzer.fed import Fed
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import SourceIssue, Trace
    from analyzer.redaction import Learner
    from analyzer.sources.arrivals import Arrival


def follow(options: argparse.Namespace, arrivals: Iterable[Arrival], keys: KeyRing) -> int:
    """Shows each message when it is complete; the name of its trace where that is another one than before. What is to be
    said of a trace comes last, since it is known only then."""
    from analyzer.fed import Fed

    printer = _Printer(options, keys)
    fed: dict[int, tuple[Trace, Fed]] = {}
    try:
        for arrival in arrivals:
            if arrival.anew:
                fed.pop(id(arrival.trace), None)
                printer.again(arrival.trace)
            trace, decoder = fed.setdefault(id(arrival.trace), (arrival.trace, Fed(keys)))
            for record in arrival.records:
                printer.show(trace, decoder.feed(record))
            if arrival.ended:
                printer.show(trace, decoder.end())
    finally:
        if isinstance(arrivals, Generator):
            arrivals.close()  # a tshark that still waits for packets is ended
    for trace, decoder in fed.values():
        printer.show(trace, decoder.end())
    printer.end([trace for trace, _ in fed.values()])
    return OK


class _Printer:
    """Prints messages in the format that is wanted, with the secrets masked that have shown up so far."""

    def __init__(self, options: argparse.Namespace, keys: KeyRing) -> None:
        from analyzer.report.colors import palette

        self._options = options
        self._color, self._columns = colored(options), width()
        self._colors = palette(self._color)
        self._last: Trace | None = None
        self._learner: Learner | None = None
        if options.redact is not None:
            from analyzer.redaction import Learner

            self._learner = Learner(keys, options.redact == "payload")
        if options.format == "xml":
            from analyzer.report import simple_xml

            print("\n".join(simple_xml.beginning(False)), flush=True)

    def show(self, trace: Trace, messages: list[Message]) -> None:
        """Messages of a trace."""
        if not messages:
            return
        if self._learner is not None:
            self._learner.learn(messages)
        if trace is not self._last:
            self._turn_to(trace)
        for message in messages:
            print(self._text(trace, message), flush=True)

    def again(self, trace: Trace) -> None:
        """What was shown of a trace does not hold."""
        from grammars.readings import escaped

        name = self._masked(escaped(trace.name))
        said = f"dlmscope: {name}: with what has come since it reads otherwise; again from its beginning"
        print(said, file=sys.stderr, flush=True)

    def end(self, traces: list[Trace]) -> None:
        """What is to be said of each trace."""
        from analyzer.report import source_issues
        from grammars.readings import escaped

        if self._options.format == "xml":
            for trace in traces:
                if trace.issues:
                    self._turn_to(trace)
                    self._close_xml(trace.issues)
            self._close_xml()
            from analyzer.report import simple_xml

            print("\n".join(simple_xml.end(False)))
            return
        where = sys.stderr if self._options.format == "jsonl" else sys.stdout
        for trace in traces:
            for line in source_issues.as_lines(trace.issues):
                print(self._colors.warning(self._masked(f"{escaped(trace.name)}: {line}")), file=where)

    def _turn_to(self, trace: Trace) -> None:
        """Another trace than before."""
        from grammars.readings import escaped

        if self._options.format == "xml":
            from analyzer.report import simple_xml

            self._close_xml()
            print(simple_xml.opening(self._masked(trace.name), self._masked(trace.source)))
        elif self._options.format != "jsonl":
            head = self._colors.strong(self._masked(escaped(f"{trace.name}  ({trace.source})")))
            print(("\n" if self._last is not None else "") + head)
        self._last = trace

    def _close_xml(self, issues: Iterable[SourceIssue] = ()) -> None:
        if self._last is not None:
            from analyzer.report import simple_xml

            print("\n".join(simple_xml.closing(tuple(issues), self._masked)), flush=True)
        self._last = None

    def _masked(self, text: str) -> str:
        return self._learner.redactor.text(text) if self._learner is not None else text

    def _text(self, trace: Trace, message: Message) -> str:
        from analyzer.report import json_text, message_json, simple_xml, summary_text, tree_text

        if self._options.format == "jsonl":
            made = message_json.render(message)
            made = {"trace": trace.name, "source": trace.source, **made}
            return json_text.as_text(self._learner.redactor.json(made) if self._learner is not None else made)
        if self._options.format == "xml":
            return simple_xml.render(message, self._masked)
        if self._options.format == "summary":
            return self._masked(summary_text.render(message, self._color))
        return self._masked(tree_text.render(message, self._color, self._columns))
