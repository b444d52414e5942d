"""One trace as the rules see it: its messages, who answered whom, and what the keys open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.diagnosis.search import Search, search
from analyzer.frame import addresses
from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message
from analyzer.model import Certainty, Security, Side, Trace


@dataclass(slots=True)
class Exchange:
    """A message of the client and what the meter sent before the client's next one."""

    request: Message
    replies: list[Message] = field(default_factory=list)

    @property
    def reply(self) -> Message | None:
        """The first answer, None if there is none."""
        return self.replies[0] if self.replies else None


class Case:
    """A trace under diagnosis. `given` are its messages as the given keys open them, `messages` as the best keys
    do that arithmetic could find; both are the same unless the given keys are wrong or missing. `keys` are the best
    ones too, for what is sealed again."""

    def __init__(self, trace: Trace, given: Sequence[Message], keys: KeyProvider) -> None:
        self.trace = trace
        self.given = tuple(given)
        self.given_keys = keys
        self.others: tuple[Case, ...] = ()

    @cached_property
    def search(self) -> Search:
        """What arithmetic says about everything that does not verify under the given keys."""
        return search(self.given, self.given_keys)

    @cached_property
    def keys(self) -> KeyProvider:
        """The keys that open most: the given ones, or those that the search proved."""
        return self.search.keys or self.given_keys

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """The messages as the best keys open them."""
        if self.search.keys is None:
            return self.given
        from analyzer.decoding import decode

        return tuple(decode(self.trace, self.search.keys))

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests with their answers, in the order of the requests. An answer belongs to the last request on its
        link, or, from an address that nobody called, to the last request of all."""
        made: list[Exchange] = []
        latest: dict[frozenset[str], Exchange] = {}
        for message in self.messages:
            link = frozenset(addresses(message.frames[0]) or ())
            if message.direction == "client":
                made.append(Exchange(message))
                latest[link] = made[-1]
            elif message.direction == "meter" and made:
                latest.get(link, made[-1]).replies.append(message)
        return tuple(made)

    @cached_property
    def _exchange_of(self) -> dict[int, Exchange]:
        found: dict[int, Exchange] = {}
        for exchange in self.exchanges:
            for message in (exchange.request, *exchange.replies):
                found[message.number] = exchange
        return found

    def reply(self, message: Message) -> Message | None:
        """The first answer to a message of the client."""
        exchange = self._exchange_of.get(message.number)
        return exchange.reply if exchange is not None and exchange.request is message else None

    def request(self, message: Message) -> Message | None:
        """What a message of the meter answers; None for what it sent by itself."""
        exchange = self._exchange_of.get(message.number)
        return exchange.request if exchange is not None and exchange.request is not message else None

    def sent_by(self, direction: str) -> Iterator[Message]:
        """The messages of one side."""
        return (message for message in self.messages if message.direction == direction)

    def next_request(self, message: Message) -> Message | None:
        """The client's next message with an APDU behind this one, on the same link."""
        link = frozenset(addresses(message.frames[0]) or ())
        for later in self.messages[message.number :]:
            if later.direction != "client" or later.layer is None:
                continue
            if frozenset(addresses(later.frames[0]) or ()) == link:
                return later
        return None

    def has_meter(self) -> bool:
        """Whether the capture shows the meter's side at all."""
        return any(message.direction == "meter" for message in self.messages)


def protections(message: Message) -> Iterator[tuple[Layer, Security]]:
    """The protected APDUs of a message, outermost first, with what became of each."""
    for layer in message.layer.walk() if message.layer else ():
        if layer.sealed is not None and layer.sealed.layer == "apdu":
            yield layer, layer.sealed


def hls_proofs(message: Message) -> Iterator[Security]:
    """The verdicts on the HLS values that a message carries."""
    for layer in message.layer.walk() if message.layer else ():
        if layer.sealed is not None:
            yield from (s for s in (layer.sealed, *layer.sealed.inner) if s.layer == "hls")


def vouched(message: Message) -> Certainty:
    """How sure the content of a message is: proven where it was sent in clear or its tag verifies, else likely."""
    if all(security.verdict == "verified" for _, security in protections(message)):
        return "proven"
    return "likely"


def side_of(message: Message) -> Side:
    """Whose fault something in a message is: the sender's, or the line's where nobody knows who that is."""
    return "link" if message.direction == "unknown" else message.direction


def names(message: Message) -> str:
    """How a text calls a message: its number and what it is."""
    what = message.plain_apdu or message.apdu or message.frame or "octets"
    shown = what.upper() if what in ("aarq", "aare", "rlrq", "rlre") else what
    return f"message {message.number} ({shown})"


def hexed(octets: bytes, longest: int = 16) -> str:
    """Octets for a sentence, cut where they are many."""
    shown = octets[:longest].hex(" ").upper()
    return f"{shown} ..." if len(octets) > longest else shown
