"""Stores: they hold what a dictionary holds, and what was not looked at in one neither matters nor changes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from analyzer.bulk import stores
from analyzer.bulk.stores import WHOLLY, Bounds, Look, Packed, Requests, Store

KEEPS = 6  # entries; a further one throws out the first


@dataclass
class Known:
    """An entry with a store in it."""

    last: int = 0
    open: dict[int, int] = field(default_factory=dict)


def steps(rng: random.Random, count: int) -> list[tuple[str, int, int]]:
    kinds = ("get", "set", "default", "pop", "delete", "has", "all")
    weights = (6, 4, 2, 2, 1, 3, 0.1)
    return [(rng.choices(kinds, weights)[0], rng.randrange(9), rng.randrange(3)) for _ in range(count)]


def done(values: dict[Any, Any], step: tuple[str, int, int]) -> Any:
    """What a step says; a dictionary that is too long loses its first entry."""
    kind, key, value = step
    said: Any = None
    if kind == "get":
        said = values.get(key)
    elif kind == "set":
        values[key] = value
    elif kind == "default":
        said = values.setdefault(key, value)
    elif kind == "pop":
        said = values.pop(key, None)
    elif kind == "has":
        said = key in values
    elif kind == "all":
        said = list(values.items())
    elif key in values:
        del values[key]
    while len(values) > KEEPS:
        values.pop(next(iter(values)))
    return said


def asked(values: dict[Any, Any], step: tuple[str, int, int]) -> Any:
    """The same of entries with a store in each: most steps are in that of one of three."""
    kind, key, value = step
    if kind == "delete" and value:
        return values.pop(key % 3, None) is not None
    known = values.get(key % 3)
    if known is None:
        known = values[key % 3] = Known()
    known.last = value if kind == "set" else known.last
    return done(known.open, step), known.last


def packed(store: Store) -> list[Any]:
    return [(key, *([entry[0], list(entry[1].items())] if isinstance(entry, tuple) else [entry]))
            for key, entry in store.packed().items()]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "do", "bounds"),
    [(Store, done, (lambda: KEEPS,)), (Requests, asked, (lambda: 9, lambda: KEEPS))],
    ids=["store", "requests"],
)
def test_what_agrees_is_led_to_the_same(kind: type[Store], do: Any, bounds: Bounds) -> None:
    """Two states that agree in what is looked at: both say the same, and one is led to what it would come to by itself."""
    agreed = differed = 0
    for seed in range(4000):
        rng = random.Random(seed)
        own, other = kind(), kind()
        for step in steps(rng, 12):
            do(own, step), do(other, step)
        for step in steps(rng, rng.randrange(5)):
            do(other, step)
        begins: list[Packed] = [store.packed() for store in (own, other)]
        own, other = (kind(begin) for begin in begins)
        looks: list[Look] = []
        ways: list[list[Any]] = [[], []]
        for stretch in range(2):
            for step in steps(rng, rng.randrange(6)):
                ways[0].append(do(own, step)), ways[1].append(do(other, step))
            looks.append(own.taken(own.packed()) if not stretch else own.look())
        look = (looks[0] | looks[1]).settled(begins[0], bounds)
        if not look.agrees(look.narrowed(begins[0]), begins[1], bounds):
            differed += 1
            continue
        agreed += begins[0] != begins[1]
        assert ways[0] == ways[1], seed
        led = look.onto(begins[1], own.packed())
        assert packed(kind(led)) == packed(other), seed
    assert agreed > 100 and differed > 100


def test_a_store_is_a_dictionary() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        store, plain = Store(), {}
        for step in steps(rng, 40):
            assert done(store, step) == done(plain, step)
            if rng.random() < 0.2:
                store.taken(store.packed())
        assert list(store.items()) == list(plain.items()) and store == plain and len(store) == len(plain)


def test_no_way_into_a_dictionary_is_left_unnoted() -> None:
    """A method of `dict` that is not here would hand out entries that are sealed, or change what nobody notes."""
    silent = {"__len__", "__init__", "__new__", "__repr__", "__sizeof__", "__class_getitem__", "__getattribute__",
              "__doc__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "fromkeys"}  # fmt: skip
    assert set(vars(dict)) - silent <= set(vars(Store))
    for name in WHOLLY:
        store = Store(Store.of({1: 2}).packed())
        arguments = [{}] if name in ("__eq__", "__ne__", "__or__", "__ror__", "__ior__", "update") else []
        getattr(store, name)(*arguments)
        assert store.look().whole


def test_entries_are_read_when_they_are_wanted() -> None:
    begin = Store.of({n: [n] for n in range(5)}).packed()
    store = Store(begin)
    store[1].append(9)
    end = store.packed()
    assert store.look().seen == {1} and [key for key in begin if begin[key] is not end[key]] == [1]


def test_noise_has_ever_new_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is noted of a stretch does not grow without end."""
    monkeypatch.setattr(stores, "MOST", 10)
    store = Store()
    for number in range(1000):
        store.get(number)
    assert store.look().whole and len(store.look().seen) <= 10
