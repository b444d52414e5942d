"""HDLC frame type 3 of IEC 62056-46 (ISO/IEC 13239): one frame with its flags.

    7E | format | destination | source | control | [HCS | information] | FCS | 7E

There is no octet stuffing. The length counts the octets between the flags. Without information field there is no HCS.
"""

import fastcrc

from grammars.kit import (
    U8,
    U16_LITTLE,
    BitGroup,
    Case,
    Checksum,
    Choice,
    Expect,
    ExtendedAddress,
    Hole,
    IfRoom,
    IntegerToEnd,
    Lengthed,
    OctetLength,
    Rest,
    Struct,
    Switch,
    TaggedSet,
    ToEnd,
    UpTo,
    Variants,
    section,
    this,
)

FLAG = 0x7E
GOOD_RESIDUE = 0x0F47  # CRC-16/X.25 over octets with their right check sequence behind them
crc16_x25 = fastcrc.crc16.ibm_sdlc


def right_end(octets: bytes | bytearray, at: int, limit: int) -> int | None:
    """Where the frame ends that the flag at `at` opens: behind the flag that closes it where its length says, no later than
    `limit`, with a check sequence that holds. None where there is no such frame."""
    if at + 2 >= limit or octets[at + 1] & 0xF0 != 0xA0:
        return None
    closing = at + 1 + ((octets[at + 1] & 7) << 8 | octets[at + 2])
    right = closing < limit and octets[closing] == FLAG and crc16_x25(bytes(octets[at + 1 : closing])) == GOOD_RESIDUE
    return closing + 1 if right else None


POLL = ("poll_final", 1, "P in a command, F in a response")
SEND = ("send_sequence_number", 3, "N(S), the number of this frame modulo 8")
RECEIVE = ("receive_sequence_number", 3, "N(R), the number of the frame expected next")


def _unnumbered(high: int, low: int) -> tuple:
    return (("modifier", 3, f"{high:03b}"), POLL, ("type", 4, f"{low:04b}, unnumbered"))


CONTROL = Variants(
    (0x01, 0x00, "I", "information", (RECEIVE, POLL, SEND, ("type", 1, "0, information"))),
    (0x0F, 0x01, "RR", "receive ready", (RECEIVE, POLL, ("type", 4, "0001, receive ready"))),
    (0x0F, 0x05, "RNR", "receive not ready", (RECEIVE, POLL, ("type", 4, "0101, receive not ready"))),
    (0xEF, 0x83, "SNRM", "set normal response mode", _unnumbered(0b100, 0b0011)),
    (0xEF, 0x43, "DISC", "disconnect", _unnumbered(0b010, 0b0011)),
    (0xEF, 0x63, "UA", "unnumbered acknowledgement", _unnumbered(0b011, 0b0011)),
    (0xEF, 0x0F, "DM", "disconnected mode", _unnumbered(0b000, 0b1111)),
    (0xEF, 0x87, "FRMR", "frame reject", _unnumbered(0b100, 0b0111)),
    (0xEF, 0x03, "UI", "unnumbered information", _unnumbered(0b000, 0b0011)),
)

PARAMETERS = TaggedSet(
    {
        0x05: Case(
            "max_information_field_length_transmit", IntegerToEnd(), "longest field its sender transmits, octets"
        ),
        0x06: Case("max_information_field_length_receive", IntegerToEnd(), "longest field its sender receives, octets"),
        0x07: Case("window_size_transmit", IntegerToEnd(), "frames its sender transmits before it waits"),
        0x08: Case("window_size_receive", IntegerToEnd(), "frames its sender receives before it answers"),
    },
    unknown="unknown_parameter",
    length=OctetLength(),
)

NEGOTIATION = Struct(
    "format_identifier" / Expect(U8, (0x81,), "the format identifier is 81") * "general format, 81",
    "groups"
    / ToEnd(
        Choice(
            "group",
            {
                0x80: Case("hdlc_parameters", Lengthed(PARAMETERS, OctetLength(), lenient="info"), "negotiation"),
                0xF0: Case("user_defined", Lengthed(Rest, OctetLength(), lenient="info"), "user defined group"),
            },
            default=Case("unknown_group", Rest, "a group that the standard does not define"),
        )
    )
    * "parameter groups",
)

FRAME_REJECT = Struct(
    "rejected_control_field" / CONTROL * "the control field of the frame that was rejected",
    "sequence_state"
    / BitGroup(
        1,
        ("receive_state", 3, "V(R), the number expected next"),
        ("command_response", 1, "1: the rejected frame was a response"),
        ("send_state", 3, "V(S), the number to be sent next"),
        ("zero", 1, "always 0"),
    )
    * "the state of the side that rejects (ISO/IEC 13239)",
    "reason"
    / BitGroup(
        1,
        ("reserved", 3, "always 0"),
        ("invalid_send_sequence_number", 1, "v: N(S) is invalid"),
        ("invalid_receive_sequence_number", 1, "z: N(R) is invalid"),
        ("information_too_long", 1, "y: the information field is too long"),
        ("information_not_permitted", 1, "x: an information field where none is permitted"),
        ("control_undefined", 1, "w: the control field is undefined"),
    )
    * "why, least significant bit first as in ISO/IEC 13239; some stacks send the bits reversed",
)

INFORMATION = Switch(
    this.control & 0xEF,
    {0x83: NEGOTIATION, 0x63: NEGOTIATION, 0x87: FRAME_REJECT},
    default=Hole("llc", Rest),
)

_BETWEEN_FLAGS = (
    "frame_format"
    / BitGroup(
        2,
        ("frame_type", 4, "1010, frame type 3", {0b1010: ("type-3", "frame format type 3")}),
        ("segmentation", 1, "1: more segments follow"),
        ("length", 11, "octets between the flags"),
        length="length",
        since="frame_format",
        until="frame_check_sequence",
    )
    * "frame format type 3, with the length",
    *section(
        "destination_address" / Hole("address", ExtendedAddress()) * "who the frame is for: 1, 2 or 4 octets",
        "source_address" / Hole("address", ExtendedAddress()) * "who sent it: 1, 2 or 4 octets",
        "control" / CONTROL * "control field",
        "header_check_sequence"
        / IfRoom(Checksum(U16_LITTLE, crc16_x25, since="frame_format"), tail=2)
        * "HCS, CRC-16/X.25 over format to control; absent without information field",
        "information" / IfRoom(UpTo(INFORMATION, tail=2), tail=2) * "information field",
        "frame_check_sequence"
        / Checksum(U16_LITTLE, crc16_x25, since="frame_format")
        * "FCS, CRC-16/X.25 over format to information",
        length=this.frame_format.length,
        told_by="frame_format",
        since="frame_format",
    ),
)

FRAME = Struct(
    "opening_flag" / Expect(U8, (FLAG,), "a frame begins with the flag 7E") * "flag, 7E",
    *_BETWEEN_FLAGS,
    "closing_flag" / Expect(U8, (FLAG,), "a frame ends with the flag 7E") * "flag, 7E",
)

# Logs that somebody cut out of a library's trace often come without the flags.
FRAME_WITHOUT_FLAGS = Struct(*_BETWEEN_FLAGS)
