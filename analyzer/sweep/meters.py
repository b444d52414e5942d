"""What a trace tells of the meters in it: who they are, of which model, how they answer, and their invocation counters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from analyzer.diagnosis.case import protections
from analyzer.export.tables import meter_of
from analyzer.message import Message
from grammars.kit.spec import find_octets

LOGICAL_DEVICE_NAME = bytes.fromhex("00002A0000FF")  # 0-0:42.0.0, Blue Book 6.2.9
MANUFACTURER = 3  # letters that a system title and a logical device name begin with (FLAG identification)
BROADCAST = 0x40  # of security control: another key, with a counter of its own
SHORTEST_EPOCH = 1e8  # seconds; smaller ones are of a clock of the trace, and order nothing between captures
Key = tuple[str, bytes | None]  # address and title


@dataclass(slots=True)
class Counter:
    """The invocation counters of one sender under the global key: the first and the last of a trace."""

    first: int
    last: int


@dataclass(slots=True)
class Meter:
    """One meter of a trace."""

    name: str
    title: bytes | None = None
    device_name: str = ""
    identification: str = ""
    framing: str = ""
    requests: int = 0
    answers: int = 0
    counters: dict[tuple[str, str], Counter] = field(default_factory=dict)  # by direction and title of the sender

    @property
    def manufacturer(self) -> str:
        """The three letters of its manufacturer; empty where nothing tells them."""
        for text in ((self.title or b"").decode("latin-1"), self.device_name, self.identification):
            letters = text[:MANUFACTURER]
            if len(letters) == MANUFACTURER and letters.isascii() and letters.isalpha():
                return letters.upper()
        return ""

    @property
    def model(self) -> str:
        """What groups it with others of its kind: manufacturer, and the name of the device without its number."""
        name = self.identification or self.device_name.rstrip("0123456789")
        known = self.manufacturer
        if name.upper().startswith(known):
            return name or known
        return f"{known} {name}".strip()


class Told:
    """What the messages of a trace tell, which are added one after the other. Never raises on any octets."""

    def __init__(self) -> None:
        self._found: dict[Key, Meter] = {}
        self._first, self._last = math.inf, -math.inf

    @property
    def meters(self) -> list[Meter]:
        """The meters of the trace, in the order in which they appear."""
        return list(self._found.values())

    @property
    def span(self) -> tuple[float, float] | None:
        """The times of the first and the last message in seconds since 1970; None where the capture has no dates."""
        return (self._first, self._last) if SHORTEST_EPOCH <= self._first < math.inf else None

    def add(self, message: Message) -> None:
        """Takes what the next message tells."""
        seconds = message.frames[0].seconds
        if seconds is not None:
            self._first, self._last = min(self._first, seconds), max(self._last, seconds)
        meter = _meter(self._found, message)
        if meter is None:
            return
        meter.framing = meter.framing or message.frames[0].framing
        meter.requests += message.direction == "client" and message.frame not in ("RR", "RNR")
        meter.answers += message.direction == "meter"
        _count(meter, message)
        meter.identification = meter.identification or _identification(message)
        for one in message.objects:
            if one.instance_id == LOGICAL_DEVICE_NAME and one.attribute_id == 2 and one.value is not None:
                meter.device_name = meter.device_name or _text(one.value[3])


def _meter(found: dict[Key, Meter], message: Message) -> Meter | None:
    """The meter that a message is from or for. Where a title shows, what its address had before is its own."""
    name, title = meter_of(message), message.after.server_title
    if title is None and message.direction == "meter" and message.security is not None:
        title = message.security.system_title
    address = message.after.server_address or name
    if not address and title is None:
        return None
    if (address, title) not in found:
        earlier = found.pop((address, None), None) if title is not None else None
        found[address, title] = earlier if earlier is not None else Meter(name)
    meter = found[address, title]
    meter.name, meter.title = (name if title is None else title.hex().upper()), title
    return meter


def _count(meter: Meter, message: Message) -> None:
    for layer, security in protections(message):
        dedicated = layer.name.startswith(("ded-", "general-ded"))
        if dedicated or security.verdict == "failed" or security.control & BROADCAST:
            continue
        counter, title = security.invocation_counter, security.system_title
        if counter is None or message.direction == "unknown":
            continue
        sender = (message.direction, title.hex().upper() if title else "")
        known = meter.counters.get(sender)
        if known is None:
            meter.counters[sender] = Counter(counter, counter)
        else:
            known.last = counter


def _identification(message: Message) -> str:
    """What a P1 telegram begins with: manufacturer and model."""
    plain = message.plain
    nodes = plain.nodes if plain is not None and plain.name == "p1-telegram" else message.frames[0].parsed.nodes
    if message.frames[0].framing != "p1" and (plain is None or plain.name != "p1-telegram"):
        return ""
    maker, model = find_octets(nodes, "manufacturer"), find_octets(nodes, "identification")
    return f"{_text(maker or b'')} {_text(model or b'')}".strip()


def _text(value: object) -> str:
    text = bytes(value).decode("latin-1") if isinstance(value, bytes | bytearray) else str(value)
    return text.strip() if text.isascii() and text.isprintable() else ""


def as_json(meter: Meter, named: Callable[[str], str], covered: bool, valued: bool) -> dict[str, Any]:
    """A meter for the manifest; `covered` keeps what is a number of one meter out, `valued` says that values may show."""
    model = meter.model if valued else meter.manufacturer
    return {
        "meter": named(meter.name) if meter.title is not None else _address(meter.name),
        "known": meter.title is not None,  # an address is another meter in another capture
        "manufacturer": meter.manufacturer,
        "model": model,
        "device_name": None if covered or not meter.device_name else meter.device_name,
        "framing": meter.framing,
        "requests": meter.requests,
        "answers": meter.answers,
        "counters": list(_counters(meter, named)),
    }


def _address(name: str) -> str:
    """How a report calls a meter of which only the address is known."""
    return f"address {name}" if name[:1].isdigit() else name or "no address"


def _counters(meter: Meter, named: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    for (direction, title), counter in meter.counters.items():
        sender = named(title) if title else ""
        yield {"direction": direction, "sender": sender, "first": counter.first, "last": counter.last}
