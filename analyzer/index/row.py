"""The columns of one frame, by what the grammars read in it: the careful way, and the oracle of the quick one."""

from __future__ import annotations

from analyzer.frame import Frame
from analyzer.index import columns
from analyzer.index.columns import FRAMINGS, NUMBER
from analyzer.message import llc_of
from grammars.apdu import APDU
from grammars.hdlc import GOOD_RESIDUE, crc16_x25
from grammars.kit.spec import find_int, find_raw
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

TITLES = (0, 8)  # octets of a system title in general-glo and general-ded-ciphering; some send none
# Tags of APDUs under a global or dedicated key; GENERAL are those that have a system title in front.
GENERAL = frozenset(
    tag for tag, name in APDU_TAGS.items() if name in ("general-glo-ciphering", "general-ded-ciphering")
)
CIPHERED = GENERAL | {tag for tag, name in APDU_TAGS.items() if name.startswith(("glo-", "ded-"))}
_FRAMING = {framing: number for number, framing in enumerate(FRAMINGS)}


def row_of(frame: Frame, start: int, link: int) -> dict[str, float]:
    """The columns of a frame that begins at an offset of its record, but for `record` and `message`; `link` is the number of
    its addresses."""
    flags = _flags(frame)
    control = tag = security = 0
    counter: int | None = None
    if frame.carries_hdlc or frame.framing == "mbus":
        control = find_int(frame.parsed.nodes, "control") or 0
    begin, end = frame.payload
    llc, at = llc_of(frame, frame.data, begin, end)
    flags |= columns.LLC if llc in ("command", "response") else 0
    if at < end:
        tag = frame.data[at]
        security, counter = _counted(frame.data, at, end, frame.segmented)
        flags |= columns.COUNTED if counter is not None else 0
    row: dict[str, float] = {
        "start": start, "length": len(frame.data), "link": link, "framing": _FRAMING[frame.framing], "control": control,
        "tag": tag, "security": security, "counter": counter or 0, "flags": flags, "side": NUMBER[frame.direction],
    }  # fmt: skip
    if frame.seconds is not None:
        row["time"] = frame.seconds
    return row


def _flags(frame: Frame) -> int:
    """What is said of the frame as such."""
    flags = columns.SEGMENTED if frame.segmented else 0
    flags |= columns.ECHO if frame.echo else 0
    flags |= columns.DAMAGED if frame.damaged else 0
    if frame.issues:
        flags |= columns.ODD
        flags |= columns.STRAY if frame.framing == "none" and frame.issues[0].code == "stray-octets" else 0
    if frame.framing == "hdlc":
        octets = frame.data.removeprefix(b"\x7e").removesuffix(b"\x7e")
        flags |= columns.RIGHT if crc16_x25(octets) == GOOD_RESIDUE else 0
    return flags


def _counted(data: bytes, start: int, end: int, goes_on: bool) -> tuple[int, int | None]:
    """Security control and invocation counter of a ciphered APDU; 0 and None where it is none, or its lengths lie: only of one
    that goes on in other frames, more may be told than is there."""
    if data[start] not in CIPHERED:
        return 0, None
    parsed = parse(APDU, data, start, end)
    control, counter = find_raw(parsed.nodes, "security_control"), find_raw(parsed.nodes, "invocation_counter")
    if control is None or counter is None or parsed.nodes[0][2] != end:
        return 0, None
    title = find_raw(parsed.nodes, "system_title")
    if title is not None and data[title[1]] not in TITLES:
        return 0, None
    before = (i for i in parsed.issues if i.severity == "error" and i.start <= control[1] and i.spec is not control[0])
    if any(not (goes_on and issue.start == control[1] and issue.end == end) for issue in before):
        return 0, None
    return control[3], counter[3]
