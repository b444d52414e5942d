"""Traces that are too long to be held: `dlmscope diff` writes them pair by pair, and says the same of them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from analyzer.cli import main
from analyzer.comparison import compared, diff, faced_messages
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.outline import outlines
from tests.support import CLIENT, INITIATE_REQUEST, METER, ROOT, THREAD, Station, aarq, ciphered, keys, plain

SCHEMA = json.loads((files("analyzer.report") / "schemas/diff.schema.json").read_text("utf-8"))
LOG, KEYS = str(THREAD / "thread.log"), str(THREAD / "keys.toml")
Both = Callable[..., tuple[str, str]]


@pytest.fixture
def both(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    """A command as it is, and as if its traces were long: two outputs with the same exit status."""

    def run(*arguments: str) -> tuple[str, str]:
        with monkeypatch.context() as patched:
            status = main(["diff", *arguments])
            short = capsys.readouterr().out
            patched.setattr("analyzer.diagnosis.long.LONG", 2)
            assert main(["diff", *arguments]) == status
            return short, capsys.readouterr().out

    yield run


class Counted:
    """Messages that can be gone through again and again, and how many of them were taken."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages, self.taken = messages, 0

    def __iter__(self) -> Iterator[Message]:
        for message in self.messages:
            self.taken += 1
            yield message


def test_text_is_the_same_but_for_the_place_of_the_totals(both: Both) -> None:
    short, long = (text.splitlines() for text in both(LOG, "--keys", KEYS))
    assert long[0] == (
        "10 messages of MANUFACTURER SOFTWARE against 6 messages of MY SOFTWARE. "
        "The last line says how many differ, and where first."
    )
    assert long[1:-2] == short[1:] and long[-2] == ""
    assert long[-1] == short[0] and short[0].startswith("3 of 10 pairs of messages differ, 4 have no counterpart")


def test_json_is_the_same_but_for_the_order_of_its_members(both: Both) -> None:
    for redact in ((), ("--redact",)):
        short, long = both(LOG, "--keys", KEYS, "--format", "json", *redact)
        assert json.loads(short) == json.loads(long)
        jsonschema.validate(json.loads(long), SCHEMA)
        assert short == json.dumps(json.loads(short), indent=2, ensure_ascii=False) + "\n"
        assert list(json.loads(short)) == ["a", "b", "first_divergence", "pairs"]
        assert list(json.loads(long)) == ["a", "b", "pairs", "first_divergence"]


def test_html_is_the_same_but_for_the_place_of_the_totals(both: Both) -> None:
    short, long = both(LOG, "--keys", KEYS, "--format", "html")
    said = re.search(r"<p>3 of 10 pairs.*</p>\n", short)
    assert said is not None and said[0] in long and long.index(said[0]) > long.index("</table>")
    assert re.sub(r"<p>10 messages of .*</p>\n", "", long.replace(said[0], "")) == short.replace(said[0], "")


def test_two_traces_without_a_difference_that_matters(both: Both, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("7E A0 07 03 21 93 0F 01 7E\n" * 4)
    short, long = both(str(log), str(log))
    assert short.splitlines()[0] == long.splitlines()[-1] == "No difference that matters in 4 pairs of messages."
    for text in both(str(log), str(log), "--format", "json"):
        assert json.loads(text)["first_divergence"] is None


def test_a_secret_that_the_last_message_tells_is_masked_in_the_first(both: Both, tmp_path: Path) -> None:
    """An answer carries the octets of the title, which only the AARQ behind it says to be one."""
    title = b"HEC\x00\x05\x00\x00\x01"
    answers = [bytes.fromhex(f"C401{number}000908") + title for number in ("81", "82")]
    for name, answer in zip(("one", "two"), answers, strict=True):
        apdus = [answer, answer, aarq(INITIATE_REQUEST, context=3, title=title)]
        wrapped = [b"\x00\x01\x00\x01\x00\x10" + len(apdu).to_bytes(2, "big") + apdu for apdu in apdus]
        (tmp_path / name).write_text("\n".join(octets.hex(" ") for octets in wrapped))
    command = (str(tmp_path / "one"), str(tmp_path / "two"), "--format", "html")
    assert all("48 45 43 00 05 00 00 01" in text for text in both(*command))
    for text in both(*command, "--redact"):
        assert "48 45 43 00 05 00 00 01" not in text and "** ** ** ** ** ** ** **" in text


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "analyzer.cli", "diff", LOG, "--keys", KEYS, "--format", "html"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert (running.wait(), running.stderr.read()) == (0, b"")


def test_pairs_come_while_messages_are_gone_through() -> None:
    messages = list(decode(plain().trace()))
    a, b = Counted(messages), Counted(messages[1:])
    known = outlines(a, b)
    assert (len(known[0]), len(known[1])) == (a.taken, b.taken) == (len(messages), len(messages) - 1)
    pairs = faced_messages(a, b, known)
    a.taken = b.taken = 0
    found = [(faced.pair.a, faced.pair.b, a.taken, b.taken) for faced in pairs]
    assert found == [(1, None, 1, 0), *((n, n, n, n - 1) for n in range(2, len(messages) + 1))]


def test_outlines_hold_each_key_once() -> None:
    messages = list(decode(plain("hdlc", 40).trace()))
    one, other = outlines(messages, messages)
    assert len({id(key) for key in (*one.keys, *other.keys)}) == len({*one.keys, *other.keys}) < 10


def test_an_input_that_becomes_shorter_is_told() -> None:
    messages = list(decode(plain().trace()))
    with pytest.raises(RuntimeError, match="shorter while it was compared"):
        list(faced_messages(messages[:-1], messages, outlines(messages, messages)))


def test_the_pairs_are_those_of_the_whole_comparison() -> None:
    one = list(decode(ciphered().trace(), keys()))
    later = ciphered("hdlc", Station(CLIENT, counter=40), Station(METER, counter=70))
    other = [replace(message) for message in decode(later.trace(), keys())]
    assert tuple(compared(one, other)) == diff(one, other).pairs
