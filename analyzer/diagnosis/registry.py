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
ONCE: set[Rule] = set()
Tally = Callable[["Case"], tuple[int, ...]]
TALLIES: dict[str, Tally] = {}


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a rule saw.

    `evidence` are sentences with octets, positions and computed values. `field` is a dotted path in the tree of
    `message`, whose parts are found at any depth. `changes` make the frame what it should have been; where a rule
    computes the octets itself, `fixed` has them; `elsewhere` are changes of further messages with the same fault.
    `explains` are the numbers of messages whose content cannot be read because of this; `about` those of all messages
    that it is said of, where they are several. `once` is a name for what is said once of a trace, however long it is: of a
    part, it is said of the part's own messages (`Case.owns`), with sentences that are added up (`Counted`). What a part says
    `throughout` holds if all parts say it; what it says `unless` holds if what has that name does not.
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
    once: str = ""
    throughout: bool = False
    unless: str = ""


@cache
def hit_by(function: Rule, errors: bool = False) -> Callable[[Case], frozenset[int]]:
    """What gives the numbers of the messages of a case that a rule has something to say of, or sees an error in; for
    `Case.once`, where a rule asks another one about many messages."""
    return lambda case: frozenset(
        hit.message.number
        for hit in function(case)
        if hit.message is not None and not (errors and hit.severity not in (None, "error"))
    )


def tally(name: str) -> Callable[[Tally], Tally]:
    """Registers a function that counts something in the own messages of a case. A sentence (`Counted`) of that name as its key
    says these numbers of the whole trace, also of the parts without the finding that it belongs to."""

    def register(function: Tally) -> Tally:
        TALLIES[name] = function
        return function

    return register


def rule(*codes: str, once: bool = False) -> Callable[[Rule], Rule]:
    """Registers a rule under the codes of the catalogue that it reports; with `once` it has no more than one hit in a trace."""

    def register(function: Rule) -> Rule:
        RULES.append((codes, function))
        if once:
            ONCE.add(function)
        return function

    return register
