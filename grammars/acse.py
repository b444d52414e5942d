"""The association control APDUs in BER: AARQ, AARE, RLRQ, RLRE (ISO/IEC 8650-1, IEC 62056-5-3).

Fields may stand in any order: meters differ, and a reader must not care.
"""

from grammars import readings
from grammars.kit import (
    U8,
    BitGroup,
    Case,
    Expect,
    Hole,
    IfRoom,
    IntegerToEnd,
    Lengthed,
    Rest,
    Struct,
    Symbols,
    TaggedSet,
    Text,
)
from grammars.tables.enums import (
    ASSOCIATION_RESULTS,
    DIAGNOSTICS_PROVIDER,
    DIAGNOSTICS_USER,
    RELEASE_REQUEST_REASONS,
    RELEASE_RESPONSE_REASONS,
)

OID = Text(Rest, readings.object_identifier)
TITLE = Hole("system_title", Rest)
INTEGER = IntegerToEnd()


def explicit(tag: int, name: str, sub: object, doc: str = "") -> TaggedSet:
    """A context tag around a universal one: the inner TLV as a node of its own."""
    return TaggedSet({tag: Case(name, sub, doc)}, unknown="unknown_element")


def _bits(name: str, doc: str) -> Struct:
    first = BitGroup(1, (name, 1, doc), ("unused", 7, "not used"))
    return Struct(
        "unused_bits" / Expect(U8, range(8), "0 to 7 bits are unused") * "unused bits in the last octet",
        "bits" / IfRoom(first) * doc,
        "more_bits" / IfRoom(Rest) * "further bits",
    )


PROTOCOL_VERSION = _bits("version1", "version 1 of ACSE")
REQUIREMENTS = _bits("authentication", "the authentication functional unit is used")
AUTHENTICATION_VALUE = TaggedSet(
    {
        0x80: Case("charstring", Hole("authentication_value", Rest), "password or challenge"),
        0x81: Case("bitstring", Rest, "not used by DLMS/COSEM"),
        0x82: Case("external", Rest, "not used by DLMS/COSEM"),
    },
    unknown="unknown_element",
)
CONTEXT_NAME = explicit(0x06, "object_identifier", OID, "what kind of referencing, ciphered or not")
USER_INFORMATION = explicit(0x04, "octet_string", Hole("apdu", Rest), "the xDLMS APDU, possibly ciphered")


def _title(doc: str) -> TaggedSet:
    return explicit(0x04, "octet_string", TITLE, doc)


def _integer(doc: str, table: dict[int, tuple[str, str]] | None = None) -> TaggedSet:
    return explicit(0x02, "integer", Symbols(INTEGER, table) if table else INTEGER, doc)


AARQ = Lengthed(
    TaggedSet(
        {
            0x80: Case("protocol_version", PROTOCOL_VERSION, "version1 unless given"),
            0xA1: Case("application_context_name", CONTEXT_NAME, "LN or SN referencing, with or without ciphering"),
            0xA2: Case("called_ap_title", _title("title of the server"), "not used by DLMS/COSEM"),
            0xA3: Case("called_ae_qualifier", explicit(0x04, "octet_string", Rest, "octets"), "not used by DLMS/COSEM"),
            0xA4: Case("called_ap_invocation_id", _integer("number of the invocation"), "not used by DLMS/COSEM"),
            0xA5: Case("called_ae_invocation_id", _integer("number of the invocation"), "not used by DLMS/COSEM"),
            0xA6: Case("calling_ap_title", _title("system title, 8 octets"), "system title of the client"),
            0xA7: Case(
                "calling_ae_qualifier",
                explicit(0x04, "octet_string", Hole("certificate", Rest), "X.509 certificate"),
                "certificate of the client, suites 1 and 2",
            ),
            0xA8: Case("calling_ap_invocation_id", _integer("number of the invocation"), "not used by DLMS/COSEM"),
            0xA9: Case("calling_ae_invocation_id", _integer("number of the user"), "user of the client"),
            0x8A: Case("sender_acse_requirements", REQUIREMENTS, "authentication is used"),
            0x8B: Case("mechanism_name", OID, "authentication mechanism"),
            0xAC: Case("calling_authentication_value", AUTHENTICATION_VALUE, "password, or challenge CtoS"),
            0xBD: Case("implementation_information", Rest, "not used by DLMS/COSEM"),
            0xBE: Case("user_information", USER_INFORMATION, "InitiateRequest"),
        }
    ),
    lenient="error",
    tagged=True,
)

AARE = Lengthed(
    TaggedSet(
        {
            0x80: Case("protocol_version", PROTOCOL_VERSION, "version1 unless given"),
            0xA1: Case("application_context_name", CONTEXT_NAME, "LN or SN referencing, with or without ciphering"),
            0xA2: Case("result", _integer("0 accepted", ASSOCIATION_RESULTS), "whether the association is accepted"),
            0xA3: Case(
                "result_source_diagnostic",
                TaggedSet(
                    {
                        0xA1: Case(
                            "acse_service_user",
                            _integer("0: nothing", DIAGNOSTICS_USER),
                            "said by the application",
                        ),
                        0xA2: Case(
                            "acse_service_provider",
                            _integer("0: nothing", DIAGNOSTICS_PROVIDER),
                            "said by the ACSE",
                        ),
                    },
                    unknown="unknown_element",
                ),
                "why",
            ),
            0xA4: Case("responding_ap_title", _title("system title, 8 octets"), "system title of the server"),
            0xA5: Case(
                "responding_ae_qualifier",
                explicit(0x04, "octet_string", Hole("certificate", Rest), "X.509 certificate"),
                "certificate of the server, suites 1 and 2",
            ),
            0xA6: Case("responding_ap_invocation_id", _integer("number of the invocation"), "not used by DLMS/COSEM"),
            0xA7: Case("responding_ae_invocation_id", _integer("number of the invocation"), "not used by DLMS/COSEM"),
            0x88: Case("responder_acse_requirements", REQUIREMENTS, "authentication is used"),
            0x89: Case("mechanism_name", OID, "authentication mechanism"),
            0xAA: Case("responding_authentication_value", AUTHENTICATION_VALUE, "challenge StoC"),
            0xBD: Case("implementation_information", Rest, "not used by DLMS/COSEM"),
            0xBE: Case("user_information", USER_INFORMATION, "InitiateResponse or confirmedServiceError"),
        }
    ),
    lenient="error",
    tagged=True,
)


def _release(reasons: dict[int, tuple[str, str]]) -> Lengthed:
    return Lengthed(
        TaggedSet(
            {
                0x80: Case("reason", Symbols(IntegerToEnd(), reasons), "why the association is released"),
                0xBE: Case("user_information", USER_INFORMATION, "InitiateRequest or InitiateResponse, ciphered"),
            }
        ),
        lenient="error",
        tagged=True,
    )


RLRQ = _release(RELEASE_REQUEST_REASONS)
RLRE = _release(RELEASE_RESPONSE_REASONS)
