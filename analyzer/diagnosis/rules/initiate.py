"""What InitiateRequest and InitiateResponse settle, and invoke-ids."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.diagnosis.case import Case, hexed, names, vouched
from analyzer.diagnosis.registry import Hit, rule
from analyzer.message import Message
from analyzer.rebuild import Change, set_value

DLMS_VERSION = 6
# The APDUs that carry an initiate APDU; elsewhere what reads as one is something else.
PLACES = {"aarq": ("initiate-request",), "aare": ("initiate-response",), "initiate-request": ("initiate-request",)}


@rule("dlms-version-wrong")
def dlms_version_wrong(case: Case) -> Iterator[Hit]:
    """A proposed or negotiated version other than 6."""
    for message in case.messages:
        for layer in message.layer.walk() if message.layer else ():
            if layer.name not in ("initiate-request", "initiate-response") or layer.name not in PLACES.get(
                message.apdu or "", ()
            ):
                continue
            name = (
                "proposed_dlms_version_number" if layer.name == "initiate-request" else "negotiated_dlms_version_number"
            )
            node = message.find(f"{layer.name}.{name}")
            if node is None or not isinstance(node[3], int) or node[3] == DLMS_VERSION:
                continue
            opened = message.octets(layer.buffer)[layer.start : layer.end]
            certainty = vouched(message)
            evidence = [f"the {layer.name} is {hexed(opened)}: version {node[3]} where {DLMS_VERSION} belongs"]
            if message.security is not None and certainty == "proven":
                evidence.append("its authentication tag verifies, so these are the octets that the sender protected")
            yield Hit(
                message,
                tuple(evidence),
                certainty=certainty,
                field=f"{layer.name}.{name}",
                side="client" if message.direction == "client" else "meter",
                changes=(Change(layer.name, set_value(name, DLMS_VERSION)),),
            )


@rule("invoke-id-mismatch")
def invoke_id_mismatch(case: Case) -> Iterator[Hit]:
    """A response whose invoke-id is not that of the request."""
    for exchange in case.exchanges:
        reply, request = exchange.reply, exchange.request
        if reply is None or not (reply.plain and request.plain):
            continue
        if not (request.plain.name.endswith("-request") and reply.plain.name.endswith("-response")):
            continue
        asked, answered = _invoke_id(request), _invoke_id(reply)
        if asked is None or answered is None or asked == answered:
            continue
        goes_on = case.next_request(reply) is not None
        following = next((m for m in case.behind(reply) if m.direction == "client"), None)
        harmless = goes_on or following is None or following.frame == "DISC"
        yield Hit(
            reply,
            (f"{names(request)} carries invoke-id {asked}, {names(reply)} carries {answered}",),
            certainty=vouched(reply),
            field="invoke_id_and_priority.invoke_id",
            severity="info" if harmless else "error",
            side="meter",
        )


def _invoke_id(message: Message) -> int | None:
    node = message.find("invoke_id_and_priority")
    return node[3] & 0x0F if node is not None and isinstance(node[3], int) else None


@rule("conformance-not-subset")
def conformance_not_subset(case: Case) -> Iterator[Hit]:
    """A meter that grants what was not proposed, and is used all the same."""
    for message in case.sent_by("meter"):
        proposed, granted = message.after.proposed_conformance, message.after.negotiated_conformance
        if message.layer_named("initiate-response") is None or proposed is None or granted is None:
            continue
        if granted & ~proposed:
            said = f"proposed {proposed:06X}, granted {granted:06X}: {granted & ~proposed:06X} was not asked for"
            yield Hit(message, (said,), certainty=vouched(message), field="initiate-response.negotiated_conformance")
