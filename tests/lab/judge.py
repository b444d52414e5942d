"""One conversation with known faults, written down in one of the forms, read back and diagnosed; and whether that was right."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from analyzer.model import Finding
from analyzer.sources import read_input
from tests.lab.conversation import talk_of
from tests.lab.faults import FAULTS, Fault, every_fault, talk_with
from tests.lab.forms import ONE_SIDED, forms_of, raw, same_octets, through
from tests.lab.measure import diagnosed

# What stands on the line in so many words, or in nobody's words: true of a conversation that has it, whatever its cause.
SAID = {"deciphering-error", "service-not-allowed", "service-not-supported", "hls-rejected", "dm-reply", "no-reply"}
Claim = tuple[str, str, bool, str]  # certainty, code, whether it is true, evidence


@dataclass(frozen=True)
class Outcome:
    """What the engine said of one conversation. `problem` is an exception, which is a failure of its own."""

    name: str
    code: str
    seed: int
    form: str
    first: bool = False
    third: bool = False
    codes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = field(default=())
    problem: str = ""
    octets: bool = True  # whether the reader gave the octets that were written

    def __str__(self) -> str:
        changed = "" if self.octets else " (read back with other octets)"
        return f"seed {self.seed}, {self.form}{changed}: {self.problem or ', '.join(self.codes[:4]) or 'nothing'}"


def judged(name: str, seed: int, late: bool = False, **given: Any) -> Outcome:
    """One fault in the conversation of one seed. The form is drawn among those that keep what the fault needs."""
    fault = _fault(name)
    form = "direct"
    try:
        talk = talk_with(seed, fault, late=late, **given)
        trace, ring, framing = talk.play(), talk.ring(), talk.setting.framing or "none"
        form = Random(f"{seed} {name} form").choice(forms_of(framing, fault.timed, network=fault.stage != "open"))
        read = through(trace, form, framing, seed)
        made = verdict(fault, seed, form, diagnosed(read, ring).findings)
        return replace(made, octets=same_octets(trace, read))
    except Exception as problem:  # whatever breaks is counted, with its seed
        return failure(fault, seed, form, problem)


def failure(fault: Fault, seed: int, form: str, problem: Exception) -> Outcome:
    """Something broke: that is neither first nor among three."""
    where = traceback.extract_tb(problem.__traceback__)[-1:]
    place = f" in {where[0].filename.rpartition('/')[2]}:{where[0].lineno}" if where else ""
    return Outcome(fault.name, fault.code, seed, form, problem=f"{problem!r}{place}")


def _fault(name: str) -> Fault:
    if name not in FAULTS:
        every_fault()
    return FAULTS[name]


def said_of(fault: Fault, findings: tuple[Finding, ...]) -> list[str]:
    """The codes in their order. Remarks about what is true and no fault do not stand before another remark, which is all
    that some faults are."""
    return [finding.code for finding in findings if finding.severity != "info" or finding.code in fault.codes]


def verdict(fault: Fault, seed: int, form: str, findings: tuple[Finding, ...]) -> Outcome:
    """Whether these findings are right about this fault."""
    codes = said_of(fault, findings)
    right = {*fault.codes, *fault.also, *SAID}
    claims = tuple(
        (one.certainty, one.code, one.code in right, "; ".join(one.evidence)[:300])
        for one in findings
        if one.because_of is None and one.severity != "info" and one.certainty in ("proven", "likely")
    )
    first, third = codes[:1], codes[:3]
    return Outcome(
        fault.name, fault.code, seed, form,
        any(code in first for code in fault.codes), any(code in third for code in fault.codes), tuple(codes), claims,
    )  # fmt: skip


@dataclass(frozen=True)
class Sound:
    """What is said of a healthy conversation: errors and warnings, as it is and as read back, and whether octets changed."""

    seed: int
    form: str
    alarms: tuple[str, ...] = ()
    octets: bool = True
    problem: str = ""


def sound(seed: int) -> Sound:
    """A healthy conversation, diagnosed as it is and as a reader has it from one of the forms."""
    form = "direct"
    try:
        talk = talk_of(seed)
        trace, ring, framing = talk.play(), talk.ring(), talk.setting.framing or "none"
        chance = Random(f"{seed} sound form")
        form = chance.choice(forms_of(framing))
        if (talk.alone or talk.telegrams) and framing in ONE_SIDED and chance.random() < 0.5:
            form = "raw"
            (read,) = read_input(raw(trace), "lab")
        else:
            read = through(trace, form, framing, seed)
        same = raw(read) == raw(trace) if form == "raw" else same_octets(trace, read)
        both = (*diagnosed(trace, ring).findings, *diagnosed(read, ring).findings)
        said = tuple(f"{one.code}: {'; '.join(one.evidence)[:160]}" for one in both if one.severity != "info")
        return Sound(seed, form, said, same)
    except Exception as problem:
        return Sound(seed, form, problem=repr(problem))
