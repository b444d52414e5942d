"""Who is called, and whether anybody answers. Silence proves nothing: what follows from it is likely at most."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from analyzer.diagnosis.case import Case, Exchange, hexed, names, side_of
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.diagnosis.rules.frames import varied
from analyzer.diagnosis.rules.llc import stale
from analyzer.diagnosis.rules.session import one_sided
from analyzer.frame import Frame, addresses, reads_whole
from analyzer.framings.wrapper import mended
from analyzer.message import Message
from grammars.apdu import APDU
from grammars.kit.primitives import Extended

OPENING = ("SNRM", "SND_NKE")
CANDIDATES, TO_TELL_APART = "candidates, the likeliest first", "to tell them apart"
ALL_STATION = {1: 0x7F, 2: 0x7F, 4: 0x3FFF}


def address(frame: Frame, name: str) -> Extended | None:
    """An address of an HDLC frame."""
    node = frame.field(name)
    return node[3] if node is not None and isinstance(node[3], Extended) else None


def unanswered(case: Case) -> Iterator[Exchange]:
    """Requests to connect or to associate that nobody answers, though the client goes on or nothing is answered; and others
    that were sent again in vain."""
    if one_sided(case):
        return
    silent = not case.has_meter() and len(case.messages) > 1  # a frame by itself is a question, and no silence
    for exchange in case.exchanges:
        request = exchange.request
        opens = request.frame in OPENING or request.apdu == "aarq"
        if not opens and (request.layer is None or not exchange.again):
            continue
        if exchange.replies:
            continue
        last = exchange is case.exchanges[-1]
        if (request.frame in OPENING and silent) or exchange.again or (opens and not last):
            yield exchange


@rule("no-reply")
def no_reply(case: Case) -> Iterator[Hit]:
    """No answer to SNRM or AARQ, or to a request that was sent again."""
    rows = list(unanswered(case))
    if not rows:
        yield from _late(case)
    asked = [message for exchange in rows for message in (exchange.request, *exchange.again) if case.owns(message)]
    if not asked:
        return
    first = asked[0]
    cause = _why(case, first)
    count = len(asked)
    evidence: list[str] = [Counted(_not_answered, names(first), Many(count))]
    if not case.has_meter():
        evidence.append(
            "nothing in the trace comes from the meter: speed, parity, addresses or the cable are as likely"
        )
    frame = first.frames[0]
    server, client = address(frame, "destination_address"), address(frame, "source_address")
    if server is not None and client is not None:
        evidence.append(f"called was server {server} in {server.octets} octets, by client {client}")
    candidates, trial = _candidates(case, first)
    if cause is None:
        evidence.append(f"{CANDIDATES}: {'; '.join(candidates)}")
        evidence.append(f"{TO_TELL_APART}: {trial}")
    yield Hit(
        first,
        tuple(evidence),
        certainty="likely" if count > 1 else "possible",
        because_of=cause,
        fix="" if cause is not None else f"{trial[:1].upper()}{trial[1:]}.",
        once="no-reply",
    )


def _not_answered(first: str, count: int) -> str:
    times = f"{count} requests are" if count > 1 else f"{first} is"
    return f"{times} not answered: no octet from the meter follows"


def _late(case: Case) -> Iterator[Hit]:
    """A connection that took more than one request."""
    for exchange in case.exchanges:
        if exchange.request.frame == "SNRM" and exchange.again and exchange.reply is not None:
            said = f"{names(exchange.request)} was sent {1 + len(exchange.again)} times before {names(exchange.reply)} came"
            yield Hit(
                exchange.request,
                (said,),
                severity="info",
                title="A connection request was sent again",
                once="no-reply late",
                unless="no-reply",
            )
            return


def _candidates(case: Case, request: Message) -> tuple[list[str], str]:
    """What may be behind silence, ranked by what preceded it, and what to try next to tell the reasons apart."""
    frame = request.frames[0]
    ciphered = request.layer_named("glo-initiate-request") is not None
    if request.layer is not None and request.apdu != "aarq":
        found = ["a meter that is busy, or that has dropped the connection without a word", "a line that broke off"]
        trial = "wait for the inactivity time-out, connect anew, and send the same request once"
    elif frame.framing == "mbus":
        found = ["cable, speed or parity", "another primary address"]
        trial = "send SND_NKE and REQ_UD2 to address 254, which every meter answers that is alone on its line"
    elif frame.framing == "wrapper":
        found = ["a pair of ports (client and logical device) that the meter does not know", "HDLC on this TCP port"]
        trial = "associate as the public client, port 16 to 1, without authentication; then send an HDLC SNRM there"
    elif request.apdu == "aarq" and any(m.frame == "UA" for m in case.sent_by("meter")):
        found = ["a client address without an association", "an AARQ that the meter does not take apart"]
        trial = (
            "associate as the public client 16 without authentication: an answer clears line, link and server address"
        )
    elif any(m.frame == "identification" for m in case.messages):
        found = ["the speed was not switched, or too early, after the handshake", "another server address"]
        trial = "wait 300 ms after the acknowledgement, open the port at the agreed speed with 8N1, send the SNRM again"
    elif case.has_meter():
        found = ["another server address, or its form in 1, 2 or 4 octets", "a meter that is busy with another client"]
        trial = "send the SNRM to 17, to the last digits of the serial number + 1000 and to 3FFF; wait two minutes"
    else:
        found = [
            "cable, speed or parity",
            "another server address or form of it",
            "a handshake of mode E that is missing",
        ]
        trial = "send /?! at 300 baud 7E1: an answer clears cable and head; then the SNRM to 3FFF in 2 and 4 octets"
    if ciphered:
        found.append("a counter that the meter has seen before: some drop such an AARQ without a word")
    return found, trial


def _why(case: Case, request: Message) -> str | None:
    """A fault of the request itself, or of its address, that explains silence."""
    if request.llc == "missing" and request.frame == "I":
        return "llc-missing"
    if request.llc == "response" and request.frame == "I":
        return "llc-wrong"
    frame = request.frames[0]
    if any(issue.spec.name == "frame_check_sequence" for issue in frame.parsed.issues):
        return "crc-variant" if frame.direction in varied(case) else "fcs-wrong"
    if any(issue.spec.name == "header_check_sequence" for issue in frame.parsed.issues):
        return "hcs-wrong"
    if any(issue.code == "frame-length-wrong" for issue in frame.issues):
        return "frame-length-wrong"
    found = next(iter((*_better_addresses(case), *_better_ports(case))), None)
    return found[0] if found else None


def _answered(case: Case) -> list[tuple[Extended, Extended]]:
    """(server, client) of connection requests that were answered, each once."""
    found: dict[tuple[Extended, Extended], None] = {}
    for exchange in case.exchanges:
        if exchange.request.frame == "SNRM" and exchange.reply is not None and exchange.reply.frame == "UA":
            frame = exchange.request.frames[0]
            server, client = address(frame, "destination_address"), address(frame, "source_address")
            if server is not None and client is not None:
                found[server, client] = None
    return list(found)


def _better_addresses(case: Case) -> Iterator[tuple[str, Message, str]]:
    """(code, message, evidence): an unanswered address that is another one, which is answered, written otherwise."""
    refused = [e for e in case.exchanges if e.request.frame == "SNRM" and e.reply is not None and e.reply.frame == "DM"]
    in_vain = [*unanswered(case), *refused]
    good = [pair for one in (case, *case.others) for pair in one.once(_answered)] if in_vain else []
    for exchange in in_vain:
        request = exchange.request
        frame = request.frames[0]
        server, client = address(frame, "destination_address"), address(frame, "source_address")
        if request.frame != "SNRM" or server is None or client is None:
            continue
        for other_server, other_client in good:
            if other_client.number != client.number and _other_base(client.number, other_client.number):
                said = f"client {client.number} ({client.number:02X}) is not answered, {other_client.number} is"
                yield "sap-decimal-hex", request, f"{said}: the same digits in the other base"
            elif other_server.octets != server.octets and _same_device(server, other_server):
                said = f"server {server} in {server.octets} octets is not answered"
                yield "server-address-form", request, f"{said}, {other_server} in {other_server.octets} octets is"


def _better_ports(case: Case) -> Iterator[tuple[str, Message, str]]:
    """The same for ports of the wrapper: that of a client that is not answered, and one that is."""
    in_vain = list(unanswered(case))
    good = {number for one in (case, *case.others) for number in one.once(_answered_ports)} if in_vain else set()
    for exchange in in_vain:
        own = port(exchange.request)
        for other in good:
            if own is not None and other is not None and own != other and _other_base(own, other):
                said = f"client port {own} ({own:02X}) is not answered, {other} is: the same digits in the other base"
                yield "sap-decimal-hex", exchange.request, said


def _answered_ports(case: Case) -> list[int | None]:
    """The ports of clients whose AARQ was answered, each once."""
    answered = (
        exchange.request
        for exchange in case.exchanges
        if exchange.request.apdu == "aarq" and exchange.reply is not None and exchange.reply.apdu == "aare"
    )
    return list(dict.fromkeys(map(port, answered)))


def port(message: Message) -> int | None:
    """The port that a wrapper PDU comes from."""
    node = message.frames[0].field("source_wport") if message.frames[0].framing == "wrapper" else None
    return node[3] if node is not None and isinstance(node[3], int) else None


def _other_base(a: int, b: int) -> bool:
    """Whether one number is the other one's digits read in the other base."""
    return f"{a:x}" == str(b) or str(a) == f"{b:x}"


def _same_device(a: Extended, b: Extended) -> bool:
    (upper, lower), (other_upper, other_lower) = (one.halves or (one.number, 0) for one in (a, b))
    return upper == other_upper and (lower == other_lower or 1 in (a.octets, b.octets))


@rule("sap-decimal-hex", "server-address-form")
def better_address(case: Case) -> Iterator[Hit]:
    """The address that would have been answered, where the input shows it."""
    seen: set[str] = set()
    for code, message, evidence in (*_better_addresses(case), *_better_ports(case)):
        if code not in seen:
            seen.add(code)
            field = "source_address" if code == "sap-decimal-hex" else "destination_address"
            field = "source_wport" if message.frames[0].framing == "wrapper" else field
            yield Hit(message, (evidence,), certainty="likely", code=code, field=field, once=code)


@rule("broadcast-address", once=True)
def broadcast_address(case: Case) -> Iterator[Hit]:
    """An all-station address, and nobody answers."""
    for exchange in unanswered(case):
        server = address(exchange.request.frames[0], "destination_address")
        if any(address(m.frames[0], "source_address") == server for m in case.sent_by("meter")):
            continue  # under this address the meter does answer
        if server is not None and (server.halves or (0, server.number))[1] == ALL_STATION.get(server.octets):
            said = f"the destination is {server}, all stations: meters on a shared line stay silent then"
            yield Hit(exchange.request, (said,), certainty="possible", field="destination_address")
            return


@rule("addresses-swapped", once=True)
def addresses_swapped(case: Case) -> Iterator[Hit]:
    """An answer under the same order of addresses as the request, or a client of more than one octet."""
    for exchange in case.exchanges:
        request, reply = exchange.request, exchange.reply
        if reply is not None and reply.frames[0].carries_hdlc and request.frames[0].carries_hdlc:
            asked, answered = addresses(request.frames[0]), addresses(reply.frames[0])
            if asked == answered and asked is not None and asked[0] != asked[1] and reply.wire != request.wire:
                said = f"{names(reply)} has the same source and destination as {names(request)}"
                yield Hit(reply, (said,), field="destination_address", side="meter")
                return
        server, client = address(request.frames[0], "destination_address"), address(request.frames[0], "source_address")
        if request.frame == "SNRM" and server is not None and client is not None and client.octets > server.octets:
            frame = request.frames[0]
            node = frame.field("source_address")
            assert node is not None
            octets = hexed(frame.data[node[1] : node[2]])
            said = f"the source of {names(request)} is {octets}, {client.octets} octets: a client has one"
            yield Hit(request, (said,), field="source_address")
            return


@rule("wrapper-ports-not-swapped", once=True)
def wrapper_ports_not_swapped(case: Case) -> Iterator[Hit]:
    """An answer whose ports are in the order of the request."""
    for exchange in case.exchanges:
        request, reply = exchange.request, exchange.reply
        if reply is None or reply.frames[0].framing != "wrapper" or stale(case, reply) is not None:
            continue
        asked, answered = addresses(request.frames[0]), addresses(reply.frames[0])
        if asked == answered and asked is not None and asked[0] != asked[1]:
            said = f"{names(request)} and {names(reply)} both go from port {asked[0]} to {asked[1]}"
            yield Hit(reply, (said,), field="source_wport", side="meter")
            return


@rule("wrapper-length-wrong")
def wrapper_length_wrong(case: Case) -> Iterator[Hit]:
    """A wrapper whose length is not that of what follows."""
    for message in case.messages:
        for issue in message.frames[0].issues:
            if issue.code == "wrapper-length-wrong":
                yield Hit(message, (issue.text,), field="length", side="link")
    for message, left in pairwise(case.messages):
        if message.frames[0].framing != "wrapper" or left.frames[0].framing != "none" or message.layer is None:
            continue
        start, end = message.frames[0].payload
        carried = message.wire[start:end]
        together = left.direction == message.direction or left.records == message.records
        if together and not reads_whole(APDU, carried) and reads_whole(APDU, carried + left.wire):
            many = len(left.wire)
            evidence = (
                f"the length is {end - start}, and {many} octet{'s' if many > 1 else ''} more of the same side follow",
                f"with {'them' if many > 1 else 'it'} the APDU is whole, without it ends before its own length",
            )
            pieces = frozenset((message.number, left.number))
            yield Hit(message, evidence, field="length", side=side_of(message), explains=pieces)


@rule("wrapper-version-wrong")
def wrapper_version_wrong(case: Case) -> Iterator[Hit]:
    """Octets that a right version, or the right order of octets in the header, would make a wrapper PDU."""
    for message in case.messages:
        for issue in message.frames[0].issues:
            if issue.code == "wrapper-version-wrong":
                yield Hit(message, (issue.text,), side=side_of(message), fixed=mended(message.wire))


@rule("framing-mismatch", once=True)
def framing_mismatch(case: Case) -> Iterator[Hit]:
    """HDLC from one side and the wrapper from the other."""
    spoken = {
        side: {frame.framing for message in case.sent_by(side) for frame in message.frames}
        for side in ("client", "meter")
    }
    client, meter = (spoken[side] & {"hdlc", "wrapper"} for side in ("client", "meter"))
    if len(client) == len(meter) == 1 and client != meter:
        ours, theirs = client.pop(), meter.pop()
        first = next(case.sent_by("client"))
        said = f"all frames of the client are {ours}, all frames of the meter {theirs}"
        yield Hit(first, (said,), field=None, side="client")
