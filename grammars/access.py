"""ACCESS of IEC 62056-5-3: several GET, SET and ACTION in one request."""

from grammars.axdr import ATTRIBUTE_DESCRIPTOR, DATA_ACCESS_RESULT, METHOD_DESCRIPTOR, OPTIONAL_DATE_TIME
from grammars.data import DATA
from grammars.get import ATTRIBUTE_WITH_SELECTION
from grammars.kit import U8, Case, Choice, Counted, Present, Struct, Symbols
from grammars.notification import LONG_INVOKE
from grammars.tables.enums import ACCESS_SERVICES, ACTION_RESULTS

_SUBS = {
    1: ATTRIBUTE_DESCRIPTOR,
    2: ATTRIBUTE_DESCRIPTOR,
    3: METHOD_DESCRIPTOR,
    4: ATTRIBUTE_WITH_SELECTION,
    5: ATTRIBUTE_WITH_SELECTION,
}

ACCESS_REQUEST_SPECIFICATION = Choice(
    "access_request_specification",
    {number: Case(ACCESS_SERVICES[number][0], sub, ACCESS_SERVICES[number][1]) for number, sub in _SUBS.items()},
)
SPECIFICATION = Counted(ACCESS_REQUEST_SPECIFICATION)
DATE = "date_time" / OPTIONAL_DATE_TIME * "when it was sent"

ACCESS_REQUEST = Struct(
    LONG_INVOKE,
    DATE,
    "access_request_specification" / SPECIFICATION * "what to do",
    "access_request_list_of_data" / Counted(DATA) * "one value for each, null-data where none is needed",
)

ACCESS_RESPONSE_SPECIFICATION = Choice(
    "access_response_specification",
    {
        1: Case("access-response-get", DATA_ACCESS_RESULT, "how the GET went"),
        2: Case("access-response-set", DATA_ACCESS_RESULT, "how the SET went"),
        3: Case("access-response-action", Symbols(U8, ACTION_RESULTS), "how the ACTION went"),
    },
)

ACCESS_RESPONSE = Struct(
    LONG_INVOKE,
    DATE,
    "access_request_specification" / Present(SPECIFICATION) * "the request again, if it asked for that",
    "access_response_list_of_data" / Counted(DATA) * "one value for each",
    "access_response_specification" / Counted(ACCESS_RESPONSE_SPECIFICATION) * "how each went",
)
