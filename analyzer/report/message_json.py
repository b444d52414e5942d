"""A decoded message as JSON, in the shape that programs rely on (schemas/decode.schema.json)."""

from __future__ import annotations

import math
from typing import Any

from analyzer import hiding
from analyzer.covered import Cover
from analyzer.message import Message
from analyzer.model import Node, Security, Span
from analyzer.report import objects_json
from analyzer.report.summary import summary
from analyzer.report.values import values_of
from grammars.kit.primitives import Bits, Extended


def render(message: Message) -> dict[str, Any]:
    """One message with its tree, as an object for `json.dumps`; without its values where they are to be hidden."""
    cover = hiding.cover_of(message)
    values = values_of(message)
    made = {
        "number": message.number,
        "records": list(message.records),
        "time": message.time,
        "direction": message.direction,
        "framing": message.frames[0].framing,
        "frame": message.frame,
        "apdu": message.apdu,
        "plain_apdu": message.plain_apdu,
        "summary": summary(message),
        "security": _security(message.security) if message.security is not None else None,
        "values": hiding.covered_json(values) if cover is not None else values,
        "bytes": _octets(0, message.wire, cover),
        "tree": _node(hiding.tree(message)),
        "buffers": [
            {
                "id": buffer.id,
                "how": buffer.how,
                "from": [_span(span) for span in buffer.sources],
                "bytes": _octets(buffer.id, buffer.data, cover),
            }
            for buffer in message.buffers
        ],
    }
    if cover is not None and message.security is not None:
        made["security"] = _covered_plaintext(_security(message.security), message)
    objects_json.add_to(made, message)
    return made


def _octets(buffer: int, data: bytes, cover: Cover | None) -> str:
    return data.hex().upper() if cover is None else "".join(cover.octets(buffer, data))


def _covered_plaintext(made: dict[str, Any], message: Message) -> dict[str, Any]:
    """The plain text as it is in its buffer; all of it covered where it has none."""
    inner = [_covered_plaintext(one, message) for one in made["inner"]]
    text = made["plaintext"]
    if text:
        text = hiding.octets(message, bytes.fromhex(text))
    return {**made, "plaintext": text, "inner": inner}


def _span(span: Span) -> dict[str, Any]:
    made = {"buffer": span.buffer, "start": span.start, "end": span.end}
    return made if span.message is None else {**made, "message": span.message}


def _security(security: Security) -> dict[str, Any]:
    return {
        "layer": security.layer,
        "verdict": security.verdict,
        "control": security.control,
        "suite": security.suite,
        "authenticated": security.authenticated,
        "encrypted": security.encrypted,
        "invocation_counter": security.invocation_counter,
        "system_title": security.system_title.hex().upper() if security.system_title is not None else None,
        "key": security.key,
        "plaintext": security.plaintext.hex().upper() if security.plaintext is not None else None,
        "reason": security.reason,
        "inner": [_security(inner) for inner in security.inner],
    }


def _node(node: Node) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": node.name,
        "start": node.start,
        "end": node.end,
        "buffer": node.buffer,
        "value": plain_value(node.value),
        "meaning": node.meaning,
        "error": node.error,
        "children": [_node(child) for child in node.children],
    }
    if node.bits is not None:
        made["bits"] = list(node.bits)
    return made


def plain_value(value: object) -> Any:
    """A value of a field as JSON: octets in hexadecimal, an HDLC address as its number, a bit string as 0 and 1."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, str):
        return value.replace(" ", "")  # octets or digits with covered ones among them
    if isinstance(value, Extended):
        return value.number
    if isinstance(value, Bits):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value
