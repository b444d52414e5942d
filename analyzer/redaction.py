"""Masking of what should not leave the house: keys, passwords, system titles, serial numbers and, if wanted, values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.meter_keys import KeyRole
from grammars.kit.spec import walk_raw
from grammars.meanings import is_secret

SHORTEST = 4  # octets, characters or digits; shorter ones stand everywhere by chance
SECRET_FIELDS = frozenset({"dedicated_key", "calling_authentication_value", "responding_authentication_value"})
MASK = "*"
GAPS = re.compile(r"[^\s:]")  # what stands between octets and may break a text: everything else counts
NUMBER = re.compile(r"(?<![\w.])\d[\d.]*(?![\w])")
CUT = "..."
VALUES = frozenset({"value", "values", "scaled", "rows", "a", "b"})  # of the JSON: what holds values


class Redactor:
    """Finds secrets in texts, in hexadecimal of any spacing and as characters, and covers them with asterisks.

    A secret may be broken over several lines, or cut off and end in three dots. Secrets that are numbers are covered
    where their digits stand alone, with or without a decimal point.
    """

    def __init__(self, secrets: Iterable[bytes | int]) -> None:
        self._index: dict[str, set[str]] = {}
        self._numbers: set[str] = set()
        for secret in set(secrets):
            if isinstance(secret, int):
                if abs(secret) >= 10 ** (SHORTEST - 1):
                    self._numbers.add(_digits(str(abs(secret))))
                continue
            if len(secret) >= SHORTEST:
                self._add(secret.hex().upper(), 2 * SHORTEST)
                text = secret.decode("ascii", "ignore")
                if len(text) == len(secret) and text.isprintable():
                    self._add("".join(GAPS.findall(text)).upper(), SHORTEST)
        # A capture may have a million secrets that begin alike: one is looked up for each length, not each secret.
        self._sizes = {
            start: sorted({len(text) for text in texts}, reverse=True) for start, texts in self._index.items()
        }

    def _add(self, text: str, shortest: int) -> None:
        if len(text) >= shortest:
            self._index.setdefault(text[:SHORTEST], set()).add(text)

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """A text with every secret in it covered; its length stays."""
        if self._index:
            text = self._octets_covered(text)
        if self._numbers:
            text = NUMBER.sub(self._number_covered, text)
        return text

    def _octets_covered(self, text: str) -> str:
        places = [found.start() for found in GAPS.finditer(text)]
        view = "".join([text[place] for place in places])
        view = view.upper() if len(view.upper()) == len(view) else "".join(map(_upper, view))
        covered: list[int] = []
        at, index = 0, self._index
        while at <= len(view) - SHORTEST:
            size = self._longest(view, at) if view[at : at + SHORTEST] in index else 0
            covered += places[at : at + size]
            at += size or 1
        if not covered:
            return text
        characters = list(text)
        for place in covered:
            characters[place] = MASK
        return "".join(characters)

    def _longest(self, view: str, at: int) -> int:
        """How many characters at a place belong to a secret, whole or cut off."""
        start = view[at : at + SHORTEST]
        secrets, sizes = self._index[start], self._sizes[start]
        for size in sizes:
            if view[at : at + size] in secrets:
                return size
        stop = view.find(CUT, at, at + sizes[0] + len(CUT))
        shown = view[at:stop] if stop - at >= SHORTEST else ""
        return len(shown) if shown and any(secret.startswith(shown) for secret in secrets) else 0

    def _number_covered(self, found: re.Match[str]) -> str:
        text = found[0]
        secret = sum(map(str.isdigit, text)) >= SHORTEST and _digits(text) in self._numbers
        return re.sub(r"\d", MASK, text) if secret else text

    def json(self, value: Any, inside: bool = False) -> Any:
        """A JSON value with every secret in its texts covered, and every number that is a value and a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item, inside) for item in value]
        if isinstance(value, dict):
            return {key: self.json(item, inside or key in VALUES) for key, item in value.items()}
        if inside and isinstance(value, int | float) and not isinstance(value, bool):
            return self.text(str(value)) if _digits(str(value)) in self._numbers else value
        return value


class Learner:
    """Covers the secrets that have shown up so far, of messages that come one after the other, whoever they are of."""

    def __init__(self, keys: KeyRing, payload: bool) -> None:
        self._keys, self._payload = keys, payload
        self._secrets = secrets_of((), keys, False)
        self.redactor = Redactor(self._secrets)

    def __repr__(self) -> str:
        return "Learner()"

    def learn(self, messages: Iterable[Message]) -> None:
        """The secrets of these messages are covered from now on."""
        found = secrets_of(messages, self._keys, self._payload)
        if not found <= self._secrets:
            self._secrets |= found
            self.redactor = Redactor(self._secrets)

    def with_values(self, messages: Iterable[Message]) -> Redactor:
        """What covers the values of some messages as well; they are not kept."""
        return Redactor(self._secrets | secrets_of(messages, self._keys, True))


def _digits(text: str) -> str:
    """The digits of a number that a scaler leaves as they are."""
    return text.replace(".", "").replace("-", "").strip("0")


def _upper(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 else character


def secrets_of(messages: Iterable[Message], keys: KeyRing, payload: bool) -> set[bytes | int]:
    """Keys and titles that were given, and titles, passwords, dedicated keys and, with `payload`, values of a trace."""
    found: set[bytes | int] = {*keys.titles(), *keys.client_titles()}
    roles: tuple[KeyRole, ...] = ("ek", "bek", "ak", "dedicated", "kek", "password")
    for role in roles:
        found.update(candidate.secret.value for candidate in keys.candidates(role))
    for message in messages:
        for layer in message.layer.walk() if message.layer else ():
            if layer.sealed is not None and layer.sealed.system_title:
                found.add(layer.sealed.system_title)
            for node in walk_raw(layer.nodes):
                spec, _, _, value = node
                if spec.hole == "system_title" or spec.name in SECRET_FIELDS:
                    found.update(_values_in(value, False))
                elif payload and spec.type:
                    found.update(_values_in(value, True))
        for one in message.objects:
            if one.value is not None and is_secret(one.class_id or 0, one.attribute_id or 0):
                found.update(_values_in(one.value[3], False))
            if payload and one.profile is not None:
                found.update(
                    c.value for row in one.profile.rows() for c in row if c.filled and isinstance(c.value, bytes | int)
                )
        found.update(title for title in (message.after.client_title, message.after.server_title) if title)
    titles = [title for title in found if isinstance(title, bytes) and len(title) == 8]
    return found.union(title[3:] for title in titles)  # a title's serial number


def _values_in(value: object, numbers: bool) -> list[bytes | int]:
    """The octets in a value, and its numbers if they are wanted."""
    if isinstance(value, bytes) or (numbers and isinstance(value, int) and not isinstance(value, bool)):
        return [value]
    if isinstance(value, list):
        return [found for node in value for found in _values_in(node[3], numbers)]
    return []
