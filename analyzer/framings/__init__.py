"""The framings: for each first octet that begins a frame, what delimits it. One file a framing."""

from __future__ import annotations

import re
from collections.abc import Callable

from analyzer.framings import apdu, hdlc, iec62056_21, mbus, plc, wrapper
from analyzer.framings.cut import WAIT, Cut, Found, stray
from analyzer.framings.whole import is_apdu
from grammars.plc import LLC_CONTROL, SUBFRAMES

Delimiter = Callable[[bytes, int, bool], Found]

# In the order in which they are asked.
DELIMITERS: dict[int, tuple[Delimiter, ...]] = {
    0x7E: (hdlc.hdlc_at,),
    0x00: (wrapper.wrapper_at, wrapper.nearly_wrapper_at),
    0x68: (mbus.long_at,),
    0x10: (mbus.short_at,),
    0xE5: (mbus.single_at,),
    0x2F: (iec62056_21.slash_at,),
    0x06: (iec62056_21.acknowledgement_at,),
    0x15: (iec62056_21.acknowledgement_at,),
    0x01: (iec62056_21.block_at, wrapper.nearly_wrapper_at),
    0x02: (plc.host_at, iec62056_21.block_at, wrapper.nearly_wrapper_at),
    0xDB: (apdu.general_at,),
    0xDC: (apdu.general_at,),
    **dict.fromkeys(range(0xA0, 0xB0), (hdlc.without_flags_at,)),
    **dict.fromkeys((number >> 8 for number in SUBFRAMES), (plc.line_at,)),
}
# Where a frame may begin behind octets that are none: places worth asking.
BEGINNING = re.compile(
    rb"\x7e[\xa0-\xaf\x7e]|\x7e\Z|\x00\x01|\x68(?:(.)\1\x68|.?\Z)|/(?:\?|[A-Za-z]{3}|.{0,2}\Z)|[\xdb\xdc][\x00\x08]"
    rb"|\x02.\x50|\x6c\x6c|\x3a\x3a|\x56\x56|\x71\x71|\x1d\x1d|\x4b\x4b|\x27\x27",
    re.DOTALL,
)


def next_cut(data: bytes, at: int, final: bool, after_frame: bool = True) -> Cut | None:
    """The frame or the stray octets at `at`; None when more octets are needed to tell, which `final` denies.

    `after_frame` says that a frame ended here, or that the octets begin here: only then is an APDU without framing
    looked for, and a wrapper believed that is not whole.
    """
    found = _frame_at(data, at, final, after_frame)
    if found is None and after_frame:
        found = _bare_at(data, at, final)
    if found is WAIT:
        if not final:
            return None
    elif isinstance(found, Cut):
        return found
    end = at + 1
    while (place := BEGINNING.search(data, end)) is not None:
        end = place.start()
        if data[end] == 0x7E or _frame_at(data, end, final, False) is not None:
            return stray(at, end)
        end += 1
    return stray(at, len(data))


def _frame_at(data: bytes, at: int, final: bool, after_frame: bool) -> Found:
    for delimiter in DELIMITERS.get(data[at], ()):
        found = delimiter(data, at, final)
        if found is None or (not after_frame and isinstance(found, Cut) and not _believed(data, found)):
            continue
        return found
    return None


def _bare_at(data: bytes, at: int, final: bool) -> Found:
    """An APDU without framing, or with the LLC header of 4-32 alone."""
    return plc.llc_at(data, at, final) if data[at] == LLC_CONTROL else apdu.apdu_at(data, at, final)


def _believed(data: bytes, cut: Cut) -> bool:
    """Whether what stands behind stray octets is a frame: 00 01 stands in many values, and E5 is one octet."""
    if cut.framing != "wrapper":
        return not mbus.is_single(cut)
    return not cut.issues and is_apdu(data, cut.start + wrapper.WRAPPER_HEADER, cut.end)
