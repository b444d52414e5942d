"""The grammar that reads a frame of each framing, and what the frame is called."""

from __future__ import annotations

from collections.abc import Callable

from grammars import iec62056_21, mbus, p1, plc
from grammars.hdlc import FLAG, FRAME, FRAME_WITHOUT_FLAGS
from grammars.kit.spec import find_int, find_raw
from grammars.parse import Parsed, nothing, parse
from grammars.wrapper import WRAPPER


def read_frame(framing: str, octets: bytes) -> tuple[Parsed, str | None]:
    """What the grammar of a framing reads in a frame, and its kind: I, SNRM, telegram ...; nothing for no framing."""
    return _READERS.get(framing, _none)(octets)


def _none(octets: bytes) -> tuple[Parsed, str | None]:
    return nothing(), None


def _hdlc(octets: bytes) -> tuple[Parsed, str | None]:
    parsed = parse(FRAME if octets[0] == FLAG else FRAME_WITHOUT_FLAGS, octets)
    return parsed, _symbol(parsed)


def _wrapper(octets: bytes) -> tuple[Parsed, str | None]:
    return parse(WRAPPER, octets), None


def _p1(octets: bytes) -> tuple[Parsed, str | None]:
    return parse(p1.TELEGRAM, octets), "telegram"


def _mbus(octets: bytes) -> tuple[Parsed, str | None]:
    grammar = {mbus.LONG_START: mbus.LONG_FRAME, mbus.SHORT_START: mbus.SHORT_FRAME}
    parsed = parse(grammar.get(octets[0], mbus.SINGLE_CHARACTER), octets)
    return parsed, _symbol(parsed) if octets[0] != mbus.SINGLE else "ACK"


def _plc(octets: bytes) -> tuple[Parsed, str | None]:
    if octets[0] == plc.STX:
        return parse(plc.HOST_FRAME, octets), None
    if octets[plc.LINE_HEADER] == FLAG:
        parsed = parse(plc.LINE_FRAME_HDLC, octets)
        return parsed, _symbol(parsed)
    return parse(plc.LINE_FRAME, octets), None


def _prime(octets: bytes) -> tuple[Parsed, str | None]:
    return parse(plc.LLC_FRAME, octets), None


def _symbol(parsed: Parsed) -> str | None:
    """The name of the control field."""
    control = find_raw(parsed.nodes, "control")
    if control is None or not isinstance(control[3], int):
        return None
    return (control[0].symbols or {}).get(control[3], (None, ""))[0]


def _iec62056_21(octets: bytes) -> tuple[Parsed, str | None]:
    first = octets[:1]
    if octets[:2] == b"/?":
        return parse(iec62056_21.SIGN_ON, octets), "sign-on"
    if first == b"/":
        return parse(iec62056_21.IDENTIFICATION, octets), "identification"
    if len(octets) == 1:
        parsed = parse(iec62056_21.SINGLE, octets)
        value = find_int(parsed.nodes, "character")
        return parsed, {iec62056_21.ACK: "ACK", iec62056_21.NAK: "NAK"}.get(value or 0, "EOT")
    if octets[0] == iec62056_21.ACK:
        return parse(iec62056_21.OPTION_SELECT, octets), "option-select"
    return parse(iec62056_21.DATA_BLOCK, octets), "data" if octets[0] == iec62056_21.STX else "command"


_READERS: dict[str, Callable[[bytes], tuple[Parsed, str | None]]] = {
    "hdlc": _hdlc,
    "wrapper": _wrapper,
    "mbus": _mbus,
    "iec62056-21": _iec62056_21,
    "p1": _p1,
    "plc": _plc,
    "prime": _prime,
}
