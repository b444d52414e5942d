"""SET of IEC 62056-5-3: Set-Request and Set-Response in all variants."""

from grammars.axdr import BLOCK, DATA_ACCESS_RESULT, LAST_BLOCK
from grammars.data import DATA
from grammars.get import ATTRIBUTE, ATTRIBUTE_WITH_SELECTION, INVOKE, SELECTION
from grammars.kit import U32, Case, Choice, Counted, Struct

DATA_BLOCK_SA = Struct(
    "last_block" / LAST_BLOCK * "whether this is the last block",
    "block_number" / U32 * "from 1",
    "raw_data" / BLOCK * "a piece of the encoded value",
)
BLOCK_FIELD = "datablock" / DATA_BLOCK_SA * "a block of the value"
BLOCK_NUMBER = "block_number" / U32 * "the block that is acknowledged"
ATTRIBUTES = (
    "attribute_descriptor_list" / Counted(ATTRIBUTE_WITH_SELECTION, "attribute", "one attribute") * "several attributes"
)

SET_REQUEST = Choice(
    "set_request",
    {
        1: Case(
            "set-request-normal",
            Struct(INVOKE, ATTRIBUTE, SELECTION, "value" / DATA * "what to write"),
            "one attribute",
        ),
        2: Case(
            "set-request-with-first-datablock", Struct(INVOKE, ATTRIBUTE, SELECTION, BLOCK_FIELD), "a long value begins"
        ),
        3: Case("set-request-with-datablock", Struct(INVOKE, BLOCK_FIELD), "a long value goes on"),
        4: Case(
            "set-request-with-list",
            Struct(INVOKE, ATTRIBUTES, "value_list" / Counted(DATA) * "what to write, in the same order"),
            "several attributes",
        ),
        5: Case(
            "set-request-with-list-and-first-datablock",
            Struct(INVOKE, ATTRIBUTES, BLOCK_FIELD),
            "several attributes, a long value list begins",
        ),
    },
)

RESULT = "result" / DATA_ACCESS_RESULT * "how it went"
RESULTS = (
    "result"
    / Counted(DATA_ACCESS_RESULT, "data_access_result", "how one attribute went")
    * "how it went, in the order of the request"
)

SET_RESPONSE = Choice(
    "set_response",
    {
        1: Case("set-response-normal", Struct(INVOKE, RESULT), "one attribute"),
        2: Case("set-response-datablock", Struct(INVOKE, BLOCK_NUMBER), "a block was taken"),
        3: Case("set-response-last-datablock", Struct(INVOKE, RESULT, BLOCK_NUMBER), "the last block was taken"),
        4: Case(
            "set-response-last-datablock-with-list", Struct(INVOKE, RESULTS, BLOCK_NUMBER), "the last block of a list"
        ),
        5: Case("set-response-with-list", Struct(INVOKE, RESULTS), "several attributes"),
    },
)
