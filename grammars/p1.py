"""The text telegram of a P1 port: DSMR 5, and what Belgium, Luxembourg and others made of it.

    /XXX5 identification CR LF CR LF
    A-B:C.D.E(value*unit) CR LF ...
    !CRC CR LF

The CRC is CRC-16/ARC over everything from the slash to the exclamation mark, as four hexadecimal digits; telegrams of
DSMR 2 have none. A line may hold several values in parentheses.
"""

import fastcrc

from grammars import readings
from grammars.kit import (
    U8,
    Before,
    Bytes,
    Checksum,
    Expect,
    HexDigits,
    IfNext,
    IfRoom,
    Rest,
    Struct,
    Text,
    ToEnd,
)

SLASH, EXCLAMATION = 0x2F, 0x21
crc16_arc = fastcrc.crc16.arc
TEXT = Text(Before(b"\r\n", b"\n"), readings.characters)
LINE_END = IfNext(b"\r\n", Bytes(0))

VALUE = Struct(
    "open" / Expect(U8, (0x28,), "a value begins with a parenthesis") * "(",
    "value" / Text(Before(b"*", b")", b"\r\n"), readings.characters) * "the value as it is shown",
    "unit" / IfNext(b"*", Text(Before(b")", b"\r\n"), readings.characters)) * "its unit",
    "close" / IfNext(b")", Bytes(0)) * ")",
)
LINE = Struct(
    "obis" / Text(Before(b"(", b"\r\n"), readings.characters) * "the OBIS code in its reduced form",
    "values" / Before(b"\r\n", inner=ToEnd(VALUE, "value_of_line", "one value in parentheses")) * "one or more values",
    "line_end" / LINE_END * "CR LF",
)
TELEGRAM = Struct(
    "slash" / Expect(U8, (SLASH,), "a telegram begins with a slash") * "/",
    "manufacturer" / Text(Bytes(3), readings.characters) * "three letters of the manufacturer",
    "baud_rate_identification" / Text(Bytes(1), readings.characters) * "5 for P1",
    "identification" / TEXT * "what the meter calls itself",
    "line_end" / IfNext(b"\r\n", Bytes(0)) * "CR LF",
    "empty_line" / IfNext(b"\r\n", Bytes(0)) * "CR LF",
    "lines" / Before(b"!", inner=ToEnd(LINE, "line", "one line of the telegram")) * "the data lines",
    "end" / Expect(U8, (EXCLAMATION,), "the data ends with an exclamation mark") * "!",
    "crc" / IfRoom(Checksum(HexDigits(), crc16_arc, since="slash"), tail=3) * "CRC-16/ARC from / to !, four digits",
    "rest" / IfRoom(Rest) * "CR LF",
)
