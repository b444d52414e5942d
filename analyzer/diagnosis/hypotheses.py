"""What a search is over and what it finds: a protected APDU, the key streams and hypotheses, and the one that explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.decryptor import TAG_OCTETS, Protected
from analyzer.diagnosis.variants import Variant
from analyzer.message import Layer, Message
from analyzer.model import Security


@dataclass(frozen=True, slots=True)
class Sealed:
    """One protected APDU: where it is, its parts, and what its text may begin with."""

    message: Message
    layer: Layer
    security: Security
    content: Protected
    expected: frozenset[int]
    before: int | None  # the counter of the protected APDU before it from the same side

    @property
    def octets(self) -> bytes:
        """Text and tag as one."""
        return self.content.payload + self.content.tag


class Stream(NamedTuple):
    """What a key stream is made of. Most of thousands give no text, so this is no more than a tuple."""

    encryption: Variant
    title: Variant
    counter: Variant

    def __repr__(self) -> str:
        return f"Stream({self.shape})"

    @property
    def changed(self) -> bool:
        """Whether anything differs from what it should be."""
        return bool(self.encryption.code or self.title.code or self.counter.code)

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """As `Hypothesis.shape`."""
        return tuple((part.code, part.role or part.code) for part in self if part.code)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One way in which an APDU may have been protected; `changes` are its differences from what it should be."""

    encryption: Variant = field(repr=False)
    title: Variant
    counter: Variant
    authentication: Variant | None = field(default=None, repr=False)
    data: Variant | None = field(default=None, repr=False)
    tag_octets: int = TAG_OCTETS
    control: Variant | None = None
    tag: Variant | None = None

    @property
    def changes(self) -> tuple[Variant, ...]:
        """What differs, from the key to the tag."""
        parts = (self.encryption, self.title, self.counter, self.authentication, self.data, self.control, self.tag)
        made = tuple(part for part in parts if part is not None and part.code)
        if self.tag_octets != TAG_OCTETS:
            made += (Variant(b"", "tag-length-wrong", f"the tag has {self.tag_octets} octets"),)
        return made

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """What two APDUs explained in the same way have in common."""
        return tuple((change.code, change.role or change.code) for change in self.changes)


@dataclass(frozen=True, slots=True)
class Explained:
    """What the search found for one APDU: a hypothesis under which the tag verifies or, failing that, under which the
    text is whole; None where nothing is."""

    item: Sealed
    hypothesis: Hypothesis | None
    verified: bool
    plaintext: bytes | None = field(default=None, repr=False)
