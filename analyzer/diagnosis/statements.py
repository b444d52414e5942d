"""Plain sentences about the keys of a trace: what verifies, what does not, what could not be opened and what it needs."""

from __future__ import annotations

from analyzer.diagnosis.case import Case, hls_proofs, names, protections, vouched
from analyzer.message import Message
from analyzer.model import Security


def statements(case: Case, failing: bool) -> tuple[str, ...]:
    """What arithmetic says about keys and proofs, in a few sentences."""
    rows = [(message, security) for message in case.given for _, security in protections(message)]
    if not rows:
        return ()
    said = [
        *_verified(case, rows, failing),
        *_not_opened(case, rows),
        *_unchecked(rows),
        *_failed(case, rows),
        *_proofs(case),
    ]
    return tuple(said)


def _verified(case: Case, rows: list[tuple[Message, Security]], failing: bool) -> list[str]:
    total = len(rows)
    right = sum(1 for _, security in rows if security.verdict == "verified")
    if not right:
        return []
    verb = "verifies" if right == 1 else "verify"
    if right < total:
        return [f"{right} of {total} ciphered APDUs {verb} with the given keys."]
    noun = "APDU" if total == 1 else "APDUs"
    text = f"{right} of {total} ciphered {noun} {verb}"
    for other in case.others if failing else ():
        theirs = [security for message in other.given for _, security in protections(message)]
        if theirs and all(security.verdict == "verified" for security in theirs):
            text += f", with the same keys as in {other.trace.name} ({len(theirs)} of {len(theirs)} there)"
            break
    return [f"The keys are {'not the problem' if failing else 'right'}: {text}."]


def _not_opened(case: Case, rows: list[tuple[Message, Security]]) -> list[str]:
    closed = [(message, security) for message, security in rows if security.verdict == "no-key"]
    if not closed:
        return []
    needs = []
    reasons = {security.reason for _, security in closed}
    if any("key" in reason for reason in reasons):
        needs.append("the encryption key (--ek)")
        if any(security.authenticated for _, security in closed):
            needs.append("and the authentication key (--ak) to verify")
    if any("system title" in reason for reason in reasons):
        needs.append("the sender's system title (--client-title, --server-title)")
    shown = ", ".join(f"{names(message)}" for message, _ in closed[:8]) + (" ..." if len(closed) > 8 else "")
    why = "; ".join(sorted(reasons))
    text = (
        f"{len(closed)} of {len(rows)} ciphered APDUs could not be opened: {shown}. It needs {', '.join(needs)}: {why}."
    )
    solved = sum(1 for one in case.search.explained if one.verified and one.item.security.verdict == "no-key")
    if solved:
        text += f" The search opened {solved} of them as the findings say."
    return [text]


def _unchecked(rows: list[tuple[Message, Security]]) -> list[str]:
    read = [(message, security) for message, security in rows if security.verdict == "unauthenticated"]
    if not read:
        return []
    reasons = sorted({security.reason for _, security in read})
    return [
        f"{len(read)} of {len(rows)} ciphered APDUs were opened, and nothing vouches for them: {'; '.join(reasons)}."
    ]


def _failed(case: Case, rows: list[tuple[Message, Security]]) -> list[str]:
    failed = sum(1 for _, security in rows if security.verdict == "failed")
    if not failed:
        return []
    text = f"{failed} of {len(rows)} ciphered APDUs do not verify with the given keys."
    solved = sum(1 for one in case.search.explained if one.verified and one.item.security.verdict == "failed")
    if solved:
        text += f" {solved} of them {'verifies' if solved == 1 else 'verify'} when changed as the findings say."
    if case.search.left:
        text += (
            f" The search stopped early: {case.search.left} were not searched in full, "
            "only whether what explains the others explains them."
        )
    return [text]


def _proofs(case: Case) -> list[str]:
    shown = []
    for message in case.messages:
        for proof in hls_proofs(message):
            who = "client" if message.direction == "client" else "meter"
            word = {"verified": "right", "failed": "wrong"}.get(proof.verdict, f"not checked ({proof.reason})")
            if proof.verdict == "failed" and vouched(message) != "proven":
                word = "not checked (the keys do not verify the APDU around it)"
            shown.append(f"the {who}'s proof in message {message.number} is {word}")
    return [f"HLS: {', '.join(shown)}."] if shown else []
