"""`dlmscope decode`: every message as a tree, a line, JSON, or Simple XML."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import (
    OK,
    UsageError,
    add_input_options,
    add_jobs_option,
    add_live_options,
    choice_of,
    colored,
    keys_of,
    print_json,
    redactor_of,
    traces_of,
    watched_of,
)

if TYPE_CHECKING:
    from analyzer.keyring import KeyRing
    from analyzer.model import Trace
    from analyzer.sources.arrivals import Arrival


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser("decode", help="every message as a tree", description="Shows every message.")
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("tree", "summary", "json", "jsonl", "xml"), default="tree")
    add_jobs_option(parser)
    add_live_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    keys = keys_of(options)
    traces = _coming(options)
    if not isinstance(traces, list):
        from analyzer.cli.following import follow

        return follow(options, traces, keys)
    if options.format == "json":
        return _decode_json(options, traces, keys)
    if options.format == "xml":
        return _decode_xml(options, traces, keys)
    return _decode_lines(options, traces, keys)


def _decode_lines(options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing) -> int:
    """Every message as text of its own, by as many processes as are worth it."""
    from analyzer.cli.many import contents
    from analyzer.report import source_issues
    from analyzer.report.colors import palette
    from grammars.readings import escaped

    colors = palette(colored(options))
    for number, (trace, mask, texts) in enumerate(contents(options, traces, keys, options.format)):
        if options.format != "jsonl":
            if len(traces) > 1 or trace.issues:
                print(("\n" if number else "") + colors.strong(mask(escaped(f"{trace.name}  ({trace.source})"))))
            for line in source_issues.as_lines(trace.issues):
                print(colors.warning(mask(f"  {line}")))
        for text in texts:
            print(text, end="", flush=True)
    return OK


def _coming(options: argparse.Namespace) -> Iterable[Arrival] | list[Trace]:
    """What comes by and by: of an interface, a growing file, a capture by a pipe. Or the traces, which are there."""
    if (options.live is not None or options.follow) and options.format == "json":
        raise UsageError("what goes on is no JSON document: --format jsonl gives a line a message")
    watched = watched_of(options)
    if watched is not None:
        return watched.arrivals()
    # To mask what comes later in what came before, all has to be there; and JSON is one document.
    if options.inputs == ["-"] and not options.hex and options.reader == "own" and options.kind != "hex":
        if options.format not in ("json", "xml") and options.redact is None and not options.tx and not options.rx:
            from analyzer.inputs import piped_in

            return piped_in(options.kind, choice_of(options))
    return traces_of(options)


def _decode_json(options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing) -> int:
    from analyzer.decoding import decode
    from analyzer.report import message_json, source_issues

    redactor = redactor_of(options, traces, keys)
    shown = []
    for trace in traces:
        about = {"trace": trace.name, "source": trace.source, "issues": source_issues.as_json(trace.issues)}
        rendered = map(message_json.render, decode(trace, keys))
        messages = [redactor.json(one) if redactor is not None else one for one in rendered]
        shown.append({**(redactor.json(about) if redactor is not None else about), "messages": messages})
    print_json(shown)
    return OK


def _decode_xml(options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing) -> int:
    """One document: a trace by itself is its root, several stand in one."""
    from analyzer.decoding import decode
    from analyzer.report import simple_xml

    redactor = redactor_of(options, traces, keys)
    mask = redactor.text if redactor is not None else str
    alone = len(traces) == 1
    print("\n".join(simple_xml.beginning(alone)), flush=True)
    for trace in traces:
        print(simple_xml.opening(mask(trace.name), mask(trace.source)))
        for message in decode(trace, keys):
            print(simple_xml.render(message, mask), flush=True)
        print("\n".join(simple_xml.closing(trace.issues, mask)), flush=True)
    print("\n".join(simple_xml.end(alone)), end="" if alone else "\n")
    return OK
