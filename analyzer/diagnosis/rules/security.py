"""What the protection of APDUs shows beside the keys: counters, missing protection, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case, hexed, hls_proofs, names, protections
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.llc import stale
from analyzer.message import Message

LINK_ANSWERS = frozenset({"UA", "RR", "RNR"})


@rule("nonce-reused")
def nonce_reused(case: Case) -> Iterator[Hit]:
    """One counter for two different contents under one key and title."""
    seen: dict[tuple[str | None, bytes | None, int], tuple[Message, bytes, str]] = {}
    shared: list[tuple[Message, str]] = []
    for message in case.messages:
        uses = [(s.key, s.system_title, s.invocation_counter, _sealed_octets(message, s), "apdu")
                for _, s in protections(message)]  # fmt: skip
        for proof in hls_proofs(message):
            if proof.invocation_counter is not None:
                uses.append((proof.key, proof.system_title, proof.invocation_counter, b"", "hls"))
        for key, title, counter, octets, kind in uses:
            if counter is None or key is None:
                continue
            older = seen.setdefault((key, title, counter), (message, octets, kind))
            if older[0] is message and older[2] == kind:
                continue
            if older[0].frames[0].data == message.frames[0].data and older[0] is not message:
                continue  # the same frame again
            if "hls" in (kind, older[2]):
                said = f"{_owner(message)} counter {counter}: the HLS GMAC inside and the APDU around it"
                if older[0] is not message:
                    said = (
                        f"{_owner(message)} counter {counter}: the HLS GMAC in {names(message)} and {names(older[0])}"
                    )
                shared.append((message, said + f" ({names(message)})" if older[0] is message else said))
            elif older[1] != octets:
                yield Hit(
                    message,
                    (
                        f"title {hexed(title or b'')} and counter {counter} protect {names(older[0])} and {names(message)}",
                        f"the protected octets differ: {hexed(older[1], 8)} and {hexed(octets, 8)}",
                    ),
                    field="invocation_counter",
                    side="client" if message.direction == "client" else "meter",
                )
    if shared:
        yield Hit(
            shared[0][0],
            tuple(said for _, said in shared),
            field="invocation_counter",
            severity="warning",
            side="client" if shared[0][0].direction == "client" else "meter",
            title="Counter used twice: the HLS proof and the APDU that carries it",
        )


def _sealed_octets(message: Message, security) -> bytes:  # type: ignore[no-untyped-def]
    for layer, own in protections(message):
        if own is security:
            return message.octets(layer.buffer)[layer.start : layer.end]
    return b""


def _owner(message: Message) -> str:
    return "client," if message.direction == "client" else "meter,"


@rule("meter-refuses-valid-apdu")
def meter_refuses_valid_apdu(case: Case) -> Iterator[Hit]:
    """A request whose security is right, and an answer that is none or a refusal that does not speak of security."""
    for exchange in case.exchanges:
        request, reply = exchange.request, exchange.reply
        verdicts = [security.verdict for _, security in protections(request)]
        if not verdicts or set(verdicts) != {"verified"} or reply is None:
            continue
        refusal = _refusal(case, reply)
        if not refusal:
            continue
        total = [s.verdict for m in case.messages for _, s in protections(m)]
        which = "the given keys" if case.keys is case.given_keys else "the keys that the search found"
        evidence = [
            f"{names(request)} verifies with {which}, and {refusal}",
            f"{total.count('verified')} of {len(total)} ciphered APDUs of this trace verify: key, title and counter are right",
        ]
        for other in case.others:
            theirs = [s.verdict for m in other.messages for _, s in protections(m)]
            if theirs and theirs.count("verified") == len(theirs):
                evidence.append(
                    f"the same keys as in {other.trace.name}, where {len(theirs)} of {len(theirs)} verify "
                    "and the meter accepts them"
                )
        yield Hit(reply, tuple(evidence), because_of="llc-missing" if request.llc == "missing" else None)


def _refusal(case: Case, reply: Message) -> str:
    """How an answer refuses without naming security; empty for one that does not."""
    if reply.frame in ("DM", "FRMR"):
        return f"the meter answers {reply.frame}"
    if stale(case, reply) is not None:
        return f"message {reply.number} has no answer in it"
    if reply.apdu == "aare" and reply.after.result not in (0, None):
        diagnostic = reply.after.diagnostic
        return f"the AARE refuses it with diagnostic {diagnostic}" if diagnostic != 13 else ""
    if reply.apdu == "exception-response":
        node = reply.find("service_error")
        return "the meter answers exception-response" if node and node[3] not in (5, 6) else ""
    return ""
