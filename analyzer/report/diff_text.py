"""The difference of two traces for people: messages side by side, the fields that matter beneath, the rest in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.comparison import BIT, Diff, FieldDifference, Pair
from analyzer.message import Message
from analyzer.report.colors import Palette, palette
from analyzer.report.summary import summary
from grammars.tables.apdu import APDU_TAGS

SIGNS = {"same": "=", "expected": "~", "different": "!", "only-a": "<", "only-b": ">"}
ARROWS = {"client": "-->", "meter": "<--", "unknown": "---"}
APDU_NAMES = frozenset(APDU_TAGS.values())
NUMBER = 4
GAP = "(no counterpart)"


def render(
    result: Diff,
    a_name: str,
    b_name: str,
    a_messages: Sequence[Message],
    b_messages: Sequence[Message],
    color: bool = False,
    width: int = 100,
) -> str:
    """Both traces as text of `width` columns."""
    page = _Page(palette(color), max(width, 60))
    page.heading(result, a_name, b_name)
    by_number = ({m.number: m for m in a_messages}, {m.number: m for m in b_messages})
    for pair in result.pairs:
        page.pair(
            pair,
            by_number[0].get(pair.a) if pair.a is not None else None,
            by_number[1].get(pair.b) if pair.b is not None else None,
        )
    page.lines += [
        "",
        page.colors.dim("=  same   ~  differs as two healthy runs do   !  differs   <  >  on one side only"),
    ]
    return "\n".join(page.lines) + "\n"


def short(path: str) -> str:
    """A path from the innermost APDU on, which is how people speak of a field."""
    parts = path.split(".")
    start = max((n for n, part in enumerate(parts) if part in APDU_NAMES), default=0)
    if parts[0] == "information" and start == 0 and len(parts) > 1:
        start = 1
    return ".".join(parts[start:])


def _grouped(fields: Sequence[FieldDifference]) -> Iterator[FieldDifference]:
    """Bits of one group in one line, behind the group itself."""
    bits: dict[str, list[FieldDifference]] = {}
    for field in fields:
        parent = field.path.rpartition(".")[0]
        if field.why == BIT:
            bits.setdefault(parent, []).append(field)
    for field in fields:
        if field.why == BIT:
            continue
        yield field
        own = bits.get(field.path, [])
        left = ", ".join(f.path.rpartition(".")[2] for f in own if (f.a or "").startswith("1"))
        right = ", ".join(f.path.rpartition(".")[2] for f in own if (f.b or "").startswith("1"))
        if left:
            yield FieldDifference(f"{field.path}, only on the left", left, None, "different", "")
        if right:
            yield FieldDifference(f"{field.path}, only on the right", None, right, "different", "")
    for parent, parts in bits.items():
        if all(field.path != parent for field in fields):
            yield from parts


class _Page:
    """The lines of the report while they are written."""

    def __init__(self, colors: Palette, width: int) -> None:
        self.colors, self.width = colors, width
        self.column = (width - 2 * NUMBER - 7) // 2
        self.lines: list[str] = []

    def heading(self, result: Diff, a_name: str, b_name: str) -> None:
        """How much differs, where first, and the names over the columns."""
        differing = sum(pair.status == "different" for pair in result.pairs)
        alone = sum(pair.status in ("only-a", "only-b") for pair in result.pairs)
        first = result.first_divergence
        if first is None:
            self.lines.append("No difference that matters.")
        else:
            where = " and ".join(
                f"message {number} of {name}" for number, name in ((first.a, a_name), (first.b, b_name)) if number
            )
            counted = f"{differing} of {len(result.pairs)} pairs of messages differ"
            counted += f", {alone} have no counterpart" if alone else ""
            self.lines.append(f"{counted}. First divergence: {where}.")
        left, right = a_name[: self.column], b_name[: self.column]
        head = f"{'':{NUMBER}} {left:<{self.column}}   {'':{NUMBER}} {right}"
        self.lines += ["", self.colors.strong(head)]

    def pair(self, pair: Pair, a: Message | None, b: Message | None) -> None:
        """One line for the two messages, then what differs."""
        sign = SIGNS[pair.status]
        paint = {"!": self.colors.error, "<": self.colors.warning, ">": self.colors.warning}.get(sign, self.colors.dim)
        left, right = self._cell(a), self._cell(b)
        line = f"{pair.a or '':>{NUMBER}} {left:<{self.column}} {paint(sign)} {pair.b or '':>{NUMBER}} {right}"
        self.lines.append(line.rstrip())
        matter = [field for field in pair.fields if field.status == "different"]
        for field in _grouped(matter):
            self.field(field)
        expected = [field.path.rpartition(".")[2] for field in pair.fields if field.status == "expected"]
        if matter and expected:
            names = ", ".join(dict.fromkeys(expected))
            self.lines.append(self.colors.dim(self._cut(f"{'':{NUMBER + 3}}~ {names}", self.width)))

    def field(self, field: FieldDifference) -> None:
        """A field that matters: where, what it is on either side, why."""
        lead = " " * (NUMBER + 3)
        name = short(field.path)
        room = self.width - len(lead) - 4
        self.lines.append(f"{lead}{self.colors.error('!')} {self.colors.strong(name)}  {self.colors.dim(field.why)}")
        a, b = field.a or "-", field.b or "-"
        half = (self.width - len(lead) - 7) // 2
        if len(a) <= half and len(b) <= half:
            self.lines.append(f"{lead}    {a:<{half}} | {b}".rstrip())
        else:
            self.lines.append(f"{lead}    {self._cut(a, room)}")
            self.lines.append(f"{lead}  | {self._cut(b, room)}")

    def _cell(self, message: Message | None) -> str:
        if message is None:
            return self._cut(GAP, self.column)
        return self._cut(f"{ARROWS[message.direction]} {summary(message)}", self.column)

    @staticmethod
    def _cut(text: str, room: int) -> str:
        return text if len(text) <= room else text[: max(0, room - 3)] + "..."
