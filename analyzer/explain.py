"""What a finding means, and what the words mean that other tools print: `dlmscope explain`.

A query is a code of the fault catalogue, octets, a number, a symbol of the standard, or the error text of a
library. Each kind has one function below that answers or returns None; ANSWERS is the order in which they are
asked. What they know is data: the catalogue, the tables of the grammars, and the wordings of other tools.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from analyzer.diagnosis.catalogue import LAYERS, Fault, load_catalogue
from analyzer.wordings import ENUMERATIONS, Topic, knowledge, squashed, symbol_index
from grammars.tables.apdu import APDU_TAGS, meaning

WIDTH = 98
NUMBER = r"\b(?:0x[0-9a-f]{1,8}|\d{1,5}|(?:\d[a-f]|[a-f]\d|(?-i:[A-F]{2}))h?)\b"  # no word such as "be"
LONGEST_QUERY = 4_000
LLC_HEADERS = (b"\xe6\xe6\x00", b"\xe6\xe7\x00")


def explain(query: str = "") -> str | None:
    """The answer to a query as text, wrapped at 98 columns; without a query, the list of all codes.

    None where nothing is known about it. Of a long query only the first 4,000 characters count.
    """
    query = query.strip()[:LONGEST_QUERY].strip("\"'`").strip()
    if not query:
        return _index()
    return next((answer for ask in ANSWERS if (answer := ask(query)) is not None), None)


# ---- pages -----------------------------------------------------------------------------------------------


def _index() -> str:
    faults = load_catalogue().values()
    width = max(len(fault.code) for fault in faults) + 2
    parts = []
    for layer in LAYERS:
        lines = [f"  {fault.code:{width}}{fault.title}" for fault in faults if fault.layer == layer]
        parts.append("\n".join([layer, *lines]))
    parts.append("dlmscope explain CODE tells more; octets, numbers and error texts are explained as well.")
    return "\n\n".join(parts)


def _page(fault: Fault) -> str:
    whose = {"analyst": "what the user supplied", "link": "the line or the capture"}
    side = whose.get(fault.side, f"the {fault.side}")
    facts = "\n".join(
        textwrap.fill(f"{name:8}{text}", WIDTH, subsequent_indent=" " * 8, break_long_words=False)
        for name, text in (("Cause", fault.cause), ("Fix", fault.fix), ("Source", fault.source))
    )
    return "\n\n".join(
        [
            f"{fault.code}: {fault.title}\n{fault.layer}, {fault.severity}; usually on the side of: {side}",
            _wrapped(fault.explanation),
            facts,
        ]
    )


def _topic_page(topic: Topic) -> str:
    return "\n\n".join([topic.title, _wrapped(topic.text), *_findings(topic.codes)])


def _findings(codes: Iterable[str]) -> list[str]:
    """A list of codes with their titles, as one paragraph, or nothing where there are no codes."""
    catalogue = load_catalogue()
    lines = [f"  {code:30}{catalogue[code].title}" for code in dict.fromkeys(codes)]
    return ["\n".join(["Findings to look at (dlmscope explain CODE):", *lines])] if lines else []


def _wrapped(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(textwrap.fill(" ".join(part.split()), WIDTH, break_on_hyphens=False) for part in paragraphs)


# ---- answers ---------------------------------------------------------------------------------------------


def _code(query: str) -> str | None:
    """A code of the catalogue."""
    fault = load_catalogue().get(query.lower().replace("_", "-"))
    return _page(fault) if fault else None


def _spaced_code(query: str) -> str | None:
    """A code of the catalogue with blanks between its words."""
    return _code("-".join(query.split()))


def _octets(query: str) -> str | None:
    """Octets in hexadecimal: an APDU, with or without LLC header, or something known by its first octet."""
    octets = _hex(query)
    if octets is None or len(octets) < 2 or octets in LLC_HEADERS:
        return None
    before = "Behind the LLC header, " if octets[:3] in LLC_HEADERS else ""
    apdu = octets[3:] if before else octets
    name = APDU_TAGS.get(apdu[0], "")
    parts = [_wrapped(f"{before}{apdu[0]:02X} is {_tag_sentence(apdu[0])}")]
    codes = knowledge().related.get(name, ())
    if name:
        lines, symbols = _decoded(apdu)
        parts.append("\n".join(lines))
        codes = tuple(code for symbol in symbols for code in knowledge().related.get(symbol, ())) or codes
    parts.append("dlmscope decode --hex shows every octet, dlmscope diagnose --hex what is wrong with them.")
    return "\n\n".join([*parts, *_findings(codes)])


def _enumeration(query: str) -> str | None:
    """Something like "data access result 3": what the numbers mean."""
    if error := re.search(rf"confirmed[ -_]?service[ -_]?error\W+({NUMBER})\W+({NUMBER})\W+({NUMBER})", query, re.I):
        return _octets(" ".join(["0E", *(f"{_number(text) & 0xFF:02X}" for text in error.groups())]))
    for phrase, tables in ENUMERATIONS:
        found = re.search(rf"(?:{phrase})\W*(?:code|error|id|=|is)?\W*({NUMBER})(.*)", query, re.I | re.S)
        if found:
            texts = [found.groups()[-2], *re.findall(NUMBER, found.groups()[-1], re.I)]
            entries = [
                (title, _number(text), table.get(_number(text)))
                for (title, table), text in zip(tables, texts, strict=False)
            ]
            return _entries(entries)
    return None


def _tag_number(query: str) -> str | None:
    """An error text about the tag of an APDU that names a number."""
    gcm = knowledge().topics["gcm-tag"].pattern
    if not re.search(r"\btag\b", query, re.I) or (gcm and gcm.search(query)):
        return None
    tag = r"\btag\b\W{0,4}(?:(?:is|was|of|value|number)\W)?\W{0,2}"
    comparison = r"\b(?:found|got|expected|received|instead of)\W{1,3}"
    numbers = re.findall(rf"(?:{tag}|{comparison})({NUMBER})", query, re.I)
    tags = dict.fromkeys(_number(text) for text in numbers if _number(text) <= 0xFF)
    if not tags:
        return None
    topics = knowledge().topics
    related = [code for tag in tags for code in knowledge().related.get(APDU_TAGS.get(tag, ""), ())]
    return "\n\n".join(
        [
            "\n".join(_wrapped(sentence) for text in numbers for sentence in _readings(text)),
            _wrapped(topics["apdu-tag"].text),
            _wrapped(topics["not-gcm"].title + ". " + topics["not-gcm"].text),
            *_findings([*related, *topics["apdu-tag"].codes]),
        ]
    )


def _symbol(query: str) -> str | None:
    """Symbols of the standard inside a text, in any spelling: read-write-denied, READ_WRITE_DENIED."""
    text = squashed(query)
    for wording, symbol in knowledge().aliases.items():
        if squashed(wording) in text:
            text += " " + squashed(symbol)
    found = {symbol for symbol in symbol_index() if squashed(symbol) in text}
    found = {one for one in found if not any(one != other and squashed(one) in squashed(other) for other in found)}
    entries = [
        (title, value, (symbol, meaning))
        for symbol in sorted(found)
        for title, value, meaning in symbol_index()[symbol]
    ]
    return _entries(entries) if entries else None


def _topic(query: str) -> str | None:
    """The error text of a library."""
    topics = knowledge().topics.values()
    return next((_topic_page(topic) for topic in topics if topic.pattern and topic.pattern.search(query)), None)


def _apdu_name(query: str) -> str | None:
    """The name of an APDU."""
    wanted = squashed(query)
    tags = [tag for tag, name in APDU_TAGS.items() if squashed(name) == wanted]
    return _octet_page(f"0x{tags[0]:02X}") if tags else None


def _bare_number(query: str) -> str | None:
    """A number and nothing else: a tag in decimal or hexadecimal."""
    return _octet_page(query) if re.fullmatch(NUMBER, query, re.I) and _number(query) <= 0xFF else None


def _search(query: str) -> str | None:
    """The fault whose words are nearest to the query, rare words counting more."""
    words = set(re.findall(r"[a-z0-9]{3,}", query.lower()))
    known = 0
    texts = {
        fault.code: (
            f"{fault.code} {fault.title}".lower(),
            f"{fault.cause} {fault.fix} {fault.explanation}".lower(),
        )
        for fault in load_catalogue().values()
    }
    scores = dict.fromkeys(texts, 0.0)
    for word in words:
        start = re.compile(rf"\b{word}")
        weights = {
            code: 3 * bool(start.search(head)) or bool(start.search(body)) for code, (head, body) in texts.items()
        }
        holding = sum(map(bool, weights.values()))
        known += holding > 0
        if 0 < holding < len(texts) / 4:
            for code, weight in weights.items():
                scores[code] += weight / holding
    best = sorted((code for code in scores if scores[code] > 0), key=lambda code: -scores[code])
    if not best or known * 2 < len(words):
        return None
    return "\n\n".join(["The nearest that the catalogue has:", _page(load_catalogue()[best[0]]), *_findings(best[1:5])])


ANSWERS = (
    _code,
    _octets,
    _enumeration,
    _tag_number,
    _symbol,
    _topic,
    _apdu_name,
    _bare_number,
    _spaced_code,
    _search,
)


# ---- numbers, octets, symbols ----------------------------------------------------------------------------


def _number(text: str) -> int:
    """Decimal as it stands, hexadecimal with 0x, with h, or with a letter among the digits."""
    text = text.lower()
    if text.startswith("0x"):
        return int(text, 16)
    return int(text) if text.isdigit() else int(text.removesuffix("h"), 16)


def _hex(query: str) -> bytes | None:
    """The octets that a query spells out in hexadecimal, or None where it is something else."""
    tokens = [token for token in re.split(r"0x|\\x|[\s,:;.'\"{}()\[\]-]+", re.sub(r"^b(?=['\"])", "", query)) if token]
    digits = "".join(token.zfill(2) if len(tokens) > 1 else token for token in tokens)
    if len(digits) % 2 or not re.fullmatch(r"(?=.*\d)[0-9A-Fa-f]+", digits):
        return None
    return bytes.fromhex(digits)


def _tag_name(tag: int) -> str:
    name = APDU_TAGS[tag]
    return name.upper() if tag in range(0x60, 0x64) else name


def _tag_sentence(tag: int) -> str:
    """What an octet is at the start of an APDU."""
    name = APDU_TAGS.get(tag)
    if name is None:
        return knowledge().octets.get(tag, "not the tag of any APDU") + "."
    return f"the tag of the {_tag_name(tag)} APDU, {meaning(name)}."


def _readings(text: str) -> Iterator[str]:
    """What a number is as an APDU tag, and what it is where its digits were meant as hexadecimal."""
    number = _number(text)
    same = f"{number} is 0x{number:02X}" if text.isdigit() else f"0x{number:02X} is {number}"
    yield f"{same}, {_tag_sentence(number)}"
    if (other := _as_hexadecimal(text)) != number and other in APDU_TAGS:
        yield f"If the digits were hexadecimal, 0x{other:02X} is {_tag_sentence(other)}"


def _as_hexadecimal(text: str) -> int:
    """The number that two digits are in hexadecimal; any other text as it is."""
    return int(text, 16) if re.fullmatch(r"\d\d", text) else _number(text)


def _octet_page(text: str) -> str:
    tag = _number(text) if _number(text) in APDU_TAGS else _as_hexadecimal(text)
    codes = knowledge().related.get(APDU_TAGS.get(tag, ""), ())
    return "\n\n".join(["\n".join(map(_wrapped, _readings(text))), *_findings(codes)])


def _decoded(apdu: bytes) -> tuple[list[str], list[str]]:
    """The fields of an APDU, a line each, and the symbols among their values."""
    from grammars.apdu import APDU  # compiled on first use: too dear for a question about a word
    from grammars.parse import parse

    parsed = parse(APDU, apdu)
    lines: list[str] = []
    symbols: list[str] = []
    for name, value, symbol, text in _fields(parsed.nodes, 0):
        line = f"  {name:32}{value}" + (f"  {symbol}: {text}" if symbol else "")
        lines.append(textwrap.fill(line.rstrip(), WIDTH, subsequent_indent=" " * 34, break_on_hyphens=False))
        symbols += [symbol] if symbol else []
    lines += [f"  ! octet {issue.start}: {issue.text}" for issue in parsed.issues]
    return lines, symbols


def _fields(nodes: Iterable[Any], depth: int) -> Iterator[tuple[str, str, str, str]]:
    """(name, value, symbol, meaning) of raw nodes, parents before their parts."""
    for spec, _start, _end, value in nodes:
        inside = value if isinstance(value, list) else [value] if _is_node(value) else []
        symbol, meaning = "", ""
        if isinstance(value, int) and spec.symbols:
            symbol, meaning = spec.symbols.get(value, ("", ""))
        yield "  " * depth + spec.name, "" if inside else _shown(value), symbol, meaning
        yield from _fields([part for part in inside if _is_node(part)], depth + 1)


def _shown(value: object) -> str:
    """The value of a field in half a line."""
    text = "" if value is None else value.hex(" ").upper() if isinstance(value, bytes) else str(value)
    if len(text) <= WIDTH // 2:
        return text
    return f"{len(value)} octets" if isinstance(value, bytes) else text[: WIDTH // 2] + "..."


def _is_node(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 4 and hasattr(value[0], "symbols")


def _entries(entries: Sequence[tuple[str, int, tuple[str, str] | None]]) -> str:
    """Entries of enumerations: where, number, symbol and meaning; with the findings they lead to."""
    lines = []
    for title, number, entry in entries:
        symbol, meaning = entry or ("", "not assigned by the standard")
        lines.append(_wrapped(f"{title} {number}: " + (f"{symbol}, {meaning}." if symbol else f"{meaning}.")))
    codes = [code for _, _, entry in entries if entry for code in knowledge().related.get(entry[0], ())]
    return "\n\n".join(["\n".join(lines), *_findings(codes)])
