"""Associations: what the AARQ asks for, what the AARE answers, and what either lacks."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.decryptor import TITLE_OCTETS
from analyzer.diagnosis.case import Case, hexed, names, protections, side_of
from analyzer.diagnosis.registry import Hit, hit_by, rule
from analyzer.frame import fits
from analyzer.message import Message
from analyzer.rebuild import Change
from grammars.apdu import APDU
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw
from grammars.parse import parse
from grammars.tables.enums import APPLICATION_CONTEXTS, DIAGNOSTICS_USER, MECHANISMS

CIPHERED_CONTEXTS = frozenset({3, 4})
SMALLEST_PDU = 12  # the shortest answer of any use
PENDING = 14
CONTEXT = bytes.fromhex("A1 09 06 07 60 85 74 05 08")  # the beginning of the application context name
CONTEXT_REFUSED, TITLE_REFUSED, MECHANISM_REFUSED, MECHANISM_REQUIRED, FAILED = 2, 3, 11, 12, 13


def cut(message: Message) -> bool:
    """Whether a frame of a message is not as long as it says: then what is missing in it is missing in the capture."""
    return any(i.code in ("frame-length-wrong", "wrapper-length-wrong") for f in message.frames for i in f.issues)


def acse(case: Case, name: str) -> Iterator[Message]:
    """The messages with an AARQ, AARE, RLRQ or RLRE on the outside, in frames of which none is cut or missing."""
    return (message for message in case.messages if message.apdu == name and message.complete and not cut(message))


def arc(message: Message, path: str) -> int | None:
    """The last arc of an object identifier in a message."""
    octets = find_octets(message.layer.nodes, path) if message.layer else None
    return octets[-1] if octets else None


def has(message: Message, field: str) -> bool:
    """Whether an AARQ or AARE has a field."""
    return message.layer is not None and find_raw(message.layer.nodes, field) is not None


def refused(case: Case, diagnostics: tuple[int, ...]) -> Iterator[tuple[Message, Message | None]]:
    """AAREs that refuse with one of these diagnostics of the user, with the AARQ before each."""
    for message in acse(case, "aare"):
        assert message.layer is not None
        result = find_int(message.layer.nodes, "result.integer")
        diagnostic = find_int(message.layer.nodes, "acse_service_user.integer")
        if result not in (0, None) and diagnostic in diagnostics:
            yield message, case.request(message)


def _named(table: dict[int, tuple[str, str]], number: int | None) -> str:
    return f"{number} ({table[number][0]})" if number in table else str(number)


@rule("application-context-rejected")
def application_context_rejected(case: Case) -> Iterator[Hit]:
    """A refusal of the application context."""
    for message, request in refused(case, (CONTEXT_REFUSED,)):
        path = "application_context_name.object_identifier"
        asked, has_ = arc(request, path) if request else None, arc(message, path)
        evidence = [f"the AARE refuses with diagnostic {_named(DIAGNOSTICS_USER, CONTEXT_REFUSED)}"]
        if asked is not None and has_ is not None:
            evidence.append(f"asked was context {_named(APPLICATION_CONTEXTS, asked)}, the AARE names {has_}")
            if asked != has_:
                evidence.append(f"the context that the meter has here is {_named(APPLICATION_CONTEXTS, has_)}")
        yield Hit(message, tuple(evidence), field="result_source_diagnostic")


@rule("mechanism-rejected")
def mechanism_rejected(case: Case) -> Iterator[Hit]:
    """A refusal of the authentication mechanism."""
    for message, request in refused(case, (MECHANISM_REFUSED, MECHANISM_REQUIRED, PENDING)):
        assert message.layer is not None
        diagnostic = find_int(message.layer.nodes, "acse_service_user.integer")
        asked = arc(request, "mechanism_name") if request else None
        evidence = [
            f"the AARE refuses with diagnostic {_named(DIAGNOSTICS_USER, diagnostic)}",
            f"asked was mechanism {_named(MECHANISMS, asked or 0)}",
        ]
        own = arc(message, "mechanism_name")
        if own is not None and own != asked:
            evidence.append(f"the AARE names mechanism {_named(MECHANISMS, own)}")
        yield Hit(message, tuple(evidence), field="result_source_diagnostic")


SERVICES = ("get-request", "set-request", "action-request", "read-request", "write-request")
NAMED = (1, 2, 3)  # initiateError: version, conformance, PDU size


@rule("authentication-failed")
def authentication_failed(case: Case) -> Iterator[Hit]:
    """A password that the meter does not take."""
    for message, request in refused(case, (FAILED, 1)):
        assert message.layer is not None
        diagnostic = find_int(message.layer.nodes, "acse_service_user.integer")
        mechanism = (arc(request, "mechanism_name") or 0) if request else 0
        if diagnostic == FAILED or (mechanism == 1 and not _names_reason(message)):
            evidence = [f"the AARE refuses with diagnostic {_named(DIAGNOSTICS_USER, diagnostic)}"]
            if request is not None:
                evidence.append(f"asked was mechanism {_named(MECHANISMS, mechanism)}")
            yield Hit(
                message,
                tuple(evidence),
                certainty="proven" if diagnostic == FAILED else "possible",
                field="result_source_diagnostic",
                because_of=_own_fault(case, request),
            )


def _names_reason(message: Message) -> bool:
    """Whether the initiateError in an AARE says what is wrong, so that the diagnostic need not be guessed at."""
    error = message.layer_named("confirmed-service-error")
    return error is not None and find_int(error.nodes, "initiate") in NAMED


def _own_fault(case: Case, request: Message | None) -> str | None:
    """A fault of the AARQ that explains its refusal."""
    if request is None:
        return None
    if request.after.proposed_version not in (None, 6):
        return "dlms-version-wrong"
    if (request.after.client_max_pdu or SMALLEST_PDU) < SMALLEST_PDU:
        return "pdu-size-too-small"
    for code, function in (
        ("ber-length-wrong", ber_length_wrong),
        ("user-information-missing", user_information_missing),
        ("acse-requirements-missing", acse_requirements_missing),
        ("calling-ap-title-wrong", calling_ap_title_wrong),
        ("system-title-malformed", system_title_malformed),
        ("context-ciphering-mismatch", context_ciphering_mismatch),
    ):
        if request.number in case.once(hit_by(function, errors=True)):
            return code
    return None


@rule("sap-wrong")
def sap_wrong(case: Case) -> Iterator[Hit]:
    """A refusal without reason of an association that needs no password: often nobody lives at that address."""
    for message, request in refused(case, (1,)):
        if _names_reason(message):
            continue
        if request is not None and (arc(request, "mechanism_name") or 0) == 0 and _own_fault(case, request) is None:
            said = f"{names(request)} needs no authentication, and the AARE refuses it without a reason"
            yield Hit(message, (said,), certainty="possible", field="result_source_diagnostic")


@rule("mechanism-oid-wrong")
def mechanism_oid_wrong(case: Case) -> Iterator[Hit]:
    """A mechanism that is not registered; from a meter a slip of its firmware."""
    for message in (*acse(case, "aarq"), *acse(case, "aare")):
        number = arc(message, "mechanism_name")
        if number is None or number in MECHANISMS:
            continue
        evidence = [f"the last arc of the mechanism name is {number} ({number:02X}), registered are 0 to 7"]
        if number & 0x7F in MECHANISMS:
            evidence.append(f"without bit 7 it is {_named(MECHANISMS, number & 0x7F)}")
        client = message.direction == "client"
        yield Hit(
            message,
            tuple(evidence),
            field="mechanism_name",
            side="client" if client else "meter",
            severity="error" if client else "warning",
        )


@rule("context-ciphering-mismatch")
def context_ciphering_mismatch(case: Case) -> Iterator[Hit]:
    """Ciphered APDUs in a context without ciphering, or a plain InitiateRequest in one with."""
    for message in acse(case, "aarq"):
        context = arc(message, "application_context_name.object_identifier")
        carried = message.layer.inner[0].name if message.layer and message.layer.inner else ""
        if context is None or context not in APPLICATION_CONTEXTS or not carried:
            continue
        sealed = carried.startswith(("glo-", "ded-", "general-"))
        if sealed != (context in CIPHERED_CONTEXTS):
            refused_ = _was_refused(case, message)
            yield Hit(
                message,
                (
                    f"the context is {_named(APPLICATION_CONTEXTS, context)}, and the user-information holds "
                    f"{'a' if sealed else 'a plain'} {carried}",
                ),
                field="application_context_name",
                severity=None if refused_ or sealed else "info",
            )
    for message in case.sent_by("client"):
        context = message.before.context
        if message.layer is None or context is None or message.before.state not in ("open", "pending", "proving"):
            continue
        if context not in CIPHERED_CONTEXTS and message.layer.name.startswith(("glo-", "ded-")):
            said = (
                f"the association has context {_named(APPLICATION_CONTEXTS, context)}, and {names(message)} is ciphered"
            )
            yield Hit(message, (said,), once="context-ciphering-mismatch")
            return


def _was_refused(case: Case, request: Message) -> bool:
    reply = case.reply(request)
    return reply is None or reply.apdu != "aare" or reply.after.result != 0


def _of_lengths(message: Message) -> str | None:
    """The code of lengths that lead elsewhere, in a message that has such: what seems to be missing is behind one."""
    layer = message.layer
    wrong = layer is not None and any("the length says" in issue.text for issue in layer.parsed.issues)
    return "ber-length-wrong" if wrong else None


@rule("calling-ap-title-wrong")
def calling_ap_title_wrong(case: Case) -> Iterator[Hit]:
    """A client that needs a system title and has none, or that the meter does not know."""
    for message in acse(case, "aarq"):
        assert message.layer is not None
        title = find_octets(message.layer.nodes, "calling_ap_title.octet_string")
        context = arc(message, "application_context_name.object_identifier")
        mechanism = arc(message, "mechanism_name") or 0
        if not message.layer.parsed.whole or (context not in CIPHERED_CONTEXTS and mechanism not in (5, 6, 7)):
            continue
        if title is None:
            needs = f"mechanism {mechanism}" if mechanism in (5, 6, 7) else f"context {context}"
            said = f"{needs} needs the client's system title, and there is no field A6"
            yield Hit(message, (said,), because_of=_of_lengths(message))
    for message, request in refused(case, (TITLE_REFUSED,)):
        title = request.after.client_title if request is not None else None
        shown = f"; the title sent is {title.hex().upper()}" if title else ""
        said = f"the AARE refuses with diagnostic {_named(DIAGNOSTICS_USER, TITLE_REFUSED)}{shown}"
        cause = "system-title-malformed" if title is not None and len(title) != TITLE_OCTETS else None
        yield Hit(message, (said,), field="result_source_diagnostic", because_of=cause)


@rule("system-title-malformed")
def system_title_malformed(case: Case) -> Iterator[Hit]:
    """A system title in AARQ or AARE that has not 8 octets."""
    for message in (*acse(case, "aarq"), *acse(case, "aare")):
        assert message.layer is not None
        for path in ("calling_ap_title.octet_string", "responding_ap_title.octet_string"):
            title = find_octets(message.layer.nodes, path)
            if title is None or len(title) == TITLE_OCTETS:
                continue
            client = message.direction == "client"
            used = any(True for _ in protections(message)) or (arc(message, "mechanism_name") or 0) > 2
            yield Hit(
                message,
                (f"the system title is {hexed(title)}: {len(title)} octets, expected {TITLE_OCTETS}",),
                field=path,
                severity="error" if used and client else "info",
                side="client" if client else "meter",
            )


@rule("acse-requirements-missing")
def acse_requirements_missing(case: Case) -> Iterator[Hit]:
    """An authentication value without the fields that announce it, or the reverse."""
    for message in acse(case, "aarq"):
        assert message.layer is not None
        if not message.layer.parsed.whole:
            continue
        value, name = has(message, "calling_authentication_value"), has(message, "mechanism_name")
        required = has(message, "sender_acse_requirements")
        missing = []
        if (value or name) and not required:
            missing.append("8A 02 07 80 (sender-acse-requirements)")
        if value and not name:
            missing.append("8B (mechanism-name)")
        if name and not value and arc(message, "mechanism_name") not in (0, None):
            missing.append("AC (calling-authentication-value)")
        if missing:
            there = ["AC"] * value + ["8B"] * name + ["8A"] * required
            yield Hit(
                message,
                (f"there is {' and '.join(there)}, and {' and '.join(missing)} is missing",),
                severity=None if _was_refused(case, message) else "info",
                changes=_requirements(message) if not required and value and name else (),
                because_of=_of_lengths(message),
            )


def _requirements(message: Message) -> tuple[Change, ...]:
    """The AARQ with its requirements in front of the mechanism name."""

    def apply(nodes: list[RawNode]) -> list[RawNode]:
        spec, start, end, fields = nodes[0]
        made = []
        for node in fields:
            if node[0].name == "mechanism_name":
                made.append(("sender_acse_requirements", {"unused_bits": 7, "bits": 0x80}))
            made.append((node[0].name, node[3]))
        return [(spec, start, end, dict(made))]

    return (Change("aarq", apply),)


@rule("user-information-missing")
def user_information_missing(case: Case) -> Iterator[Hit]:
    """An AARQ that carries no InitiateRequest."""
    for message in acse(case, "aarq"):
        assert message.layer is not None
        if not message.layer.parsed.whole:
            continue
        if not has(message, "user_information"):
            said = "the AARQ has no field BE with the InitiateRequest"
            yield Hit(message, (said,), because_of=_of_lengths(message))
        elif find_octets(message.layer.nodes, "user_information.octet_string") is None:
            yield Hit(message, ("the field BE holds no octet-string (04)",), field="user_information")


def is_bare_aarq(message: Message) -> bool:
    """Whether octets without a frame that are no APDU begin as an AARQ or AARE does, with its context."""
    bare = message.frames[0].framing == "none" and message.layer is None
    head = message.wire[:11]  # whatever the lengths in it are
    return bare and head[:1] in (b"\x60", b"\x61") and (head[2:3], head[4:]) == (CONTEXT[:1], CONTEXT[2:])


@rule("ber-length-wrong")
def length_of_a_bare_aarq(case: Case) -> Iterator[Hit]:
    """The same where no frame tells how long the APDU is: with the length of what is there it reads whole."""
    for message in case.messages:
        octets = message.wire
        issues = message.frames[0].issues
        if message.frames[0].framing != "none" or octets[:1] not in (b"\x60", b"\x61") or not issues:
            continue
        actual = len(octets) - 2
        if 0 < actual < 0x80 and octets[1] != actual and fits(parse(APDU, octets[:1] + bytes((actual,)) + octets[2:])):
            said = f"its own length is {octets[1]}, {actual} octets follow it"
            more = "with that as its length it reads whole, so no octet is missing"
            yield Hit(message, (said, more), side=side_of(message), explains=frozenset({message.number}))
        elif is_bare_aarq(message) and octets[1] <= actual:
            wrong = next((i for i in parse(APDU, octets[: octets[1] + 2]).issues if i.severity == "error"), None)
            if wrong is not None:
                said = f"{hexed(octets, 8)} begins an AARQ or AARE of {octets[1] + 2} octets, and they are there"
                more = f"at octet {wrong.start}: {wrong.spec.name}, {wrong.text}"
                yield Hit(message, (said, more), certainty="likely", side=side_of(message))


@rule("ber-length-wrong")
def ber_length_wrong(case: Case) -> Iterator[Hit]:
    """Lengths in an AARQ or AARE that do not lead where they say."""
    for message in case.messages:
        layer = message.layer
        if layer is None or layer.name not in ("aarq", "aare", "rlrq", "rlre") or not message.complete:
            continue
        if any(f.faults or any(i.severity == "error" for i in f.parsed.issues) for f in message.frames):
            continue  # the frame is damaged, and the lengths inside with it
        wrong = [i for i in layer.parsed.issues if "the length says" in i.text]
        left = [i for i in layer.parsed.issues if "not decoded" in i.text and i.spec.name == "undecoded"]
        if not wrong and not (left and message.frames[0].framing != "none"):
            continue
        issue = (wrong or left)[0]
        declared = message.octets(layer.buffer)[layer.start + 1] if layer.end > layer.start + 1 else 0
        actual = layer.end - layer.start - 2
        evidence = [f"at octet {issue.start - layer.start} of the {layer.name}: {issue.spec.name}, {issue.text}"]
        if declared < 0x80 and declared != actual:
            evidence.append(f"its own length is {declared}, {actual} octets follow it")
        client = message.direction == "client"
        taken = "its fields take" in issue.text and (not client or not _was_refused(case, message))
        released = layer.name in ("rlrq", "rlre")
        yield Hit(
            message,
            tuple(evidence),
            side="client" if client else "meter",
            severity="info" if taken else "warning" if released else None,
        )


@rule("hls-pass3-missing", "association-pending")
def hls_pass3_missing(case: Case) -> Iterator[Hit]:
    """An association that waits for the client's proof, and a client that does something else."""
    for message in acse(case, "aare"):
        if message.after.state != "pending":
            continue
        later = (m for m in case.behind(message) if m.direction == "client")
        following = next((m for m in later if m.frame not in ("RR", "RNR")), None)
        if following is None:
            continue
        if following.frame == "DISC" or following.apdu == "rlrq":
            said = "the AARE accepts and wants the HLS proof (diagnostic 14), and the client ends the connection"
            yield Hit(following, (said,), code="association-pending", certainty="likely")
        elif following.plain_apdu or (following.apdu or "").endswith("-request"):
            name = following.plain_apdu or following.apdu or ""
            whole = following.complete and not cut(following) and following.plain is not None
            whole = whole and following.plain.parsed.whole and not following.frames[0].damaged  # type: ignore[union-attr]
            if whole and following.after.state == "pending" and name in SERVICES:
                said = f"the AARE wants the HLS proof (diagnostic 14), and {names(following)} is no reply_to_HLS"
                yield Hit(following, (said,), code="hls-pass3-missing")


@rule("association-not-released")
def association_not_released(case: Case) -> Iterator[Hit]:
    """An AARQ into an open association, which the meter refuses."""
    for message in acse(case, "aarq"):
        reply = case.reply(message)
        if message.before.state in ("open", "pending", "proving") and reply is not None and _was_refused(case, message):
            said = f"no release or disconnection since the association opened, and {names(reply)} refuses the new one"
            yield Hit(message, (said,), certainty="likely")


@rule("release-unanswered")
def release_unanswered(case: Case) -> Iterator[Hit]:
    """A release that nobody answers."""
    for message in acse(case, "rlrq"):
        if case.reply(message) is None and case.has_meter():
            yield Hit(message, (f"no RLRE follows {names(message)}",))
