"""Sentences that count something of the whole trace, so that what the parts of a long one count can be put together.

A sentence is made by a function from facts. Facts that count (`Many`, `Listed`) are added up; of all others those of the
first part stay. How much is kept of it does not grow with the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from analyzer.diagnosis.registry import Hit
from analyzer.model import Finding

SHOWN = 64  # of a list that are kept; no sentence shows so many
THINGS = 4096  # that are told apart


class Many(int):
    """How many there are."""


class Listed(NamedTuple):
    """The first of many, and how many they are."""

    first: tuple[Any, ...]
    many: int

    @classmethod
    def of(cls, all_of_them: Iterable[Any], most: int) -> Listed:
        """Those of which a sentence shows no more than `most`."""
        rows = tuple(all_of_them)
        return cls(rows[:most], len(rows))

    def joined(self, other: Listed) -> Listed:
        """Both, one behind the other."""
        return Listed((*self.first, *other.first)[:SHOWN], self.many + other.many)


class Place(NamedTuple):
    """Where a thing is met first, and what is said of it."""

    text: str
    message: int
    record: int


class Named(NamedTuple):
    """Things that are told apart, each with where it is met first, which later parts may name again; and those of which a part
    shows that nothing is to be said of them."""

    things: dict[str, Place]
    cleared: frozenset[str] = frozenset()

    @property
    def texts(self) -> list[str]:
        """In the order in which the things come."""
        return [place.text for place in self.things.values()]

    @property
    def many(self) -> int:
        """How many things there are."""
        return len(self.things)

    def joined(self, other: Named) -> Named:
        """Both; of more than `THINGS` those are left out that come last."""
        cleared = frozenset(sorted(self.cleared | other.cleared)[:THINGS])
        rows = [
            *self.things.items(),
            *((name, place) for name, place in other.things.items() if name not in self.things),
        ]
        return Named(dict([row for row in rows if row[0] not in cleared][:THINGS]), cleared)


class Counted(str):
    """A sentence, and what it is made of. `key` tells sentences of one form apart; `most` is how many sentences of this form
    a finding has, where later parts may have others; with fewer than `least` of what is counted there is no finding."""

    __slots__ = ("facts", "form", "key", "least", "most")
    form: Callable[..., str]
    facts: tuple[Any, ...]
    key: str
    most: int
    least: int

    def __new__(cls, form: Callable[..., str], *facts: Any, key: str = "", most: int = 0, least: int = 0) -> Counted:
        """`form` is a function of a module, since sentences go from one process to another."""
        made = super().__new__(cls, form(*facts))
        made.form, made.facts, made.key, made.most, made.least = form, facts, key, most, least
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.form, self.facts, self.key, self.most, self.least)

    def same(self, other: str) -> bool:
        """Whether another sentence counts the same."""
        return isinstance(other, Counted) and (self.form, self.key) == (other.form, other.key)

    def joined(self, other: Counted) -> Counted:
        """What both count."""
        facts = tuple(map(_added, self.facts, other.facts))
        return _again(self.form, facts, self.key, self.most, self.least)

    def covered(self, cover: Callable[[str], str]) -> Counted:
        """The same, with the texts that it quotes covered."""
        facts = tuple(_covered(fact, cover) for fact in self.facts)
        return _again(self.form, facts, self.key, self.most, self.least)

    def counting(self, numbers: Sequence[int] | None) -> Counted:
        """The same with these numbers, if there are any, in place of those of a part."""
        if numbers is None:
            return self
        left = iter(numbers)
        facts = tuple(Many(next(left)) if isinstance(fact, Many) else fact for fact in self.facts)
        return _again(self.form, facts, self.key, self.most, self.least)

    @property
    def many(self) -> int:
        """How many there are of what is counted first."""
        counts = (int(one) if isinstance(one, Many) else one.many for one in self.facts if isinstance(one, COUNTING))
        return next(counts, 0)


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, Many):
        return Many(one + other)
    return one.joined(other) if isinstance(one, Listed | Named) else one


def _covered(fact: Any, cover: Callable[[str], str]) -> Any:
    if isinstance(fact, str):
        return cover(fact)
    if not isinstance(fact, Named):
        return fact
    covered = {name: place._replace(text=cover(place.text)) for name, place in fact.things.items()}
    return fact._replace(things=covered)


COUNTING = Many | Listed | Named


def _again(form: Callable[..., str], facts: Sequence[Any], key: str, most: int, least: int) -> Counted:
    return Counted(form, *facts, key=key, most=most, least=least)


def with_counts(known: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The sentences of a finding with what another part counts of the same."""
    made = list(known)
    for text in other:
        if not isinstance(text, Counted):
            continue
        place = next((n for n, one in enumerate(made) if text.same(one)), None)
        if place is not None:
            one = made[place]
            assert isinstance(one, Counted)
            made[place] = one.joined(text)
        elif text.most and sum(isinstance(one, Counted) and one.form is text.form for one in made) < text.most:
            made.append(text)
    return tuple(made)


def enough(evidence: Iterable[str]) -> bool:
    """Whether there are so many of what is counted that it is worth a finding."""
    return all(one.many >= one.least for one in evidence if isinstance(one, Counted))


@dataclass(frozen=True, slots=True)
class Told(Finding):
    """A finding as a part of a long trace tells it. `once`, `throughout` and `unless` are those of its `Hit`; `more` are those
    of the same kind that are not told, `last` is the message of the last of them."""

    once: str = ""
    throughout: bool = False
    unless: str = ""
    more: int = 0
    last: int | None = None

    @classmethod
    def of(cls, finding: Finding, hit: Hit, more: int, last: int | None) -> Told:
        """The finding that a hit became, with what is known of others."""
        said: dict[str, Any] = {"once": hit.once, "throughout": hit.throughout, "unless": hit.unless}
        return cls(**_fields(finding), **said, more=more, last=last)

    def plain(self) -> Finding:
        """The finding as it is shown: its sentences as they are now, without those that count nothing; it is where the first
        of the things is that it names."""
        made = replace(Finding(**_fields(self)), evidence=tuple(filter(None, map(str, self.evidence))))
        facts = (fact for one in self.evidence if isinstance(one, Counted) for fact in one.facts)
        places = [place for fact in facts if isinstance(fact, Named) for place in fact.things.values()]
        return replace(made, message=places[0].message, record=places[0].record) if places else made


def _fields(finding: Finding) -> dict[str, Any]:
    return {one.name: getattr(finding, one.name) for one in fields(Finding)}
