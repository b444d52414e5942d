"""A frame found in a buffer, and the octets between frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from analyzer.frame import FrameIssue, Framing


class Wait(Enum):
    """More octets are needed to tell what begins here."""

    MORE = "more"


WAIT = Wait.MORE


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame found in a buffer. `next` is where the search goes on: the closing flag may open the next frame."""

    framing: Framing
    start: int
    end: int
    next: int
    issues: tuple[FrameIssue, ...] = ()


Found = Cut | Wait | None  # a frame; perhaps one; none of this kind


def stray(start: int, end: int) -> Cut:
    """Octets that belong to no frame; neighbours are joined."""
    return Cut("none", start, end, end, (FrameIssue("stray-octets", "octets outside frames", 0, end - start),))
