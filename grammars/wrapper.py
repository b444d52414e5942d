"""The TCP and UDP wrapper of IEC 62056-47: eight octets, then the APDU. Its ports are the SAPs of the two sides."""

from grammars.kit import U16, Expect, Hole, LengthOf, Rest, Struct, section, this

VERSION = 1

WRAPPER = Struct(
    "version" / Expect(U16, (VERSION,), "the wrapper version is 0001", "error") * "0001",
    "source_wport" / Hole("address", U16) * "SAP of the sender",
    "destination_wport" / Hole("address", U16) * "SAP of the receiver",
    "length" / LengthOf(U16, since="apdu", until="apdu") * "octets of the APDU",
    *section("apdu" / Hole("llc", Rest) * "the APDU", length=this.length, told_by="length"),
)
