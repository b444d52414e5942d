"""Overviews for people: a few lines on each trace, then a table for each pair of addresses, a column for each way."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from analyzer.index.overview import Counters, Link, Overview, Way
from analyzer.report import source_issues
from analyzer.report.colors import Palette, palette
from analyzer.shown import counted
from grammars.readings import escaped

NARROWEST = 72
LABEL = 11  # columns of the words in front
WHOLE = 6  # traces that are shown whole
LISTED = 50  # traces that have a line
SHOWN = 20  # pairs of addresses that have a table
Row = tuple[str, list[str]]


def render(overviews: Sequence[Overview], typed: Sequence[str], color: bool = False, width: int = 100) -> str:
    """All traces as text of at most `width` columns; where they are many, a line for each. `typed` is what to type for each
    alone."""
    page = _Page(palette(color), max(width, NARROWEST))
    if len(overviews) > WHOLE:
        return page.many(overviews, typed)
    return "\n".join(page.trace(one) for one in overviews)


class _Page:
    def __init__(self, colors: Palette, width: int) -> None:
        self.colors, self.width = colors, width

    def trace(self, one: Overview) -> str:
        heading = escaped(f"{one.trace.name}  ({one.trace.source})")
        lines = [self.colors.strong(_cut(heading, self.width))]
        for issue in source_issues.as_lines(one.trace.issues):
            lines += [self.colors.warning(line) for line in self._wrapped(issue, "  ", "    ")]
        for label, text in _about(one):
            lines += self._wrapped(text, f"  {label:<{LABEL}}", " " * (LABEL + 2))
        for link in one.links[:SHOWN]:
            lines += ["", *self._link(link, timed=len(one.links) > 1)]
        if left := one.links[SHOWN:]:
            frames = sum(link.frames for link in left)
            text = f"and {len(left):,} more pairs of addresses with {counted(frames, 'frame')}: --format json has all"
            lines += ["", *self._wrapped(text, "  ", "  ")]
        return "\n".join(lines) + "\n"

    def many(self, overviews: Sequence[Overview], typed: Sequence[str]) -> str:
        """A line for each trace, those with most frames first, and what all have together."""
        heads = ("frames", "octets", "ciphered", "damaged", "time")
        numbered = sorted(enumerate(overviews, 1), key=lambda one: -one[1].frames)
        places = _places(typed)
        rows = [(places[number - 1], one.trace.name, _cells(one)) for number, one in numbered[:LISTED]]
        rows.append(("", "all traces", _cells(*overviews)))
        widths = [max(len(head), *(len(cells[n]) for _, _, cells in rows)) + 2 for n, head in enumerate(heads)]
        lead = min(max(len(place) for place, _, _ in rows) + 2, (self.width - sum(widths)) // 2)
        room = self.width - sum(widths) - lead
        label = min(room, max(len(escaped(name)) for _, name, _ in rows))

        def line(place: str, name: str, cells: Sequence[str]) -> str:
            padded = "".join(f"{cell:>{size}}" for cell, size in zip(cells, widths, strict=True))
            return f"{_cut(place, lead - 2):<{lead}}{_cut(escaped(name), label):<{label}}{padded}".rstrip()

        issues = [line for one in overviews for line in source_issues.as_lines(one.trace.issues)]
        lines = [
            self.colors.strong(line("", f"{len(overviews):,} traces", heads)),
            *(line(*row) for row in rows[:-1]),
        ]
        if left := len(overviews) - LISTED:
            lines += [f"{'':<{lead}}and {left:,} more"] if left > 0 else []
        lines += [self.colors.strong(line(*rows[-1])), ""]
        for issue in issues[:WHOLE]:
            lines += [self.colors.warning(one) for one in self._wrapped(issue, "", "  ")]
        if len(issues) > WHOLE:
            lines.append(self.colors.warning(f"and {len(issues) - WHOLE:,} more remarks on how it was captured"))
        text = f"{typed[numbered[0][0] - 1]} shows one of them: frames, APDUs and counters of each side"
        return "\n".join([*lines, *self._wrapped(escaped(text), "", "  ")]) + "\n"

    def _wrapped(self, text: str, first: str, hang: str) -> list[str]:
        return textwrap.wrap(text, self.width, initial_indent=first, subsequent_indent=hang, break_on_hyphens=False)

    def _link(self, link: Link, timed: bool) -> Iterator[str]:
        """The table of a link."""
        heads = [way.side if way.side != "unknown" else "side unknown" for way in link.ways]
        ends = [f"{way.source} -> {way.destination}" if way.source else "no addresses" for way in link.ways]
        rows = list(_rows(link.ways))
        cells = [*zip(heads, ends, strict=True), *zip(*(values for _, values in rows), strict=True)]
        columns = [[head, end, *(values[n] for _, values in rows)] for n, (head, end) in enumerate(cells[: len(heads)])]
        widths = [max(map(len, map(escaped, column))) + 3 for column in columns]
        room = self.width - sum(widths)
        label = min(max(len(link.framing), *(len(name) for name, _ in rows)) + 2, room)

        def line(name: str, values: Sequence[str]) -> str:
            padded = "".join(f"{escaped(value):>{size}}" for value, size in zip(values, widths, strict=True))
            return f"{_cut(name, label):<{label}}{padded}".rstrip()

        yield self.colors.strong(line(f"  {link.framing if link.framing != 'none' else 'no framing'}", heads))
        yield self.colors.dim(line("", ends))
        for name, values in rows:
            yield line(f"  {name}", values)
        if timed and (times := _between(link)):
            yield from map(self.colors.dim, self._wrapped(times, "    ", "    "))


def _places(typed: Sequence[str]) -> list[str]:
    """Where each trace is: its number, if all are of one input, else the name of the input with it."""
    inputs = {one.rpartition("#")[0] for one in typed}
    if len(inputs) == 1 and "" not in inputs:
        return [f"#{one.rpartition('#')[2]}" for one in typed]
    return [escaped(one.rpartition("/")[2]) for one in typed]


def _cells(*some: Overview) -> list[str]:
    """What a line says of a trace, or of several together."""
    ciphered = sum(way.ciphered for one in some for link in one.links for way in link.ways)
    damaged = sum(one.damaged for one in some)
    times = [moment.seconds for one in some for moment in (one.first, one.last) if moment is not None]
    return [
        f"{sum(one.frames for one in some):,}", f"{sum(one.octets for one in some):,}", f"{ciphered:,}" if ciphered else "",
        f"{damaged:,}" if damaged else "", duration(max(times) - min(times)) if times else "",
    ]  # fmt: skip


def _about(one: Overview) -> Iterator[tuple[str, str]]:
    """What is said of the whole trace, each with a word in front."""
    makes = f"{counted(one.messages, 'message')}"
    yield "frames", f"{one.frames:,} in {counted(one.octets, 'octet')}, {makes}"
    if one.framings:
        yield "framing", _listed({name if name != "none" else "no framing": n for name, n in one.framings.items()})
    if one.first is not None and one.last is not None:
        span = f"{escaped(one.first.text)} to {escaped(one.last.text)}"
        seconds = one.last.seconds - one.first.seconds
        yield "time", f"{span}, {duration(seconds) if seconds >= 0 else f'the clock went back {duration(-seconds)}'}"
    if one.silence is not None:
        yield "silence", f"at most {duration(one.silence[0])}, after {escaped(one.silence[1].text)}"
    odd = [counted(one.damaged, "damaged frame")] if one.damaged else []
    odd += [f"{counted(one.stray, 'stray octet')} in {counted(one.strays, 'place')}"] if one.stray else []
    odd += [f"{counted(one.idle, 'flag')} between frames"] if one.idle else []
    odd += [counted(one.echoes, "echo", "echoes")] if one.echoes else []
    yield "damage", ", ".join(odd) if odd else "none"


def _rows(ways: Sequence[Way]) -> Iterator[Row]:
    """The rows of a table: a name, and what each way has there."""
    yield "frames", [f"{way.frames:,}" for way in ways]
    yield "octets", [f"{way.octets:,}" for way in ways]
    yield from _counts(ways, lambda way: way.kinds)
    yield from _counts(ways, lambda way: way.apdus)
    if any(way.ciphered for way in ways):
        yield "ciphered", [f"{way.ciphered:,}" if way.ciphered else "" for way in ways]
    if any(hidden := [way.ciphered - sum(one.count for one in way.counters) for way in ways]):
        yield "  counter not seen", [f"{count:,}" if count else "" for count in hidden]
    for key in dict.fromkeys(one.key for way in ways for one in way.counters):
        yield from _counters(key, [next((one for one in way.counters if one.key == key), None) for way in ways])


def _counts(ways: Sequence[Way], of: Callable[[Way], Mapping[str, int]]) -> Iterator[Row]:
    for name in dict.fromkeys(name for way in ways for name in of(way)):
        yield f"  {name}", [f"{of(way)[name]:,}" if name in of(way) else "" for way in ways]


def _counters(key: str, ways: Sequence[Counters | None]) -> Iterator[Row]:
    """The counters under one key."""

    def row(name: str, value: Callable[[Counters], int | None]) -> Row:
        values = [value(one) if one is not None else None for one in ways]
        return name, [f"{value:,}" if value is not None else "" for value in values]

    yield row(f"  counters, {key} key", lambda one: one.count)
    for control in sorted({control for one in ways if one is not None for control in one.controls}):
        yield row(f"    control 0x{control:02X}", partial(_under, control))
    yield row("    lowest", lambda one: one.lowest)
    yield row("    highest", lambda one: one.highest)
    yield row("    went back", lambda one: one.back)
    yield row("    repeated", lambda one: one.repeated)


def _under(control: int, one: Counters) -> int | None:
    return one.controls.get(control)


def _between(link: Link) -> str:
    """When the first and the last frame of a link came."""
    firsts = [way.first for way in link.ways if way.first is not None]
    lasts = [way.last for way in link.ways if way.last is not None]
    if not firsts:
        return ""
    first, last = min(firsts, key=lambda one: one.seconds), max(lasts, key=lambda one: one.seconds)
    return f"{escaped(first.text)} to {escaped(last.text)}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def duration(seconds: float) -> str:
    """A span of time with the two units that matter: 1 h 31 min, 12.3 s."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds >= 0.0009995 or not seconds else f"{seconds * 1e6:.3g} microseconds"
    whole = round(seconds)
    for unit, size, lesser, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {unit} {rest} {lesser}" if rest else f"{whole // size:,} {unit}"
    return f"{whole} s"
