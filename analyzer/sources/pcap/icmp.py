"""What routers and hosts answer instead of passing a packet on: ICMP "destination unreachable" about a packet to a meter.

Sources: RFC 792 and 1812 (codes), RFC 4443, 3.1 (ICMPv6). Behind its own 8 octets the message has the header of the packet
that was refused, and at least the first 8 octets behind that, where the ports are.
"""

from __future__ import annotations

from ipaddress import ip_address

ICMP, ICMP6 = 1, 58  # protocol numbers
UNREACHABLE, UNREACHABLE6 = 3, 1  # types
CODES = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable: nobody listens there",
    9: "prohibited by a firewall",
    10: "prohibited by a firewall",
    13: "prohibited by a firewall",
}
CODES6 = {
    0: "no route",
    1: "prohibited by a firewall",
    3: "address unreachable",
    4: "port unreachable: nobody listens there",
}
TRANSPORTS = {6: "TCP", 17: "UDP"}


def refusal(protocol: int, source: bytes, data: bytes, at: int, port: int) -> str | None:
    """What an ICMP message at `at` says of a packet to `port`; None for other messages and packets."""
    six = protocol == ICMP6
    if len(data) < at + 8 or data[at] != (UNREACHABLE6 if six else UNREACHABLE):
        return None
    head = at + 8
    said = (CODES6 if six else CODES).get(data[at + 1])
    if said is None or len(data) < head + (48 if six else 28):
        return None
    behind = head + (40 if six else (data[head] & 15) * 4)
    transport = TRANSPORTS.get(data[head + (6 if six else 9)])
    ports = data[behind : behind + 4]
    if transport is None or len(ports) < 4 or int.from_bytes(ports[2:], "big") != port:
        return None
    size, place = (16, head + 8) if six else (4, head + 12)
    ends = [str(ip_address(data[start : start + size])) for start in (place, place + size)]
    to = f"[{ends[1]}]:{port}" if six else f"{ends[1]}:{port}"
    return f"{transport} from {ends[0]} to {to}: {ip_address(source)} answers {said}"
