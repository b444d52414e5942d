"""Packets by way of Wireshark: display filters, link types that nothing here knows. Needs tshark.

Only the octets are taken from it, and read like those of a capture file: tshark before 4.6 knows no DLMS, and later ones
decrypt nothing. pyshark runs in a thread of its own, with an event loop of its own, so that it works where another event
loop runs (a notebook, the TUI) and on Pythons that have none by default; capture and loop are closed there in any case, and
a tshark that waits for packets is ended when nobody wants more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from queue import Empty, Full, Queue
from typing import Any

from analyzer.model import Trace
from analyzer.sources import InputError
from analyzer.sources.pcap.capture import collect
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.files import Packet
from analyzer.sources.pcap.links import USB_LINUX, USB_LINUX_MMAPPED, USBPCAP, USER

RAW_IP = 101
# Numbers of Wireshark's wiretap library for link types that are read from the whole packet.
USB_ENCAPSULATIONS = {95: USB_LINUX, 115: USB_LINUX_MMAPPED, 152: USBPCAP}
WAITING = 1000  # packets between the thread and its reader
LEAVE = 5.0  # seconds that tshark gets to exit
POLL = 0.1  # seconds between two looks whether the other side is still there
INSTALL = "install tshark (apt install tshark, dnf install wireshark-cli, or Wireshark itself); all else works without"

Capture = Any  # of pyshark, which has no types
Starter = Callable[[Any, asyncio.AbstractEventLoop], Capture]


def read_with_wireshark(path: str, source: str, choice: Choice | None = None) -> list[Trace]:
    """The traces of a capture file as tshark reads it, with the display filter of `choice`. Raises InputError."""
    chosen = choice or Choice()

    def start(pyshark: Any, loop: asyncio.AbstractEventLoop) -> Capture:
        return pyshark.FileCapture(
            path,
            eventloop=loop,
            use_json=True,
            include_raw=True,
            keep_packets=False,
            display_filter=chosen.display_filter,
        )

    return collect(TsharkPackets(start, source), source, chosen)


class TsharkPackets:
    """Iterates over packets, once. `damage` says afterwards why tshark stopped before the end."""

    def __init__(self, start: Starter, source: str) -> None:
        self._start = start
        self._source = source
        self._queue: Queue[Packet | Exception | None] = Queue(WAITING)
        self._stopped = threading.Event()
        self._capture: Capture = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.damage = ""
        self.strays = 0

    def __iter__(self) -> Generator[Packet, None, None]:
        pyshark = _pyshark(self._source)
        worker = threading.Thread(target=self._work, args=(pyshark,), name="tshark", daemon=True)
        worker.start()
        count = 0
        try:
            while (item := self._next(worker)) is not None:
                if isinstance(item, Exception):
                    self._give_reason(item, count)
                    return
                count += 1
                yield item
        finally:
            self._stopped.set()
            self._end_processes()
            worker.join()

    def _next(self, worker: threading.Thread) -> Packet | Exception | None:
        while True:
            try:
                return self._queue.get(timeout=POLL)
            except Empty:
                if not worker.is_alive() and self._queue.empty():
                    return None

    def _give_reason(self, problem: Exception, count: int) -> None:
        """What went wrong, in one line: nothing could be read at all, or no more after some packets."""
        name, text = type(problem).__name__, " ".join(str(problem).split())
        if name == "TSharkNotFoundException":
            raise InputError(f"{self._source}: tshark is not installed: {INSTALL}")
        if name == "UnknownInterfaceException":
            raise InputError(f"there is no interface {self._source!r} that may be captured from; tshark -D lists them")
        reason = text.partition("Last error line: ")[2].partition(" Try rerunning")[0] or text.partition(" (command")[0]
        if not reason.strip("^~ "):  # the last line only points to a place in the filter
            reason = "it does not understand the display filter"
        if not count:
            raise InputError(f"{self._source}: tshark says: {reason or name}")
        self.damage = f"tshark stopped after {count} packets: {reason or name}"

    # -- in the thread ----------------------------------------------------------------------------------------

    def _work(self, pyshark: Any) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            self._capture = self._start(pyshark, loop)
            for number, packet in enumerate(self._packets(loop), 1):
                if not self._put(_packet(packet, number)):
                    break
        except Exception as problem:  # whatever pyshark raises is for the reader to say
            self._put(problem)
        finally:
            self._close(loop)
            self._put(None)

    def _packets(self, loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
        """What tshark gives, up to the end of its output. pyshark's own loop would kill a tshark that is about to exit,
        and its exit status would be lost."""
        capture = self._capture
        process = loop.run_until_complete(capture._get_tshark_process())
        parser = capture._setup_tshark_output_parser()
        rest, begun = b"", False
        while True:
            try:
                packet, rest = loop.run_until_complete(
                    parser.get_packets_from_stream(process.stdout, rest, got_first_packet=begun)
                )
            except EOFError:
                capture._eof_reached = True
                return
            if packet:
                begun = True
                yield packet

    def _put(self, item: Packet | Exception | None) -> bool:
        """Hands an item over; False when nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=POLL)
                return True
            except Full:
                continue
        return False

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        capture = self._capture
        try:
            if capture is not None:
                if not capture._eof_reached:
                    _kill(capture)
                loop.run_until_complete(_exits(capture))
                capture.close()
        except Exception as problem:  # tshark tells with its exit status that the file breaks off
            self._put(problem)
            capture._running_processes.clear()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    # -- in the thread of the reader ----------------------------------------------------------------------------

    def _end_processes(self) -> None:
        """Ends a tshark that waits for packets; the thread sees the end of its output, and closes the rest."""
        capture, loop = self._capture, self._loop
        if capture is None or loop is None or loop.is_closed():
            return

        try:
            loop.call_soon_threadsafe(_kill, capture)
        except RuntimeError:  # closed just now
            return


def _kill(capture: Capture) -> None:
    """Ends tshark and dumpcap. Not by their kill(), which would take their exit status away from asyncio."""
    for process in capture._running_processes:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)


async def _exits(capture: Capture) -> None:
    """Waits until tshark and dumpcap are gone, so that no zombie stays."""
    waiting = [process.wait() for process in capture._running_processes]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*waiting), LEAVE)


def _pyshark(source: str) -> Any:
    try:
        import pyshark
    except ImportError:
        raise InputError(f"{source}: pip install pyshark, which reads it by tshark") from None
    return pyshark


def _packet(packet: Any, number: int) -> Packet:
    """The octets that tshark took apart, as a packet that begins with IP, with the header of a USB capture, or with what
    no dissector knew."""
    info = packet.frame_info
    frame = _octets(packet.frame_raw.value)
    time, length = _nanoseconds(str(packet.sniff_timestamp)), int(info.len)
    usb = USB_ENCAPSULATIONS.get(int(info.encap_type))
    if usb is not None:
        return Packet(number, usb, time, frame, length, "<")
    layers = {layer.layer_name: layer for layer in reversed(packet.layers)}
    header = layers.get("ip_raw") or layers.get("ipv6_raw")
    if header is not None:
        octets = _octets(header.value)
        # pyshark drops where a layer begins; the first place with all octets of an IP header is the outermost one.
        if (start := frame.find(octets)) >= 0:
            return Packet(number, RAW_IP, time, frame[start:], length - start, "<")
        # In a buffer of its own, decrypted or put together by Wireshark: the parts one after the other.
        parts = [octets, *(_octets(layers[name].value) for name in ("tcp_raw", "udp_raw") if name in layers)]
        parts.append(_payload(layers))
        joined = b"".join(parts)
        return Packet(number, RAW_IP, time, joined, len(joined), "<")
    data = _octets(layers["data_raw"].value) if "data_raw" in layers else b""
    return Packet(number, USER.start, time, data, len(data), "<", *_interface(info))


def _interface(info: Any) -> tuple[int, int, str]:
    """Which way a packet went at its interface, the number of that, and its name, where the file tells them."""
    flags, number = str(getattr(info, "packet_flags", "")), str(getattr(info, "interface_id", ""))
    way = int(flags, 16) & 3 if flags.startswith("0x") else 0
    tree = getattr(info, "interface_id_tree", None)
    name = " ".join(str(getattr(tree, "interface_name", "")).split())
    return way, int(number) if number.isdigit() else 0, name


def _octets(value: Any) -> bytes:
    """The octets of a raw field, which is hexadecimal, alone or the first of a list."""
    while isinstance(value, list):
        value = value[0]
    return bytes.fromhex(str(value))


def _payload(layers: dict[str, Any]) -> bytes:
    """What TCP or UDP carry, also where Wireshark took no further part of it, as with a repeated segment."""
    for name in ("tcp", "udp"):
        if name in layers and (found := layers[name]._all_fields.get(f"{name}.payload_raw")) is not None:
            return _octets(found)
    return _octets(layers["data_raw"].value) if "data_raw" in layers else b""


def _nanoseconds(text: str) -> int | None:
    """The time of a packet: seconds since 1970, or ISO 8601 as later versions of tshark have it."""
    whole, _, fraction = text.partition(".")
    digits = fraction.rstrip("Z").ljust(9, "0")[:9]
    if whole.isdigit() and digits.isdigit():
        return int(whole) * 1_000_000_000 + int(digits)
    try:
        head = datetime.fromisoformat(whole.rstrip("Z") + "+00:00")
    except ValueError:
        return None
    return int(head.timestamp()) * 1_000_000_000 + (int(digits) if digits.isdigit() else 0)
