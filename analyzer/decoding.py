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
    BROADCAST,
    ENCRYPTED,
    SUITE_BITS,
    TITLE_OCTETS,
    Decryptor,
    Opened,
    Protected,
)
from analyzer.frame import Frame, addresses, fits, mends
from analyzer.framing import frames_of
from analyzer.hls import HlsUnknown
from analyzer.keymaterial import carried_keys, signature_of, transferred_keys
from analyzer.keyring import KeyProvider, KeyRing, KeyRole
from analyzer.knowledge import Objects
from analyzer.message import Layer, Message, llc_of, sender_told
from analyzer.model import Buffer, Record, Security, Span
from analyzer.proofs import hls_security
from analyzer.readable import reading_of, reads
from analyzer.reassembly import Unit, units_of
from grammars.apdu import APDU
from grammars.kit.spec import Issue, RawNode, find_int, find_octets, find_raw, holes_in, walk_raw
from grammars.p1 import TELEGRAM
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS

GATEWAY = ("gateway-request", "gateway-response")
NESTING = 8  # protection within protection; the standard knows three levels
SHORT, ENOUGH = 8, 2  # texts of so few octets are whole by chance; so many others tell that a key is right
RARE = 1e-3  # the chance that noise reads so far, under a key that has opened others
NO_KEYS = KeyRing(())


def decode(records: Iterable[Record], keys: KeyProvider | None = None) -> Iterator[Message]:
    """The messages of a trace. Never raises on any octets."""
    return Decoder(keys or NO_KEYS).messages(units_of(frames_of(records)))


@dataclass(slots=True)
class _Context:
    """What one message gathers while its layers are read."""

    wire: bytes
    direction: str
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
    """A damaged frame, the state before it and what it changed of the transfers of blocks."""

    frame: Frame
    before: Association
    taken: list[Taken]


class Decoder:
    """Decodes one trace; keeps the associations. `keys` answers for each role, title and suite."""

    def __init__(self, keys: KeyProvider) -> None:
        self.keys = keys
        self.decryptor = Decryptor()
        self.associations: dict[frozenset[str], Association] = {}
        self.transfers = Transfers()
        self.objects = Objects()
        self.moved: dict[bytes | None, dict[str, bytes]] = {}  # keys that the trace itself transferred, by meter
        self.session: dict[bytes | None, list[tuple[str, bytes | None, bytes | None]]] = {}  # keys of general-ciphering
        self.offered: dict[bytes | None, dict[str, bytes]] = {}  # those that the meter has not confirmed yet
        self.damaged: dict[tuple[frozenset[str], str], _Damaged] = {}  # the last message, by link and side
        self.whole: dict[tuple[str, bytes | None], int] = {}  # texts that a key opened whole, by role and title
        self.count = 0

    def state(self) -> dict[str, Any]:
        """What has been learnt, without the given keys: for `restore`."""
        return {name: value for name, value in vars(self).items() if name not in ("keys", "decryptor")}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with what another decoder has learnt."""
        vars(self).update(state)

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
            self.damaged[link, first.direction] = _Damaged(first, before, self.transfers.taken)
        self.associations[link] = context.association
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
            return replace(layer, parsed=_too_deep(parsed))
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
        content = protected_of(layer, context)
        context.association = context.association.counted(context.direction, content.invocation_counter)
        if content.system_title is None:
            content = content._replace(system_title=self._given_title(context.direction))
        suite = content.control & SUITE_BITS
        role, opened = self._unprotected(context, layer, content, suite)
        plaintext, inside = opened.plaintext, None
        hole = (node[1], node[2])
        if plaintext is not None and content.control & ENCRYPTED and (telegram := telegram_in(plaintext)) is not None:
            number = context.decrypted(plaintext, Span(buffer, *hole))
            inside = Layer("p1-telegram", number, 0, len(plaintext), telegram, hole)
        elif plaintext is not None and plaintext[:1] and plaintext[0] in APDU_TAGS:
            if not content.control & ENCRYPTED:
                inside = self._layer(context, buffer, *hole, hole, depth + 1)
            elif opened.verdict == "verified" or self._reads(layer, role, content, plaintext):
                number = context.decrypted(plaintext, Span(buffer, *hole))
                inside = self._layer(context, number, 0, len(plaintext), hole, depth + 1)
                if len(plaintext) > SHORT and fits(inside.parsed):
                    own = role, content.system_title
                    self.whole[own] = min(ENOUGH, self.whole.get(own, 0) + 1)
        if inside is None and opened.verdict in ("failed", "unauthenticated"):
            plaintext = None  # noise is nothing to show: the key that made it is not the right one
        return (
            Security(
                layer="apdu",
                verdict=opened.verdict,
                control=content.control,
                suite=suite,
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

    def _reads(self, layer: Layer, role: str, content: Protected, text: bytes) -> bool:
        """Whether a text that no tag settles is one: it reads by itself or, where it has no tag, begins as the APDU that
        is promised, under a key and title that have opened others whole."""
        kept = layer.name.startswith(("glo-", "ded-"))
        if not promised(layer.name, text):
            return False
        if reads(text, kept):
            return True
        told = not content.control & AUTHENTICATED and self.whole.get((role, content.system_title), 0) > 0
        if not told or sum(n for (own, _), n in self.whole.items() if own == role) < ENOUGH:
            return False
        return kept or reading_of(parse(APDU, text), 0, len(text), False).chance < RARE  # nothing is promised there

    def _unprotected(self, context: _Context, layer: Layer, content: Protected, suite: int) -> tuple[str, Opened]:
        """What the keys make of protected content: the first that verifies, else the first of all."""
        given = self._role(layer, content.control)
        tries: list[tuple[str, bytes | None, bytes | None]] = []
        authentication = self._key(context, "ak", content.system_title, suite)
        why = ""
        if layer.name == "general-ciphering":
            try:
                carried = carried_keys(layer, content, context.direction, self.keys)
            except HlsUnknown as problem:
                carried, why = [], str(problem)
            tries += [(name, key, authentication) for name, key in carried]
            if find_raw(layer.nodes, "identified-key") is None and not carried and not why:
                tries += self.session.get(context.association.server_title, [])  # no key-info: the key of the last time
        moved = self.moved.get(context.association.server_title, {})
        if moved:
            new_key = moved.get(given, self._key(context, given, content.system_title, suite))
            tries.append((given, new_key, moved.get("ak", authentication)))
        if why:
            return given, Opened(None, "no-key", why)
        tries.append((given, self._key(context, given, content.system_title, suite), authentication))
        tries += self._of_any_meter(context, given, suite)
        results = [(role, self.decryptor.unprotect(content, key, own)) for role, key, own in tries]
        best = next((n for n, (_, opened) in enumerate(results) if opened.verdict == "verified"), 0)
        if results[best][0] in ("wrapped", "agreed") and results[best][1].verdict == "verified":
            self.session[context.association.server_title] = [tries[best]]
        role, opened = results[best]
        if opened.verdict == "no-key" and isinstance(self.keys, KeyRing) and tries[best][1] is None:
            if self.keys.candidates(given):
                return role, Opened(None, "no-key", "the given encryption key is for another meter")
        return role, opened

    def _of_any_meter(
        self, context: _Context, role: KeyRole, suite: int
    ) -> list[tuple[str, bytes | None, bytes | None]]:
        """The keys of every meter in the key file, while the trace does not tell which one it is: the AARQ does not."""
        ring = self.keys
        if context.association.server_title is not None or not isinstance(ring, KeyRing) or len(ring.titles()) < 2:
            return []
        return [(role, ring.key(role, title, suite), ring.key("ak", title, suite)) for title in ring.titles()]

    def _given_title(self, direction: str) -> bytes | None:
        """The system title of a side that the trace does not tell, if the keys leave only one."""
        if not isinstance(self.keys, KeyRing):
            return None
        known = {"client": self.keys.client_titles(), "meter": self.keys.titles()}.get(direction, ())
        return known[0] if len(known) == 1 else None

    def _role(self, layer: Layer, control: int) -> KeyRole:
        if layer.name.startswith("ded-") or layer.name == "general-ded-ciphering":
            return "dedicated"
        return "bek" if control & BROADCAST else "ek"

    def _key(self, context: _Context, role: KeyRole, title: bytes | None, suite: int) -> bytes | None:
        if role == "dedicated" and context.association.dedicated_key:
            return context.association.dedicated_key
        # Keys belong to the meter: whoever sent the APDU, its title is what the key file knows.
        meter = context.association.server_title
        owner = title if context.direction != "client" else meter
        return self.keys.key(role, owner or meter, suite)

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
        self._transfer(context, plain)
        proof = self._proof(context, plain, before)
        if proof is None:
            return layer
        return _with_inner(layer, proof)

    def _transfer(self, context: _Context, plain: Layer) -> None:
        """Keys that an ACTION of the security setup brings, once the meter has taken them."""
        title = context.association.server_title
        if plain.name == "action-request":
            offered = transferred_keys(plain.nodes, self.keys.key("kek", title, 0) or self.keys.key("kek", title, 2))
            if offered:
                self.offered[title] = offered
        elif plain.name == "action-response" and title in self.offered:
            offered = self.offered.pop(title)
            if find_int(plain.nodes, "single_response.result") == 0:
                self.moved.setdefault(title, {}).update(offered)

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


def protected_of(layer: Layer, context: _Context) -> Protected:
    """The protected content of a layer with the title of its sender, as the decryptor wants it."""
    nodes = layer.nodes
    found = {node[0].name: node for node in reversed(list(walk_raw(nodes)))}  # of each name the first
    text, tag = found["ciphered_text"], found.get("authentication_tag")
    title = find_octets(nodes, "originator_system_title") or find_octets(nodes, "system_title")
    if title is None or len(title) != TITLE_OCTETS:
        title = context.association.title_of(context.direction) or title or None
    header = b""
    first, last = found.get("transaction_id"), found.get("other_information")
    if first is not None and last is not None:
        header = context.data(layer.buffer)[first[1] : last[2]]
    return Protected(
        control=found["security_control"][3],
        invocation_counter=found["invocation_counter"][3],
        system_title=title,
        payload=bytes(text[3]),
        tag=bytes(tag[3]) if tag is not None else b"",
        header=header,
    )


def promised(name: str, plaintext: bytes) -> bool:
    """Whether a text begins as the APDU that a glo- or ded- tag promises; any tag will do inside general ciphering."""
    return not name.startswith(("glo-", "ded-")) or APDU_TAGS[plaintext[0]] == name[4:]


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


def _too_deep(parsed: Parsed) -> Parsed:
    """What was parsed, with a remark on each APDU inside that is not read: those who protect know three levels."""
    text = f"more than {NESTING} APDUs in each other; what is in here is not read"
    holes = [node for node in holes_in(parsed.nodes) if node[0].hole in ("apdu", "ciphertext") and node[2] > node[1]]
    return parsed._replace(issues=parsed.issues + [Issue("info", n[1], n[2], text, n[0]) for n in holes])


def _with_inner(layer: Layer, proof: Security) -> Layer:
    """The layers with the proof inside the innermost protection, or at the layer itself where there is none."""
    if layer.sealed is not None:
        return replace(layer, sealed=replace(layer.sealed, inner=(*layer.sealed.inner, proof)))
    if layer.inner:
        return replace(layer, inner=(_with_inner(layer.inner[0], proof), *layer.inner[1:]))
    return replace(layer, sealed=proof)
