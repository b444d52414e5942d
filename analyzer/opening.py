"""What opens a protected APDU: keys that were given, that the APDU carries, that the trace transferred or used before."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from analyzer.association import Association
from analyzer.decryptor import AUTHENTICATED, BROADCAST, SUITE_BITS, TITLE_OCTETS, Decryptor, Opened, Protected
from analyzer.hls import HlsUnknown
from analyzer.keymaterial import carried_keys, transferred_keys
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.message import Layer
from analyzer.meter_keys import KeyRole
from analyzer.model import Direction
from analyzer.readable import reading_of, reads
from grammars.apdu import APDU
from grammars.kit.spec import find_int, find_raw, walk_raw
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

ENOUGH = 2  # texts that a key opened whole; then it is the right one
RARE = 1e-3  # the chance that noise reads so far, under a key that has opened others
NOT_LEARNT = ("keys", "decryptor", "_given")
ASKED = 256  # keys that are remembered, so that a vault is asked once for each


class Opener:
    """Opens the protected content of the APDUs of one trace; remembers the keys that the trace itself brings. `keys` answers
    for each role, title and suite."""

    def __init__(self, keys: KeyProvider) -> None:
        self.keys = keys
        self.decryptor = Decryptor()
        self._given = lru_cache(maxsize=ASKED)(keys.key)
        self.moved: dict[bytes | None, dict[str, bytes]] = {}  # keys that the trace itself transferred, by meter
        self.session: dict[bytes | None, list[tuple[str, bytes | None, bytes | None]]] = {}  # keys of general-ciphering
        self.offered: dict[bytes | None, dict[str, bytes]] = {}  # those that the meter has not confirmed yet
        self.whole: dict[tuple[str, bytes | None], int] = {}  # texts that a key opened whole, by role and title

    def state(self) -> dict[str, Any]:
        """What has been learnt, without the given keys: for `restore`."""
        return {name: value for name, value in vars(self).items() if name not in NOT_LEARNT}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with what another one has learnt."""
        vars(self).update(state)

    def opened_whole(self, role: str, title: bytes | None) -> None:
        """Takes note of a text that a key opened and that reads to its end."""
        self.whole[role, title] = min(ENOUGH, self.whole.get((role, title), 0) + 1)

    def opened(
        self, association: Association, direction: Direction, layer: Layer, content: Protected
    ) -> tuple[str, Opened]:
        """What the keys make of protected content: the first that verifies, else the first of all."""
        given, suite = _role(layer, content.control), content.control & SUITE_BITS
        tries: list[tuple[str, bytes | None, bytes | None]] = []
        authentication = self._key(association, direction, "ak", content.system_title, suite)
        why = ""
        if layer.name == "general-ciphering":
            try:
                carried = carried_keys(layer, content, direction, self.keys)
            except HlsUnknown as problem:
                carried, why = [], str(problem)
            tries += [(name, key, authentication) for name, key in carried]
            if find_raw(layer.nodes, "identified-key") is None and not carried and not why:
                tries += self.session.get(association.server_title, [])  # no key-info: the key of the last time
        moved = self.moved.get(association.server_title, {})
        if moved:
            new_key = moved.get(given, self._key(association, direction, given, content.system_title, suite))
            tries.append((given, new_key, moved.get("ak", authentication)))
        if why:
            return given, Opened(None, "no-key", why)
        tries.append((given, self._key(association, direction, given, content.system_title, suite), authentication))
        tries += self._of_any_meter(association, given, suite)
        results = [(role, self.decryptor.unprotect(content, key, own)) for role, key, own in tries]
        best = next((n for n, (_, opened) in enumerate(results) if opened.verdict == "verified"), 0)
        if results[best][0] in ("wrapped", "agreed") and results[best][1].verdict == "verified":
            self.session[association.server_title] = [tries[best]]
        role, opened = results[best]
        if opened.verdict == "no-key" and isinstance(self.keys, KeyRing) and tries[best][1] is None:
            if self.keys.candidates(given):
                return role, Opened(None, "no-key", "the given encryption key is for another meter")
        return role, opened

    def reads(self, layer: Layer, role: str, content: Protected, text: bytes) -> bool:
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

    def given_title(self, direction: str) -> bytes | None:
        """The system title of a side that the trace does not tell, if the keys leave only one."""
        if not isinstance(self.keys, KeyRing):
            return None
        known = {"client": self.keys.client_titles(), "meter": self.keys.titles()}.get(direction, ())
        return known[0] if len(known) == 1 else None

    def transfer(self, title: bytes | None, plain: Layer) -> None:
        """Keys that an ACTION of the security setup brings, once the meter has taken them."""
        if plain.name == "action-request":
            offered = transferred_keys(plain.nodes, self.keys.key("kek", title, 0) or self.keys.key("kek", title, 2))
            if offered:
                self.offered[title] = offered
        elif plain.name == "action-response" and title in self.offered:
            offered = self.offered.pop(title)
            if find_int(plain.nodes, "single_response.result") == 0:
                self.moved.setdefault(title, {}).update(offered)

    def _of_any_meter(
        self, association: Association, role: KeyRole, suite: int
    ) -> list[tuple[str, bytes | None, bytes | None]]:
        """The keys of every meter in the key file, while the trace does not tell which one it is: the AARQ does not."""
        ring = self.keys
        if association.server_title is not None or not isinstance(ring, KeyRing) or len(ring.titles()) < 2:
            return []
        return [(role, ring.key(role, title, suite), ring.key("ak", title, suite)) for title in ring.titles()]

    def _key(
        self, association: Association, direction: Direction, role: KeyRole, title: bytes | None, suite: int
    ) -> bytes | None:
        if role == "dedicated" and association.dedicated_key:
            return association.dedicated_key
        # Keys belong to the meter: whoever sent the APDU, its title is what the key file knows.
        meter = association.server_title
        owner = title if direction != "client" else meter
        return self._given(role, owner or meter, suite)


def _role(layer: Layer, control: int) -> KeyRole:
    if layer.name.startswith("ded-") or layer.name == "general-ded-ciphering":
        return "dedicated"
    return "bek" if control & BROADCAST else "ek"


def protected_of(layer: Layer, data: bytes, title_of_sender: bytes | None) -> Protected:
    """The protected content of a layer with the title of its sender, as the decryptor wants it."""
    nodes = layer.nodes
    found = {node[0].name: node for node in reversed(list(walk_raw(nodes)))}  # of each name the first
    text, tag = found["ciphered_text"], found.get("authentication_tag")
    named = found.get("originator_system_title") or found.get("system_title")
    title: bytes | None = bytes(named[3]) if named is not None and isinstance(named[3], bytes) else None
    if title is None or len(title) != TITLE_OCTETS:
        title = title_of_sender or title or None
    header = b""
    first, last = found.get("transaction_id"), found.get("other_information")
    if first is not None and last is not None:
        header = data[first[1] : last[2]]
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
