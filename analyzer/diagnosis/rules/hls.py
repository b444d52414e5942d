"""The two proofs of a high level authentication, by arithmetic: right, or which one change makes them right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from analyzer.association import Association, hls_answer, is_hls_reply
from analyzer.diagnosis.case import Case, hexed, names, protections, side_of
from analyzer.diagnosis.hls_variants import HASHES, explanation
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.search import FoundKeys
from analyzer.hls import REPLY_OCTETS, HlsFacts, HlsUnknown, Sender, check_reply, expected_reply
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.meter_keys import KeyRole
from analyzer.rebuild import AnyChange, Change, set_value
from grammars.kit.spec import find_int
from grammars.tables.enums import ACTION_RESULTS, MECHANISMS

GMAC, SHA256, ECDSA = 5, 6, 7


@dataclass(frozen=True, slots=True)
class Proof:
    """The reply to a challenge as one side sent it. `outer` is the counter of the APDU around it."""

    message: Message
    sender: Sender
    value: bytes
    facts: HlsFacts
    outer: int | None

    @property
    def pass_number(self) -> int:
        """3 from the client, 4 from the meter."""
        return 3 if self.sender == "client" else 4


def facts_of(association: Association) -> HlsFacts:
    """What a trace says about one authentication."""
    return HlsFacts(
        mechanism=association.mechanism or 0,
        client_title=association.client_title,
        server_title=association.server_title,
        ctos=association.client_challenge,
        stoc=association.server_challenge,
    )


def proofs(case: Case) -> Iterator[Proof]:
    """Both passes wherever the trace shows them."""
    for message in case.messages:
        plain = message.plain
        if plain is None or message.before.mechanism is None or message.before.mechanism < 2:
            continue
        sender: Sender = "client"
        value = is_hls_reply(plain.nodes)
        answers, answer = hls_answer(plain.nodes)
        if value is None and answers and message.before.state == "proving":
            sender, value = "meter", answer
        if value is None:
            continue
        outer = next((s.invocation_counter for _, s in protections(message)), None)
        yield Proof(message, sender, value, facts_of(message.before), outer)


@rule("hls-value-length")
def hls_value_length(case: Case) -> Iterator[Hit]:
    """A proof of a length that its mechanism does not have."""
    for proof in proofs(case):
        wanted = REPLY_OCTETS.get(proof.facts.mechanism)
        if wanted is None or len(proof.value) in wanted or _is_der(proof):
            continue
        others = [MECHANISMS[m][0] for m, sizes in REPLY_OCTETS.items() if len(proof.value) in sizes]
        evidence = [
            f"the proof has {len(proof.value)} octets, {MECHANISMS[proof.facts.mechanism][0]} has "
            f"{' or '.join(map(str, wanted))}"
        ]
        evidence += [f"that is the length of {' or '.join(others)}"] if others else []
        yield Hit(proof.message, tuple(evidence), field="octet-string", side=side_of(proof.message))


def _is_der(proof: Proof) -> bool:
    return proof.facts.mechanism == ECDSA and proof.value[:1] == b"\x30" and 68 <= len(proof.value) <= 104


@rule("ecdsa-signature-format")
def ecdsa_signature_format(case: Case) -> Iterator[Hit]:
    """A signature in DER where r and s belong."""
    for proof in proofs(case):
        if _is_der(proof) and len(proof.value) not in (64, 96):
            said = (
                f"the signature begins {hexed(proof.value, 4)} and has {len(proof.value)} octets: it is written in DER"
            )
            yield Hit(proof.message, (said,), field="octet-string", side=side_of(proof.message))


@rule("hls-challenges-equal")
def hls_challenges_equal(case: Case) -> Iterator[Hit]:
    """A meter that sends the client's own challenge back."""
    for message in case.messages:
        own, other = message.after.client_challenge, message.after.server_challenge
        if message.apdu == "aare" and own and own == other and (message.after.mechanism or 0) > 1:
            yield Hit(message, (f"CtoS and StoC are both {hexed(own)}",), field="responding_authentication_value")


@rule(
    "hls-challenge-swapped",
    "hls-counter-mismatch",
    "hls-key-or-title-wrong",
    "hls-server-proof-wrong",
    "hls-sha256-old-formula",
    "ecdsa-signature-format",
    "mechanism-proprietary",
    "aad-without-key",
    "aad-security-control-wrong",
    "aad-extra-data",
    "tag-length-wrong",
)
def hls_proof_wrong(case: Case) -> Iterator[Hit]:
    """A proof that is another than the standard's, and what it is instead."""
    for proof in proofs(case):
        facts = proof.facts
        wanted = REPLY_OCTETS.get(facts.mechanism)
        if wanted is not None and len(proof.value) not in wanted:
            continue  # hls-value-length and ecdsa-signature-format speak of these
        check = check_reply(facts, proof.sender, proof.value, case.keys)
        if facts.mechanism == SHA256 and check.verdict == "verified" and "old edition" in check.reason:
            said = f"pass {proof.pass_number} is {check.formula}, as an old edition has it"
            yield Hit(proof.message, (said,), code="hls-sha256-old-formula", field="octet-string", severity="info")
        if facts.mechanism == 2 and proof.sender == "client" and check.verdict != "verified":
            said = f"mechanism 2 is the manufacturer's own; the proof has {len(proof.value)} octets"
            yield Hit(proof.message, (said, check.reason), code="mechanism-proprietary", severity="info")
        # Under a tag that fails, the keys are another story: those of a GMAC are the same. A digest is made of a secret,
        # and a text reads as this service or not at all.
        verdicts = {s.verdict for _, s in protections(proof.message)}
        opened = verdicts <= {"verified", "unauthenticated"} or (facts.mechanism in HASHES and verdicts <= {"failed"})
        if check.verdict == "failed" and opened:
            yield _explained(case, proof, check.formula)


def _explained(case: Case, proof: Proof, formula: str) -> Hit:
    """What a wrong proof is: the one change that makes it right, or nothing that was tried."""
    for code, words, facts, keys, counter in _changes(case, proof):
        if _matches(proof, facts, keys, counter):
            evidence = (
                f"pass {proof.pass_number} ({names(proof.message)}) is not {formula}",
                f"it is exactly that {words}",
            )
            side = side_of(proof.message)
            return Hit(proof.message, evidence, code=code, field="octet-string", side=side, changes=_right(case, proof))
    before = proof.message.before.client_counter if proof.sender == "client" else proof.message.before.server_counter
    found = explanation(proof.facts, proof.sender, proof.value, case.keys, before)
    if found is not None:
        code, words = found
        evidence = (f"pass {proof.pass_number} ({names(proof.message)}) is not {formula}", f"it is right when {words}")
        side = side_of(proof.message)
        return Hit(proof.message, evidence, code=code, field="octet-string", side=side, changes=_right(case, proof))
    tried = (
        "challenges, titles, counters, keys, authenticated data and tag were changed one at a time, "
        "and nothing gives this value"
    )
    if proof.sender == "meter":
        evidence = (f"pass 4 is not {formula}", tried)
        return Hit(proof.message, evidence, code="hls-server-proof-wrong", field="octet-string", certainty="likely")
    evidence = (f"pass 3 is not {formula}", tried)
    return Hit(
        proof.message,
        evidence,
        code="hls-key-or-title-wrong",
        field="octet-string",
        certainty="likely",
        changes=_right(case, proof),
    )


def _right(case: Case, proof: Proof) -> tuple[AnyChange, ...]:
    """The proof as it should have been, under the counter that it carries; none where it cannot be computed."""
    plain = proof.message.plain
    if plain is None or proof.facts.mechanism == ECDSA:
        return ()
    gmac = proof.facts.mechanism == GMAC
    counter = int.from_bytes(proof.value[1:5], "big") if gmac else None
    try:
        control = 0x10 | proof.value[0] & 0x0F if gmac else 0x10  # authenticated, in its suite
        made = expected_reply(proof.facts, proof.sender, case.keys, invocation_counter=counter, control=control)
    except (HlsUnknown, ValueError):
        return ()
    return (Change(plain.name, set_value("octet-string", made)),)


def _changes(case: Case, proof: Proof) -> Iterator[tuple[str, str, HlsFacts, KeyProvider, int | None]]:
    """(code, words, facts, keys, counter) of each single change that is tried."""
    facts, keys = proof.facts, case.keys
    swapped = replace(facts, ctos=facts.stoc, stoc=facts.ctos)
    own, other = ("StoC", "CtoS") if proof.sender == "client" else ("CtoS", "StoC")
    yield "hls-challenge-swapped", f"with the challenge {other} in place of {own}", swapped, keys, None
    if facts.mechanism == GMAC:
        counter = int.from_bytes(proof.value[1:5], "big")
        for value, words in (
            (proof.outer, "with the counter of the APDU around it"),
            (counter + 1, "with the counter one higher than the one it carries"),
            (counter - 1, "with the counter one lower than the one it carries"),
            (0, "with the counter 0"),
        ):
            if value is not None and 0 <= value < 1 << 32 and value != counter:
                yield "hls-counter-mismatch", words, facts, keys, value
    titles = replace(facts, client_title=facts.server_title, server_title=facts.client_title)
    if facts.client_title and facts.server_title and facts.mechanism in (GMAC, SHA256, ECDSA):
        owner = replace(titles, mechanism=facts.mechanism)
        yield "hls-key-or-title-wrong", "with the system title of the other side", owner, _same_keys(case, facts), None
    ek, ak = keys.key("ek", facts.server_title, 0), keys.key("ak", facts.server_title, 0)
    if facts.mechanism == GMAC and ek and ak and ek != ak:
        exchanged = FoundKeys(keys, {"ek": ak, "ak": ek})
        yield "hls-key-or-title-wrong", "with encryption and authentication key exchanged", facts, exchanged, None


def _same_keys(case: Case, facts: HlsFacts) -> KeyProvider:
    """The keys of this meter, whatever title they are asked for."""
    found: dict[KeyRole, bytes] = {}
    roles: tuple[KeyRole, ...] = ("ek", "ak", "password")
    for role in roles:
        value = case.keys.key(role, facts.server_title, 0)
        if value is not None:
            found[role] = value
    return FoundKeys(case.keys, found)


def _matches(proof: Proof, facts: HlsFacts, keys: KeyProvider, counter: int | None) -> bool:
    if facts.mechanism == GMAC:
        used = counter if counter is not None else int.from_bytes(proof.value[1:5], "big")
        try:
            made = expected_reply(facts, proof.sender, keys, invocation_counter=used, control=proof.value[0])
        except HlsUnknown:
            return False
        return made[5:] == proof.value[5:]
    return check_reply(facts, proof.sender, proof.value, keys).verdict == "verified"


@rule("hls-rejected")
def hls_rejected(case: Case) -> Iterator[Hit]:
    """A meter that does not accept the client's proof."""
    wrong = {
        proof.message.number: check_reply(proof.facts, proof.sender, proof.value, case.keys).verdict
        for proof in proofs(case)
        if proof.sender == "client"
    }
    for message in case.sent_by("meter"):
        plain, request = message.plain, case.request(message)
        if plain is None or request is None or request.number not in wrong or not hls_answer(plain.nodes)[0]:
            continue
        short = plain.name == "read-response"
        result = find_int(plain.nodes, "data-access-error" if short else "single_response.result")
        if result in (0, None):
            continue
        verdict = wrong[request.number]
        evidence = [f"the meter answers the proof with {result} ({ACTION_RESULTS.get(result or 0, ('', ''))[0]})"]
        cause = None
        if verdict == "verified":
            evidence.append(
                "the proof is right under the given keys: the meter holds others, or wants a higher counter"
            )
        elif verdict == "failed":
            code = next((h.code for h in hls_proof_wrong(case) if h.message is request), None)
            length = next((True for h in hls_value_length(case) if h.message is request), False)
            cause = code or ("hls-value-length" if length else None)
            evidence.append("the proof is wrong, see there")
        else:
            evidence.append("whether the proof is right cannot be told without the keys")
        yield Hit(message, tuple(evidence), field="data-access-error" if short else "result", because_of=cause)
