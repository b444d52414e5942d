"""COSEM Data of IEC 62056-5-3: a tag, then the value. Tags 7, 8, 11 and 14 are not assigned."""

from grammars import readings
from grammars.axdr import ATTRIBUTE_DESCRIPTOR, DATE, DATE_TIME, OBIS, OCTET_STRING, TIME
from grammars.kit import (
    BOOLEAN,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    AxdrBitString,
    Case,
    Choice,
    Counted,
    Described,
    Expect,
    Fallback,
    Lengthed,
    Nothing,
    Readable,
    Recursive,
    Struct,
    Text,
)
from grammars.tables.enums import DATA_TYPES

TEXT = Expect(OCTET_STRING, Readable(), "control characters in the text", severity="info")


def _types(subs: dict[int, object]) -> dict[int, Case]:
    """Alternatives named and documented by the table of types."""
    return {
        tag: Case(DATA_TYPES[tag][0], sub, DATA_TYPES[tag][1], type=DATA_TYPES[tag][0]) for tag, sub in subs.items()
    }


SIMPLE = {
    0: Nothing(),
    3: BOOLEAN,
    4: AxdrBitString(),
    5: I32,
    6: U32,
    9: OCTET_STRING,
    10: TEXT,
    12: TEXT,
    13: U8,
    15: I8,
    16: I16,
    17: U8,
    18: U16,
    20: I64,
    21: U64,
    22: U8,
    23: F32,
    24: F64,
    25: Text(DATE_TIME, readings.date_time),
    26: Text(DATE, readings.date),
    27: Text(TIME, readings.time),
    28: I8,
    29: I16,
    30: I32,
    31: U8,
    32: U16,
    33: U32,
    255: Nothing(),
}

TYPE_DESCRIPTION = Choice(
    "type_description",
    _types(
        {tag: Nothing() for tag in SIMPLE}
        | {
            1: Struct(
                "number_of_elements" / U16 * "elements of each array",
                "type_description" / Recursive(lambda: TYPE_DESCRIPTION) * "the type of the elements",
            ),
            2: Counted(Recursive(lambda: TYPE_DESCRIPTION)),
        }
    ),
)

COMPACT_ARRAY = Struct(
    "contents_description" / TYPE_DESCRIPTION * "the type of each element",
    "array_contents"
    / Lengthed(Described("contents_description", lambda: DATA, array="array", structure="structure"))
    * "the values one after the other, without tags",
)

DATA = Choice(
    "data",
    _types(SIMPLE | {1: Counted(Recursive(lambda: DATA)), 2: Counted(Recursive(lambda: DATA)), 19: COMPACT_ARRAY}),
)

# What meters send that do not keep to the above. It is tried where the last value of an APDU cannot be read to its end
# otherwise: 06 09 begins a number as well, and 02 02 00 a structure whose first element is null.
DEVIANT = "read as the sender must mean it, which is not as the standard writes it"
DEVIANT_DATA = Choice(
    "data",
    _types(
        SIMPLE
        | {
            1: Counted(Recursive(lambda: DEVIANT_DATA)),
            2: Counted(Recursive(lambda: DEVIANT_DATA)),
            19: COMPACT_ARRAY,
        }
    ),
    before={
        rb"\x06\x09[\x00-\x0f].{4}\xff": (
            Case(
                "swapped-octet-string",
                OBIS,
                "an OBIS code as octet-string",
                type="octet-string",
                remark="length and tag are swapped: 06 09 stands for 09 06",
            ),
            b"\x06\x09",
        ),
        rb"\x02\x02\x00[\x01-\xff][\x00-\x0f].{4}\xff[\x01-\x1f]": (
            Case(
                "untagged-structure",
                Struct(
                    "cosem_attribute_descriptor"
                    / ATTRIBUTE_DESCRIPTOR
                    * "class, OBIS code and attribute, without tags",
                    "value" / Recursive(lambda: DEVIANT_DATA) * "its value",
                ),
                "an attribute and its value",
                type="structure",
                remark="a structure of two: the attribute descriptor has no tags",
            ),
            b"\x02\x02",
        ),
    },
)
LAST_DATA = Fallback(DATA, DEVIANT_DATA, DEVIANT)
