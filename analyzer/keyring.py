"""Key material: the key file, the key options, plug-ins, and who gets which key.

Whoever needs a key asks a `KeyProvider` for a role, the system title of the *meter* (also for what the client
sent: keys belong to a meter) and a suite. `KeyRing` is the provider made of key files, options and plug-ins.

No text that leaves this module carries a key: `Secret` has no readable form, and every complaint names the
field, what was expected and how much was found, never the value. Files are read by a function that the
caller passes in; nothing here opens one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal, NoReturn, Protocol

KeyRole = Literal[
    "ek", "bek", "ak", "dedicated", "kek", "password",
    "client_certificate", "client_private_key", "server_certificate",
]  # fmt: skip
Read = Callable[[str], bytes]

ENTRY_POINT_GROUP = "dlmscope.key_providers"

# Role: the field of the key file, and how people call it.
_SECRETS: dict[KeyRole, tuple[str, str]] = {
    "ek": ("global_unicast_encryption_key", "EK"),
    "bek": ("global_broadcast_encryption_key", "BEK"),
    "ak": ("authentication_key", "AK"),
    "dedicated": ("dedicated_key", "dedicated key"),
    "kek": ("key_encrypting_key", "KEK"),
    "password": ("password", "password"),
}
_FILES: tuple[KeyRole, ...] = ("client_certificate", "client_private_key", "server_certificate")
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

_SEPARATORS = re.compile(r"[\s:,_-]+")
_HEX_TEXT = re.compile(rb"[0-9A-Fa-f]+")


class KeyFileError(ValueError):
    """Key material that cannot be used. One line: field, what was expected; never the value."""


class KeyProviderError(RuntimeError):
    """A key plug-in that cannot be loaded or that fails. One line with its name."""


class KeyProvider(Protocol):
    """Where keys come from: a file, a vault, a hardware module."""

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key of a meter (None: not known which) for a security suite (0, 1, 2), or None."""
        ...


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
class Candidate:
    """One key for a search, with a label such as "meter 'name' EK"."""

    label: str
    role: KeyRole
    secret: Secret


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
        if role not in _SECRETS and role not in _FILES:
            return None
        found: Secret | KeyFile | None = getattr(self, _SECRETS[role][0] if role in _SECRETS else role)
        return found

    def issues(self) -> Iterator[KeyIssue]:
        """What is odd about the lengths: a key has 16 octets, or 32 in suite 2, and a system title 8."""
        for role, (name, _) in _SECRETS.items():
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


class KeyRing:
    """Keys of several meters, and further providers that are asked after them.

    A meter with the wanted system title comes before one without a title; among equals, one whose key has the
    length of the suite, then the first. `issues` are the odd lengths of all.
    """

    def __init__(self, meters: Iterable[MeterKeys] = (), providers: Iterable[KeyProvider] = ()) -> None:
        self.meters = tuple(
            meter if meter.label else replace(meter, label=_label(meter.name, number))
            for number, meter in enumerate(meters, 1)
        )
        self.providers = tuple(providers)
        self.issues = tuple(issue for meter in self.meters for issue in meter.issues())

    @classmethod
    def from_toml(cls, text: str, base_dir: Path | None = None, read: Read | None = None) -> KeyRing:
        """The keys of a key file. Certificates are paths relative to `base_dir`, read by `read` on demand.

        Raises KeyFileError, in one line that names the field.
        """
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
        return cls(_meter(table, number, base_dir, read) for number, table in enumerate(tables, 1))

    @classmethod
    def from_options(
        cls,
        ek: str | None = None,
        ak: str | None = None,
        bek: str | None = None,
        dedicated_key: str | None = None,
        kek: str | None = None,
        client_title: str | None = None,
        server_title: str | None = None,
        password: str | None = None,
    ) -> KeyRing:
        """The keys of the options of that name, as typed: one meter, or none where nothing was given.

        Raises KeyFileError, in one line that names the option.
        """
        options = (
            ("--ek", "global_unicast_encryption_key", ek), ("--ak", "authentication_key", ak),
            ("--bek", "global_broadcast_encryption_key", bek), ("--kek", "key_encrypting_key", kek),
            ("--dedicated-key", "dedicated_key", dedicated_key), ("--password", "password", password),
            ("--client-title", "client_system_title", client_title),
            ("--server-title", "system_title", server_title),
        )  # fmt: skip
        given = {name: _value(name, text, option) for option, name, text in options if text is not None}
        return cls([MeterKeys(label="command line", **given)] if given else [])  # type: ignore[arg-type]

    def joined(self, other: KeyRing) -> KeyRing:
        """This ring with the meters and providers of another behind its own."""
        return KeyRing(self.meters + other.meters, self.providers + other.providers)

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key for a role, the system title of the meter and a suite, or None.

        Without a title (the AARQ comes before the meter's is known) the entries without one serve, else the
        key on which all titled entries agree. Raises KeyFileError for a file that cannot be read,
        KeyProviderError for a plug-in that fails.
        """
        if role not in _SECRETS and role not in _FILES:
            return None  # nobody was given it, and no plug-in is asked for what it cannot know
        values = self._values(role, system_title)
        if not values and system_title is not None:
            values = self._values(role, None)
        elif not values:
            agreed = {value for title in self.titles() for value in self._values(role, title)}
            values = list(agreed) if len(agreed) == 1 else []
        if values:
            # A password or a certificate is as long as it is.
            wanted = None if role in (*_FILES, "password") else 32 if suite == 2 else 16
            return next((value for value in values if len(value) == wanted), values[0])
        for provider in self.providers:
            if (value := _asked(provider, role, system_title, suite)) is not None:
                return value
        return None

    def _values(self, role: KeyRole, system_title: bytes | None) -> list[bytes]:
        mine = (meter.material(role) for meter in self.meters if meter.system_title == system_title)
        return [found.value for found in mine if found is not None]

    def titles(self) -> tuple[bytes, ...]:
        """The system titles of the meters, each once, in the order of the file."""
        return tuple(dict.fromkeys(m.system_title for m in self.meters if m.system_title is not None))

    def client_titles(self) -> tuple[bytes, ...]:
        """The system titles of clients, each once, in the order of the file."""
        given = (m.client_system_title for m in self.meters if m.client_system_title is not None)
        return tuple(dict.fromkeys(given))

    def candidates(self, role: KeyRole) -> tuple[Candidate, ...]:
        """Every key of a role that was given, labelled, for searches. Files and plug-ins list none."""
        found = ((meter.label, meter.material(role)) for meter in self.meters)
        return tuple(
            Candidate(f"{label} {_SECRETS[role][1]}", role, secret)
            for label, secret in found
            if isinstance(secret, Secret)
        )

    def describe(self) -> str:
        """What is here, a line for each meter and plug-in, without any secret."""
        names = {role: name for role, (_, name) in _SECRETS.items()}
        names |= {role: role.replace("_", " ") for role in _FILES}
        lines = []
        for meter in self.meters:
            title = meter.system_title.hex().upper() if meter.system_title is not None else "any meter"
            held = [name for role, name in names.items() if meter.material(role) is not None]
            lines.append(f"{meter.label} ({title}): {', '.join(held) or 'no keys'}")
        lines += [f"plug-in {type(provider).__name__}" for provider in self.providers]
        return "\n".join(lines) or "no keys"

    def __repr__(self) -> str:
        return f"KeyRing({len(self.meters)} meters, {len(self.providers)} plug-ins)"


def load_entry_point_providers() -> list[KeyProvider]:
    """The providers that installed packages offer in the entry-point group dlmscope.key_providers.

    An entry is a provider, or a class or function that makes one. Raises KeyProviderError for one that fails.
    """
    from importlib.metadata import entry_points  # 15 ms, and few have a plug-in

    providers: list[KeyProvider] = []
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            found = entry.load()
            provider = found() if isinstance(found, type) or not hasattr(found, "key") else found
        except Exception as problem:
            words = f"key plug-in {entry.name!r} cannot be loaded: {_one_line(problem)}"
            raise KeyProviderError(words) from problem
        if not callable(getattr(provider, "key", None)):
            raise KeyProviderError(f"key plug-in {entry.name!r}: expected an object with a method key()")
        providers.append(provider)
    return providers


def _asked(provider: KeyProvider, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
    name = type(provider).__name__
    try:
        value: object = provider.key(role, system_title, suite)
    except Exception as problem:
        raise KeyProviderError(f"key plug-in {name} failed for {role}: {_one_line(problem)}") from problem
    if value is None or isinstance(value, bytes):
        return value
    raise KeyProviderError(f"key plug-in {name} gave {type(value).__name__} for {role}, expected bytes")


def _one_line(problem: Exception) -> str:
    return " ".join(f"{type(problem).__name__} {problem}".split())


def _label(name: str, number: int) -> str:
    return f"meter {name!r}" if name else f"meter {number}"


def _meter(table: dict[str, object], number: int, base_dir: Path | None, read: Read | None) -> MeterKeys:
    name = table.get("name")
    label = _label(name if isinstance(name, str) else "", number)
    values: dict[str, object] = {}
    for key, entry in table.items():
        where = f"{label}, {key}"
        if key not in _FIELDS:
            raise KeyFileError(f"{where}: unknown field, {_near(key)}")
        if not isinstance(entry, str):
            raise KeyFileError(f"{where}: expected text in quotes, found {type(entry).__name__}")
        if key == "name":
            values[key] = entry
        elif key in _FILES:
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
