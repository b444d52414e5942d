"""Blocks of long requests and answers, joined: GET, SET, ACTION, read with data blocks, and general block transfer.

Blocks are numbered from 1. One that comes twice counts once, and one that comes late still counts; a transfer is joined
when its last block and all before it are there. A block 1 begins a new transfer. What a capture that begins in the
middle has of a transfer is never joined. Sizes are bounded, since a stream may never end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from analyzer.frame import fits
from analyzer.model import Span
from grammars.action import ACTION_RESPONSE_WITH_OPTIONAL_DATA
from grammars.data import DATA
from grammars.get import GET_DATA_RESULT
from grammars.kit.choices import Counted
from grammars.kit.spec import RawNode, find_int, find_raw, holes_in
from grammars.parse import Parsed, parse
from grammars.sn import READ_REQUEST, READ_RESPONSE, WRITE_REQUEST

LONGEST = 4 << 20  # octets of one transfer
OPEN = 64  # transfers at once
LAST = 0x80  # of block control

VALUES, RESULTS = Counted(DATA), Counted(GET_DATA_RESULT)
RESPONSES = Counted(ACTION_RESPONSE_WITH_OPTIONAL_DATA)
# What the joined octets of each service are; the first that fits them whole.
CONTENTS: dict[str, tuple[Any, ...]] = {
    "get-response": (DATA, RESULTS),
    "set-request": (DATA, VALUES),
    "action-request": (DATA, VALUES),
    "action-response": (DATA, GET_DATA_RESULT, ACTION_RESPONSE_WITH_OPTIONAL_DATA, RESPONSES),
    "read-response": (READ_RESPONSE, DATA),
    "read-request": (READ_REQUEST, WRITE_REQUEST),
}


class Block(NamedTuple):
    """One block as an APDU carries it: its number, whether it is the last, the node with its octets."""

    number: int
    last: bool
    node: RawNode


class Joined(NamedTuple):
    """The octets of a whole transfer and where they came from."""

    data: bytes
    sources: tuple[Span, ...]


@dataclass(slots=True)
class _Transfer:
    blocks: dict[int, tuple[bytes, Span]] = field(default_factory=dict)
    last: int | None = None
    size: int = 0


class Taken(NamedTuple):
    """What a block changed: the transfer, its number, whether it was there before, and which was known as the last."""

    key: object
    transfer: _Transfer
    number: int
    known: bool
    last: int | None


def block_in(name: str, nodes: list[RawNode]) -> Block | None:
    """The block that an APDU of this name carries, None if it carries none."""
    found = next((node for node in holes_in(nodes) if node[0].hole == "block" and isinstance(node[3], bytes)), None)
    if found is None:
        return None
    number = find_int(nodes, "block_number")
    if name == "general-block-transfer":
        control = find_int(nodes, "block_control")
        # A block without octets is an acknowledgement of the other side's.
        return Block(number, bool(control & LAST), found) if number and control is not None and found[3] else None
    last = find_int(nodes, "last_block")
    return Block(number, bool(last), found) if number is not None and last is not None else None


def content_of(name: str, data: bytes) -> Parsed | None:
    """What the joined octets of a service are; None where nothing fits them whole."""
    for grammar in CONTENTS.get(name, ()):
        parsed = parse(grammar, data)
        if fits(parsed) and find_raw(parsed.nodes, "unknown-apdu") is None:
            return parsed
    return None


class Transfers:
    """The transfers that are under way, each under a key that its sender and service make."""

    def __init__(self) -> None:
        self._open: dict[object, _Transfer] = {}
        self.taken: list[Taken] = []  # what the blocks of the message that is being read changed

    def add(self, key: object, block: Block, source: Span) -> Joined | None:
        """Takes a block; the whole, when this one completes it."""
        data = bytes(block.node[3])
        transfer = self._open.get(key)
        if transfer is None or self._begins_anew(transfer, block, data):
            if block.number != 1:
                return None
            transfer = self._open[key] = _Transfer()
            while len(self._open) > OPEN:
                self._open.pop(next(iter(self._open)))
        self.taken.append(Taken(key, transfer, block.number, block.number in transfer.blocks, transfer.last))
        if block.number not in transfer.blocks:
            transfer.blocks[block.number] = (data, source)
            transfer.size += len(data)
        if block.last:
            transfer.last = block.number
        if transfer.size > LONGEST:
            del self._open[key]
            return None
        if transfer.last is None or any(n not in transfer.blocks for n in range(1, transfer.last + 1)):
            return None
        del self._open[key]
        rows = [transfer.blocks[n] for n in range(1, transfer.last + 1)]
        return Joined(b"".join(octets for octets, _ in rows), tuple(span for _, span in rows))

    def give_back(self, taken: list[Taken]) -> None:
        """Takes blocks out again that came damaged, and that their sender brings anew."""
        for one in reversed(taken):
            if not one.known and one.number in one.transfer.blocks:
                one.transfer.size -= len(one.transfer.blocks.pop(one.number)[0])
            one.transfer.last = one.last
            self._open[one.key] = one.transfer

    @staticmethod
    def _begins_anew(transfer: _Transfer, block: Block, data: bytes) -> bool:
        return block.number == 1 and 1 in transfer.blocks and transfer.blocks[1][0] != data
