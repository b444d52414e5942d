"""One trace as the rules see it: its messages, who answered whom, and what the keys open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar, cast

from analyzer.decoding import GATEWAY
from analyzer.diagnosis.search import Search, sealed_layers, search
from analyzer.frame import Frame, addresses, mends
from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message
from analyzer.model import Certainty, Record, Security, Side, Trace

Found = TypeVar("Found")
DUMP = 1 << 16  # octets; a longer record has more than a part of a trace
HEARD = 1 << 20  # octets of a side that are looked at as they came


@dataclass(slots=True)
class Exchange:
    """A message of the client and what the meter sent before the client's next one. `again` are the same octets, sent
    anew before any answer came."""

    request: Message
    replies: list[Message] = field(default_factory=list)
    again: list[Message] = field(default_factory=list)

    @property
    def reply(self) -> Message | None:
        """The first answer, None if there is none; an acknowledgement of the link, or a block of one that is not whole,
        only if nothing else comes."""
        answers = [reply for reply in self.replies if reply.frame not in ("RR", "RNR")]
        whole = [reply for reply in answers if not is_block(reply)]
        return next(iter(whole or answers or self.replies), None)


def is_block(message: Message) -> bool:
    """Whether a message is a block of general block transfer that completes no APDU."""
    return message.layer is not None and message.layer.name == "general-block-transfer" and not message.layer.inner


class Case:
    """A trace under diagnosis. `captured` are its messages as they were decoded, `given` the same without the content
    of those that no receiver reads: damaged ones that come again. `messages` are these as the best keys open them that
    arithmetic could find; both are the same unless the given keys are wrong or missing. `keys` are the best ones too,
    for what is sealed again."""

    def __init__(
        self,
        trace: Trace,
        given: Sequence[Message],
        keys: KeyProvider,
        again: Callable[[KeyProvider], Sequence[Message]] | None = None,
        own: range | None = None,
    ) -> None:
        """`again` decodes these messages with other keys, where they are a part of the trace; else all of it is. `own` are the
        numbers of the messages that are this part's; those around them are told of by other parts."""
        self.trace = trace
        self.captured = tuple(given)
        self._again = again
        self.own = own
        self._first = given[0].number if given else 1
        self.unheard = frozenset(_unheard(self.captured))  # numbers of messages
        self._whole: dict[int, Message] = {}  # messages as they are, by the identity of what rules see of them
        self.given = self._seen(self.captured)
        self.given_keys = keys
        self.others: tuple[Case, ...] = ()
        self._once: dict[Callable[[Case], object], object] = {}

    def once(self, make: Callable[[Case], Found]) -> Found:
        """What a function makes of this case, made the first time that it is asked for."""
        if make not in self._once:
            self._once[make] = make(self)
        return cast(Found, self._once[make])

    def owns(self, message: Message | None) -> bool:
        """Whether a message is one that this case counts: any but those of other parts."""
        return self.own is None or message is None or message.number in self.own

    @cached_property
    def records(self) -> Sequence[Record]:
        """The records that the messages came in. Those of a part of a trace are not all of it, and of a dump that begins
        before the part or ends behind it there are the frames alone."""
        if self._again is None:
            return self.trace
        frames: dict[int, list[bytes]] = {}
        for message in self.captured:
            for frame in message.frames:
                for number in frame.records:
                    frames.setdefault(number, []).append(frame.data)
        if not frames:
            return ()
        found = []
        for record in self.trace[min(frames) - 1 : max(frames)]:
            if len(record.data) > DUMP or not record.data:  # another process is told no more than that it is there
                record = replace(record, data=b"".join(frames.get(record.number, ())))
            found.append(record)
        return found

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

        again = self._again or (lambda keys: tuple(decode(self.trace, keys)))
        return self._seen(tuple(again(self.search.keys)))

    @cached_property
    def records_by_side(self) -> dict[str, list[Record]]:
        """The same, by who sent them."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.direction, []).append(record)
        return found

    def heard(self, side: str) -> bytes:
        """The first MiB of what a side sent, octet for octet. A slice of a dump that stays on the disk is safe to read; what
        takes all of it is not, where somebody cuts the file off."""
        made = bytearray()
        for record in self.records_by_side.get(side, ()):
            made += record.data[: HEARD - len(made)]
            if len(made) >= HEARD:
                break
        return bytes(made)

    def at(self, number: int) -> Message | None:
        """The message with a number; None for one that is not here."""
        place = number - self._first
        return self.messages[place] if 0 <= place < len(self.messages) else None

    def captured_at(self, number: int) -> Message:
        """The same as it was captured."""
        return self.captured[number - self._first]

    def given_at(self, number: int) -> Message:
        """The same as the given keys open it."""
        return self.given[number - self._first]

    def behind(self, message: Message) -> Iterator[Message]:
        """The messages after this one, in their order."""
        messages = self.messages
        return (messages[place] for place in range(message.number - self._first + 1, len(messages)))

    def ahead_of(self, message: Message) -> Iterator[Message]:
        """The messages before this one, the last of them first."""
        messages = self.messages
        return (messages[place] for place in range(message.number - self._first - 1, -1, -1))

    def _seen(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages as rules see them: nothing in what nobody heard, and what a gateway passes on without its header."""
        made = []
        for message in _as_heard(messages, self.unheard):
            layer = message.layer
            if layer is not None and layer.name in GATEWAY and layer.inner:
                seen = replace(message, layer=layer.inner[0])
                self._whole[id(seen)] = message
                message = seen
            made.append(message)
        return tuple(made)

    def whole(self, message: Message) -> Message:
        """A message with the header of a gateway, if it came through one."""
        return self._whole.get(id(message), message)

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests with their answers, in the order of the requests. An answer belongs to the last request on its
        link, or, from an address that nobody called, to the last request of all. One that came in blocks which the
        client acknowledged belongs to what was asked before as well."""
        made: list[Exchange] = []
        latest: dict[frozenset[str], Exchange] = {}
        asking: dict[frozenset[str], Exchange] = {}
        for message in self.messages:
            if message.number in self.unheard:
                continue
            link = frozenset(addresses(message.frames[0]) or ())
            if message.direction == "client" and _repeats(message, latest.get(link)):
                latest[link].again.append(message)
            elif message.direction == "client":
                made.append(Exchange(message))
                latest[link] = made[-1]
                if message.layer is not None and not is_block(message):
                    asking[link] = made[-1]
            elif message.direction == "meter" and made:
                last = latest.get(link, made[-1])
                last.replies.append(message)
                first = asking.get(link, last)
                if first is not last and is_block(last.request):
                    first.replies.append(message)
        return tuple(made)

    @property
    def spoken(self) -> Iterator[Message]:
        """The messages without those that came back to their sender."""
        return (message for message in self.messages if not message.frames[0].echo)

    @cached_property
    def _exchange_of(self) -> dict[int, Exchange]:
        found: dict[int, Exchange] = {}
        for exchange in self.exchanges:
            for message in (exchange.request, *exchange.replies, *exchange.again):
                found.setdefault(message.number, exchange)
        return found

    def reply(self, message: Message) -> Message | None:
        """The first answer to a message of the client."""
        exchange = self._exchange_of.get(message.number)
        return exchange.reply if exchange is not None and message.direction == "client" else None

    def request(self, message: Message) -> Message | None:
        """What a message of the meter answers; None for what it sent by itself."""
        exchange = self._exchange_of.get(message.number)
        return exchange.request if exchange is not None and message.direction == "meter" else None

    def sent_by(self, direction: str) -> Iterator[Message]:
        """The messages of one side."""
        return (message for message in self.messages if message.direction == direction)

    def next_request(self, message: Message) -> Message | None:
        """The client's next message with an APDU behind this one, on the same link."""
        link = frozenset(addresses(message.frames[0]) or ())
        for later in self.behind(message):
            if later.direction != "client" or later.layer is None:
                continue
            if frozenset(addresses(later.frames[0]) or ()) == link:
                return later
        return None

    def has_meter(self) -> bool:
        """Whether the capture shows the meter's side at all."""
        return self.once(_has_meter)


def _has_meter(case: Case) -> bool:
    return any(message.direction == "meter" for message in case.messages)


def _repeats(message: Message, before: Exchange | None) -> bool:
    """Whether a message is, or begins, the last one of its link again, which nobody has answered yet."""
    if before is None or before.reply is not None:
        return False
    return all(any(own.data == frame.data for own in before.request.frames) for frame in message.frames)


def _unheard(messages: Sequence[Message]) -> Iterator[int]:
    """The numbers of messages whose only frame was damaged, and whose sender's next frame brings the same anew."""
    damaged: dict[tuple[frozenset[str], str], tuple[int, Frame]] = {}
    # As they came: a segment that comes anew belongs to a message before that of the damaged one.
    frames = [(frame, message) for message in messages for frame in message.frames]
    for frame, message in sorted(frames, key=lambda pair: pair[0].records[:1]):
        if frame.kind in ("RR", "RNR"):
            continue
        side = frozenset(addresses(frame) or ()), frame.direction
        before = damaged.pop(side, None)
        if before is not None and mends(frame, before[1]):
            yield before[0]
        if len(message.frames) == 1 and frame.damaged:
            damaged[side] = message.number, frame


def _as_heard(messages: tuple[Message, ...], unheard: frozenset[int]) -> tuple[Message, ...]:
    """The messages, and nothing read in those that nobody heard."""
    if not unheard:
        return messages
    return tuple(
        replace(m, layer=None, security=None, llc="none", answers=(), carried=()) if m.number in unheard else m
        for m in messages
    )


def protections(message: Message) -> Iterable[tuple[Layer, Security]]:
    """The protected APDUs of a message, outermost first, with what became of each."""
    if message.layer is None or message.security is None:
        return ()
    return [(layer, layer.sealed) for layer in sealed_layers(message.layer) if layer.sealed is not None]


def hls_proofs(message: Message) -> Iterator[Security]:
    """The verdicts on the HLS values that a message carries."""
    for layer in message.layer.walk() if message.layer and message.security else ():
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
