"""Headings: the lines by which people tell one trace from the next ("MY SOFTWARE =====", "## Working").

A line with a rule of signs around, behind or under it is a heading whatever it says; a plain label only
when its words are those that name a trace, and traffic follows. Steps of a conversation ("--- AARQ ---")
are no headings: they would cut every trace into its messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from analyzer.sources.directions import words

_RULES = "=-*#~_+"
_VERDICT = re.compile(
    r"(?:(?:and |but )?(?:this|that|the|here is|here's) (?:(?:first|second|other|old|new) )?(?:one|trace|log|session)?\s?)?"
    r"(?:that |which )?(?:is )?(?:works?|worked|working|fail(?:s|ed|ing)?|not working|(?:does not|doesn't|did not|didn't) work)"
    r"|(?:and |but )?(?:here is|here's|this is) (?:mine|my \w+|the (?:manufacturer|vendor|working|failing)(?:'s)?(?: \w+)?)",
    re.IGNORECASE,
)
_RULE_LINE = re.compile(r"\s{0,20}([=\-*#~_+])\1{2,}[=\-*#~_+]*\s*")
_MARKDOWN = re.compile(r"(#{1,6})\s+(\S.*?)\s*#*")
_BRACKETS = re.compile(r"\[([^\[\]]{2,60})\]:?")
_BOLD = re.compile(r"(?:\*\*|__)([^*_]{2,60})(?:\*\*|__):?")
_WORD = re.compile(r"[^\W\d_]+")
_BYTES = re.compile(r"(?:(?<!\w)(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[\s,:\-]+|$)){3}|(?<!\w)[0-9A-Fa-f]{12,}(?!\w)")

_STEPS = words(
    "snrm ua aarq aare disc dm rlrq rlre rr rnr frmr get set action read write request response reply hls lls pass "
    "association associate connect connection connecting connected disconnect disconnected disconnecting release open "
    "close closed initiate confirm next block segment frame keep alive step the a of to from data clock profile "
    "invocation counter time timeout retry error info debug warning warn trace1 ack nack start end stop init sign on "
    "off i n no meter client server send receive tx rx reading writing authentication challenge message original "
    "forwarded begin"
)
_NAMES = words(
    "manufacturer vendor software working work works worked failing failed fails fail failure good bad ok wrong correct "
    "mine my our theirs their own original reference gurux director gxdlmsdirector dlmsdirector trace traces log logs "
    "capture captures dump session attempt case scenario test tool program application app before after old new "
    "expected actual success successful succeeded broken faulty library code implementation device1 device2 python "
    "java arduino"
)
_SENTENCE = words(
    "i you he she it we they is are was were am be been has have had do does did get gets got see want need can could "
    "would should will when where why how what here there this that these those below following please thanks thank "
    "hi hello dear regards but because if then than so which who wrote writes says said sending try tried using used "
    "key password title address"
)
_LEVELS = words("debug info warn warning error trace verbose fatal critical notice")


def is_rule(text: str) -> bool:
    """Whether a line is only a rule of signs."""
    return len(text) >= 3 and _RULE_LINE.fullmatch(text) is not None


def heading_in(
    text: str,
    after_gap: bool,
    rule_below: Callable[[], bool],
    traffic_below: Callable[[], bool],
    is_label: Callable[[str], bool],
) -> str | None:
    """The name in a heading line, or None.

    `after_gap`: nothing or an empty line stands before it. `rule_below` and `traffic_below` tell whether the
    next line is a rule and whether the next ones carry bytes, `is_label` whether a text is a direction or time.
    """
    if len(text) > 300:
        return None
    line = text.strip()
    if not 2 <= len(line) <= 200:
        return None
    decorated = (line[0] in _RULES or line[-1] in _RULES) and _is_decorated(line, after_gap)
    titled = not decorated and "|" not in line and rule_below() and _is_title(line)
    labelled = line[-1] in ":]*_"
    if not (decorated or titled or labelled or after_gap):
        return None
    name = _clean(line)
    if not _may_name(name):
        return None
    if decorated or titled:
        return None if is_label(name) or _is_step(name) else name
    if not _is_plain_label(line, name, after_gap) or is_label(name) or _is_step(name):
        return None
    return name if traffic_below() else None


def _clean(line: str) -> str:
    name = line.strip(_RULES + " :\t")
    if name[:1] == "[" and name[-1:] == "]":
        name = name[1:-1]
    return " ".join(name.strip(_RULES + " :").split())


def _may_name(name: str) -> bool:
    """Whether a text can be the name of a trace: words, and not bytes."""
    return bool(name) and len(name) <= 120 and _WORD.search(name) is not None and _BYTES.search(name) is None


def _is_decorated(line: str, after_gap: bool) -> bool:
    """Whether signs before or behind the text make it a heading."""
    markdown = _MARKDOWN.fullmatch(line)
    if markdown is not None:
        # A single # is a comment as well.
        return len(markdown[1]) > 1 or (after_gap and len(markdown[2].split()) <= 8)
    left = len(line) - len(line.lstrip(_RULES))
    right = len(line) - len(line.rstrip(_RULES))
    if left >= 3 and right >= 3:
        return True
    # Dashes on one side alone also end sentences, begin signatures and draw arrows.
    sign = line[-1] if right else line[0]
    return (right >= 3 or left >= 4) and (sign != "-" or max(left, right) >= 5)


def _is_title(line: str) -> bool:
    """Whether a text above a rule is a title; the last sentence of a paragraph is not."""
    return len(line.split()) <= 8 and line[-1] not in ".,;!?"


def _is_plain_label(line: str, name: str, after_gap: bool) -> bool:
    listed = [word.lower() for word in _WORD.findall(name)]
    if not listed or len(listed) > 6 or len(name) > 60:
        return False
    bracketed = _BRACKETS.fullmatch(line) is not None
    if bracketed and listed[0] in _LEVELS:
        return False
    if line.endswith(":") and _VERDICT.fullmatch(name) is not None:
        return True
    labelled = bracketed or line.endswith(":") or _BOLD.fullmatch(line) is not None
    if not labelled and not after_gap:
        return False
    if any(word in _SENTENCE for word in listed):
        return False
    named = any(word in _NAMES for word in listed)
    if bracketed and after_gap:
        return True
    return named and (labelled or len(listed) <= 4)


def _is_step(name: str) -> bool:
    """Whether a title names a step of the conversation rather than a conversation."""
    listed = [word.lower() for word in _WORD.findall(name)]
    return all(word in _STEPS for word in listed)
