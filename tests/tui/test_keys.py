"""The keys screen and the key book: typing, checking, saving for the owner alone, loading."""

import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, Static

from analyzer.keyring import KeyRing
from analyzer.meter_keys import KeyFileError
from analyzer.sources import InputError
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.keybook import Entry, KeyBook, as_toml, problem_of, remark_on

Settled = Callable[[Pilot[Any]], Awaitable[None]]
EK = "3B0E55C17D92A4F8066B9A2D41E7C35F"


def test_a_saved_file_is_for_its_owner_alone_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    book = KeyBook()
    book.entries = [
        Entry({"name": 'bench "one"\\', "global_unicast_encryption_key": EK, "password": 'p"w\\ö'}),
        Entry({"system_title": "4858451120000A44", "authentication_key": EK}),
    ]
    assert book.save(str(path)) == ""
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    other = KeyBook()
    assert other.load(str(path)) == ""
    assert [entry.fields() for entry in other.entries] == [entry.fields() for entry in book.entries]
    assert other.ring.meters[0].global_unicast_encryption_key is not None
    assert other.ring.meters[0].global_unicast_encryption_key.value == bytes.fromhex(EK)
    assert list(tmp_path.iterdir()) == [path]


def test_a_wide_file_is_warned_of_and_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'[[meter]]\nauthentication_key = "{EK}"\n')
    path.chmod(0o644)
    book = KeyBook()
    assert "0644" in book.load(str(path))
    assert "now it is 0600" in book.save(str(path))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_files_that_cannot_be_used_raise_one_line(tmp_path: Path) -> None:
    book = KeyBook()
    with pytest.raises(InputError, match="no such file"):
        book.load(str(tmp_path / "missing.toml"))
    path = tmp_path / "bad.toml"
    path.write_text(f'[[meter]]\nek = "{EK}"\n')
    with pytest.raises(KeyFileError) as caught:
        book.load(str(path))
    assert EK not in str(caught.value)


def test_texts_are_judged_without_being_shown() -> None:
    assert problem_of("authentication_key", EK) == ""
    assert "31 digits" in problem_of("authentication_key", EK[:-1])
    assert "digit 3" in problem_of("authentication_key", "00zz")
    assert "zz" not in problem_of("authentication_key", "00zz")
    assert "8 octets" in remark_on("authentication_key", EK[:16])
    assert EK not in repr(Entry({"authentication_key": EK}))
    assert EK not in repr(KeyBook(KeyRing.from_options(ak=EK)))


def test_a_half_typed_field_is_left_out() -> None:
    book = KeyBook()
    book.entries = [Entry({"global_unicast_encryption_key": EK, "authentication_key": EK[:-1]})]
    meter = book.made().meters[0]
    assert meter.global_unicast_encryption_key is not None
    assert meter.authentication_key is None


def test_a_ring_comes_back_as_it_was() -> None:
    ring = KeyRing.from_options(ek=EK, ak=EK, password="0x3132", server_title="4858451120000A44")
    made = KeyBook(ring).made()
    assert made.key("ek", bytes.fromhex("4858451120000A44"), 0) == bytes.fromhex(EK)
    assert made.key("password", bytes.fromhex("4858451120000A44"), 0) == b"12"


@given(st.dictionaries(st.sampled_from(["name", "password"]), st.text(min_size=1).filter(str.strip), min_size=1))
def test_any_text_survives_a_key_file(texts: dict[str, str]) -> None:
    import tomllib

    entry = Entry()
    for name, text in texts.items():
        entry.put(name, text.encode("utf-8", "ignore").decode())
    if entry.fields():
        assert tomllib.loads(as_toml([entry]))["meter"][0] == entry.fields()


async def test_a_wrong_key_makes_the_verdicts_fall_and_the_right_one_restores_them(
    app: DlmscopeApp, settled: Settled
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("6")
        await settled(pilot)
        opens = app.screen.query_one("#opens", Static)
        assert "6 ciphered APDUs, 6 open" in str(opens.render())
        field = app.screen.query_one("#key-authentication_key", Input)
        field.focus()
        await pilot.press("end", "backspace", "1")
        await settled(pilot)
        assert "0 open, 6 with a wrong tag" in str(opens.render())
        await pilot.press("backspace", "0")
        await settled(pilot)
        assert "6 ciphered APDUs, 6 open" in str(opens.render())


async def test_add_save_remove_load(empty_app: DlmscopeApp, settled: Settled, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f6")
        await settled(pilot)
        await pilot.press("a", *"bench", "enter", *EK)
        await settled(pilot)
        assert empty_app.session.keys.meters[0].name == "bench"
        assert EK not in empty_app.export_screenshot()
        await pilot.press("ctrl+s")
        empty_app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await settled(pilot)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        await pilot.press("delete")
        await settled(pilot)
        assert not empty_app.session.keys.meters
        await pilot.press("ctrl+r")
        empty_app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await settled(pilot)
        assert empty_app.session.keys.key("ek", None, 0) == bytes.fromhex(EK)
        await pilot.press("ctrl+r")
        empty_app.screen.query_one("#path", Input).value = str(tmp_path)
        await pilot.press("enter")
        await settled(pilot)
        assert empty_app.session.keys.meters  # what cannot be read changes nothing
