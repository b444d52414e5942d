"""Rows of dumps that are read without a closer look at the line: nothing may come of that but what a closer look gives.

The oracle is the reader itself, with each row looked at closely.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from analyzer.sources.logreader import LogReader
from tests.test_tracks import plain

Tool = Callable[[int, bytes], str]
FRAME = bytes.fromhex("7EA0190321")


def shown(row: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)


TOOLS: tuple[Tool, ...] = (
    lambda at, row: f"{at:08x}: {row.hex(' ', 2):<39}  {shown(row)}",  # xxd
    lambda at, row: f"{at:08x}: {row.hex(' '):<47}  {shown(row)}",  # xxd -g1
    lambda at, row: f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{shown(row)}|",  # hexdump -C
    lambda at, row: f"{at:04x}  {row.hex(' '):<47}  {shown(row)}",
    lambda at, row: f"    {at:08X}  {row.hex(' ').upper()}  {shown(row)}",  # Wireshark, follow stream
    lambda at, row: f"{at:07o} {row.hex(' ')}",  # od -t x1
    lambda at, row: f"{at:07d} {row.hex(' ')}  {shown(row)}",
    lambda at, row: f"{at:04X}: {row.hex(' ').upper()}",
    lambda at, row: f"{at:04x}   {row.hex(' ')} | {shown(row)}",
    lambda at, row: f"{at:08x}: {row.hex(' ')}   {'<b>' + shown(row)[:9]}",
)  # fmt: skip


def dump(rng: random.Random) -> Iterator[str]:
    """A log with some dumps, most of one tool, with damage, labels and other lines between them."""
    tool = rng.choice(TOOLS)
    for _ in range(rng.randint(1, 8)):
        if rng.random() < 0.6:
            yield rng.choice(
                ("TX:", "10:00:00.250 RX", "-->", "", "key:", "=====", "hello world", "7E A0 07 03", "Device: 3")
            )
        letters = rng.choice((bytes(range(256)), b"0123456789abcdef ABCDEF|", b"\0\x7e", b"&;<>/*'\"{}[]x0. "))
        data = FRAME * rng.randint(0, 1) + bytes(
            rng.choice(letters) for _ in range(rng.choice((3, 16, 20, 40, 64, 130)))
        )
        at = rng.choice((0, 0, 0, 0, 16, 0xC0DE, 0xFEB0))
        for start in range(0, len(data), 16):
            row = tool(at + start, data[start : start + 16])
            if rng.random() < 0.06:
                place = rng.randrange(len(row))
                row = row[:place] + rng.choice((" ", "g", "0", "  ", ":", "\t", "é", "\x1b[0m", "")) + row[place + 1 :]
            if rng.random() < 0.04:
                row = rng.choice(("*", "", row[:10], "> " + row, row + "  ", " " + row))
            yield row
        if rng.random() < 0.2:
            yield f"{at + len(data):08x}"


@pytest.mark.parametrize("seed", range(30))
def test_a_row_is_what_a_closer_look_shows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    texts = [rng.choice(("\n", "\n", "\r\n")).join(dump(rng)) for _ in range(25)]
    quickly = [plain(text) for text in texts]
    monkeypatch.setattr(LogReader, "_further", lambda *_: False)
    for text, read in zip(texts, quickly, strict=True):
        assert read == plain(text), text


@pytest.mark.parametrize("tool", [*TOOLS[:5], *TOOLS[7:9]])
def test_most_rows_need_no_closer_look(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, looked = random.Random(1), []
    line = LogReader._line
    monkeypatch.setattr(LogReader, "_line", lambda self, one, raw: (looked.append(raw), line(self, one, raw)))
    data = bytes(rng.choice(b"\x00\x7e\xa0\xe6ABCdef0123 .") for _ in range(640))
    (_, (record,), _), *others = plain("\n".join(tool(at, data[at : at + 16]) for at in range(0, 640, 16)))
    assert record.data == data and not others
    assert len(looked) <= 3


def test_a_row_that_ends_like_a_heading_is_a_row() -> None:
    data = FRAME + bytes(8) + b"---" + b"a" * 13 + b"===" + b"b" * 9
    (name, (record,), _), *others = plain("\n".join(TOOLS[0](at, data[at : at + 16]) for at in range(0, len(data), 16)))
    assert (name, record.data, others) == ("x", data, [])
