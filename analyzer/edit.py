"""Fields of a message set by their dotted paths, and the frame built again: lengths, check sequences, tags.

Paths are those of the JSON tree; a part may leave levels out. Content of ciphered APDUs is reached where the keys
open it, and sealed again under the same counter, unless the counter is set too. What building computes cannot be set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message
from analyzer.model import Node
from analyzer.paths import located
from analyzer.rebuild import AnyChange, Change, FrameChange, NotBuildable, Rebuilt, rebuild
from analyzer.tree import tree_of
from grammars.kit.primitives import Bits, Extended, Sized
from grammars.kit.spec import RawNode, Spec, walk_raw

COMPUTED = frozenset({
    "header_check_sequence", "frame_check_sequence", "checksum", "authentication_tag", "ciphered_text", "tag", "length",
    "length_repeated", "count", "presence", "marker", "block_check_character", "crc",
})  # fmt: skip


class EditError(ValueError):
    """A field that cannot be set so. One line: the path, what was expected, what was found."""


def edited(message: Message, settings: Sequence[tuple[str, str]], keys: KeyProvider) -> Rebuilt:
    """The frame of a message with fields set: (path, value as typed) each. Raises EditError, NotBuildable."""
    tree = tree_of(message)
    changes = [_change(message, tree, path, text) for path, text in settings]
    return rebuild(message, changes, keys)


def _change(message: Message, tree: Node, path: str, text: str) -> AnyChange:
    found = located(tree, path)
    if found is None:
        closed = any(part.sealed is not None and part.sealed.plaintext is None for part in _layers(message))
        where = f"in what could be opened of message {message.number}; give its keys" if closed else ""
        raise EditError(f"{path}: there is no such field {where or f'in message {message.number}'}")
    whole, node = found
    if node.name in COMPUTED:
        raise EditError(f"{path}: {node.name} is computed when the frame is built")
    for layer in _layers(message):
        raw = _raw(layer.nodes, node) if layer.buffer == node.buffer else None
        if raw is not None:
            return Change(layer.name, _setter(raw, _value(raw, node, text, path), layer))
    raw = _raw(message.frames[0].parsed.nodes, node) if node.buffer == 0 else None
    if raw is None:
        raise EditError(f"{path}: {whole} cannot be set by itself; set a field inside or around it")
    return FrameChange(_setter(raw, _value(raw, node, text, path), None))


def _layers(message: Message) -> Iterator[Layer]:
    return message.layer.walk() if message.layer else iter(())


def _raw(nodes: list[RawNode], node: Node) -> RawNode | None:
    """The raw node that a node of the tree shows; for a part of a bit group, the group."""
    for raw in walk_raw(nodes):
        if (raw[1], raw[2]) != (node.start, node.end):
            continue
        if raw[0].name == node.name:
            return raw
        if node.bits is not None and raw[0].parts is not None and isinstance(raw[3], int):
            return raw
    return None


def _setter(target: RawNode, value: Any, layer: Layer | None) -> Any:
    """A change of exactly one node, found again by its place and name."""

    def put(nodes: list[RawNode]) -> list[RawNode]:
        made = []
        for node in nodes:
            spec, start, end, old = node
            if spec is target[0] and (start, end) == (target[1], target[2]):
                made.append((spec, start, end, value))
            elif isinstance(old, list) and start <= target[1] and target[2] <= end:
                made.append((spec, start, end, put(old)))
            else:
                made.append(node)
        return made

    return put


def _value(raw: RawNode, node: Node, text: str, path: str) -> Any:
    """The value that a text means for a field, by the field's own kind."""
    spec, _, _, old = raw
    if node.bits is not None:
        first, width = node.bits
        number = _number(text, path, _symbols(spec, node.name))
        if not 0 <= number < 1 << width:
            raise EditError(f"{path}: expected a number of {width} bits, found {text}")
        shift = (node.end - node.start) * 8 - first - width
        return old & ~(((1 << width) - 1) << shift) | number << shift
    if isinstance(old, list):
        raise EditError(f"{path}: has fields inside; set one of them")
    if isinstance(old, bool):
        return _boolean(text, path)
    if isinstance(old, Extended):
        return Extended(_number(text, path), old.octets)
    if isinstance(old, Bits):
        return _bits(text, path)
    if isinstance(old, int):
        return _sized(raw, _number(text, path, spec.symbols), path)
    if isinstance(old, float):
        try:
            return float(text)
        except ValueError:
            raise EditError(f"{path}: expected a number, found {text!r}") from None
    return _octets(text, path)


def _symbols(spec: Spec, part: str) -> dict[int, tuple[str, str]] | None:
    parts = spec.parts(0) if spec.parts else ()
    return next((p.symbols for p in parts if p.name == part), None)


def _number(text: str, path: str, symbols: dict[int, tuple[str, str]] | None = None) -> int:
    named = [value for value, (symbol, _) in (symbols or {}).items() if symbol == text]
    if named:
        return named[0]
    try:
        return int(text, 0)
    except ValueError:
        names = f", or one of {', '.join(s for s, _ in list(symbols.values())[:8])}" if symbols else ""
        raise EditError(f"{path}: expected a number, decimal or 0x..{names}; found {text!r}") from None


def _sized(raw: RawNode, number: int, path: str) -> int:
    """A number for a field of as many octets as the old one, which some fields tell and others fix."""
    old = raw[3]
    octets = old.octets if isinstance(old, Sized) else raw[2] - raw[1]
    if not -(1 << 8 * octets - 1) <= number < 1 << 8 * octets:
        raise EditError(f"{path}: {number} does not fit {octets} octet{'s' if octets != 1 else ''}")
    return Sized(number, octets) if isinstance(old, Sized) else number


def _boolean(text: str, path: str) -> bool:
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise EditError(f"{path}: expected true or false, found {text!r}")


def _bits(text: str, path: str) -> Bits:
    if not text or text.strip("01"):
        raise EditError(f"{path}: expected bits as 0 and 1, found {text!r}")
    padded = text.ljust((len(text) + 7) // 8 * 8, "0")
    return Bits(len(text), bytes(int(padded[n : n + 8], 2) for n in range(0, len(padded), 8)))


def _octets(text: str, path: str) -> bytes:
    """Octets in hexadecimal, or characters in quotes."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].encode()
    digits = text.removeprefix("0x").replace(" ", "").replace(":", "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise EditError(
            f"{path}: expected octets in hexadecimal, or characters in quotes; found {text[:40]!r}"
        ) from None


__all__ = ["EditError", "NotBuildable", "edited"]
