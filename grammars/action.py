"""ACTION of IEC 62056-5-3: Action-Request and Action-Response in all variants."""

from grammars.axdr import METHOD_DESCRIPTOR
from grammars.data import DATA
from grammars.get import GET_DATA_RESULT, INVOKE
from grammars.kit import U8, U32, Case, Choice, Counted, Present, Struct, Symbols
from grammars.set import DATA_BLOCK_SA
from grammars.tables.enums import ACTION_RESULTS

METHOD = "cosem_method_descriptor" / METHOD_DESCRIPTOR * "which method of which object"
METHODS = "cosem_method_descriptor_list" / Counted(METHOD_DESCRIPTOR, "method", "one method") * "several methods"
PBLOCK = "pblock" / DATA_BLOCK_SA * "a block of the parameters or of the answer"
BLOCK_NUMBER = "block_number" / U32 * "the block that is acknowledged or asked for"

ACTION_REQUEST = Choice(
    "action_request",
    {
        1: Case(
            "action-request-normal",
            Struct(INVOKE, METHOD, "method_invocation_parameters" / Present(DATA) * "the parameters"),
            "one method",
        ),
        2: Case("action-request-next-pblock", Struct(INVOKE, BLOCK_NUMBER), "the next block of a long answer"),
        3: Case(
            "action-request-with-list",
            Struct(INVOKE, METHODS, "method_invocation_parameters" / Counted(DATA) * "the parameters, in this order"),
            "several methods",
        ),
        4: Case(
            "action-request-with-first-pblock",
            Struct(INVOKE, METHOD, PBLOCK),
            "long parameters begin",
        ),
        5: Case(
            "action-request-with-list-and-first-pblock", Struct(INVOKE, METHODS, PBLOCK), "several methods, in blocks"
        ),
        6: Case("action-request-with-pblock", Struct(INVOKE, PBLOCK), "long parameters go on"),
    },
)

ACTION_RESPONSE_WITH_OPTIONAL_DATA = Struct(
    "result" / Symbols(U8, ACTION_RESULTS) * "how it went",
    "return_parameters" / Present(GET_DATA_RESULT) * "what the method gives back",
)

ACTION_RESPONSE = Choice(
    "action_response",
    {
        1: Case(
            "action-response-normal",
            Struct(INVOKE, "single_response" / ACTION_RESPONSE_WITH_OPTIONAL_DATA * "result and return value"),
            "one method",
        ),
        2: Case("action-response-with-pblock", Struct(INVOKE, PBLOCK), "a long answer"),
        3: Case(
            "action-response-with-list",
            Struct(
                INVOKE,
                "list_of_responses"
                / Counted(ACTION_RESPONSE_WITH_OPTIONAL_DATA, "response", "how one method went")
                * "in the order of the request",
            ),
            "several methods",
        ),
        4: Case("action-response-next-pblock", Struct(INVOKE, BLOCK_NUMBER), "the next block is wanted"),
    },
)
