"""Elements and comments of XML, and their text: well-formed whatever the values hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Cover = Callable[[str], str]  # masks what should not leave the house
STEP = "  "


@dataclass(frozen=True, slots=True)
class Element:
    """An element; `text` are rows that stand in it as they are, where it has no children."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Item, ...] = ()
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark, and what stands in it as XML that only becomes part of the document when somebody unwraps it."""

    text: str
    children: tuple[Item, ...] = ()


Item = Element | Comment


def value(tag: str, text: str) -> Element:
    """The usual element of Simple XML: all that it says is in the attribute Value."""
    return Element(tag, (("Value", text),))


def lines(items: Sequence[Item], cover: Cover = str, depth: int = 0, commented: bool = False) -> Iterator[str]:
    """The text of items, a line an element. Inside a comment no "--" may stand, so there a hyphen that follows another
    is written as a character reference in values, and remarks stand in brackets."""
    for item in items:
        if isinstance(item, Comment):
            yield from _comment(item, cover, depth, commented)
        else:
            yield from _element(item, cover, depth, commented)


def _element(item: Element, cover: Cover, depth: int, commented: bool) -> Iterator[str]:
    lead = STEP * depth
    named = "".join(f' {name}="{_escaped(cover(text), commented)}"' for name, text in item.attributes)
    if item.children:
        yield f"{lead}<{item.tag}{named}>"
        yield from lines(item.children, cover, depth + 1, commented)
        yield f"{lead}</{item.tag}>"
    elif item.text:
        yield f"{lead}<{item.tag}{named}>"
        yield from (f"{lead}{STEP}{_escaped(cover(row), commented)}" for row in item.text)
        yield f"{lead}</{item.tag}>"
    else:
        yield f"{lead}<{item.tag}{named} />"


def _comment(item: Comment, cover: Cover, depth: int, commented: bool) -> Iterator[str]:
    lead, text = STEP * depth, _clean(cover(item.text), "\N{REPLACEMENT CHARACTER}")
    if commented:
        yield f"{lead}[{_escaped(text, True)}]"
        yield from lines(item.children, cover, depth, True)
        return
    text = _without_double_hyphens(text, " -").replace("\r", " ").replace("\n", " ")
    if not item.children:
        yield f"{lead}<!-- {text} -->"
        return
    yield f"{lead}<!-- {text}"
    yield from lines(item.children, cover, depth + 1, True)
    yield f"{lead}-->"


def _escaped(text: str, commented: bool) -> str:
    text = _clean(text, "\N{REPLACEMENT CHARACTER}")
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    text = text.replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
    return _without_double_hyphens(text, "&#45;") if commented else text


def _without_double_hyphens(text: str, second: str) -> str:
    """Every hyphen that follows another replaced; `second` begins with no hyphen."""
    made = []
    for before, character in zip(" " + text, text, strict=False):
        made.append(second if character == before == "-" else character)
    return "".join(made)


def is_character(character: str) -> bool:
    """Whether XML 1.0 allows a character at all (its production Char)."""
    code = ord(character)
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _clean(text: str, instead: str) -> str:
    return "".join(character if is_character(character) else instead for character in text)
