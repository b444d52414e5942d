"""Who gets which key: the meters of key files and options, and plug-ins.

Whoever needs a key asks a `KeyProvider` for a role, the system title of the *meter* (also for what the client
sent: keys belong to a meter) and a suite. `KeyRing` is the provider made of key files, options and plug-ins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from analyzer.meter_keys import FILES, SECRETS, KeyRole, MeterKeys, Read, Secret, label_of, meter_of_options, meters_of

ENTRY_POINT_GROUP = "dlmscope.key_providers"


class KeyProviderError(RuntimeError):
    """A key plug-in that cannot be loaded or that fails. One line with its name."""


class KeyProvider(Protocol):
    """Where keys come from: a file, a vault, a hardware module."""

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key of a meter (None: not known which) for a security suite (0, 1, 2), or None."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One key for a search, with a label such as "meter 'name' EK"."""

    label: str
    role: KeyRole
    secret: Secret


class KeyRing:
    """Keys of several meters, and further providers that are asked after them.

    A meter with the wanted system title comes before one without a title; among equals, one whose key has the
    length of the suite, then the first. `issues` are the odd lengths of all.
    """

    def __init__(self, meters: Iterable[MeterKeys] = (), providers: Iterable[KeyProvider] = ()) -> None:
        self.meters = tuple(
            meter if meter.label else replace(meter, label=label_of(meter.name, number))
            for number, meter in enumerate(meters, 1)
        )
        self.providers = tuple(providers)
        self.issues = tuple(issue for meter in self.meters for issue in meter.issues())

    @classmethod
    def from_toml(cls, text: str, base_dir: Path | None = None, read: Read | None = None) -> KeyRing:
        """The keys of a key file. Certificates are paths relative to `base_dir`, read by `read` on demand.

        Raises KeyFileError, in one line that names the field.
        """
        return cls(meters_of(text, base_dir, read))

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
        given = meter_of_options(
            global_unicast_encryption_key=ek, authentication_key=ak, global_broadcast_encryption_key=bek,
            key_encrypting_key=kek, dedicated_key=dedicated_key, password=password,
            client_system_title=client_title, system_title=server_title,
        )  # fmt: skip
        return cls([given] if given is not None else [])

    def joined(self, other: KeyRing) -> KeyRing:
        """This ring with the meters and providers of another behind its own."""
        return KeyRing(self.meters + other.meters, self.providers + other.providers)

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        """The key for a role, the system title of the meter and a suite, or None.

        Without a title (the AARQ comes before the meter's is known) the entries without one serve, else the
        key on which all titled entries agree. Raises KeyFileError for a file that cannot be read,
        KeyProviderError for a plug-in that fails.
        """
        if role not in SECRETS and role not in FILES:
            return None  # nobody was given it, and no plug-in is asked for what it cannot know
        values = self._values(role, system_title)
        if not values and system_title is not None:
            values = self._values(role, None)
        elif not values:
            agreed = {value for title in self.titles() for value in self._values(role, title)}
            values = list(agreed) if len(agreed) == 1 else []
        if values:
            # A password or a certificate is as long as it is.
            wanted = None if role in (*FILES, "password") else 32 if suite == 2 else 16
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
            Candidate(f"{label} {SECRETS[role][1]}", role, secret)
            for label, secret in found
            if isinstance(secret, Secret)
        )

    def describe(self) -> str:
        """What is here, a line for each meter and plug-in, without any secret."""
        names = {role: name for role, (_, name) in SECRETS.items()}
        names |= {role: role.replace("_", " ") for role in FILES}
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
