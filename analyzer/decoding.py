"""Drives the grammars: units into messages, opening what the keys open, with the state of each association.

What is inside something else is decoded as a layer of its own. Decrypted octets are a new buffer that remembers
which octets of which buffer it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.answers import named
from analyzer.association import Association, acse_event, hls_answer, is_hls_reply
from analyzer.blocks import Block, Taken, Transfers, block_in, content_of
from analyzer.decryptor import (
    AUTHENTICATED,
    ENCRYPTED,
    SUITE_BITS,
)
from analyzer.frame import Frame, addresses, fits, mends
from analyzer.framing import frames_of
from analyzer.keymaterial import signature_of
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.knowledge import Objects
from analyzer.message import Layer, Message, llc_of, sender_told
from analyzer.model import Buffer, Direction, Record, Security, Span
from analyzer.opening import Opener, protected_of
from analyzer.proofs import hls_security
from analyzer.reassembly import Unit, units_of
from analyzer.senders import LIFE
from grammars.apdu import APDU
from grammars.kit.spec import Issue, RawNode, holes_in
from grammars.p1 import TELEGRAM
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS

GATEWAY = ("gateway-request", "gateway-response")
LINKS = 4096  # associations that are kept at once
NESTING = 8  # protection within protection; the standard knows three levels
SHORT = 8  # texts of so few octets are whole by chance
NO_KEYS = KeyRing(())


def decode(records: Iterable[Record], keys: KeyProvider | None = None) -> Iterator[Message]:
    """The messages of a trace. Never raises on any octets."""
    return Decoder(keys or NO_KEYS).messages(units_of(frames_of(records)))


@dataclass(slots=True)
class _Context:
    """What one message gathers while its layers are read."""

    wire: bytes
    direction: Direction
    association: Association
    buffers: list[Buffer] = field(default_factory=list)

    def data(self, buffer: int) -> bytes:
        return self.wire if buffer == 0 else self.buffers[buffer - 1].data

    def decrypted(self, plaintext: bytes, source: Span) -> int:
        """Keeps decrypted octets; the number of their buffer."""
        number = len(self.buffers) + 1
        self.buffers.append(Buffer(number, "decrypted", (source,), plaintext))
        return number


@dataclass(frozen=True, slots=True)
class _Damaged:
    """A damaged frame, the number of its message, the state before it and what it changed of the transfers of blocks."""

    frame: Frame
    number: int
    before: Association
    taken: list[Taken]


class Decoder:
    """Decodes one trace; keeps the associations. `keys` answers for each role, title and suite."""

    def __init__(self, keys: KeyProvider) -> None:
        self.keys = keys
        self.opener = Opener(keys)
        self.associations: dict[frozenset[str], Association] = {}
        self.transfers = Transfers()
        self.objects = Objects()
        self.damaged: dict[tuple[frozenset[str], str], _Damaged] = {}  # the last message, by link and side
        self.doubtful: dict[frozenset[str], int] = {}  # links that a damaged frame named first, and its message
        self.count = 0

    def state(self) -> dict[str, Any]:
        """What has been learnt, without the given keys: for `restore`."""
        own = {name: value for name, value in vars(self).items() if name not in ("keys", "opener")}
        return {**own, "opener": self.opener.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with what another decoder has learnt."""
        own = dict(state)
        self.opener.restore(own.pop("opener"))
        vars(self).update(own)

    def messages(self, units: Iterable[Unit]) -> Iterator[Message]:
        """The messages of these units, in their order."""
        for unit in units:
            yield self.message(unit)

    def message(self, unit: Unit) -> Message:
        """One message; moves the state of its association."""
        self.count += 1
        first = unit.frames[0]
        pair = addresses(first)
        link = frozenset(pair or ())
        if self.damaged or self.doubtful:
            self._settle(link)
        before = self.associations.get(link) or self._new(first, pair)
        if first.echo or unit.repeated:
            return self._unread(unit, before)
        before = self._undone(first, link, before)
        context = _Context(unit.wire, first.direction, before, list(unit.buffers))
        if first.carries_hdlc and first.kind is not None:
            context.association = before.after_link(first.kind, first.parsed.nodes)
        start, end = unit.payload
        llc, at = llc_of(first, context.data(unit.payload_buffer), start, end)
        layer = None
        if at < end and not (first.framing == "none" and any(issue.code != "apdu-cut" for issue in first.issues)):
            layer = self._layer(context, unit.payload_buffer, at, end, None, 0)
            layer = self._apply(context, layer)
        if len(unit.frames) == 1 and first.damaged:
            self.damaged[link, first.direction] = _Damaged(first, self.count, before, self.transfers.taken)
            if link not in self.associations:
                self.doubtful[link] = self.count
        self.associations[link] = context.association
        if len(self.associations) > LINKS:
            self._forget()
        message = Message(
            number=self.count,
            frames=unit.frames,
            wire=unit.wire,
            direction=sender_told(first, layer),
            llc=llc,
            layer=layer,
            security=_outermost(layer),
            buffers=tuple(context.buffers),
            before=before,
            after=context.association,
            payload=(unit.payload_buffer, start, end),
            complete=unit.complete,
        )
        return named(self.objects, link, message)

    def _forget(self) -> None:
        """Makes room among the associations, of which noise begins one at every frame: those that never told more than a
        counter go first, then those that began first. Who is forgotten begins anew, without titles and state."""
        told = {link: one for link, one in self.associations.items() if one.told}
        self.associations = dict(list(told.items())[-LINKS // 2 :])

    def _settle(self, link: frozenset[str]) -> None:
        """One more message, on this link. What a damaged frame said is forgotten after a while: the link that
        it named for the first time, since its addresses may be what was damaged, and that it may come anew."""
        oldest = self.count - LIFE
        while self.damaged and next(iter(self.damaged.values())).number < oldest:
            del self.damaged[next(iter(self.damaged))]
        self.doubtful.pop(link, None)
        while self.doubtful and self.doubtful[next(iter(self.doubtful))] < oldest:
            lost = next(iter(self.doubtful))
            del self.doubtful[lost]
            gone = self.associations.pop(lost, None)
            self.objects.forget(lost, gone.server_address if gone is not None else "")

    def _undone(self, frame: Frame, link: frozenset[str], state: Association) -> Association:
        """The state before a frame: where it comes in the place of a damaged one, which its receiver never read, that
        before the damaged one."""
        damaged = self.damaged.pop((link, frame.direction), None)
        self.transfers.taken = []
        if damaged is None or not mends(frame, damaged.frame):
            return state
        self.transfers.give_back(damaged.taken)
        return damaged.before

    def _unread(self, unit: Unit, state: Association) -> Message:
        """What came back to its sender, or came twice in pieces: it is not read again, and moves nothing."""
        payload = (unit.payload_buffer, *unit.payload)
        side = unit.frames[0].direction
        return Message(
            self.count, unit.frames, unit.wire, side, "none", None, None, (), state, state, payload, unit.complete
        )

    def _new(self, frame: Frame, pair: tuple[str, str] | None) -> Association:
        source, destination = pair or ("", "")
        client, server = (destination, source) if frame.direction == "meter" else (source, destination)
        return Association(client_address=client, server_address=server)

    # -- layers --------------------------------------------------------------------------------------------

    def _layer(
        self, context: _Context, buffer: int, start: int, end: int, hole: tuple[int, int] | None, depth: int
    ) -> Layer:
        data = context.data(buffer)
        parsed = parse(APDU, data, start, end)
        name = parsed.nodes[0][0].name if parsed.nodes else "unknown-apdu"
        layer = Layer(name, buffer, start, end, parsed, hole)
        if name in ("aarq", "aare"):
            context.association = context.association.with_acse(parsed.nodes)
        if depth >= NESTING:
            _note_too_deep(parsed)
            return layer
        inner: list[Layer] = []
        sealed: Security | None = None
        holes = holes_in(parsed.nodes)
        for node in holes:
            if node[0].hole == "apdu" and node[2] > node[1] and isinstance(node[3], bytes):
                content = node[2] - len(node[3])
                inner.append(self._layer(context, buffer, content, node[2], (content, node[2]), depth + 1))
            elif node[0].name == "ciphered_text" and node[0].hole == "ciphertext":
                sealed, opened = self._open(context, layer, buffer, node, depth)
                inner += [opened] if opened is not None else []
        if name == "general-signing":
            sealed = signature_of(layer, data, context.direction, self.keys)
        if any(node[0].hole == "block" for node in holes) and (block := block_in(name, parsed.nodes)) is not None:
            inner += self._joined(context, layer, block, depth)
        return Layer(name, buffer, start, end, parsed, hole, sealed, tuple(inner))

    def _joined(self, context: _Context, layer: Layer, block: Block, depth: int) -> list[Layer]:
        """What a block completes: the APDU of a general block transfer, the value of any other."""
        node = block.node
        hole = (node[2] - len(node[3]), node[2])
        key = (context.association.client_address, context.association.server_address, context.direction, layer.name)
        joined = self.transfers.add(key, block, Span(layer.buffer, *hole, self.count))
        if joined is None:
            return []
        number = len(context.buffers) + 1
        sources = tuple(replace(s, message=None) if s.message == self.count else s for s in joined.sources)
        if layer.name == "general-block-transfer":
            context.buffers.append(Buffer(number, "reassembled", sources, joined.data))
            return [self._layer(context, number, 0, len(joined.data), hole, depth + 1)]
        parsed = content_of(layer.name, joined.data)
        if parsed is None:
            return []
        context.buffers.append(Buffer(number, "reassembled", sources, joined.data))
        return [Layer("reassembled-value", number, 0, len(joined.data), parsed, hole, joined=True)]

    def _open(
        self, context: _Context, layer: Layer, buffer: int, node: RawNode, depth: int
    ) -> tuple[Security, Layer | None]:
        """Opens the protected content of a layer: the verdict, and the APDU inside if there is one to see."""
        title = context.association.title_of(context.direction)
        content = protected_of(layer, context.data(layer.buffer), title)
        context.association = context.association.counted(context.direction, content.invocation_counter)
        if content.system_title is None:
            content = content._replace(system_title=self.opener.given_title(context.direction))
        role, opened = self.opener.opened(context.association, context.direction, layer, content)
        plaintext, inside = opened.plaintext, None
        hole = (node[1], node[2])
        if plaintext is not None and content.control & ENCRYPTED and (telegram := telegram_in(plaintext)) is not None:
            number = context.decrypted(plaintext, Span(buffer, *hole))
            inside = Layer("p1-telegram", number, 0, len(plaintext), telegram, hole)
        elif plaintext is not None and plaintext[:1] and plaintext[0] in APDU_TAGS:
            if not content.control & ENCRYPTED:
                inside = self._layer(context, buffer, *hole, hole, depth + 1)
            elif opened.verdict == "verified" or self.opener.reads(layer, role, content, plaintext):
                number = context.decrypted(plaintext, Span(buffer, *hole))
                inside = self._layer(context, number, 0, len(plaintext), hole, depth + 1)
                if len(plaintext) > SHORT and fits(inside.parsed):
                    self.opener.opened_whole(role, content.system_title)
        if inside is None and opened.verdict in ("failed", "unauthenticated"):
            plaintext = None  # noise is nothing to show: the key that made it is not the right one
        return (
            Security(
                layer="apdu",
                verdict=opened.verdict,
                control=content.control,
                suite=content.control & SUITE_BITS,
                authenticated=bool(content.control & AUTHENTICATED),
                encrypted=bool(content.control & ENCRYPTED),
                invocation_counter=content.invocation_counter,
                system_title=content.system_title,
                key=role if opened.verdict != "no-key" else None,
                plaintext=plaintext,
                reason=opened.reason,
            ),
            inside,
        )

    # -- the association -----------------------------------------------------------------------------------

    def _apply(self, context: _Context, layer: Layer) -> Layer:
        """Moves the association by what the layers say; checks the two passes of a high level authentication."""
        before = context.association
        for part in layer.walk():
            if part.name in ("initiate-request", "initiate-response"):
                context.association = context.association.after_initiate(part.nodes)
        carried = layer.inner[0] if layer.name in GATEWAY and layer.inner else layer
        if event := acse_event(carried.nodes):
            context.association = context.association.after(event)
        plain = layer
        while plain.inner and not plain.inner[0].joined:
            plain = plain.inner[0]
        self.opener.transfer(context.association.server_title, plain)
        proof = self._proof(context, plain, before)
        if proof is None:
            return layer
        return _with_inner(layer, proof)

    def _proof(self, context: _Context, plain: Layer, before: Association) -> Security | None:
        """Pass 3 (client) or pass 4 (meter) of the authentication, checked."""
        value, passed = is_hls_reply(plain.nodes), "hls-pass-3"
        answers, answer = hls_answer(plain.nodes)
        if value is None and answers and before.state == "proving":
            value, passed = answer, "hls-pass-4"
            if value is None:
                context.association = before.after("hls-refused")
        if value is None or before.mechanism is None:
            return None
        context.association = context.association.after(passed)
        return hls_security(self.keys, before, context.direction, value)


def telegram_in(plaintext: bytes) -> Parsed | None:
    """The text telegram that a P1 port sends ciphered, with its CRC right or none; None for anything else."""
    if plaintext[:1] != b"/" or b"!" not in plaintext:
        return None
    parsed = parse(TELEGRAM, plaintext)
    return parsed if parsed.whole and not any(i.severity == "error" for i in parsed.issues) else None


def _outermost(layer: Layer | None) -> Security | None:
    if layer is None or (layer.sealed is None and not layer.inner):
        return None
    found = [part.sealed for part in layer.walk() if part.sealed is not None]
    if len(found) < 2:
        return found[0] if found else None
    outer = next((security for security in found if security.layer == "apdu"), found[0])
    return replace(outer, inner=(*outer.inner, *(security for security in found if security is not outer)))


def _note_too_deep(parsed: Parsed) -> None:
    """Remarks on each APDU inside that it is not read: those who protect know three levels."""
    text = f"more than {NESTING} APDUs in each other; what is in here is not read"
    holes = [node for node in holes_in(parsed.nodes) if node[0].hole in ("apdu", "ciphertext") and node[2] > node[1]]
    parsed.issues += [Issue("info", n[1], n[2], text, n[0]) for n in holes]


def _with_inner(layer: Layer, proof: Security) -> Layer:
    """The layers with the proof inside the innermost protection, or at the layer itself where there is none."""
    if layer.sealed is not None:
        return replace(layer, sealed=replace(layer.sealed, inner=(*layer.sealed.inner, proof)))
    if layer.inner:
        return replace(layer, inner=(_with_inner(layer.inner[0], proof), *layer.inner[1:]))
    return replace(layer, sealed=proof)
