"""`dlmscope record`: captures what passes through a TCP proxy, a serial port, or a pair of ports, and shows it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from analyzer.cli.options import OK, UNUSABLE, UsageError, add_key_options, colored, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.message import Message
    from analyzer.model import Direction
    from analyzer.recording.live import Live
    from analyzer.recording.recorder import Recorder
    from analyzer.recording.view_process import ViewProcess

SWITCH = 0.0005  # seconds; the default of 5 ms could be the delay of a frame while another thread is busy


def add_to(commands: Any) -> None:
    """Says what can be typed."""
    parser = commands.add_parser(
        "record",
        help="capture: TCP proxy, serial port, bridged pair",
        description="Captures what passes, shows each message, and writes a pcapng that Wireshark also opens. "
        "A proxy: --listen 127.0.0.1:4059 --to meter:4059, and the software connects to the first. "
        "A serial port: --port COM5. A pair of ports between software and meter: --port COM5 --bridge COM6. "
        "Ends with Ctrl-C; what is captured is on the disk at every moment.",
    )
    tcp = parser.add_argument_group("TCP proxy")
    tcp.add_argument("--listen", metavar="HOST:PORT", help="where the software connects to")
    tcp.add_argument("--to", metavar="HOST:PORT", help="where the meter is")
    line = parser.add_argument_group("serial port")
    line.add_argument("--port", metavar="PORT", help="a port to listen to, or the one towards the software")
    line.add_argument("--bridge", metavar="PORT", help="the port towards the meter; both are forwarded to each other")
    line.add_argument("--baud", type=int, default=9600, metavar="N", help="speed, 9600 if not given")
    line.add_argument("--frame", default="8N1", metavar="8N1", help="data bits, parity, stop bits: 8N1, 7E1 ...")
    line.add_argument(
        "--direction",
        choices=("client", "meter", "unknown"),
        default="unknown",
        help="whose octets a port that is listened to carries; unknown: both, told by the octets",
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="the capture; else dlmscope-DATE-TIME.pcapng")
    parser.add_argument("--quiet", action="store_true", help="show no messages")
    parser.add_argument("--format", choices=("summary", "tree"), default="summary", help="how messages are shown")
    add_key_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; gives the exit status."""
    tcp, line = bool(options.listen or options.to), bool(options.port or options.bridge)
    if tcp == line:
        raise UsageError("give --listen and --to for a TCP proxy, or --port for a serial port")
    if tcp and not (options.listen and options.to):
        raise UsageError("a proxy needs both --listen HOST:PORT and --to HOST:PORT")
    if line and not options.port:
        raise UsageError("--bridge needs --port, the port towards the software")
    return _proxy(options) if tcp else _line(options)


def _note(text: str) -> None:
    print(f"dlmscope: {text}", file=sys.stderr, flush=True)


def _recorder(options: argparse.Namespace) -> Recorder:
    import time

    from analyzer.recording.recorder import Recorder

    path = options.out or time.strftime("dlmscope-%Y%m%d-%H%M%S.pcapng")
    try:
        return Recorder(path, _note)
    except FileExistsError:
        raise UsageError(f"{path}: is there already; give another name, a capture is never overwritten") from None


def _live(options: argparse.Namespace) -> Live:
    """The view. A proxy has it in a process of its own."""
    from analyzer.recording.live import Live

    return Live(keys_of(options), _shower(options), _note)


def _shower(options: argparse.Namespace) -> Callable[[str, Message], None]:
    """Prints one message; the name of its conversation when it is another one than that before."""
    import os
    import threading

    from analyzer.cli.options import width
    from analyzer.hiding import values_hidden
    from analyzer.redaction import Learner
    from analyzer.report import summary_text, tree_text

    color, columns, lock = colored(options), width(), threading.Lock()
    # What is a secret in one conversation is one in all; values are only covered where they are, a recording may take days.
    learner = Learner(keys_of(options), payload=False) if options.redact is not None else None
    last = ""

    def show(name: str, message: Message) -> None:
        nonlocal last
        payload = options.redact == "payload"
        with values_hidden(payload):
            if options.format == "tree":
                text = tree_text.render(message, color, columns)
            else:
                text = summary_text.render(message, color)
        with lock:
            if learner is not None:
                learner.learn([message])
                text = (learner.with_values([message]) if payload else learner.redactor).text(text)
            try:
                if name != last:
                    print(f"{name}:", flush=True)
                    last = name
                print(text, flush=True)
            except BrokenPipeError:  # whoever looked on has gone; forwarding goes on
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115

    return show


def _address(text: str, option: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, [IPV6]:PORT or :PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) < 65536:
        raise UsageError(f"{option} takes HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)


def _proxy(options: argparse.Namespace) -> int:
    import asyncio

    listen, target = _address(options.listen, "--listen"), _address(options.to, "--to")
    if not target[0]:
        raise UsageError("--to needs the host of the meter")
    from analyzer.recording.view_process import ViewProcess

    keys_of(options)  # what is wrong with them is said before anything is opened
    recorder: Recorder | None = None
    live: ViewProcess | None = None
    sys.setswitchinterval(SWITCH)

    async def serve() -> None:
        import contextlib
        import signal

        from analyzer.recording.proxy import Proxy, Viewer

        nonlocal recorder, live

        def viewer(name: str) -> Viewer | None:
            return live.conversation(name, "tcp") if live is not None else None

        proxy = Proxy(target, None, viewer, _note)
        bound = await proxy.bind(*listen)  # before there is a file of nothing
        proxy.recorder = recorder = _recorder(options)
        live = None if options.quiet else ViewProcess(_live, options)
        await proxy.serve()
        for host, port in bound:
            _note(f"listening on {host}:{port} for {target[0]}:{target[1]}, recording to {recorder.path}")
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop by itself
                asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        await stopped.wait()
        await proxy.stop()

    try:
        asyncio.run(serve())
    finally:
        if recorder is not None:
            _end(recorder, live)
    return OK


def _line(options: argparse.Namespace) -> int:
    import signal
    import threading

    from analyzer.recording.serial_port import FRAMES, Line, Settings, opened

    if options.frame.upper() not in FRAMES:
        raise UsageError(f"--frame takes one of {', '.join(FRAMES)}, found {options.frame!r}")
    settings = Settings(options.baud, options.frame.upper())
    near = opened(options.port, settings)
    far = opened(options.bridge, settings) if options.bridge else None
    recorder = _recorder(options)
    live = None if options.quiet else _live(options)
    name = f"{options.port} and {options.bridge}" if far is not None else options.port
    interface = recorder.serial(name, str(settings))
    view = live.conversation(name) if live is not None else None

    def passed(direction: Direction, data: bytes, seconds: float, when: str) -> None:
        recorder.octets(interface, direction, data)
        if view is not None:
            view.feed(direction, data, seconds, when)

    line = Line(passed, _note)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if far is None:
        line.listen(near, options.direction)
    else:
        line.listen(near, "client", far)
        line.listen(far, "meter", near)
    _note(f"listening on {name} at {settings}, recording to {recorder.path}")
    try:
        while line.running and not stopped.wait(0.1):
            pass
        failed = not line.running
    except KeyboardInterrupt:
        failed = False
    finally:
        line.stop()
        _end(recorder, live)
    return UNUSABLE if failed else OK


def _end(recorder: Recorder, live: Live | ViewProcess | None) -> None:
    recorder.close()
    if live is not None:
        live.close()
