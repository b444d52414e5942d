"""The command `dlmscope`: what people type, and what they get. Everything heavy is imported by the command that needs it.

Exit status: 0 nothing wrong found; 1 a finding of severity error, or a difference that matters; 2 unusable input or usage,
with one line on standard error. One module a command: `add_to` says what can be typed, `run` does it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from analyzer import __version__
from analyzer.cli import decode, diagnose, diff, edit, explain, export, overview, record, serve, sweep
from analyzer.cli import open as open_
from analyzer.cli.options import INTERRUPTED, OK, UNUSABLE, Mistyped, Parser

TRACEBACK_VARIABLE = "DLMSCOPE_TRACEBACK"
COMMANDS = (open_, overview, decode, diagnose, diff, edit, explain, export, record, sweep, serve)
LASTING = (open_, record, serve)  # they may run for days


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit status. Never lets an exception through."""
    _open_closed_streams()
    typed = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = _run(typed)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader has seen enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except Mistyped as problem:
        _complain(str(problem), typed, f" (see {problem.prog} --help)")
        raise SystemExit(UNUSABLE) from None
    except (ValueError, OSError, RuntimeError, RecursionError) as problem:
        _complain(_one_line(problem), typed)
        return UNUSABLE
    except Exception as problem:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(f"dlmscope: {_place(problem)}", file=sys.stderr)
        return UNUSABLE


def _complain(text: str, typed: Sequence[str], more: str = "") -> None:
    """One line on standard error, and no key in it that was typed somewhere."""
    from analyzer.unrepeated import unrepeated

    print(f"dlmscope: {unrepeated(text, typed, os.path.exists)}{more}", file=sys.stderr)


def _run(typed: Sequence[str]) -> int:
    if not typed and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        typed = ["open"]
    options = _parser().parse_args(typed)
    if options.run in [command.run for command in LASTING]:
        return _commanded(options)
    from analyzer.held import collection_held

    with collection_held():
        return _commanded(options)


def _commanded(options: argparse.Namespace) -> int:
    if getattr(options, "redact", None) == "payload":
        from analyzer.hiding import values_hidden

        with values_hidden():
            hidden: int = options.run(options)
        return hidden
    command: int = options.run(options)
    return command


def _open_closed_streams() -> None:
    """Whoever closes an output stream wants nothing from it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, UP020 (open is a command here)


def _place(problem: Exception) -> str:
    """Where a defect of the program itself showed. Its text is left out: it may hold what must not be shown."""
    at = problem.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f"{os.path.basename(at.tb_frame.f_code.co_filename)}, line {at.tb_lineno}" if at is not None else "unknown"
    return f"a defect of dlmscope: {type(problem).__name__} in {place}; {TRACEBACK_VARIABLE}=1 shows more, please report it"


def _one_line(problem: Exception) -> str:
    from grammars.readings import escaped

    text = str(problem)
    if isinstance(problem, OSError) and problem.strerror:  # without its number, with its file first
        where = f"{problem.filename}: " if problem.filename is not None else ""
        text = f"{where}{problem.strerror[:1].lower()}{problem.strerror[1:]}"
    return escaped(" ".join(text.split())) or type(problem).__name__


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="dlmscope",
        description="Decodes DLMS/COSEM meter traffic and says, with proof, why two devices do not understand each other.",
    )
    parser.add_argument("--version", action="version", version=f"dlmscope {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add_to(commands)
    return parser
