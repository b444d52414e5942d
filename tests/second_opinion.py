"""How two libraries are asked for a second opinion: what they encode is parsed, what the builder makes is given to them.

The tables of docs/second-opinion.md are held to the cases that are registered here, so a row says what really ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from grammars import apdu
from grammars.kit.spec import RawNode
from grammars.parse import build, parse

GURUX, DLMS_COSEM = "gurux-dlms", "dlms-cosem"
ENCODES, READS = "encodes", "reads"
CONFORMANCE = 0x501D  # get, set, action, selective access, blocks: named by nobody's default


@dataclass(frozen=True)
class Encoded:
    """Octets that a library encodes, and the values in them as the builder takes them, written down independently."""

    row: str
    variant: str
    theirs: Callable[[], bytes]
    plain: Any
    grammar: Any = field(default=apdu.APDU, repr=False)
    same_octets: bool = True


@dataclass(frozen=True)
class Read:
    """Octets that the builder makes of values, what a library reads in them, and what it must read."""

    row: str
    variant: str
    plain: Any
    read: Callable[[bytes], Any]
    expected: Callable[[], Any]
    grammar: Any = field(default=apdu.APDU, repr=False)


def name_of(case: Encoded | Read) -> str:
    return f"{case.row} {case.variant}".strip()


def leaves(nodes: list[RawNode]) -> Iterator[Any]:
    """The values of raw nodes that have no parts, in the order of the octets."""
    for node in nodes:
        if isinstance(node[3], list):
            yield from leaves(node[3])
        else:
            yield node[3]


def values(plain: Any) -> Iterator[Any]:
    """The same out of what the builder takes: dicts of fields, lists of elements, (name, value) of alternatives."""
    if isinstance(plain, dict):
        for part in plain.values():
            yield from values(part)
    elif isinstance(plain, list):
        for part in plain:
            yield from values(part)
    elif isinstance(plain, tuple) and not hasattr(plain, "_fields"):
        yield from values(plain[1])
    else:
        yield plain


def hold_encoded(case: Encoded) -> None:
    """What a library encodes is read whole, without remarks, to the values; and the builder makes the same octets."""
    octets = case.theirs()
    parsed = parse(case.grammar, octets)
    assert parsed.whole and not parsed.issues, parsed.issues
    assert list(leaves(parsed.nodes)) == list(values(case.plain))
    assert (build(case.grammar, case.plain) == octets) is case.same_octets


def hold_read(case: Read) -> None:
    """What the builder makes is read by a library to the values."""
    assert case.read(build(case.grammar, case.plain)) == case.expected()


# -- values as the builder takes them, which several cases share -------------------------------------------


def attribute(class_id: int, instance: str, index: int) -> dict[str, Any]:
    return {"class_id": class_id, "instance_id": bytes.fromhex(instance), "attribute_id": index}


def method(class_id: int, instance: str, index: int) -> dict[str, Any]:
    return {"class_id": class_id, "instance_id": bytes.fromhex(instance), "method_id": index}


CLOCK = attribute(8, "0000010000FF", 2)
REGISTER = attribute(3, "0100010800FF", 2)
RAW = bytes.fromhex("0A0B0C0D")
FIVE = ("long-unsigned", 5)


def apdu_of(service: str, kind: str, **fields: Any) -> tuple[str, Any]:
    """An APDU with a choice inside: get-request, get-request-normal, its fields."""
    return (service, (kind, {"invoke_id_and_priority": 0xC1, **fields}))


def date_time(
    year: int, month: int, day: int, weekday: int, hour: int, minute: int, second: int, hundredths: int,
    deviation: int = 0, status: int = 0,
) -> dict[str, Any]:  # fmt: skip
    return {
        "date": {"year": year, "month": month, "day_of_month": day, "day_of_week": weekday},
        "time": {"hour": hour, "minute": minute, "second": second, "hundredths": hundredths},
        "deviation": deviation,
        "clock_status": status,
    }


def object_identifier(arc: int, last: int) -> bytes:
    return bytes.fromhex("6085740508") + bytes([arc, last])


def initiate_request(conformance: int = CONFORMANCE, dedicated: bytes | None = None, size: int = 65535) -> Any:
    return (
        "initiate-request",
        {
            "dedicated_key": dedicated,
            "response_allowed": True,
            "proposed_quality_of_service": None,
            "proposed_dlms_version_number": 6,
            "proposed_conformance": ("conformance_block", {"unused_bits": 0, "bits": conformance}),
            "client_max_receive_pdu_size": size,
        },
    )


def initiate_response(conformance: int = CONFORMANCE, quality: int | None = None) -> Any:
    return (
        "initiate-response",
        {
            "negotiated_quality_of_service": quality,
            "negotiated_dlms_version_number": 6,
            "negotiated_conformance": ("conformance_block", {"unused_bits": 0, "bits": conformance}),
            "server_max_receive_pdu_size": 500,
            "vaa_name": 7,
        },
    )


def association_request(
    user_information: bytes, context: int = 1, mechanism: int = 0, value: bytes = b"", title: bytes = b"",
) -> Any:  # fmt: skip
    """An AARQ with its fields in the order of the standard."""
    fields: dict[str, Any] = {"application_context_name": {"object_identifier": object_identifier(1, context)}}
    if title:
        fields["calling_ap_title"] = {"octet_string": title}
    if mechanism:
        fields["sender_acse_requirements"] = {"unused_bits": 7, "bits": 0x80}
        fields["mechanism_name"] = object_identifier(2, mechanism)
        fields["calling_authentication_value"] = {"charstring": value}
    return ("aarq", {**fields, "user_information": {"octet_string": user_information}})


def association_response(
    user_information: bytes, context: int = 1, diagnostic: int = 0, mechanism: int = 0, value: bytes = b"",
    title: bytes = b"",
) -> Any:  # fmt: skip
    """An AARE that accepts, with its fields in the order of the standard."""
    fields: dict[str, Any] = {
        "application_context_name": {"object_identifier": object_identifier(1, context)},
        "result": {"integer": 0},
        "result_source_diagnostic": {"acse_service_user": {"integer": diagnostic}},
    }
    if title:
        fields["responding_ap_title"] = {"octet_string": title}
    if mechanism:
        fields["responder_acse_requirements"] = {"unused_bits": 7, "bits": 0x80}
        fields["mechanism_name"] = object_identifier(2, mechanism)
        fields["responding_authentication_value"] = {"charstring": value}
    return ("aare", {**fields, "user_information": {"octet_string": user_information}})


def released(name: str, reason: int) -> Any:
    """RLRQ or RLRE with a reason."""
    return (name, {"reason": reason})
