"""Opening and closing an association: AARQ, AARE, the initiate APDUs, release."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.octets import element, string

OID = bytes.fromhex("6085740508")
LOGICAL_NAMES, SHORT_NAMES = 0x007E1F, 0x1C0320
BLOCK_TRANSFER = 0x200000  # general block transfer
GENERAL_PROTECTION = 0x400000
ACCESS = 0x000040


@dataclass
class Proposal:
    """What the client asks for, and what the meter makes of it. A fault changes a field."""

    short_names: bool
    ciphered: bool
    mechanism: int
    conformance: int
    granted: int
    client_pdu: int
    server_pdu: int
    version: int = 6
    context: int | None = None  # in the AARQ, None: the right one
    requirements: bool = True  # sender-acse-requirements and mechanism-name
    calling_title: bool = True

    @property
    def context_name(self) -> int:
        return (2 if self.short_names else 1) + (2 if self.ciphered else 0)


def aarq(proposal: Proposal, title: bytes, challenge: bytes, initiate: bytes) -> bytes:
    context = proposal.context or proposal.context_name
    body = element(0xA1, element(6, OID + bytes([1, context])))
    if title and proposal.calling_title:
        body += element(0xA6, element(4, title))
    if proposal.mechanism:
        if proposal.requirements:
            body += bytes.fromhex("8A020780") + element(0x8B, OID + bytes([2, proposal.mechanism]))
        body += element(0xAC, element(0x80, challenge))
    return element(0x60, body + element(0xBE, element(4, initiate)))


def aare(
    proposal: Proposal, title: bytes, challenge: bytes, initiate: bytes, result: int = 0, diagnostic: int | None = None
) -> bytes:
    high = proposal.mechanism > 1
    said = (14 if high else 0) if diagnostic is None else diagnostic
    body = element(0xA1, element(6, OID + bytes([1, proposal.context_name])))
    body += element(0xA2, bytes([2, 1, result])) + element(0xA3, element(0xA1, bytes([2, 1, said])))
    if title:
        body += element(0xA4, element(4, title))
    if high and not result:
        body += bytes.fromhex("88020780") + element(0x89, OID + bytes([2, proposal.mechanism]))
        body += element(0xAA, element(0x80, challenge))
    return element(0x61, body + element(0xBE, element(4, initiate)))


def initiate_request(proposal: Proposal, dedicated: bytes) -> bytes:
    key = b"\x01" + string(dedicated) if dedicated else b"\x00"
    return (
        b"\x01" + key + b"\x00\x00" + bytes([proposal.version]) + _conformance(proposal.conformance)
        + proposal.client_pdu.to_bytes(2, "big")
    )  # fmt: skip


def initiate_response(proposal: Proposal) -> bytes:
    name = 0xFA00 if proposal.short_names else 7
    return (
        b"\x08\x00\x06" + _conformance(proposal.granted) + proposal.server_pdu.to_bytes(2, "big")
        + name.to_bytes(2, "big")
    )  # fmt: skip


def _conformance(bits: int) -> bytes:
    return bytes.fromhex("5F1F0400") + bits.to_bytes(3, "big")
