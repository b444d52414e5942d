"""Messages changed and built again: fields set, LLC inserted, APDUs sealed anew, lengths and check sequences computed.

Changes name the layer that they belong to; what is around it is rebuilt from the inside out. Sealing again takes the
same invocation counter, since the point is to compare octets: a frame that is really sent needs the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer import sealing
from analyzer.decryptor import Decryptor
from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Llc, Message
from analyzer.splice import build_like
from grammars import plc
from grammars.apdu import APDU
from grammars.hdlc import FRAME
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw
from grammars.llc import COMMAND, RESPONSE
from grammars.mbus import LONG_FRAME, LONG_START
from grammars.parse import Unbuildable, build
from grammars.wrapper import WRAPPER

SAME_COUNTER = "for comparison: take the next counter before sending"


class NotBuildable(ValueError):
    """The message cannot be built again; the text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a message: `apply` gives the nodes of the layer called `layer` as they should have been."""

    layer: str
    apply: Callable[[list[RawNode]], list[RawNode]]


@dataclass(frozen=True, slots=True)
class LlcChange:
    """The LLC header that should have been there."""

    llc: Llc


@dataclass(frozen=True, slots=True)
class FrameChange:
    """A change of the frame itself: `apply` gives its nodes as they should have been."""

    apply: Callable[[list[RawNode]], list[RawNode]]


@dataclass(frozen=True, slots=True)
class Reseal:
    """The protected content of a layer sealed again as the standard has it: with the sender's title, the counter that
    the APDU carries, the right additional data, and a tag of 12 octets. `plaintext` is what the sender meant; it takes the
    place of what was read there where it `replaces` it."""

    layer: Layer
    plaintext: bytes = field(repr=False)
    replaces: bool = False


AnyChange = Change | LlcChange | FrameChange | Reseal


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The octets of a message built again, and whether something in it was sealed again under its old counter."""

    data: bytes
    resealed: bool


def set_value(path: str, value: Any) -> Callable[[list[RawNode]], list[RawNode]]:
    """A change of the first field at a dotted path, whose parts are found at any depth."""

    def apply(nodes: list[RawNode]) -> list[RawNode]:
        changed, found = _set(nodes, path, value)
        if not found:
            raise NotBuildable(f"there is no field {path}")
        return changed

    return apply


def _set(nodes: list[RawNode], path: str, value: Any) -> tuple[list[RawNode], bool]:
    first, _, rest = path.partition(".")
    for index, (spec, start, end, old) in enumerate(nodes):
        if spec.name == first and not rest:
            new, found = value, True
        elif isinstance(old, list):
            new, found = _set(old, rest if spec.name == first else path, value)
        else:
            continue
        if found:
            return [*nodes[:index], (spec, start, end, new), *nodes[index + 1 :]], True
    return nodes, False


def rebuild(message: Message, changes: Sequence[AnyChange], keys: KeyProvider) -> Rebuilt:
    """The message with all changes made. Raises NotBuildable where a part is missing or a key is, or a value does not fit."""
    try:
        return _rebuilt(message, changes, keys)
    except Unbuildable as problem:
        raise NotBuildable(str(problem)) from problem


def _rebuilt(message: Message, changes: Sequence[AnyChange], keys: KeyProvider) -> Rebuilt:
    frame = message.frames[0]
    maker = _Maker(message, changes, keys)
    payload = b""
    if message.layer is not None:
        llc = next((c.llc for c in changes if isinstance(c, LlcChange)), message.llc)
        payload = {"command": COMMAND, "response": RESPONSE}.get(llc, b"") + maker.apdu(message.layer)
    nodes = frame.parsed.nodes
    for change in changes:
        if isinstance(change, FrameChange):
            nodes = change.apply(nodes)
    if len(message.frames) > 1:
        return Rebuilt(_segments(message, payload), maker.resealed)
    if frame.framing == "hdlc":
        return Rebuilt(build_hdlc(nodes, payload), maker.resealed)
    if frame.framing == "wrapper":
        return Rebuilt(build(WRAPPER, _replaced(nodes, "apdu", payload)), maker.resealed)
    if frame.framing == "mbus" and frame.data[0] == LONG_START:
        return Rebuilt(
            build(LONG_FRAME, set_value("user_data.apdu", payload)(nodes) if payload else nodes), maker.resealed
        )
    if frame.framing in ("plc", "prime"):
        return Rebuilt(build_plc(frame.data, nodes, payload), maker.resealed)
    if frame.framing == "none":
        return Rebuilt(payload, maker.resealed)
    raise NotBuildable(f"a frame of {frame.framing} is not built again")


def build_plc(data: bytes, nodes: list[RawNode], payload: bytes) -> bytes:
    """A power line frame with another APDU, padded to whole subframes. Raises NotBuildable for one as on the line."""
    if data[0] == plc.LLC_CONTROL:
        return build(plc.LLC_FRAME, _replaced(nodes, "apdu", payload))
    if data[0] != plc.STX:
        raise NotBuildable("the check sequence of a power line frame is not known, so the frame is not built again")
    used = plc.HOST_HEADER - 2 + len(plc.LLC_432) + len(payload) + plc.HOST_CHECK
    padding = -used % plc.SUBFRAME
    nodes = _replaced(_replaced(nodes, "apdu", payload), "padding", bytes(padding))
    return build(plc.HOST_FRAME, _replaced(nodes, "pad_length", padding))


def _segments(message: Message, payload: bytes) -> bytes:
    """The frames of an APDU in several HDLC segments, cut where they were, the last one as long as it has to be."""
    if any(frame.framing != "hdlc" for frame in message.frames) or not payload:
        raise NotBuildable("an APDU in several frames is only built again for HDLC")
    made, at = b"", 0
    for number, frame in enumerate(message.frames, 1):
        start, end = frame.payload
        size = end - start if number < len(message.frames) else len(payload) - at
        if size <= 0:
            raise NotBuildable("the APDU needs fewer segments now")
        made += build_hdlc(frame.parsed.nodes, payload[at : at + size])
        at += size
    return made


def build_hdlc(nodes: list[RawNode], payload: bytes) -> bytes:
    """An HDLC frame with another information field (kept as it is where empty), length and check sequences right."""
    values = {node[0].name: node[3] for node in nodes if node[0].name != "undecoded"}
    values = {"opening_flag": 0x7E, "frame_check_sequence": 0, "closing_flag": 0x7E} | values
    if payload:
        values["information"] = payload
    if "information" in values:
        values["header_check_sequence"] = 0
    else:
        values.pop("header_check_sequence", None)
    try:
        return build(FRAME, values)
    except Unbuildable:
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotBuildable("the frame lacks fields that a frame needs") from error


def _replaced(nodes: list[RawNode], name: str, value: Any) -> list[RawNode]:
    return [(s, a, b, value if s.name == name else v) for s, a, b, v in nodes]


class _Maker:
    """Builds the layers of one message from the inside out."""

    def __init__(self, message: Message, changes: Sequence[AnyChange], keys: KeyProvider) -> None:
        self.message = message
        self.changes = [change for change in changes if isinstance(change, Change)]
        self.seals = [change for change in changes if isinstance(change, Reseal)]
        self.keys = keys
        self.resealed = False
        self.title: bytes | None = None  # of the sender, where the message itself tells another one now

    def apdu(self, layer: Layer) -> bytes:
        """The octets of a layer and of all inside it; unchanged layers keep their octets."""
        original = self.message.octets(layer.buffer)[layer.start : layer.end]
        mine = [change for change in self.changes if change.layer == layer.name]
        self._note_title(layer, mine)
        sealed = next((seal for seal in self.seals if seal.layer is layer), None)
        if sealed is not None and (sealed.replaces or not layer.inner):
            return self._sealed_again(layer, self._changed(layer, mine), sealed.plaintext)
        inner = [(part, self.apdu(part)) for part in layer.inner]
        changed = [(part, made) for part, made in inner if made != self._original(part)]
        if self.title is not None and layer.sealed is not None and layer.sealed.layer == "apdu":
            changed = inner  # the nonce has the title
        if sealed is not None and not changed:
            changed = inner
        if not mine and not changed:
            return original
        if not layer.parsed.whole:
            raise NotBuildable(f"the {layer.name} cannot be read to its end")
        nodes = self._changed(layer, mine)
        if not changed and mine and inner and self._protection_differs(layer, nodes):
            changed = inner  # the same content under another counter or control
        for part, made in changed:
            assert part.hole is not None
            nodes = self._fill(layer, nodes, part.hole, made)
        try:
            return build_like(original, layer.start, layer.nodes, nodes)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise NotBuildable(f"the {layer.name} cannot be built: {error}") from error

    @staticmethod
    def _changed(layer: Layer, mine: Sequence[Change]) -> list[RawNode]:
        """The nodes of a layer with its own changes made."""
        nodes = layer.nodes
        for change in mine:
            nodes = change.apply(nodes)
        return nodes

    def _note_title(self, layer: Layer, mine: Sequence[Change]) -> None:
        """Remembers a system title that a change sets, for what is sealed under it in the same message."""
        nodes = self._changed(layer, mine)
        for path in ("calling_ap_title.octet_string", "responding_ap_title.octet_string", "system_title"):
            title = find_octets(nodes, path)
            if title is not None and title != find_octets(layer.nodes, path):
                self.title = title

    def _protection_differs(self, layer: Layer, nodes: list[RawNode]) -> bool:
        """Whether a change touches what the seal depends on."""
        if layer.sealed is None or layer.sealed.layer != "apdu":
            return False
        return any(
            find_int(nodes, name) != find_int(layer.nodes, name) for name in ("security_control", "invocation_counter")
        )

    def _sealed_again(self, layer: Layer, nodes: list[RawNode], plaintext: bytes) -> bytes:
        """A layer whose content the decoder could not read, with the text that the diagnosis found in it."""
        text, tag = self._sealed(layer, nodes, plaintext)
        nodes = set_value("ciphered_text", text)(nodes)
        if tag:
            nodes = set_value("authentication_tag", tag)(nodes)
        try:
            return build(APDU, nodes)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise NotBuildable(f"the {layer.name} cannot be built: {error}") from error

    def _original(self, part: Layer) -> bytes:
        return self.message.octets(part.buffer)[part.start : part.end]

    def _fill(self, layer: Layer, nodes: list[RawNode], hole: tuple[int, int], content: bytes) -> list[RawNode]:
        """Puts new content where the old one was: as it is, or sealed."""
        if layer.sealed is None or layer.sealed.layer != "apdu":
            return _at(nodes, hole, content)
        text, tag = self._sealed(layer, nodes, content)
        return set_value("authentication_tag", tag)(_at(nodes, hole, text)) if tag else _at(nodes, hole, text)

    def _sealed(self, layer: Layer, nodes: list[RawNode], content: bytes) -> tuple[bytes, bytes]:
        """Text and tag of a content under the control, counter and title that the layer has now."""
        security = layer.sealed
        assert security is not None
        keys = sealing.keys_of(self.keys, self.message, layer)
        if security.verdict == "no-key" or security.system_title is None or keys.encryption is None:
            raise NotBuildable("the keys to seal it again are missing")
        if keys.authentication is None and security.authenticated:
            raise NotBuildable("the authentication key to seal it again is missing")
        control, counter = find_int(nodes, "security_control"), find_int(nodes, "invocation_counter")
        sealed = Decryptor().protect(
            security.control if control is None else control,
            (security.invocation_counter or 0) if counter is None else counter,
            self.title if self.title is not None else security.system_title,
            content,
            keys.encryption,
            keys.authentication or b"",
            self._header(layer),
        )
        self.resealed = True
        return sealed.payload, sealed.tag

    def _header(self, layer: Layer) -> bytes:
        """The header of general-ciphering, which is authenticated as well; empty for other APDUs."""
        first, last = find_raw(layer.nodes, "transaction_id"), find_raw(layer.nodes, "other_information")
        return self.message.octets(layer.buffer)[first[1] : last[2]] if first and last else b""


def _at(nodes: list[RawNode], hole: tuple[int, int], content: bytes) -> list[RawNode]:
    """The nodes with the octets at `hole` replaced."""
    made: list[RawNode] = []
    for spec, start, end, value in nodes:
        if isinstance(value, list) and start <= hole[0] and hole[1] <= end:
            made.append((spec, start, end, _at(value, hole, content)))
        elif isinstance(value, bytes) and spec.hole and (end - len(value), end) == hole:
            made.append((spec, start, end, content))
        else:
            made.append((spec, start, end, value))
    return made
