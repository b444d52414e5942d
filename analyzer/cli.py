"""The command `dlmscope`: what people type, and what they get. Everything heavy is imported by the command that needs it.

Exit status: 0 nothing wrong found; 1 a finding of severity error, or a difference that matters; 2 unusable input or usage,
with one line on standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from analyzer import __version__

if TYPE_CHECKING:
    from analyzer.keyring import KeyRing
    from analyzer.message import Message
    from analyzer.model import Trace
    from analyzer.redaction import Redactor

OK, FOUND, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
KEY_OPTIONS = ("ek", "ak", "bek", "dedicated_key", "kek", "client_title", "server_title", "password")
KEYS_VARIABLE = "DLMSCOPE_KEYS"
WIDEST = 140


class UsageError(ValueError):
    """Something that was typed wrongly; one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if message.startswith("argument COMMAND: invalid choice: "):  # its wording differs between versions of Python
            message = (
                "there is no command " + message.removeprefix("argument COMMAND: invalid choice: ").partition(" (")[0]
            )
        print(f"dlmscope: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(UNUSABLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit status. Never lets an exception through."""
    _open_closed_streams()
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader has seen enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError, RuntimeError, RecursionError) as problem:
        print(f"dlmscope: {_one_line(problem)}", file=sys.stderr)
        return UNUSABLE


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    command: int = options.run(options)
    return command


def _open_closed_streams() -> None:
    """Whoever closes an output stream wants nothing from it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


# -- what can be typed -------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dlmscope",
        description="Decodes DLMS/COSEM meter traffic and says, with proof, why two devices do not understand each other.",
    )
    parser.add_argument("--version", action="version", version=f"dlmscope {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    decode = commands.add_parser("decode", help="every message as a tree", description="Shows every message.")
    _input_options(decode, "*")
    decode.add_argument("--format", choices=("tree", "summary", "json", "jsonl"), default="tree")
    decode.set_defaults(run=_decode)

    diagnose = commands.add_parser(
        "diagnose", help="what is wrong, why, what to do", description="Says what is wrong, why, and what to do."
    )
    _input_options(diagnose, "*")
    diagnose.add_argument("--format", choices=("text", "json"), default="text")
    diagnose.set_defaults(run=_diagnose)

    diff = commands.add_parser(
        "diff",
        help="two traces side by side",
        description="Compares two traces: two inputs, or the two traces of one.",
    )
    _input_options(diff, "*")
    diff.add_argument("--format", choices=("text", "json"), default="text")
    diff.set_defaults(run=_diff)

    edit = commands.add_parser(
        "edit",
        help="set fields and build the frame again",
        description="Sets fields of one message and prints the frame in hexadecimal: lengths, check sequences and tags right.",
    )
    _input_options(edit, "*")
    edit.add_argument("--record", type=int, required=True, metavar="N", help="number of the record, from 1")
    edit.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="FIELD=VALUE",
        help="dotted path of the tree and its new value; may be given several times",
    )
    edit.set_defaults(run=_edit)

    explain = commands.add_parser(
        "explain",
        help="what a finding, an error text or a number means",
        description='Explains a code such as llc-missing, an error text such as "invalid tag 97", octets or a number; '
        "without any, lists all codes.",
    )
    explain.add_argument("phrase", nargs="*", metavar="CODE", help="a code, or words")
    explain.set_defaults(run=_explain)
    return parser


def _input_options(parser: argparse.ArgumentParser, many: str) -> None:
    parser.add_argument(
        "inputs",
        nargs=many,
        metavar="INPUT",
        help="a path, or - for standard input; path#2 or path#name takes one trace",
    )
    parser.add_argument("--hex", action="append", default=[], metavar="TEXT", help="bytes in hexadecimal")
    parser.add_argument(
        "--as", dest="kind", choices=("hex", "raw"), help="what the input is, where it is not recognised"
    )
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


# -- what the commands share -------------------------------------------------------------------------------------


def _traces(options: argparse.Namespace) -> list[Trace]:
    """The traces of all inputs, in the order in which they were typed."""
    from analyzer.inputs import hex_traces, open_traces

    if not options.inputs and not options.hex:
        raise UsageError("no input: give a path, - for standard input, or --hex TEXT")
    traces: list[Trace] = []
    for name in options.inputs:
        traces += open_traces(name, options.kind)
    for text in options.hex:
        traces += hex_traces(text)
    return traces


def _keys(options: argparse.Namespace) -> KeyRing:
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


def _colored(options: argparse.Namespace) -> bool:
    if options.color != "auto":
        return bool(options.color == "always")
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    import shutil

    return min(WIDEST, shutil.get_terminal_size((100, 24)).columns)


def _redactor(options: argparse.Namespace, messages: Sequence[Message], keys: KeyRing) -> Redactor | None:
    if options.redact is None:
        return None
    from analyzer.redaction import Redactor, secrets_of

    return Redactor(secrets_of(messages, keys, options.redact == "payload"))


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


# -- the commands ------------------------------------------------------------------------------------------------


def _decode(options: argparse.Namespace) -> int:
    traces, keys = _traces(options), _keys(options)
    if options.format in ("json", "jsonl"):
        return _decode_json(options, traces, keys)
    from analyzer.report import source_issues
    from analyzer.report.colors import palette

    color, width = _colored(options), _width()
    colors = palette(color)
    for number, trace in enumerate(traces):
        if len(traces) > 1 or trace.issues:
            print(("\n" if number else "") + colors.strong(f"{trace.name}  ({trace.source})"))
        for line in source_issues.as_lines(trace.issues):
            print(colors.warning(f"  {line}"))
        for text in _messages_as_text(options, trace, keys, color, width):
            print(text, flush=True)
    return OK


def _messages_as_text(
    options: argparse.Namespace, trace: Trace, keys: KeyRing, color: bool, width: int
) -> Iterator[str]:
    from analyzer.report import summary_text, tree_text

    for message, redactor in _decoded(options, trace, keys):
        if options.format == "summary":
            text = summary_text.render(message, color)
        else:
            text = tree_text.render(message, color, width)
        yield redactor.text(text) if redactor else text


def _decoded(options: argparse.Namespace, trace: Trace, keys: KeyRing) -> Iterator[tuple[Message, Redactor | None]]:
    """The messages of a trace one by one; all at once where secrets of later ones have to be masked in earlier ones."""
    from analyzer.decoding import decode

    if options.redact is None:
        for message in decode(trace, keys):
            yield message, None
        return
    messages = list(decode(trace, keys))
    redactor = _redactor(options, messages, keys)
    for message in messages:
        yield message, redactor


def _decode_json(options: argparse.Namespace, traces: Sequence[Trace], keys: KeyRing) -> int:
    import json

    from analyzer.report import message_json, source_issues

    shown = []
    for trace in traces:
        messages = []
        for message, redactor in _decoded(options, trace, keys):
            made = message_json.render(message)
            made = redactor.json(made) if redactor else made
            if options.format == "jsonl":
                line = {"trace": trace.name, "source": trace.source, **made}
                print(json.dumps(line, ensure_ascii=False), flush=True)
            else:
                messages.append(made)
        shown.append({
            "trace": trace.name,
            "source": trace.source,
            "issues": source_issues.as_json(trace.issues),
            "messages": messages,
        })  # fmt: skip
    if options.format == "json":
        _print_json(shown)
    return OK


def _diagnose(options: argparse.Namespace) -> int:
    from analyzer.decoding import decode
    from analyzer.diagnosis import diagnose

    traces, keys = _traces(options), _keys(options)
    decoded = [(trace, list(decode(trace, keys))) for trace in traces]
    diagnoses = diagnose(decoded, keys)
    redactor = _redactor(options, [message for _, messages in decoded for message in messages], keys)
    if options.format == "json":
        from analyzer.report import diagnosis_json

        made = diagnosis_json.render(diagnoses)
        _print_json(redactor.json(made) if redactor else made)
    else:
        from analyzer.report import diagnosis_text

        text = diagnosis_text.render(diagnoses, _colored(options), _width())
        print(redactor.text(text) if redactor else text, end="")
    return FOUND if any(diagnosis.health == "failing" for diagnosis in diagnoses) else OK


def _diff(options: argparse.Namespace) -> int:
    from analyzer.comparison import diff
    from analyzer.decoding import decode

    traces, keys = _traces(options), _keys(options)
    if len(traces) != 2:
        listed = ", ".join(f"{trace.source}#{number} {trace.name}" for number, trace in enumerate(traces, 1))
        raise UsageError(f"diff compares two traces, and here {'is' if len(traces) == 1 else 'are'} {listed}")
    a, b = ((trace, list(decode(trace, keys))) for trace in traces)
    result = diff(a[1], b[1])
    redactor = _redactor(options, [*a[1], *b[1]], keys)
    if options.format == "json":
        from analyzer.report import diff_json

        made = diff_json.render(result, a[0].name, b[0].name)
        _print_json(redactor.json(made) if redactor else made)
    else:
        from analyzer.report import diff_text

        text = diff_text.render(result, a[0].name, b[0].name, a[1], b[1], _colored(options), _width())
        print(redactor.text(text) if redactor else text, end="")
    return FOUND if any(pair.status in ("different", "only-a", "only-b") for pair in result.pairs) else OK


def _edit(options: argparse.Namespace) -> int:
    from analyzer.decoding import decode
    from analyzer.edit import edited
    from analyzer.rebuild import SAME_COUNTER

    if options.redact is not None:
        raise UsageError("edit prints a frame that can be sent; it cannot be redacted")
    traces, keys = _traces(options), _keys(options)
    if len(traces) != 1:
        listed = ", ".join(f"#{number} {trace.name}" for number, trace in enumerate(traces, 1))
        raise UsageError(f"edit takes one trace; choose one of {listed}")
    settings = []
    for text in options.set:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise UsageError(f"--set takes FIELD=VALUE, found {text!r}")
        settings.append((path.strip(), value.strip()))
    message = next((m for m in decode(traces[0], keys) if options.record in m.records), None)
    if message is None:
        raise UsageError(f"there is no record {options.record}; the trace has {len(traces[0])}")
    rebuilt = edited(message, settings, keys)
    print(rebuilt.data.hex(" ").upper())
    if rebuilt.resealed and not any(path.endswith("invocation_counter") for path, _ in settings):
        print(f"dlmscope: sealed under the counter of the sent frame; {SAME_COUNTER}", file=sys.stderr)
    return OK


def _explain(options: argparse.Namespace) -> int:
    from analyzer.explain import explain

    phrase = " ".join(options.phrase)
    answer = explain(phrase)
    if answer is None:
        raise UsageError(f"nothing is known about {phrase[:60]!r}; dlmscope explain lists all codes")
    print(answer)
    return OK


if __name__ == "__main__":
    sys.exit(main())
