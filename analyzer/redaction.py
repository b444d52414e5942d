"""Masking of what should not leave the house: keys, passwords, system titles, serial numbers and, if wanted, values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from analyzer.keyring import KeyRing, KeyRole
from analyzer.message import Message
from grammars.kit.spec import walk_raw

SHORTEST = 4  # octets; shorter ones stand everywhere by chance
SECRET_FIELDS = frozenset({"dedicated_key", "calling_authentication_value", "responding_authentication_value"})
MASK = "*"
BETWEEN = r"(?:[ :]|\s{2,200}|\n)?"  # octets in hexadecimal, on one line or over several
WRAPPED = r"(?:\n\s{0,200})?"
SHOWN = 100  # octets or characters at most before a text is cut off


class Redactor:
    """Finds secrets in texts, in hexadecimal of any spacing and as characters, and covers them with asterisks.

    A secret may be broken over several lines, or cut off and end in three dots."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        found = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
        patterns = []
        for secret in found:
            octets = [f"{octet:02X}" for octet in secret]
            patterns += [BETWEEN.join(octets), _cut_off(octets, BETWEEN)]
            text = secret.decode("ascii", "ignore")
            if len(text) == len(secret) and text.isprintable():
                characters = [re.escape(character) if character != " " else r"\s{1,200}" for character in text]
                patterns += [WRAPPED.join(characters), _cut_off(characters, WRAPPED)]
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """A text with every secret in it covered; its length stays."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: re.sub(r"[^\s:]", MASK, found[0]), text)

    def json(self, value: Any) -> Any:
        """A JSON value with every secret in its texts covered."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {key: self.json(item) for key, item in value.items()}
        return value


def _cut_off(parts: list[str], between: str) -> str:
    """A pattern of the beginning of a secret that ends in three dots."""
    rest = ""
    for part in reversed(parts[SHORTEST:SHOWN]):
        rest = f"(?:{between}{part}{rest})?"
    return between.join(parts[:SHORTEST]) + rest + r"(?= ?\.\.\.)"


def secrets_of(messages: Iterable[Message], keys: KeyRing, payload: bool) -> list[bytes]:
    """Keys and titles that were given, and titles, passwords, dedicated keys and, with `payload`, values of a trace."""
    found: list[bytes] = [*keys.titles(), *keys.client_titles()]
    roles: tuple[KeyRole, ...] = ("ek", "bek", "ak", "dedicated", "kek", "password")
    for role in roles:
        found += [candidate.secret.value for candidate in keys.candidates(role)]
    for message in messages:
        for layer in message.layer.walk() if message.layer else ():
            if layer.sealed is not None and layer.sealed.system_title:
                found.append(layer.sealed.system_title)
            for node in walk_raw(layer.nodes):
                spec, _, _, value = node
                if spec.hole == "system_title" or spec.name in SECRET_FIELDS or (payload and spec.type):
                    found += _octets_in(value)
        found += [title for title in (message.after.client_title, message.after.server_title) if title]
    found += [title[3:] for title in found if len(title) == 8]  # the serial number of a title
    return found


def _octets_in(value: object) -> list[bytes]:
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, list):
        return [octets for node in value for octets in _octets_in(node[3])]
    return []
