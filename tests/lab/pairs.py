"""Two faults in one conversation. Both have to be found, unless one hides the other, which a table says with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from random import Random

from tests.lab.faults import STAGES, Fault, common_needs, every_fault, talk_with
from tests.lab.measure import diagnosed

Question = Callable[[Fault, Fault], bool]
# What the analyst typed that no search can find, so that nothing under it can be read, or nothing verified.
NO_KEY = {
    "another_encryption_key", "keys_of_another_meter", "push_read_with_another_key", "keys_of_another_suite_given",
    "push_of_another_meter", "factory_keys_in_use",
}  # fmt: skip
NO_AK = {"another_authentication_key", "one_key_for_both", "one_digit_mistyped", "push_read_without_the_right_ak"}
# Keys that one side, or the meter, really uses otherwise.
KEY_IN_USE = {
    "keys_of_the_manual", "one_key_for_both_by_design", "keys_swapped_by_one_side", "encryption_key_for_both",
    "key_reversed_by_one_side", "global_key_for_dedicated", "key_agreed_on",
}  # fmt: skip
# Deviations of the AARQ itself; the meter refuses it for whichever it meets first.
IN_THE_AARQ = {
    "version_five", "no_title", "value_without_requirements", "ciphered_in_a_plain_context", "plain_in_a_ciphered_context",
    "no_llc", "llc_of_the_meter", "llc_with_a_quality", "another_version", "little_endian_header",
}  # fmt: skip
SEALS = ("tests.lab.faults.security", "tests.lab.faults.aad", "tests.lab.faults.hls")


@dataclass(frozen=True)
class Hidden:
    """Pairs of which one hides the other: `holds(a, b)` says that a hides b."""

    name: str
    reason: str
    holds: Question


def layer(one: Fault) -> str:
    return one.change.__module__.rpartition(".")[2]


def protected(one: Fault) -> bool:
    """Whether a fault shows in what is protected only."""
    return layer(one) in ("security", "aad", "hls", "services", "encoding") or one.name in (
        "push_without_a_title",
        "no_answer_to_the_release",
    )


def later(one: Fault, other: Fault) -> bool:
    """Whether `other` is said, as a rule, after `one` has ended the conversation."""
    if other.stage not in STAGES:
        return False
    # What may begin anywhere begins with the AARQ at the earliest.
    begins = one.stage if one.stage in STAGES else "aarq"
    if STAGES.index(other.stage) > STAGES.index(begins):
        return True
    return one.stage == other.stage == "open" and not other.ends


HIDDEN = (
    Hidden("ended", "the conversation ends with the first, and what the other needs is never said", lambda a, b: a.ends and later(a, b)),
    Hidden(
        "nothing said",
        "the first word is not answered, so nothing that is protected is ever said",
        lambda a, b: a.ends and a.stage == "open" and (b.stage == "analyst" or protected(b)),
    ),
    Hidden(
        "no answer",
        "the first word is not answered, and the other is a slip in the answers",
        lambda a, b: a.ends and a.stage == "open" and b.name in ("ports_as_in_the_request", "answers_with_the_order_of_requests"),
    ),
    Hidden(
        "cut off",
        "what is cut off has no tag, so nothing tells which key is right",
        lambda a, b: a.name == "push_cut_off" and b.stage == "analyst",
    ),
    Hidden(
        "both end",
        "each ends the conversation, so only what comes first is on the line",
        lambda a, b: a.ends and b.ends and not {a.name, b.name} <= IN_THE_AARQ,
    ),
    Hidden(
        "nothing to read",
        "a key that no search finds leaves nothing of the protected octets readable",
        lambda a, b: a.name in NO_KEY and protected(b),
    ),
    Hidden(
        "nothing to verify",
        "without the right AK no tag can be computed, and what shows in tags alone stays open",
        lambda a, b: a.name in NO_AK and layer(b) in ("security", "aad", "hls"),
    ),
    Hidden(
        "keys twice",
        "both change the keys that are given, or the keys in use, and together are a third fault",
        lambda a, b: a.stage == "analyst" and (b.stage == "analyst" or b.name in KEY_IN_USE),
    ),
    Hidden(
        "one sender",
        "both change how the same side protects, and together are a third fault",
        lambda a, b: a.change.__module__ in SEALS and b.change.__module__ in SEALS and layer(a) == layer(b),
    ),
    Hidden(
        "order of the line",
        "an echo, or a capture whose addresses are in one order, takes from the octets who said what",
        lambda a, b: a.name in ("own_octets_come_back", "answers_with_the_order_of_requests") and b.name in ("not_captured", "sent_twice", "answered_twice", "own_octets_come_back", "answers_with_the_order_of_requests"),
    ),
    Hidden(
        "a remark that must be alone",
        "it is said only of a conversation that nothing else is wrong with, or that reads nothing else",
        lambda a, b: b.name in ("sound_request_refused", "registers_without_their_scaler") and a is not b,
    ),
)  # fmt: skip


def hidden(one: Fault, other: Fault) -> Hidden | None:
    """The row of the table by which one of the two hides the other."""
    return next((row for row in HIDDEN if row.holds(one, other) or row.holds(other, one)), None)


@cache
def fitting() -> tuple[tuple[Fault, Fault], ...]:
    """The pairs that one conversation has room for, hidden ones as well."""
    return tuple(
        pair
        for pair in combinations(every_fault(), 2)
        if common_needs(*pair) is not None
        and not (pair[0].beside or pair[1].beside)
        and not set(pair[0].codes) & set(pair[1].codes)
    )


def counted() -> Iterator[tuple[Fault, Fault]]:
    """Those of them where both can be found."""
    return (pair for pair in fitting() if hidden(*pair) is None)


@cache
def _counted() -> tuple[tuple[Fault, Fault], ...]:
    return tuple(counted())


@dataclass(frozen=True)
class Both:
    """Two faults in the conversation of one seed, by name: those that were missed, and of these those (`hard`) that are
    found where the same conversation has them alone."""

    first: str
    second: str
    seed: int
    missed: tuple[str, ...] = ()
    hard: tuple[str, ...] = ()
    problem: str = ""  # an exception of the engine


def pair_of(number: int) -> Both | None:
    """The pair that a number draws, played and diagnosed. None: its conversation has no place for one of them."""
    chance = Random(f"pair {number}")
    pair = chance.choice(_counted())
    try:
        talk = talk_with(number, *pair)
        trace = talk.play()
    except IndexError:  # a fault found no frame of the kind it damages
        return None
    try:
        found = {finding.code for finding in diagnosed(trace, talk.ring()).findings}
    except Exception as problem:  # the engine broke: both are missed
        names = (pair[0].name, pair[1].name)
        return Both(*names, number, names, names, repr(problem))
    missed = tuple(one for one in pair if not found & set(one.codes))
    hard = tuple(one.name for one in missed if _found_alone(one, number))
    return Both(pair[0].name, pair[1].name, number, tuple(one.name for one in missed), hard)


def _found_alone(one: Fault, number: int) -> bool:
    findings = diagnosed(*one.make(number)).findings
    return any(finding.code in one.codes for finding in findings)
