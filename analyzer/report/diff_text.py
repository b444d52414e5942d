"""The difference of two traces for people: messages side by side, the fields that matter beneath, the rest in a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from analyzer.comparison import BIT, Diff, Faced, FieldDifference, Pair, Totals, totals_of, with_messages
from analyzer.facing import APDU_NAMES
from analyzer.message import Message
from analyzer.report.colors import Palette, palette
from analyzer.report.summary import summary
from grammars.readings import escaped

SIGNS = {"same": "=", "expected": "~", "different": "!", "only-a": "<", "only-b": ">"}
ARROWS = {"client": "-->", "meter": "<--", "unknown": "---"}
GAP = "(no counterpart)"
NARROWEST, SIDE_BY_SIDE = 60, 100  # columns
LEGEND = "=  same   ~  differs as two healthy runs do   !  differs   <  >  on one side only"
FOLLOWING = {
    "header_check_sequence": "check sequences",
    "frame_check_sequence": "check sequences",
    "length": "lengths",
    "count": "counts",
    "tag": "tags",
    "presence": "presence flags",
}


def render(
    result: Diff,
    a_name: str,
    b_name: str,
    a_messages: Sequence[Message],
    b_messages: Sequence[Message],
    color: bool = False,
    width: int = 100,
) -> str:
    """Both traces as text of `width` columns: side by side where there is room, else one above the other."""
    faced, counts = with_messages(result, a_messages, b_messages), (len(a_messages), len(b_messages))
    return "".join(pieces(faced, totals_of(result), (a_name, b_name), counts, color, width))


def pieces(
    faced: Iterable[Faced],
    totals: Totals,
    names: tuple[str, str],
    counts: tuple[int, int],
    color: bool = False,
    width: int = 100,
) -> Iterator[str]:
    """The same as texts, one for each pair. `counts` are the messages of each side. The totals stand first if they are
    complete, else, counted while the pairs pass, in the last line."""
    names = escaped(names[0]), escaped(names[1])
    page = _Page(palette(color), max(width, NARROWEST), max(counts))
    totals_first = totals.complete
    page.heading(headline(totals, *names) if totals_first else opening(names, counts), names)
    yield page.written()
    for one in faced:
        page.pair(one.pair, one.a, one.b)
        yield page.written()
    last = [] if totals_first else ["", headline(totals, *names)]
    page.lines += [
        "",
        *(page.colors.dim(line) for line in textwrap.wrap(LEGEND, page.width, drop_whitespace=True)),
        *last,
    ]
    yield page.written()


def short(path: str) -> str:
    """A path from the innermost APDU on, which is how people speak of a field."""
    parts = path.split(".")
    start = max((n for n, part in enumerate(parts) if part in APDU_NAMES), default=0)
    if parts[0] == "information" and start == 0 and len(parts) > 1:
        start = 1
    return ".".join(parts[start:])


def grouped(fields: Sequence[FieldDifference]) -> Iterator[FieldDifference]:
    """Bits of one group in one line, behind the group itself."""
    bits: dict[str, list[FieldDifference]] = {}
    for field in fields:
        if field.why == BIT:
            bits.setdefault(field.path.rpartition(".")[0], []).append(field)
    known = {field.path for field in fields}
    for field in fields:
        parent = field.path if field.path in bits else field.path.rpartition(".")[0]
        if field.why != BIT:
            yield field
        if parent in bits and (parent not in known or field.path == parent):
            own = bits.pop(parent)
            for side, value in (("left", "a"), ("right", "b")):
                names = [f.path.rpartition(".")[2] for f in own if (getattr(f, value) or "").startswith("1")]
                if names:
                    listed = ", ".join(names)
                    yield FieldDifference(f"{parent}, only on the {side}", listed, listed, "different", "")


class _Page:
    """The lines of the report while they are written."""

    def __init__(self, colors: Palette, width: int, messages: int) -> None:
        self.colors, self.width = colors, width
        self.number = max(3, len(str(messages))) + 1
        self.wide = width >= SIDE_BY_SIDE
        self.column = (width - 2 * self.number - 7) // 2 if self.wide else width - self.number - 7
        self.lead = " " * (self.number + 3)
        self.lines: list[str] = []

    def written(self) -> str:
        """The lines since the last time."""
        text = "".join(f"{line}\n" for line in self.lines)
        self.lines = []
        return text

    def heading(self, first_line: str, names: tuple[str, str]) -> None:
        """What is compared, and the names over the columns."""
        self.lines += [first_line, ""]
        left, right = names[0][: self.column], names[1][: self.column]
        if self.wide:
            head = f"{'':{self.number}} {left:<{self.column}}   {'':{self.number}} {right}"
            self.lines.append(self.colors.strong(head))
        else:
            self.lines += [self.colors.strong(f"{'':{self.number}} {'a':>3} {left}")]
            self.lines += [self.colors.strong(f"{'':{self.number}} {'b':>3} {right}")]

    def pair(self, pair: Pair, a: Message | None, b: Message | None) -> None:
        """The two messages, then what differs."""
        sign = SIGNS[pair.status]
        paint = {"!": self.colors.error, "<": self.colors.warning, ">": self.colors.warning}.get(sign, self.colors.dim)
        left, right = self._cell(a), self._cell(b)
        if self.wide:
            line = f"{pair.a or '':>{self.number}} {left:<{self.column}} {paint(sign)} {pair.b or '':>{self.number}} {right}"
            self.lines.append(line.rstrip())
        else:
            cells = [(pair.a, "a", left), (pair.b, "b", right)]
            if left == right and pair.a == pair.b:
                cells = [(pair.a, "", left)]
            for n, (number, side, cell) in enumerate(cells):
                mark = paint(sign) if n == 0 else " "
                self.lines.append(f"{number or '':>{self.number}} {mark} {side:1} {cell}")
        for field in grouped([field for field in pair.fields if field.status == "different"]):
            self.field(field)
        expected = [field.path for field in pair.fields if field.status == "expected"]
        if expected:
            self.lines.append(self.colors.dim(self._cut(f"{self.lead}~ {summed(expected)}", self.width)))

    def field(self, field: FieldDifference) -> None:
        """A field that matters: where, what it is on either side, why."""
        name, room = short(field.path), self.width - len(self.lead) - 2
        name = name if len(name) <= room else "..." + name[3 - room :]
        mark = f"{self.lead}{self.colors.error('!')} {self.colors.strong(name)}"
        if len(self.lead) + len(name) + len(field.why) + 4 <= self.width:
            self.lines.append(f"{mark}  {self.colors.dim(field.why)}" if field.why else mark)
        else:
            self.lines += [mark, *(self.colors.dim(line) for line in self._wrapped(field.why, "    "))]
        if not field.why:  # a list of bits
            self.lines += self._wrapped(field.a or "", "    ")
            return
        a, b = escaped(field.a or "-"), escaped(field.b or "-")
        half = (self.width - len(self.lead) - 7) // 2
        if len(a) <= half and len(b) <= half:
            self.lines.append(f"{self.lead}    {a:<{half}} | {b}".rstrip())
        else:
            self.lines += self._wrapped(a, "    ") + self._wrapped(b, "  | ")

    def _wrapped(self, text: str, lead: str) -> list[str]:
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=self.lead + lead,
            subsequent_indent=self.lead + "    ",
            break_on_hyphens=False,
        )

    def _cell(self, message: Message | None) -> str:
        text = f"{ARROWS[message.direction]} {escaped(summary(message))}" if message is not None else GAP
        return self._cut(text, self.column)

    @staticmethod
    def _cut(text: str, room: int) -> str:
        return text if len(text) <= room else text[: max(0, room - 3)] + "..."


def opening(names: tuple[str, str], counts: tuple[int, int]) -> str:
    """One line: what is compared, where it is not known yet how much differs."""
    sides = [f"{count:,} messages of {name}" for name, count in zip(names, counts, strict=True)]
    return f"{sides[0]} against {sides[1]}. The last line says how many differ, and where first."


def headline(totals: Totals, a_name: str, b_name: str) -> str:
    """One line: how many messages differ, and where first."""
    first = totals.first_divergence
    if first is None:
        return f"No difference that matters in {totals.pairs:,} pairs of messages."
    alone = totals.alone
    counted = f"{totals.differing:,} of {totals.pairs:,} pairs of messages differ"
    counted += f", {alone:,} {'has' if alone == 1 else 'have'} no counterpart" if alone else ""
    places = [f"message {number} of {name}" for number, name in ((first.a, a_name), (first.b, b_name)) if number]
    names = list(dict.fromkeys(short(field.path) for field in first.fields if field.status == "different"))
    what = f" ({names[0]}{' ...' if len(names) > 1 else ''})" if names else ""
    return f"{counted}. First divergence: {' and '.join(places)}{what}."


def summed(paths: Sequence[str]) -> str:
    """What differs as expected, each name once: what is drawn or counted first, what only follows last."""
    names = [path.rpartition(".")[2].partition("[")[0] for path in paths]
    names = [FOLLOWING.get(name, name) for name in names]
    return ", ".join(sorted(dict.fromkeys(names), key=lambda name: name in FOLLOWING.values()))
