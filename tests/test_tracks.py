"""Lines of a log that are read along the track of one before them: nothing may come of that but what a closer look gives.

The oracle is the reader itself, with no track ever found. Logs are made of beginnings of all kinds, with digits that change from
line to line: also into what is no time, no number and no offset any more.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from analyzer.sources import tracks
from analyzer.sources.hexlog import read_hexlog
from analyzer.sources.tracks import Tracks

STAMPS = (
    "2026-11-26 1#:##:##.###", "2026-11-2# ##:##:##", "##:##:##.###", "[##:##:##]", "#:##:##", "26.11.2026 ##:##:##,###",
    "2026-11-26T0#:##:##.######Z", "Nov 2# 1#:##:##", "17#####2##.####", "[17######5#]", "+#.####", "#.### s", "1##.######",
    "Thu Nov 26 1#:##:## 2026", "11/2#/2026 #:##:## PM", "0#:##:## AM", "1# Nov 2026 0#:##:##", "2026112#T1#####", "T+##.#",
)  # fmt: skip
SIDES = (
    "TX:", "RX:", "-->", "<--", ">>", "<<", "Send", "Received", "TX (#):", "RX (##):", "Sent ## bytes:", "recv #### bytes", "client:",
    "C:", "> ", "[TX]", "[RX] ", "TX len=##", "peer#_1 ->", "IRP_MJ_WRITE", "port COM#: Tx", "Meter -> Client", "out", "TX[##]:",
    "TX ###:", "RX #:", "Client: ", "send #:",
)  # fmt: skip
OTHERS = (
    "[##]", "####", "#.", "#)", "DEBUG", "[INFO]", "app:", "app.main - ", "(pid ###)", "[thread-#]", "##:##", "12.3#", "- ", "| ",
    "0x## ", "@", "#", "# ", "len ##", "Frame ###:", "{#}", "'", '"', "## bytes", "[## bytes]", "25:61 ", "###:", "A#", "#A",
    "[##:##:##]", "a 12:3# b", "7E", "00#", "000#:", "May ##", "12 May ",
)  # fmt: skip
HEADS = (
    "7E A0",
    "7e a0 ",
    "7EA0",
    "00 01 00",
    "00010001",
    "C0 01 C1 00",
    "c001c100",
    "E6E600",
    "FE A0",
    "be ef",
    "68 0",
)


def digits(pattern: str, rng: random.Random) -> str:
    return "".join(str(rng.randrange(10)) if letter == "#" else letter for letter in pattern)


def octets(rng: random.Random, head: str) -> str:
    size = rng.choice((0, 1, 2, 5, 9, 9, 9, 20, 40))
    separator = " " if " " in head else ""
    made = head.rstrip() + separator + rng.randbytes(size).hex(*[" "] * (separator == " ")) if size else head
    if rng.random() < 0.08:
        at = rng.randrange(len(made) + 1)
        made = made[:at] + rng.choice((" ", "  ", "g", ",", "0", "\t", " ; end", "-", "\x0b", "é")) + made[at:]
    return made.upper() if head.isupper() else made


def log(rng: random.Random) -> str:
    """A log of up to sixty lines of at most three forms."""
    forms = []
    for _ in range(rng.randint(1, 3)):
        pieces = [rng.choice(kind) for kind in (STAMPS, OTHERS, STAMPS, SIDES, OTHERS) if rng.random() < 0.55]
        if rng.random() < 0.3:
            rng.shuffle(pieces)
        forms.append(
            (rng.choice((" ", " ", "  ", ": ", "")).join(pieces) + rng.choice((" ", " ", "", ": ")), rng.choice(HEADS))
        )
    lines = []
    for _ in range(rng.randint(4, 60)):
        form, head = rng.choice(forms)
        lines.append(digits(form, rng) + octets(rng, head))
        if rng.random() < 0.08:
            lines.append(rng.choice(("", "=====", "-----", "TX:", "key:", "0000  7e a0 07 03  ~...", "*", "MY SOFTWARE", "Key = 0011", "7E",
                                     "AA BB CC DD", "0", "```", "{", "// x", "10:00:00")))  # fmt: skip
    return rng.choice(("\n", "\n", "\r\n")).join(lines)


def plain(text: str) -> list[Any]:
    return [(t.name, list(t), list(t.issues)) for t in read_hexlog(text, "x.log")]


@pytest.mark.parametrize("seed", range(40))
def test_a_track_leads_where_a_closer_look_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    texts = [log(rng) for _ in range(25)]
    along = [plain(text) for text in texts]
    monkeypatch.setattr(Tracks, "follow", lambda *_: None)
    for text, read in zip(texts, along, strict=True):
        assert read == plain(text), text


@pytest.mark.parametrize("form", ["10:00:0{0}.100 TX: 7E A0 07 03 21 93 0F 0{0} 7E", "7E A0 07 03 21 93 0F 0{0} 7E",
                                  "2026-11-26 10:00:0{0} [1{0}] Sent 9 bytes: 7EA0070321930F0{0}7E",
                                  "[10:00:0{0}] TX (09): 7E A0 07 03 21 93 0F 0{0} 7E",
        "2026-11-26 10:00:0{0}.125 +0.{0}34 [10:00:0{0}] TX: 7E A0 07 03 21 93 0F 0{0} 7E"])  # fmt: skip
def test_most_lines_of_a_log_are_on_a_track(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    learn = Tracks.learn
    monkeypatch.setattr(Tracks, "learn", lambda self, text, *rest: (looked.append(text), learn(self, text, *rest)))
    traces = read_hexlog("\n".join(form.format(number) for number in range(10)), "x.log")
    assert [record.data[-2] for record in traces[0]] == list(range(10))
    assert len(looked) == 1


@pytest.mark.parametrize("lines", [
    ["10:00:00 [M 3 C] {}", "10:00:01 [M 3 C] {}", "10:00:02 [M 2 C] {}"],  # "meter to client"
    ["[S 1 M] TX: {}", "[S 1 M] TX: {}", "[S 2 M] TX: {}"],
    ["Thu Nov 26 10:00:02 1826 TX: {}", "Thu Nov 26 10:00:03 1827 TX: {}", "Thu Nov 26 10:00:04 2026 TX: {}"],
])  # fmt: skip
def test_digits_that_come_to_mean_something(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(lines).replace("{}", "7E A0 07 03 21 93 0F 01 7E")
    along = plain(text)
    monkeypatch.setattr(Tracks, "follow", lambda *_: None)
    assert along == plain(text)


def test_lines_that_show_no_track_are_seldom_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    track = tracks._track
    monkeypatch.setattr(tracks, "_track", lambda *line: (looked.append(line), track(*line))[1])
    text = "\n".join(f"10:00:00 TX: 0x7E 0xA0 0x07 0x03 0x21 0x{number % 100:02}" for number in range(9000))
    assert len(read_hexlog(text, "x.log")[0]) == 9000
    assert len(looked) <= 64 + 9000 // 1024 + 1


def test_tracks_that_no_line_is_on_any_more_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Tracks()
    monkeypatch.setattr("analyzer.sources.logreader.Tracks", lambda: kept)
    known = "10:00:0{} TX: 7E A0 07 03 21 93 0F 01 7E\n"
    other = "TX: 0x7E 0xA0 0x07 0x03 0x21 0x93 0x0F 0x01 0x7E\n"
    read_hexlog(known.format(1) + known.format(2) + other * 60, "x.log")
    assert len(kept.known) == 1
    read_hexlog(other * 60, "x.log")
    assert not kept.known
