"""A live interface, by dumpcap, which does the capturing for Wireshark and tshark as well.

What it writes is a capture, and is read as any other. tshark behind it would add nothing but half a second: it asks only
twice a second what dumpcap has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator

from analyzer.sources import InputError
from analyzer.sources.arrivals import Arrival
from analyzer.sources.pcap.capture import follow_capture
from analyzer.sources.pcap.connections import Choice

LEAVE = 3.0  # seconds that dumpcap gets to exit
INSTALL = "install tshark (apt install tshark, dnf install wireshark-cli, or Wireshark itself); all else works without"
ELSEWHERE = (r"C:\Program Files\Wireshark", "/Applications/Wireshark.app/Contents/MacOS")
CHATTER = ("Capturing on", "File:", "Packets")
SENTENCES = 20  # of dumpcap that are kept
NO_SUCH = ("No such device", "doesn't exist", "There is no device", "no interface")


class Interface:
    """What comes by an interface that passes a capture filter, as for tcpdump ("tcp port 4059")."""

    def __init__(self, interface: str, capture_filter: str | None = None, choice: Choice | None = None) -> None:
        self.name = f"{interface}, {capture_filter}" if capture_filter else interface
        self.note = ""
        self._interface, self._filter, self._choice = interface, capture_filter, choice
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Ends dumpcap."""
        self._stopped.set()
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.terminate()

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, until dumpcap ends or is stopped."""
        command = [_dumpcap(self._interface), "-q", "-i", self._interface, "-w", "-"]
        command += ["-f", self._filter] if self._filter else []
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as problem:
            raise InputError(f"{self._interface}: dumpcap cannot be started: {problem.strerror}") from None
        self._process = process
        said: list[str] = []
        listener = threading.Thread(target=_listen, args=(process, said), daemon=True)
        listener.start()
        octets = _Octets(process)
        try:
            if self._stopped.is_set():
                return
            yield from follow_capture(octets, self._interface, self._choice)
        except InputError:
            listener.join(LEAVE)
            reason = _reason(said)
            if octets.count and not reason and process.poll() == 0:
                raise
            if any(words in reason for words in NO_SUCH):
                name = repr(self._interface)
                raise InputError(
                    f"there is no interface {name} that may be captured from; tshark -D lists them"
                ) from None
            raise InputError(f"{self._interface}: dumpcap says: {reason or 'nothing'}") from None
        finally:
            _end(process)
            listener.join(LEAVE)
        if not self._stopped.is_set():
            self.note = _reason(said)


class _Octets:
    """What dumpcap writes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._descriptor = process.stdout.fileno()
        self.count = 0

    def read(self, size: int, /) -> bytes:
        """At least one octet, none when dumpcap has ended."""
        data = os.read(self._descriptor, size)
        self.count += len(data)
        return data


def _listen(process: subprocess.Popen[bytes], said: list[str]) -> None:
    """What dumpcap says, so that it never waits for somebody to hear it."""
    assert process.stderr is not None
    for line in process.stderr:
        text = line.decode("utf-8", "replace").strip()
        if text and not text.startswith(CHATTER) and len(said) < SENTENCES:
            said.append(text)
    process.stderr.close()


def _reason(said: list[str]) -> str:
    """The first sentence of what dumpcap said."""
    return said[0].removeprefix("dumpcap: ") if said else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends dumpcap and takes its exit status, so that no zombie stays."""
    with contextlib.suppress(OSError):
        process.terminate()
    try:
        process.wait(LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _dumpcap(interface: str) -> str:
    """The path of dumpcap. Raises InputError where there is none."""
    beside = os.path.dirname(shutil.which("tshark") or "")
    for path in (None, beside or None, *ELSEWHERE):
        found = shutil.which("dumpcap", path=path)
        if found is not None:
            return found
    raise InputError(f"{interface}: tshark is not installed: {INSTALL}")
