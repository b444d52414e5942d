"""Wired M-Bus frames of EN 13757-2, and the DLMS transport of EN 13757-1 inside them.

    68 | L | L | 68 | C | A | CI | [STSAP | DTSAP |] user data | checksum | 16
    10 | C | A | checksum | 16
    E5

L counts the octets from C to the last of the user data. It has one octet, and meters that send more let it overflow.
"""

from grammars import readings
from grammars.kit import (
    U8,
    Bytes,
    Checksum,
    Expect,
    Hole,
    LengthOf,
    Repeats,
    Rest,
    Struct,
    Switch,
    Symbols,
    Text,
    Variants,
    section,
    this,
)

LONG_START, SHORT_START, SINGLE, STOP = 0x68, 0x10, 0xE5, 0x16
HEADER, TRAILER = 4, 2  # octets of a long frame before C, and behind the user data
DLMS_TRANSPORT = 0x1F  # CI 00 to 1F
FINAL, SEQUENCE = 0x10, 0x0F

FUNCTIONS = {
    0x40: ("SND_NKE", "reset of the link"),
    0x53: ("SND_UD", "user data to the slave"),
    0x73: ("SND_UD", "user data to the slave, frame count bit set"),
    0x5A: ("REQ_UD1", "request of alarm data"),
    0x7A: ("REQ_UD1", "request of alarm data, frame count bit set"),
    0x5B: ("REQ_UD2", "request of user data"),
    0x7B: ("REQ_UD2", "request of user data, frame count bit set"),
    0x08: ("RSP_UD", "user data of the slave"),
    0x18: ("RSP_UD", "user data of the slave, access demand"),
    0x28: ("RSP_UD", "user data of the slave, data flow control"),
    0x44: ("SND_NR", "user data without reply"),
    0x46: ("SND_IR", "installation request"),
    0x00: ("ACK", "acknowledgement"),
}


def checksum(octets: bytes) -> int:
    """The sum of all octets modulo 256."""
    return sum(octets) & 0xFF


CONTROL_INFORMATION = Variants(
    (
        0xE0,
        0x00,
        "dlms",
        "DLMS transport",
        (("zero", 3, "000"), ("final", 1, "1: the last telegram"), ("sequence", 4, "number of the telegram, from 0")),
    ),
    (0xFF, 0x60, "dlms-long-header", "DLMS to the slave behind the long M-Bus header", (("value", 8, "60"),)),
    (0xFF, 0x61, "dlms-short-header", "DLMS to the slave behind the short M-Bus header", (("value", 8, "61"),)),
    (0xFF, 0x7C, "dlms-long-header", "DLMS from the slave behind the long M-Bus header", (("value", 8, "7C"),)),
    (0xFF, 0x7D, "dlms-short-header", "DLMS from the slave behind the short M-Bus header", (("value", 8, "7D"),)),
    (0xFF, 0x72, "response-long-header", "M-Bus application data, long header", (("value", 8, "72"),)),
    (0xFF, 0x7A, "response-short-header", "M-Bus application data, short header", (("value", 8, "7A"),)),
    (0x00, 0x00, "other", "another application of M-Bus", (("value", 8, "see EN 13757-3"),)),
)

_SHORT_HEADER = (
    "access_number" / U8 * "counts the transmissions",
    "status" / U8 * "errors of the meter",
    "configuration" / Bytes(2) * "encryption of the M-Bus application layer",
)
_APDU = "apdu" / Hole("llc", Rest) * "the APDU, or a part of it"
DLMS = Struct(
    "source_sap" / Hole("address", U8) * "STSAP, the sender",
    "destination_sap" / Hole("address", U8) * "DTSAP, the receiver",
    _APDU,
)
SHORT_HEADER = Struct(*_SHORT_HEADER, _APDU)
LONG_HEADER = Struct(
    "identification_number"
    / Text(Hole("serial_number", Bytes(4)), readings.reversed_digits)
    * "serial number, low octet first",
    "manufacturer" / Text(Bytes(2), readings.mbus_manufacturer) * "three letters of 5 bits, low octet first",
    "version" / U8 * "version of the meter",
    "device_type" / U8 * "medium",
    *_SHORT_HEADER,
    _APDU,
)

_CONTROL = "control" / Symbols(U8, FUNCTIONS) * "C field"
_ADDRESS = "address" / U8 * "A field; FF: to all, without reply"

LONG_FRAME = Struct(
    "start" / Expect(U8, (LONG_START,), "a long frame begins with 68") * "68",
    "length" / LengthOf(U8, since="control", until="user_data") * "octets from C to the end of the user data",
    "length_repeated"
    / Repeats(LengthOf(U8, since="control", until="user_data"), this.length, "the two lengths differ")
    * "the length again",
    "start_repeated" / Expect(U8, (LONG_START,), "68 stands again behind the lengths") * "68",
    *section(
        _CONTROL,
        _ADDRESS,
        "control_information" / CONTROL_INFORMATION * "CI field",
        "user_data"
        / Switch(
            this.control_information,
            dict.fromkeys(range(DLMS_TRANSPORT + 1), DLMS)
            | dict.fromkeys((0x60, 0x7C), LONG_HEADER)
            | dict.fromkeys((0x61, 0x7D), SHORT_HEADER),
            default=Rest,
        )
        * "what the CI field says",
        length=this.length,
        told_by="length",
        wraps=256,
        behind=TRAILER,
    ),
    "checksum" / Checksum(U8, checksum, since="control") * "sum over C to the end of the user data",
    "stop" / Expect(U8, (STOP,), "a frame ends with 16") * "16",
)

SHORT_FRAME = Struct(
    "start" / Expect(U8, (SHORT_START,), "a short frame begins with 10") * "10",
    _CONTROL,
    _ADDRESS,
    "checksum" / Checksum(U8, checksum, since="control") * "sum of C and A",
    "stop" / Expect(U8, (STOP,), "a frame ends with 16") * "16",
)

SINGLE_CHARACTER = Struct("acknowledgement" / Expect(U8, (SINGLE,), "E5") * "E5, positive acknowledgement")
