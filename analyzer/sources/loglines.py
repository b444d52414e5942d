"""One line of a log taken apart: time stamp, direction, what else stands before the bytes, and the bytes.

The structured beginning of a line (times, tags, levels, counters, direction words) is consumed piece by
piece. What is left is bytes, or a text with bytes behind it, or a label for the lines below, or prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from analyzer.sources.directions import PARTY, TRANSFER, Evidence, better, direction_in, words
from analyzer.sources.dumps import Dump, Row, belongs, split_row
from analyzer.sources.hextext import read_payload, read_shown
from analyzer.sources.literals import find_literal
from analyzer.sources.objects import read_object
from analyzer.sources.payload import Context, Payload, announced_in, is_hex, starts_like_frame
from analyzer.sources.prefix import MNEMONICS, Prefix, read_prefix
from analyzer.sources.timestamps import Stamp, match_stamp

_FIRST_TOKEN = re.compile(
    r"[\s,;:|<>\[\](){}\"'`\-_%$]{0,20}(?:(?:0[xX]|&[hH])[0-9A-Fa-f]|[0-9A-Fa-f]{2}|[0-9A-Fa-f](?![A-Za-z]))"
)
_REGION = re.compile(
    r"(?<![\w./])(?:(?:(?:0x)?[0-9A-Fa-f]{2}h?(?!:\s)(?:[\s,:;\-]{1,3}|[\])}>\"']+[\[({<]?|$)){3}"
    r"|(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?![\w.@]))"
)
_NEARLY_A_BYTE = re.compile(r"\s*(?:[0-9A-Fa-f][^\s_]|[^\s_][0-9A-Fa-f])[:,-]")  # "Ga:" before "00:00:0a"
_ALONE = re.compile(r"[\s:,-]*(?:[0-9A-Fa-f][^\s:,0-9A-Fa-f-]|[^\s:,0-9A-Fa-f-][0-9A-Fa-f])\s*$")  # behind "00:00:00"
_THREE_PAIRS = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[\s:,;-]+){2}[0-9A-Fa-f]{2}(?![0-9A-Za-z])")
_ARRAY = re.compile(
    r"[^={]{0,120}(?:\[[^\]]{0,40}\]\s*)?=\s*(?:\w[\w.\s]{0,40})?[\[({]*\s*\\?$|.{0,80}(?:fromhex|bytes|bytearray)\(+\[?\s*$"
)
_BLOCK_COMMENT = re.compile(r"/\*.{0,200}?\*/")
_UNBROKEN = re.compile(r"[0-9A-Fa-f]+")
_MNEMONIC = re.compile(rf"<(?:{'|'.join(sorted(MNEMONICS))})>", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")

_SECRETS = words(
    "key keys title titles password passwd secret ek ak guek gak kek gbek bek challenge ctos stoc address nonce iv aad "
    "decrypted plaintext plain decoded crc fcs hcs systemtitle authenticationkey blockcipherkey serialnumber"
)
_FRAMES = words(
    "frame frames packet packets hdlc apdu pdu snrm ua aarq aare disc dm get set action rr data message msg hex raw "
    "bytes log trace traffic buffer telegram wrapper push notification event list"
)


@dataclass(frozen=True, slots=True)
class Above:
    """What the lines before tell about a line.

    `continued`: a record is open, the bytes of its last line were `width` characters wide and left the digit
    `carried` over. `unbroken`: the last record was one run of digits. `labelled`: a label announced bytes. `dump`:
    the dump that is open; `expected`: the offsets that were to come next in the dumps before, by indentation.
    """

    continued: bool = False
    unbroken: bool = False
    width: int = 0
    carried: str = ""
    labelled: bool = False
    dump: Dump | None = None
    expected: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """One line taken apart. At most one of `payload`, `row` and `label` is set.

    `apart`: the line begins a record of its own (it has a time, a direction or a text before the bytes).
    `label`: "strong" holds until another, "weak" for the next lines with bytes only. `secret`: a label of key
    material. `refused`: the index of something that looked like bytes and was not taken.
    """

    stamp: Stamp | None = None
    evidence: Evidence | None = None
    payload: Payload | None = None
    row: Row | None = None
    announced: int | None = None
    label: str = ""
    secret: bool = False
    apart: bool = False
    refused: int | None = None


def parse_line(text: str, above: Above, below: Callable[[int], str]) -> Entry:
    """Take a cleaned line apart; `below` gives those after it."""
    if text.lstrip()[:1] == "{":
        written = read_object(text)
        if written is not None:
            payload, evidence, stamp, announced = written
            return Entry(stamp, evidence, payload, announced=announced, apart=True)
    if "/*" in text and "'" not in text and '"' not in text:
        text = _BLOCK_COMMENT.sub(lambda found: " " * len(found[0]), text)
    if (above.continued or above.labelled) and above.dump is None and not above.carried:
        shown = read_shown(text)
        if shown is not None:
            return Entry(payload=shown)
    prefix = read_prefix(text)
    entry = Entry(prefix.stamp, prefix.evidence, announced=prefix.announced)
    entry.apart = prefix.stamp is not None or prefix.evidence is not None
    position = prefix.end
    if position >= len(text.rstrip()):
        _alone(text, prefix, entry)
        return entry
    row = split_row(text, position)
    if row is not None and belongs(
        row, above.dump, above.expected, lambda: split_row(below(0), position if not entry.apart else 0)
    ):
        entry.row = row
        return entry
    literal = find_literal(text, position)
    if literal is not None and literal.data:
        _take(text, position, literal, prefix, entry)
        return entry
    context: Context = "labelled" if entry.apart or above.labelled else "continued" if above.continued else "fresh"
    refused: int | None = None
    if _MNEMONIC.search(text, position, position + 60) is not None:
        return entry  # characters of IEC 62056-21 in words: <SOH>R1<STX>
    if entry.apart or _FIRST_TOKEN.match(text, position) is not None:
        payload = read_payload(text, position, "" if entry.apart else above.carried)
        if above.continued and len(text.rstrip()) - payload.first == above.width:
            payload.digits = True  # as wide as the bytes in the line before, so "face" is two of them
        if above.unbroken and prefix.evidence is not None and is_unbroken(payload):
            payload.digits = True  # "--> 7ea00a", "<-- face"
        setting = prefix.evidence is not None and prefix.evidence.rank == PARTY
        if is_hex(payload, context, setting) or (context == "fresh" and _in_column(payload, text, below)):
            entry.payload = payload
            return entry
        if payload.digits and (payload.pairs >= 4 or payload.good >= max(payload.inner + payload.after, 2)):
            refused = payload.first
    region = _REGION.search(text, position)
    if region is not None and match_stamp(text, region.start()) is None:
        payload = read_payload(text, region.start())
        if region.start() > position and is_hex(payload, "labelled"):
            _take(text, position, payload, prefix, entry)
            if entry.payload is not None:
                return entry
        refused = region.start() if refused is None else refused
    if refused is None and entry.apart:
        nearly = _THREE_PAIRS.search(text, position) or _ALONE.match(text, position)
        refused = nearly.start() if nearly is not None else None
    if entry.refused is None:
        entry.refused = refused
    _label(text, position, prefix, entry)
    return entry


def is_unbroken(payload: Payload) -> bool:
    """Whether bytes are one run of digits with nothing beside it."""
    return (
        payload.longs == 1
        and payload.good == 1
        and not (payload.strays or payload.singles or payload.inner or payload.after or payload.carry is not None)
    )


def _in_column(payload: Payload, text: str, below: Callable[[int], str]) -> bool:
    """Whether a lone number or byte is the first of a column of such: hex that was broken into short lines."""
    if not payload.digits or payload.good != 1 or payload.inner or payload.after or payload.strays:
        return False
    width = len(text.strip())
    for distance in range(2 if width == 2 else 1):
        other = below(distance).strip()
        if len(other) != width or _UNBROKEN.fullmatch(other) is None:
            return False
    return True


def names_secret(text: str) -> bool:
    """Whether a line names a key, a password or a title, whose bytes are no traffic."""
    return not _SECRETS.isdisjoint(word.lower() for word in _WORD.findall(text[:300]))


def _take(text: str, position: int, payload: Payload, prefix: Prefix, entry: Entry) -> None:
    """Take bytes that a text stands before, if that text is one that introduces bytes."""
    head = text[position : payload.start]
    evidence = better(prefix.evidence, direction_in(head)) if head.strip() else prefix.evidence
    if _introduces(head, payload, prefix, evidence):
        if _NEARLY_A_BYTE.fullmatch(head) is not None:
            payload.flaw(position, f"expected bytes and found {head.strip(' :,-')!r}: left out", 0)
        entry.payload = payload
        entry.evidence = evidence
        entry.apart = entry.apart or any(letter.isalnum() for letter in head)
        count = announced_in(head[-80:])
        if count is not None:
            entry.announced = count
    else:
        entry.refused = payload.start


def _introduces(head: str, payload: Payload, prefix: Prefix, evidence: Evidence | None) -> bool:
    stripped = head.strip()
    if not any(letter.isalnum() for letter in stripped):
        return True
    if len(stripped) > 240:
        return False
    spoken = [word.lower() for word in _WORD.findall(stripped)]
    framed = starts_like_frame(payload.data) and payload.data[0] == 0x7E
    if not framed and (set(spoken) & _SECRETS):
        return False
    marked = stripped[-1] in (":=->|])\"'{([,<" if payload.written else ":=->|])\"'{([<") or head.endswith(("  ", "\t"))
    if stripped.endswith("(") and not (payload.marked or payload.pairs or payload.written):
        return False  # the value of a data line of IEC 62056-21, P0.(BE00B600)
    if payload.written:
        return evidence is not None or (len(spoken) <= 3 and marked)
    if evidence is not None and evidence.rank < PARTY:
        return (marked and len(spoken) <= 14) or (prefix.evidence is not None and len(spoken) <= 4 and framed)
    if prefix.stamp is not None or evidence is not None:
        return marked and len(spoken) <= 12 and len(payload.data) >= 3
    known = framed or starts_like_frame(payload.data) or bool(set(spoken) & _FRAMES)
    return marked and len(spoken) <= 6 and len(payload.data) >= 3 and (known or stripped[-1] in "=({[")


def _alone(text: str, prefix: Prefix, entry: Entry) -> None:
    """A line of nothing but direction and time: a label for the lines below."""
    if prefix.evidence is not None:
        bare = prefix.evidence.rank >= PARTY and text.strip().isalnum()
        entry.label = "weak" if bare else "strong"
    elif prefix.stamp is not None:
        entry.label = "time"


def _label(text: str, position: int, prefix: Prefix, entry: Entry) -> None:
    """Note whether a line without bytes says whose the bytes below are, or that they are a key."""
    rest = text[position:].strip()
    if len(rest) > 200 or (prefix.evidence is None and rest[-1] not in ":=[({\\"):
        return
    spoken = [word.lower() for word in _WORD.findall(rest)]
    introducing = rest[-1] in ":="
    array = rest[-1] in "=[({\\" and _ARRAY.match(rest) is not None
    evidence = prefix.evidence
    if (introducing or array) and len(spoken) <= 8 and set(spoken) & _SECRETS and evidence is None:
        entry.secret = True
    elif array and len(spoken) <= 10:
        entry.evidence, entry.label = better(evidence, direction_in(rest)), "weak"
    elif evidence is not None:
        if introducing and len(spoken) <= 6:
            entry.label = "strong"
        elif evidence.rank <= TRANSFER and len(spoken) <= 4:
            entry.label = "weak"
    elif introducing and len(spoken) <= 6:
        entry.evidence = direction_in(rest)
        if entry.evidence is not None:
            entry.label = "strong" if entry.evidence.rank < PARTY else "weak"
