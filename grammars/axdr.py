"""What A-XDR APDUs share: octet-strings, OBIS codes, descriptors, the invoke-id octets, dates and times.

IEC 61334-6 (A-XDR), IEC 62056-5-3 (invoke-id, descriptors), IEC 62056-6-2 (date and time formats).
"""

from grammars import readings
from grammars.kit import (
    I8,
    I16,
    U8,
    U16,
    BitGroup,
    Bytes,
    Case,
    Hole,
    Lengthed,
    Nothing,
    Peek,
    Rest,
    Struct,
    Symbols,
    Text,
)
from grammars.tables.enums import DATA_ACCESS_RESULTS, DAYS_OF_MONTH, DAYS_OF_WEEK, MONTHS

OCTET_STRING = Lengthed(Rest)
SYSTEM_TITLE = Hole("system_title", OCTET_STRING)
OBIS = Text(Bytes(6), readings.logical_name)
DATA_ACCESS_RESULT = Symbols(U8, DATA_ACCESS_RESULTS)
BLOCK = Hole("block", OCTET_STRING)
LAST_BLOCK = Symbols(U8, {0: ("false", "more blocks follow"), 1: ("true", "the last block"), 255: ("true", "last")})
SERVICE_CLASS = {0: ("unconfirmed", "no answer wanted"), 1: ("confirmed", "an answer is wanted")}
PRIORITY = {0: ("normal", "normal priority"), 1: ("high", "high priority")}

INVOKE_ID_AND_PRIORITY = BitGroup(
    1,
    ("priority", 1, "1: high", PRIORITY),
    ("service_class", 1, "1: confirmed", SERVICE_CLASS),
    ("reserved", 2, "0"),
    ("invoke_id", 4, "the answer carries the same"),
)
LONG_INVOKE_ID_AND_PRIORITY = BitGroup(
    4,
    ("priority", 1, "1: high", PRIORITY),
    ("service_class", 1, "1: confirmed", SERVICE_CLASS),
    ("processing_option", 1, "1: break on error"),
    ("self_descriptive", 1, "1: the answer repeats the specification"),
    ("reserved", 4, "0"),
    ("long_invoke_id", 24, "the answer carries the same"),
)

ATTRIBUTE_DESCRIPTOR = Struct(
    "class_id" / Hole("class_id", U16) * "interface class",
    "instance_id" / OBIS * "logical name (OBIS code)",
    "attribute_id" / Hole("attribute_id", I8) * "attribute index; 0 stands for all",
)
METHOD_DESCRIPTOR = Struct(
    "class_id" / Hole("class_id", U16) * "interface class",
    "instance_id" / OBIS * "logical name (OBIS code)",
    "method_id" / Hole("method_id", I8) * "method index",
)

CLOCK_STATUS = BitGroup(
    1,
    ("daylight_saving_active", 1, "the time includes the daylight saving deviation"),
    ("reserved", 3, "0"),
    ("invalid_clock_status", 1, "this status itself is not valid"),
    ("different_clock_base", 1, "the time comes from another clock than is stated"),
    ("doubtful_value", 1, "the time cannot be relied on"),
    ("invalid_value", 1, "the time was not set or is lost"),
    unspecified=0xFF,
)
_MONTH = {n: (str(n), "month") for n in range(1, 13)} | MONTHS
_DAY = {n: (str(n), "day") for n in range(1, 32)} | DAYS_OF_MONTH

DATE = Struct(
    "year" / U16 * "FFFF: not specified",
    "month" / Symbols(U8, _MONTH) * "1 to 12; FD end, FE begin of daylight saving, FF not specified",
    "day_of_month" / Symbols(U8, _DAY) * "1 to 31; FE last, FD last but one, FF not specified",
    "day_of_week" / Symbols(U8, DAYS_OF_WEEK) * "1 Monday to 7 Sunday, FF not specified",
)
TIME = Struct(
    "hour" / U8 * "0 to 23, FF not specified",
    "minute" / U8 * "0 to 59, FF not specified",
    "second" / U8 * "0 to 59, FF not specified",
    "hundredths" / U8 * "0 to 99, FF not specified",
)
DATE_TIME = Struct(
    "date" / Text(DATE, readings.date) * "5 octets",
    "time" / Text(TIME, readings.time) * "4 octets",
    "deviation" / I16 * "minutes; local time + deviation = UTC; 8000 not specified",
    "clock_status" / CLOCK_STATUS * "FF: there is none",
)

# A date-time as octet-string: length 0 when absent, else 12. Some meters put the tag of a COSEM octet-string before it.
OPTIONAL_DATE_TIME = Peek(
    "date_time",
    {
        b"\x00": Case("no_date_time", Nothing(), "length 0: no time is given"),
        b"\x0c\x09": Case(
            "swapped_date_time",
            Text(DATE_TIME, readings.date_time),
            "tag and length of Data before it, in the wrong order",
            remark="tag and length are swapped: 0C 09 stands for 09 0C",
        ),
        b"\x0c": Case("date_time", Text(DATE_TIME, readings.date_time), "length 12"),
        **{
            bytes((25, high)): Case(
                "typed_date_time",
                Text(DATE_TIME, readings.date_time),
                "with the tag 19 of Data in place of its length",
                takes=1,
                remark="the date-time has the tag 19 of Data in place of its length",
            )
            for high in (0x07, 0xFF)
        },
        b"\x09\x0c": Case("tagged_date_time", Text(DATE_TIME, readings.date_time), "with the tag 09 of Data before it"),
    }
    | {
        bytes((year >> 8, year & 0xFF)): Case(
            "bare_date_time",
            Text(DATE_TIME, readings.date_time),
            "without length",
            takes=0,
            remark="the date-time has no length before it",
        )
        for year in range(1970, 2048)
    },
    default=Case("date_time_octets", OCTET_STRING, "an octet-string that is no date-time"),
)
