"""Frames that came back to their sender: optical heads, RS-485 adapters and loopbacks return what the client sends.

An echo has the octets of a frame of the client that nothing has answered yet, and comes as if the meter had sent it. It
is told by its octets alone: by addresses in the order of a request, or by a frame or APDU that only clients send. Where
both addresses are one number a meter may send the same RR itself, and confirms the choice of a mode (IEC 62056-21) with
the same octets: these are echoes only where others were seen before. An echo has no sender, so its direction is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from analyzer.frame import Frame, addresses
from analyzer.senders import evident

KEPT = 64  # frames of the client that nothing has answered
CONFIRMED = "option-select"  # which a meter sends as well


class Echoes:
    """Marks the echoes among frames: `sent` are those of the client that nothing has answered, `returned` says that some
    came back."""

    def __init__(self) -> None:
        self.sent: deque[Frame] = deque(maxlen=KEPT)
        self.returned = False

    def of(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames; echoes are marked, and belong to neither side."""
        return map(self.marked, frames)

    def marked(self, frame: Frame) -> Frame:
        """The next frame, marked if it is an echo."""
        sent = self.sent
        if frame.direction == "client":
            sent.append(frame)
        elif frame.direction == "meter" and sent:
            place = next((n for n, own in enumerate(sent) if _octets(own) == _octets(frame)), None)
            if place is not None and (self.returned or _of_a_client(frame)):
                for _ in range(place + 1):
                    sent.popleft()
                self.returned = True
                return replace(frame, direction="unknown", echo=True)
            if frame.framing != "none" or not any(issue.code == "stray-octets" for issue in frame.issues):
                sent.clear()
        return frame


def _octets(frame: Frame) -> bytes:
    """A frame without its flags, of which two frames may share one."""
    return frame.data.removeprefix(b"\x7e").removesuffix(b"\x7e") if frame.framing == "hdlc" else frame.data


def _of_a_client(frame: Frame) -> bool:
    """Whether no meter sends such a frame."""
    if frame.kind == CONFIRMED:
        return False
    pair = addresses(frame)
    return evident(frame) == "client" or (pair is not None and pair[0] != pair[1])
