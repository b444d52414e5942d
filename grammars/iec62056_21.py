"""IEC 62056-21: sign-on, identification, option select, and blocks of data with their check character.

/? address ! CR LF                        the client calls
/ XXX Z [\\ W] identification CR LF      the meter answers; Z is the speed it offers, \\2 that it knows HDLC
06 V Z Y CR LF                            the client chooses: V 2 and Y 2 hand over to HDLC (mode E)
02 data 03 BCC                            data, its check the XOR of everything behind 02
01 command 03 BCC                         programming mode
"""

from functools import reduce
from operator import xor

from grammars import readings
from grammars.kit import (
    U8,
    Before,
    Bytes,
    Checksum,
    Expect,
    IfNext,
    IfRoom,
    Rest,
    Struct,
    Symbols,
    Text,
)

ACK, NAK, SOH, STX, ETX, EOT = 0x06, 0x15, 0x01, 0x02, 0x03, 0x04
SPEEDS = {
    ord(c): (str(n), f"{n} baud") for c, n in zip("0123456", (300, 600, 1200, 2400, 4800, 9600, 19200), strict=True)
}
PROTOCOLS = {0x30: ("normal", "normal protocol"), 0x31: ("secondary", "secondary protocol"), 0x32: ("hdlc", "HDLC")}
MODES = {
    0x30: ("read-out", "data read-out (mode C)"),
    0x31: ("programming", "programming mode"),
    0x32: ("binary", "binary mode, HDLC (mode E)"),
}
CHARACTERS = Text(Before(b"\r\n"), readings.characters)
LINE_END = IfNext(b"\r\n", Bytes(0))


def block_check(octets: bytes) -> int:
    """The XOR of all octets."""
    return reduce(xor, octets, 0)


SIGN_ON = Struct(
    "start" / Bytes(2) * "/?",
    "device_address" / Text(Before(b"!", b"\r\n"), readings.characters) * "which meter; empty for any",
    "end" / IfNext(b"!", Bytes(0)) * "!",
    "line_end" / LINE_END * "CR LF",
    "rest" / IfRoom(Rest) * "octets behind it",
)
IDENTIFICATION = Struct(
    "slash" / Bytes(1) * "/",
    "manufacturer" / Text(Bytes(3), readings.characters) * "three letters of the manufacturer",
    "baud_rate_identification" / Symbols(U8, SPEEDS) * "the speed that the meter offers",
    "enhanced_capability" / IfNext(b"\\", Text(Bytes(1), readings.characters)) * "2: HDLC is available (mode E)",
    "identification" / CHARACTERS * "what the meter calls itself",
    "line_end" / LINE_END * "CR LF",
    "rest" / IfRoom(Rest) * "octets behind it",
)
OPTION_SELECT = Struct(
    "acknowledgement" / Expect(U8, (ACK,), "06") * "06",
    "protocol" / Symbols(U8, PROTOCOLS) * "V, which protocol",
    "baud_rate_identification" / Symbols(U8, SPEEDS) * "Z, the speed from now on",
    "mode" / Symbols(U8, MODES) * "Y, what follows",
    "line_end" / LINE_END * "CR LF",
    "rest" / IfRoom(Rest) * "octets behind it",
)
DATA_BLOCK = Struct(
    "start" / Expect(U8, (STX, SOH), "02 begins data, 01 a command") * "02 data, 01 command",
    "content" / Text(Before(b"\x03", b"\x04"), readings.characters) * "data or command",
    "end" / Expect(U8, (ETX, EOT), "03 ends the block, 04 says that more follow") * "03 end, 04 more follow",
    "block_check_character" / IfRoom(Checksum(U8, block_check, since="content")) * "XOR of all behind the start",
)
SINGLE = Struct(
    "character"
    / Symbols(U8, {ACK: ("ACK", "accepted"), NAK: ("NAK", "not accepted"), EOT: ("EOT", "end")})
    * "one control character",
)
