"""The difference of two traces as one HTML file: messages side by side, the fields that matter beneath each pair."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.comparison import Diff, Pair
from analyzer.message import Message
from analyzer.report.diff_text import LEGEND, SIGNS, grouped, headline, short, summed
from analyzer.report.html_message import details, line
from analyzer.report.html_page import Mask, page, safe

MOST_TREES = 300  # messages of a side that open to their trees


def render(
    result: Diff,
    a_name: str,
    b_name: str,
    a_messages: Sequence[Message],
    b_messages: Sequence[Message],
    mask: Mask | None = None,
) -> str:
    """A whole page: the table, then both traces to look into."""
    cover = mask or (lambda text: text)
    parts = [f"<h1>{safe(a_name, cover)} against {safe(b_name, cover)}</h1>\n"]
    parts.append(table(result, a_name, b_name, a_messages, b_messages, cover, ("a", "b")))
    for anchor, name, messages in (("a", a_name, a_messages), ("b", b_name, b_messages)):
        parts.append(f"<h2>{safe(name, cover)}</h2>\n")
        parts += [details(message, (), anchor, cover) for message in messages[:MOST_TREES]]
        if len(messages) > MOST_TREES:
            parts.append(f'<p class="dim">{len(messages) - MOST_TREES} more messages are not shown here.</p>\n')
    return page(f"{a_name} against {b_name}", parts, cover)


def table(
    result: Diff,
    a_name: str,
    b_name: str,
    a_messages: Sequence[Message],
    b_messages: Sequence[Message],
    mask: Mask,
    anchors: tuple[str, str],
) -> str:
    """The pairs as a table; messages link to where the page has them, by the anchors of both traces ("": not in it)."""
    by_number = {m.number: m for m in a_messages}, {m.number: m for m in b_messages}
    rows = [
        f"<p>{safe(headline(result, a_name, b_name), mask)}</p>\n"
        f'<table class="diff"><tr><th>{safe(a_name, mask)}</th><th class="sign"></th><th>{safe(b_name, mask)}</th></tr>\n'
    ]
    for pair in result.pairs:
        cells_ = [
            _cell(by_number[n].get(number), anchors[n], mask) if number is not None else '<span class="dim">-</span>'
            for n, number in enumerate((pair.a, pair.b))
        ]
        sign = f'<td class="sign" title="{pair.status}">{safe(SIGNS[pair.status], str)}</td>'
        rows.append(f'<tr class="{pair.status}"><td>{cells_[0]}</td>{sign}<td>{cells_[1]}</td></tr>\n')
        rows.append(_fields(pair, mask))
    rows.append(f'</table>\n<p class="dim">{safe(LEGEND, str)}</p>\n')
    return "".join(rows)


def _cell(message: Message | None, anchor: str, mask: Mask) -> str:
    if message is None:
        return '<span class="dim">-</span>'
    said = line(message, (), anchor, mask)
    return f'<a href="#{anchor}m{message.number}">{said}</a>' if anchor else said


def _fields(pair: Pair, mask: Mask) -> str:
    rows = []
    for row in grouped([row for row in pair.fields if row.status == "different"]):
        name = f"<strong>{safe(short(row.path), mask)}</strong>"
        why = f' <span class="dim">{safe(row.why, mask)}</span>' if row.why else ""
        rows.append(f'<tr class="fields"><td colspan="3">{name}{why}</td></tr>\n')
        if not row.why:  # a list of bits, of one side alone
            rows.append(f'<tr class="fields"><td colspan="3">{safe(row.a or "", mask)}</td></tr>\n')
            continue
        a, b = (safe(text or "-", mask) for text in (row.a, row.b))
        rows.append(f'<tr class="fields"><td class="a">{a}</td><td></td><td class="b">{b}</td></tr>\n')
    expected = [row.path for row in pair.fields if row.status == "expected"]
    if expected:
        said = f"as two healthy runs: {summed(expected)}"
        rows.append(f'<tr><td colspan="3" class="dim">~ {safe(said, mask)}</td></tr>\n')
    return "".join(rows)
