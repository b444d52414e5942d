"""S-FSK power line (IEC 61334-5-1) and the LLC header of IEC 61334-4-32 that S-FSK and PRIME put before an APDU.

Three forms are met in captures:

    NN NN | credit | SA DA | pad | MSDU | padding | FCS        what goes over the line: 36 octets, once to seven times
    02 | length | 50 | credit | SA DA | pad | MSDU | padding | FCS      between a modem and its host
    90 | DSAP | SSAP | APDU                                    the LLC alone: PRIME, or a modem that cuts the rest off

The MSDU is an LLC header and an APDU, or an HDLC frame. Provisional: the forms go back to one public implementation.
No source of the 24-bit check over the line form could be confirmed, so it is kept and not judged.
"""

from grammars.hdlc import FRAME, crc16_x25
from grammars.kit import (
    U8,
    U16,
    U16_LITTLE,
    BitGroup,
    Bytes,
    Checksum,
    Expect,
    Hole,
    LengthOf,
    Remaining,
    Rest,
    Struct,
    Symbols,
    UpTo,
    this,
)

SUBFRAME = 36  # octets
SUBFRAMES = {
    0x6C6C: ("1", "one subframe of 36 octets"),
    0x3A3A: ("2", "two subframes"),
    0x5656: ("3", "three subframes"),
    0x7171: ("4", "four subframes"),
    0x1D1D: ("5", "five subframes"),
    0x4B4B: ("6", "six subframes"),
    0x2727: ("7", "seven subframes"),
}
STX, HOST_COMMAND, LLC_CONTROL = 0x02, 0x50, 0x90
LINE_HEADER, HOST_HEADER = 7, 8  # octets before the MSDU
LINE_CHECK, HOST_CHECK = 3, 2  # octets of the check sequence
INITIATOR, NEW_STATION = 0xC00, 0xFFE

CREDIT = BitGroup(
    1,
    ("initial_credit", 3, "how often the frame may be repeated"),
    ("current_credit", 3, "repetitions that are left"),
    ("delta_credit", 2, "credit of the answer"),
)
MAC_ADDRESSES = BitGroup(
    3,
    ("source_address", 12, "C00 or C01 is the initiator, FFE a new station"),
    ("destination_address", 12, "FFF: to all"),
)
LLC_432 = (
    "llc_control" / Expect(U8, (LLC_CONTROL,), "the LLC control is 90") * "90, DL-Data.request",
    "destination_lsap" / Hole("address", U8) * "DSAP, the receiver",
    "source_lsap" / Hole("address", U8) * "SSAP, the sender",
)


def _apdu(check: int) -> object:
    return "apdu" / Hole("llc", Remaining(this.pad_length + check)) * "the APDU"


_ADDRESSES = (
    "credit" / CREDIT * "repetitions over the line",
    "mac_addresses" / MAC_ADDRESSES * "source and destination, 12 bits each",
    "pad_length" / U8 * "octets of padding",
)
_PADDING = "padding" / Bytes(this.pad_length) * "fills the last subframe"
_LINE = ("number_of_subframes" / Symbols(U16, SUBFRAMES) * "NN, how many subframes", *_ADDRESSES)
_LINE_END = (_PADDING, "frame_check_sequence" / Bytes(LINE_CHECK) * "24 bits, not judged")

LINE_FRAME = Struct(*_LINE, *LLC_432, _apdu(LINE_CHECK), *_LINE_END)
LINE_FRAME_HDLC = Struct(*_LINE, "hdlc" / UpTo(FRAME, this.pad_length + LINE_CHECK) * "an HDLC frame", *_LINE_END)
HOST_FRAME = Struct(
    "start" / Expect(U8, (STX,), "a frame begins with 02") * "02",
    "length" / LengthOf(U8, since="command", until="apdu", plus=HOST_CHECK) * "octets behind it, without the padding",
    "command" / Expect(U8, (HOST_COMMAND,), "the command is 50") * "50, data",
    *_ADDRESSES,
    *LLC_432,
    _apdu(HOST_CHECK),
    _PADDING,
    "frame_check_sequence" / Checksum(U16_LITTLE, crc16_x25, since="start") * "CRC-16/X.25 over all before it",
)
LLC_FRAME = Struct(*LLC_432, "apdu" / Hole("llc", Rest) * "the APDU")
