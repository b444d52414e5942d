"""The messages of a long trace when they are looked at are those that `decode` gives, wherever one begins."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from analyzer.decoding import decode
from analyzer.fed import Fed
from analyzer.framing import parts_of
from analyzer.index import pages
from analyzer.index.pages import Messages
from analyzer.inputs import open_traces, read_key_file
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.sources.mapped import LostFileError
from tests import support

CAPTURES = sorted(
    path for path in (support.ROOT / "captures").glob("*/*") if path.suffix in (".pcapng", ".log", ".bin", ".txt")
)


def shown(message: Message) -> object:
    """What can be compared of a message: specifications that a state brought are others than those of the grammars."""
    return (
        message.number, message.wire, message.direction, message.frames, message.apdu, message.plain_apdu,
        message.security, message.before, message.after, message.complete, [b.data for b in message.buffers],
        [(type(o), getattr(o, "target", None), getattr(o, "scaler", None), o.octets) for o in message.objects],
    )  # fmt: skip


def keys_beside(path: Path) -> KeyRing:
    file = path.parent / "keys.toml"
    return KeyRing.from_toml(*read_key_file(str(file))) if file.exists() else KeyRing()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_captures_page_by_page(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EVERY", 3)
    keys = keys_beside(path)
    for trace in open_traces(str(path)):
        check(trace, keys)


def check(trace: Trace, keys: KeyRing) -> Messages:
    wanted = [shown(message) for message in decode(trace, keys)]
    messages = Messages(trace, keys)
    assert [shown(message) for message in messages.advance()] == wanted
    assert messages.complete and len(messages) == len(wanted)
    order = list(range(len(wanted)))
    random.Random(1).shuffle(order)
    for index in order[:60]:
        messages._pages.clear()
        assert shown(messages[index]) == wanted[index], index
    assert [shown(message) for message in messages] == wanted
    return messages


def test_a_dump_of_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """States lie within the record, and none of them holds it."""
    monkeypatch.setattr(pages, "EVERY", 20)
    monkeypatch.setattr(pages, "SMALL", 700)
    octets = (support.THREAD / "thread.log").read_text("utf-8")
    frames = b"".join(bytes.fromhex(line) for line in octets.splitlines() if line.startswith("7E"))
    data = frames * 250 + b"noise" + frames * 50
    messages = check(Trace("x", "x", (Record(1, data),)), support.thread_keys())
    assert len(messages._states) > 10
    assert all(len(state.kept) < 20_000 for state in messages._states)


@pytest.mark.parametrize("hold", [1, 7, 15, 16, 17, 1000])
def test_few_messages_are_simply_kept(hold: int) -> None:
    trace = open_traces(str(support.THREAD / "thread.log"))[0]
    wanted = [shown(message) for message in decode(trace, support.thread_keys())]
    messages = Messages(trace, support.thread_keys(), hold)
    for number, message in enumerate(messages.advance()):
        assert shown(message) == shown(messages[number]) == wanted[number]
        assert len(messages) == number + 1
    assert [shown(message) for message in messages] == wanted


def test_states_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EVERY", 2)
    monkeypatch.setattr(pages, "STATES", 20_000)
    octets = (support.THREAD / "thread.log").read_text("utf-8")
    frames = [bytes.fromhex(line) for line in octets.splitlines() if line.startswith("7E")]
    records = tuple(Record(n, octets) for n, octets in enumerate(frames * 20, 1))
    messages = check(Trace("x", "x", records), support.thread_keys())
    assert messages._octets < 40_000


def test_a_state_goes_on_in_the_middle_of_a_transfer() -> None:
    """Segments and blocks that are open are part of the state."""
    for path in CAPTURES:
        keys = keys_beside(path)
        for trace in open_traces(str(path)):
            wanted = [shown(message) for message in decode(trace, keys)]
            fed, made = Fed(keys), []
            for record in trace:
                for part in parts_of(record):
                    made += fed.feed_part(part)
                fed = Fed.resumed(fed.state(), keys)
            assert [shown(message) for message in [*made, *fed.end()]] == wanted


def test_a_long_dump_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is mapped reads like what is read at once, damage and noise included."""
    octets = (support.THREAD / "thread.log").read_text("utf-8")
    frames = b"".join(bytes.fromhex(line) for line in octets.splitlines() if line.startswith("7E"))
    path = tmp_path / "line.bin"
    path.write_bytes(frames * 20 + bytes(range(256)) * 9 + frames[5:] + b"\x00\x01\x00")
    read = [shown(message) for message in decode(open_traces(str(path))[0], support.thread_keys())]
    monkeypatch.setattr("analyzer.inputs.MAPPED", 1000)
    mapped = open_traces(str(path))[0]
    assert not isinstance(mapped[0].data, bytes)
    assert mapped.name == "line"
    assert [shown(message) for message in decode(mapped, support.thread_keys())] == read
    check(mapped, support.thread_keys())


def test_a_long_dump_that_is_cut_off_while_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system ends a process that reads what is gone of a mapped file."""
    path = tmp_path / "line.bin"
    path.write_bytes(bytes.fromhex("7EA0070321930F017E") * 200_000)
    monkeypatch.setattr("analyzer.inputs.MAPPED", 1000)
    monkeypatch.setattr("analyzer.framing.PART", 1000)
    trace = open_traces(str(path), "raw")[0]
    messages = decode(trace, support.thread_keys())
    assert next(messages).number == 1
    path.write_bytes(b"")
    with pytest.raises(LostFileError, match="became shorter while it was open: it had 1,800,000 octets and has 0"):
        list(messages)


def test_a_long_text_is_read_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.inputs.MAPPED", 10)
    assert len(open_traces(str(support.THREAD / "thread.log"))) == 2
