"""Dictionaries of the stages that know which of their entries are looked at, and what they hold in octets.

What messages are hangs on the entries that were looked at on the way and on no others: the association of their link, the
meter at their address. So two states may differ in what is not looked at, and what is decoded from both is the same. Damage
leaves such differences, a link that noise seemed to name for one, and so does every meter that was read before.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from analyzer.frame import Frame
from analyzer.message import Message
from grammars.kit.spec import Spec

MOST = 16_384  # entries of which it is noted one by one that they were looked at: noise has ever new ones

Bounds = tuple[Callable[[], float], ...]  # how many entries a store keeps, and each of those in it
# The entries of a store in their order: each in octets, or octets and what is packed of a store in it.
Packed = dict[Any, Any]
_get, _set, _items = dict.get, dict.__setitem__, dict.items


@dataclass(slots=True)
class Look:
    """How a store was looked at on a stretch: `seen` are keys, in the store or not, `moved` those of them that were put in or
    taken out; or it was looked at as a whole. `net` is by how many entries it grew up to the end, `grown` by how many at most.
    `inner` are the looks at the stores in entries."""

    seen: set[Any] = field(default_factory=set)
    moved: set[Any] = field(default_factory=set)
    whole: bool = False
    grown: int = 0
    net: int = 0
    inner: dict[Any, Look] = field(default_factory=dict)

    def __or__(self, other: Look) -> Look:
        """The look at both stretches, the second of which follows."""
        inner = {**self.inner, **other.inner}
        for key in self.inner.keys() & other.inner.keys():
            inner[key] = self.inner[key] | other.inner[key]
        grown, net = max(self.grown, self.net + other.grown), self.net + other.net
        return Look(self.seen | other.seen, self.moved | other.moved, self.whole or other.whole, grown, net, inner)

    def settled(self, packed: Packed, bounds: Bounds) -> Look:
        """The same for a stretch at the begin of which the store was `packed`: where it was full, all of it counts."""
        whole = self.whole or len(packed) + self.grown >= bounds[0]()
        inner = {k: look.settled(packed[k][1] if k in packed else {}, bounds[1:]) for k, look in self.inner.items()}
        return replace(self, whole=whole, inner=inner)

    def narrowed(self, packed: Packed) -> Packed:
        """The entries that were looked at."""
        return packed if self.whole else {key: packed[key] for key in self.seen if key in packed}

    def agrees(self, own: Packed, other: Packed, bounds: Bounds) -> bool:
        """Whether what was looked at is the same in another store, at the begin of the stretch, and nothing is thrown out of
        that. `own` may be narrowed."""
        if self.whole:
            return list(own) == list(other) and all(_equal(entry, other[key]) for key, entry in own.items())
        if len(other) + self.grown > bounds[0]():
            return False
        return all(self._same(key, own.get(key), other.get(key), bounds) for key in self.seen)

    def _same(self, key: Any, one: Any, other: Any, bounds: Bounds) -> bool:
        if key not in self.inner or one is None or other is None:
            return _equal(one, other)
        return bool(one[0] == other[0]) and self.inner[key].agrees(one[1], other[1], bounds[1:])

    def onto(self, begin: Packed, end: Packed) -> Packed:
        """What becomes of a store that is `begin`, on a stretch on which one that agrees with it became `end`. New entries
        stand last, in their order."""
        if self.whole:
            return end
        stayed = {
            key: self._led(key, entry, end[key]) if key in self.seen else entry
            for key, entry in begin.items()
            if key not in self.moved
        }
        return {**stayed, **{key: entry for key, entry in end.items() if key in self.moved}}

    def _led(self, key: Any, begin: Any, end: Any) -> Any:
        return (end[0], self.inner[key].onto(begin[1], end[1])) if key in self.inner else end


def _equal(one: Any, other: Any) -> bool:
    """Whether two entries are the same, with those of a store in them in the same order."""
    return bool(one == other) and (not isinstance(one, tuple) or list(one[1]) == list(other[1]))


class _Sealed:
    """An entry that was not looked at yet, as it is packed, with what that says if it was read before."""

    __slots__ = ("packed", "value")

    def __init__(self, packed: Any, value: Any = None) -> None:
        self.packed, self.value = packed, value


_MISSING = _Sealed(b"")


class Store(dict[Any, Any]):
    """A dictionary of a stage that notes how it is looked at.

    No entry is None. What was got by its key may be changed in place, but not behind the next look that is taken. What
    takes a dictionary as a whole is below the class.
    """

    __slots__ = ("_before", "_look")

    def __init__(self, packed: Packed | None = None) -> None:
        super().__init__({key: _Sealed(entry) for key, entry in (packed or {}).items()})
        self._look, self._before = Look(), len(self)

    @classmethod
    def of(cls, values: dict[Any, Any]) -> Self:
        """A store of what stood in another dictionary, all of which counts as looked at."""
        store = cls()
        for key, value in values.items():
            store[key] = value
        store.all_seen()
        return store

    @classmethod
    def ahead(cls, packed: Packed) -> Packed:
        """A guess of what is packed much later."""
        return packed

    @classmethod
    def packed_of(cls, values: dict[Any, Any]) -> Packed:
        """What a dictionary holds that is no store. Raises Open, and what pickling raises."""
        return {key: octets_of(value) for key, value in values.items()}

    @classmethod
    def plain(cls, packed: Packed) -> dict[Any, Any]:
        """The dictionary again, which notes nothing."""
        return {key: pickle.loads(octets) for key, octets in packed.items()}

    def packed(self) -> Packed:
        """What it holds. Raises Open, and what pickling raises."""
        return {k: v.packed if v.__class__ is _Sealed else self._pack(v) for k, v in _items(self)}

    def look(self) -> Look:
        """How it was looked at since one was taken last."""
        self._look.net = len(self) - self._before
        return self._look

    def taken(self, packed: Packed) -> Look:
        """The same, taken. `packed` is what it holds."""
        look = self.look()
        self._look, self._before = Look(), len(self)
        for key in packed if look.whole else look.seen & packed.keys():
            _set(self, key, _Sealed(packed[key], _get(self, key)))
        return look

    def _pack(self, value: Any) -> Any:
        return octets_of(value)

    def _unpack(self, packed: Any) -> Any:
        return pickle.loads(packed)

    def _first(self, key: Any) -> Any:
        """Notes a key whose entry is sealed or missing, and opens that."""
        if len(self._look.seen) >= MOST:
            self.all_seen()
        self._look.seen.add(key)
        found = _get(self, key, _MISSING)
        if found.__class__ is _Sealed and found is not _MISSING:
            found = self._opened(found)
            _set(self, key, found)
        return found

    def _opened(self, sealed: _Sealed) -> Any:
        return sealed.value if sealed.value is not None else self._unpack(sealed.packed)

    def _put(self, key: Any, value: Any) -> None:
        """Puts a new entry in."""
        _set(self, key, value)
        look = self._look
        look.moved.add(key)
        look.grown = max(look.grown, len(self) - self._before)

    def all_seen(self) -> None:
        """It is looked at as a whole."""
        self._look = Look(whole=True, grown=self._look.grown)
        for key, found in list(_items(self)):
            if found.__class__ is _Sealed:
                _set(self, key, self._opened(found))

    # What is asked for was asked for before, as a rule: then all is one look into the dictionary, or two if it is not there.

    def get(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found.__class__ is not _Sealed:
            return found
        if found is not _MISSING or key not in self._look.seen:
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
            self._put(key, value)
        else:
            _set(self, key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found.__class__ is not _Sealed:
            return found
        if (found := self._first(key)) is _MISSING:
            self._put(key, default)
            return default
        return found

    def __delitem__(self, key: Any) -> None:
        if key in self:
            self._look.moved.add(key)
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """See `dict`."""
        found = _get(self, key, _MISSING)
        if found is _MISSING and key in self._look.seen and default:
            return default[0]
        if key in self:
            self._look.moved.add(key)
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


class Requests(Store):
    """The store of what is known of each link, in each entry of which the requests without an answer are a store: one that is
    never answered stays for long, and has nothing to do with those that come."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        value.open = Store.of(value.open) if value.open else Store()
        super().__setitem__(key, value)

    @classmethod
    def ahead(cls, packed: Packed) -> Packed:
        """All are answered."""
        return {key: (octets, {}) for key, (octets, _) in packed.items()}

    @classmethod
    def packed_of(cls, values: dict[Any, Any]) -> Packed:
        """See `Store`."""
        return {key: (octets_of(replace(v, open={})), Store.packed_of(v.open)) for key, v in values.items()}

    @classmethod
    def plain(cls, packed: Packed) -> dict[Any, Any]:
        """See `Store`."""
        made = {key: pickle.loads(octets) for key, (octets, _) in packed.items()}
        for key, value in made.items():
            value.open = Store.plain(packed[key][1])
        return made

    def look(self) -> Look:
        """See `Store`."""
        look = super().look()
        for key in () if look.whole else look.seen:
            found = _get(self, key, _MISSING)
            if key in look.moved:  # how the one that was taken out was looked at is not known any more
                look.inner[key] = Look(whole=True)
            elif found.__class__ is not _Sealed:
                look.inner[key] = found.open.look()
        return look

    def taken(self, packed: Packed) -> Look:
        """See `Store`."""
        opened = {key: value for key, value in _items(self) if value.__class__ is not _Sealed}
        look = super().taken(packed)
        for key, value in opened.items():
            value.open.taken(packed[key][1])
        return look

    def _pack(self, value: Any) -> Any:
        return octets_of(replace(value, open={})), value.open.packed()

    def _unpack(self, packed: Any) -> Any:
        value = super()._unpack(packed[0])
        value.open = Store(packed[1])
        return value


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
