"""One unit of the link: a frame as it was captured, and what is always asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from analyzer.model import Direction
from grammars.kit.primitives import Extended
from grammars.kit.spec import UNDECODED, Failure, RawNode, find_int, find_raw
from grammars.mbus import DLMS_TRANSPORT, FINAL, SEQUENCE
from grammars.parse import Parsed, parse

Framing = Literal["hdlc", "wrapper", "mbus", "p1", "iec62056-21", "plc", "prime", "none"]


SAME_PARTS = 8  # of so many parts of a frame all but one are as they were, where it comes again for damage
CHECKS = frozenset({"frame_check_sequence", "checksum", "block_check_character"})


@dataclass(frozen=True, slots=True)
class FrameIssue:
    """Something the delimiting found out: `code` is one of the fault catalogue, offsets are in the frame."""

    code: str
    text: str
    start: int
    end: int


class Parts(NamedTuple):
    """What every layer above asks of a frame, found once: where the payload is, (source, destination) as text, and
    whether more segments of the same APDU follow."""

    payload: tuple[int, int]
    addresses: tuple[str, str] | None
    segmented: bool


UNREAD = Parts((0, 0), None, False)


@dataclass(frozen=True, slots=True)
class Frame:
    """One unit of the link as it was captured, flags included. `kind` is the control field's name, for HDLC; `echo` marks
    what came back to its sender."""

    framing: Framing
    data: bytes = field(repr=False)
    direction: Direction
    records: tuple[int, ...]
    time: str | None
    seconds: float | None
    parsed: Parsed = field(repr=False)
    kind: str | None = None
    issues: tuple[FrameIssue, ...] = ()
    echo: bool = False
    parts: Parts = field(default=UNREAD, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.parts is UNREAD:
            object.__setattr__(self, "parts", Parts(_payload(self), _addresses(self), _segmented(self)))

    def directed(self, direction: Direction) -> Frame:
        """The same frame, sent by this side."""
        if direction == self.direction:
            return self
        return Frame(
            self.framing, self.data, direction, self.records, self.time, self.seconds, self.parsed, self.kind,
            self.issues, self.echo, self.parts,
        )  # fmt: skip

    def __reduce__(self) -> tuple[object, ...]:
        """What a frame is without what was read in it, which is read again: see `fed.Fed.state`."""
        plain = (self.framing, self.data, self.direction, self.records, self.time, self.seconds, self.issues, self.echo)
        return _read_again, plain

    def field(self, path: str) -> RawNode | None:
        """A raw node of the frame, by its dotted path."""
        return find_raw(self.parsed.nodes, path)

    @property
    def payload(self) -> tuple[int, int]:
        """Where in `data` the octets are that the next layer reads: information field, wrapper payload, all."""
        return self.parts.payload

    @property
    def carries_hdlc(self) -> bool:
        """Whether an HDLC frame is what this is, or what the power line carries here."""
        return self.framing == "hdlc" or (self.framing == "plc" and self.kind is not None)

    @property
    def hdlc(self) -> tuple[int, int]:
        """Where in `data` the HDLC frame is, flags included; (0, 0) where none is."""
        node = self.field("hdlc") if self.carries_hdlc and self.framing != "hdlc" else None
        if node is not None:
            return node[1], node[2]
        return (0, len(self.data)) if self.framing == "hdlc" else (0, 0)

    @property
    def faults(self) -> tuple[FrameIssue, ...]:
        """What the delimiting found out and is not legal, as flags that two frames share are."""
        return tuple(issue for issue in self.issues if issue.code != "shared-flag")

    @property
    def damaged(self) -> bool:
        """Whether these are not the octets that were sent: its check fails, or it does not end where its length says."""
        if any(issue.code in ("frame-length-wrong", "mbus-checksum") for issue in self.issues):
            return True
        return any(issue.severity == "error" and issue.spec.name in CHECKS for issue in self.parsed.issues)

    @property
    def send_number(self) -> int | None:
        """N(S) of an I frame of HDLC, None for all others."""
        control = find_int(self.parsed.nodes, "control") if self.kind == "I" else None
        return None if control is None else control >> 1 & 7

    @property
    def segmented(self) -> bool:
        """Whether more segments of the same APDU follow."""
        return self.parts.segmented

    @property
    def transport(self) -> int:
        """The CI field of an M-Bus frame; FF where there is none."""
        found = find_int(self.parsed.nodes, "control_information") if self.framing == "mbus" else None
        return 0xFF if found is None else found

    @property
    def sequence(self) -> int:
        """The number of a telegram of the DLMS transport within its APDU, modulo 16."""
        return self.transport & SEQUENCE

    @property
    def dlms_transport(self) -> bool:
        """Whether an M-Bus frame carries a part of an APDU by the DLMS transport."""
        return self.transport <= DLMS_TRANSPORT


def _read_again(
    framing: Framing,
    data: bytes,
    direction: Direction,
    records: tuple[int, ...],
    time: str | None,
    seconds: float | None,
    issues: tuple[FrameIssue, ...],
    echo: bool,
) -> Frame:
    from analyzer.framings.readers import read_frame

    parsed, kind = read_frame(framing, data)
    return Frame(framing, data, direction, records, time, seconds, parsed, kind, issues, echo)


def addresses(frame: Frame) -> tuple[str, str] | None:
    """(source, destination) as text that tells the stations of one link apart."""
    return frame.parts.addresses


def _payload(frame: Frame) -> tuple[int, int]:
    if frame.carries_hdlc:
        node = _top(frame.parsed.nodes, "information") if frame.kind in ("I", "UI") else None
        return (node[1], node[2]) if node else (0, 0)
    if frame.framing in ("wrapper", "mbus", "plc", "prime"):
        node = frame.field("apdu")
        return (node[1], node[2]) if node else (0, 0)
    return (0, len(frame.data)) if frame.framing == "none" else (0, 0)


def _segmented(frame: Frame) -> bool:
    if frame.framing == "mbus":
        return frame.dlms_transport and not frame.transport & FINAL
    node = _top(frame.parsed.nodes, "frame_format") if frame.carries_hdlc else None
    return bool(node and isinstance(node[3], int) and node[3] & 0x0800)


def _addresses(frame: Frame) -> tuple[str, str] | None:
    if frame.framing == "hdlc":
        return _pair(frame.parsed.nodes, "source_address", "destination_address", _address)
    if frame.carries_hdlc:
        inner = frame.field("hdlc")
        nodes = inner[3] if inner is not None and isinstance(inner[3], list) else frame.parsed.nodes
        return _pair(nodes, "source_address", "destination_address", _address)
    if frame.framing == "mbus":
        return _pair(frame.parsed.nodes, "source_sap", "destination_sap", str)
    if frame.framing in ("plc", "prime"):
        pair = _pair(frame.parsed.nodes, "source_lsap", "destination_lsap", str)
        mac = find_int(frame.parsed.nodes, "mac_addresses") or 0
        return (f"{mac >> 12:03X}/{pair[0]}", f"{mac & 0xFFF:03X}/{pair[1]}") if pair else None
    if frame.framing == "wrapper":
        return _pair(frame.parsed.nodes, "source_wport", "destination_wport", str)
    return None


_written = lru_cache(maxsize=4096)(repr)  # few addresses stand in many frames


def _address(value: Any) -> str:
    return _written(value) if isinstance(value, Extended) else repr(value)


def _pair(nodes: list[RawNode], source: str, destination: str, text: Callable[[Any], str]) -> tuple[str, str] | None:
    first, second = _top(nodes, source), _top(nodes, destination)
    return (text(first[3]), text(second[3])) if first and second else None


def _top(nodes: list[RawNode], name: str) -> RawNode | None:
    """The node of this name; most often it stands here, and not deeper."""
    for node in nodes:
        if node[0].name == name:
            return node
    return find_raw(nodes, name)


def mends(frame: Frame, damaged: Frame) -> bool:
    """Whether a frame is the next try of its sender to bring over one that was damaged. Of HDLC the number says so, of
    others that most octets are the same."""
    if not damaged.damaged or frame.damaged or (frame.framing, frame.direction) != (damaged.framing, damaged.direction):
        return False
    if frame.kind != damaged.kind or addresses(frame) != addresses(damaged):
        return False
    if frame.send_number is not None:
        return frame.send_number == damaged.send_number
    same = sum(a == b for a, b in zip(frame.data, damaged.data, strict=False))
    return same * SAME_PARTS >= max(len(frame.data), len(damaged.data)) * (SAME_PARTS - 1)


def fits(parsed: Parsed) -> bool:
    """Whether octets are exactly what the grammar describes: read to the end, no length that lies, nothing left."""
    return parsed.whole and not any(i.severity == "error" or i.spec is UNDECODED for i in parsed.issues)


def reads_whole(grammar: Any, octets: bytes, plainly: bool = False) -> bool:
    """`fits(parse(grammar, octets))`, at a fraction of the cost where they do not: no partial tree is made for noise.
    `plainly` wants more: no value in it that the standard does not define."""
    try:
        parsed = parse(grammar, octets, partial=False)
    except Failure:
        return False
    return fits(parsed) and not (plainly and any(issue.severity == "warning" for issue in parsed.issues))
