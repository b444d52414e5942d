"""What each field of AARQ, AARE, RLRQ, RLRE and of the initiate APDUs is called in Simple XML."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.report.simple_xml.elements import Comment, Element, Item, value
from analyzer.report.simple_xml.names import (
    CONTEXTS,
    MECHANISMS,
    RELEASE_REQUEST_REASONS,
    RELEASE_RESPONSE_REASONS,
)
from analyzer.report.simple_xml.walker import Rule, Walker, element, hexed, inline, meant, named
from grammars import readings
from grammars.kit.spec import RawNode
from grammars.tables.enums import CONFORMANCE

AUTHENTICATION_BIT, UNUSED_BITS = 0x80, 7


def _object_identifier(tag: str, names: Mapping[int, str]) -> Rule:
    """The last arc of an object identifier of the DLMS UA by its name; any other by its octets."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        parts = node[3] if isinstance(node[3], list) else [node]
        octets = next((part[3] for part in parts if isinstance(part[3], bytes)), b"")
        others = walker.items([part for part in parts if part is not node and part[3] is not octets], node[0].name)
        known = len(octets) == 7 and octets.startswith(readings.DLMS_UA) and octets[-1] in names
        said = [] if known else [Comment(f"{node[0].name} {octets.hex().upper()}")]
        return [*said, value(tag, names[octets[-1]] if known else "UNKNOWN"), *others]

    return make


def _inner(tag: str) -> Rule:
    """A field with an explicit tag: what is inside the universal one."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        parts = node[3] if isinstance(node[3], list) else []
        first = next((part for part in parts if part[0].name != "unknown_element"), None)
        if first is None:
            return [walker.plainly(node)]
        text = f"{first[3]:02X}" if isinstance(first[3], int) and first[3] >= 0 else walker.octets(first).hex().upper()
        others = walker.items([part for part in parts if part is not first], node[0].name)
        return [value(tag, text), *others]

    return make


def _symbol(node: RawNode) -> str:
    """What the number inside an explicit tag means."""
    first = node[3][0] if isinstance(node[3], list) and node[3] else node
    return (first[0].symbols or {}).get(first[3], ("", ""))[0] if isinstance(first[3], int) else ""


def _requirements(tag: str) -> Rule:
    """The ACSE requirements: 1 where the bit of the authentication stands, anything else said."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        octets = walker.octets(node)
        usual = octets == bytes((UNUSED_BITS, AUTHENTICATION_BIT))
        on = len(octets) > 1 and octets[1] & AUTHENTICATION_BIT
        return [*([] if usual else [walker.plainly(node)]), value(tag, "1" if on else "0")]

    return make


def _protocol_version(walker: Walker, node: RawNode) -> list[Item]:
    """The bits of the protocol version, as 0 and 1."""
    octets = walker.octets(node)
    bits = "".join(f"{octet:08b}" for octet in octets[1:])
    if not octets or octets[0] > UNUSED_BITS:
        return [walker.plainly(node)]
    return [value("ProtocolVersion", bits[: len(bits) - octets[0]])]


def _authentication(tag: str) -> Rule:
    """Password or challenge, and its characters where it has some."""
    rule = _inner(tag)

    def tell(node: RawNode) -> str:
        found = node[3][0][3] if isinstance(node[3], list) and node[3] else None
        return readings.printable(found) if isinstance(found, bytes) else ""

    return meant(rule, tell)


def _provider(walker: Walker, node: RawNode) -> list[Item]:
    """Said by the service provider, for which Gurux has no other element than that of the user."""
    return [Comment(f"{node[0].name} {_symbol(node)}".rstrip()), *_inner("ACSEServiceUser")(walker, node)]


def _conformance(walker: Walker, node: RawNode) -> list[Item]:
    """A ConformanceBit for each service, first bit first."""
    if not isinstance(node[3], int):
        return [walker.plainly(node)]
    return [
        Element("ConformanceBit", (("Name", "".join(part[:1].upper() + part[1:] for part in name.split("-"))),))
        for bit, name, _ in CONFORMANCE
        if node[3] & 1 << 23 - bit
    ]


def _unusual(usual: bytes) -> Rule:
    """Nothing for what always stands there, a comment for anything else."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [] if walker.octets(node) == usual else [walker.plainly(node)]

    return make


def _quality(tag: str) -> Rule:
    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [value(tag, f"{node[3] & 0xFF:02X}") if isinstance(node[3], int) else walker.plainly(node)]

    return make


ASSOCIATION: dict[str, Rule] = {
    "aarq": element("AssociationRequest"),
    "aare": element("AssociationResponse"),
    "rlrq": element("ReleaseRequest"),
    "rlre": element("ReleaseResponse"),
    "rlrq/reason": named("Reason", RELEASE_REQUEST_REASONS),
    "rlre/reason": named("Reason", RELEASE_RESPONSE_REASONS),
    "protocol_version": _protocol_version,
    "application_context_name": _object_identifier("ApplicationContextName", CONTEXTS),
    "mechanism_name": _object_identifier("MechanismName", MECHANISMS),
    "called_ap_title": _inner("CalledAPTitle"),
    "called_ae_qualifier": _inner("CalledAEQualifier"),
    "called_ap_invocation_id": _inner("CalledAPInvocationId"),
    "called_ae_invocation_id": _inner("CalledAEInvocationId"),
    "calling_ap_title": _inner("CallingAPTitle"),
    "calling_ae_qualifier": _inner("CallingAEQualifier"),
    "calling_ap_invocation_id": _inner("CallingApInvocationId"),
    "calling_ae_invocation_id": _inner("CallingAEInvocationId"),
    "responding_ap_title": _inner("RespondingAPTitle"),
    "responding_ae_invocation_id": _inner("RespondingAEInvocationId"),
    "sender_acse_requirements": _requirements("SenderACSERequirements"),
    "responder_acse_requirements": _requirements("ResponderACSERequirement"),
    "calling_authentication_value": _authentication("CallingAuthentication"),
    "responding_authentication_value": _authentication("RespondingAuthentication"),
    "aare/result": meant(_inner("AssociationResult"), _symbol),
    "result_source_diagnostic": element("ResultSourceDiagnostic"),
    "acse_service_user": meant(_inner("ACSEServiceUser"), _symbol),
    "acse_service_provider": _provider,
    "user_information": inline,
    "initiate-request": element("InitiateRequest"),
    "dedicated_key": hexed("DedicatedKey"),
    "response_allowed": _unusual(b"\0"),
    "proposed_quality_of_service": _quality("ProposedQualityOfService"),
    "proposed_dlms_version_number": hexed("ProposedDlmsVersionNumber"),
    "proposed_conformance": element("ProposedConformance"),
    "client_max_receive_pdu_size": hexed("ProposedMaxPduSize"),
    "initiate-response": element("InitiateResponse"),
    "negotiated_quality_of_service": _quality("NegotiatedQualityOfService"),
    "negotiated_dlms_version_number": hexed("NegotiatedDlmsVersionNumber"),
    "negotiated_conformance": element("NegotiatedConformance"),
    "server_max_receive_pdu_size": hexed("NegotiatedMaxPduSize"),
    "vaa_name": hexed("VaaName"),
    "conformance_block/unused_bits": _unusual(b"\0"),
    "conformance_block_old/unused_bits": _unusual(b"\0"),
    "conformance_block/bits": _conformance,
    "conformance_block_old/bits": _conformance,
}
