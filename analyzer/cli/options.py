"""What can be typed, and what every command makes of it: inputs, keys, colours, redaction, exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import Trace
    from analyzer.redaction import Redactor
    from analyzer.sources.pcap.connections import Choice
    from analyzer.watching import Watched

OK, FOUND, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
KEY_OPTIONS = ("ek", "ak", "bek", "dedicated_key", "kek", "client_title", "server_title", "password")
KEYS_VARIABLE = "DLMSCOPE_KEYS"
WIDEST = 140


class UsageError(ValueError):
    """Something that was typed wrongly; one line."""


class Mistyped(Exception):
    """What argparse has to say, and `prog`, whose help says more."""

    def __init__(self, message: str, prog: str) -> None:
        super().__init__(message)
        self.prog = prog


class Parser(argparse.ArgumentParser):
    """Raises Mistyped where argparse would print and end."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The options; what is no option is named without the values behind it."""
        options, extras = self.parse_known_args(args, namespace)
        if extras:
            from analyzer.unrepeated import not_recognized

            self.error(not_recognized(extras))
        return options

    def error(self, message: str) -> NoReturn:
        from analyzer.unrepeated import not_ambiguous

        if message.startswith("argument COMMAND: invalid choice: "):  # its wording differs between versions of Python
            message = (
                "there is no command " + message.removeprefix("argument COMMAND: invalid choice: ").partition(" (")[0]
            )
        raise Mistyped(not_ambiguous(message), self.prog)


def add_input_options(parser: argparse.ArgumentParser, many: str) -> None:
    parser.add_argument(
        "inputs",
        nargs=many,
        metavar="INPUT",
        help="a path, or - for standard input; path#2 or path#name takes one trace",
    )
    parser.add_argument("--hex", action="append", default=[], metavar="TEXT", help="bytes in hexadecimal")
    parser.add_argument(
        "--as",
        dest="kind",
        choices=("hex", "raw", "pcap", "pcapng"),
        help="what the input is, where it is not recognised",
    )
    parser.add_argument("--tx", metavar="FILE", help="what the client sent, captured in a file of its own; with --rx")
    parser.add_argument("--rx", metavar="FILE", help="what the meter sent")
    capture = parser.add_argument_group("captures", "pcap and pcapng, plain or packed")
    capture.add_argument("--all-connections", action="store_true", help="show connections without DLMS as well")
    capture.add_argument(
        "--framing",
        choices=("ethernet", "ip", "hdlc", "wrapper", "mbus", "p1", "iec62056-21", "none"),
        help="what packets of DLT_USER and IEEE 802.15.4 hold, where it is not recognised",
    )
    capture.add_argument("--reader", choices=("own", "wireshark"), default="own", help="wireshark: read by tshark")
    capture.add_argument(
        "--filter", metavar="TEXT", help="for --reader wireshark a display filter, for --live a capture filter"
    )
    add_key_options(parser)


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Keys, redaction and colours, which commands without an input have as well."""
    keys = parser.add_argument_group(
        "keys", "in hexadecimal, but for passwords; better in a file than on a command line"
    )
    keys.add_argument("--keys", metavar="FILE", help=f"a key file (TOML); else the one that {KEYS_VARIABLE} names")
    for option, text in (
        ("--ek", "global unicast encryption key"),
        ("--ak", "authentication key"),
        ("--bek", "global broadcast encryption key"),
        ("--dedicated-key", "dedicated key"),
        ("--kek", "key encrypting key"),
        ("--client-title", "system title of the client"),
        ("--server-title", "system title of the meter"),
    ):
        keys.add_argument(option, metavar="HEX", help=text)
    keys.add_argument("--password", metavar="TEXT", help="LLS password or HLS secret; 0x.. for hexadecimal")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--redact",
        nargs="?",
        const="secrets",
        choices=("secrets", "payload"),
        help="mask keys, passwords, titles and serial numbers; with =payload the values as well",
    )
    output.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def add_jobs_option(parser: argparse.ArgumentParser) -> None:
    """How many processes work at once."""
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="worker processes; default: one for each core; 1: none but this one"
    )


def jobs_of(options: argparse.Namespace) -> int:
    """How many processes are wanted."""
    from analyzer.bulk.crew import cores

    if options.jobs is None:
        return cores()
    if options.jobs < 1:
        raise UsageError("--jobs takes a number from 1")
    return int(options.jobs)


def traces_of(options: argparse.Namespace) -> list[Trace]:
    """The traces of all inputs, in the order in which they were typed."""
    return [trace for _, trace in named_traces_of(options)]


def named_traces_of(options: argparse.Namespace) -> list[tuple[str, Trace]]:
    """The same, each with what to type for it alone; behind a path, `#` and its number if there are several in it."""
    from analyzer.inputs import hex_traces, open_pair, open_traces

    if not options.inputs and not options.hex and not options.tx and not options.rx:
        raise UsageError("no input: give a path, - for standard input, or --hex TEXT")
    traces: list[tuple[str, Trace]] = []
    for name in options.inputs:
        found = open_traces(name, options.kind, choice_of(options))
        traces += [(f"{name}#{n}" if len(found) > 1 else name, trace) for n, trace in enumerate(found, 1)]
    if options.tx or options.rx:
        if not (options.tx and options.rx):
            raise UsageError("--tx and --rx belong together: what the client sent, and what the meter sent")
        pair = open_pair(options.tx, options.rx, options.kind)
        traces.append((pair.source, pair))
    for text in options.hex:
        traces += [(trace.source, trace) for trace in hex_traces(text)]
    return traces


def add_live_options(parser: argparse.ArgumentParser) -> None:
    """For commands that show what comes while it comes."""
    parser.add_argument("--follow", action="store_true", help="wait for more of a file that is still being written")
    parser.add_argument(
        "--live", metavar="INTERFACE", help="capture with dumpcap, of Wireshark; --filter takes a capture filter"
    )


def watched_of(options: argparse.Namespace) -> Watched | None:
    """What is to be watched: an interface, or a file that grows. None where all is there already."""
    from analyzer.inputs import followed
    from analyzer.sources.pcap.connections import Choice

    if options.live is not None:
        if options.inputs or options.hex or options.follow:
            raise UsageError("--live takes no further input")
        from analyzer.watching.interface import Interface

        return Interface(options.live, options.filter, Choice(options.all_connections, options.framing))
    if not options.follow:
        return None
    if len(options.inputs) != 1 or options.hex or options.reader != "own":
        raise UsageError("--follow takes one file")
    return followed(options.inputs[0], options.kind, choice_of(options))


def choice_of(options: argparse.Namespace) -> Choice:
    """What of a capture is wanted."""
    from analyzer.sources.pcap.connections import Choice

    if options.filter and options.reader != "wireshark":
        raise UsageError("a display filter needs --reader wireshark")
    return Choice(options.all_connections, options.framing, options.reader == "wireshark", options.filter)


def keys_of(options: argparse.Namespace) -> KeyRing:
    """The keys of options, key file and plug-ins, in this order."""
    from analyzer.inputs import read_key_file
    from analyzer.keyring import KeyRing, load_entry_point_providers

    keys = KeyRing.from_options(**{name: getattr(options, name) for name in KEY_OPTIONS})
    name = options.keys or os.environ.get(KEYS_VARIABLE)
    if name:
        text, folder = read_key_file(name)
        keys = keys.joined(KeyRing.from_toml(text, folder, _read_file))
    keys = keys.joined(KeyRing(providers=load_entry_point_providers()))
    for issue in keys.issues:
        print(f"dlmscope: warning: {issue.meter}, {issue.field}: {issue.text}", file=sys.stderr)
    return keys


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def colored(options: argparse.Namespace) -> bool:
    if options.color != "auto":
        return bool(options.color == "always")
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    import shutil

    return min(WIDEST, shutil.get_terminal_size((100, 24)).columns)


def redactor_of(options: argparse.Namespace, traces: Iterable[Trace], keys: KeyRing) -> Redactor | None:
    """What covers the secrets of traces that are decoded for that alone, since those of the last message may stand in the
    first; None where nothing is to be masked."""
    from analyzer.decoding import decode

    return redactor_for(options, chain.from_iterable(decode(trace, keys) for trace in traces), keys)


def redactor_for(options: argparse.Namespace, messages: Iterable[Message], keys: KeyRing) -> Redactor | None:
    if options.redact is None:
        return None
    from analyzer.redaction import Redactor, secrets_of

    return Redactor(secrets_of(messages, keys, options.redact == "payload"))


def print_json(value: object) -> None:
    from analyzer.report import json_text

    print(json_text.as_text(value, 2))
