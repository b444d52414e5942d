"""Rules and how they are found: a rule is one function with the codes it can report, registered by a decorator.

    @rule("llc-missing")
    def llc_missing(case: Case) -> Iterator[Hit]:
        ...

A rule says what it saw as `Hit`s; title, cause, fix, severity and side come from the catalogue unless it knows better.
The engine turns hits into findings, builds the corrected frames and ranks everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from analyzer.message import Message
from analyzer.model import Certainty, Severity, Side, Span
from analyzer.rebuild import AnyChange

if TYPE_CHECKING:
    from analyzer.diagnosis.case import Case

Rule = Callable[["Case"], Iterator["Hit"]]
RULES: list[tuple[tuple[str, ...], Rule]] = []


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a rule saw.

    `evidence` are sentences with octets, positions and computed values. `field` is a dotted path in the tree of
    `message`, whose parts are found at any depth. `changes` make the frame what it should have been; where a rule
    computes the octets itself, `fixed` has them; `elsewhere` are changes of further messages with the same fault.
    `explains` are the numbers of messages whose content cannot be read because of this; `about` those of all messages
    that it is said of, where they are several.
    `because_of` names the code of the finding that this one follows from. `code` is needed from rules that have
    several; the other texts replace those of the catalogue.
    """

    message: Message | None
    evidence: tuple[str, ...]
    certainty: Certainty = "proven"
    code: str = ""
    field: str | None = None
    span: Span | None = None
    record: int | None = None
    severity: Severity | None = None
    side: Side | None = None
    title: str = ""
    cause: str = ""
    fix: str = ""
    changes: tuple[AnyChange, ...] = ()
    fixed: bytes | None = None
    elsewhere: tuple[tuple[Message, tuple[AnyChange, ...]], ...] = ()
    because_of: str | None = None
    explains: frozenset[int] = frozenset()
    about: frozenset[int] = frozenset()


@cache
def hit_by(function: Rule, errors: bool = False) -> Callable[[Case], frozenset[int]]:
    """What gives the numbers of the messages of a case that a rule has something to say of, or sees an error in; for
    `Case.once`, where a rule asks another one about many messages."""
    return lambda case: frozenset(
        hit.message.number
        for hit in function(case)
        if hit.message is not None and not (errors and hit.severity not in (None, "error"))
    )


def rule(*codes: str) -> Callable[[Rule], Rule]:
    """Registers a rule under the codes of the catalogue that it reports."""

    def register(function: Rule) -> Rule:
        RULES.append((codes, function))
        return function

    return register
