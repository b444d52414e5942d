"""A message in HTML: its line, its tree with fields to click on, and the octets of all its buffers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from analyzer import hiding
from analyzer.message import Message
from analyzer.model import Finding, Node
from analyzer.report.html_page import Mask, cells, safe
from analyzer.report.summary import summary
from analyzer.shown import shown

ARROWS = {"client": "→", "meter": "←", "unknown": "·"}
ROW = 16  # octets
MOST_OCTETS = 4096  # of a buffer


def line(message: Message, findings: Sequence[Finding], anchor: str, mask: Mask) -> str:
    """What a person would say of a message, with its findings as badges."""
    badges = "".join(
        f'<a class="badge {f.severity}" href="#{anchor}f{f.id}" title="{safe(f.title, mask)}">{f.id} {f.code}</a>'
        for f in findings
    )
    time = f'<span class="dim">{safe(message.time, mask)}</span> ' if message.time else ""
    said = safe(summary(message), mask)
    sentence = f'<span class="sum">{time}{ARROWS[message.direction]} {said}</span>'
    return f'<span class="number">{message.number}</span>{sentence}{badges}'


def details(message: Message, findings: Sequence[Finding], anchor: str, mask: Mask) -> str:
    """A message that opens to its tree and its octets."""
    tree = hiding.tree(message)
    opened = " open" if any(finding.severity == "error" for finding in findings) else ""
    return (
        f'<details class="message" id="{anchor}m{message.number}"{opened}><summary>{line(message, findings, anchor, mask)}'
        f'</summary><div class="panes"><div class="tree"><ul>{_node(tree, message, mask)}</ul></div>'
        f'<div class="hexes">{_buffers(message, _covered(tree, message, mask), mask)}</div></div></details>\n'
    )


def _node(node: Node, message: Message, mask: Mask) -> str:
    value = ""
    if not node.children or node.meaning:
        value = f' <span class="value">{safe(shown(node, message.octets(node.buffer)), mask)}</span>'
    wrong = f' <span class="wrong">{safe(node.error, mask)}</span>' if node.error else ""
    title = f' title="{escape(node.doc)}"' if node.doc else ""
    inner = "".join(_node(child, message, mask) for child in node.children)
    inner = f"<ul>{inner}</ul>" if inner else ""
    place = f'data-b="{node.buffer}" data-s="{node.start}" data-e="{node.end}"'
    name = escape(node.name)
    return f'<li><span class="field" tabindex="0" {place}{title}>{name}</span>{value}{wrong}{inner}</li>'


def _covered(tree: Node, message: Message, mask: Mask) -> set[tuple[int, int]]:
    """Places (buffer, octet) of the values that are covered in the tree: a number has other digits in its octets."""
    places: set[tuple[int, int]] = set()
    for node in tree.walk():
        if node.children or node.bits is not None:
            continue
        text = shown(node, message.octets(node.buffer))
        if mask(text) != text:
            places.update((node.buffer, at) for at in range(node.start, node.end))
    if (cover := hiding.cover_of(message)) is not None:
        buffers = [(0, message.wire), *((buffer.id, buffer.data) for buffer in message.buffers)]
        places.update((number, at) for number, data in buffers for at, cell in enumerate(cover.octets(number, data))
                      if cell == "**")  # fmt: skip
    return places


def _buffers(message: Message, covered: set[tuple[int, int]], mask: Mask) -> str:
    made = [_hex(0, "as captured", message.wire, covered, mask)]
    made += [_hex(buffer.id, buffer.how, buffer.data, covered, mask) for buffer in message.buffers]
    return "".join(made)


def _hex(number: int, how: str, data: bytes, covered: set[tuple[int, int]], mask: Mask) -> str:
    shown_ = ["**" if (number, n) in covered else cell for n, cell in enumerate(cells(data[:MOST_OCTETS], mask))]
    rows = []
    for start in range(0, len(shown_), ROW):
        rows.append(f"<u>{start:04X}</u>" + "".join(f"<i>{cell}</i>" for cell in shown_[start : start + ROW]))
        missing = ROW - len(shown_[start : start + ROW])
        rows.append("<span></span>" * missing)
    more = f'<p class="dim">... {len(data) - MOST_OCTETS} more octets</p>' if len(data) > MOST_OCTETS else ""
    return f'<div class="dim">{how}, {len(data)} octets</div><div class="hex" data-b="{number}">{"".join(rows)}</div>{more}'
