"""What the values of a push are: the shapes that meters in the field send without being asked.

The rules, in the order in which they are tried; the first that names a value decides. Where none does, values stay
without a name.

- object list: the first element is a push_object_list (class, OBIS code, attribute, data index of each); the list counts
  itself, or only what follows it (Landis+Gyr E450, Iskraemeco AM550: Switzerland, Austria);
- OBIS code and value, one after the other or in structures of their own, with a structure of scaler and unit behind it or
  without (Aidon: Norway, Sweden; Kamstrup: Norway, Denmark; Kaifa MA309, Sagemcom T210: Austria); also structures of
  class, OBIS code, attribute and value, also where the first three have no tags (Sagemcom XT211: Czechia), and of OBIS
  code, time, value, scaler and unit;
- a list whose version string stands in the table of known lists (Kaifa: Norway), and a list without that string from a
  meter whose last push had it;
- the push_object_list of a Push setup that the trace holds, if only one fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.objects import (
    COMPOSED,
    NUMBERS,
    TEXTS,
    Asked,
    Target,
    definitions,
    described,
    elements,
    object_name,
    scalar,
    scaler_unit,
)
from grammars import readings
from grammars.kit.spec import RawNode
from grammars.meanings import KnownList, known_list, obis_meaning

if TYPE_CHECKING:
    from analyzer.knowledge import Meter
    from analyzer.profiles import Profile

MEDIA = 15  # the highest value of group A
CURRENT = 255  # group F: no historical value
BILLING = 125  # group F: the highest number of a billing period
MEASURED = NUMBERS | {"float32", "float64", "bcd", "null-data"}  # what a scaler and a unit can belong to
DEEPEST = 8
PUSH_SETUP = (25, 9)  # groups C and D of its logical name


@dataclass(frozen=True, slots=True)
class Pushed:
    """One value of a push. What the push or the trace does not tell is None or empty.

    `value` is the raw node in the buffer `octets` of number `buffer`; `source` tells where a name, a scaler or a unit
    comes from that the push itself does not give; `time` are the octets of the date-time that the value goes with.
    """

    value: RawNode = field(repr=False)
    instance_id: bytes | None = None
    class_id: int | None = None
    attribute_id: int | None = None
    data_index: int = 0
    scaler: int | None = None
    unit: int | None = None
    source: str = ""
    time: bytes | None = None
    label: str = ""
    version: int | None = None
    octets: bytes = field(default=b"", repr=False, compare=False)
    buffer: int = 0
    profile: Profile | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What the value is, in words; empty where no rule decides it."""
        if self.instance_id is None:
            return self.label
        if self.class_id is None or self.attribute_id is None:
            return obis_meaning(self.instance_id)
        return object_name(Target(self.class_id, self.instance_id, self.attribute_id), self.version, self.data_index)


def pushed(body: RawNode, octets: bytes, buffer: int, meter: Meter, time: bytes | None) -> tuple[Pushed, ...]:
    """The values of a push in their order; what was learned of the meter is used, and the version of its list kept."""
    reader = _Reader(octets, buffer, meter, time)
    items = elements(body) if body[0].type in COMPOSED else [body]
    for rule in (reader.object_list, reader.pairs, reader.known_list, reader.known_setup):
        found = rule(items)
        if found:
            return tuple(found)
    return tuple(reader.bare(item) for item in items)


class _Reader:
    """Reads one push."""

    def __init__(self, octets: bytes, buffer: int, meter: Meter, time: bytes | None) -> None:
        self.octets, self.buffer, self.meter, self.time = octets, buffer, meter, time
        self.list: KnownList | None = None

    # -- rules ---------------------------------------------------------------------------------------------

    def object_list(self, items: Sequence[RawNode]) -> list[Pushed]:
        """The first element, or the first after a date-time, says what the others are."""
        start = 1 if items and self.is_time(items[0]) else 0
        if len(items) <= start:
            return []
        told = definitions(items[start])
        objects = list(told) if told is not None else []
        if not objects:
            return []
        values = list(items[start:])
        if len(values) == 2 and len(objects) != 1 and values[1][0].type in COMPOSED:
            values = [values[0], *elements(values[1])]
        if len(objects) == len(values):
            objects = objects[1:]
        elif len(objects) != len(values) - 1:
            return []
        made = [self.bare(item) for item in items[:start]]
        return made + self.described(objects, values[1:], "")

    def pairs(self, items: Sequence[RawNode]) -> list[Pushed]:
        """OBIS codes with their values."""
        if not any(is_obis(item) or item[0].type in ("array", "structure") for item in items):
            return []
        if any(definitions(item) is not None for item in items[:2] if item[0].type == "array" and elements(item)):
            return []  # an object list that does not fit
        if items and is_obis(items[0]) and tuple(items[0][3][2:4]) == PUSH_SETUP:
            return []  # the name of the push setup that sent this, which is a value
        made: list[Pushed] = []
        named = self._pairs(items, made, 0)
        first = next((n for n, one in enumerate(made) if one.instance_id is not None), 0)
        bare = sum(one.instance_id is None and not one.label for one in made[first:])
        return made if named and 2 * bare <= named else []

    def known_list(self, items: Sequence[RawNode]) -> list[Pushed]:
        """A list by its version string, or by that of the push before."""
        version = next((text for item in items[:2] if (text := self.text(item)) and known_list(text)), "")
        source = f"by the list {version}"
        if version:
            self.meter.list_version = version
        elif self.meter.list_version:
            version = self.meter.list_version
            source = f"by the list {version} of the push before"
        found = known_list(version)
        order = found.orders.get(len(items)) if found is not None else None
        if order is None or found is None:
            return []
        self.list = found
        return [self.named(item, code, source=source) for item, code in zip(items, order, strict=True)]

    def known_setup(self, items: Sequence[RawNode]) -> list[Pushed]:
        """The list of a push setup that was read before. A push does not say which one sent it."""
        fitting = [(objects, message) for objects, message in self.meter.pushed.values() if len(objects) == len(items)]
        if len(fitting) != 1 or not items:
            return []
        objects, message = fitting[0]
        return self.described(
            objects, items, f"named by the only push_object_list that fits, read in message {message}"
        )

    # -- parts ---------------------------------------------------------------------------------------------

    def described(self, objects: Sequence[tuple[Target, int]], values: Sequence[RawNode], source: str) -> list[Pushed]:
        """Values with what describes them; a scaler_unit among them serves the value of its register."""
        beside = {
            (target.class_id, target.instance_id): found
            for (target, index), value in zip(objects, values, strict=True)
            if not index and target.attribute_id != 2 and (found := scaler_unit(value)) is not None
        }
        made = []
        for (target, index), value in zip(objects, values, strict=True):
            scaler, unit, read = self.meter.scale(target) if not index else (None, None, "")
            if target.attribute_id == 2 and (near := beside.get(target[:2])) is not None:
                scaler, unit, read = *near, ""
            answer = self.meter.answer(Asked(target), value, self.octets, self.buffer)
            made.append(Pushed(
                value, target.instance_id, target.class_id, target.attribute_id, index, scaler, unit,
                "; ".join(filter(None, (source, read))), self.time, "", answer.version, self.octets, self.buffer,
                answer.profile,
            ))  # fmt: skip
        return made

    def _pairs(self, items: Sequence[RawNode], made: list[Pushed], depth: int) -> int:
        """Adds the values of one level; how many of them have a name."""
        named, index = 0, 0
        while index < len(items):
            item = items[index]
            following = items[index + 1] if index + 1 < len(items) else None
            if (timed := self._timed(items, index)) is not None:
                made.append(timed)
                named, index = named + 1, index + 4
                continue
            if is_obis(item) and following is not None and following[0].type not in ("array", "compact-array"):
                near = scaler_unit(items[index + 2]) if index + 2 < len(items) else None
                time, used = self.time, 3 if near is not None else 2
                if depth and index + used < len(items) and self.is_time(items[index + used]):
                    time, used = scalar(items[index + used], self.octets), used + 1
                made.append(self.named(following, bytes(item[3]), near, time=time))
                named, index = named + 1, index + used
                continue
            parts = elements(item) if item[0].type in ("structure", "array") and depth < DEEPEST else []
            if (untagged := described(item)) is not None:
                made += self.described([(untagged[0], 0)], [untagged[1]], "")
                named += 1
            elif self._is_described(parts):
                target = Target(parts[0][3], bytes(parts[1][3]), parts[2][3])
                near = scaler_unit(parts[4]) if len(parts) > 4 else None
                (one,) = self.described([(target, 0)], [parts[3]], "")
                made.append(one if near is None else _with_scale(one, near))
                named += 1
            elif parts and definitions(item) is None:
                named += self._pairs(parts, made, depth + 1)
            else:
                made.append(self.bare(item))
            index += 1
        return named

    def _timed(self, items: Sequence[RawNode], index: int) -> Pushed | None:
        """The value in OBIS code, time, value, scaler and unit, where these four follow each other."""
        if index + 3 >= len(items) or not is_obis(items[index]) or not self.is_time(items[index + 1]):
            return None
        value, near = items[index + 2], scaler_unit(items[index + 3])
        if near is None or value[0].type not in MEASURED:
            return None
        return self.named(value, bytes(items[index][3]), near, time=scalar(items[index + 1], self.octets))

    @staticmethod
    def _is_described(parts: Sequence[RawNode]) -> bool:
        """Whether a structure is class, OBIS code, attribute and value."""
        kinds = [part[0].type for part in parts[:3]]
        return len(parts) in (4, 5) and kinds == ["long-unsigned", "octet-string", "integer"] and is_obis(parts[1])

    def named(
        self,
        item: RawNode,
        code: bytes,
        near: tuple[int, int] | None = None,
        source: str = "",
        time: bytes | None = None,
    ) -> Pushed:
        """A value with its OBIS code; scaler and unit stand beside it, or were read before, or belong to its list."""
        scaler, unit, read = None, None, ""
        number = item[0].type in NUMBERS
        if near is not None:
            scaler, unit = near
        elif number and (known := self.meter.scales.get(code)) is not None:
            scaler, unit, read = known[0], known[1], f"scaler_unit read in message {known[2]}"
        elif number and self.list is not None and code in self.list.scales:
            scaler, unit = self.list.scales[code]
            read = "" if source else f"scaler and unit by the list {self.list.version}"
        source = "; ".join(filter(None, (source, read)))
        at = time if time is not None else self.time
        return Pushed(item, code, None, None, 0, scaler, unit, source, at, octets=self.octets, buffer=self.buffer)

    def bare(self, item: RawNode) -> Pushed:
        """A value without a name; a date-time gives the time of those behind it, a known version string its list."""
        label = ""
        if self.is_time(item):
            self.time, label = scalar(item, self.octets), "date-time"
        elif (text := self.text(item)) and (found := known_list(text)) is not None:
            self.list, label = found, "version of the list"
            self.meter.list_version = text
        return Pushed(item, label=label, time=self.time, octets=self.octets, buffer=self.buffer)

    def is_time(self, item: RawNode) -> bool:
        """Whether a value is a date-time, or an octet-string that can only be one."""
        if item[0].type == "date-time":
            return True
        return item[0].type == "octet-string" and isinstance(item[3], bytes) and readings.is_date_time(item[3])

    def text(self, item: RawNode) -> str:
        """The characters of a value that is text, or octets that are printable."""
        if item[0].type in TEXTS:
            return str(scalar(item, self.octets))
        return readings.printable(item[3]) if item[0].type == "octet-string" and isinstance(item[3], bytes) else ""


def _with_scale(one: Pushed, near: tuple[int, int]) -> Pushed:
    return Pushed(
        one.value, one.instance_id, one.class_id, one.attribute_id, one.data_index, *near, "", one.time, one.label,
        one.version, one.octets, one.buffer, one.profile,
    )  # fmt: skip


def is_obis(node: RawNode) -> bool:
    """Whether a value can be an OBIS code: 6 octets, a medium that exists, a current value or a billing period."""
    code = node[3]
    if node[0].type != "octet-string" or not isinstance(code, bytes) or len(code) != 6:
        return False
    return code[0] <= MEDIA and (code[5] == CURRENT or (code[5] <= BILLING and bool(obis_meaning(bytes(code)))))
