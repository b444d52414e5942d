"""Which one change makes a tag verify? The search behind "invalid tag", over everything that the given keys do not open.

Two stages. The key stream needs no tag: key, title and counter are right when the text is, whole, the APDU that the
tag around it promises. Then authentication key, authenticated data and length of the tag are varied until the tag
matches, which is proof for that APDU. Every single change is tried, and these pairs: both keys, encryption key with
title, encryption key with counter, title with counter, authentication key with data, and a change of key, title or
counter with one of data. Three changes at once are not. The number of attempts is bounded, and what was left is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import factorial, prod

from analyzer.decryptor import BROADCAST, TITLE_OCTETS, Protected
from analyzer.diagnosis.searcher import Explained, Sealed, Searcher, tag_sizes
from analyzer.frame import fits
from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message
from analyzer.meter_keys import KeyRole
from analyzer.patience import go_on
from analyzer.readable import UNLIKELY, damaged, reading_of
from grammars.kit.spec import find_raw, walk_raw
from grammars.tables.apdu import APDU_TAGS, CIASE_TAGS

SEARCHED = 60  # APDUs of one trace that are searched in full; the others only try what explained these
BUDGET = 80_000  # attempts of a search; under a second
MISTYPED = 16  # APDUs of one trace for which each octet of the title is tried with each value
TITLES = 16  # further titles of the trace that are tried
SHORT_TEXT, SHORT_HIT, LONG_HIT, EXCEPTION = 8, 1 / 128, 1 / 2000, 0xD8  # see `random_hit`
CONTROLS = 4.0  # other security controls that are tried
COMPRESSED = 0x80  # of the security control: what is inside is no APDU before it is expanded
LARGE = 100  # of which no factorial is made
TRIED = (
    "each single change of key, title, counter, nonce, authenticated data, tag and security control, and pairs of them; "
    "three changes at once were not tried"
)
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
class Search:
    """Everything that did not verify, and what explains it. `verifying` counts what verifies as given, by side; what is
    under the broadcast key says nothing of the encryption key, and counts only where nothing else fails.

    `keys` are given keys with those in the place of the wrong ones that open the trace, None if the given do or
    none were found. `left` is how many APDUs were not searched in full."""

    explained: tuple[Explained, ...] = ()
    verifying: dict[str, int] = field(default_factory=dict)
    keys: KeyProvider | None = None
    left: int = 0
    tried: int = 0
    reading: frozenset[str] = (
        frozenset()
    )  # senders most of whose texts read under the given keys, which noise would not
    streams: float = 0.0  # key streams that were tried for each APDU
    hits: float = 0.0  # how many texts are readable by chance under one key stream that is wrong
    loose_hits: float = 0.0  # the same where values that no standard defines may be in them

    def chance(self, texts: int, stream: bool, changed: bool) -> float:
        """The chance that so many texts read by chance under one and the same change, of all that were tried: of the key
        stream, or of the security control alone; or as they are, where nothing was changed."""
        many = self.streams if stream else CONTROLS if changed else 1.0
        hits = self.hits if stream else self.loose_hits
        return float(min(1.0, many * hits**texts / factorial(min(texts, LARGE))))


class FoundKeys:
    """The given keys, with other octets in some roles."""

    def __init__(self, given: KeyProvider, found: dict[KeyRole, bytes]) -> None:
        self._given, self.found = given, found

    def __repr__(self) -> str:
        return f"FoundKeys({', '.join(self.found)})"

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key for a role, as `KeyProvider` says."""
        return self.found.get(role) or self._given.key(role, system_title, suite)


def sealed_layers(layer: Layer) -> list[Layer]:
    """The layers with protected APDUs, outermost first. A text whose tag fails may be noise, and noise may begin as a
    protected APDU does: nothing in it counts, and of what stands in a text without a tag only what can be read."""
    own = layer.sealed if layer.sealed is not None and layer.sealed.layer == "apdu" else None
    found = [layer] if own is not None else []
    if own is not None and (own.control & COMPRESSED or (own.encrypted and own.verdict == "failed")):
        return found
    loose = own is not None and own.encrypted and own.verdict == "unauthenticated"
    for inner in layer.inner:
        if inner.inner or inner.sealed is not None:
            found += [one for one in sealed_layers(inner) if one.inner or not loose]
    return found


def sealed_of(messages: Iterable[Message]) -> Iterator[Sealed]:
    """The protected APDUs of a trace in their order."""
    before: dict[str, int] = {}
    for message in messages:
        for layer in sealed_layers(message.layer) if message.layer else ():
            security = layer.sealed
            if security is None or security.invocation_counter is None:
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: APDUs done of all that do not verify, attempts so far, and what the last one gave."""

    done: int
    total: int
    tried: int
    latest: Explained


def search(messages: Sequence[Message], keys: KeyProvider, watch: Callable[[Progress], None] | None = None) -> Search:
    """What explains the protected APDUs that do not verify. Bounded by `SEARCHED` and `BUDGET`. Never raises but what
    `watch`, which is told of each APDU when it is done, raises to stop it."""
    if (all_verify := _all_verify(messages)) is not None:
        return Search(verifying=all_verify)
    items = list(sealed_of(messages))
    searcher = Searcher(keys, _titles(messages), _sides(messages))
    verified: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}  # by side, under the broadcast key or not
    failing = []
    for item in items:
        if not item.message.complete and len(items) > 1:
            continue  # the rest of it was never sent, and its tag with it
        if item.security.verdict == "verified":
            verified[is_broadcast(item)][item.message.direction] += 1
        elif _vouched(item) and not searcher.ends_elsewhere(item):
            continue  # the key is right, and a tag around a text that is damaged matches under no change
        elif item.security.authenticated or item.security.plaintext is None or not item.layer.inner:
            failing.append(item)
        elif item.security.encrypted and not fits(item.layer.inner[0].parsed) and searcher.ends_elsewhere(item):
            failing.append(item)  # what is left over behind the text may be a tag that nothing tells of
    all_broadcast = all(map(is_broadcast, failing))
    verifying = dict(verified[False] + verified[True] if all_broadcast else verified[False])
    if not failing:
        return Search(verifying=verifying)
    reading = _reading(items, failing)
    explained, left = [], 0
    for number, item in enumerate(failing):
        go_on()
        full = number < SEARCHED and searcher.tried < BUDGET
        left += not full
        explained.append(searcher.explain(item, full, mistyped=number < MISTYPED))
        if watch is not None:
            watch(Progress(number + 1, len(failing), searcher.tried, explained[-1]))
    found = None if verifying else _best_keys(explained, keys)
    return Search(
        tuple(explained), verifying, found, left, searcher.tried, reading,
        searcher.streams / len(failing), _expected_hits(explained, True), _expected_hits(explained, False),
    )  # fmt: skip


def _all_verify(messages: Sequence[Message]) -> dict[str, int] | None:
    """What verifies, by side, where all of it does; None where something else is to be searched."""
    verifying: dict[str, int] = {}
    for message in messages:
        for layer in sealed_layers(message.layer) if message.layer and message.security else ():
            if layer.sealed is None or layer.sealed.verdict != "verified" or not message.complete:
                return None
            verifying[message.direction] = verifying.get(message.direction, 0) + 1
    return verifying


def is_broadcast(item: Sealed) -> bool:
    """Whether an APDU is under the broadcast key, which says nothing of the encryption key."""
    return bool(item.content.control & BROADCAST)


def _vouched(item: Sealed) -> bool:
    """Whether a text that is not whole reads as far as noise never does."""
    reading = damaged(item.layer)
    return reading is not None and reading.chance < UNLIKELY


def sender_of(item: Sealed) -> str:
    """Who sealed something, and under which of the two keys: its title, which tells the sides apart where directions are
    not known."""
    title = item.security.system_title
    return f"{title.hex() if title else item.message.direction}{' broadcast' if is_broadcast(item) else ''}"


def _reading(items: Sequence[Sealed], failing: Sequence[Sealed]) -> frozenset[str]:
    """The senders of which more texts read under the given keys than do not, and so well that noise does not explain it."""
    told: frozenset[str] = frozenset()
    for broadcast in (False, True):
        own = [item for item in items if is_broadcast(item) is broadcast]
        told |= _reading_under(own, [item for item in failing if is_broadcast(item) is broadcast])
    return told


def _reading_under(items: Sequence[Sealed], failing: Sequence[Sealed]) -> frozenset[str]:
    """The same of what is under one key."""
    counts: Counter[str] = Counter()
    chances: dict[str, float] = {}
    for item in items:
        side, shown = sender_of(item), item.layer.inner
        if shown and item.security.encrypted and item.security.plaintext is not None:
            inner, promised = shown[0], item.layer.name.startswith(("glo-", "ded-"))
            counts[side] += 1
            chance = reading_of(inner.parsed, inner.start, inner.end, promised).chance
            if fits(inner.parsed):
                chance = min(chance, random_hit(inner.end - inner.start, item.expected, False))
            chances[side] = chances.get(side, 1.0) * chance
    noise = Counter[str](sender_of(item) for item in failing if not item.layer.inner)
    told = frozenset(side for side, chance in chances.items() if chance < UNLIKELY and counts[side] > noise[side])
    # Both sides have one key: what reads of either speaks for it.
    if not told and prod(chances.values()) < UNLIKELY and counts.total() > noise.total():
        return frozenset({*counts, *noise})
    return told


def _expected_hits(explained: Sequence[Explained], plainly: bool) -> float:
    """How many of the encrypted texts that no tag settles are readable by chance under one key stream. Only asked where
    one is; nothing is to be doubted else."""
    if not any(one.hypothesis is not None and not one.verified for one in explained):
        return 0.0
    open_ = [one.item for one in explained if not one.verified and one.item.security.encrypted]
    rows = ((item, len(item.octets) - size) for item in open_ for size in tag_sizes(item.content.control))
    return sum(random_hit(octets, item.expected, plainly) for item, octets in rows if octets > 0)


def random_hit(octets: int, expected: frozenset[int], plainly: bool) -> float:
    """The chance, at most, that so many random octets are, whole, an APDU of the kind that is expected.

    The bounds are of 20,000 random texts for each tag and each length. What is short is an APDU that is little but its
    tag; of longer ones it is DataNotification that asks for least. An exception-response of 3 octets is one whatever its
    values are, `plainly` leaves out those that the standard does not define."""
    bound = SHORT_HIT if octets <= SHORT_TEXT else LONG_HIT
    any_values = 1 / 256 if octets == 3 and EXCEPTION in expected and not plainly else 0.0
    return len(expected) / 256 * bound + any_values


def _sides(messages: Sequence[Message]) -> dict[str, bytes | None]:
    """The system title of each side as the trace tells it anywhere: what an AARQ uses may be told only later."""
    client = next((m.after.client_title for m in messages if m.after.client_title), None)
    meter = next((m.after.server_title for m in messages if m.after.server_title), None)
    return {"client": client, "meter": meter}


def _titles(messages: Sequence[Message]) -> list[bytes]:
    """System titles anywhere in the trace, each once."""
    titles: dict[bytes, None] = {}
    anywhere: dict[bytes, None] = {}  # any octet-string of that length: identifiers, challenges
    for message in messages:
        for title in (message.after.client_title, message.after.server_title, message.before.server_title):
            if title is not None:
                titles[title] = None
        for layer in message.layer.walk() if message.layer else ():
            if layer.sealed is not None and layer.sealed.system_title:
                titles[layer.sealed.system_title] = None
            for node in walk_raw(layer.nodes):
                if isinstance(node[3], bytes) and len(node[3]) == TITLE_OCTETS:
                    anywhere[node[3]] = None
        if len(titles) >= TITLES:
            break
    return list({**titles, **anywhere})[:TITLES]


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
