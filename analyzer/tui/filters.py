"""Which messages a line of filter words lets through. Words without a colon are text; all of them have to hold.

get !dir:meter sec:failed         text "get", not from the meter, a tag that is wrong
obis:1-0:1.8.0  apdu:get  frame:I  find:error  hex:E6E600  is:bookmark
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analyzer.message import Message
from analyzer.model import Security, Severity
from analyzer.patience import StoppedError
from analyzer.report.simple_xml.data import logical_name
from analyzer.report.summary import summary
from analyzer.tui.session import STEP, Stop

KINDS = ("apdu", "dir", "find", "frame", "hex", "is", "obis", "sec")
DOTTED = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
SIGNS = re.compile(r"[-:*]")
SIDES = {"client": "client", "c": "client", ">": "client", "tx": "client", "meter": "meter", "m": "meter", "<": "meter",
         "rx": "meter", "server": "meter", "unknown": "unknown"}  # fmt: skip


class FilterError(ValueError):
    """A filter that means nothing; one line."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a trace is not in its messages: the worst finding by message number, and bookmarks."""

    findings: Mapping[int, Severity]
    bookmarks: Collection[int]


Test = Callable[[Message, Facts], bool]


def parse(line: str) -> list[Test]:
    """The tests of a filter line. Raises FilterError."""
    return [_test(word) for word in line.split()]


def matching(messages: Iterable[Message], tests: Sequence[Test], facts: Facts, stop: Stop) -> list[int]:
    """Indexes of the messages that pass every test. Raises StoppedError when `stop` says so."""
    found = []
    for index, message in enumerate(messages):
        if index % STEP == 0 and stop():
            raise StoppedError
        if all(test(message, facts) for test in tests):
            found.append(index)
    return found


def _test(word: str) -> Test:
    if word.startswith("!") and len(word) > 1:
        inner = _test(word[1:])
        return lambda message, facts: not inner(message, facts)
    kind, colon, value = word.partition(":")
    if not colon or not kind.isalpha():
        return _text(word.lower())
    if kind not in KINDS:
        raise FilterError(f"{kind}: is no kind of filter; there are {', '.join(f'{k}:' for k in KINDS)}")
    value = value.lower()
    if kind == "dir":
        if value not in SIDES:
            raise FilterError(f"dir: takes client, meter or unknown, not {value or 'nothing'}")
        side = SIDES[value]
        return lambda message, facts: message.direction == side
    if kind == "hex":
        digits = value.replace("0x", "").replace("-", "")
        return lambda message, facts: _has_octets(message, digits)
    if kind == "obis":
        return _object(value)
    tests: dict[str, Test] = {
        "apdu": lambda m, f: any(value in (name or "") for name in (m.apdu, m.plain_apdu)),
        "frame": lambda m, f: value == (m.frame or m.frames[0].framing).lower(),
        "find": lambda m, f: m.number in f.findings and value in ("", "any", f.findings[m.number]),
        "sec": lambda m, f: _secured(m.security, value),
        "is": lambda m, f: _is(m, f, value),
    }
    return tests[kind]


def _text(wanted: str) -> Test:
    return lambda message, facts: wanted in _words(message)


def _object(value: str) -> Test:
    """An OBIS code, whole or its beginning, with dots alone or written as A-B:C.D.E*F; or any part of it as text."""
    dotted = SIGNS.sub(".", value).strip(".") + "."
    written = DOTTED.fullmatch(value)
    text = "{}-{}:{}.{}.{}*{}".format(*written.groups()) if written else value

    def test(message: Message, facts: Facts) -> bool:
        names = (found.instance_id for found in message.objects)
        return text in _words(message) or any(
            f"{logical_name(n).split()[0]}.".startswith(dotted) for n in names if n is not None
        )

    return test


def _words(message: Message) -> str:
    """What text is looked for in: the summary, the APDU, the time, the objects that an answer is about."""
    objects = " ".join(found.name for found in message.objects)
    return f"{summary(message)} {message.apdu or ''} {message.time or ''} {objects}".lower()


def _has_octets(message: Message, digits: str) -> bool:
    whole = (message.wire, *(buffer.data for buffer in message.buffers))
    return any((at := data.hex().find(digits)) >= 0 and at % 2 == 0 for data in whole)


def _secured(security: Security | None, value: str) -> bool:
    if security is None:
        return value in ("none", "clear")
    return value in ("", "any", security.verdict) or any(_secured(inner, value) for inner in security.inner)


def _is(message: Message, facts: Facts, value: str) -> bool:
    if value in ("bookmark", "bookmarked", "marked"):
        return message.number in facts.bookmarks
    if value in ("split", "segmented"):
        return len(message.frames) > 1
    return value == "incomplete" and not message.complete
