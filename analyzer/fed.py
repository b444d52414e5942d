"""A decoder that is fed: records of one conversation in, one at a time, and at once what they complete.

Where several conversations come mixed, none of them waits for another. What is kept between two records can be taken as
octets and put back later, or in another process: so a page in the middle of a long trace is decoded without what is before.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator

from analyzer.decoding import NO_KEYS, Decoder
from analyzer.framing import Framer, Part, parts_of
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Record
from analyzer.reassembly import Joiner


class Fed:
    """Decodes one conversation. `end` gives what is unfinished; feeding may go on behind it."""

    def __init__(self, keys: KeyProvider | None = None) -> None:
        self._framer, self._joiner = Framer(), Joiner()
        self._decoder = Decoder(keys or NO_KEYS)

    def feed(self, record: Record) -> list[Message]:
        """The messages that are complete with this record. Never raises on any octets."""
        return [message for part in parts_of(record) for message in self.feed_part(part)]

    def feed_part(self, part: Part) -> Iterator[Message]:
        """The same for a part of a long record. Nothing is kept right until all have been taken."""
        for frame in self._framer.feed(part):
            for unit in self._joiner.feed(frame):
                yield self._decoder.message(unit)

    def end(self) -> list[Message]:
        """The messages of what is unfinished."""
        made = [self._decoder.message(unit) for frame in self._framer.end() for unit in self._joiner.feed(frame)]
        made += map(self._decoder.message, self._joiner.end())
        self._framer, self._joiner = Framer(), Joiner()
        return made

    def taken_back(self, part: Part) -> int:
        """Forgets octets of the last part that wait for more, and are to be fed again; how many these are."""
        return self._framer.taken_back(part)

    def state(self) -> bytes:
        """What is kept between two records, as octets for `resumed` alone. They hold keys that the trace transferred, so they
        stay in memory; the given keys are not among them."""
        return pickle.dumps((self._framer, self._joiner, self._decoder.state()), pickle.HIGHEST_PROTOCOL)

    @classmethod
    def resumed(cls, state: bytes, keys: KeyProvider | None = None) -> Fed:
        """A decoder that goes on where another one was."""
        fed = cls(keys)
        fed._framer, fed._joiner, decoder = pickle.loads(state)  # our own octets, never those of a file
        fed._decoder.restore(decoder)
        return fed
