"""GET.request and GET.response as plain construct declares them, each field with its first and last offset.

The yardstick: what a user of construct 2.10 would write, with nothing of this project in it. `Tell` on both sides
of each field is construct's own way to offsets; octet-strings and sequences have their length in front (A-XDR).
"""

from typing import Any

from construct import (
    Array,
    BitsInteger,
    BitStruct,
    Byte,
    Bytes,
    BytesInteger,
    Computed,
    Construct,
    Error,
    Flag,
    Float32b,
    Float64b,
    FocusedSeq,
    If,
    IfThenElse,
    Int8sb,
    Int16sb,
    Int16ub,
    Int32sb,
    Int32ub,
    Int64sb,
    Int64ub,
    LazyBound,
    Pass,
    Struct,
    Switch,
    Tell,
    this,
)


def located(sub: Construct) -> Construct:
    """The value of `sub` with the offsets of its first octet and of the one behind its last."""
    return Struct("start" / Tell, "value" / sub, "end" / Tell)


LENGTH = FocusedSeq(
    "length",
    "first" / Byte,
    "length" / IfThenElse(this.first < 0x80, Computed(this.first), BytesInteger(this.first & 0x7F)),
)
OCTET_STRING = FocusedSeq("octets", "length" / LENGTH, "octets" / Bytes(this.length))
BIT_STRING = FocusedSeq("octets", "bits" / LENGTH, "octets" / Bytes((this.bits + 7) // 8))


def sequence(sub: Construct) -> Construct:
    """SEQUENCE OF: a count, then so many elements."""
    return FocusedSeq("elements", "count" / LENGTH, "elements" / Array(this.count, sub))


DATE = Struct(
    "year" / located(Int16ub),
    "month" / located(Byte),
    "day_of_month" / located(Byte),
    "day_of_week" / located(Byte),
)
TIME = Struct(
    "hour" / located(Byte),
    "minute" / located(Byte),
    "second" / located(Byte),
    "hundredths" / located(Byte),
)
DATE_TIME = Struct(
    "date" / located(DATE),
    "time" / located(TIME),
    "deviation" / located(Int16sb),
    "clock_status" / located(Byte),
)
DATA: Any = located(
    Struct(
        "tag" / Byte,
        "content"
        / Switch(
            this.tag,
            {
                0: Pass,
                1: sequence(LazyBound(lambda: DATA)),
                2: sequence(LazyBound(lambda: DATA)),
                3: Flag,
                4: BIT_STRING,
                5: Int32sb,
                6: Int32ub,
                9: OCTET_STRING,
                10: OCTET_STRING,
                12: OCTET_STRING,
                13: Byte,
                15: Int8sb,
                16: Int16sb,
                17: Byte,
                18: Int16ub,
                20: Int64sb,
                21: Int64ub,
                22: Byte,
                23: Float32b,
                24: Float64b,
                25: DATE_TIME,
                26: DATE,
                27: TIME,
                255: Pass,
            },
            default=Error,
        ),
    )
)

INVOKE_ID_AND_PRIORITY = BitStruct(
    "priority" / BitsInteger(1),
    "service_class" / BitsInteger(1),
    "reserved" / BitsInteger(2),
    "invoke_id" / BitsInteger(4),
)
ATTRIBUTE_DESCRIPTOR = Struct(
    "class_id" / located(Int16ub),
    "instance_id" / located(Bytes(6)),
    "attribute_id" / located(Int8sb),
)
ACCESS_SELECTION = Struct(
    "present" / Byte,
    "selection" / If(this.present != 0, Struct("access_selector" / located(Byte), "access_parameters" / located(DATA))),
)
GET_REQUEST = Struct(
    "choice" / Byte,
    "request"
    / located(
        Switch(
            this._.choice,
            {
                1: Struct(
                    "invoke_id_and_priority" / located(INVOKE_ID_AND_PRIORITY),
                    "cosem_attribute_descriptor" / located(ATTRIBUTE_DESCRIPTOR),
                    "access_selection" / located(ACCESS_SELECTION),
                ),
                2: Struct(
                    "invoke_id_and_priority" / located(INVOKE_ID_AND_PRIORITY),
                    "block_number" / located(Int32ub),
                ),
            },
            default=Error,
        )
    ),
)
GET_DATA_RESULT = Struct(
    "choice" / Byte,
    "result" / located(Switch(this._.choice, {0: DATA, 1: Byte}, default=Error)),
)
GET_RESPONSE = Struct(
    "choice" / Byte,
    "response"
    / located(
        Switch(
            this._.choice,
            {
                1: Struct(
                    "invoke_id_and_priority" / located(INVOKE_ID_AND_PRIORITY),
                    "result" / located(GET_DATA_RESULT),
                ),
            },
            default=Error,
        )
    ),
)
APDU = Struct(
    "tag" / Byte,
    "apdu" / located(Switch(this._.tag, {0xC0: GET_REQUEST, 0xC4: GET_RESPONSE}, default=Error)),
)
