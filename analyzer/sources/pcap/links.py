"""Link layers: where in a captured packet the IP datagram begins, or the octets of a serial line.

Sources: the list of link types of tcpdump.org, IEEE 802.3, 802.1Q and 802.1ad, RFC 1661 and 1662 (PPP), RFC 2516 (PPPoE),
RFC 3032 (MPLS).
"""

from __future__ import annotations

from collections.abc import Callable

# Link types by their numbers in pcap files.
NULL, ETHERNET, PPP, PPP_HDLC, LOOP, PPP_WITH_DIRECTION = 0, 1, 9, 50, 108, 204
RAW = frozenset({12, 14, 101, 228, 229})  # raw IP: of the BSDs, of everybody, IPv4 alone, IPv6 alone
COOKED, COOKED_2 = 113, 276
USB_LINUX, USB_LINUX_MMAPPED, USBPCAP = 189, 220, 249
USER = range(147, 163)  # DLT_USER0 to 15: what each means only the one who captured knows

IPV4, IPV6, VLAN, PPPOE, MPLS = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100), 0x8864, (0x8847, 0x8848)
SNAP_BELOW = 0x600  # a type field with a smaller number is a length, and the type may stand behind LLC and SNAP
NESTED = 8  # VLAN tags in a row
_IPV4_TYPE = b"\x08\x00"


def ip_start(link: int, data: bytes) -> int | None:
    """Where the IP datagram of a packet begins; None where it carries none."""
    if link == ETHERNET and data[12:14] == _IPV4_TYPE:
        return 14
    finder = _FINDERS.get(link)
    return finder(data) if finder is not None else None


def carries_ip(link: int) -> bool:
    """Whether packets of a link type may carry IP."""
    return link in _FINDERS


def _ethernet(data: bytes) -> int | None:
    return _by_type(data, 12)


def _by_type(data: bytes, at: int) -> int | None:
    """The datagram behind the type field at `at`, through VLAN tags, PPPoE and MPLS labels."""
    for _ in range(NESTED):
        kind = int.from_bytes(data[at : at + 2], "big")
        if kind in (IPV4, IPV6):
            return at + 2
        if kind in VLAN:
            at += 4
        elif kind < SNAP_BELOW and data[at + 2 : at + 8] == b"\xaa\xaa\x03\0\0\0":  # a length, LLC and SNAP, the type
            at += 8
        elif kind == PPPOE:
            return _ppp(data, at + 8)
        elif kind in MPLS:
            return _behind_labels(data, at + 2)
        else:
            return None
    return None


def _behind_labels(data: bytes, at: int) -> int | None:
    while at + 4 < len(data):
        at += 4
        if data[at - 2] & 1:  # the bottom of the stack
            return _raw(data, at)
    return None


def _ppp(data: bytes, at: int = 0) -> int | None:
    """Address and control, and the first octet of the protocol, may be left out (RFC 1661, 6.5 and 6.6)."""
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    if data[at : at + 1] == b"\0":
        at += 1
    return at + 1 if data[at : at + 1] in (b"\x21", b"\x57") else None


def _raw(data: bytes, at: int = 0) -> int | None:
    return at if len(data) > at and data[at] >> 4 in (4, 6) else None


_FINDERS: dict[int, Callable[[bytes], int | None]] = {
    ETHERNET: _ethernet,
    NULL: lambda data: _raw(data, 4),  # the address family differs between systems, the version of IP does not
    LOOP: lambda data: _raw(data, 4),
    COOKED: lambda data: _by_type(data, 14),
    COOKED_2: lambda data: _by_type(data, 0) and _raw(data, 20),
    PPP: _ppp,
    PPP_HDLC: _ppp,
    PPP_WITH_DIRECTION: lambda data: _ppp(data, 1),
    **dict.fromkeys(RAW, _raw),
}
