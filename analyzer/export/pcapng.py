"""A trace as a capture that Wireshark opens: DLT_USER0 for a line (DLT_USER1 for a second one, and so on), a made TCP
connection for the wrapper.

What was opened, and what the diagnosis found, stands in the comments of the packets. Where nobody captured times, a comment
of the interface says so; readers that do not know it show the first seconds of 1970. (Simple Packet Blocks have no time, but
no comments and no direction either.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analyzer import hiding
from analyzer.capture_file import ETHERNET, NO_TIMES, USER0, ByteStream, CaptureFile
from analyzer.export.bundle import Bundle, Piece, pieces_of, times_of
from analyzer.message import Message
from analyzer.model import Finding
from analyzer.report.summary import summary
from analyzer.tcp_packets import Connection

WRAPPER_PORT = 4059  # registered for DLMS/COSEM
LINE_PORT = 4001  # where serial device servers usually listen
FIRST_CLIENT_PORT, CLIENT_PORTS = 49152, 16384
CLIENT_ADDRESS, METER_ADDRESS = "192.0.2.1", "192.0.2.2"  # TEST-NET-1 of RFC 5737
USERS = 16  # DLT_USER0 to DLT_USER15
LONGEST_COMMENT = 4000  # characters of one sentence or dump


def write(stream: ByteStream, bundles: Sequence[Bundle], application: str) -> None:
    """Writes all traces as one capture, an interface each."""
    capture = CaptureFile(stream, application)
    places = []
    for number, bundle in enumerate(bundles):
        link = _link_type(bundle)
        link += number % USERS if link == USER0 else 0  # so that also readers that know no interfaces keep traces apart
        name, source = bundle.text(bundle.trace.name), bundle.text(bundle.trace.source)
        timed = any(record.seconds is not None for record in bundle.trace)
        places.append(capture.interface(link, name, source, "" if timed else NO_TIMES))
    last = 0
    for number, (bundle, interface) in enumerate(zip(bundles, places, strict=True)):
        pieces = pieces_of(bundle)
        comments = comments_of(bundle, pieces)
        times = times_of(pieces, last)
        last = times[-1] if times else last
        if _link_type(bundle) == ETHERNET:
            _as_tcp(capture, interface, bundle, pieces, times, comments, number)
        else:
            for piece, when, said in zip(pieces, times, comments, strict=True):
                capture.packet(interface, when, piece.data, piece.direction, said)


def _link_type(bundle: Bundle) -> int:
    over_tcp = any(record.carrier == "tcp" for record in bundle.trace)
    return ETHERNET if over_tcp or _wrapped(bundle) else USER0


def _wrapped(bundle: Bundle) -> bool:
    return any(frame.framing == "wrapper" for message in bundle.messages for frame in message.frames)


def _as_tcp(
    capture: CaptureFile,
    interface: int,
    bundle: Bundle,
    pieces: Sequence[Piece],
    times: Sequence[int],
    comments: Sequence[list[str]],
    number: int,
) -> None:
    port = WRAPPER_PORT if _wrapped(bundle) else LINE_PORT
    client = (CLIENT_ADDRESS, FIRST_CLIENT_PORT + number % CLIENT_PORTS)
    connection = Connection(client, (METER_ADDRESS, port))
    for packet in connection.opened():
        capture.packet(interface, times[0] if times else 0, packet)
    for piece, when, said in zip(pieces, times, comments, strict=True):
        end: Literal["client", "meter"] = "meter" if piece.direction == "meter" else "client"
        for packet in connection.sent(end, piece.data):
            capture.packet(interface, when, packet, comments=said)
            said = []
    last = times[-1] if times else 0
    for packet in (*connection.closed("client"), *connection.closed("meter")):
        capture.packet(interface, last, packet)


def comments_of(bundle: Bundle, pieces: Sequence[Piece]) -> list[list[str]]:
    """The comments of each piece: what its messages are, what was opened in them, what is wrong with them."""
    about: dict[int | None, list[Finding]] = {}
    for finding in bundle.findings:
        about.setdefault(finding.message, []).append(finding)
    made: list[list[str]] = []
    for piece in pieces:
        said: list[str] = []
        for number in piece.messages:
            said += _of_message(bundle.messages[number - 1])
            said += [_of_finding(finding) for finding in about.pop(number, ())]
        made.append([bundle.text(text) for text in said])
    rest = [bundle.text(_of_finding(finding)) for findings in about.values() for finding in findings]
    if rest and made:
        made[0] = rest + made[0]
    return made


def _of_message(message: Message) -> list[str]:
    said = [f"message {message.number}: {summary(message)}"]
    for buffer in message.buffers:
        if buffer.how == "decrypted":
            verdict = message.security.verdict if message.security is not None else "unknown"
            octets = hiding.octets(message, buffer.data, " ")
            said.append(_short(f"message {message.number}, decrypted ({verdict}): {octets}"))
    return said


def _of_finding(finding: Finding) -> str:
    where = f"message {finding.message}: " if finding.message is not None else ""
    said = f"{where}{finding.severity}, {finding.certainty}: {finding.code}: {finding.title}"
    return _short("\n".join([said, *(f"- {text}" for text in finding.evidence), f"Fix: {finding.fix}"]))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_COMMENT else text[: LONGEST_COMMENT - 4] + " ..."
