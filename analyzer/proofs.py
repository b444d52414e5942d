"""The proofs of a high level authentication that a trace shows: what became of each under the given keys."""

from __future__ import annotations

from analyzer.association import Association
from analyzer.decryptor import SUITE_BITS
from analyzer.hls import HlsFacts, check_reply
from analyzer.keyring import KeyProvider
from analyzer.model import Security


def hls_security(keys: KeyProvider, association: Association, direction: str, value: bytes) -> Security:
    """The verdict on an HLS reply that `direction` sent: "client" answers StoC, "meter" answers CtoS."""
    facts = HlsFacts(
        mechanism=association.mechanism or 0,
        client_title=association.client_title,
        server_title=association.server_title,
        ctos=association.client_challenge,
        stoc=association.server_challenge,
    )
    check = check_reply(facts, "client" if direction == "client" else "meter", value, keys)
    gmac = association.mechanism == 5 and len(value) == 17
    return Security(
        layer="hls",
        verdict=check.verdict,
        control=value[0] if gmac else 0,
        suite=value[0] & SUITE_BITS if gmac else 0,
        authenticated=True,
        encrypted=False,
        invocation_counter=int.from_bytes(value[1:5], "big") if gmac else None,
        system_title=association.title_of(direction),
        key=("ek" if association.mechanism == 5 else "password") if check.verdict != "no-key" else None,
        plaintext=None,
        reason=check.reason,
    )
