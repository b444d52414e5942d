"""The lines of a log put together: which bytes make one record, whose they are, and which trace they belong to.

Every line is cleaned (`pasted`), asked whether it is a heading (`headings`), and taken apart (`loglines`), unless it is written
like one before it (`tracks`). What looked like bytes and was not taken, and what was wrong in the bytes that were, becomes a
SourceIssue.
"""

from __future__ import annotations

import re
from dataclasses import replace

from analyzer.model import Direction, Place, SourceIssue
from analyzer.patience import go_on
from analyzer.sources.dumps import SQUEEZED_IN_ALL, Dump, Row, continues, radixes_of, row_bytes, split_row, surplus
from analyzer.sources.headings import heading_in, is_rule
from analyzer.sources.hextext import read_shown
from analyzer.sources.loglines import Above, Entry, is_unbroken, names_secret, parse_line
from analyzer.sources.parts import Spool
from analyzer.sources.pasted import Line, Lines, clean, quotes_in
from analyzer.sources.payload import Flaw, Payload
from analyzer.sources.prefix import read_prefix
from analyzer.sources.serial.monitors import normalised
from analyzer.sources.text import Text
from analyzer.sources.timestamps import Stamp
from analyzer.sources.tracedraft import Draft, TraceDraft
from analyzer.sources.tracks import Tracks

ATTENDED = 64  # lines between two looks at whether anybody still waits
HELD = 4 << 20  # octets of the records of traces that are whole; beyond, they go to the temporary file
SMALL = 1 << 12  # octets of the records of one that are not worth it
_FENCES = ("```", "~~~")
_RULE_STARTS = frozenset("=-*#~_+> \t&\u00a0\ufeff")
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGIT = re.compile(r"[0-9]")
# A row of a dump: pairs, or words of two octets, which alone do not tell it from a heading.
_ROW = re.compile(
    r"(?P<indent> *)(?P<offset>[0-9A-Fa-f]{4,16}):? {1,3}"
    r"(?:(?:[0-9A-Fa-f]{2} ){2}[0-9A-Fa-f]{2}|(?P<words>[0-9A-Fa-f]{4}))(?![0-9A-Za-z])"
)
_ROW_ALONE = Entry()
_CARRIES = re.compile(
    r"(?:(?<![\w.])(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[\s,:;\-]+|$)){3}|(?<![\w.])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{12,}|\\x[0-9A-Fa-f]{2}|\bb['\"]"
)


class LogReader:
    """Reads the lines of a text one after the other; what is open is in its attributes."""

    def __init__(self, text: Text, name: str) -> None:
        self.lines = Lines(normalised(text))
        self.quotes = quotes_in(text)
        self.tracks = Tracks()
        self.spool = Spool()
        self.trace = TraceDraft(name, self.spool)
        self.done: list[TraceDraft] = []
        self.spooled = self.memory = 0  # how many of these have been looked at for the spool, and what the others take
        self.open: Draft | None = None
        self.held: Direction | None = None
        self.weak = False
        self.used = False
        self.pending: Stamp | None = None
        self.secret = False
        self.unbroken = False
        self.after_gap = True
        self.room = SQUEEZED_IN_ALL
        self.expected: dict[int, int] = {}  # the next offsets of dumps, by indentation

    def traces(self) -> list[TraceDraft]:
        """The traces that carry bytes; the issues of those that do not go to the next one that does."""
        result: list[TraceDraft] = []
        stray: list[SourceIssue] = []
        for draft in [*self.done, self.trace]:
            if len(draft.records):
                draft.issues = stray + draft.issues
                stray = []
                result.append(draft)
            else:
                stray += draft.issues
                if result:
                    result[-1].unlisted += draft.unlisted
        if stray and result:
            result[-1].issues += stray
        elif stray:
            empty = TraceDraft(self.done[0].name if self.done else self.trace.name, self.spool)
            empty.issues = stray
            result.append(empty)
        return result

    def run(self) -> None:
        for raw in self.lines:
            if self.lines.number % ATTENDED == 0:
                go_on()
            if self._quick(raw):
                continue
            text = raw.rstrip()
            if not (self.tracks.known and self._along(text)) and not self._further(text):
                self._line(clean(self.lines.number, raw, self.quotes), text)
        self._close()

    def _quick(self, raw: str) -> bool:
        """Clean hex that goes on with an open record, which is most of a big paste, without a closer look."""
        draft = self.open
        if draft is None or draft.carried or draft.dump is not None or raw[0] not in _HEX or len(raw) < 3:
            return False
        if (raw[2] not in " \r\n" and " " in raw) or "  " in raw or "\t" in raw:
            return False
        try:
            data = bytes.fromhex(raw)
        except ValueError:
            return False
        if _DIGIT.search(raw) is None or _begins_frame(draft.data, data):
            return False
        draft.data += data
        draft.width = len(raw.rstrip())
        return True

    def _along(self, text: str) -> bool:
        """A line with octets that is written like one before it, without a closer look."""
        draft = self.open
        found = self.tracks.follow(text) if draft is None or draft.dump is None else None
        if found is None:
            return False
        entry = found.entry
        if not entry.apart and (self.secret or (draft is not None and draft.carried)):
            return False
        self.secret = self.after_gap = False
        self.unbroken = entry.apart and found.unbroken
        if draft is None or entry.apart or _begins_frame(draft.data, found.data):
            draft = self._begin(Line(self.lines.number, text), found.first, entry)
        draft.data += found.data
        draft.width = len(text) - found.first
        if entry.announced is not None:
            draft.announced = entry.announced
        return True

    def _further(self, text: str) -> bool:
        """A row of a dump, the first one or the one that comes next: it is no heading, no time and no other line."""
        found = _ROW.match(text) if not self.secret else None
        if found is None or not text.isascii() or not text.isprintable() or "&" in text or "<" in text or "/*" in text:
            return False
        dump = self.open.dump if self.open is not None else None
        if dump is not None and dump.squeezed:
            return False
        if not self._comes_next(found) and (found["words"] or int(found["offset"], 16)):
            return False
        row = split_row(text, found.end("indent"))
        if row is None or (dump is None and read_shown(text) is not None):
            return False
        self.after_gap = False
        self._row(Line(self.lines.number, text), _ROW_ALONE, row)
        return True

    def _comes_next(self, row: re.Match[str] | None) -> bool:
        """Whether what looks like a row has the offset that comes next in the dump that is open."""
        dump = self.open.dump if self.open is not None else None
        return (
            row is not None and dump is not None and 16 in dump.radixes and int(row["offset"], 16) == dump.next_offset
        )

    def _line(self, line: Line, written: str) -> None:
        text = line.text
        stripped = text.strip()
        if not stripped or stripped.startswith(_FENCES) or (is_rule(stripped) and stripped != "***"):
            self._close()
            self.secret = False
            self.after_gap = True
            return
        gap, self.after_gap = self.after_gap, False
        if self.open is not None and self.open.dump is not None and self._dump_end(stripped, text):
            return
        if not self._comes_next(_ROW.match(text)):
            name = heading_in(text, gap, self._rule_below, self._traffic_below, self._is_label)
            if name is not None:
                self._begin_trace(name)
                return
        draft = self.open
        labelled = self.held is not None or self.pending is not None
        if draft is None:
            above = Above(unbroken=self.unbroken, labelled=labelled, expected=self.expected)
        else:
            above = Above(True, self.unbroken, draft.width, draft.carried, labelled, draft.dump, self.expected)
        entry = parse_line(text, above, self._below)
        if entry.payload is not None and not self.secret and text == written:
            self.tracks.learn(text, entry, entry.payload)
        self._entry(line, entry)

    def _entry(self, line: Line, entry: Entry) -> None:
        if entry.apart or entry.label:
            self.secret = False
        if self.secret and (entry.payload is not None or entry.row is not None):
            self._refuse(line, entry.payload.first if entry.payload is not None else 0, secret=True)
        elif entry.row is not None:
            self._row(line, entry, entry.row)
        elif entry.payload is not None:
            self._bytes(line, entry, entry.payload)
        else:
            if entry.label:
                self._label(entry)
            else:
                self._prose(entry)
            if entry.refused is not None:
                self._refuse(line, entry.refused, names_secret(line.text))

    def _label(self, entry: Entry) -> None:
        self._close()
        self.after_gap = False
        if entry.stamp is not None:
            self.pending = entry.stamp
        if entry.label != "time":
            self.held = entry.evidence.sender if entry.evidence is not None else "unknown"
            self.weak = entry.label == "weak"
            self.used = False

    def _prose(self, entry: Entry) -> None:
        self._close()
        self.pending = None
        if self.used or self.weak:
            self.held = None
        self.secret = entry.secret
        self.after_gap = False

    def _refuse(self, line: Line, index: int, secret: bool) -> None:
        """Tell of something that looked like bytes. What may be a key is not repeated in a message."""
        if secret:
            said = "found hex that a label calls a key, a title or a value: not taken as a record"
        else:
            shown = line.text[index : index + 24].strip()
            said = f"found {shown!r}, which looks like hex in a text that introduces no bytes: not taken as a record"
        self.trace.note("info", said, Place(line.number, line.column(index)))

    def _bytes(self, line: Line, entry: Entry, payload: Payload) -> None:
        data = payload.data
        if len(data) > 1:
            self.unbroken = entry.apart and is_unbroken(payload)
        draft = self.open
        if draft is None or entry.apart or draft.dump is not None or _begins_frame(draft.data, data):
            draft = self._begin(line, payload.first, entry)
        elif draft.carried and not payload.joined:
            self._drop_carry(draft)
        draft.carried = ""
        draft.gaps = draft.gaps or payload.elided
        self._flaws(line, draft, payload.flaws)
        self.trace.unlisted += payload.unlisted
        draft.data += data
        draft.width = len(line.text) - payload.first
        if payload.announced is not None or entry.announced is not None:
            draft.announced = payload.announced if payload.announced is not None else entry.announced
        if payload.carry is not None:
            draft.carried = payload.carried
            draft.carry_place = Place(line.number, line.column(payload.carry))
        if payload.closed:
            self._close()

    def _row(self, line: Line, entry: Entry, row: Row) -> None:
        draft = self.open
        begun = not entry.apart and draft is not None and draft.dump is not None and continues(row, draft.dump)
        if not begun or draft is None or draft.dump is None:
            draft = self._begin(line, row.first, entry)
            draft.announced = entry.announced
            draft.indent = -1 if entry.apart else row.indent
            draft.dump = Dump(row.indent, 0, radixes_of(row))
        data, flaws = row_bytes(row, draft.dump, begun, self.room)
        self.room -= max(0, len(data) - row.size)
        self._flaws(line, draft, flaws)
        draft.data += data
        if len(self.expected) > 100:
            self.expected.clear()
        self.expected[row.indent] = draft.dump.next_offset

    def _flaws(self, line: Line, draft: Draft, flaws: list[Flaw]) -> None:
        before = len(draft.data)
        for flaw in flaws:
            place = Place(line.number, line.column(flaw.index))
            self.trace.note("warning", flaw.text, place, draft.number, before + flaw.offset)

    def _begin(self, line: Line, index: int, entry: Entry) -> Draft:
        """Open a record with the direction and the time of its line, or of the labels above it."""
        self._close()
        direction: Direction = "unknown"
        if entry.evidence is not None:
            direction, self.held = entry.evidence.sender, None
        elif self.held is not None:
            direction = self.held
            self.used = True
            if self.weak:
                self.held = None
        stamp, self.pending = entry.stamp or self.pending, None
        place = Place(line.number, line.column(index))
        self.open = Draft(len(self.trace.records) + 1, place, direction, stamp)
        return self.open

    def _close(self) -> None:
        draft, self.open = self.open, None
        if draft is None:
            return
        if draft.carried:
            self._drop_carry(draft)
        if not draft.data:
            self._forget(draft)
            return
        self.trace.take(draft)
        if draft.announced is not None and draft.announced != len(draft.data) and not draft.gaps:
            said = f"expected {draft.announced} bytes, as the log says, and found {len(draft.data)}"
            self.trace.note("warning", said, draft.place, draft.number)

    def _forget(self, draft: Draft) -> None:
        """A record that came to nothing: a lone digit. What was said of it stays, without a record."""
        self.trace.issues = [
            replace(issue, record=None, offset=None) if issue.record == draft.number else issue
            for issue in self.trace.issues
        ]

    def _drop_carry(self, draft: Draft) -> None:
        said = f"expected two hex digits a byte and found {draft.carried!r} alone at the end: left out"
        self.trace.note("warning", said, draft.carry_place, draft.number, len(draft.data))
        draft.carried = ""

    def _begin_trace(self, name: str) -> None:
        self._close()
        self.done.append(self.trace)
        self.memory += self.trace.records.memory
        if self.memory > HELD:
            for draft in self.done[self.spooled :]:
                if draft.records.memory > SMALL:
                    draft.records.spill(self.spool)
            self.spooled, self.memory = len(self.done), 0
        self.trace = TraceDraft(name, self.spool)
        self.held = self.pending = None
        self.secret = False
        self.after_gap = True

    def _dump_end(self, stripped: str, text: str) -> bool:
        """The lines of a dump that are not rows: "*" for repeated ones, and the offset at the end."""
        draft = self.open
        assert draft is not None and draft.dump is not None
        if stripped == "*":
            draft.dump.squeezed = True
            return True
        excess = surplus(text, len(text) - len(text.lstrip()), draft.dump)
        if excess is None:
            return False
        if excess:
            del draft.data[-excess:]
        self._close()
        return True

    def _below(self, distance: int) -> str:
        raw = self.lines.peek(distance)
        return clean(0, raw, self.quotes).text if len(raw) <= 1000 else raw[:1000]

    def _is_label(self, text: str) -> bool:
        prefix = read_prefix(text)
        return prefix.end >= len(text.rstrip()) and (prefix.evidence is not None or prefix.stamp is not None)

    def _rule_below(self) -> bool:
        raw = self.lines.peek()
        return raw[:1] in _RULE_STARTS and is_rule(self._below(0).strip())

    def _traffic_below(self) -> bool:
        """Whether one of the next few lines that are not empty carries bytes or announces them."""
        seen = 0
        for distance in range(8):
            below = self._below(distance)
            if not below.strip() or is_rule(below.strip()) or below.strip().startswith(_FENCES):
                continue
            if _CARRIES.search(below) is not None or self._is_label(below):
                return True
            seen += 1
            if seen == 2:
                return False
        return False


def _begins_frame(before: bytearray, data: bytes | bytearray) -> bool:
    """Whether a line is the next frame and not the rest of the one before it.

    An HDLC frame after a closing flag, or a wrapper header after a wrapper APDU that is complete.
    """
    if not before or not data:
        return False
    if data[0] == 0x7E:
        return before[-1] == 0x7E and len(data) > 1 and data[1] & 0xF0 == 0xA0
    if data[0] == 0 and len(before) >= 8 and before[:2] == b"\x00\x01" == data[:2]:
        return len(before) == 8 + int.from_bytes(before[6:8], "big")
    return False
