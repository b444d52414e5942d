"""One JSON object a line, as logging libraries and gateways write: whose it is, when, and the bytes, by the names of its fields.

    {"time": "10:00:00.125", "dir": "RX", "data": "e5"}

The bytes are hex in any spelling, or a list of numbers. An object of other fields, or without any direction, is read like
any other line.
"""

from __future__ import annotations

import json
import re

from analyzer.sources.directions import Evidence, better, direction_in, match_direction, words
from analyzer.sources.hextext import read_payload
from analyzer.sources.payload import Payload, is_hex
from analyzer.sources.timestamps import Stamp, match_stamp

DATA = words(
    "data payload hex bytes octets raw frame frames packet pdu apdu adu telegram buffer buf rawdata hexdata hexstring"
)
SIDE = words("dir direction way side sender from source")
TIME = words("time timestamp ts t when date datetime at created")
COUNT = words("len length size count")
KEYS = words("key keys ek guek ak gak kek bek gbek password passwd secret")  # whose bytes are no traffic
LONGEST = 1 << 20  # characters of a line that is taken for an object
DEEPEST = 40  # brackets within each other

_FIELD = re.compile(r"\"(?P<name>[\w@.\- ]{1,40})\"\s*:\s*(?P<value>\"(?:[^\"\\]|\\.)*\"|\[[\s\d,]*\]|-?\d+(?:\.\d+)?)")
_HEX = re.compile(r"\"(?:[0-9A-Fa-f]{2}[\s:-]?)+\"")
_WORD = re.compile(r"[a-z]+")
_NOT_NAME = re.compile(r"[^a-z]")


def read_object(text: str) -> tuple[Payload, Evidence, Stamp | None, int | None] | None:
    """The bytes of an object, whose they are, its time, and how many bytes it says; None where the line is no such object.

    The places in the payload are those in the line."""
    stripped = text.strip().rstrip(",")
    if not stripped.startswith("{") or not stripped.endswith("}") or len(stripped) > LONGEST or '"' not in stripped:
        return None
    if stripped.count("{") > DEEPEST or stripped.count("[") > DEEPEST:
        return None
    try:
        whole = json.loads(stripped)
    except ValueError:
        return None
    if not isinstance(whole, dict):
        return None
    payload: Payload | None = None
    evidence: Evidence | None = None
    stamp: Stamp | None = None
    announced: int | None = None
    for found in _FIELD.finditer(text):
        name = _NOT_NAME.sub("", found["name"].lower())
        value = found["value"].strip('"')
        if name in DATA and payload is None:
            payload = _bytes(text, found)
        elif name in SIDE:
            evidence = better(evidence, _side(value))
        elif name in TIME and stamp is None:
            stamp = _stamp(value)
        elif name in COUNT and value.isdigit():
            announced = int(value)
    if payload is None or not KEYS.isdisjoint(_WORD.findall(text[: payload.start].lower())):
        return None
    if evidence is None:
        evidence = direction_in(text[: payload.start])
    return (payload, evidence, stamp, announced) if evidence is not None else None


def _bytes(text: str, found: re.Match[str]) -> Payload | None:
    """The value of a field as bytes."""
    start, end = found.span("value")
    if text[start] == "[":
        numbers = [int(number) for number in re.findall(r"\d+", found["value"])]
        if not numbers or max(numbers) > 255:
            return None
        return Payload(data=bytearray(numbers), start=start, first=start + 1, end=end, marked=len(numbers), digits=True)
    if text[start] != '"' or "\\" in found["value"]:
        return None
    payload = read_payload(text[: end - 1], start + 1)
    # A field for bytes with nothing but hex is bytes, also where they spell a word: "face".
    right = _HEX.fullmatch(found["value"]) is not None or is_hex(payload, "labelled")
    return payload if right and payload.data and payload.carry is None else None


def _side(value: str) -> Evidence | None:
    """What the value of a field for the direction says: "TX", "out", "meter", "client -> meter"."""
    matched = match_direction(value + ":", 0)
    return matched[0] if matched is not None else direction_in(value)


def _stamp(value: str) -> Stamp | None:
    matched = match_stamp(value, 0)
    if matched is not None:
        return matched[0]
    if re.fullmatch(r"1\d{9}", value):
        return Stamp(value, "date", float(value))
    return None
