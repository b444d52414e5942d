"""One message: a frame, or the frames of one APDU, with all that was read in it, layer within layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from analyzer.association import Association
from analyzer.frame import Frame
from analyzer.model import Buffer, Direction, Security
from analyzer.objects import Answer
from analyzer.pushes import Pushed
from analyzer.senders import sender_of
from grammars.kit.spec import RawNode, find_raw
from grammars.parse import Parsed

Llc = Literal["command", "response", "missing", "none"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One APDU: where its octets are, what the grammar read in them, and the APDUs inside it.

    `hole` is the range in the layer around, in that layer's buffer, which this one fills. `security` says how
    this layer was opened, when it had been protected; `sealed` what became of the protected content in it. `joined`
    marks what the blocks up to this one carry together, which is a value and no APDU.
    """

    name: str
    buffer: int
    start: int
    end: int
    parsed: Parsed = field(repr=False)
    hole: tuple[int, int] | None = None
    sealed: Security | None = None
    inner: tuple[Layer, ...] = ()
    joined: bool = False

    @property
    def nodes(self) -> list[RawNode]:
        """The raw nodes of this layer alone."""
        return self.parsed.nodes

    def walk(self) -> Iterator[Layer]:
        """This layer and those inside it."""
        yield self
        for layer in self.inner:
            yield from layer.walk()


def sender_told(frame: Frame, layer: Layer | None) -> Direction:
    """Who sent a message: as its frame tells, else as an APDU tells that was opened in it, such as a data-notification."""
    if frame.direction != "unknown" or layer is None:
        return frame.direction
    told = (sender_of(inner.name) for one in layer.walk() if one.sealed is not None for inner in one.inner)
    return next((side for side in told if side != "unknown"), frame.direction)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a trace. `before` is the state of its association when it came, `after` when it was read.

    `wire` is buffer 0, `buffers` are the others. `llc` says which LLC header came before the APDU, "missing" if
    HDLC carried an APDU without one, "none" where there is nothing to carry or no LLC belongs. `answers` says what each
    result of an answer is the value of; `carried` what the values of a SET, a write or a push are. `versions` are those of
    the classes of objects that the message names, where the trace has told them.
    """

    number: int
    frames: tuple[Frame, ...]
    wire: bytes = field(repr=False)
    direction: Direction
    llc: Llc
    layer: Layer | None
    security: Security | None
    buffers: tuple[Buffer, ...]
    before: Association = field(repr=False)
    after: Association = field(repr=False)
    payload: tuple[int, int, int] = (0, 0, 0)
    complete: bool = True
    answers: tuple[Answer, ...] = ()
    carried: tuple[Answer | Pushed, ...] = ()
    versions: Mapping[tuple[int, bytes], int] = field(default_factory=dict, repr=False)

    def told(
        self,
        answers: tuple[Answer, ...],
        carried: tuple[Answer | Pushed, ...],
        versions: Mapping[tuple[int, bytes], int],
    ) -> Message:
        """The same message, with what its values are."""
        return Message(
            self.number, self.frames, self.wire, self.direction, self.llc, self.layer, self.security, self.buffers,
            self.before, self.after, self.payload, self.complete, answers, carried, versions,
        )  # fmt: skip

    @property
    def objects(self) -> tuple[Answer | Pushed, ...]:
        """Every value of the message that could be told what it is, or that a push brought."""
        return (*self.answers, *self.carried)

    @property
    def records(self) -> tuple[int, ...]:
        """The numbers of the records that the frames came in."""
        return tuple(dict.fromkeys(number for frame in self.frames for number in frame.records))

    @property
    def time(self) -> str | None:
        """The time stamp of the first frame, as it was written."""
        return self.frames[0].time

    @property
    def frame(self) -> str | None:
        """What HDLC calls the frame: I, SNRM, UA ..."""
        return self.frames[0].kind

    @property
    def apdu(self) -> str | None:
        """The standard's name of the APDU on the wire."""
        return self.layer.name if self.layer is not None else None

    @property
    def plain(self) -> Layer | None:
        """The innermost APDU that could be read: the APDU itself, or what it protects."""
        layer = self.layer
        while layer is not None and layer.name not in ("aarq", "aare", "rlrq", "rlre"):
            if not layer.inner or layer.inner[0].joined:
                break
            layer = layer.inner[0]
        return layer

    @property
    def joined(self) -> Layer | None:
        """The value that the blocks up to this one carry together, where this one completes it."""
        plain = self.plain
        return next((layer for layer in plain.inner if layer.joined), None) if plain is not None else None

    @property
    def plain_apdu(self) -> str | None:
        """The name of the APDU inside the protection, when it was opened."""
        for layer in self.layer.walk() if self.layer else ():
            if layer.sealed is not None and layer.inner:
                return layer.inner[0].name
        return None

    def layer_named(self, *names: str) -> Layer | None:
        """The first layer with one of these names, at any depth."""
        for layer in self.layer.walk() if self.layer else ():
            if layer.name in names:
                return layer
        return None

    def find(self, path: str) -> RawNode | None:
        """A raw node of any layer, outermost first, or of the frame."""
        for layer in self.layer.walk() if self.layer else ():
            if (node := find_raw(layer.nodes, path)) is not None:
                return node
        return self.frames[0].field(path)

    def octets(self, buffer: int) -> bytes:
        """The octets of a buffer by its number."""
        return self.wire if buffer == 0 else next(b.data for b in self.buffers if b.id == buffer)


def llc_of(frame: Frame, data: bytes, start: int, end: int) -> tuple[Llc, int]:
    """Which LLC header stands at `start`, and where the APDU begins."""
    head = data[start : min(end, start + 3)]
    carried = frame.carries_hdlc or frame.framing == "none"
    if carried and head[:1] == b"\xe6" and head[1:2] in (b"\xe6", b"\xe7") and len(head) == 3:
        return ("command" if head[1] == 0xE6 else "response"), start + 3
    return ("missing" if frame.carries_hdlc and end > start else "none"), start
