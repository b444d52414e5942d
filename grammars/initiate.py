"""InitiateRequest and InitiateResponse of IEC 62056-5-3: what client and server can do, in A-XDR."""

from grammars.axdr import OCTET_STRING
from grammars.kit import BOOLEAN, I8, U8, U16, BitGroup, Case, Expect, Peek, Present, Rest, Struct, Symbols
from grammars.tables.enums import CONFORMANCE

DLMS_VERSION = 6
VAA_NAMES = {0x0007: ("LN", "logical name referencing"), 0xFA00: ("SN", "short name referencing")}

CONFORMANCE_BITS = BitGroup(3, *[(name.replace("-", "_"), 1, doc) for _, name, doc in CONFORMANCE])

_BLOCK = Struct(
    "unused_bits" / Expect(U8, (0,), "24 bits leave no bit unused") * "unused bits in the last octet, 0",
    "bits" / CONFORMANCE_BITS * "the services, a bit each",
)

CONFORMANCE_BLOCK = Peek(
    "conformance",
    {
        b"\x5f\x1f\x04": Case("conformance_block", _BLOCK, "[APPLICATION 31], the tag in two octets"),
        b"\x5f\x04": Case("conformance_block_old", _BLOCK, "the tag in one octet, as older editions encode it"),
    },
    default=Case("conformance_octets", Rest, "neither 5F 1F 04 nor 5F 04: not a conformance block"),
)

VERSION = Expect(U8, (DLMS_VERSION,), f"the DLMS version is {DLMS_VERSION}")

INITIATE_REQUEST = Struct(
    "dedicated_key" / Present(OCTET_STRING) * "key for the ded- services of this association",
    "response_allowed" / Present(BOOLEAN, default=True) * "whether the server may answer; TRUE unless given",
    "proposed_quality_of_service" / Present(I8) * "not used by DLMS/COSEM",
    "proposed_dlms_version_number" / VERSION * "6",
    "proposed_conformance" / CONFORMANCE_BLOCK * "the services that the client knows",
    "client_max_receive_pdu_size" / U16 * "longest APDU that the client takes, octets; 0 is no limit",
)

INITIATE_RESPONSE = Struct(
    "negotiated_quality_of_service" / Present(I8) * "not used by DLMS/COSEM",
    "negotiated_dlms_version_number" / VERSION * "6",
    "negotiated_conformance" / CONFORMANCE_BLOCK * "the services that both know",
    "server_max_receive_pdu_size" / U16 * "longest APDU that the server takes, octets; 0 is no limit",
    "vaa_name" / Symbols(U16, VAA_NAMES) * "0007 for LN, FA00 for SN referencing",
)
