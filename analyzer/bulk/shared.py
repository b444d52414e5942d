"""Keys for worker processes. Plug-ins are loaded in each: a connection to a vault or a module does not survive a copy."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.keyring import KeyRing, load_entry_point_providers


@dataclass(slots=True)
class SharedKeys:
    """The keys of files and options, and whether there are plug-ins to ask behind them."""

    keys: KeyRing
    plugins: bool
    _ring: KeyRing | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, keys: KeyRing) -> SharedKeys:
        """What is handed over of a key ring."""
        return cls(KeyRing(keys.meters), bool(keys.providers))

    def ring(self) -> KeyRing:
        """The keys in this process. Raises KeyProviderError."""
        if self._ring is None:
            self._ring = (
                self.keys.joined(KeyRing(providers=load_entry_point_providers())) if self.plugins else self.keys
            )
        return self._ring
