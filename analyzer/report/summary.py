"""One line for a message: what a person would say who reads the trace aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from analyzer import hiding
from analyzer.association import parameters_of
from analyzer.message import Layer, Message
from analyzer.pushes import Pushed
from analyzer.report.objects_text import value_text
from analyzer.report.values import telegram_values, values_of
from grammars import readings
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw
from grammars.meanings import attribute_name, class_name, method_name
from grammars.tables.enums import ACTION_RESULTS, ASSOCIATION_RESULTS, DATA_ACCESS_RESULTS, DIAGNOSTICS_USER, MECHANISMS

LONGEST = 60
Versions = Mapping[tuple[int, bytes], int]
TEXT_FRAMINGS = frozenset({"p1", "iec62056-21", "mbus"})


def summary(message: Message) -> str:
    """What a message is and says. Ciphered content that was opened is summed up, with what became of its tag."""
    if message.layer is None:
        return _link(message)
    plain = message.plain
    text = of_layer(plain, message.versions) if plain is not None else message.layer.name
    scaled = _scaled(message)
    if scaled:
        text += f" = {hiding.said(scaled)}"
    if message.joined is not None and message.joined.nodes:
        text += f", completes {value_of(message.joined.nodes[0])}"
    text += _told(message)
    if plain is not None and plain is message.layer and not message.security:
        parsed = plain.parsed
        return text if parsed.whole else f"{text} (cannot be read to its end)"
    return f"{text}{_security(message)}"


def _scaled(message: Message) -> str:
    """The only value of an answer in its unit, where the trace told it before."""
    plain = message.plain
    if plain is None or len(message.answers) != 1 or message.answers[0].scaler is None:
        return ""
    value = message.answers[0].value
    return message.answers[0].scaled(value[3]) if value is not None and isinstance(value[3], int) else ""


def _told(message: Message) -> str:
    """The table that an answer carries, or the first value of a push that has a name."""
    table = next((one.profile for one in message.answers if one.profile is not None), None)
    if table is not None:
        name = readings.logical_name(table.target.instance_id)
        return f", {name}: {len(table)} rows of {len(table.columns)} columns"
    named = [one for one in message.carried if isinstance(one, Pushed) and one.instance_id]
    first = next((one for one in named if one.scaler is not None), None)
    if first is None:
        counted = "1 value with its name" if len(named) == 1 else f"{len(named)} values with their names"
        return f", {counted}" if named else ""
    more = f" and {len(named) - 1} more" if len(named) > 1 else ""
    return f", {first.name} {value_text(first)}{more}"


def _link(message: Message) -> str:
    frame = message.frames[0]
    if frame.echo:
        return f"{frame.kind or 'frame'}, echo of what the client sent"
    if frame.framing in TEXT_FRAMINGS:
        return _text_frame(message)
    if frame.framing == "none" or frame.kind is None:
        return f"{len(message.wire)} octets that make no frame"
    if frame.kind not in ("SNRM", "UA"):
        return frame.kind if not frame.issues else f"{frame.kind}, damaged"
    own = parameters_of(frame.parsed.nodes)
    if not own.given:
        return f"{frame.kind}, no parameters (128 octets, window 1)" if frame.kind == "SNRM" else frame.kind
    return (
        f"{frame.kind}, {own.transmit_length}/{own.receive_length} octets, "
        f"window {own.transmit_window}/{own.receive_window}"
    )


def _text_frame(message: Message) -> str:
    """A frame of IEC 62056-21, P1 or M-Bus that carries no APDU."""
    frame = message.frames[0]
    if frame.framing == "p1":
        return f"P1 telegram, {len(values_of(message))} values"
    if frame.framing == "mbus":
        return f"M-Bus {frame.kind or 'frame'}"
    shown = readings.characters(frame.data).strip(".")
    cover = hiding.cover_of(message)
    shown = hiding.said(shown) if cover is not None and cover.touches(0, 0, len(message.wire)) else shown
    return f"{frame.kind}, {shown[:LONGEST]}" if len(frame.data) > 1 else f"{frame.kind}"


def _security(message: Message) -> str:
    security = message.security
    if security is None or security.layer != "apdu":
        return ""
    words = {"no-key": "not opened", "failed": "TAG DOES NOT VERIFY", "unauthenticated": "unauthenticated"}
    verdict = words.get(security.verdict, security.verdict)
    counter = f", counter {security.invocation_counter}" if security.invocation_counter is not None else ""
    return f" [{verdict}{counter}]"


def of_layer(layer: Layer, versions: Versions | None = None) -> str:
    """One APDU in a line; `versions` are those of the classes of the objects that it names."""
    if layer.name in REQUESTS and layer.nodes:
        return _request(REQUESTS[layer.name], layer.nodes, versions or {}) or layer.name
    teller = TELLERS.get(layer.name)
    if teller is not None and layer.nodes:
        said = teller(layer.nodes)
        if said:
            return said
    return layer.name


def _aarq(nodes: list[RawNode]) -> str:
    mechanism = find_octets(nodes, "mechanism_name")
    number = mechanism[-1] if mechanism else 0
    title = find_octets(nodes, "calling_ap_title.octet_string")
    parts = ["AARQ", _context(nodes), MECHANISMS.get(number, (f"mechanism {number}", ""))[0]]
    return ", ".join(part for part in [*parts, _title(title)] if part)


def _aare(nodes: list[RawNode]) -> str:
    result, diagnostic = find_int(nodes, "result.integer"), find_int(nodes, "result_source_diagnostic.integer")
    parts = ["AARE"]
    if result is not None:
        parts[0] += f" {ASSOCIATION_RESULTS.get(result, (str(result), ''))[0]}"
    if diagnostic:
        parts.append(DIAGNOSTICS_USER.get(diagnostic, (f"diagnostic {diagnostic}", ""))[0])
    return ", ".join([*parts, *filter(None, [_title(find_octets(nodes, "responding_ap_title.octet_string"))])])


def _context(nodes: list[RawNode]) -> str:
    name = find_octets(nodes, "application_context_name.object_identifier")
    return readings.object_identifier(name).partition(" ")[2] if name else ""


def _title(title: bytes | None) -> str:
    return f"title {title.hex().upper()}" if title else ""


def _request(word: str, nodes: list[RawNode], versions: Versions) -> str:
    targets = []
    number, name, version = 0, "", None
    for node in _walk(nodes):
        if node[0].name == "class_id" and isinstance(node[3], int):
            number = node[3]
        elif node[0].name == "instance_id" and isinstance(node[3], bytes):
            name, version = readings.obis(node[3]), versions.get((number, node[3]))
        elif node[0].name in ("attribute_id", "method_id") and isinstance(node[3], int):
            attribute = node[0].name == "attribute_id"
            called = (attribute_name if attribute else method_name)(number, node[3], version)
            index = f"{'attribute' if attribute else 'method'} {node[3]} {called}".rstrip()
            targets.append(f"{f'class {number} {class_name(number)}'.rstrip()}, {name}, {index}")
    if not targets:
        block = find_int(nodes, "block_number")
        return f"{word}, block {block}" if block is not None else ""
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return f"{word}, {targets[0]}{more}"


def _response(word: str) -> Callable[[list[RawNode]], str]:
    def tell(nodes: list[RawNode]) -> str:
        results = []
        for node in _walk(nodes):
            if node[0].name in ("data-access-result", "data_access_result") and isinstance(node[3], int):
                results.append(_named(DATA_ACCESS_RESULTS, node[3]))
            elif node[0].name in ("action_result", "result") and isinstance(node[3], int):
                table = ACTION_RESULTS if word.startswith("ACTION") else DATA_ACCESS_RESULTS
                results.append(_named(table, node[3]))
            elif node[0].name == "data" and isinstance(node[3], list) and node[3]:
                results.append(value_of(node[3][0]))
            elif node[0].name == "raw-data" and isinstance(node[3], bytes):
                results.append(f"block {find_int(nodes, 'block_number')}, {len(node[3])} octets")
        return ", ".join([word, *results[:3]]) + (f" and {len(results) - 3} more" if len(results) > 3 else "")

    return tell


def _named(table: dict[int, tuple[str, str]], value: int) -> str:
    return table.get(value, (str(value), ""))[0]


def value_of(node: RawNode) -> str:
    """A COSEM value in a few words."""
    spec, _, _, value = node
    if isinstance(value, list):
        return f"{spec.name} of {len(value)}"
    if value is None:
        return spec.name
    if isinstance(value, bytes):
        text = readings.printable(value) if spec.type in ("octet-string", "visible-string", "utf8-string") else ""
        if spec.type == "octet-string" and readings.is_date_time(value):
            text = readings.date_time(value)
            return hiding.said(text[:LONGEST])
        shown = f'"{text}"' if text else value.hex(" ").upper()
        return f"{spec.name} {hiding.said(shown) if len(shown) <= LONGEST else f'of {len(value)} octets'}"
    return f"{spec.name} {hiding.said(str(value))}"


def _initiate_request(nodes: list[RawNode]) -> str:
    return _initiate("InitiateRequest", nodes, "proposed_dlms_version_number", "client_max_receive_pdu_size")


def _initiate_response(nodes: list[RawNode]) -> str:
    return _initiate("InitiateResponse", nodes, "negotiated_dlms_version_number", "server_max_receive_pdu_size")


def _initiate(word: str, nodes: list[RawNode], version: str, size: str) -> str:
    found, bits, longest = find_int(nodes, version), find_int(nodes, "bits"), find_int(nodes, size)
    parts = [word]
    parts += [f"version {found}"] if found is not None else []
    parts += [f"conformance {bits:06X}"] if bits is not None else []
    parts += [f"PDU size {longest}"] if longest is not None else []
    return ", ".join(parts)


def _exception(nodes: list[RawNode]) -> str:
    said = [node[0].symbols.get(node[3], (str(node[3]), ""))[0] for node in _walk(nodes)
            if node[0].symbols and isinstance(node[3], int)]  # fmt: skip
    return ", ".join(["exception", *said])


def _walk(nodes: list[RawNode]) -> Iterator[RawNode]:
    for node in nodes:
        yield node
        if isinstance(node[3], list) and node[0].name != "data":
            yield from _walk(node[3])


def _notification(nodes: list[RawNode]) -> str:
    body = find_raw(nodes, "notification_body")
    said = value_of(body[3][0]) if body and isinstance(body[3], list) and body[3] else ""
    return ", ".join(filter(None, ["data-notification", said]))


REQUESTS = {
    "get-request": "GET request",
    "set-request": "SET request",
    "action-request": "ACTION request",
    "event-notification-request": "event notification",
}
TELLERS: dict[str, Callable[[list[RawNode]], str]] = {
    "aarq": _aarq,
    "aare": _aare,
    "p1-telegram": lambda nodes: f"P1 telegram, {len(list(telegram_values(nodes)))} values",
    "rlrq": lambda nodes: "RLRQ",
    "rlre": lambda nodes: "RLRE",
    "initiate-request": _initiate_request,
    "initiate-response": _initiate_response,
    "get-response": _response("GET response"),
    "set-response": _response("SET response"),
    "action-response": _response("ACTION response"),
    "data-notification": _notification,
    "exception-response": _exception,
    "confirmed-service-error": lambda nodes: _exception(nodes).replace("exception", "confirmed service error", 1),
}
