"""Key material inside APDUs: keys that general-ciphering carries or agrees on, keys that an ACTION transfers, signatures."""

from __future__ import annotations

from analyzer.agreement import agreed_keys, unwrap
from analyzer.decryptor import Protected
from analyzer.hls import HlsUnknown, verify_signature
from analyzer.keyring import KeyProvider
from analyzer.message import Layer
from analyzer.meter_keys import KeyRole
from analyzer.model import Security
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw, walk_raw

SECURITY_SETUP, KEY_TRANSFER = 64, 2  # class and method; method 2 is global_key_transfer in version 0
TRANSFERRED: dict[int, KeyRole] = {0: "ek", 1: "bek", 2: "ak", 3: "kek"}
IDENTIFIED: dict[int, KeyRole] = {0: "ek", 1: "bek"}


def carried_keys(layer: Layer, content: Protected, direction: str, keys: KeyProvider) -> list[tuple[str, bytes]]:
    """The keys that the key-info of a general-ciphering APDU means, each with how it is called.

    Empty where the APDU has no key-info: the key is the one before, or the global one. Raises HlsUnknown, in words for
    a person, where the key cannot be had.
    """
    nodes, suite = layer.nodes, content.control & 0x0F
    info = find_raw(nodes, "key_info")
    if info is None or not isinstance(info[3], list):
        return []
    originator = find_octets(nodes, "originator_system_title") or b""
    recipient = find_octets(nodes, "recipient_system_title") or b""
    meter = originator if direction != "client" else recipient
    identified = find_int(nodes, "identified-key.key_id")
    if identified is not None:
        key = keys.key(IDENTIFIED.get(identified, "ek"), meter or None, suite)
        return [(IDENTIFIED.get(identified, "ek"), key)] if key is not None else []
    wrapped = find_octets(nodes, "wrapped-key.key_ciphered_data")
    if wrapped is not None:
        kek = keys.key("kek", meter or None, suite)
        if kek is None:
            raise HlsUnknown("the key travels wrapped, and no key encrypting key (--kek) was given")
        found = unwrap(kek, wrapped)
        if found is None:
            raise HlsUnknown("the key travels wrapped, and the given key encrypting key does not unwrap it")
        return [("wrapped", found)]
    parameters = find_int(nodes, "agreed-key.key_parameters")
    if parameters is None:
        return []
    private = keys.key("client_private_key", meter or None, suite)
    if private is None:
        raise HlsUnknown("the key is agreed by elliptic curves, and no client_private_key was given")
    if parameters == 1 and direction == "client":
        raise HlsUnknown("the key is agreed with an ephemeral key of the client, which no capture shows")
    data = find_octets(nodes, "agreed-key.key_ciphered_data") or b""
    transaction = find_octets(nodes, "transaction_id") or b""
    certificate = keys.key("server_certificate", meter or None, suite)
    found_keys = agreed_keys(parameters, data, suite, originator, recipient, transaction, private, certificate)
    return [("agreed", key) for key in found_keys]


def transferred_keys(nodes: list[RawNode], key_encrypting_key: bytes | None) -> dict[str, bytes]:
    """The keys that an ACTION key_transfer of a security setup brings, unwrapped, by their role."""
    if (find_int(nodes, "class_id"), find_int(nodes, "method_id")) != (SECURITY_SETUP, KEY_TRANSFER):
        return {}
    found: dict[str, bytes] = {}
    for node in walk_raw(nodes):
        if node[0].name != "structure" or not isinstance(node[3], list) or len(node[3]) != 2:
            continue
        role, wrapped = find_int(node[3], "enum"), find_octets(node[3], "octet-string")
        if role is None or role not in TRANSFERRED or wrapped is None or key_encrypting_key is None:
            continue
        key = unwrap(key_encrypting_key, wrapped)
        if key is not None:
            found[TRANSFERRED[role]] = key
    return found


def signature_of(layer: Layer, data: bytes, direction: str, keys: KeyProvider) -> Security:
    """The verdict on a general-signing APDU: its signature covers everything from transaction-id to content."""
    nodes = layer.nodes
    first, last = find_raw(nodes, "transaction_id"), find_raw(nodes, "content")
    signature = find_octets(nodes, "signature") or b""
    title = find_octets(nodes, "originator_system_title")
    role: KeyRole = "client_certificate" if direction == "client" else "server_certificate"
    suite = 2 if len(signature) >= 96 else 1
    certificate = keys.key(role, title if direction != "client" else None, suite)
    verdict, reason = "no-key", f"no {role.replace('_', ' ')} was given"
    if first is not None and last is not None and certificate is not None:
        try:
            right = verify_signature(certificate, data[first[1] : last[2]], signature)
            verdict, reason = (
                ("verified", "the signature is right") if right else ("failed", "the signature is another")
            )
        except HlsUnknown as problem:
            reason = str(problem)
    return Security(
        layer="signature",
        verdict=verdict,  # type: ignore[arg-type]
        control=0,
        suite=suite,
        authenticated=True,
        encrypted=False,
        invocation_counter=None,
        system_title=title,
        key=role if verdict != "no-key" else None,
        reason=reason,
    )
