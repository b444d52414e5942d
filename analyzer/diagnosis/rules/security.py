"""What the protection of APDUs shows beside the keys: counters, missing protection, refusals."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.decryptor import Decryptor, Protected
from analyzer.diagnosis.case import Case, hexed, hls_proofs, names, protections
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule, tally
from analyzer.diagnosis.rules.llc import stale
from analyzer.diagnosis.search import sealed_of
from analyzer.hls import HlsUnknown
from analyzer.keymaterial import carried_keys
from analyzer.message import Layer, Message
from analyzer.model import Security, Side
from analyzer.readable import damaged
from grammars.kit.spec import find_int, find_octets

DECIPHERING_ERROR, COUNTER_ERROR = 5, 6  # service errors of the exception-response
VERIFIED = "ciphered APDUs that verify, and all"
SHARED = 20  # counters that proof and APDU share, of which each is told
PLAIN_ANSWERS = frozenset(
    {"get-response", "set-response", "action-response", "exception-response", "confirmed-service-error"}
)


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
    shared = [(message, said) for message, said in shared if case.owns(message)]
    if shared:
        sayings = [Counted(_just, said, key=said, most=SHARED) for _, said in shared[:SHARED]]
        yield Hit(
            shared[0][0],
            (*sayings, Counted(_and_more, Many(len(shared)))),
            field="invocation_counter",
            severity="warning",
            side="client" if shared[0][0].direction == "client" else "meter",
            title="Counter used twice: the HLS proof and the APDU that carries it",
            once="nonce-reused shared",
        )


def _just(said: str) -> str:
    return said


def _and_more(many: int) -> str:
    return f"and {many - SHARED} more of the same kind" if many > SHARED else ""


def _sealed_octets(message: Message, security: Security) -> bytes:
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
        right, total = case.once(_verified)
        which = "the given keys" if case.keys is case.given_keys else "the keys that the search found"
        evidence: list[str] = [
            f"{names(request)} verifies with {which}, and {refusal}",
            Counted(_of_them, Many(right), Many(total), key=VERIFIED),
        ]
        for other in case.others:
            theirs, all_ = other.once(_verified)
            if theirs and theirs == all_:
                evidence.append(
                    f"the same keys as in {other.trace.name}, where {theirs} of {all_} verify "
                    "and the meter accepts them"
                )
        yield Hit(reply, tuple(evidence), because_of="llc-missing" if request.llc == "missing" else None)


def _of_them(right: int, total: int) -> str:
    return f"{right} of {total} ciphered APDUs of this trace verify: key, title and counter are right"


@tally(VERIFIED)
def _verified(case: Case) -> tuple[int, int]:
    """How many ciphered APDUs of a trace verify, of how many."""
    found = [s.verdict for m in case.messages if case.owns(m) for _, s in protections(m)]
    return found.count("verified"), len(found)


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


@rule("not-authenticated", once=True)
def not_authenticated(case: Case) -> Iterator[Hit]:
    """Content that is encrypted and carries no tag."""
    for message in case.messages:
        for layer, security in protections(message):
            if security.encrypted and not security.authenticated:
                complete = security.plaintext is not None and bool(layer.inner) and damaged(layer) is None
                said = f"the security control is {security.control:02X}: encrypted, no tag"
                more = ("the text is complete without cutting anything off",) if complete else ()
                yield Hit(
                    message,
                    (said, *more),
                    field="security_control",
                    severity="info",
                    side="client" if message.direction == "client" else "meter",
                )
                return


@rule("unprotected-reply")
def unprotected_reply(case: Case) -> Iterator[Hit]:
    """A plain answer to a ciphered request; errors in clear are usual."""
    for exchange in case.exchanges:
        request, reply = exchange.request, exchange.reply
        if reply is None or request.layer is None or reply.layer is None:
            continue
        if request.layer.name in ("aarq", "rlrq") or not any(True for _ in protections(request)):
            continue
        if reply.layer.name in PLAIN_ANSWERS:
            usual = reply.layer.name in ("exception-response", "confirmed-service-error")
            said = f"{names(request)} is ciphered, and the answer is a plain {reply.layer.name}"
            yield Hit(reply, (said,), severity="info" if usual else None, field=reply.layer.name)


@rule("invocation-counter-replayed")
def invocation_counter_replayed(case: Case) -> Iterator[Hit]:
    """A counter that does not rise, or that the meter calls too low."""
    highest: dict[tuple[str, str | None, bytes | None], tuple[int, Message]] = {}
    low: set[int] = set()
    for message in case.messages:
        if message.frames[0].damaged:
            continue  # nobody knows what its counter was
        for _, security in protections(message):
            counter = security.invocation_counter
            if counter is None:
                continue
            key = (message.direction, security.key, security.system_title)
            before = highest.get(key)
            if before is not None and counter < before[0] and message.frames[0].data != before[1].frames[0].data:
                if not low:
                    yield Hit(
                        message,
                        (f"the counter is {counter}, {names(before[1])} had {before[0]}",),
                        field="invocation_counter",
                        side="client" if message.direction == "client" else "meter",
                        once="invocation-counter-replayed",
                    )
                low.add(message.number)
            if before is None or counter > before[0]:
                highest[key] = (counter, message)
    for message in case.sent_by("meter"):
        layer = message.layer_named("exception-response")
        if layer is None or find_int(layer.nodes, "service_error") != COUNTER_ERROR:
            continue
        request = case.request(message)
        wanted = find_int(layer.nodes, "invocation_counter")
        sent = next((s.invocation_counter for _, s in protections(request)), None) if request else None
        said = f"the meter answers invocation-counter-error and wants at least {wanted}"
        yield Hit(
            message,
            (said, f"{names(request)} carries {sent}") if request is not None and sent is not None else (said,),
            field="exception-response",
            side="client",
            because_of="invocation-counter-replayed" if low else None,
        )


@rule("deciphering-error")
def deciphering_error(case: Case) -> Iterator[Hit]:
    """A meter that could not decipher, and what arithmetic says of the APDU before."""
    counters: dict[int, str] | None = None
    for message in case.sent_by("meter"):
        if not _says_deciphering(message):
            continue
        request = case.request(message)
        given = case.given_at(request.number) if request is not None else None  # before the search found better keys
        verdicts = [security.verdict for _, security in protections(given)] if given is not None else []
        evidence = [f"{names(message)} says deciphering-error"]
        cause = None
        if request is not None and verdicts and set(verdicts) == {"verified"}:
            evidence.append(
                f"{names(request)} verifies with the keys here: the meter holds other keys, title or counter"
            )
            counters = _wrong_counters(case) if counters is None else counters
            cause = counters.get(request.number)
        elif request is not None and verdicts:
            codes = [
                change.code
                for one in case.search.explained
                if one.item.message.number == request.number and one.verified and one.hypothesis is not None
                for change in one.hypothesis.changes
            ]
            swapped = codes == ["encryption-key-wrong", "authentication-key-wrong"]  # which is told as one fault
            cause = "keys-swapped" if swapped else next(iter(codes), None)
            evidence.append(
                f"{names(request)} does not verify with the keys here" if cause else "it could not be checked here"
            )
        yield Hit(message, tuple(evidence), because_of=cause)


def _wrong_counters(case: Case) -> dict[int, str]:
    """The numbers of messages of the client under a counter that a meter does not take, each with the fault."""
    found: dict[int, str] = {}
    for code, function in (
        ("invocation-counter-replayed", invocation_counter_replayed),
        ("nonce-reused", nonce_reused),
    ):
        for hit in function(case):
            if hit.message is not None and hit.message.direction == "client":
                found[hit.message.number] = code
    return found


def _says_deciphering(message: Message) -> bool:
    layer = message.layer_named("exception-response")
    if layer is not None and find_int(layer.nodes, "service_error") == DECIPHERING_ERROR:
        return True
    layer = message.layer_named("confirmed-service-error")
    return layer is not None and find_int(layer.nodes, "application-reference") == 6


@rule("compressed-payload", once=True)
def compressed_payload(case: Case) -> Iterator[Hit]:
    """Content that was compressed, which nothing here expands."""
    for message in case.messages:
        for _, security in protections(message):
            if security.control & 0x80:
                said = (
                    f"the security control is {security.control:02X}: bit 80 says that the content is compressed (V.44)"
                )
                yield Hit(message, (said,), field="security_control", side=_sender(message))
                return


@rule("system-title-empty", once=True)
def system_title_empty(case: Case) -> Iterator[Hit]:
    """General ciphering without the title of its sender."""
    for message in case.messages:
        for layer, security in protections(message):
            if layer.name not in ("general-glo-ciphering", "general-ded-ciphering"):
                continue
            if find_octets(layer.nodes, "system_title") == b"":
                harmless = security.verdict == "verified"
                said = "the system title in front of the content has no octets"
                more = ("with the title known from elsewhere it verifies",) if harmless else ()
                yield Hit(message, (said, *more), field="system_title", severity="info" if harmless else None)
                return


@rule("security-suite-mismatch", once=True)
def security_suite_mismatch(case: Case) -> Iterator[Hit]:
    """Two sides, or two APDUs of one side, with other suites."""
    seen: dict[str, tuple[int, Message]] = {}
    for message in case.messages:
        for _, security in protections(message):
            seen.setdefault(message.direction, (security.suite, message))
    if {"client", "meter"} <= seen.keys() and seen["client"][0] != seen["meter"][0]:
        (a, one), (b, other) = seen["client"], seen["meter"]
        yield Hit(other, (f"{names(one)} has suite {a}, {names(other)} has suite {b}",), field="security_control")


def _sender(message: Message) -> Side:
    return "client" if message.direction == "client" else "meter"


@rule("kdf-algorithm-id", once=True)
def kdf_algorithm_id(case: Case) -> Iterator[Hit]:
    """A key that was agreed, and that only the misprinted identifier of the algorithm derives."""
    for message in case.messages:
        for layer, security in protections(message):
            if security.key != "agreed" or security.verdict != "verified" or security.invocation_counter is None:
                continue
            content = Protected(security.control, security.invocation_counter, security.system_title, b"")
            try:
                derived = [key for _, key in carried_keys(layer, content, message.direction, case.keys)]
            except HlsUnknown:
                continue
            if len(derived) == 2 and not _opens(case, message, layer, derived[0]):
                refused = any(refusal in (reply.apdu or "") for reply in (case.reply(message),) if reply
                              for refusal in ("exception", "error"))  # fmt: skip
                yield Hit(
                    message,
                    (
                        "the agreed key derived with 60 85 74 05 08 03 does not open it",
                        "derived with 60 85 74 06 08 03 the tag verifies: the key agreement itself is right",
                    ),
                    side=_sender(message),
                    severity=None if refused else "info",
                )
                return


def _opens(case: Case, message: Message, layer: Layer, key: bytes) -> bool:
    """Whether the tag of a layer verifies under an encryption key and the authentication key of its meter."""
    item = next((item for item in sealed_of((message,)) if item.layer is layer), None)
    if item is None:
        return True
    owner = item.security.system_title if message.direction != "client" else message.after.server_title
    authentication = case.keys.key("ak", owner, item.security.suite)
    return Decryptor().unprotect(item.content, key, authentication).verdict == "verified"
