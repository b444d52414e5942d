"""A supposition as people type it: a text a field, and what is wrong with one in a line that never holds a key."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.decryptor import TAG_OCTETS
from analyzer.hypothesis import PARTS, STANDARD, HypothesisError, Supposition, checked

# What can be typed of a supposition: name, title, hint.
FIELDS: tuple[tuple[str, str, str], ...] = (
    ("encryption_key", "EK", "as given"),
    ("authentication_key", "AK", "as given"),
    ("client_title", "Client title", "as the trace has it"),
    ("meter_title", "Meter title", "as the trace has it"),
    ("counter", "Counter", "as sent; +1, -1, reversed"),
    ("data", "Auth. data", f"{STANDARD}; parts {' '.join(PARTS[2:])}, hex, none"),
    ("control", "Control", "as sent; 10, 20, 30 ..."),
    ("tag", "Tag octets", "12; 8 or 16"),
)
TITLES = {name: title for name, title, _ in FIELDS}


def supposed_from(texts: Mapping[str, str]) -> Supposition:
    """A supposition as typed, by the names of `FIELDS`; what is empty is not supposed. Raises HypothesisError, in one
    line that names the field and never holds a key."""
    text = {name: texts.get(name, "").strip() for name in TITLES}
    offset, backwards = _counter(text["counter"])
    data = text["data"]
    made = Supposition(
        _octets("encryption_key", text),
        _octets("authentication_key", text),
        _octets("client_title", text),
        _octets("meter_title", text),
        offset,
        backwards,
        None if not data else "" if data.lower() == "none" else data,
        None if not text["control"] else _number("control", text["control"], 16),
        _number("tag", text["tag"], 10) if text["tag"] else TAG_OCTETS,
    )
    checked(made)
    return made


def texts_of(supposed: Supposition) -> dict[str, str]:
    """A supposition as it would be typed."""
    keys = {name: getattr(supposed, name) for name, _, _ in FIELDS[:4]}
    texts = {name: value.hex().upper() for name, value in keys.items() if value is not None}
    counter = "reversed" if supposed.counter_reversed else ""
    if supposed.counter_offset:
        counter = f"{counter} {supposed.counter_offset:+d}".strip()
    rows = {
        "counter": counter,
        "data": "" if supposed.data is None else supposed.data or "none",
        "control": "" if supposed.control is None else f"{supposed.control:02X}",
        "tag": "" if supposed.tag_octets == TAG_OCTETS else str(supposed.tag_octets),
    }
    return texts | {name: text for name, text in rows.items() if text}


def _octets(name: str, texts: Mapping[str, str]) -> bytes | None:
    digits = "".join(texts[name].removeprefix("0x").replace(":", " ").split())
    if not digits:
        return None
    odd = next((c for c in digits if c not in "0123456789abcdefABCDEF"), None)
    if odd is not None:
        raise HypothesisError(f"{TITLES[name]}: expected hexadecimal digits")
    if len(digits) % 2:
        raise HypothesisError(f"{TITLES[name]}: expected an even number of digits, found {len(digits)}")
    return bytes.fromhex(digits)


def _number(name: str, text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise HypothesisError(f"{TITLES[name]}: expected a number, found {text[:20]!r}") from None


def _counter(text: str) -> tuple[int, bool]:
    words = text.lower().split()
    backwards = "reversed" in words
    rest = "".join(word for word in words if word != "reversed")
    return (_number("counter", rest, 10) if rest else 0), backwards
