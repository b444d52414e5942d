"""How far a decrypted text reads, and what the chance is that noise reads so far.

Without a tag an octet that is wrong on the line is one wrong octet of the text; what stands before it is as it was sent.
So a text that breaks off in its middle says nothing against the key. Noise breaks off too, and soon: each value of COSEM
data begins with a tag, and of 256 octets only those of the table of types are one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from analyzer.frame import fits
from analyzer.message import Layer
from grammars.apdu import APDU
from grammars.kit.spec import UNDECODED, Issue, RawNode
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS
from grammars.tables.enums import DATA_TYPES

UNLIKELY = 1e-9  # that noise reads so far; a trace may have many thousand texts
ANY_TAG = len(APDU_TAGS) / 256  # the chance that noise begins as some APDU
PROMISED_TAG = 1 / 256  # that it begins as the one that the tag of a glo- or ded- APDU promises
DATA_TAG = (len(DATA_TYPES) + 2) / 256  # that an octet is the tag of a value; two more begin what meters send untagged
TAG = ("tag", 1)
HUGE = re.compile(r"\d{16,}")


class Reading(NamedTuple):
    """What reads of a text: `octets` of it, with `values` tagged values. `chance` is an upper bound for noise."""

    octets: int
    values: int
    chance: float
    broken: str  # what is wrong there; empty where nothing is


def reading_of(parsed: Parsed, start: int, end: int, promised: bool) -> Reading:
    """How far an APDU at start..end of a buffer reads. `promised` says that its first octet was known before."""
    left = next((issue.start for issue in parsed.issues if issue.spec is UNDECODED), end)
    at = left if parsed.failed_at is None else min(parsed.failed_at, left)
    issue = next((issue for issue in parsed.issues if issue.severity == "error"), None)
    values = _values(parsed.nodes)
    chance = (PROMISED_TAG if promised else ANY_TAG) * DATA_TAG**values
    return Reading(at - start, values, chance, _said(issue) if issue is not None else "")


def _said(issue: Issue) -> str:
    """An issue in words; a length of many octets, as noise has them, is no number that anybody reads."""
    return f"{issue.spec.name}, {HUGE.sub('far too many', issue.text)}"


def _values(nodes: list[RawNode]) -> int:
    """The tags of values that were read. Those of a compact array stand once for all its rows, and do not count."""
    count = 0
    for spec, _, _, value in nodes:
        count += bool(spec.type) and TAG in spec.leads
        if isinstance(value, list) and spec.type != "compact-array":
            count += _values(value)
    return count


def reads(text: bytes, promised: bool) -> bool:
    """Whether a text is an APDU: whole, or so far as no noise reads."""
    parsed = parse(APDU, text)
    return fits(parsed) or reading_of(parsed, 0, len(text), promised).chance < UNLIKELY


def damaged(layer: Layer) -> Reading | None:
    """How far the text inside a protected layer reads, if it is shown though it is not whole and no tag vouches."""
    sealed = layer.sealed
    if sealed is None or not sealed.encrypted or sealed.verdict not in ("failed", "unauthenticated"):
        return None
    inner = next(iter(layer.inner), None)
    if inner is None or inner.joined or fits(inner.parsed):
        return None
    to_its_end = inner.parsed.whole and not any(issue.spec is UNDECODED for issue in inner.parsed.issues)
    if sealed.verdict == "unauthenticated" and (to_its_end or (inner.parsed.whole and not sealed.authenticated)):
        return None  # what is odd about an octet that was read, or is left over behind them all, is no damage
    return reading_of(inner.parsed, inner.start, inner.end, layer.name.startswith(("glo-", "ded-")))
