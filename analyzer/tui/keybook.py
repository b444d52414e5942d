"""Keys while somebody types them: entries of texts, checked field by field, as a ring, and as the text of a key file.

Nothing here shows a key by itself: `repr` counts, and texts leave only by `text`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from analyzer.inputs import read_key_file
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.meter_keys import KeyFile, KeyFileError, MeterKeys, Secret

# The fields of a key file in the order of the form: name, title, hint. Those of PUBLIC are no secrets.
FIELDS: tuple[tuple[str, str, str], ...] = (
    ("name", "Name", "free text"),
    ("global_unicast_encryption_key", "EK", "encryption key, hex"),
    ("authentication_key", "AK", "authentication key, hex"),
    ("system_title", "Meter title", "8 octets, hex; empty: any meter"),
    ("client_system_title", "Client title", "8 octets, hex"),
    ("password", "Password or HLS secret", "text, or 0x.. and hex"),
    ("dedicated_key", "Dedicated key", "hex; normally read from the AARQ"),
    ("global_broadcast_encryption_key", "Broadcast key", "hex"),
    ("key_encrypting_key", "KEK", "master key, hex"),
    ("client_certificate", "Client cert.", "path of a PEM file"),
    ("client_private_key", "Client key", "path of a PEM file"),
    ("server_certificate", "Meter cert.", "path of a PEM file"),
)
TITLES = {name: title for name, title, _ in FIELDS}
PUBLIC = frozenset({"name", "system_title", "client_system_title", "client_certificate", "client_private_key",
                    "server_certificate"})  # fmt: skip
SAFE_MODE = 0o600


class Entry:
    """The texts of one meter, by field. Fields that are empty are not there."""

    __slots__ = ("_texts",)

    def __init__(self, texts: dict[str, str] | None = None) -> None:
        self._texts = dict(texts or {})

    def __repr__(self) -> str:
        return f"<keys of a meter, {len(self._texts)} fields>"

    def text(self, field: str) -> str:
        """What was typed."""
        return self._texts.get(field, "")

    def put(self, field: str, text: str) -> None:
        """Types a field."""
        if text.strip():
            self._texts[field] = text.strip()
        else:
            self._texts.pop(field, None)

    def fields(self) -> dict[str, str]:
        """Every field that has a text."""
        return {name: self._texts[name] for name, _, _ in FIELDS if name in self._texts}

    @property
    def label(self) -> str:
        """How a list calls it."""
        return self.text("name") or (f"meter {self.text('system_title')}" if self.text("system_title") else "any meter")


class KeyBook:
    """All entries, and the plug-ins that came with the ring."""

    def __init__(self, ring: KeyRing | None = None) -> None:
        self.entries: list[Entry] = []
        self.providers: tuple[KeyProvider, ...] = ()
        self.ring = KeyRing()
        self.path = ""
        self.take(ring or KeyRing())

    def __repr__(self) -> str:
        return f"KeyBook({len(self.entries)} entries)"

    def take(self, ring: KeyRing) -> None:
        """Holds what a ring holds."""
        self.entries = [_entry(meter) for meter in ring.meters]
        self.providers, self.ring = ring.providers, ring

    @property
    def typed(self) -> Entry | None:
        """The entry that the form of the first screen edits: the first that serves any meter, else the only one."""
        free = next((entry for entry in self.entries if not entry.text("system_title")), None)
        return free or (self.entries[0] if len(self.entries) == 1 else None)

    def made(self) -> KeyRing:
        """The ring of all entries. A field that is not right yet, or half typed, is left out."""
        meters: list[MeterKeys] = []
        for entry in self.entries:
            good = {name: text for name, text in entry.fields().items() if not problem_of(name, text)}
            if good.keys() - {"name"}:
                meters += KeyRing.from_toml(as_toml([Entry(good)]), None, _read).meters
        self.ring = KeyRing(meters, self.providers)
        return self.ring

    def load(self, path: str) -> str:
        """Takes the entries of a key file. A warning, or nothing. Raises InputError and KeyFileError."""
        text, folder = read_key_file(os.path.expanduser(path))
        ring = KeyRing.from_toml(text, folder, _read)
        self.take(KeyRing(ring.meters, self.providers))
        self.path = path
        warnings = [f"{issue.meter}, {issue.field}: {issue.text}" for issue in ring.issues]
        return "; ".join(filter(None, [wide(path), *warnings]))

    def save(self, path: str) -> str:
        """Writes a key file that its owner alone can read. A warning, or nothing. Raises OSError."""
        path = os.path.expanduser(path)
        warning = wide(path)
        draft = f"{path}.new"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, SAFE_MODE), "w", encoding="utf-8") as file:
            os.chmod(draft, SAFE_MODE)  # before the first octet, where the draft was there already
            file.write(as_toml(self.entries))
        os.replace(draft, path)
        self.path = path
        return f"{warning}; now it is 0600" if warning else ""


def problem_of(field: str, text: str) -> str:
    """What is wrong with the text of a field, or nothing; never the text itself."""
    if not text.strip() or field == "name":
        return ""
    try:
        KeyRing.from_toml(as_toml([Entry({field: text.strip()})]), None, _read)
    except KeyFileError as problem:
        return str(problem).partition(": ")[2] or str(problem)
    return ""


def remark_on(field: str, text: str) -> str:
    """What is odd about a text that can be used, such as its length."""
    if not text.strip() or field == "name" or problem_of(field, text):
        return ""
    ring = KeyRing.from_toml(as_toml([Entry({field: text.strip()})]), None, _read)
    return "; ".join(issue.text for issue in ring.issues)


def wide(path: str) -> str:
    """A warning where others may read a key file."""
    try:
        mode = stat.S_IMODE(os.stat(os.path.expanduser(path)).st_mode)
    except OSError:
        return ""
    return f"{Path(path).name} can be read by others (permissions {mode:04o})" if mode & 0o077 else ""


def as_toml(entries: Iterable[Entry]) -> str:
    """The text of a key file."""
    tables = []
    for entry in entries:
        rows = [f"{name} = {_quoted(text)}" for name, text in entry.fields().items()]
        if rows:
            tables.append("\n".join(["[[meter]]", *rows]))
    return "\n\n".join(tables) + ("\n" if tables else "")


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _entry(meter: MeterKeys) -> Entry:
    texts: dict[str, str] = {}
    for name, _, _ in FIELDS:
        value: object = getattr(meter, name)
        if isinstance(value, Secret):
            plain = name == "password" and not value.typed
            texts[name] = value.typed or (f"0x{value.value.hex()}" if plain else value.value.hex().upper())
        elif isinstance(value, KeyFile):
            texts[name] = value.path
        elif isinstance(value, bytes):
            texts[name] = value.hex().upper()
        elif isinstance(value, str) and value:
            texts[name] = value
    return Entry(texts)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
