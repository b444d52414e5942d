"""Protected APDUs of IEC 62056-5-3: glo-, ded-, general-glo/ded-ciphering, general-ciphering, general-signing.

security control | invocation counter | ciphertext or text | [authentication tag, 12 octets]
"""

from grammars.axdr import OCTET_STRING, OPTIONAL_DATE_TIME, SYSTEM_TITLE
from grammars.kit import (
    U8,
    U32,
    BitGroup,
    Bytes,
    Case,
    Choice,
    Hole,
    Lengthed,
    Present,
    Remaining,
    Rest,
    Struct,
    Symbols,
    When,
    this,
)
from grammars.tables.enums import KEK_IDS, KEY_AGREEMENTS, KEY_IDS, SECURITY_SUITES

TAG_OCTETS = 12

SECURITY_CONTROL = BitGroup(
    1,
    ("compression", 1, "1: compressed before it was encrypted"),
    ("key_set", 1, "0 unicast key, 1 broadcast key", {0: ("unicast", "EK"), 1: ("broadcast", "BEK")}),
    ("encryption", 1, "1: encrypted"),
    ("authentication", 1, "1: a tag follows"),
    ("security_suite", 4, "which algorithms", SECURITY_SUITES),
)

CIPHERED = Struct(
    "security_control" / SECURITY_CONTROL * "what was done to the content",
    "invocation_counter" / U32 * "with the system title of the sender it makes the nonce",
    "ciphered_text"
    / Hole("ciphertext", Remaining(tail=this.security_control.authentication * TAG_OCTETS))
    * "the APDU, encrypted if the control says so",
    "authentication_tag"
    / When(this.security_control.authentication == 1, Bytes(TAG_OCTETS))
    * "the first 12 octets of the GCM tag",
)

GLO_OR_DED = Lengthed(CIPHERED, lenient="error")

GENERAL_GLO_OR_DED = Struct(
    "system_title" / SYSTEM_TITLE * "system title of the sender; some send none",
    "ciphered_service" / Lengthed(CIPHERED, lenient="error") * "the protected APDU",
)

KEY_INFO = Choice(
    "key_info",
    {
        0: Case("identified-key", Struct("key_id" / Symbols(U8, KEY_IDS) * "which key"), "a key that both have"),
        1: Case(
            "wrapped-key",
            Struct(
                "kek_id" / Symbols(U8, KEK_IDS) * "which key wraps it",
                "key_ciphered_data" / OCTET_STRING * "the key, wrapped as in RFC 3394",
            ),
            "a key that travels wrapped",
        ),
        2: Case(
            "agreed-key",
            Struct(
                "key_parameters" / Lengthed(Symbols(U8, KEY_AGREEMENTS)) * "which key agreement",
                "key_ciphered_data" / OCTET_STRING * "ephemeral public key and its signature, if any",
            ),
            "a key that both compute",
        ),
    },
)

HEADER = (
    "transaction_id" / OCTET_STRING * "the same in request and answer",
    "originator_system_title" / SYSTEM_TITLE * "who protected it",
    "recipient_system_title" / SYSTEM_TITLE * "who it is for",
    "date_time" / OPTIONAL_DATE_TIME * "when",
    "other_information" / OCTET_STRING * "free",
)

GENERAL_CIPHERING = Struct(
    *HEADER,
    "key_info" / Present(KEY_INFO) * "which key; absent: as the last time",
    "ciphered_service" / Lengthed(CIPHERED, lenient="error") * "the protected APDU",
)

GENERAL_SIGNING = Struct(
    *HEADER,
    "content" / Hole("apdu", Lengthed(Rest)) * "the APDU that is signed, possibly ciphered",
    "signature" / OCTET_STRING * "ECDSA, R and S one after the other",
)
