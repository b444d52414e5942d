"""Dictionaries of the stages that know which of their entries are looked at, and what they hold in octets.

What messages are hangs on the entries that were looked at on the way and on no others: the association of their link, the
meter at their address. So two states may differ in what is not looked at, and what is decoded from both is the same. Damage
leaves such differences, a link that noise seemed to name for one, and so does every meter that was read before.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from analyzer.frame import Frame
from analyzer.message import Message
from grammars.kit.spec import Spec

MOST = 16_384  # entries of which it is noted one by one that they were looked at: noise has ever new ones

Packed = dict[Any, bytes]  # the entries of a store in their order, each in octets
_get, _set, _items = dict.get, dict.__setitem__, dict.items


@dataclass(slots=True)
class Look:
    """How a store was looked at on a stretch: `seen` are keys, in the store or not, `moved` those of them that were put in or
    taken out; or it was looked at as a whole."""

    seen: set[Any] = field(default_factory=set)
    moved: set[Any] = field(default_factory=set)
    whole: bool = False

    def __or__(self, other: Look) -> Look:
        return Look(self.seen | other.seen, self.moved | other.moved, self.whole or other.whole)

    def narrowed(self, packed: Packed) -> Packed:
        """The entries that were looked at."""
        return packed if self.whole else {key: packed[key] for key in self.seen if key in packed}

    def roomy(self, packed: Packed, bound: float) -> bool:
        """Whether a store that was `packed` at the begin threw nothing out on the stretch. `bound` is how many it keeps."""
        return len(packed) + len(self.moved) < bound

    def agrees(self, own: Packed, other: Packed, bound: float) -> bool:
        """Whether what was looked at is the same in another store, at the begin of the stretch. `own` may be narrowed."""
        if self.whole:
            return list(own.items()) == list(other.items())
        return self.roomy(other, bound) and all(own.get(key) == other.get(key) for key in self.seen)

    def onto(self, begin: Packed, end: Packed) -> Packed:
        """What becomes of a store that is `begin`, on a stretch on which one that agrees with it became `end`. New entries
        stand last, in their order."""
        if self.whole:
            return end
        stayed = {
            key: end[key] if key in self.seen else octets for key, octets in begin.items() if key not in self.moved
        }
        return {**stayed, **{key: octets for key, octets in end.items() if key in self.moved}}


class _Sealed:
    """An entry that was not looked at yet, in octets, with what they say if that was read before."""

    __slots__ = ("octets", "value")

    def __init__(self, octets: bytes, value: Any = None) -> None:
        self.octets, self.value = octets, value

    def opened(self) -> Any:
        """The entry."""
        return self.value if self.value is not None else pickle.loads(self.octets)


_MISSING = _Sealed(b"")


class Store(dict[Any, Any]):
    """A dictionary of a stage that notes how it is looked at: `look`, since one was taken last.

    No entry is None. What was got by its key may be changed in place, but not behind the next look that is taken. What
    takes a dictionary as a whole is below the class.
    """

    __slots__ = ("look",)

    def __init__(self, packed: Packed | None = None) -> None:
        super().__init__({key: _Sealed(octets) for key, octets in (packed or {}).items()})
        self.look = Look()

    @classmethod
    def of(cls, values: dict[Any, Any]) -> Store:
        """A store of what stood in another dictionary, all of which counts as looked at."""
        store = cls()
        dict.update(store, values)
        store.all_seen()
        return store

    def packed(self) -> Packed:
        """What it holds. Raises Open, and what pickling raises."""
        return {k: v.octets if v.__class__ is _Sealed else octets_of(v) for k, v in _items(self)}

    def taken(self, packed: Packed) -> Look:
        """How it was looked at since this was asked last. `packed` is what it holds."""
        look, self.look = self.look, Look()
        for key in packed if look.whole else look.seen & packed.keys():
            _set(self, key, _Sealed(packed[key], _get(self, key)))
        return look

    def _first(self, key: Any) -> Any:
        """Notes a key whose entry is sealed or missing, and opens that."""
        look = self.look
        if len(look.seen) >= MOST:
            self.all_seen()
            look = self.look
        look.seen.add(key)
        found = _get(self, key, _MISSING)
        if found.__class__ is _Sealed and found is not _MISSING:
            found = found.opened()
            _set(self, key, found)
        return found

    def all_seen(self) -> None:
        """It is looked at as a whole."""
        self.look = Look(whole=True)
        for key, found in list(_items(self)):
            if found.__class__ is _Sealed:
                _set(self, key, found.opened())

    # What is asked for was asked for before, as a rule: then all is one look into the dictionary, or two if it is not there.

    def get(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found.__class__ is not _Sealed:
            return found
        if found is not _MISSING or key not in self.look.seen:
            found = self._first(key)
        return default if found is _MISSING else found

    def __getitem__(self, key: Any) -> Any:
        if _get(self, key, _MISSING).__class__ is _Sealed:
            self._first(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        return _get(self, key, _MISSING).__class__ is not _Sealed or self._first(key) is not _MISSING

    def __setitem__(self, key: Any, value: Any) -> None:
        if _get(self, key, _MISSING).__class__ is _Sealed and self._first(key) is _MISSING:
            self.look.moved.add(key)
        _set(self, key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found.__class__ is not _Sealed:
            return found
        if (found := self._first(key)) is _MISSING:
            self.look.moved.add(key)
            _set(self, key, default)
            return default
        return found

    def __delitem__(self, key: Any) -> None:
        if key in self:
            self.look.moved.add(key)
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found is _MISSING and key in self.look.seen and default:
            return default[0]
        if key in self:
            self.look.moved.add(key)
        return super().pop(key, *default)


def _wholly(method: Callable[..., Any]) -> Callable[..., Any]:
    def called(store: Store, *arguments: Any, **named: Any) -> Any:
        store.all_seen()
        return method(store, *arguments, **named)

    return called


WHOLLY = (
    "__iter__", "__reversed__", "keys", "values", "items", "copy", "clear", "popitem", "update",
    "__eq__", "__ne__", "__or__", "__ror__", "__ior__",
)  # fmt: skip
for _name in WHOLLY:
    setattr(Store, _name, _wholly(getattr(dict, _name)))


class Open(Exception):
    """Something that a later frame may still finish."""


class _Dumper(pickle.Pickler):
    """Pickles states so that equal ones give equal octets."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.fast = True  # without the places where an object stood before, which hang on how a state came about

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Spec):  # of a value that a later answer refers to; only its name and type are asked for
            return _spec, (value.name, value.type)
        if isinstance(value, Frame | Message):
            raise Open
        return NotImplemented


def octets_of(value: Any) -> bytes:
    """Something of a state in octets, equal for what is equal. Raises Open, and what pickling raises."""
    stream = io.BytesIO()
    _Dumper(stream).dump(value)
    return stream.getvalue()


def _spec(name: str, kind: str) -> Spec:
    made = Spec(name)
    made.type = kind
    return made
