"""The difference of two traces as one HTML file: messages side by side, the fields that matter beneath each pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from analyzer.comparison import Diff, Faced, Pair, Totals, totals_of, with_messages
from analyzer.message import Message
from analyzer.report import html_page
from analyzer.report.diff_text import LEGEND, SIGNS, grouped, headline, opening, short, summed
from analyzer.report.html_message import details, line
from analyzer.report.html_page import Mask, safe

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
    faced, counts = with_messages(result, a_messages, b_messages), (len(a_messages), len(b_messages))
    names, messages = (a_name, b_name), (a_messages, b_messages)
    return "".join(pieces(faced, totals_of(result), names, counts, messages, mask))


def pieces(
    faced: Iterable[Faced],
    totals: Totals,
    names: tuple[str, str],
    counts: tuple[int, int],
    messages: tuple[Iterable[Message], Iterable[Message]],
    mask: Mask | None = None,
) -> Iterator[str]:
    """The same piece by piece. `counts` are the messages of each side. The totals stand over the table if they are
    complete, else, counted while the pairs pass, beneath it."""
    cover = mask or (lambda text: text)
    title = f"{names[0]} against {names[1]}"
    return html_page.pieces(title, _parts(faced, totals, names, counts, messages, cover), cover)


def _parts(
    faced: Iterable[Faced],
    totals: Totals,
    names: tuple[str, str],
    counts: tuple[int, int],
    messages: tuple[Iterable[Message], Iterable[Message]],
    mask: Mask,
) -> Iterator[str]:
    yield f"<h1>{safe(names[0], mask)} against {safe(names[1], mask)}</h1>\n"
    yield from table(faced, totals, names, counts, mask, ("a", "b"))
    for anchor, name, count, own in zip(("a", "b"), names, counts, messages, strict=True):
        yield f"<h2>{safe(name, mask)}</h2>\n"
        for message in islice(own, MOST_TREES):
            yield details(message, (), anchor, mask)
        if count > MOST_TREES:
            yield f'<p class="dim">{count - MOST_TREES:,} more messages are not shown here.</p>\n'


def table(
    faced: Iterable[Faced],
    totals: Totals,
    names: tuple[str, str],
    counts: tuple[int, int],
    mask: Mask,
    anchors: tuple[str, str],
) -> Iterator[str]:
    """The pairs as a table; messages link to where the page has them, by the anchors of both traces ("": not in it)."""
    totals_first = totals.complete
    yield f"<p>{safe(headline(totals, *names) if totals_first else opening(names, counts), mask)}</p>\n"
    heads = [f"<th>{safe(name, mask)}</th>" for name in names]
    yield f'<table class="diff"><tr>{heads[0]}<th class="sign"></th>{heads[1]}</tr>\n'
    for pair, a, b in faced:
        sign = f'<td class="sign" title="{pair.status}">{safe(SIGNS[pair.status], str)}</td>'
        cells = _cell(a, anchors[0], mask), _cell(b, anchors[1], mask)
        yield f'<tr class="{pair.status}"><td>{cells[0]}</td>{sign}<td>{cells[1]}</td></tr>\n{_fields(pair, mask)}'
    yield f'</table>\n<p class="dim">{safe(LEGEND, str)}</p>\n'
    if not totals_first:
        yield f"<p>{safe(headline(totals, *names), mask)}</p>\n"


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
