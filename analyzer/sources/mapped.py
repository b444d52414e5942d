"""The octets of a file that stay on the disk: they are read where somebody looks, and take no memory."""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from typing import Protocol, SupportsIndex, overload

from analyzer.sources import InputError

__all__ = ["ACCESS_READ", "LostFileError", "MappedFile"]


class Progress(Protocol):
    """Whoever wants to know how far somebody is who goes through a file."""

    def at(self, octets: int, /) -> None:
        """So many octets have been read."""
        ...

    def ended(self) -> None:
        """All have been read."""
        ...


class LostFileError(InputError):
    """A file that is open has become shorter."""


class MappedFile(mmap):
    """Reads like octets; `name` is what messages call the file. Raises LostFileError where somebody has cut the file off
    meanwhile: the system ends a process that touches what is gone of a mapping, without a word."""

    name = ""
    progress: Progress | None = None  # told by whoever goes through all of it before anything of it can be shown

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> int | bytes:
        if (size := self.size()) < len(self):
            was = f"it had {len(self):,} octets and has {size:,}"
            raise LostFileError(f"{self.name}: the file became shorter while it was open: {was}; open it again")
        return super().__getitem__(index)
