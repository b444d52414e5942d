"""Services: what was agreed, what was asked, and what the meter makes of it."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.association import last_arc
from analyzer.diagnosis.case import Case, Exchange, names, side_of, vouched
from analyzer.diagnosis.registry import Hit, hit_by, rule
from analyzer.diagnosis.rules.acse import SMALLEST_PDU
from analyzer.frame import addresses
from analyzer.message import Message
from analyzer.rebuild import Change, set_value
from grammars.kit.spec import find_int, find_octets, find_raw, walk_raw
from grammars.tables.enums import DATA_ACCESS_RESULTS, EXCEPTION_SERVICE_ERRORS, EXCEPTION_STATE_ERRORS, SERVICE_ERRORS

LN, SN = 0x0007, 0xFA00
SHORT_NAMES = (2, 4)  # application contexts
GET, SET, ACTION = 0x000010, 0x000008, 0x000001
BLOCK_GET, BLOCK_SET, BLOCK_ACTION = 0x001000, 0x000800, 0x000400
LISTS, SELECTION, ACCESS, GBT, EVENT = 0x000200, 0x000004, 0x000040, 0x200000, 0x000002
READ, WRITE = 0x100000, 0x080000
INITIATE_ERROR, VERSION_TOO_LOW, BAD_CONFORMANCE, PDU_TOO_SHORT = 6, 1, 2, 3
LAST = 0x80  # of the block control
DECIPHERING = 5
# What a variant of a service needs: its name in the tree, the bit, how people call the bit.
NEEDS = (
    ("get-request", GET, "get"),
    ("set-request", SET, "set"),
    ("action-request", ACTION, "action"),
    ("read-request", READ, "read"),
    ("write-request", WRITE, "write"),
    ("access-request", ACCESS, "access"),
    ("get-request-next", BLOCK_GET, "block-transfer-with-get-or-read"),
    ("set-request-with-first-datablock", BLOCK_SET, "block-transfer-with-set-or-write"),
    ("action-request-with-first-pblock", BLOCK_ACTION, "block-transfer-with-action"),
    ("get-request-with-list", LISTS, "multiple-references"),
    ("set-request-with-list", LISTS, "multiple-references"),
    ("action-request-with-list", LISTS, "multiple-references"),
    ("access_parameters", SELECTION, "selective-access"),
)


def refusal_of(case: Case, request: Message) -> Message | None:
    """The answer to a request, if it is an error or there is none; the request itself stands for silence."""
    reply = case.reply(request)
    if reply is None:
        return request if request is not case.messages[-1] else None
    plain = reply.plain
    if plain is None:
        return reply if reply.frame in ("DM", "FRMR") else None
    if plain.name in ("exception-response", "confirmed-service-error"):
        return reply
    return reply if any(True for _ in _results(reply)) else None


def _results(message: Message) -> Iterator[int]:
    """The result codes other than success in an answer."""
    plain = message.plain
    if plain is None or not plain.name.endswith("-response"):
        return
    for node in walk_raw(plain.nodes):
        spec, _, _, value = node
        named = spec.name in ("data-access-result", "data_access_result", "data-access-error", "result")
        if named and isinstance(value, int) and value and value in DATA_ACCESS_RESULTS:
            yield value


@rule("pdu-size-too-small")
def pdu_size_too_small(case: Case) -> Iterator[Hit]:
    """A client that takes next to nothing."""
    for message in case.messages:
        layer = message.layer_named("initiate-request")
        size = find_int(layer.nodes, "client_max_receive_pdu_size") if layer else None
        if layer is None or size is None or size == 0 or size >= SMALLEST_PDU:
            continue
        yield Hit(
            message,
            (f"client-max-receive-pdu-size is {size}, and no answer is shorter than {SMALLEST_PDU} octets",),
            certainty=vouched(message),
            field="client_max_receive_pdu_size",
            changes=(Change("initiate-request", set_value("client_max_receive_pdu_size", 0xFFFF)),),
        )


@rule("conformance-insufficient", once=True)
def conformance_insufficient(case: Case) -> Iterator[Hit]:
    """A service that needs a bit which was not negotiated, and that the meter refuses."""
    for exchange in case.exchanges:
        request = exchange.request
        granted, plain = request.before.negotiated_conformance, request.plain
        if granted is None or plain is None:
            continue
        if request.before.state != "open":
            continue  # the HLS proof travels before services are allowed
        short = request.before.context in (2, 4)
        wanting = [row for row in NEEDS if not granted & row[1] and (row[1] in (READ, WRITE)) == short]
        used = {node[0].name for node in walk_raw(plain.nodes)} if wanting else set()
        lacking = [name for field, _, name in wanting if field in used]
        refused = refusal_of(case, request) if lacking else None
        if lacking and refused is not None:
            proposed = request.before.proposed_conformance
            evidence = [f"{names(request)} needs {' and '.join(lacking)}, negotiated is {granted:06X}"]
            evidence += [f"proposed was {proposed:06X}"] if proposed is not None else []
            yield Hit(request, tuple(evidence), certainty=vouched(request))
            return


@rule("dlms-version-wrong", "conformance-insufficient", "pdu-size-too-small")
def initiate_error(case: Case) -> Iterator[Hit]:
    """A meter that refuses the InitiateRequest and says why, where the request itself does not show it."""
    codes = {
        VERSION_TOO_LOW: "dlms-version-wrong",
        BAD_CONFORMANCE: "conformance-insufficient",
        PDU_TOO_SHORT: "pdu-size-too-small",
    }
    for message in case.sent_by("meter"):
        layer = message.layer_named("confirmed-service-error")
        reason = find_int(layer.nodes, "initiate") if layer else None
        if reason not in codes:
            continue
        request = case.request(message)
        shown = request is not None and request.after.proposed_version not in (None, 6) and reason == VERSION_TOO_LOW
        small = request is not None and (request.after.client_max_pdu or 99) < SMALLEST_PDU and reason == PDU_TOO_SHORT
        if shown or small:
            continue  # the rule about the request itself has it
        name = SERVICE_ERRORS[INITIATE_ERROR][reason][0]
        yield Hit(message, (f"the meter answers initiateError: {name}",), code=codes[reason], certainty="likely")


@rule("ln-sn-mismatch")
def ln_sn_mismatch(case: Case) -> Iterator[Hit]:
    """Services of one kind of referencing in an association of the other. Where the AARE names a context of the other kind
    than the AARQ, nobody knows which of them holds, and what follows shows no fault of its own."""
    code = "ln-sn-mismatch"
    differing: dict[frozenset[str], bool] = {}  # by link: whether request and answer name two kinds of context
    for message in case.messages:
        link = frozenset(addresses(message.frames[0]) or ())
        answer = message.layer_named("aare")
        if answer is not None:
            named = last_arc(find_octets(answer.nodes, "application_context_name.object_identifier"))
            differing[link] = named is not None and (named in SHORT_NAMES) != (message.after.context in SHORT_NAMES)
            if differing[link] and message.after.result == 0:
                said = (
                    f"the AARE accepts and names a context for {'short' if named in SHORT_NAMES else 'logical'} names, "
                    "the AARQ does not"
                )
                yield Hit(message, (said,), certainty="possible", field="application_context_name", side="meter")
        context, plain = message.before.context, message.plain
        if plain is None or context is None or differing.get(link):
            continue
        short = context in SHORT_NAMES
        name = plain.name
        if message.direction == "client" and message.before.state == "open":
            if not short and name in ("read-request", "write-request", "unconfirmed-write-request"):
                yield Hit(message, (f"{names(message)} is for short names, the context has logical names",), once=code)
                return
            if short and name in ("get-request", "set-request", "action-request", "access-request"):
                yield Hit(message, (f"{names(message)} is for logical names, the context has short names",), once=code)
                return
        vaa = find_int(plain.nodes, "vaa_name") if name == "initiate-response" else None
        opened = message.layer_named("initiate-response")
        vaa = find_int(opened.nodes, "vaa_name") if opened is not None else vaa
        if vaa is not None and vaa in (LN, SN) and (vaa == SN) != (message.after.context in SHORT_NAMES):
            said = f"the vaa-name {vaa:04X} is for {'short' if vaa == SN else 'logical'} names, the context is not"
            yield Hit(message, (said,), field="vaa_name", side="meter", once=code)
            return


@rule("pdu-too-long")
def pdu_too_long(case: Case) -> Iterator[Hit]:
    """A request longer than the meter takes, and refused."""
    for exchange in case.exchanges:
        request = exchange.request
        limit, layer = request.before.server_max_pdu, request.layer
        if not limit or layer is None or request.before.state != "open":
            continue
        size = layer.end - layer.start
        if size > limit and refusal_of(case, request) is not None:
            yield Hit(request, (f"{names(request)} has {size} octets, the meter takes {limit}",))


def exceptions(case: Case) -> Iterator[tuple[Message, int, int]]:
    """(message, state error, service error) of each exception-response."""
    for message in case.sent_by("meter"):
        layer = message.layer_named("exception-response")
        if layer is not None:
            state, service = find_int(layer.nodes, "state_error"), find_int(layer.nodes, "service_error")
            if state is not None and service is not None:
                yield message, state, service


def cause_in_request(case: Case, request: Message | None) -> str | None:
    """A fault in a request that explains its refusal, of those that can be read off it at once."""
    if request is None:
        return None
    if request.llc == "missing" and request.frame == "I":
        return "llc-missing"
    for code, function in (
        ("conformance-insufficient", conformance_insufficient),
        ("pdu-too-long", pdu_too_long),
        ("ln-sn-mismatch", ln_sn_mismatch),
    ):
        if request.number in case.once(hit_by(function)):
            return code
    if request.before.state == "pending" and request.after.state == "pending":
        return "hls-pass3-missing"
    if request.apdu == "aarq" and request.before.state in ("open", "pending", "proving"):
        return "association-not-released"
    return None


@rule("service-not-allowed", "service-not-supported", "pdu-too-long")
def exception_response(case: Case) -> Iterator[Hit]:
    """A meter that refuses a service without speaking of security."""
    for message, state, service in exceptions(case):
        if service in (DECIPHERING, 6):
            continue
        request = case.request(message)
        cause = cause_in_request(case, request)
        words = [
            EXCEPTION_STATE_ERRORS.get(state, (str(state), ""))[0],
            EXCEPTION_SERVICE_ERRORS.get(service, (str(service), ""))[0],
        ]
        what = f" to {names(request)}" if request is not None else ""
        evidence = f"the meter answers exception-response{what}: {', '.join(words)}"
        code = "service-not-supported" if state == 2 or service == 2 else "service-not-allowed"
        if service == 4 and cause is None:
            code = "pdu-too-long"
        yield Hit(message, (evidence,), code=code, field="exception-response", side="client", because_of=cause)


@rule("reply-out-of-order")
def reply_out_of_order(case: Case) -> Iterator[Hit]:
    """An answer of another service than was asked for."""
    for exchange in case.exchanges:
        asked, answered = _service(exchange.request), _service(exchange.reply)
        if asked and answered and asked != answered:
            assert exchange.reply is not None
            said = f"{names(exchange.request)} is followed by {names(exchange.reply)}"
            yield Hit(exchange.reply, (said,), certainty=vouched(exchange.reply))


def _service(message: Message | None) -> str:
    plain = message.plain if message is not None else None
    if plain is None or not plain.parsed.whole:
        return ""
    for end in ("-request", "-response"):
        stem = plain.name.removesuffix(end)
        if stem != plain.name and stem in ("get", "set", "action", "read", "write", "access"):
            return stem
    return ""


@rule("block-number-wrong", "block-transfer-aborted", "object-undefined", "access-denied", "type-unmatched")
def result_code(case: Case) -> Iterator[Hit]:
    """Results other than success, by what they mean."""
    groups = {
        19: "block-number-wrong",
        **dict.fromkeys((15, 16, 17, 18), "block-transfer-aborted"),
        **dict.fromkeys((4, 9, 11), "object-undefined"),
        **dict.fromkeys((3, 13), "access-denied"),
        12: "type-unmatched",
    }
    for exchange in case.exchanges:
        for reply in exchange.replies:
            for value in _results(reply):
                if value not in groups or (groups[value] == "access-denied" and _is_proof(exchange)):
                    continue
                cause = "block-number-wrong" if value in (15, 16, 17, 18) and _wrong_block(case, exchange) else None
                yield Hit(
                    reply,
                    (f"{names(exchange.request)} is answered with {value} ({DATA_ACCESS_RESULTS[value][0]})",),
                    certainty=vouched(reply),
                    code=groups[value],
                    side="client",
                    because_of=cause or cause_in_request(case, exchange.request),
                )


def _is_proof(exchange: Exchange) -> bool:
    return exchange.request.before.state == "pending"


def _wrong_block(case: Case, exchange: Exchange) -> bool:
    return exchange.request.number in case.once(hit_by(block_number))


@rule("block-number-wrong")
def block_number(case: Case) -> Iterator[Hit]:
    """A request for the next block that names another block than the last one received."""
    last: int | None = None
    asked: int | None = None
    for message in case.messages:
        plain = message.plain
        if plain is None:
            continue
        node = find_raw(plain.nodes, "block_number")
        number = node[3] if node is not None and isinstance(node[3], int) else None
        if plain.name == "get-response":
            if number is not None and asked is not None and number > asked + 1:
                said = f"block {asked + 1} is due, and {names(message)} is block {number}"
                yield Hit(message, (said,), certainty=vouched(message), field="block_number", side="meter")
            last, asked = number, None
        elif plain.name == "get-request" and number is not None and last is not None and number == last:
            asked = number
        elif plain.name == "get-request" and number is not None and last is not None:
            said = f"the last block received is {last}, and {names(message)} names {number}"
            yield Hit(message, (said,), certainty=vouched(message), field="block_number", side="client")


@rule("gbt-block-error")
def gbt_block_error(case: Case) -> Iterator[Hit]:
    """A general block transfer that ends with blocks missing; blocks that come again complete it without harm."""
    seen: dict[str, set[int]] = {}
    pieces: dict[str, dict[int, bytes]] = {}
    asked: set[str] = set()  # the sides of which the other one has said something before
    going_on = ""  # the side whose transfer has not ended, while the other one says nothing
    for message in case.messages:
        layer = message.layer_named("general-block-transfer")
        number = find_int(layer.nodes, "block_number") if layer is not None else None
        control = find_int(layer.nodes, "block_control") if layer is not None else None
        if message.layer is not None and message.direction != going_on:
            going_on = ""
        if message.layer is not None and layer is None:
            asked.add("meter" if message.direction == "client" else "client")
        if layer is None or not number or control is None:
            continue
        numbers = seen.setdefault(message.direction, set())
        piece = find_octets(layer.nodes, "block_data") or b""
        if number == 1 and not (numbers == {1} and going_on == message.direction):
            numbers.clear()
            pieces[message.direction] = {}
        going_on = "" if control & LAST else message.direction
        known = pieces.setdefault(message.direction, {})
        if piece and number in numbers and known.get(number) not in (None, piece):
            said = f"block {number} comes again in {names(message)}, with other octets than before"
            yield Hit(message, (said,), field="block_number", side=side_of(message))
        if piece:
            known[number] = piece
        numbers.add(number)
        if not control & LAST or layer.inner:
            continue
        missing = sorted(set(range(1, number)) - numbers)
        if message.direction not in asked:
            missing = [n for n in missing if n > min(numbers)]  # the capture may begin in the middle of the transfer
        later = (m.layer_named("general-block-transfer") for m in case.behind(message))
        if missing and not any(other is not None and other.inner for other in later):
            shown = ", ".join(map(str, missing[:10]))
            evidence = (f"block {number} is the last, and block {shown} never came", f"{len(numbers)} blocks are there")
            if _same_ports(case):  # then nothing tells whose a block is
                yield Hit(
                    message, evidence, certainty="likely", field="block_number", side="link",
                    because_of="wrapper-ports-not-swapped",
                )  # fmt: skip
            else:
                yield Hit(message, evidence, field="block_number", side=side_of(message))


def _same_ports(case: Case) -> bool:
    """Whether an answer in the TCP wrapper goes from the same port to the same as its request."""
    pairs = (
        (addresses(exchange.request.frames[0]), addresses(exchange.reply.frames[0]))
        for exchange in case.exchanges
        if exchange.reply is not None and exchange.reply.frames[0].framing == "wrapper"
    )
    return any(asked == answered and asked is not None and asked[0] != asked[1] for asked, answered in pairs)
