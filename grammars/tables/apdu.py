"""The tags of the APDUs: the first octet of everything that an HDLC information field (behind the LLC header) or
a wrapper payload carries.

Source: IEC 62056-5-3 (DLMS UA Green Book), the CHOICE of ACSE-APDU and of XDLMS-APDU in the ASN.1 module; the tags
0x19..0x1F are the S-FSK CIASE services of IEC 61334-4-511; 0xE6 and 0xE7 come from the gateway protocol of the
Green Book. 0xC6, 0xCE and 0xD6 are not assigned.
"""

APDU_TAGS: dict[int, str] = {
    # xDLMS without protection
    0x01: "initiate-request",
    0x05: "read-request",
    0x06: "write-request",
    0x08: "initiate-response",
    0x0C: "read-response",
    0x0D: "write-response",
    0x0E: "confirmed-service-error",
    0x0F: "data-notification",
    0x10: "data-notification-confirm",
    0x16: "unconfirmed-write-request",
    0x18: "information-report-request",
    # CIASE, S-FSK power line only
    0x19: "ping-request",
    0x1A: "ping-response",
    0x1C: "register-request",
    0x1D: "discover-request",
    0x1E: "discover-report",
    0x1F: "repeat-call-request",
    # the same with the global key, service by service
    0x21: "glo-initiate-request",
    0x25: "glo-read-request",
    0x26: "glo-write-request",
    0x28: "glo-initiate-response",
    0x2C: "glo-read-response",
    0x2D: "glo-write-response",
    0x2E: "glo-confirmed-service-error",
    0x36: "glo-unconfirmed-write-request",
    0x38: "glo-information-report-request",
    # the same with the dedicated key
    0x41: "ded-initiate-request",
    0x45: "ded-read-request",
    0x46: "ded-write-request",
    0x48: "ded-initiate-response",
    0x4C: "ded-read-response",
    0x4D: "ded-write-response",
    0x4E: "ded-confirmed-service-error",
    0x56: "ded-unconfirmed-write-request",
    0x58: "ded-information-report-request",
    # ACSE, in BER
    0x60: "aarq",
    0x61: "aare",
    0x62: "rlrq",
    0x63: "rlre",
    # xDLMS, logical name referencing
    0xC0: "get-request",
    0xC1: "set-request",
    0xC2: "event-notification-request",
    0xC3: "action-request",
    0xC4: "get-response",
    0xC5: "set-response",
    0xC7: "action-response",
    0xC8: "glo-get-request",
    0xC9: "glo-set-request",
    0xCA: "glo-event-notification-request",
    0xCB: "glo-action-request",
    0xCC: "glo-get-response",
    0xCD: "glo-set-response",
    0xCF: "glo-action-response",
    0xD0: "ded-get-request",
    0xD1: "ded-set-request",
    0xD2: "ded-event-notification-request",
    0xD3: "ded-action-request",
    0xD4: "ded-get-response",
    0xD5: "ded-set-response",
    0xD7: "ded-action-response",
    0xD8: "exception-response",
    0xD9: "access-request",
    0xDA: "access-response",
    # protection and transfer of any APDU
    0xDB: "general-glo-ciphering",
    0xDC: "general-ded-ciphering",
    0xDD: "general-ciphering",
    0xDF: "general-signing",
    0xE0: "general-block-transfer",
    # gateway
    0xE6: "gateway-request",
    0xE7: "gateway-response",
}

# CIASE, which stations of a power line use among themselves.
CIASE_TAGS = frozenset(range(0x19, 0x20))

# What each is, in a few words; the ciphered ones are what is inside them.
MEANINGS: dict[str, str] = {
    "initiate-request": "what the client proposes for the association, inside the AARQ",
    "read-request": "a read with short names; a meter never sends it",
    "write-request": "a write with short names; a meter never sends it",
    "initiate-response": "what the meter grants for the association, inside the AARE",
    "read-response": "the answer to a read with short names",
    "write-response": "the answer to a write with short names",
    "confirmed-service-error": "an error: three octets follow with service, class and reason",
    "data-notification": "a push of the meter",
    "data-notification-confirm": "the confirmation of a push",
    "unconfirmed-write-request": "a write with short names and without answer",
    "information-report-request": "a push with short names",
    "ping-request": "CIASE, power line: asks whether a station answers",
    "ping-response": "CIASE, power line: answers a ping",
    "register-request": "CIASE, power line: gives a new station its address",
    "discover-request": "CIASE, power line: looks for new stations",
    "discover-report": "CIASE, power line: a new station reports",
    "repeat-call-request": "CIASE, power line: sets which stations repeat",
    "aarq": "the client's request to open an association",
    "aare": "the meter's answer to the association request (AARQ)",
    "rlrq": "the client's request to release the association",
    "rlre": "the meter's answer to the release request",
    "get-request": "reading an attribute",
    "set-request": "writing an attribute",
    "event-notification-request": "an event that the meter reports by itself",
    "action-request": "invoking a method",
    "get-response": "the answer to a GET",
    "set-response": "the answer to a SET",
    "action-response": "the answer to an ACTION",
    "exception-response": "a refusal: two octets follow with state and reason",
    "access-request": "several services in one request",
    "access-response": "the answer to an ACCESS request",
    "general-glo-ciphering": "which holds an APDU ciphered with the global key",
    "general-ded-ciphering": "which holds an APDU ciphered with the dedicated key",
    "general-ciphering": "which holds an APDU ciphered end to end",
    "general-signing": "which holds an APDU signed",
    "general-block-transfer": "a block of a longer APDU",
    "gateway-request": "which sends an APDU through a gateway; far more often E6 is the LLC header that was not taken off",
    "gateway-response": "which returns an APDU through a gateway; far more often E7 belongs to an LLC header that was not taken off",
}


def meaning(name: str) -> str:
    """What an APDU is, in a few words; of a ciphered one what it holds and under which key."""
    key = {"glo-": "global", "ded-": "dedicated"}.get(name[:4])
    return f"a {name[4:]}, ciphered with the {key} key" if key else MEANINGS[name]
