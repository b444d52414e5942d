"""Keys that both sides agree on with ephemeral keys, which no capture shows."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case
from analyzer.diagnosis.registry import Hit, rule
from analyzer.keymaterial import SECURITY_SETUP
from analyzer.message import Message
from grammars.kit.spec import find_int, walk_raw

KEY_AGREEMENT = 3  # method of the security setup, version 1
AGREED = {0: "the encryption key", 1: "the broadcast key", 2: "the authentication key", 3: "the master key"}


@rule("keys-agreed-unseen")
def keys_agreed_unseen(case: Case) -> Iterator[Hit]:
    """An ACTION key_agreement of a security setup that the meter took: C(2e,0s) gives keys that are in no capture."""
    for request, reply, named in agreements(case):
        later = [m for m in case.messages if m.number > reply.number and m.security is not None]
        sealed = [m for m in later if m.security is not None and m.security.verdict in ("failed", "no-key")]
        evidence = [f"{named}: agreed in messages {request.number} and {reply.number}"]
        if sealed:
            evidence.append(f"{len(sealed)} of {len(later)} ciphered APDUs behind it do not open with the given keys")
        yield Hit(request, tuple(evidence), severity="warning" if sealed else None)


def agreements(case: Case) -> Iterator[tuple[Message, Message, str]]:
    """Request and answer of each key agreement that the meter took, and which keys it was about."""
    for exchange in case.exchanges:
        plain, reply = exchange.request.plain, exchange.reply
        if plain is None or reply is None or plain.name != "action-request":
            continue
        if (find_int(plain.nodes, "class_id"), find_int(plain.nodes, "method_id")) != (SECURITY_SETUP, KEY_AGREEMENT):
            continue
        answer = reply.plain
        if answer is None or answer.name != "action-response" or find_int(answer.nodes, "single_response.result") != 0:
            continue
        ids = [node[3] for node in walk_raw(plain.nodes) if node[0].type == "enum" and isinstance(node[3], int)]
        named = " and ".join(AGREED.get(number, f"key {number}") for number in dict.fromkeys(ids)) or "keys"
        yield exchange.request, reply, named
