"""A trace as a capture that Wireshark opens: DLT_USER0 for a line (DLT_USER1 for a second one, and so on), a made TCP
connection for the wrapper.

What was opened, and what the diagnosis found, stands in the comments of the packets. Where nobody captured times, a comment
of the interface says so; readers that do not know it show the first seconds of 1970. (Simple Packet Blocks have no time, but
no comments and no direction either.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from analyzer import hiding
from analyzer.capture_file import ETHERNET, NO_TIMES, USER0, ByteStream, CaptureFile
from analyzer.export.bundle import Bundle
from analyzer.export.pieces import Piece, pieces_of
from analyzer.export.stretches import Stretch, stretches_of
from analyzer.export.times import Clock
from analyzer.framing import pieces_of as cut_out
from analyzer.message import Message
from analyzer.model import Finding, Trace
from analyzer.report.summary import summary
from analyzer.tcp_packets import Connection

WRAPPER_PORT = 4059  # registered for DLMS/COSEM
LINE_PORT = 4001  # where serial device servers usually listen
FIRST_CLIENT_PORT, CLIENT_PORTS = 49152, 16384
CLIENT_ADDRESS, METER_ADDRESS = "192.0.2.1", "192.0.2.2"  # TEST-NET-1 of RFC 5737
USERS = 16  # DLT_USER0 to DLT_USER15
LONGEST_COMMENT = 4000  # characters of one sentence or dump
LOOKED_AT = 20_000  # frames of a trace in which the wrapper shows


def write(
    stream: ByteStream,
    traces: Sequence[Trace],
    bundles: Iterable[Bundle],
    application: str,
    mask: Callable[[str], str] = str,
) -> None:
    """Writes all traces as one capture, an interface each. `bundles` are those of the traces, in this order; `mask` covers
    what is secret in their names."""
    capture = CaptureFile(stream, application)
    places = []
    for number, trace in enumerate(traces):
        wrapped = _wrapped(trace)
        link = ETHERNET if wrapped or any(record.carrier == "tcp" for record in trace) else USER0
        link += number % USERS if link == USER0 else 0  # so that also readers that know no interfaces keep traces apart
        untimed = "" if any(record.seconds is not None for record in trace) else NO_TIMES
        places.append((capture.interface(link, mask(trace.name), mask(trace.source), untimed), link, wrapped))
    last = 0
    for number, (bundle, (interface, link, wrapped)) in enumerate(zip(bundles, places, strict=True)):
        clock = Clock(bundle.trace, last)
        timed = _timed(chain.from_iterable(map(_said, stretches_of(bundle))), clock)
        if link == ETHERNET:
            client = (CLIENT_ADDRESS, FIRST_CLIENT_PORT + number % CLIENT_PORTS)
            meter = (METER_ADDRESS, WRAPPER_PORT if wrapped else LINE_PORT)
            _as_tcp(capture, interface, Connection(client, meter), timed)
        else:
            for piece, when, comments in timed:
                capture.packet(interface, when, piece.data, piece.direction, comments)
        last = clock.last


def _wrapped(trace: Trace) -> bool:
    """Whether the wrapper is in a trace."""
    return any(piece.framing == "wrapper" for piece in islice(cut_out(trace), LOOKED_AT))


def _timed(said: Iterable[tuple[Piece, list[str]]], clock: Clock) -> Iterator[tuple[Piece, int, list[str]]]:
    """The pieces with their times and comments."""
    for piece, comments in said:
        yield piece, clock.time(piece.time, piece.seconds), comments


def _said(stretch: Stretch) -> Iterator[tuple[Piece, list[str]]]:
    """The pieces of a stretch, each with its comments."""
    pieces = pieces_of(stretch)
    return zip(pieces, comments_of(stretch, pieces), strict=True)


def _as_tcp(
    capture: CaptureFile, interface: int, connection: Connection, timed: Iterator[tuple[Piece, int, list[str]]]
) -> None:
    first = next(timed, None)
    when = first[1] if first is not None else 0
    for packet in connection.opened():
        capture.packet(interface, when, packet)
    for piece, when, comments in chain((first,) if first is not None else (), timed):
        end: Literal["client", "meter"] = "meter" if piece.direction == "meter" else "client"
        for packet in connection.sent(end, piece.data):
            capture.packet(interface, when, packet, comments=comments)
            comments = []
    for packet in (*connection.closed("client"), *connection.closed("meter")):
        capture.packet(interface, when, packet)


def comments_of(stretch: Stretch, pieces: Sequence[Piece]) -> list[list[str]]:
    """The comments of each piece: what its messages are, what was opened in them, what is wrong with them."""
    about: dict[int | None, list[Finding]] = {}
    for finding in stretch.findings:
        about.setdefault(finding.message, []).append(finding)
    messages = {message.number: message for message in stretch.messages}
    made: list[list[str]] = []
    for piece in pieces:
        said: list[str] = []
        for number in piece.messages:
            said += _of_message(messages[number])
            said += [_of_finding(finding) for finding in about.pop(number, ())]
        made.append([stretch.text(text) for text in said])
    rest = [stretch.text(_of_finding(finding)) for findings in about.values() for finding in findings]
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
