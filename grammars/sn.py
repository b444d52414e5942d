"""Short name referencing of IEC 62056-5-3: read, write and their responses."""

from grammars.axdr import BLOCK, DATA_ACCESS_RESULT, LAST_BLOCK
from grammars.data import DATA
from grammars.kit import U8, U16, Case, Choice, Counted, Nothing, Struct

NAME = "variable_name" / U16 * "base name + 8 x (attribute - 1)"

VARIABLE_ACCESS = Choice(
    "variable_access_specification",
    {
        2: Case("variable-name", Struct(NAME), "an attribute or a method"),
        4: Case(
            "parameterized-access",
            Struct(NAME, "selector" / U8 * "which kind of selection", "parameter" / DATA * "what to select"),
            "a part of an attribute, or a method with parameters",
        ),
        5: Case("block-number-access", Struct("block_number" / U16 * "the next block"), "a long answer goes on"),
        6: Case(
            "read-data-block-access",
            Struct(
                "last_block" / LAST_BLOCK * "whether this is the last block",
                "block_number" / U16 * "from 1",
                "raw_data" / BLOCK * "a piece of the request",
            ),
            "a long request",
        ),
        7: Case(
            "write-data-block-access",
            Struct("last_block" / LAST_BLOCK * "the last block", "block_number" / U16 * "from 1"),
            "a long write request",
        ),
    },
)

_ERROR = Case("data-access-error", DATA_ACCESS_RESULT, "why there is no value")

READ_REQUEST = Struct("variable_access_specification" / Counted(VARIABLE_ACCESS) * "which variables")

READ_RESPONSE = Struct(
    "results"
    / Counted(
        Choice(
            "read_result",
            {
                0: Case("data", DATA, "the value"),
                1: _ERROR,
                2: Case(
                    "data-block-result",
                    Struct(
                        "last_block" / LAST_BLOCK * "whether this is the last block",
                        "block_number" / U16 * "from 1",
                        "raw_data" / BLOCK * "a piece of the answer",
                    ),
                    "a long answer",
                ),
                3: Case("block-number", Struct("block_number" / U16 * "block taken"), "a block of a request was taken"),
            },
        )
    )
    * "values or errors in the order of the request",
)

WRITE_REQUEST = Struct(
    "variable_access_specification" / Counted(VARIABLE_ACCESS) * "which variables",
    "list_of_data" / Counted(DATA) * "their values, in the same order",
)

WRITE_RESPONSE = Struct(
    "results"
    / Counted(
        Choice(
            "write_result",
            {
                0: Case("success", Nothing(), "written"),
                1: _ERROR,
                2: Case("block-number", Struct("block_number" / U16 * "block taken"), "a block was taken"),
            },
        )
    )
    * "in the order of the request",
)
