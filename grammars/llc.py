"""The LLC header of IEC 62056-46 (ISO/IEC 8802-2): three octets before the APDU, in the first segment only."""

from grammars.kit import U8, Expect, Struct, Symbols

COMMAND, RESPONSE = bytes.fromhex("E6E600"), bytes.fromhex("E6E700")

LLC = Struct(
    "destination_lsap" / Expect(U8, (0xE6,), "the destination LSAP is E6") * "destination LSAP, E6",
    "source_lsap"
    / Symbols(U8, {0xE6: ("command", "from the client"), 0xE7: ("response", "from the server")})
    * "source LSAP: E6 from the client, E7 from the server",
    "llc_quality" / Expect(U8, (0x00,), "the quality is 00") * "reserved, 00",
)
