"""`dlmscope decode`: every message as a tree, a line, JSON, or Simple XML."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import (
    OK,
    add_input_options,
    colored,
    keys_of,
    live_of,
    print_json,
    redactor_for,
    traces_of,
    width,
)

if TYPE_CHECKING:
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import Trace
    from analyzer.redaction import Redactor


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser("decode", help="every message as a tree", description="Shows every message.")
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("tree", "summary", "json", "jsonl", "xml"), default="tree")
    parser.add_argument("--follow", action="store_true", help="wait for more of a capture that is still being written")
    parser.add_argument("--live", metavar="INTERFACE", help="capture with tshark; --filter takes a capture filter")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    keys = keys_of(options)
    live = live_of(options)
    if live is not None and not isinstance(live, list):
        try:
            return _decode_live(options, live, keys)
        finally:
            if isinstance(live, Generator):
                live.close()  # a tshark that still waits for packets is ended
    traces = live if live is not None else traces_of(options)
    if options.format in ("json", "jsonl"):
        return _decode_json(options, traces, keys)
    if options.format == "xml":
        return _decode_xml(options, traces, keys)
    from analyzer.report import source_issues
    from analyzer.report.colors import palette
    from grammars.readings import escaped

    color, columns = colored(options), width()
    colors = palette(color)
    for number, trace in enumerate(traces):
        if len(traces) > 1 or trace.issues:
            print(("\n" if number else "") + colors.strong(escaped(f"{trace.name}  ({trace.source})")))
        for line in source_issues.as_lines(trace.issues):
            print(colors.warning(f"  {line}"))
        for text in _messages_as_text(options, trace, keys, color, columns):
            print(text, flush=True)
    return OK


def _decode_live(options: argparse.Namespace, traces: Iterable[Trace], keys: KeyRing) -> int:
    """Messages as they come; what is to be said of a trace comes behind it, since it is known only then."""
    from analyzer.report import source_issues
    from analyzer.report.colors import palette
    from grammars.readings import escaped

    color, columns = colored(options), width()
    colors = palette(color)
    if options.format == "xml":
        return _decode_xml(options, traces, keys)
    made = []
    for number, trace in enumerate(traces):
        made.append(trace)
        if options.format == "jsonl":
            _print_lines(options, trace, keys)
            continue
        print(("\n" if number else "") + colors.strong(escaped(f"{trace.name}  ({trace.source})")), flush=True)
        for text in _messages_as_text(options, trace, keys, color, columns):
            print(text, flush=True)
    for trace in made:
        for line in source_issues.as_lines(trace.issues):
            where = sys.stderr if options.format == "jsonl" else sys.stdout
            print(colors.warning(f"{escaped(trace.name)}: {line}"), file=where)
    return OK


def _print_lines(options: argparse.Namespace, trace: Trace, keys: KeyRing) -> None:
    """A line a message."""
    from analyzer.report import json_text, message_json

    for message, redactor in _decoded(options, trace, keys):
        made = message_json.render(message)
        line = {"trace": trace.name, "source": trace.source, **(redactor.json(made) if redactor else made)}
        print(json_text.as_text(line), flush=True)


def _messages_as_text(
    options: argparse.Namespace, trace: Trace, keys: KeyRing, color: bool, columns: int
) -> Iterator[str]:
    from analyzer.report import summary_text, tree_text

    for message, redactor in _decoded(options, trace, keys):
        if options.format == "summary":
            text = summary_text.render(message, color)
        else:
            text = tree_text.render(message, color, columns)
        yield redactor.text(text) if redactor else text


def _decoded(options: argparse.Namespace, trace: Trace, keys: KeyRing) -> Iterator[tuple[Message, Redactor | None]]:
    """The messages of a trace one by one; all at once where secrets of later ones have to be masked in earlier ones."""
    from analyzer.decoding import decode

    if options.redact is None:
        for message in decode(trace, keys):
            yield message, None
        return
    messages = list(decode(trace, keys))
    redactor = redactor_for(options, messages, keys)
    for message in messages:
        yield message, redactor


def _decode_json(options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing) -> int:
    from analyzer.report import message_json, source_issues

    shown = []
    for trace in traces:
        if options.format == "jsonl":
            _print_lines(options, trace, keys)
            continue
        messages = []
        for message, redactor in _decoded(options, trace, keys):
            made = message_json.render(message)
            messages.append(redactor.json(made) if redactor else made)
        shown.append({
            "trace": trace.name,
            "source": trace.source,
            "issues": source_issues.as_json(trace.issues),
            "messages": messages,
        })  # fmt: skip
    if options.format == "json":
        print_json(shown)
    return OK


def _decode_xml(options: argparse.Namespace, traces: Iterable[Trace], keys: KeyRing) -> int:
    """One document: a trace by itself is its root, several stand in one."""
    from analyzer.report import simple_xml

    alone = isinstance(traces, Sequence) and len(traces) == 1
    print("\n".join(simple_xml.beginning(alone)), flush=True)
    for trace in traces:
        print(simple_xml.opening(trace.name, trace.source))
        redactor = None
        for message, redactor in _decoded(options, trace, keys):
            print(simple_xml.render(message, redactor.text if redactor else str), flush=True)
        print("\n".join(simple_xml.closing(trace.issues, redactor.text if redactor else str)), flush=True)
    print("\n".join(simple_xml.end(alone)), end="" if alone else "\n")
    return OK
