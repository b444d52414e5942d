"""A stream of HDLC frames, each delimited and its check sequence computed, against the parsers of gurux-dlms and dlms-cosem."""

from __future__ import annotations

from analyzer.framing import frames_of, pieces_of
from analyzer.index.trace import index_of
from analyzer.model import Record
from benchmarks import peers
from benchmarks.measure import Row, against
from grammars.hdlc import GOOD_RESIDUE, crc16_x25

FRAMES = 2000
NAME = "HDLC stream, frames delimited, FCS checked"


def answers(count: int) -> list[bytes]:
    """Frames of a meter: GET.responses with a register each. They all have the number that gurux-dlms expects first."""
    made = []
    for number in range(count):
        information = bytes.fromhex("E6E700C401810006") + number.to_bytes(4, "big")
        head = bytes((0xA0, 9 + len(information), 0x21, 0x03, 0x30))
        body = head + crc16_x25(head).to_bytes(2, "little") + information
        made.append(b"\x7e" + body + crc16_x25(body).to_bytes(2, "little") + b"\x7e")
    return made


def delimited(stream: bytes) -> list[bool]:
    """Whether the check sequence of each frame is right."""
    return [crc16_x25(piece.data[1:-1]) == GOOD_RESIDUE for piece in pieces_of([Record(1, stream)])]


def rows() -> list[Row]:
    """The rows of the table."""
    frames = answers(FRAMES)
    stream = b"".join(frames)
    assert delimited(stream) == [True] * FRAMES == [f.parsed.issues == [] for f in frames_of([Record(1, stream)])]
    index = index_of([Record(1, stream)])
    assert [index.frame(row).data for row in (0, 1, FRAMES - 1)] == [frames[0], frames[1], frames[-1]]
    ways = {
        "by the index": lambda: index_of([Record(1, stream)]),
        "one by one": lambda: delimited(stream),
    }
    found = []
    for way, ours in ways.items():
        budget = 10 if way == "by the index" else None
        if "gurux_dlms" in peers.INSTALLED:
            assert list(peers.gurux_frames(stream)) == frames
            theirs = lambda: sum(1 for _ in peers.gurux_frames(stream))  # noqa: E731
            found.append(against(f"{NAME}, {way}", "gurux-dlms", ours, theirs, budget, 3, FRAMES))
        if "dlms_cosem" in peers.INSTALLED:
            assert [bytes(frame.payload) for frame in peers.cosem_frames(frames)] == [f[8:-3] for f in frames]
            theirs = lambda: sum(1 for _ in peers.cosem_frames(frames))  # noqa: E731
            found.append(against(f"{NAME}, {way}", "dlms-cosem", ours, theirs, budget, 3, FRAMES))
    return found
