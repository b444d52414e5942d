"""A failing trace against one that works: which differences may matter, and which the trace itself shows to be harmless.

Both are followed side by side up to the point where they part: an answer that is another one, or none, or a protection
that fails. What differs in the request there is a suspect. What differs before it and was answered as in the working
trace is harmless, unless the meter keeps it for the session (addresses, titles, mechanism). What the working trace, or
an answered request anywhere in the input, has as well is harmless too. A suspect is never more than likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from analyzer.comparison import BIT, FieldDifference, Pair, compared
from analyzer.diagnosis.case import Case, names, side_of
from analyzer.diagnosis.catalogue import load_catalogue
from analyzer.diagnosis.outcome import outcome_of
from analyzer.diagnosis.ranking import findings_of
from analyzer.diagnosis.registry import Hit
from analyzer.facing import APDU_NAMES
from analyzer.message import Message
from analyzer.model import Certainty, Finding, Node
from analyzer.paths import located
from analyzer.shown import shown
from analyzer.tree import tree_of

CODE = "differs-from-working"
LOOKED_AT = 400  # messages in which a value is looked for that may be harmless
KEPT = frozenset({
    "destination_address", "source_address", "source_wport", "destination_wport", "calling_ap_title",
    "calling_ae_qualifier", "application_context_name", "mechanism_name", "client_max_receive_pdu_size",
})  # fmt: skip
ABOUT_KEYS = "security."
TELLS_ITSELF = frozenset({"llc-missing", "llc-wrong"})  # findings whose evidence has what the others send
Fate = Literal["suspect", "harmless"]


@dataclass(slots=True)
class Difference:
    """Differences of one field and of what is in it, in a pair of messages (one of them None for a gap)."""

    mine: Message | None
    theirs: Message | None
    fields: tuple[FieldDifference, ...] = ()
    fate: Fate = "suspect"
    why: str = ""

    @property
    def path(self) -> str:
        """The path of the outermost field."""
        return self.fields[0].path if self.fields else ""


@dataclass(slots=True)
class Comparison:
    """Everything that differs up to the parting; `parted` is the pair there, None where the traces never part."""

    working: Case
    differences: list[Difference] = field(default_factory=list)
    parted: tuple[Message | None, Message | None] | None = None
    how: str = ""
    pairs: int = 0


def reference_of(case: Case, candidates: Sequence[Case]) -> Case | None:
    """The trace to compare a failing one with: the first of the candidates that talks to the same meter."""
    for other in candidates:
        if other is not case and _same_meter(case, other) and len(other.messages) > 1:
            return other
    return None


def _same_meter(a: Case, b: Case) -> bool:
    if not a.messages or not b.messages or a.messages[0].frames[0].framing != b.messages[0].frames[0].framing:
        return False
    titles = [{m.after.server_title for m in case.messages if m.after.server_title} for case in (a, b)]
    if titles[0] and titles[1]:
        return bool(titles[0] & titles[1])
    servers = [{m.after.server_address for m in case.messages if m.after.server_address} for case in (a, b)]
    return bool(servers[0] & servers[1])


def compare(case: Case, working: Case, findings: Sequence[Finding]) -> Comparison:
    """Follows both traces to where they part, and judges every difference up to there."""
    made = Comparison(working)
    by_number = {m.number: m for m in case.messages}
    theirs = {m.number: m for m in working.messages}
    first_error = min((f.message for f in findings if f.severity == "error" and f.message), default=None)
    pending: list[Difference] = []
    asked: tuple[Message | None, Message | None] = (None, None)
    for pair in compared(working.messages, case.messages):
        made.pairs += 1
        one, other = by_number.get(pair.b or 0), theirs.get(pair.a or 0)
        here = list(_differences(pair, one, other))
        ahead = one or other
        assert ahead is not None
        if ahead.direction == "client":
            if one is not None and first_error is not None and one.number > first_error and not pending:
                break  # what follows the first error without any difference before it
            asked = (one, other)
            pending += here
            if _fails_alone(pair):
                made.parted, made.how = (one, other), "here its protection does not verify, there it does"
                break
            continue
        how = _parting(one, other, asked)
        if how:
            made.parted, made.how = (one, other), how
            if one is not None and one.direction == "meter" and asked == (None, None):
                pending += here  # a push: nobody asked, what differs in it is all there is
            break
        _judged(pending, one, other)
        made.differences += [*pending, *(_answered_on(d) for d in here)]
        pending = []
    made.differences += pending
    made.differences = _once(made.differences)
    if made.parted is None and first_error is not None:
        _at_first_error(made, by_number.get(first_error))
    for difference in made.differences:
        if difference.fate == "suspect":
            _seen_elsewhere(difference, (working, case, *case.others), case, made.parted)
    return made


def _once(differences: Sequence[Difference]) -> list[Difference]:
    """Without those that only repeat an earlier one in a later message, such as an address."""
    seen: dict[object, Difference] = {}
    for difference in differences:
        what = tuple((row.path, row.a, row.b) for row in difference.fields)
        first = seen.setdefault(what or id(difference), difference)
        if first is not difference and difference.fate == "suspect" and not difference.why:
            first.fate = "suspect"
    return list(seen.values())


def _fails_alone(pair: Pair) -> bool:
    return any(f.path.startswith(ABOUT_KEYS) and f.a == "verified" and f.b == "failed" for f in pair.fields)


def _parting(one: Message | None, other: Message | None, asked: tuple[Message | None, Message | None]) -> str:
    """How the answers of both traces part, in words; empty where they do not."""
    mine, theirs = outcome_of(one), outcome_of(other)
    if one is not None and other is not None:
        return "" if mine == theirs else f"here {mine.words}, there {theirs.words}"
    if one is None:  # the working trace has an answer, this one none of that kind
        if asked[0] is None or asked[1] is None:
            return ""
        return f"here no such answer to message {asked[0].number}, there {theirs.words}"
    return f"here {mine.words}" if mine.bad else ""


def _judged(pending: Sequence[Difference], one: Message | None, other: Message | None) -> None:
    """What was asked otherwise and answered alike is harmless, unless the meter keeps it."""
    if one is None or other is None:
        return
    for difference in pending:
        kept = KEPT & set(difference.path.split("."))
        if kept:
            difference.why = f"{names(one)} answers as there, but the meter keeps this for the session"
        else:
            difference.fate = "harmless"
            difference.why = f"{names(one)} answers it as there"


def _answered_on(difference: Difference) -> Difference:
    """A difference in an answer with the same outcome: the client's side decides, and it went on."""
    difference.why = difference.why or "the exchange goes on after it"
    difference.fate = "harmless"
    return difference


def _at_first_error(made: Comparison, message: Message | None) -> None:
    """The traces never part in their answers: the first error stands for that, differences up to there count."""
    if message is None:
        return
    made.parted, made.how = (message, None), "here the first error shows"
    for difference in made.differences:
        if difference.mine is not None and difference.mine.number == message.number:
            difference.fate, difference.why = "suspect", ""


def _differences(pair: Pair, one: Message | None, other: Message | None) -> Iterator[Difference]:
    """What differs in a pair, fields inside a field that differs together with it."""
    if one is None or other is None:
        if (one or other).direction == "client":  # type: ignore[union-attr]
            yield Difference(one, other)
        return
    groups: dict[str, list[FieldDifference]] = {}
    for row in pair.fields:
        if row.status != "different" or row.path.startswith(ABOUT_KEYS):
            continue
        outer = next((path for path in groups if row.path.startswith(f"{path}.")), None)
        if outer is None and row.why == BIT:
            outer = row.path.rpartition(".")[0]
        groups.setdefault(outer or row.path, []).append(row)
    for rows in groups.values():
        yield Difference(one, other, tuple(rows))


def _seen_elsewhere(
    difference: Difference, cases: Sequence[Case], own: Case, parted: tuple[Message | None, Message | None] | None
) -> None:
    """Harmless where a request that was answered well has the same value."""
    mine = difference.mine
    if mine is None or not difference.fields or any(row.b is None for row in difference.fields):
        return
    plain = mine.plain.name if mine.plain is not None else mine.frame
    at_parting = {m.number for m in parted or () if m is not None}
    for case in cases:
        alike = (m for m in case.messages if m.direction == mine.direction and m.frame == mine.frame)
        for message in islice(alike, LOOKED_AT):
            if case is own and (message.number >= mine.number or message.number in at_parting):
                continue
            if (message.plain.name if message.plain is not None else message.frame) != plain:
                continue
            reply = case.reply(message)
            if reply is None or outcome_of(reply).bad or not _has(message, difference.fields):
                continue
            where = "" if case is own else f" of {case.trace.name}"
            difference.fate = "harmless"
            difference.why = f"{names(message)}{where} has it too and is answered"
            return


def _has(message: Message, fields: Sequence[FieldDifference]) -> bool:
    tree = tree_of(message)
    return all(_value_at(tree, message, row.path) == row.b for row in fields)


def _value_at(tree: Node, message: Message, path: str) -> str | None:
    """What a message has at a path of the comparison, where the length of a random value is a field of its own."""
    found = located(tree, path)
    if found is not None:
        return shown(found[1], message.octets(found[1].buffer))
    outer, _, last = path.rpartition(".")
    found = located(tree, outer) if last == "length" else None
    return f"{len(found[1].value)} octets" if found is not None and isinstance(found[1].value, bytes) else None


# -- what is said ------------------------------------------------------------------------------------------------


def compared_with(
    case: Case, working: Case, found: Sequence[tuple[str, Hit]], findings: Sequence[Finding], asked: bool
) -> tuple[tuple[Finding, ...], list[str]]:
    """The findings about a trace with what a working one adds to them, and what the comparison says in sentences.

    `found` are the hits that `findings` were made of; `asked` whether the user named the working trace."""
    made = compare(case, working, findings)
    if not asked and made.parted is None:
        return tuple(findings), []
    notes: dict[tuple[str, int], list[str]] = {}
    suspects, explained = [], False
    for difference in made.differences:
        known = _finding_at(difference, findings)
        if known is not None and known.message is not None:
            harmless = difference.fate == "harmless"
            explained = explained or not harmless
            if known.code in TELLS_ITSELF:
                continue
            said = f"harmless up to there: {difference.why}" if harmless else _against(difference, working)
            notes.setdefault((known.code, known.message), []).append(said)
        elif difference.fate == "suspect":
            suspects.append(difference)
    proven = next((f for f in findings if _is_root(f, made, case)), None)
    hits = [(CODE, _hit(case, made, one, len(suspects) == 1, proven)) for one in suspects]
    sole = len(suspects) == 1 and proven is None
    noted = [(code, _noted(code, hit, notes, made if sole else None)) for code, hit in found]
    return findings_of(case, [*noted, *hits]), statement(made, len(suspects), explained)


def _noted(code: str, hit: Hit, notes: dict[tuple[str, int], list[str]], sole: Comparison | None) -> Hit:
    """A hit with what the comparison says of the same field; what a sole suspect explains follows from it."""
    number = hit.message.number if hit.message is not None else 0
    hit = replace(hit, evidence=(*hit.evidence, *notes.pop((code, number), ())))
    at = {m.number for m in (sole.parted or ()) if m is not None} if sole is not None else set()
    symptom = number in at and hit.because_of is None and (hit.certainty != "proven" or _is_answer(hit))
    severe = (hit.severity or load_catalogue()[code].severity) == "error"
    return replace(hit, because_of=CODE) if symptom and severe else hit


def _is_answer(hit: Hit) -> bool:
    return hit.message is not None and hit.message.direction == "meter"


def _is_root(finding: Finding, made: Comparison, case: Case) -> bool:
    """A fault of a request up to the parting, which needs no suspect to explain it."""
    last = max((m.number for m in (made.parted or ()) if m is not None), default=0)
    number = finding.message or 0
    request = case.at(number) if number <= last else None
    asked = request is not None and request.direction == "client"
    return asked and finding.because_of is None and finding.severity == "error" and finding.certainty == "proven"


def _finding_at(difference: Difference, findings: Sequence[Finding]) -> Finding | None:
    """The finding that already speaks of a difference."""
    mine, path = difference.mine, difference.path
    if mine is None:
        return None
    for finding in findings:
        if finding.message != mine.number:
            continue
        if finding.code == "snrm-parameters-defaulted" and path == "information":
            return finding
        if finding.code in ("llc-missing", "llc-wrong") and path.rpartition(".")[2] == "llc":
            return finding
        at = finding.field or ""
        inside = path.startswith(f"{at}.") and at.rpartition(".")[2] not in (APDU_NAMES | {"information"})
        if at and finding.severity != "info" and (path == at or inside or at.startswith(f"{path}.")):
            return finding
    return None


def _against(difference: Difference, working: Case) -> str:
    """One difference in words."""
    name, theirs, mine = working.trace.name, difference.theirs, difference.mine
    if mine is None:
        return f"{name} sends {names(theirs)} here, and this trace does not" if theirs else ""
    if theirs is None:
        return f"this trace sends {names(mine)} here, and {name} does not"
    rows = [row for row in difference.fields if row.why != BIT] or list(difference.fields)
    row = rows[-1] if len(rows) > 1 and rows[-1].path.startswith(rows[0].path) else rows[0]
    said = f"{short(row.path)} is {row.b or 'absent'} here, and {row.a or 'absent'} in {names(theirs)} of {name}"
    bits = [row for row in difference.fields if row.why == BIT]
    for words, value in (("only here", "b"), ("only there", "a")):
        found = [row.path.rpartition(".")[2] for row in bits if (getattr(row, value) or "").startswith("1")]
        if found:
            said += f"; set {words}: {', '.join(found)}"
    return said


def short(path: str) -> str:
    """A path from the innermost APDU on."""
    parts = path.split(".")
    start = max((n + 1 for n, part in enumerate(parts[:-1]) if part in APDU_NAMES), default=0)
    return ".".join(parts[start:])


def _hit(case: Case, made: Comparison, difference: Difference, sole: bool, proven: Finding | None) -> Hit:
    """A suspect: what differs, where the traces part, and how sure it is."""
    evidence = [_against(difference, made.working)]
    if difference.why:
        evidence.append(difference.why)
    at = next((m for m in made.parted or () if m is not None), None)
    parted = f"the traces part at message {at.number}: {made.how}" if at is not None else ""
    certainty: Certainty = "possible"
    if proven is not None:
        parted = f"{parted}; {proven.code} alone explains that" if parted else ""
    elif sole:
        certainty = "likely"
        parted += "; nothing else in the request differs from what works"
    evidence += [parted] if parted else []
    message = difference.mine or _near(case, made)
    return Hit(
        message,
        tuple(evidence),
        certainty=certainty,
        field=difference.path or None,
        severity="info" if proven is not None else None,
        side=side_of(message) if message is not None else "client",
        fix=f"Send it as {made.working.trace.name} does, and see whether the exchange then goes on.",
    )


def _near(case: Case, made: Comparison) -> Message | None:
    """The message where something is missing: that at which the traces part."""
    parted = made.parted[0] if made.parted else None
    return case.request(parted) or parted if parted is not None else None


def statement(made: Comparison, suspects: int, explained: bool) -> list[str]:
    """What the comparison showed, in a few sentences."""
    name = made.working.trace.name
    harmless = [d for d in made.differences if d.fate == "harmless"]
    at = next((m for m in made.parted or () if m is not None), None)
    if at is None:
        said = f"Compared with {name}: the exchanges do not part in {made.pairs} pairs of messages"
    else:
        whose = "" if made.parted and made.parted[0] is not None else f" of {name}"
        said = f"Compared with {name}: the traces part at message {at.number}{whose}: {made.how}. "
        counted = f"{suspects} difference{'s' if suspects != 1 else ''} up to there may matter"
        more = ", besides those that findings explain" if explained else ""
        said += f"{counted if suspects else 'No difference up to there may matter'}{more}"
    sentences = [said + "."]
    if harmless:
        shown_ = [f"{_what(d)} ({d.why})" for d in harmless[:6]]
        more = f" and {len(harmless) - 6} more" if len(harmless) > 6 else ""
        sentences.append(f"Harmless differences: {'; '.join(shown_)}{more}.")
    return sentences


def _what(difference: Difference) -> str:
    message = difference.mine or difference.theirs
    assert message is not None
    return f"{short(difference.path)} in {names(message)}" if difference.path else names(message)


__all__ = ["CODE", "Comparison", "compare", "compared_with", "reference_of"]
