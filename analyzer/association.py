"""The state of each conversation: who talks to whom, what they agreed on, and how far they have come.

Two machines run side by side. The link (HDLC only): disconnected -SNRM-> connecting -UA-> connected -DISC->
disconnecting -UA or DM-> disconnected. The association: none -AARQ-> requested -AARE-> open, or pending where a
high level authentication still has to pass, or rejected; pending -pass 3-> proving -pass 4-> open;
open -RLRQ-> releasing -RLRE-> none. An event that a state does not expect leaves it as it is; what that means is
for the diagnosis to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Literal

from grammars.kit.spec import RawNode, find_int, find_octets, find_raw

REPLY_TO_HLS_SN = 0xFA58  # method 8 of class 12 (offset 58) in the current association, base name FA00
LinkState = Literal["unknown", "disconnected", "connecting", "connected", "disconnecting"]
State = Literal["none", "requested", "pending", "proving", "open", "rejected", "releasing"]

LINK: dict[tuple[LinkState, str], LinkState] = {
    ("unknown", "SNRM"): "connecting",
    ("disconnected", "SNRM"): "connecting",
    ("connecting", "SNRM"): "connecting",
    ("connected", "SNRM"): "connecting",
    ("disconnecting", "SNRM"): "connecting",
    ("connecting", "UA"): "connected",
    ("connecting", "DM"): "disconnected",
    ("unknown", "DISC"): "disconnecting",
    ("connected", "DISC"): "disconnecting",
    ("connecting", "DISC"): "disconnecting",
    ("disconnecting", "DISC"): "disconnecting",
    ("disconnected", "DISC"): "disconnecting",
    ("disconnecting", "UA"): "disconnected",
    ("disconnecting", "DM"): "disconnected",
    ("unknown", "DM"): "disconnected",
    ("connected", "DM"): "disconnected",
    ("unknown", "I"): "connected",
}

ASSOCIATION: dict[tuple[State, str], State] = {
    ("none", "aarq"): "requested",
    ("requested", "aarq"): "requested",
    ("rejected", "aarq"): "requested",
    ("pending", "aarq"): "requested",
    ("proving", "aarq"): "requested",
    ("open", "aarq"): "requested",
    ("requested", "accepted"): "open",
    ("requested", "accepted-pending"): "pending",
    ("requested", "rejected"): "rejected",
    ("none", "accepted"): "open",
    ("none", "accepted-pending"): "pending",
    ("pending", "hls-pass-3"): "proving",
    ("proving", "hls-pass-4"): "open",
    ("proving", "hls-refused"): "pending",
    ("open", "rlrq"): "releasing",
    ("releasing", "rlre"): "none",
}
ENDS_WITH_LINK = frozenset({"SNRM", "DISC", "DM"})

AUTHENTICATION_REQUIRED = 14


@dataclass(frozen=True, slots=True)
class LinkParameters:
    """What SNRM or UA says: octets and frames, as its sender transmits and receives. Defaults where it is silent."""

    transmit_length: int = 128
    receive_length: int = 128
    transmit_window: int = 1
    receive_window: int = 1
    given: bool = False


@dataclass(frozen=True, slots=True)
class Association:
    """Everything that later messages depend on. Titles and challenges are octets, `context` and `mechanism` the
    last arc of their object identifiers, conformance 24 bits as an integer, counters the last invocation counters
    of protected APDUs."""

    client_address: str = ""
    server_address: str = ""
    link: LinkState = "unknown"
    state: State = "none"
    client_title: bytes | None = None
    server_title: bytes | None = None
    context: int | None = None
    mechanism: int | None = None
    client_challenge: bytes | None = None
    server_challenge: bytes | None = None
    proposed_conformance: int | None = None
    negotiated_conformance: int | None = None
    proposed_version: int | None = None
    client_max_pdu: int | None = None
    server_max_pdu: int | None = None
    vaa_name: int | None = None
    result: int | None = None
    diagnostic: int | None = None
    dedicated_key: bytes | None = field(default=None, repr=False)
    client_counter: int | None = None
    server_counter: int | None = None
    snrm: LinkParameters | None = None
    ua: LinkParameters | None = None

    @property
    def ciphered(self) -> bool:
        """Whether the application context asks for ciphered APDUs."""
        return self.context in (3, 4)

    @property
    def told(self) -> bool:
        """Whether somebody has begun to agree on something, by the link or by an association."""
        known = (self.client_title, self.server_title, self.context, self.result, self.snrm, self.ua)
        return self.state != "none" or any(one is not None for one in known)

    def title_of(self, direction: str) -> bytes | None:
        """The system title of the side that sends in this direction."""
        return self.client_title if direction == "client" else self.server_title if direction == "meter" else None

    def after_link(self, kind: str, nodes: list[RawNode]) -> Association:
        """The state behind a frame of the link layer."""
        link = LINK.get((self.link, kind), self.link)
        if link == self.link and kind not in ("SNRM", *ENDS_WITH_LINK):
            return self
        changed = replace(self, link=link)
        if kind == "SNRM":
            changed = replace(changed, snrm=parameters_of(nodes), ua=None)
        if kind == "UA" and self.link == "connecting":
            changed = replace(changed, ua=parameters_of(nodes))
        if kind in ENDS_WITH_LINK:
            changed = replace(changed, state="none", dedicated_key=None)
        return changed

    def with_acse(self, nodes: list[RawNode]) -> Association:
        """Titles, names and challenges out of an AARQ or AARE, before what it carries is opened."""
        name = nodes[0][0].name if nodes else ""
        if name == "aarq":
            return replace(
                self,
                client_title=find_octets(nodes, "calling_ap_title.octet_string"),
                context=last_arc(find_octets(nodes, "application_context_name.object_identifier")),
                mechanism=last_arc(find_octets(nodes, "mechanism_name")) or 0,
                client_challenge=find_octets(nodes, "calling_authentication_value.charstring"),
                server_challenge=None,
                proposed_conformance=None,
                negotiated_conformance=None,
                dedicated_key=None,
            )
        if name == "aare":
            mechanism = last_arc(find_octets(nodes, "mechanism_name"))
            context = last_arc(find_octets(nodes, "application_context_name.object_identifier"))
            return replace(
                self,
                server_title=find_octets(nodes, "responding_ap_title.octet_string") or self.server_title,
                server_challenge=find_octets(nodes, "responding_authentication_value.charstring"),
                context=self.context if self.context is not None else context,
                mechanism=self.mechanism if self.mechanism is not None else mechanism,
                result=find_int(nodes, "result.integer"),
                diagnostic=find_int(nodes, "result_source_diagnostic.integer"),
            )
        return self

    def counted(self, direction: str, counter: int) -> Association:
        """The state behind a protected APDU of one side."""
        place = _COUNTERS.get(direction)
        if place is None:
            return self
        values = list(_values(self))  # half the time of `replace`, which counts for something with every ciphered APDU
        values[place] = counter
        return Association(*values)

    def after(self, event: str) -> Association:
        """The state behind an event of the association; see the table."""
        return replace(self, state=ASSOCIATION.get((self.state, event), self.state))

    def after_initiate(self, nodes: list[RawNode]) -> Association:
        """What an opened InitiateRequest or InitiateResponse proposes and settles."""
        name = nodes[0][0].name if nodes else ""
        bits = find_int(nodes, "bits")
        if name == "initiate-request":
            return replace(
                self,
                dedicated_key=find_octets(nodes, "dedicated_key"),
                proposed_conformance=bits,
                proposed_version=find_int(nodes, "proposed_dlms_version_number"),
                client_max_pdu=find_int(nodes, "client_max_receive_pdu_size"),
            )
        if name == "initiate-response":
            return replace(
                self,
                negotiated_conformance=bits,
                server_max_pdu=find_int(nodes, "server_max_receive_pdu_size"),
                vaa_name=find_int(nodes, "vaa_name"),
            )
        return self


_NAMES = tuple(one.name for one in fields(Association))
_COUNTERS = {"client": _NAMES.index("client_counter"), "meter": _NAMES.index("server_counter")}
_values = attrgetter(*_NAMES)


def acse_event(nodes: list[RawNode]) -> str:
    """The event that an ACSE APDU is: aarq, accepted, accepted-pending, rejected, rlrq, rlre; empty for others."""
    name = nodes[0][0].name if nodes else ""
    if name != "aare":
        return name if name in ("aarq", "rlrq", "rlre") else ""
    if find_int(nodes, "result.integer") != 0:
        return "rejected"
    pending = find_int(nodes, "result_source_diagnostic.integer") == AUTHENTICATION_REQUIRED
    return "accepted-pending" if pending else "accepted"


def parameters_of(nodes: list[RawNode]) -> LinkParameters:
    """The negotiation parameters in the information field of SNRM or UA; absent ones have their defaults."""
    default = LinkParameters()

    def value(name: str, otherwise: int) -> int:
        found = find_int(nodes, name)
        return otherwise if found is None else int(found)

    return LinkParameters(
        value("max_information_field_length_transmit", default.transmit_length),
        value("max_information_field_length_receive", default.receive_length),
        value("window_size_transmit", default.transmit_window),
        value("window_size_receive", default.receive_window),
        given=find_raw(nodes, "information") is not None,
    )


def last_arc(identifier: bytes | None) -> int | None:
    """The last octet of an object identifier, which numbers contexts and mechanisms."""
    return identifier[-1] if identifier else None


def hls_answer(nodes: list[RawNode]) -> tuple[bool, bytes | None]:
    """Whether this can answer reply_to_HLS_authentication, and the value that the meter proves itself with, if any."""
    name = nodes[0][0].name if nodes else ""
    if name == "action-response":
        return True, find_octets(nodes, "return_parameters.octet-string")
    if name == "read-response":
        return True, find_octets(nodes, "results.data.octet-string")
    return False, None


def is_hls_reply(nodes: list[RawNode]) -> bytes | None:
    """The value that reply_to_HLS_authentication carries, or None: an ACTION of the Association LN (class 15), or the
    method of the current Association SN (class 12) read with a parameter."""
    if nodes and nodes[0][0].name == "read-request" and find_int(nodes, "variable_name") == REPLY_TO_HLS_SN:
        return find_octets(nodes, "parameterized-access.parameter.octet-string")
    if not nodes or nodes[0][0].name != "action-request":
        return None
    if (find_int(nodes, "class_id"), find_int(nodes, "method_id")) != (15, 1):
        return None
    return find_octets(nodes, "method_invocation_parameters.octet-string")
