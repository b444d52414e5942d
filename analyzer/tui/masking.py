"""`--redact` in the terminal interface: what must not be seen is covered in everything that is drawn or copied.

Secrets are learned from every message before anybody can see it. Values (`=payload`) are covered by `hiding`, where they
are made into words; here for octets.
"""

from __future__ import annotations

import threading

from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.filter import LineFilter

from analyzer import hiding
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.redaction import MASK, Redactor, secrets_of

ELLIPSIS, DOTS = "…", "..."  # the redactor knows a text that is cut off by three dots


class Masking:
    """What is covered, from any thread. `payload`: values too."""

    def __init__(self, payload: bool = False) -> None:
        self.payload = payload
        self._lock = threading.Lock()
        self._secrets: set[bytes | int] = set()
        self._redactor: Redactor | None = None

    def __repr__(self) -> str:
        return "Masking()"

    def learn(self, messages: list[Message], keys: KeyRing) -> None:
        """The secrets of these messages and keys are covered from now on."""
        found = set(secrets_of(messages, keys, self.payload))
        with self._lock:
            if not found <= self._secrets:
                self._secrets |= found
                self._redactor = None

    def text(self, text: str) -> str:
        """A text with what must not be seen covered; its length stays."""
        with self._lock:
            if self._redactor is None:
                self._redactor = Redactor(self._secrets)
            redactor = self._redactor
        if ELLIPSIS not in text:
            return redactor.text(text)
        covered = redactor.text(text.replace(ELLIPSIS, DOTS))
        made, at = [], 0
        for character in text:
            made.append(ELLIPSIS if character == ELLIPSIS else covered[at])
            at += len(DOTS) if character == ELLIPSIS else 1
        return "".join(made)

    def rich(self, text: Text) -> Text:
        """The same for a text with styles."""
        covered = self.text(text.plain)
        if covered == text.plain:
            return text
        made = text.copy()
        made.plain = covered
        return made

    def places(self, data: bytes) -> frozenset[int]:
        """The places of octets that are covered, when nothing is known of the message that they are of."""
        if self.payload:
            return frozenset(range(len(data)))
        covered = self.text(data.hex())
        return frozenset(place for place in range(len(data)) if covered[2 * place] == MASK)

    def places_in(self, message: Message, buffer: int) -> frozenset[int]:
        """The places of octets of a buffer of a message that are covered."""
        data = message.octets(buffer)
        cover = hiding.cover_of(message)
        cells = cover.octets(buffer, data) if cover is not None else ()
        covered = self.text(data.hex())
        secret = {place for place in range(len(data)) if covered[2 * place] == MASK}
        return frozenset(secret | {place for place, cell in enumerate(cells) if cell.startswith(MASK)})


class MaskedLines(LineFilter):
    """The last look: every line that is drawn."""

    def __init__(self, masking: Masking) -> None:
        super().__init__()
        self._masking = masking

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """A line as it may be seen."""
        return masked_segments(segments, self._masking)


def masked_segments(segments: list[Segment], masking: Masking) -> list[Segment]:
    """The segments of one line; what is to be covered may begin in one and end in the next."""
    text = "".join(segment.text for segment in segments)
    covered = masking.text(text)
    if covered == text:
        return segments
    made, at = [], 0
    for segment in segments:
        made.append(Segment(covered[at : at + len(segment.text)], segment.style, segment.control))
        at += len(segment.text)
    return made
