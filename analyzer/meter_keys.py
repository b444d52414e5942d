"""The key material of one meter as people write it: in a key file, or as the text of an option.

No text that leaves this module carries a key: `Secret` has no readable form, and every complaint names the
field, what was expected and how much was found, never the value. Files are read by a function that the
caller passes in; nothing here opens one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, NoReturn

KeyRole = Literal[
    "ek", "bek", "ak", "dedicated", "kek", "password",
    "client_certificate", "client_private_key", "server_certificate",
]  # fmt: skip
Read = Callable[[str], bytes]

# Role: the field of the key file, and how people call it.
SECRETS: dict[KeyRole, tuple[str, str]] = {
    "ek": ("global_unicast_encryption_key", "EK"),
    "bek": ("global_broadcast_encryption_key", "BEK"),
    "ak": ("authentication_key", "AK"),
    "dedicated": ("dedicated_key", "dedicated key"),
    "kek": ("key_encrypting_key", "KEK"),
    "password": ("password", "password"),
}
FILES: tuple[KeyRole, ...] = ("client_certificate", "client_private_key", "server_certificate")
_TITLES = ("system_title", "client_system_title")
# What the literature and other tools call the same things, too far from our names for a near match.
_ALIASES = {
    "global_unicast_encryption_key": "ek guek encryption_key block_cipher_key unicast_key",
    "global_broadcast_encryption_key": "bek gbek broadcast_key",
    "authentication_key": "ak gak",
    "key_encrypting_key": "kek master_key",
    "system_title": "title server_title server_system_title meter_system_title",
    "client_system_title": "client_title",
    "password": "secret lls_password hls_secret",
}

OPTIONS = {
    "global_unicast_encryption_key": "--ek", "authentication_key": "--ak", "global_broadcast_encryption_key": "--bek",
    "key_encrypting_key": "--kek", "dedicated_key": "--dedicated-key", "password": "--password",
    "client_system_title": "--client-title", "system_title": "--server-title",
}  # fmt: skip

_SEPARATORS = re.compile(r"[\s:,_-]+")
_HEX_TEXT = re.compile(rb"[0-9A-Fa-f]+")


class KeyFileError(ValueError):
    """Key material that cannot be used. One line: field, what was expected; never the value."""


class Secret:
    """Octets that never show: neither repr, str nor format has them. `value` and `typed` are explicit.

    `typed` is the text as the person wrote it, for the question whether the key was meant otherwise.
    No dataclass, so that `asdict` of what holds it does not unfold it.
    """

    __slots__ = ("typed", "value")

    def __init__(self, value: bytes, typed: str = "") -> None:
        self.value = value
        self.typed = typed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<secret, {len(self.value)} octets>"


class KeyFile:
    """A certificate or private key in a file, read once, when it is first asked for.

    Complaints name the field and not the path: somebody may have put the key itself there.
    """

    __slots__ = ("_content", "_path", "_read", "_where")

    def __init__(self, path: str, read: Read | None, where: str) -> None:
        self._path, self._read, self._where = path, read, where
        self._content: bytes | None = None

    def __repr__(self) -> str:
        return "<key file>"

    @property
    def path(self) -> str:
        """The path, for a form that edits it. Not for messages."""
        return self._path

    @property
    def value(self) -> bytes:
        """The octets of the file. Raises KeyFileError."""
        if self._content is None:
            if self._read is None:
                raise KeyFileError(f"{self._where}: names a file, but nothing to read files with was given")
            try:
                self._content = self._read(self._path)
            except (OSError, ValueError) as problem:
                why = getattr(problem, "strerror", None) or type(problem).__name__
                raise KeyFileError(f"{self._where}: the file cannot be read ({why})") from None
        return self._content


@dataclass(frozen=True, slots=True)
class KeyIssue:
    """Something odd about a key that was accepted all the same. `field` as in the key file."""

    field: str
    text: str
    meter: str = ""


@dataclass(frozen=True, slots=True)
class MeterKeys:
    """One [[meter]] table of a key file. Titles are octets; `label` is what a message calls the entry."""

    name: str = ""
    system_title: bytes | None = None
    global_unicast_encryption_key: Secret | None = None
    global_broadcast_encryption_key: Secret | None = None
    authentication_key: Secret | None = None
    dedicated_key: Secret | None = None
    key_encrypting_key: Secret | None = None
    password: Secret | None = None
    client_system_title: bytes | None = None
    client_certificate: KeyFile | None = None
    client_private_key: KeyFile | None = None
    server_certificate: KeyFile | None = None
    label: str = field(default="", compare=False)

    def material(self, role: KeyRole) -> Secret | KeyFile | None:
        """What this meter has for a role; its `value` are the octets. None as well for what is no role of a key file, such
        as a key that travelled in an APDU."""
        if role not in SECRETS and role not in FILES:
            return None
        found: Secret | KeyFile | None = getattr(self, SECRETS[role][0] if role in SECRETS else role)
        return found

    def issues(self) -> Iterator[KeyIssue]:
        """What is odd about the lengths: a key has 16 octets, or 32 in suite 2, and a system title 8."""
        for role, (name, _) in SECRETS.items():
            secret = self.material(role)
            if secret is None or role == "password":
                continue
            octets = len(secret.value)
            if octets not in (16, 32):
                yield KeyIssue(name, f"{octets} octets; suites 0 and 1 take 16, suite 2 takes 32", self.label)
            elif _HEX_TEXT.fullmatch(secret.value):
                text = f"all {octets} octets are ASCII hex digits: the text of a key, not the key?"
                yield KeyIssue(name, text, self.label)
        for name in _TITLES:
            title = getattr(self, name)
            if title is not None and len(title) != 8:
                yield KeyIssue(name, f"{len(title)} octets; a system title has 8", self.label)


_FIELDS = tuple(f.name for f in fields(MeterKeys) if f.name != "label")


def meters_of(text: str, base_dir: Path | None, read: Read | None) -> list[MeterKeys]:
    """The meters of a key file. Raises KeyFileError, in one line that names the field."""
    try:
        document = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as problem:
        # Not chained: later versions of that exception carry the whole document, keys and all.
        raise KeyFileError(f"the key file is no valid TOML: {problem}") from None
    for name in document.keys() - {"meter"}:
        hint = "it belongs below a line [[meter]]" if name in _FIELDS else "expected [[meter]]"
        raise KeyFileError(f"{name}: unknown at the top of a key file, {hint}")
    tables = document.get("meter", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise KeyFileError("meter: expected a table written as [[meter]], with two brackets")
    return [_meter(table, number, base_dir, read) for number, table in enumerate(tables, 1)]


def meter_of_options(**texts: str | None) -> MeterKeys | None:
    """The keys of the options, as typed, by the fields of a key file; None where none was given.

    Raises KeyFileError, in one line that names the option.
    """
    given = {name: _value(name, text, OPTIONS[name]) for name, text in texts.items() if text is not None}
    return MeterKeys(label="command line", **given) if given else None  # type: ignore[arg-type]


def label_of(name: str, number: int) -> str:
    """What a message calls a meter of a key file."""
    return f"meter {name!r}" if name else f"meter {number}"


def _meter(table: dict[str, object], number: int, base_dir: Path | None, read: Read | None) -> MeterKeys:
    name = table.get("name")
    label = label_of(name if isinstance(name, str) else "", number)
    values: dict[str, object] = {}
    for key, entry in table.items():
        where = f"{label}, {key}"
        if key not in _FIELDS:
            raise KeyFileError(f"{where}: unknown field, {_near(key)}")
        if not isinstance(entry, str):
            raise KeyFileError(f"{where}: expected text in quotes, found {type(entry).__name__}")
        if key == "name":
            values[key] = entry
        elif key in FILES:
            values[key] = KeyFile(str(base_dir / entry) if base_dir else entry, read, where)
        else:
            values[key] = _value(key, entry, where)
    return MeterKeys(label=label, **values)  # type: ignore[arg-type]


def _near(name: str) -> str:
    from difflib import get_close_matches

    lowered = name.lower().replace("-", "_")
    meant = [real for real, aliases in _ALIASES.items() if lowered in aliases.split()]
    if meant := meant or get_close_matches(lowered, _FIELDS, 1):
        return f"did you mean {meant[0]}?"
    return f"expected one of {', '.join(_FIELDS)}"


def _value(name: str, text: str, where: str) -> Secret | bytes:
    """A typed value of a field as what the field holds: a title, a password or a key."""
    if name in _TITLES:
        return _octets(text, where, "hex digits")
    if name == "password" and not text.lower().startswith("0x"):
        return Secret(text.encode(), text)
    expected = "text, or 0x and hex digits" if name == "password" else "hex digits"
    return Secret(_octets(text, where, expected), text)


def _octets(text: str, where: str, expected: str) -> bytes:
    """Hex as people type it: in groups, with colons or dashes, with 0x before all of it or each octet."""

    def refuse(found: str) -> NoReturn:
        raise KeyFileError(f"{where}: expected {expected} in pairs, found {found}")

    digits = ""
    for group in filter(None, _SEPARATORS.split(text)):
        bare = group[2:] if group[:2] in ("0x", "0X") else group
        if bare is not group and len(bare) % 2:
            refuse("an odd number of digits behind a 0x")
        digits += bare
    if not digits:
        refuse("nothing")
    for position, character in enumerate(digits, 1):
        if character not in "0123456789abcdefABCDEF":
            refuse(f"something else as digit {position}")
    if len(digits) % 2:
        refuse(f"{len(digits)} digits")
    return bytes.fromhex(digits)
