"""Frames into whole APDUs: joins the segments of HDLC and the telegrams of the M-Bus DLMS transport. Sans-IO.

A segment has the S bit; the last one has not. Only the first carries the LLC header. Between segments the other
side sends RR frames; they stay units of their own. Units come out in the order in which they begin.

A segment that was damaged, and that its sender brings again with the same number, is a unit of its own; so is an echo.

Telegrams of M-Bus have a number too: one that follows in number and direction belongs to what is open though its SAPs
differ, for damage to an address is likelier than a second APDU of which just the beginning is missing.

What others send waits for an APDU that is open. One that does not go on for long, or has no end, comes out as it is, marked
incomplete: so what is kept has a bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from analyzer.frame import Frame, addresses, mends
from analyzer.model import Buffer, Span
from grammars.kit.spec import find_int
from grammars.mbus import SEQUENCE


@dataclass(frozen=True, slots=True)
class Unit:
    """One or several frames that carry one payload. `wire` is their octets, one frame after the other.

    `payload` is where the payload is in `buffers[payload_buffer]`: the wire itself (0), or a reassembled buffer.
    """

    frames: tuple[Frame, ...]
    wire: bytes = field(repr=False)
    payload_buffer: int
    payload: tuple[int, int]
    buffers: tuple[Buffer, ...]
    complete: bool = True
    repeated: bool = False  # a segment that came before, octet for octet


@dataclass(slots=True)
class _Open:
    """An APDU of which segments are there: where its unit belongs among those that wait, and, counted in all frames of the
    trace, when it began and when its last segment came."""

    frames: list[Frame]
    position: int
    began: int
    heard: int


Key = tuple[str, str] | None
SAME_NUMBER = 7  # frames of which no two have one number (modulo 8), so that equal octets are the same frame again

SILENT = 1000  # frames of others since the last segment of an APDU; then its end is not waited for
SENDERS = 1024  # whose last segments are remembered; of others segments that come again are not known as such
LONGEST = 8192  # frames since its first: 64 KiB in segments of 32 octets, an RR after each, and as many of others


def units_of(frames: Iterable[Frame]) -> Iterator[Unit]:
    """Joins segments. What is never finished comes out at the end as it is, marked incomplete."""
    joiner = Joiner()
    for frame in frames:
        yield from joiner.feed(frame)
    yield from joiner.end()


class Joiner:
    """Joins the segments of one trace, frame by frame. What is kept between two frames can be pickled."""

    def __init__(self) -> None:
        self._waiting: list[Unit | None] = []
        self._open: dict[Key, _Open] = {}
        self._joined: dict[Key, list[bytes]] = {}  # the last segments of what each sender finished last
        self._fed = 0  # frames

    def feed(self, frame: Frame) -> list[Unit]:
        """The units that are complete with this frame, and those that waited for them."""
        self._fed += 1
        if frame.echo:
            self._waiting.append(_unit([frame]))
        elif not _may_be_segment(frame):
            if frame.kind in ("SNRM", "DISC", "UA", "DM", "FRMR"):
                self._close_all()
            self._waiting.append(_unit([frame]))
        else:
            key = _transfer_of(frame, self._open)
            self._settle(frame, key)
            if frame.data in self._joined.get(key, ()):
                self._waiting.append(replace(_unit([frame]), repeated=True))
            else:
                self._joined.pop(key, None)
                self._add(frame, key)
        return self._given_up() if self._open else self._taken()

    @property
    def waits(self) -> bool:
        """Whether an APDU is open."""
        return bool(self._open)

    @property
    def joined(self) -> Collection[Key]:
        """Whose last APDU came in segments, which may come again."""
        return self._joined.keys()

    def end(self) -> list[Unit]:
        """What was never finished, and those that waited for it."""
        self._close_all()
        return self._taken()

    def _taken(self) -> list[Unit]:
        taken = [unit for unit in self._waiting if unit is not None]
        self._waiting.clear()
        return taken

    def _given_up(self) -> list[Unit]:
        """Closes what is open for too long. Those that waited for it alone go out."""
        opened = next(iter(self._open.values()))  # the first that was opened
        if self._fed - opened.heard <= SILENT and self._fed - opened.began <= LONGEST:
            return []
        self._waiting[opened.position] = _unit(opened.frames, complete=not opened.frames[-1].segmented)
        del self._open[next(iter(self._open))]
        begin = min((one.position for one in self._open.values()), default=len(self._waiting))
        for one in self._open.values():
            one.position -= begin
        taken = [unit for unit in self._waiting[:begin] if unit is not None]
        del self._waiting[:begin]
        return taken

    def _settle(self, frame: Frame, key: Key) -> None:
        """What a frame tells of the frames before it: one that was damaged comes anew, or another APDU begins."""
        opened = self._open.get(key)
        if opened is None:
            return
        last = opened.frames[-1]
        if mends(frame, last):
            opened.frames.pop()
            if opened.frames:
                self._waiting.append(_unit([last], complete=False))
            else:
                self._waiting[opened.position] = _unit([last], complete=False)
                del self._open[key]
        elif not last.segmented:
            self._waiting[opened.position] = _unit(opened.frames)  # damaged, and nothing came in its place
            del self._open[key]
        elif _begins_anew(frame, opened):
            self._waiting[opened.position] = _unit(opened.frames, complete=False)
            del self._open[key]

    def _add(self, frame: Frame, key: Key) -> None:
        """Puts a frame to what is open, which it may finish; or opens something, or is whole by itself."""
        opened = self._open.get(key)
        if opened is None:
            if frame.segmented:
                self._open[key] = _Open([frame], len(self._waiting), self._fed, self._fed)
            self._waiting.append(None if frame.segmented else _unit([frame]))
        elif any(frame.data == own.data for own in opened.frames[-SAME_NUMBER:]):
            self._waiting.append(replace(_unit([frame], complete=False), repeated=True))  # does not count twice
        else:
            # The octets in the middle of an APDU tell nothing of their sender, whatever APDU they seem to begin.
            first = opened.frames[0].direction
            opened.heard = self._fed
            opened.frames.append(frame.directed(first))
            if not frame.segmented and not frame.damaged:
                self._waiting[opened.position] = _unit(opened.frames)
                del self._open[key]
                self._joined[key] = [own.data for own in opened.frames[-SAME_NUMBER:]]
                if len(self._joined) > SENDERS:
                    del self._joined[next(iter(self._joined))]

    def _close_all(self) -> None:
        for opened in self._open.values():
            self._waiting[opened.position] = _unit(opened.frames, complete=not opened.frames[-1].segmented)
        self._open.clear()


def _may_be_segment(frame: Frame) -> bool:
    """Whether a frame carries an APDU, or a part of one, by a link that knows segments."""
    return (frame.carries_hdlc and frame.kind in ("I", "UI")) or frame.dlms_transport


def _transfer_of(frame: Frame, open_: dict[Key, _Open]) -> Key:
    """The key of what a frame continues or begins."""
    own = addresses(frame)
    if frame.framing != "mbus" or own in open_:
        return own
    following = [key for key, opened in open_.items() if _follows(frame, opened.frames[-1])]
    return following[0] if len(following) == 1 else own


def _follows(frame: Frame, last: Frame) -> bool:
    """Whether a telegram is the next one of the same station, by its number. SAPs in reverse are the other side's."""
    sides = {last.direction, frame.direction} - {"unknown"}
    if last.framing != "mbus" or len(sides) > 1 or addresses(frame) == (addresses(last) or ())[::-1]:
        return False
    stations = {find_int(one.parsed.nodes, "address") for one in (frame, last)}
    return len(stations) == 1 and frame.sequence == (last.sequence + 1) & SEQUENCE


def _begins_anew(frame: Frame, opened: _Open) -> bool:
    """Whether a telegram with the number 0 begins another APDU, because the final one of the open was lost."""
    if not frame.dlms_transport or frame.sequence:
        return False
    last = opened.frames[-1]
    return last.sequence != SEQUENCE and frame.data != last.data


def _unit(frames: list[Frame], complete: bool = True) -> Unit:
    if len(frames) == 1:
        frame = frames[0]
        return Unit((frame,), frame.data, 0, frame.payload, (), complete)
    wire = b"".join(frame.data for frame in frames)
    spans, offset = [], 0
    for frame in frames:
        start, end = frame.payload
        spans.append(Span(0, offset + start, offset + end))
        offset += len(frame.data)
    joined = b"".join(wire[span.start : span.end] for span in spans)
    return Unit(tuple(frames), wire, 1, (0, len(joined)), (Buffer(1, "reassembled", tuple(spans), joined),), complete)
