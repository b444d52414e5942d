"""What comes, while it comes: a file that grows, an interface, a serial port, a proxy. One module for each.

Each gives arrivals, in the thread of whoever asks for them, until it ends or somebody stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from analyzer.sources.arrivals import Arrival

Address = tuple[str, int]  # a host, and a port
POLL = 0.05  # seconds between two looks whether there is more


class Watched(Protocol):
    """A source that goes on."""

    @property
    def name(self) -> str:
        """What is watched, in a few words."""
        ...

    @property
    def note(self) -> str:
        """What there is to say about it now, such as where it listens or why it ended; or nothing."""
        ...

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, until it ends, or soon after `stop`. Raises InputError or OSError, in one line, where it cannot go
        on. What it holds is closed when this ends, or is closed."""
        ...

    def stop(self) -> None:
        """Ends it soon; may be called from any thread, and more than once."""
        ...


def address_of(text: str) -> Address:
    """Host and port of HOST:PORT, [IPV6]:PORT or :PORT. Raises ValueError, in one line."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) < 65536:
        raise ValueError(f"an address is HOST:PORT, found {text!r}")
    return host.strip("[]"), int(port)
