"""GET of IEC 62056-5-3: Get-Request and Get-Response in all variants, and selective access."""

from grammars.axdr import (
    ATTRIBUTE_DESCRIPTOR,
    BLOCK,
    DATA_ACCESS_RESULT,
    INVOKE_ID_AND_PRIORITY,
    LAST_BLOCK,
)
from grammars.data import DATA, LAST_DATA
from grammars.kit import U8, U32, Case, Choice, Counted, Present, Struct

INVOKE = "invoke_id_and_priority" / INVOKE_ID_AND_PRIORITY * "the answer carries the same invoke-id"

SELECTIVE_ACCESS = Struct(
    "access_selector" / U8 * "which kind of selection; its numbers belong to the class",
    "access_parameters" / DATA * "what to select",
)
ATTRIBUTE = "cosem_attribute_descriptor" / ATTRIBUTE_DESCRIPTOR * "which attribute of which object"
SELECTION = "access_selection" / Present(SELECTIVE_ACCESS) * "a part of the attribute"
ATTRIBUTE_WITH_SELECTION = Struct(ATTRIBUTE, SELECTION)

GET_REQUEST = Choice(
    "get_request",
    {
        1: Case("get-request-normal", Struct(INVOKE, ATTRIBUTE, SELECTION), "one attribute"),
        2: Case(
            "get-request-next",
            Struct(INVOKE, "block_number" / U32 * "number of the block received last"),
            "the next block of a long answer",
        ),
        3: Case(
            "get-request-with-list",
            Struct(
                INVOKE,
                "attribute_descriptor_list"
                / Counted(ATTRIBUTE_WITH_SELECTION, "attribute", "one attribute")
                * "several attributes",
            ),
            "several attributes",
        ),
    },
)

_NO_VALUE = Case("data-access-result", DATA_ACCESS_RESULT, "why there is no value")
GET_DATA_RESULT = Choice("get_data_result", {0: Case("data", DATA, "the value"), 1: _NO_VALUE})
LAST_RESULT = Choice("get_data_result", {0: Case("data", LAST_DATA, "the value"), 1: _NO_VALUE})

DATA_BLOCK = Struct(
    "last_block" / LAST_BLOCK * "whether this is the last block",
    "block_number" / U32 * "from 1",
    "result"
    / Choice(
        "block_result",
        {
            0: Case("raw-data", BLOCK, "a piece of the encoded answer"),
            1: Case("data-access-result", DATA_ACCESS_RESULT, "why the transfer ends"),
        },
    )
    * "the block",
)

GET_RESPONSE = Choice(
    "get_response",
    {
        1: Case("get-response-normal", Struct(INVOKE, "result" / LAST_RESULT * "value or error"), "one attribute"),
        2: Case("get-response-with-datablock", Struct(INVOKE, "result" / DATA_BLOCK * "a block"), "a long answer"),
        3: Case(
            "get-response-with-list",
            Struct(INVOKE, "result" / Counted(GET_DATA_RESULT) * "values or errors in the order of the request"),
            "several attributes",
        ),
    },
)
