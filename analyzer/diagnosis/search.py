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
from random import Random

from analyzer.decryptor import TITLE_OCTETS, Protected
from analyzer.diagnosis.searcher import Explained, Sealed, Searcher
from analyzer.frame import reads_whole
from analyzer.keyring import KeyProvider, KeyRole
from analyzer.message import Message
from analyzer.readable import UNLIKELY, damaged, reading_of
from grammars.apdu import APDU
from grammars.kit.spec import find_raw, walk_raw
from grammars.tables.apdu import APDU_TAGS, CIASE_TAGS

SEARCHED = 60  # APDUs of one trace that are searched in full; the others only try what explained these
BUDGET = 80_000  # attempts of a search; under a second
MISTYPED = 16  # APDUs of one trace for which each octet of the title is tried with each value
TITLES = 16  # further titles of the trace that are tried
RANDOM_TEXTS = 2000  # looked at for the chance of a random hit
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
    """Everything that did not verify, and what explains it. `verifying` counts what verifies as given, by side.

    `keys` are given keys with those in the place of the wrong ones that open the trace, None if the given do or
    none were found. `left` is how many APDUs were not searched in full."""

    explained: tuple[Explained, ...] = ()
    verifying: dict[str, int] = field(default_factory=dict)
    keys: KeyProvider | None = None
    left: int = 0
    tried: int = 0
    reading: frozenset[str] = frozenset()  # sides most of whose texts read under the given keys, which noise would not
    chance: float = 0.0  # that a text is readable under some of the attempts and means nothing


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
    items = list(sealed_of(messages))
    verifying: dict[str, int] = {}
    failing = []
    for item in items:
        if item.security.verdict == "verified":
            verifying[item.message.direction] = verifying.get(item.message.direction, 0) + 1
        elif damaged(item.layer) is not None:
            continue  # the key is right, and a tag around a text that is damaged matches under no change
        elif item.security.authenticated or item.security.plaintext is None or not item.layer.inner:
            failing.append(item)
    if not failing:
        return Search(verifying=verifying)
    reading = _reading(items, failing)
    searcher = Searcher(keys, _titles(messages), _sides(messages))
    explained, left = [], 0
    for number, item in enumerate(failing):
        full = number < SEARCHED and searcher.tried < BUDGET
        left += not full
        explained.append(searcher.explain(item, full, mistyped=number < MISTYPED))
        if watch is not None:
            watch(Progress(number + 1, len(failing), searcher.tried, explained[-1]))
    found = None if verifying else _best_keys(explained, keys)
    read = [one for one in explained if one.hypothesis is not None and not one.verified and one.hypothesis.changes]
    chance = searcher.streams / len(failing) * random_hit(read[0]) if read else 0.0
    return Search(tuple(explained), verifying, found, left, searcher.tried, reading, chance)


def _reading(items: Sequence[Sealed], failing: Sequence[Sealed]) -> frozenset[str]:
    """The sides of which more texts read under the given keys than do not, and so well that noise does not explain it."""
    counts: Counter[str] = Counter()
    chances: dict[str, float] = {}
    for item in items:
        side, shown = item.message.direction, item.layer.inner
        if shown and item.security.encrypted and item.security.plaintext is not None:
            inner, promised = shown[0], item.layer.name.startswith(("glo-", "ded-"))
            counts[side] += 1
            chance = reading_of(inner.parsed, inner.start, inner.end, promised).chance
            chances[side] = chances.get(side, 1.0) * chance
    noise = Counter[str](item.message.direction for item in failing if not item.layer.inner)
    return frozenset(side for side, chance in chances.items() if chance < UNLIKELY and counts[side] > noise[side])


def random_hit(one: Explained) -> float:
    """The chance that random octets of the length of a text are, whole, an APDU of the kind that was expected.

    Estimated from as many random texts with a right first octet; where none of them fits, one more would have."""
    source, size = Random(len(one.plaintext or b"")), len(one.plaintext or b"")
    expected = sorted(one.item.expected)
    texts = (bytes((source.choice(expected),)) + source.randbytes(max(0, size - 1)) for _ in range(RANDOM_TEXTS))
    return len(expected) / 256 * (1 + sum(reads_whole(APDU, text) for text in texts)) / RANDOM_TEXTS


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
