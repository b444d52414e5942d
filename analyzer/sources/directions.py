"""Who sent it: the words, arrows and pairs by which logs tell the direction of a line.

Most logs are written by the client, so "send" is the client and "receive" the meter. A word about the kind
of message (request, response) is worth more than that, because a meter's own log also sends responses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Sender = Literal["client", "meter"]


def words(text: str) -> frozenset[str]:
    """The words of a text, as a table to look them up in."""
    return frozenset(text.split())


# Lower ranks win where a line has several words: "Meter: request received" was sent by the client.
REQUEST, TRANSFER, FILE, PARTY = 1, 2, 3, 4


_WORDS: tuple[tuple[int, Sender, str], ...] = (
    (REQUEST, "client", "request requests req query command cmd"),
    (REQUEST, "meter", "response responses resp reply replies answer answers"),
    (
        TRANSFER,
        "client",
        "tx txd send sends sending sent transmit transmitted transmitting xmit outgoing outbound",
    ),
    (
        TRANSFER,
        "meter",
        "rx rxd receive receives received receiving recv rcv rcvd recieve recieved incoming inbound",
    ),
    (FILE, "client", "write writes writing written wrote"),
    (FILE, "meter", "read reads reading"),
    (PARTY, "client", "client pc host master hes"),
    (PARTY, "meter", "meter server slave device"),
    # Other languages that forums paste logs in.
    (
        TRANSFER,
        "client",
        "senden gesendet envoi envoyé enviado enviar inviato отправка отправлено передача передано 发送",
    ),
    (
        TRANSFER,
        "meter",
        "empfangen empfang reçu recibido recebido ricevuto приём прием получено принято 接收",
    ),
)
_RANKS: dict[str, tuple[int, Sender]] = {
    word: (rank, sender) for rank, sender, listed in _WORDS for word in listed.split()
}
# Too common in prose, or too short, to mean anything without a colon, a bracket or an arrow behind them.
_TERSE: dict[str, Sender] = {
    "out": "client", "output": "client", "t": "client", "c": "client", "w": "client",
    "in": "meter", "input": "meter", "r": "meter", "s": "meter", "m": "meter",
}  # fmt: skip
_FILLERS = words(
    "data frame frames packet packets pdu apdu adu hdlc hex raw bytes message msg buffer buf telegram from to the "
    "of by via com port serial tcp hex dump trace log irp mj over line irp_mj"
)

_CLIENT = r"(?:client|pc|host|master|hes|software|laptop|C)"
_METER = r"(?:meter|server|slave|device|S|M)"
_FORWARD = r"\s{0,3}(?:[-=]{0,3}>{1,3}|→|⇒|➡|\bto\b(?:\s+the)?|2)\s{0,3}"
_BACKWARD = r"\s{0,3}(?:<{1,3}[-=]{0,3}|←|⇐)\s{0,3}"
_TO = r"(?:to|→|-{1,2}>)\s{1,2}(?:the\s)?"
_FROM = r"(?:from|←|<-{1,2})\s{1,2}(?:the\s)?"
_PAIR_TABLE: tuple[tuple[str, str, str, Sender], ...] = (
    (_CLIENT, _FORWARD, _METER, "client"),
    (_METER, _FORWARD, _CLIENT, "meter"),
    (_CLIENT, _BACKWARD, _METER, "meter"),
    (_METER, _BACKWARD, _CLIENT, "client"),
    ("", _TO, "(?:meter|server|slave|device)", "client"),
    ("", _FROM, "(?:meter|server|slave|device)", "meter"),
    ("", _TO, "(?:client|pc|host|master|hes)", "meter"),
    ("", _FROM, "(?:client|pc|host|master|hes)", "client"),
)
_PAIRS = tuple(
    (re.compile(rf"(?<!\w){left}{arrow}{right}(?!\w)", re.IGNORECASE), sender)
    for left, arrow, right, sender in _PAIR_TABLE
)
_ARROW = re.compile(
    r"(?P<client>[-=~]{1,4}>{1,4}|>{2,4}|>(?=\s|$)|[→⇒➡►▶⇨↑])|(?P<meter><{1,4}[-=~]{1,4}|<{2,4}|<(?=\s|$)|[←⇐⬅◄◀⇦↓])"
)
_ARROW_SIGNS = frozenset("-=~<>→⇒➡►▶⇨↑←⇐⬅◄◀⇦↓")
_BEFORE_ARROWS = words("client pc host master hes software laptop c meter server slave device s m to from")
_WORD = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")  # IRP_MJ_WRITE, WriteFile, tx_buffer
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:_[A-Za-z0-9]+)+")  # IRP_MJ_READ, tx_frame
_DELIMITER = re.compile(r"\s{0,2}(?:[\]:>=|)}\-,;\"']|$)")
_HEX_NEXT = re.compile(r"\s+(?:0x)?[0-9A-Fa-f]{2}(?![0-9A-Za-z])")
_PEER = re.compile(r"\bpeer([01])_\d")  # Wireshark's follow stream as C arrays; peer 0 opened the connection


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sender that a text names, and how good the word is (the rank, 0 is the best)."""

    sender: Sender
    rank: int


def better(first: Evidence | None, second: Evidence | None) -> Evidence | None:
    """The one of the better rank, the first where they are equal."""
    if first is None or (second is not None and second.rank < first.rank):
        return second
    return first


def match_direction(text: str, position: int) -> tuple[Evidence, int] | None:
    """The direction word, pair or arrow that begins at a position of a line, and the position after it."""
    window = text[position : position + 60]
    if not window:
        return None
    if not window[0].isalpha():
        return _match_arrow(window, position)
    found = _WORD.match(window)
    if found is None:
        return None
    word, end = found[0].lower(), found.end()
    if word in _BEFORE_ARROWS:
        for pattern, sender in _PAIRS:
            pair = pattern.match(window)
            if pair is not None:
                return Evidence(sender, 0), position + pair.end()
    if window[end : end + 1] == "_":
        named = _IDENTIFIER.match(window)
        inside = direction_in(named[0]) if named is not None else None
        if named is None or inside is None or inside.rank >= PARTY:
            return None
        return inside, position + named.end()
    if word in _RANKS:
        if window[end : end + 1].isdigit() and word not in ("tx", "rx"):
            return None
        rank, side = _RANKS[word]
        return Evidence(side, rank), position + end
    if word == "c" and window[end : end + 1] == ":" and window[end + 1 : end + 2].strip():
        return None  # "c:7e:a0" has lost a digit
    if word in _TERSE and (
        _DELIMITER.match(window, end) is not None or (len(word) > 1 and _HEX_NEXT.match(window, end) is not None)
    ):
        # "r:" is a direction, "c0:" a byte, "in" alone on a line is one as well.
        return Evidence(_TERSE[word], TRANSFER), position + end
    return None


def _match_arrow(window: str, position: int) -> tuple[Evidence, int] | None:
    """An arrow, with the party that it points to."""
    if window[0] not in _ARROW_SIGNS:
        return None
    for pattern, sender in _PAIRS[4:]:
        pair = pattern.match(window)
        if pair is not None:
            return Evidence(sender, 0), position + pair.end()
    found = _ARROW.match(window)
    if found is None:
        return None
    return Evidence("client" if found["client"] else "meter", 0), position + found.end()


def match_filler(text: str, position: int) -> int | None:
    """The position after a word that only stands beside a direction ("Received *data from* COM3")."""
    found = _WORD.match(text, position, position + 20)
    return found.end() if found is not None and found[0].lower() in _FILLERS else None


def direction_in(text: str) -> Evidence | None:
    """The direction that a text names anywhere: the head of a log line, a variable's name, a label."""
    head = text if len(text) <= 400 else text[:200] + " " + text[-200:]
    found = _PEER.search(head)
    if found is not None:
        return Evidence("client" if found[1] == "0" else "meter", 0)
    for pattern, sender in _PAIRS:
        if pattern.search(head) is not None:
            return Evidence(sender, 0)
    best: Evidence | None = None
    for part in _PARTS.findall(head):
        known = _RANKS.get(part.lower())
        if known is not None:
            best = better(best, Evidence(known[1], known[0]))
    return best
