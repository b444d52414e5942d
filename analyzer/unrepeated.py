"""What an error does not say again: key material that somebody typed, in its place or in another one.

A message of an error is copied into tickets and logs. It names what was typed wrongly, and that may be a key: behind an option
of another name, as an input, with a digit too few. So whatever reads like a key is left out of it, wherever it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

LEFT_OUT = "****"
WHY = " (what may be a key is not repeated)"
DIGITS = 16  # hexadecimal digits that may be a key, or half of one; a date and a time of day have 14
MISTYPED = 24  # characters of a key with some wrong digits, where it is not known to be one word that was typed
SHARE = 0.85  # of them that are digits at least
ENDS = re.compile(r"[/\\.=#'\"\s]+")  # parts of what is typed: of a path, of FIELD=VALUE
GAPS = re.compile(r"0[xX](?=[0-9A-Fa-f]{2})|[\s:,_-]")
WORD = re.compile(rf"[0-9A-Za-z]{{{MISTYPED},}}")
GROUPS = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9A-Fa-f]{2})+(?:[ :,_-](?:0[xX])?(?:[0-9A-Fa-f]{2})+)*(?![0-9A-Za-z])"
)
ADDRESS = r"\[[0-9A-Fa-f:]{2,39}\]:[0-9]{1,5}(?![0-9A-Za-z])"  # of IPv6 with a port, as traces are named by
AMBIGUOUS = re.compile(r"^(ambiguous option: [^\s=]+)=.*(?= could match )", re.DOTALL)


def unrepeated(text: str, typed: Sequence[str], exists: Callable[[str], bool]) -> str:
    """The text of an error without what may be a key, and with a word about that. `typed` are the arguments of the command,
    which tell what is one word; what `exists` says to be a path that is there is no key, though it may be called like one."""
    there = sorted(_files_called_so(typed, exists), key=len, reverse=True)
    pieces = re.split(f"({'|'.join([*map(re.escape, there), ADDRESS])})", text)
    words = sorted({form for word in _words(typed) for form in (word, repr(word)[1:-1])}, key=len, reverse=True)
    pieces[::2] = [_without(piece, words) for piece in pieces[::2]]
    made = "".join(pieces)
    return made if made == text else made + WHY


def not_recognized(extras: Sequence[str]) -> str:
    """What argparse says of words that it cannot place, without the values of options: one may be a password."""
    shown, behind = [], False
    for word in extras:
        option = word.startswith("-")
        if option:
            name, equals, _ = word.partition("=")
            shown.append(f"{name}=..." if equals else name)
        else:
            shown.append("..." if behind else word)
        behind = option
    return f"unrecognized arguments: {' '.join(shown)}"


def not_ambiguous(message: str) -> str:
    """What argparse says of an option that may be several, without its value."""
    return AMBIGUOUS.sub(r"\1=...", message)


def reads_like_a_key(word: str) -> bool:
    """Whether one word may be a key: digits enough, nearly all of them hexadecimal, in any grouping."""
    bare = GAPS.sub("", word)
    right = sum(character in "0123456789abcdefABCDEF" for character in bare)
    return len(bare) >= DIGITS and right >= SHARE * len(bare) and any(map(str.isdigit, bare))


def _words(typed: Sequence[str]) -> Iterator[str]:
    """The words that read like a key, as they were typed: arguments, parts of them, arguments in a row."""
    for argument in typed:
        parts = [part for part in ENDS.split(argument) if part]
        rest = [part for part in parts if not reads_like_a_key(part)]
        if reads_like_a_key(argument) and not (len(rest) < len(parts) and all(map(_plainly_named, rest))):
            yield argument
        yield from filter(reads_like_a_key, parts)
    for paired, row in groupby(typed, lambda argument: GROUPS.fullmatch(argument) is not None):
        groups = list(row)
        if paired and reads_like_a_key(" ".join(groups)):
            yield from groups


def _plainly_named(part: str) -> bool:
    """Whether a part of a path is no piece of a key: `data`, `pcap`, which have letters that no digit is."""
    return not any(map(str.isdigit, part)) and any(letter not in "abcdefABCDEFxX" for letter in part)


def _files_called_so(typed: Sequence[str], exists: Callable[[str], bool]) -> Iterator[str]:
    """What names a file that is there, and reads like a key: the digest that a file is called by is none."""
    for argument in typed:
        for path in (argument, argument.rpartition("#")[0], argument.rpartition("=")[2]):
            parts = [part for part in ENDS.split(path) if reads_like_a_key(part)]
            if parts and exists(path):
                yield from (path, *parts)


def _without(text: str, words: Sequence[str]) -> str:
    for word in words:
        # A short word is left out where it stands alone; it may be a part of others.
        text = (
            text.replace(word, LEFT_OUT) if len(word) >= DIGITS else re.sub(rf"\b{re.escape(word)}\b", LEFT_OUT, text)
        )
    text = GROUPS.sub(lambda found: LEFT_OUT if reads_like_a_key(found[0]) else found[0], text)
    return WORD.sub(lambda found: LEFT_OUT if reads_like_a_key(found[0]) else found[0], text)
