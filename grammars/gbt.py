"""general-block-transfer of IEC 62056-5-3, and the gateway prefix of the Green Book."""

from grammars.axdr import BLOCK, OCTET_STRING
from grammars.kit import U8, U16, BitGroup, Hole, Rest, Struct

GENERAL_BLOCK_TRANSFER = Struct(
    "block_control"
    / BitGroup(
        1,
        ("last_block", 1, "1: the last block"),
        ("streaming", 1, "1: more blocks follow without waiting"),
        ("window", 6, "blocks that the sender takes at once"),
    )
    * "how the transfer goes",
    "block_number" / U16 * "number of this block, from 1",
    "block_number_acknowledged" / U16 * "number of the last block received",
    "block_data" / BLOCK * "a piece of an APDU",
)

GATEWAY = Struct(
    "network_id" / U8 * "which network behind the gateway",
    "physical_device_address" / OCTET_STRING * "which device there",
    "apdu" / Hole("apdu", Rest) * "the APDU for it, or from it",
)
