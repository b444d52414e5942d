"""Which one change makes a tag verify? The search behind "invalid tag", over everything that the given keys do not open.

Two stages. The key stream needs no tag: key, title and counter are right when the text is, whole, the APDU that the
tag around it promises. Then authentication key, authenticated data and length of the tag are varied until the tag
matches, which is proof for that APDU. Every single change is tried, and these pairs: both keys, encryption key with
title, encryption key with counter, title with counter, and each of them with a change of authentication key or data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.decryptor import AUTHENTICATED, ENCRYPTED, TAG_LENGTHS, TAG_OCTETS, Decryptor, Protected
from analyzer.diagnosis.variants import Variant, aad_variants, counter_variants, key_variants, title_variants
from analyzer.frame import fits
from analyzer.keyring import KeyProvider, KeyRing, KeyRole
from analyzer.message import Layer, Message
from analyzer.model import Security
from grammars.apdu import APDU
from grammars.kit.spec import find_raw
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS, CIASE_TAGS

SEARCHED = 60  # APDUs of one trace that are searched in full; the others only try what explained these
TITLES = 8  # further titles of the trace that are tried
# Whatever octets follow the tag of a CIASE or gateway APDU, they look whole: no evidence of a right key.
PLAIN_TAGS = frozenset(
    tag
    for tag, name in APDU_TAGS.items()
    if not name.startswith(("glo-", "ded-", "gateway-")) and tag not in CIASE_TAGS
)
KEY_CODES = frozenset(
    {"encryption-key-wrong", "authentication-key-wrong", "key-ascii-hex", "key-reversed", "key-length", "broadcast-key"}
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One protected APDU: where it is, its parts, and what its text may begin with."""

    message: Message
    layer: Layer
    security: Security
    content: Protected
    expected: frozenset[int]
    before: int | None  # the counter of the protected APDU before it from the same side

    @property
    def octets(self) -> bytes:
        """Text and tag as one."""
        return self.content.payload + self.content.tag


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One way in which an APDU may have been protected; `changes` are its differences from what it should be."""

    encryption: Variant = field(repr=False)
    title: Variant
    counter: Variant
    authentication: Variant | None = field(default=None, repr=False)
    data: Variant | None = field(default=None, repr=False)
    tag_octets: int = TAG_OCTETS

    @property
    def changes(self) -> tuple[Variant, ...]:
        """What differs, from the key to the tag."""
        parts = (self.encryption, self.title, self.counter, self.authentication, self.data)
        made = tuple(part for part in parts if part is not None and part.code)
        if self.tag_octets != TAG_OCTETS:
            made += (Variant(b"", "tag-length-wrong", f"the tag has {self.tag_octets} octets"),)
        return made

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """What two APDUs explained in the same way have in common."""
        return tuple((change.code, change.role or change.code) for change in self.changes)


@dataclass(frozen=True, slots=True)
class Explained:
    """What the search found for one APDU: a hypothesis under which the tag verifies or, failing that, under which the
    text is whole; None where nothing is."""

    item: Sealed
    hypothesis: Hypothesis | None
    verified: bool
    plaintext: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that did not verify, and what explains it. `verifying` counts what verifies as given, by side.

    `keys` are given keys with those in the place of the wrong ones that open the trace, None if the given do or
    none were found. `left` is how many APDUs were not searched in full."""

    explained: tuple[Explained, ...] = ()
    verifying: dict[str, int] = field(default_factory=dict)
    keys: KeyProvider | None = None
    left: int = 0
    tried: int = 0


class FoundKeys:
    """The given keys, with other octets in some roles."""

    def __init__(self, given: KeyProvider, found: dict[KeyRole, bytes]) -> None:
        self._given, self._found = given, found

    def __repr__(self) -> str:
        return f"FoundKeys({', '.join(self._found)})"

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key for a role, as `KeyProvider` says."""
        return self._found.get(role) or self._given.key(role, system_title, suite)


def sealed_of(messages: Iterable[Message]) -> Iterator[Sealed]:
    """The protected APDUs of a trace in their order."""
    before: dict[str, int] = {}
    for message in messages:
        for layer in message.layer.walk() if message.layer else ():
            security = layer.sealed
            if security is None or security.layer != "apdu" or security.invocation_counter is None:
                continue
            nodes = layer.nodes
            text, tag = find_raw(nodes, "ciphered_text"), find_raw(nodes, "authentication_tag")
            if text is None:
                continue
            first, last = find_raw(nodes, "transaction_id"), find_raw(nodes, "other_information")
            header = message.octets(layer.buffer)[first[1] : last[2]] if first and last else b""
            content = Protected(
                security.control,
                security.invocation_counter,
                security.system_title,
                bytes(text[3]),
                bytes(tag[3]) if tag is not None else b"",
                header,
            )
            plain = {n for n, name in APDU_TAGS.items() if name == layer.name[4:]} & PLAIN_TAGS
            expected = frozenset(plain) if layer.name[:4] in ("glo-", "ded-") else PLAIN_TAGS
            yield Sealed(message, layer, security, content, expected, before.get(message.direction))
            before[message.direction] = security.invocation_counter


def search(messages: Sequence[Message], keys: KeyProvider) -> Search:
    """What explains the protected APDUs that do not verify. Never raises; bounded by `SEARCHED`."""
    items = list(sealed_of(messages))
    verifying: dict[str, int] = {}
    failing = []
    for item in items:
        if item.security.verdict == "verified":
            verifying[item.message.direction] = verifying.get(item.message.direction, 0) + 1
        elif item.security.authenticated or item.security.plaintext is None:
            failing.append(item)
    if not failing:
        return Search(verifying=verifying)
    searcher = _Searcher(keys, _titles(messages), _sides(messages))
    explained = tuple(searcher.explain(item, full=number < SEARCHED) for number, item in enumerate(failing))
    found = None if verifying else _best_keys(explained, keys)
    return Search(explained, verifying, found, max(0, len(failing) - SEARCHED), searcher.tried)


def _sides(messages: Sequence[Message]) -> dict[str, bytes | None]:
    """The system title of each side as the trace tells it anywhere: what an AARQ uses may be told only later."""
    client = next((m.after.client_title for m in messages if m.after.client_title), None)
    meter = next((m.after.server_title for m in messages if m.after.server_title), None)
    return {"client": client, "meter": meter}


def _titles(messages: Sequence[Message]) -> list[bytes]:
    """System titles anywhere in the trace, each once."""
    titles: dict[bytes, None] = {}
    for message in messages:
        for title in (message.after.client_title, message.after.server_title, message.before.server_title):
            if title is not None:
                titles[title] = None
        for layer in message.layer.walk() if message.layer else ():
            if layer.sealed is not None and layer.sealed.system_title:
                titles[layer.sealed.system_title] = None
        if len(titles) >= TITLES:
            break
    return list(titles)[:TITLES]


def _best_keys(explained: Sequence[Explained], keys: KeyProvider) -> KeyProvider | None:
    """The keys that the search proved, when nothing but keys was wrong."""
    for one in explained:
        hypothesis = one.hypothesis
        if not one.verified or hypothesis is None or hypothesis.authentication is None:
            continue
        if not all(change.code in KEY_CODES for change in hypothesis.changes):
            continue
        role = one.item.security.key or "ek"
        if role not in ("ek", "bek"):
            continue
        found: dict[KeyRole, bytes] = {"ak": hypothesis.authentication.value}
        found[role] = hypothesis.encryption.value  # type: ignore[index]
        return FoundKeys(keys, found)
    return None


class _Searcher:
    """Tries hypotheses; those that explained an APDU come first for the next one."""

    def __init__(self, keys: KeyProvider, titles: list[bytes], sides: dict[str, bytes | None]) -> None:
        self.keys, self.titles, self.sides = keys, titles, sides
        if isinstance(keys, KeyRing):
            self.titles += [*keys.titles(), *keys.client_titles()]
        self.decryptor = Decryptor(256)
        self.known: dict[tuple[tuple[str, str], ...], None] = {}
        self.tried = 0

    def explain(self, item: Sealed, full: bool) -> Explained:
        """The first hypothesis under which the tag verifies; else one under which the text is whole; else none."""
        best: Explained | None = None
        for hypothesis in self._streams(item, full):
            text = self._text(item, hypothesis)
            if text is None:
                continue
            verified = self._tag(item, hypothesis, full)
            if verified is not None:
                self.known.setdefault(verified.shape)
                cut = len(item.octets) - verified.tag_octets
                return Explained(item, verified, True, text[:cut])
            if best is None and item.content.control & ENCRYPTED:
                best = Explained(item, hypothesis, False, text[: len(item.content.payload)])
        return best or Explained(item, None, False)

    def _streams(self, item: Sealed, full: bool) -> Iterator[Hypothesis]:
        """Encryption key, title and counter in the order of likelihood."""
        security, message = item.security, item.message
        association = message.after
        owner = security.system_title if message.direction != "client" else association.server_title
        role: KeyRole = "bek" if security.control & 0x40 else "ek"
        variants = key_variants(self.keys, role, owner, security.suite)
        if association.dedicated_key and len(association.dedicated_key) == 16:
            dedicated = Variant(association.dedicated_key, "dedicated-key-mixed-up", "the dedicated key opens it")
            if item.layer.name.startswith("ded-") or item.layer.name == "general-ded-ciphering":
                mixed = "dedicated-key-mixed-up"
                variants = [Variant(association.dedicated_key), *(v._replace(code=v.code or mixed) for v in variants)]
            else:
                variants.append(dedicated)
        side = message.direction
        other = "meter" if side == "client" else "client"
        own, peer = association.title_of(side), association.title_of(other) or self.sides[other]
        titles = title_variants(item.content.system_title or own, peer, self.titles)
        counters = counter_variants(item.content.invocation_counter, item.before)
        if not variants or not titles:
            return
        first_title, first_counter = titles[0], counters[0]
        given = variants[0]
        for key in variants:
            yield Hypothesis(key, first_title, first_counter)
        if not full and not self.known:
            return
        for title in titles[1:]:
            yield Hypothesis(given, title, first_counter)
        for counter in counters[1:]:
            yield Hypothesis(given, first_title, counter)
        if not full:
            return
        for key in variants[1:]:
            for title in titles[1:]:
                yield Hypothesis(key, title, first_counter)
            for counter in counters[1:]:
                yield Hypothesis(key, first_title, counter)
        for title in titles[1:]:
            for counter in counters[1:]:
                yield Hypothesis(given, title, counter)

    def _text(self, item: Sealed, hypothesis: Hypothesis) -> bytes | None:
        """Text and decrypted tag under a hypothesis, when the text is whole for one length of the tag."""
        control, octets = item.content.control, item.octets
        if not control & ENCRYPTED:
            return octets
        self.tried += 1
        iv = hypothesis.title.value + hypothesis.counter.value
        if octets and self.decryptor.gcm_decrypt(hypothesis.encryption.value, iv, octets[:1])[0] not in item.expected:
            return None
        text = self.decryptor.gcm_decrypt(hypothesis.encryption.value, iv, octets)
        for size in (TAG_OCTETS, 16, 8) if control & AUTHENTICATED else (0,):
            if len(text) > size and fits(parse(APDU, text[: len(text) - size])):
                return text
        return None

    def _tag(self, item: Sealed, stream: Hypothesis, full: bool) -> Hypothesis | None:
        """The authentication key, data and length of the tag under which it verifies."""
        control = item.content.control
        if not control & AUTHENTICATED:
            return None
        security, message = item.security, item.message
        owner = security.system_title if message.direction != "client" else message.after.server_title
        keys = key_variants(self.keys, "ak", owner, security.suite)
        encryption = stream.encryption
        if encryption.value not in {key.value for key in keys}:
            words = "the authentication key that works equals the encryption key that works"
            keys.append(Variant(encryption.value, "authentication-key-wrong", words, "ek"))
        sizes = TAG_LENGTHS if full else (TAG_OCTETS,)
        for number, key in enumerate(keys):
            for size in sorted(sizes, key=lambda n: n != TAG_OCTETS):
                cut = len(item.octets) - size
                if cut < 0:
                    continue
                for data in self._data(item, stream, key, cut, first=number == 0 or full):
                    if self._matches(item, stream, data, cut, size):
                        return Hypothesis(stream.encryption, stream.title, stream.counter, key, data, size)
                    if number and size != TAG_OCTETS:
                        break  # three changes at once: not tried
        return None

    def _data(self, item: Sealed, stream: Hypothesis, key: Variant, cut: int, first: bool) -> list[Variant]:
        control = item.content.control
        payload = item.octets[:cut]
        plain = payload
        if control & ENCRYPTED:
            iv = stream.title.value + stream.counter.value
            plain = self.decryptor.gcm_decrypt(stream.encryption.value, iv, payload)
        variants = aad_variants(control, key.value, plain, item.content.header, payload)
        return variants if first and not stream.changes[1:] else variants[:1]

    def _matches(self, item: Sealed, stream: Hypothesis, data: Variant, cut: int, size: int) -> bool:
        self.tried += 1
        iv = stream.title.value + stream.counter.value
        payload = item.octets[:cut] if item.content.control & ENCRYPTED else b""
        tag = item.octets[cut : cut + size]
        return self.decryptor.gcm_open(stream.encryption.value, iv, payload, tag, data.value)[1]
