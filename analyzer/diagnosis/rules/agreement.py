"""Keys that both sides agree on with ephemeral keys, which no capture shows."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case
from analyzer.diagnosis.registry import Hit, rule
from analyzer.keymaterial import SECURITY_SETUP
from grammars.kit.spec import find_int, find_raw, walk_raw

KEY_AGREEMENT = 3  # method of the security setup, version 1
AGREED = {0: "the encryption key", 1: "the broadcast key", 2: "the authentication key", 3: "the master key"}


@rule("keys-agreed-unseen")
def keys_agreed_unseen(case: Case) -> Iterator[Hit]:
    """An ACTION key_agreement of a security setup that the meter took: C(2e,0s) gives keys that are in no capture."""
    for exchange in case.exchanges:
        plain = exchange.request.plain
        if plain is None or plain.name != "action-request" or find_raw(plain.nodes, "method_id") is None:
            continue
        if (find_int(plain.nodes, "class_id"), find_int(plain.nodes, "method_id")) != (SECURITY_SETUP, KEY_AGREEMENT):
            continue
        answer = exchange.reply.plain if exchange.reply is not None else None
        if answer is None or answer.name != "action-response" or find_int(answer.nodes, "single_response.result") != 0:
            continue
        ids = [node[3] for node in walk_raw(plain.nodes) if node[0].type == "enum" and isinstance(node[3], int)]
        named = " and ".join(AGREED.get(number, f"key {number}") for number in dict.fromkeys(ids)) or "keys"
        later = [m for m in case.messages if m.number > (exchange.reply or exchange.request).number and m.security]
        sealed = [m for m in later if m.security is not None and m.security.verdict in ("failed", "no-key")]
        evidence = [f"{named} were agreed in messages {exchange.request.number} and {exchange.reply.number}"
                    if exchange.reply is not None else f"{named} were agreed"]  # fmt: skip
        if sealed:
            evidence.append(f"{len(sealed)} of {len(later)} ciphered APDUs behind it do not open with the given keys")
        yield Hit(exchange.request, tuple(evidence), severity="warning" if sealed else None, side="analyst")
