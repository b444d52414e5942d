"""`dlmscope diagnose`: what is wrong, why, what to do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import (
    FOUND,
    OK,
    UsageError,
    add_input_options,
    add_jobs_option,
    colored,
    jobs_of,
    keys_of,
    print_json,
    redactor_for,
    traces_of,
    width,
)

if TYPE_CHECKING:
    from analyzer.diagnosis import Diagnosis
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import Trace
    from analyzer.report.diagnosis_html import Compared


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "diagnose", help="what is wrong, why, what to do", description="Says what is wrong, why, and what to do."
    )
    add_input_options(parser, "*")
    parser.add_argument("--format", choices=("text", "json", "markdown", "html"), default="text")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="INPUT",
        help="a working trace of the same meter to compare with",
    )
    parser.add_argument("--patch", metavar="FILE", help="write the trace as it should have been; - for standard output")
    add_jobs_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    from analyzer.diagnosis.long import LongMessages, messages_of
    from analyzer.inputs import open_traces

    jobs, traces, keys = jobs_of(options), traces_of(options), keys_of(options)
    decoded = [(trace, messages_of(trace, keys)) for trace in traces]
    working = [
        (trace, messages_of(trace, keys)) for name in options.against for trace in open_traces(name, options.kind)
    ]
    _refuse_long(options, [messages for _, messages in (*decoded, *working)])
    diagnoses, lost = _diagnosed(decoded, working, keys, jobs)
    for (_, messages), diagnosis in zip(decoded, diagnoses, strict=True):
        if isinstance(messages, LongMessages):
            messages.known = diagnosis.messages
    redactor = redactor_for(options, chain.from_iterable(messages for _, messages in (*decoded, *working)), keys)
    own = [messages for _, messages in decoded]
    if options.patch is not None:
        _patch(options, diagnoses, own, keys)
    mask = redactor.text if redactor else None
    if options.format == "markdown":
        from analyzer.report import diagnosis_markdown

        print(diagnosis_markdown.render(diagnoses, own, mask), end="")
    elif options.format == "html":
        from analyzer.report import diagnosis_html

        print(diagnosis_html.render(diagnoses, own, _compared(decoded, working), mask), end="")
    elif options.format == "json":
        from analyzer.report import diagnosis_json

        made = diagnosis_json.render(diagnoses)
        print_json(redactor.json(made) if redactor else made)
    else:
        from analyzer.report import diagnosis_text

        text = diagnosis_text.render(diagnoses, colored(options), width())
        print(redactor.text(text) if redactor else text, end="")
    if lost:
        raise RuntimeError("; ".join(lost))
    return FOUND if any(diagnosis.health == "failing" for diagnosis in diagnoses) else OK


Decoded = tuple["Trace", Sequence["Message"]]


def _refuse_long(options: argparse.Namespace, all_messages: Sequence[Sequence[Message]]) -> None:
    """Says what cannot be made of a trace that is too long to be held."""
    from analyzer.diagnosis.long import LONG, LongMessages

    what = "--format html" if options.format == "html" else "--patch" if options.patch is not None else ""
    if what and any(isinstance(messages, LongMessages) for messages in all_messages):
        raise UsageError(f"{what} takes traces of up to {LONG:,} messages; choose --format text, markdown or json")


def _diagnosed(
    decoded: Sequence[Decoded], working: Sequence[Decoded], keys: KeyRing, jobs: int
) -> tuple[list[Diagnosis], list[str]]:
    """The diagnosis of each trace, and what was lost of long ones; on a terminal one sees how far that of a long one is."""
    from analyzer.diagnosis.long import LONG, diagnose_each
    from grammars.readings import escaped

    shown = []

    def told(trace: Trace, count: int) -> None:
        if sys.stderr.isatty():
            shown.append(count)
            print(f"\rdlmscope: {count:,} messages of {escaped(trace.name)}", end="", file=sys.stderr, flush=True)

    try:
        if jobs == 1 or all(len(messages) <= LONG for _, messages in decoded):
            return diagnose_each(decoded, keys, working, told), []
        from analyzer.bulk.diagnoses import Diagnoser

        with Diagnoser(keys, jobs) as diagnoser:
            return diagnose_each(decoded, keys, working, told, diagnoser.diagnosis), diagnoser.lost
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _compared(decoded: Sequence[Decoded], working: Sequence[Decoded]) -> list[Compared]:
    """What the HTML report shows side by side: each trace with the working one, or the two traces of the input."""
    from analyzer.comparison import diff
    from analyzer.report.diagnosis_html import Compared

    pairs = [(working[0], one) for one in decoded] if working else []
    if not working and len(decoded) == 2:
        pairs = [(decoded[0], decoded[1])]
    return [Compared(diff(a[1], b[1]), (a[0].name, b[0].name), (a[1], b[1])) for a, b in pairs]


def _patch(
    options: argparse.Namespace, diagnoses: Sequence[Diagnosis], messages: Sequence[Sequence[Message]], keys: KeyRing
) -> None:
    """Writes the traces as they should have been."""
    from analyzer.diagnosis.patch import patched
    from analyzer.report import patch_hexlog

    if options.redact is not None:
        raise UsageError("--patch writes frames that can be read again; it cannot be redacted")
    rows = zip(diagnoses, messages, strict=True)
    text = patch_hexlog.render([(diagnosis.trace, patched(diagnosis, own, keys)) for diagnosis, own in rows])
    if options.patch == "-":
        print(text)
        return
    with open(options.patch, "w", encoding="utf-8") as file:
        file.write(text)
