"""From hits to findings: corrected frames, links from consequence to cause, and the order.

The order is that of causes, not of severities: what stops the exchange first stands first. Roots that are errors, or
that an error follows from, come by message and, within a message, from the wire inwards; then their consequences;
then warnings, then remarks. What only the analyst gave wrongly comes behind what the trace itself shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer.diagnosis.case import Case
from analyzer.diagnosis.catalogue import LAYERS, load_catalogue
from analyzer.diagnosis.counted import Told
from analyzer.diagnosis.guesses import without_guesses
from analyzer.diagnosis.registry import ONCE, RULES, Hit
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Finding, Node, Span
from analyzer.paths import located
from analyzer.patience import go_on
from analyzer.rebuild import SAME_COUNTER, AnyChange, NotBuildable, rebuild
from analyzer.tree import tree_of

# Layers whose faults keep the APDU from being read at all: what is wrong inside it shows no effect in the answer.
BELOW_THE_APDU = frozenset({"serial", "HDLC", "addressing", "LLC", "wrapper", "transport"})
OF_PIECES = frozenset({
    "data-truncated", "apdu-cut", "llc-missing", "octets-behind-apdu", "stray-octets", "not-dlms-reply", "stale-buffer",
    "tag-unexplained", "encryption-key-wrong", "ciphertext-damaged", "ber-length-wrong", "deciphering-error",
})  # fmt: skip
MISSED = 3  # whole APDUs behind damage, at most, that are out of step because of it
SAME_MANY = 20  # findings of one code and one side in a trace; more are counted in the last one


@dataclass(slots=True)
class Correction:
    """What makes one message right: changes, or the octets where a rule computed them; and the faults it mends."""

    message: Message
    changes: list[AnyChange] = field(default_factory=list)
    octets: bytes | None = None
    codes: dict[str, None] = field(default_factory=dict)


def findings_of(case: Case, found: Sequence[tuple[str, Hit]]) -> tuple[Finding, ...]:
    """What the rules saw in a trace as findings, ranked and numbered from 1. Those of a part of a trace are `Told`."""
    rest: list[_Rest] = []
    hits = list(_bounded(found)) if case.own is None else _bounded_part(case, found, rest)
    fixes = _fixed_frames(case, hits)
    trees: dict[int, Node] = {}
    made = [_finding(case, code, hit, fixes, trees) for code, hit in hits]
    if case.own is not None:
        rows = zip(made, hits, rest, strict=True)
        made = [Told.of(one, hit, left.more, left.last) for one, (_, hit), left in rows]
    linked = _linked(_overshadowed(made))
    return tuple(replace(finding, id=number) for number, finding in enumerate(_with_ids(linked), 1))


def hits_of(case: Case) -> list[tuple[str, Hit]]:
    """What all rules see in a trace, with the code of each."""
    found = []
    for codes, function in RULES:
        go_on()
        for hit in function(case):
            if function in ONCE and not hit.once:
                hit = replace(hit, once=function.__name__)
            code = hit.code or codes[0]
            assert code in codes, f"{function.__name__} reported {code}, registered for {codes}"
            found.append((code, hit))
    return without_guesses(case, _refusals(case, _of_keys(_of_damage(case, _explained(_confused(found))))))


def _of_keys(found: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """Where keys of another suite were given, what they do not open or verify follows from that."""
    if not any(code == "security-suite-mismatch" and hit.side == "analyst" for code, hit in found):
        return found
    of_it = ("encryption-key-wrong", "authentication-key-wrong", "tag-unexplained", "key-length")
    return [
        (code, replace(hit, because_of=hit.because_of or "security-suite-mismatch") if code in of_it else hit)
        for code, hit in found
    ]


DAMAGE = ("fcs-wrong", "frame-length-wrong", "mbus-checksum", "mbus-segment-missing", "wrapper-length-wrong")
READ_IN_IT = frozenset({"LLC", "ACSE", "xDLMS", "COSEM", "A-XDR", "GBT", "HLS"})
# Of security, what another octet, or one too few, looks like; nothing that was sealed otherwise gives these by a chance.
OF_DAMAGE = frozenset({"tag-unexplained", "ciphertext-damaged", "compressed-payload", "encryption-key-wrong"})
OF_TITLES = frozenset({"system-title-wrong", "calling-ap-title-wrong"})
OF_COUNTERS = frozenset({"invocation-counter-replayed", "nonce-reused", "security-suite-mismatch"})
SEQUENCE = frozenset({"block-number-wrong", "gbt-block-error"})


def _of_damage(case: Case, found: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """What is read in a message that came damaged, or without a part of it, is no fault of its own; nor is what is put
    together from such messages, or what misses them."""
    damaged: dict[int, str] = {}
    for code, hit in found:
        if code in DAMAGE and hit.message is not None and hit.severity != "info":
            if code == "mbus-segment-missing" or hit.message.frames[0].damaged:
                damaged.setdefault(hit.message.number, code)
    lost = {hit.message.number: code for code, hit in found if code == "frame-lost" and hit.message is not None}
    repeated = {
        hit.message.number: code for code, hit in found if code == "gbt-block-error" and hit.message is not None
    }
    if not damaged and not repeated and not lost:
        return found
    layers = load_catalogue()
    made = []
    for code, hit in found:
        layer = layers[code].layer
        of_content = layer in READ_IN_IT or code in OF_COUNTERS or (code in OF_DAMAGE and len(hit.about) < 2)
        of_title = code in OF_TITLES and hit.message is not None and hit.message.apdu in ("aarq", "aare")
        if hit.message is not None and code not in DAMAGE and hit.because_of is None and (of_content or of_title):
            cause = _damaged_in(damaged, hit.message)
            if cause is None and code in SEQUENCE:
                cause = _missed(case, damaged, hit.message)
            if cause is None and code not in SEQUENCE:
                cause = _damaged_in(repeated, hit.message)
            if cause is None and code in OF_PIECES:
                cause = lost.get(hit.message.number)
            if cause is not None:
                hit = replace(hit, because_of=cause)
        made.append((code, hit))
    return made


def _damaged_in(damaged: dict[int, str], message: Message) -> str | None:
    """What is wrong with a message, or with one of those that it is put together from."""
    if message.number in damaged:
        return damaged[message.number]
    pieces = {span.message for buffer in message.buffers for span in buffer.sources if span.message is not None}
    # Of blocks that came twice another one may have been taken.
    within = range(min(pieces), message.number) if pieces else ()
    return next((damaged[number] for number in within if number in damaged), None)


def _missed(case: Case, damaged: dict[int, str], message: Message) -> str | None:
    """The damage in the last messages before one, of which the meter or the client has read no whole APDU since."""
    whole = 0
    for before in case.ahead_of(message):
        if before.number in damaged:
            return damaged[before.number]
        plain = before.plain
        whole += plain is not None and plain.name != "general-block-transfer" and plain.parsed.whole
        if whole > MISSED:
            break
    return None


# What is read of frames whose addresses tell the wrong sender: numbers, headers and blocks of one side as the other's.
BY_ADDRESS = frozenset(
    {"sequence-error", "frame-lost", "llc-wrong", "gbt-block-error", "segmentation-stalled", "frmr-reply"}
)


def _confused(found: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """Where a meter answers with the addresses in the order of requests, nobody can keep the two sides apart."""
    if not any(code == "addresses-swapped" and hit.side == "meter" for code, hit in found):
        return found
    return [
        (code, replace(hit, because_of="addresses-swapped") if code in BY_ADDRESS and hit.because_of is None else hit)
        for code, hit in found
    ]


# What a meter says, or does not say, of a request; each follows from a fault of that request, where there is one.
REFUSALS = frozenset({
    "no-reply", "deciphering-error", "service-not-allowed", "service-not-supported", "sap-wrong", "dm-reply",
    "authentication-failed", "application-context-rejected", "mechanism-rejected", "access-denied", "object-undefined",
    "type-unmatched", "block-transfer-aborted",
})  # fmt: skip
TELLING = frozenset({"broadcast-address", "mode-e-baud-not-switched", "mode-e-incomplete", "ciphertext-damaged"})
OF_BOTH = frozenset({"security-suite-mismatch", "framing-mismatch"})  # found in the answer, or in the first frame


def _refusals(case: Case, found: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """A refusal of a request that is wrong follows from what is wrong; silence needs no candidates then."""
    from analyzer.diagnosis.rules.addressing import CANDIDATES, TO_TELL_APART

    catalogue = load_catalogue()
    wrong: dict[int, list[tuple[int, str]]] = {}
    for code, hit in found:
        if hit.message is None or hit.because_of is not None or code in REFUSALS:
            continue
        error = hit.certainty != "possible" and (hit.severity or catalogue[code].severity) == "error"
        own = error and (hit.side or catalogue[code].side) == "client"
        if own or code in TELLING or code in OF_BOTH or code == "tag-unexplained":
            for number in {hit.message.number} | {message.number for message, _ in hit.elsewhere}:
                wrong.setdefault(number, []).append((LAYERS.index(catalogue[code].layer), code))
    made = []
    for code, hit in found:
        if code in REFUSALS and hit.because_of is None and hit.severity is None and hit.message is not None:
            request = hit.message if code == "no-reply" else case.request(hit.message)
            causes = list(wrong.get(request.number, ())) if request is not None else []
            causes += [row for row in wrong.get(hit.message.number, ()) if row[1] in OF_BOTH]
            if causes:
                evidence = tuple(text for text in hit.evidence if not text.startswith((CANDIDATES, TO_TELL_APART)))
                hit = replace(hit, because_of=min(causes)[1], evidence=evidence, fix="")
        made.append((code, hit))
    return made


def _explained(found: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """What is wrong with the content of messages whose pieces another hit puts together follows from that."""
    causes = {number: code for code, hit in found for number in hit.explains}
    if not causes:
        return found
    made = []
    for code, hit in found:
        cause = causes.get(hit.message.number) if hit.message is not None else None
        of_it = code in OF_PIECES or (cause == "fcs-wrong" and code != cause)
        # What was protected besides the APDU reads as another one, which nobody sent.
        other = load_catalogue()[code].layer in READ_IN_IT or code in OF_COUNTERS
        of_it = of_it or (cause == "protected-range-wrong" and other)
        if cause is not None and of_it and hit.because_of is None and code != cause:
            hit = replace(hit, because_of=cause)
        made.append((code, hit))
    return made


def _bounded(hits: Sequence[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """At most so many of one kind: a capture with ten thousand bad checks has one trouble, not ten thousand."""
    counts: dict[tuple[str, str | None], int] = {}
    kept: list[tuple[str, Hit]] = []
    for code, hit in hits:
        key = (code, hit.side)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= SAME_MANY:
            kept.append((code, hit))
    for index in reversed(range(len(kept))):
        code, hit = kept[index]
        more = counts.pop((code, hit.side), 0) - SAME_MANY
        if more > 0:
            kept[index] = (code, replace(hit, evidence=(*hit.evidence, f"and {more} more of the same kind")))
    return kept


@dataclass(slots=True)
class _Rest:
    """How many hits of the same kind are left out behind one, and the message of the last of them."""

    more: int = 0
    last: int | None = None


def _bounded_part(case: Case, hits: Sequence[tuple[str, Hit]], rest: list[_Rest]) -> list[tuple[str, Hit]]:
    """The same of a part of a trace, for its own messages and for those of other parts, which may be causes. `rest` takes what
    is left out behind each."""
    catalogue = load_catalogue()
    counts: dict[tuple[str, str, str, bool], list[int]] = {}
    kept: list[tuple[str, Hit]] = []
    for code, hit in hits:
        fault = catalogue[code]
        places = counts.setdefault(
            (code, hit.side or fault.side, hit.severity or fault.severity, case.owns(hit.message)), []
        )
        if len(places) < SAME_MANY:
            places.append(len(kept))
            kept.append((code, hit))
            rest.append(_Rest())
        else:
            last = rest[places[-1]]
            last.more, last.last = last.more + 1, hit.message.number if hit.message is not None else last.last
    return kept


def changes_of(case: Case, hits: Sequence[tuple[str, Hit]], elsewhere: bool = False) -> dict[int, Correction]:
    """What makes each message what it should have been; with `elsewhere` also those that a finding only counts."""
    made: dict[int, Correction] = {}
    for code, hit in hits:
        rows = [(hit.message, hit.changes)] if hit.message is not None else []
        for message, wanted in [*rows, *(hit.elsewhere if elsewhere else ())]:
            octets = hit.fixed if message is hit.message else None
            if not wanted and octets is None:
                continue
            one = made.setdefault(message.number, Correction(case.whole(message)))
            one.changes += wanted
            one.octets = one.octets or octets
            one.codes[code] = None
    return made


def corrected(one: Correction, keys: KeyProvider) -> tuple[bytes, bool] | None:
    """The frame with all changes made, and whether it was sealed again; None where it cannot be built."""
    if not one.changes:
        return (one.octets, False) if one.octets is not None else None
    try:
        rebuilt = rebuild(one.message, one.changes, keys)
    except NotBuildable:
        return None
    return rebuilt.data, rebuilt.resealed


def _fixed_frames(case: Case, hits: Sequence[tuple[str, Hit]]) -> dict[int, tuple[bytes, bool]]:
    """For each message with changes, the frame with all of them made, and whether it was sealed again."""
    made = {number: corrected(one, case.keys) for number, one in changes_of(case, hits).items() if one.changes}
    return {number: fixed for number, fixed in made.items() if fixed is not None}


def _finding(case: Case, code: str, hit: Hit, fixes: dict[int, tuple[bytes, bool]], trees: dict[int, Node]) -> Finding:
    fault = load_catalogue()[code]
    message = hit.message
    fixed, resealed = hit.fixed, False
    if message is not None and hit.changes and message.number in fixes:
        fixed, resealed = fixes[message.number]
    span, path = hit.span, hit.field
    if message is not None and hit.field:
        tree = trees.setdefault(id(message), tree_of(case.whole(message)))
        found = located(tree, hit.field)
        if found is not None:
            path, node = found
            span = span or Span(node.buffer, node.start, node.end)
    record = hit.record if hit.record is not None else (message.records[0] if message else None)
    return Finding(
        code=code,
        severity=hit.severity or fault.severity,
        certainty=hit.certainty,
        side=hit.side or fault.side,
        title=hit.title or fault.title,
        evidence=hit.evidence if case.own is not None else tuple(filter(None, map(str, hit.evidence))),
        cause=hit.cause or fault.cause,
        fix=hit.fix or fault.fix,
        message=message.number if message is not None else None,
        record=record,
        span=span,
        field=path,
        fixed_bytes=fixed,
        fixed_note=SAME_COUNTER if resealed else "",
        because_of=hit.because_of,
    )


def _overshadowed(findings: list[Finding]) -> list[Finding]:
    """Says on a fault inside an APDU that a fault below it, in the same message, already explains what followed."""
    below: dict[int, Finding] = {}
    for finding in findings:
        if finding.message is None or finding.severity != "error" or finding.because_of is not None:
            continue
        if _layer(finding) in BELOW_THE_APDU and finding.certainty == "proven":
            known = below.get(finding.message)
            if known is None or _depth(finding) < _depth(known):
                below[finding.message] = finding
    made = []
    for finding in findings:
        cause = below.get(finding.message) if finding.message is not None else None
        inside = _layer(finding) not in BELOW_THE_APDU and finding.severity == "error" and finding.because_of is None
        if cause is not None and inside and finding.side != "analyst":
            other = "meter" if finding.side == "client" else "client"
            said = (
                f"the trace does not show how this {other} takes it: {cause.code} in the same frame alone explains "
                "the answer, for the APDU was never read"
            )
            finding = replace(finding, evidence=(*finding.evidence, said))
        made.append(finding)
    return made


def _layer(finding: Finding) -> str:
    return load_catalogue()[finding.code].layer


def _depth(finding: Finding) -> int:
    return LAYERS.index(_layer(finding))


def _linked(findings: list[Finding]) -> list[Finding]:
    """In their order. A consequence whose cause was not found is a root of its own."""
    codes = {finding.code for finding in findings}
    findings = [
        replace(f, because_of=None) if f.because_of is not None and f.because_of not in codes else f for f in findings
    ]
    raised = {f.because_of for f in findings if f.severity == "error" and f.because_of}

    def weight(finding: Finding) -> tuple[int, int, int, int]:
        root_of_error = finding.severity == "error" or finding.code in raised
        if finding.because_of is not None:
            group = 2 if finding.severity == "error" or finding.because_of in _error_codes else 4
        elif root_of_error:
            group = 1 if finding.side == "analyst" else 0
        else:
            group = 3 if finding.severity == "warning" else 5
        certainty = ("proven", "likely", "possible").index(finding.certainty)
        return group, finding.message or 0, _depth(finding), certainty

    _error_codes = {f.code for f in findings if f.severity == "error"} | raised
    return sorted(findings, key=weight)


def _with_ids(findings: list[Finding]) -> list[Finding]:
    """Consequences know the number of their cause: the nearest before them in the trace."""
    made = []
    for finding in findings:
        cause = None
        if finding.because_of is not None:
            same = [(n, f) for n, f in enumerate(findings, 1) if f.code == finding.because_of]
            before = [(n, f) for n, f in same if (f.message or 0) <= (finding.message or 0)]
            cause = max(before, key=lambda row: (row[1].message or 0, -row[0]))[0] if before else same[0][0]
        made.append(replace(finding, because_of_id=cause))
    return made
