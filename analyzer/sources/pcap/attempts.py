"""TCP connections to a meter that never came about: refused, or not answered. Nothing of them can be decoded, but they may
be all that is wrong.

Source: RFC 9293, 3.5 and 3.10.7: a SYN for a port at which nobody listens is answered with a reset.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from analyzer.model import SourceIssue
from analyzer.sources.pcap.conversation import Conversation
from analyzer.sources.pcap.files import counted
from analyzer.sources.pcap.recognition import PORT

LISTED = 20  # pairs of ends of which this is said
REMEMBERED = 1000  # pairs of ends; a port scan has more
WAITED = 2_900_000_000  # nanoseconds: within 3 s a SYN is sent again, or the other side would have answered
ADVICE = {
    "refused": "nobody listens there, or a firewall answers",
    "silent": "the address is wrong, the meter is off, or a firewall drops it",
}


@dataclass(slots=True)
class _Attempts:
    """How often one client tried in vain."""

    refused: int = 0
    silent: int = 0


class Attempts:
    """Takes conversations that are over and remembers those that never began."""

    def __init__(self) -> None:
        self._tried: dict[tuple[str, str], _Attempts] = {}  # by client without port, and server
        self._forgotten = 0  # of those to the port of DLMS

    def note(self, conversation: Conversation, now: int | None) -> None:
        """Takes a conversation that is over, each once; `now` is the time of the last packet."""
        side = conversation.syn_side
        if side is None or conversation.count or conversation.streams[1 - side].next is not None:
            return  # it was answered, or the client goes on as if it were
        if not conversation.refused and not _waited(conversation, now):
            return  # the capture ends too early to tell
        ends = conversation.label[side].rpartition(":")[0], conversation.label[1 - side]
        found = self._tried.get(ends)
        if found is None:
            if len(self._tried) >= REMEMBERED:
                self._forgotten += conversation.ports[1 - side] == PORT
                return
            found = self._tried[ends] = _Attempts()
        if conversation.refused:
            found.refused += 1
        else:
            found.silent += 1

    def count(self, servers: Container[str]) -> int:
        """How many are named; `servers` are the ends that spoke DLMS otherwise, on any port."""
        return self._forgotten + sum(tried.refused + tried.silent for _, _, tried in self._named(servers))

    def issues(self, servers: Container[str]) -> Iterator[SourceIssue]:
        """What a reader has to know of them."""
        named = list(self._named(servers))
        for client, server, tried in named[:LISTED]:
            where = f"TCP from {client} to {server}"
            if tried.refused:
                text = f"{counted(tried.refused, 'connection')} refused (SYN answered by RST)"
                yield SourceIssue("warning", f"{where}: {text}: {ADVICE['refused']}")
            if tried.silent:
                text = f"no answer to the SYN of {counted(tried.silent, 'connection')}"
                yield SourceIssue("warning", f"{where}: {text}: {ADVICE['silent']}")
        rest = self._forgotten + sum(tried.refused + tried.silent for _, _, tried in named[LISTED:])
        if rest:
            yield SourceIssue("warning", f"{counted(rest, 'more connection')} refused or not answered")

    def _named(self, servers: Container[str]) -> Iterator[tuple[str, str, _Attempts]]:
        for (client, server), tried in self._tried.items():
            if server.endswith(f":{PORT}") or server in servers:
                yield client, server, tried


def _waited(conversation: Conversation, now: int | None) -> bool:
    """Whether an answer would have come by now: the SYN was sent again, or the capture goes on long enough."""
    first = conversation.syn_time
    return conversation.syns > 1 or (first is not None and now is not None and now - first > WAITED)
