"""The frame around an APDU in Simple XML: HDLC, wrapper and M-Bus as Gurux has them, others as comments."""

from __future__ import annotations

from analyzer import hiding
from analyzer.frame import Frame
from analyzer.message import Message
from analyzer.report.simple_xml.apdus import RULES
from analyzer.report.simple_xml.elements import Comment, Element, Item, value
from analyzer.report.simple_xml.walker import Walker
from analyzer.report.values import telegram_values
from grammars import readings
from grammars.kit.primitives import Extended
from grammars.kit.spec import RawNode
from grammars.llc import COMMAND, RESPONSE

EMPTY = {"SNRM": "Snrm", "UA": "Ua", "DISC": "DisconnectRequest", "DM": "DisconnectMode", "FRMR": "UnacceptableFrame"}
PARAMETERS = {
    "max_information_field_length_transmit": "MaxInfoTX",
    "max_information_field_length_receive": "MaxInfoRX",
    "window_size_transmit": "WindowSizeTX",
    "window_size_receive": "WindowSizeRX",
}
SHOWN_ELSEWHERE = frozenset({
    "opening_flag", "closing_flag", "frame_format", "destination_address", "source_address", "control",
    "header_check_sequence", "frame_check_sequence", "information", "version", "source_wport", "destination_wport",
    "length", "apdu", "start", "length_repeated", "start_repeated", "checksum", "stop", "format_identifier",
    "source_sap", "destination_sap", "control_information", "acknowledgement", "address",
})  # fmt: skip
TAILS = {"wrapper": 0, "hdlc": 3}  # octets that the length of Gurux leaves out: check sequence and flag


def frame_items(message: Message) -> list[Item]:
    """The frames of a message, the last with the APDU that they make together."""
    made: list[Item] = []
    for number, frame in enumerate(message.frames, 1):
        last = number == len(message.frames)
        made += _frame(message, frame, _pdu(message) if last else _part(frame), last)
    return made


def _frame(message: Message, frame: Frame, content: list[Item], last: bool) -> list[Item]:
    issues: list[Item] = [Comment(issue.text) for issue in frame.issues]
    issues += [Comment(i.text) for i in frame.parsed.issues if i.severity == "error"]
    issues += _spare(frame)
    if frame.framing == "hdlc":
        return [_hdlc(frame, content, issues, last and message.layer is not None)]
    if frame.framing == "wrapper":
        return [_around(frame, "WRAPPER", "destination_wport", "source_wport", [*issues, *content])]
    if frame.framing == "mbus":
        kind: list[Item] = [Comment(f"M-Bus {frame.kind or 'frame'} {frame.data.hex().upper()}")]
        return [_around(frame, "WiredMBus", "destination_sap", "source_sap", [*kind, *issues, *content])]
    if frame.framing == "none" and message.layer is not None:
        return [*issues, *content]
    return [*issues, *_octets(frame), *content]


def _octets(frame: Frame) -> list[Item]:
    """A frame that Simple XML has nothing for: its octets, and what a text telegram says."""
    made: list[Item] = [Comment(f"{frame.framing} {frame.kind or 'octets'} {frame.data.hex().upper()}")]
    if frame.framing == "p1":
        for found in telegram_values(frame.parsed.nodes):
            made.append(Comment(" ".join(filter(None, (f"{found['obis']}={found['value']}", found["unit"])))))
    elif frame.framing == "iec62056-21":
        text = readings.characters(frame.data)
        made.append(Comment(hiding.said(text) if frame.field("content") is not None else text))
    return made


def _hdlc(frame: Frame, content: list[Item], issues: list[Item], carries: bool) -> Element:
    control = frame.field("control")
    information = frame.field("information")
    items: list[Item] = [*_addresses(frame, "destination_address", "source_address")]
    items += [Comment(f"{frame.kind} frame")] if frame.kind else []
    items += [value("FrameType", f"{frame.data[control[1]]:02X}")] if control is not None else []
    items += issues
    tag = EMPTY.get(frame.kind or "")
    if tag is not None:
        parameters = _parameters(information, frame.data) if information is not None else []
        element = Element(tag, (), tuple(parameters))
        items += [Element("PDU", (), (element,))] if parameters else [element]
    elif content or carries:
        items += content
    elif frame.kind in ("RR", "RNR"):
        items.append(value("Command", "NextFrame"))
    elif information is not None:
        items.append(Comment(f"information {frame.data[information[1] : information[2]].hex().upper()}"))
    size = len(frame.data) - (TAILS["hdlc"] if information is not None else 0)
    return Element("HDLC", (("len", f"{size:X}"),), tuple(items))


def _around(frame: Frame, tag: str, target: str, source: str, items: list[Item]) -> Element:
    return Element(tag, (("len", f"{len(frame.data):X}"),), (*_addresses(frame, target, source), *items))


def _addresses(frame: Frame, target: str, source: str) -> list[Item]:
    made: list[Item] = []
    for tag, name in (("TargetAddress", target), ("SourceAddress", source)):
        node = frame.field(name)
        number = node[3].number if node and isinstance(node[3], Extended) else node[3] if node else None
        if not isinstance(number, int):
            continue
        if node is not None and isinstance(node[3], Extended) and node[3].octets > 1:
            bits = 14 if node[3].octets == 4 else 7
            made.append(Comment(f"Logical address:{number >> bits}, Physical address:{number & (1 << bits) - 1}"))
        made.append(value(tag, f"{number:X}"))
    return made


def _parameters(information: RawNode, data: bytes) -> list[Item]:
    """The parameters of SNRM or UA, which count in decimal, in the order in which they stand."""
    made: list[Item] = []

    def walk(nodes: list[RawNode]) -> None:
        for node in nodes:
            spec, start, end, found = node
            if spec.name in PARAMETERS and isinstance(found, int):
                made.append(value(PARAMETERS[spec.name], str(found)))
            elif isinstance(found, list):
                walk(found)
            elif spec.name != "format_identifier" or data[start:end] != b"\x81":
                made.append(Comment(f"{spec.name} {data[start:end].hex().upper()}"))

    walk(information[3] if isinstance(information[3], list) else [information])
    return made


def _spare(frame: Frame) -> list[Item]:
    """Octets of a frame that stand in no field which the elements show."""
    made: list[Item] = []

    def walk(nodes: list[RawNode]) -> None:
        for spec, start, end, found in nodes:
            if spec.name in SHOWN_ELSEWHERE:
                continue
            if isinstance(found, list):
                walk(found)
            elif end > start and frame.framing in ("hdlc", "wrapper"):
                made.append(Comment(f"{spec.name} {frame.data[start:end].hex().upper()}"))

    walk(frame.parsed.nodes)
    return made


def _part(frame: Frame) -> list[Item]:
    """A segment of an APDU that goes on in the next frame."""
    start, end = frame.payload
    octets = frame.data[start:end]
    octets = octets[3:] if octets[:3] in (COMMAND, RESPONSE) else octets
    return [value("NextFrame", octets.hex().upper())] if octets else []


def _pdu(message: Message) -> list[Item]:
    """The LLC header where it is not as it should be, and the APDU."""
    buffer, start, end = message.payload
    octets = message.octets(buffer)
    layer = message.layer
    if layer is None:
        return [Comment(f"undecoded {octets[start:end].hex().upper()}")] if end > start else []
    made: list[Item] = []
    header = octets[start : layer.start]
    if header not in (b"", COMMAND, RESPONSE):
        made.append(Comment(f"llc {header.hex().upper()}"))
    if message.llc == "missing":
        made.append(Comment("LLC header is missing"))
    apdu = tuple(Walker(message, layer, RULES).apdu())
    if message.complete:
        return [*made, Element("PDU", (), apdu)]
    return [*made, *_part(message.frames[-1]), Comment("The APDU is not complete in this trace", apdu)]
