"""One protected APDU after the other under one hypothesis after the other: what the search is made of, see `search`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from analyzer.decryptor import (
    AUTHENTICATED,
    ENCRYPTED,
    FULL_TAG_OCTETS,
    NONCE_OCTETS,
    TAG_LENGTHS,
    TAG_OCTETS,
    Decryptor,
    key_octets,
)
from analyzer.diagnosis.hypotheses import Explained, Hypothesis, Sealed, Stream
from analyzer.diagnosis.variants import (
    MISTYPED_TITLE,
    Variant,
    aad_variants,
    control_variant,
    counter_variants,
    key_variants,
    mistyped_titles,
    nonce_variants,
    tag_variants,
    title_variants,
)
from analyzer.frame import reads_whole
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.meter_keys import KeyRole
from grammars.apdu import APDU

__all__ = ["Explained", "Sealed", "Searcher"]


Shape = tuple[tuple[str, str], ...]
OFTEN = 4  # one text of so many that were searched in full


def tag_sizes(control: int) -> tuple[int, ...]:
    """The lengths of a tag that are tried, 0 where there is none."""
    return (TAG_OCTETS, 16, 8) if control & AUTHENTICATED else (0,)


class Searcher:
    """Tries hypotheses; those that explained an APDU come first for the next one."""

    def __init__(self, keys: KeyProvider, titles: list[bytes], sides: dict[str, bytes | None]) -> None:
        self.keys, self.titles, self.sides = keys, titles, sides
        if isinstance(keys, KeyRing):
            self.titles += [*keys.titles(), *keys.client_titles()]
        self.decryptor = Decryptor(256)
        self.known: set[Shape] = set()  # shapes that explained an APDU
        self.known_streams: set[Shape] = set()
        self.proven: set[Shape] = set()  # those of key streams under which a tag verified
        self.readable = Counter[Shape]()  # and under which a text was whole, with how many
        self.searched = 0
        self.tried = 0
        self.streams = 0  # how many key streams were tried
        self._titles: dict[tuple[bytes | None, bytes | None], list[Variant]] = {}
        self._mistyped: tuple[bytes, list[Variant]] = (b"", [])  # of the last title
        self._first: dict[tuple[bytes, bytes], int] = {}  # the first octet of key streams, by key and nonce
        self._keys: dict[tuple[KeyRole, bytes | None, int], list[Variant]] = {}

    def explain(self, item: Sealed, full: bool, mistyped: bool) -> Explained:
        """The first hypothesis under which the tag verifies; else one under which the text is whole; else none."""
        best: Explained | None = None
        self.searched += full
        for stream in self._ordered(item, full, mistyped):
            text = self._text(item, stream)
            if text is None:
                continue
            hypothesis = Hypothesis(*stream)
            verified = self._tag(item, hypothesis, full, text)
            if verified is not None:
                self.known.add(verified.shape)
                self.known_streams.add(hypothesis.shape)
                self.proven.add(hypothesis.shape)
                cut = len(item.octets) - verified.tag_octets
                return Explained(item, verified, True, text[:cut])
            trusted = hypothesis.title.role != MISTYPED_TITLE  # too many of them for a text alone to say anything
            if best is None and item.content.control & ENCRYPTED and trusted and self._plain(item, stream, text):
                self.known_streams.add(hypothesis.shape)
                self.readable[hypothesis.shape] += 1
                best = Explained(item, hypothesis, False, text[: len(item.content.payload)])
        if full and (best is None or not best.hypothesis or not best.hypothesis.changes):
            other = self._other_control(item)
            best = other if other is not None and (other.verified or best is None) else best
        return best or Explained(item, None, False)

    def ends_elsewhere(self, item: Sealed) -> bool:
        """Whether a text under the given key is whole with a tag of another length, or with one that the security control
        does not tell of."""
        stream = next(self._streams(item, False, False), None)
        if stream is None or not item.content.control & ENCRYPTED:
            return False
        text = self.decryptor.gcm_decrypt(
            stream.encryption.value, stream.title.value + stream.counter.value, item.octets
        )
        return any(size < len(text) and reads_whole(APDU, text[: len(text) - size]) for size in (TAG_OCTETS, 16, 8, 0))

    def _ordered(self, item: Sealed, full: bool, mistyped: bool) -> Iterator[Stream]:
        """What explained other APDUs first; for one that is not searched in full, only that and no change."""
        known = self.known_streams if full else self._trusted()
        if not full and not any(known):
            yield from islice(self._streams(item, False, False), 1)
            return
        waiting = []
        for stream in self._streams(item, True, mistyped and full):
            if not stream.changed or (known and stream.shape in known):
                yield stream
            elif full:
                waiting.append(stream)
        yield from waiting

    def _trusted(self) -> set[Shape]:
        """The key streams under which a tag verified, or so many texts were readable as noise never is."""
        often = {shape for shape, texts in self.readable.items() if texts * OFTEN >= self.searched}
        return self.proven | often

    def _variants(self, role: KeyRole, owner: bytes | None, suite: int) -> list[Variant]:
        if (role, owner, suite) not in self._keys:
            self._keys[role, owner, suite] = key_variants(self.keys, role, owner, suite)
        return self._keys[role, owner, suite]

    def _streams(self, item: Sealed, full: bool, mistyped: bool) -> Iterator[Stream]:
        """Encryption key, title and counter in the order of likelihood."""
        security, message = item.security, item.message
        association = message.after
        owner = security.system_title if message.direction != "client" else association.server_title
        role: KeyRole = "bek" if security.control & 0x40 else "ek"
        variants = self._variants(role, owner, security.suite)
        if association.dedicated_key and len(association.dedicated_key) == key_octets(security.suite):
            dedicated = Variant(association.dedicated_key, "dedicated-key-mixed-up", "the dedicated key opens it")
            if item.layer.name.startswith("ded-") or item.layer.name == "general-ded-ciphering":
                mixed = "dedicated-key-mixed-up"
                variants = [Variant(association.dedicated_key), *(v._replace(code=v.code or mixed) for v in variants)]
            else:
                variants = [*variants, dedicated]
        side = message.direction
        other = "meter" if side == "client" else "client"
        own, peer = association.title_of(side), association.title_of(other) or self.sides[other]
        titles = self._title_variants(item.content.system_title or own, peer)
        counters = counter_variants(item.content.invocation_counter, item.before)
        if not variants or not titles:
            return
        first_title, first_counter = titles[0], counters[0]
        given = variants[0]
        for key in variants:
            yield Stream(key, first_title, first_counter)
        if not full:
            return
        for title in titles[1:]:
            yield Stream(given, title, first_counter)
        for counter in counters[1:]:
            yield Stream(given, first_title, counter)
        for head, tail in nonce_variants(first_title.value, first_counter.value):
            yield Stream(given, head, tail)
        for key in variants[1:]:
            for title in titles[1:]:
                yield Stream(key, title, first_counter)
            for counter in counters[1:]:
                yield Stream(key, first_title, counter)
        for title in titles[1:]:
            for counter in counters[1:]:
                yield Stream(given, title, counter)
        if mistyped:
            for title in self._mistyped_titles(first_title.value):
                yield Stream(given, title, first_counter)

    def _title_variants(self, own: bytes | None, peer: bytes | None) -> list[Variant]:
        if (own, peer) not in self._titles:
            self._titles[own, peer] = title_variants(own, peer, self.titles)
        return self._titles[own, peer]

    def _mistyped_titles(self, own: bytes) -> list[Variant]:
        if self._mistyped[0] != own:
            self._mistyped = own, list(mistyped_titles(own))
        return self._mistyped[1]

    def _begins(self, stream: Stream, octets: bytes) -> int:
        """The first octet of the text. A nonce without a counter has one key stream for all APDUs, and costs more."""
        key, iv = stream.encryption.value, stream.title.value + stream.counter.value
        if len(iv) == NONCE_OCTETS:
            return self.decryptor.gcm_decrypt(key, iv, octets[:1])[0]
        if (key, iv) not in self._first:
            self._first[key, iv] = self.decryptor.gcm_decrypt(key, iv, b"\0")[0]
        return self._first[key, iv] ^ octets[0]

    def _text(self, item: Sealed, stream: Stream) -> bytes | None:
        """Text and decrypted tag under a hypothesis, when the text is whole for one length of the tag."""
        control, octets = item.content.control, item.octets
        if not control & ENCRYPTED:
            return octets
        self.tried += 1
        self.streams += 1
        if octets and self._begins(stream, octets) not in item.expected:
            return None
        iv = stream.title.value + stream.counter.value
        text = self.decryptor.gcm_decrypt(stream.encryption.value, iv, octets)
        for size in tag_sizes(control):
            if len(text) > size and reads_whole(APDU, text[: len(text) - size]):
                return text
        return None

    def _plain(self, item: Sealed, stream: Stream, text: bytes) -> bool:
        """Whether a text says something by itself: under a changed key stream, of which there are many, only if each value
        in it is one that the standard defines."""
        return not stream.changed or any(
            size < len(text) and reads_whole(APDU, text[: len(text) - size], plainly=True)
            for size in tag_sizes(item.content.control)
        )

    def _tag(self, item: Sealed, stream: Hypothesis, full: bool, text: bytes) -> Hypothesis | None:
        """The authentication key, data and length of the tag under which it verifies. `text` is text and tag, both
        decrypted: each beginning of it is the text of a beginning of the ciphertext."""
        control = item.content.control
        if not control & AUTHENTICATED:
            return None
        keys = self._authentication_keys(item, stream)
        many = len(stream.changes) > 1 or stream.title.role == MISTYPED_TITLE
        if many or not (full or self.known):
            keys = keys[:1]  # with another key that would be three changes
        near = self._near(item, stream)
        sizes = sorted(TAG_LENGTHS, key=lambda n: n != TAG_OCTETS) if full or self.known else [TAG_OCTETS]
        for number, key in enumerate(keys):
            alone = not stream.changes or (number == 0 and not many)
            for size in sizes if alone else sizes[:1]:
                cut = len(item.octets) - size
                plainly = Hypothesis(stream.encryption, stream.title, stream.counter, key, None, size).shape
                wanted = None if full else self._known_like(plainly)
                if cut < 0 or wanted == []:
                    continue
                first = alone and (full or bool(self.known)) and wanted != [plainly]
                for data in self._data(item, key, cut, text[:cut], near if first else None):
                    made = Hypothesis(stream.encryption, stream.title, stream.counter, key, data, size)
                    if wanted is not None and made.shape not in wanted:
                        continue
                    if self._matches(item, stream, data, text[:cut], size):
                        return made
                    if number and size != TAG_OCTETS:
                        break  # three changes at once: not tried
        return self._cut_elsewhere(item, stream, keys[0]) if full and keys and not stream.changes else None

    def _known_like(self, plainly: Shape) -> list[Shape]:
        """The shapes that explained an APDU, or no change, which are this one or have one more part; most often there is
        none, and nothing need be tried."""
        return [
            shape
            for shape in self.known | {()}
            if shape == plainly or (len(shape) == len(plainly) + 1 and set(plainly) <= set(shape))
        ]

    def _authentication_keys(self, item: Sealed, stream: Hypothesis) -> list[Variant]:
        security, message = item.security, item.message
        owner = security.system_title if message.direction != "client" else message.after.server_title
        keys = self._variants("ak", owner, security.suite)
        encryption = stream.encryption
        if encryption.value not in {key.value for key in keys}:
            words = "the authentication key that works equals the encryption key that works"
            keys = [*keys, Variant(encryption.value, "authentication-key-wrong", words, "ek")]
        return keys

    @staticmethod
    def _data(
        item: Sealed, key: Variant, cut: int, plain: bytes, near: tuple[tuple[bytes, str], ...] | None
    ) -> list[Variant]:
        """The authenticated data to try; without `near` only what the standard says."""
        control, header = item.content.control, item.content.header
        if near is None:
            return [Variant(bytes((control,)) + key.value + header + (b"" if control & ENCRYPTED else plain))]
        return aad_variants(control, key.value, plain, header, item.octets[:cut], near)

    @staticmethod
    def _near(item: Sealed, stream: Hypothesis) -> tuple[tuple[bytes, str], ...]:
        """What stands beside the content and may have got into the authenticated data."""
        counter = item.content.invocation_counter.to_bytes(4, "big")
        around = item.message.octets(item.layer.buffer)[item.layer.start : item.layer.end]
        lead = around[: around.find(bytes((item.content.control,)) + counter)]
        near = [
            (stream.title.value, "the system title"),
            (counter, "the invocation counter"),
            (stream.title.value + counter, "the nonce"),
            (lead, "tag and length of the APDU"),
        ]
        return tuple((octets, words) for octets, words in near if octets)

    def _matches(self, item: Sealed, stream: Hypothesis, data: Variant, plain: bytes, size: int) -> bool:
        self.tried += 1
        iv = stream.title.value + stream.counter.value
        content = plain if item.content.control & ENCRYPTED else b""
        tag = item.octets[len(plain) : len(plain) + size]
        return self.decryptor.gcm_seal(stream.encryption.value, iv, content, data.value, size)[1] == tag

    def _cut_elsewhere(self, item: Sealed, stream: Hypothesis, key: Variant) -> Hypothesis | None:
        """A tag that is not the first 12 octets of 16, but others."""
        cut = len(item.octets) - TAG_OCTETS
        if cut < 0:
            return None
        encrypted = item.content.control & ENCRYPTED
        data = self._data(item, key, cut, item.octets[:cut], None)[0]
        iv = stream.title.value + stream.counter.value
        plain = self.decryptor.gcm_decrypt(stream.encryption.value, iv, item.octets[:cut]) if encrypted else b""
        whole = self.decryptor.gcm_seal(stream.encryption.value, iv, plain, data.value, FULL_TAG_OCTETS)[1]
        self.tried += 1
        tag = item.octets[cut:]
        for made, words in tag_variants(whole):
            if made == tag:
                change = Variant(b"", "tag-length-wrong", words)
                return Hypothesis(stream.encryption, stream.title, stream.counter, key, data, tag=change)
        return None

    def _other_control(self, item: Sealed) -> Explained | None:
        """Content that is protected otherwise than its security control says, with everything else as given."""
        first = next(iter(self._streams(item, False, False)), None)
        if first is None:
            return None
        stream = Hypothesis(*first)
        sent, octets = item.content.control, item.octets
        iv = stream.title.value + stream.counter.value
        stated = sent & (AUTHENTICATED | ENCRYPTED)
        for key in self._authentication_keys(item, stream)[:1]:
            for actual in (AUTHENTICATED | ENCRYPTED, AUTHENTICATED):
                if actual == stated or len(octets) < TAG_OCTETS:
                    continue
                content, tag = octets[:-TAG_OCTETS], octets[-TAG_OCTETS:]
                encrypted = actual & ENCRYPTED
                text = self.decryptor.gcm_decrypt(stream.encryption.value, iv, content) if encrypted else content
                for control in (sent & ~0x30 | actual, sent):
                    data = bytes((control,)) + key.value + item.content.header + (b"" if encrypted else text)
                    self.tried += 1
                    ciphertext = content if encrypted else b""
                    if self.decryptor.gcm_open(stream.encryption.value, iv, ciphertext, tag, data)[1]:
                        change = control_variant(sent, actual)
                        return Explained(item, replace(stream, authentication=key, control=change), True, text)
        for actual, text in (
            (ENCRYPTED, self.decryptor.gcm_decrypt(stream.encryption.value, iv, octets)),
            (0, octets),
        ):
            self.tried += 1
            if actual != stated and text[:1] and text[0] in item.expected and reads_whole(APDU, text):
                return Explained(item, replace(stream, control=control_variant(sent, actual)), False, text)
        return None
