"""Suppositions: what verifies under them, what the text is, and what the search found as one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.diagnosis.search import Progress, search
from analyzer.hypothesis import (
    FORMS,
    HypothesisError,
    Supposition,
    applied,
    best_of,
    checked,
    given_keys,
    tried,
)
from analyzer.hypothesis_text import supposed_from, texts_of
from analyzer.keyring import KeyRing
from tests.support import AK, CLIENT, EK, METER, Station, ciphered, keys, thread, thread_keys

WRONG = bytes.fromhex("0F" * 16)


def verdicts(supposed: Supposition, ring: KeyRing | None = None) -> list[str]:
    ring = ring or thread_keys()
    return [one.verdict for _, messages in thread(ring) for one in tried(messages, ring, supposed)]


def test_nothing_supposed_is_what_the_trace_says() -> None:
    ring = thread_keys()
    for _, messages in thread(ring):
        told = [m.security.verdict for m in messages if m.security is not None and m.security.layer == "apdu"]
        assert [one.verdict for one in tried(messages, ring, Supposition())] == told
    assert verdicts(Supposition()) == ["verified"] * 7


def test_a_wrong_authentication_key_fails_every_tag_and_leaves_the_text() -> None:
    _, messages = thread(thread_keys())[1]
    (one,) = tried(messages, thread_keys(), Supposition(authentication_key=WRONG))
    assert (one.verdict, one.message, one.apdu, one.plain) == ("failed", 3, "glo-initiate-request", "initiate-request")
    assert one.plaintext is not None and one.plaintext.hex() == "01000000015f1f0400007e1fffff"


def test_a_wrong_encryption_key_leaves_no_text() -> None:
    _, messages = thread(thread_keys())[0]
    found = list(tried(messages, thread_keys(), Supposition(encryption_key=WRONG)))
    assert {one.verdict for one in found} == {"failed"}
    assert not any(one.readable for one in found)


def test_keys_that_are_supposed_stand_in_for_keys_that_are_missing() -> None:
    nothing = KeyRing()
    assert set(verdicts(Supposition(), nothing)) == {"no-key"}
    _, messages = thread(nothing)[1]
    (one,) = tried(messages, nothing, Supposition(bytes(16), bytes(16)))
    assert one.verdict == "verified"


CASES: dict[str, tuple[dict[str, Any], Supposition]] = {
    "title": ({"nonce_title": METER}, Supposition(client_title=METER)),
    "counter": ({"nonce_counter": 90}, Supposition(counter_offset=-1)),
    "counter order": ({"nonce_counter": 0x5B000000}, Supposition(counter_reversed=True)),
    "no key in the data": ({"data": b"\x30"}, Supposition(data="SC H")),
    "no control in the data": ({"data": AK}, Supposition(data="ak")),
    "another control in the data": ({"data": b"\x31" + AK}, Supposition(data="31 AK")),
    "title in the data": ({"data": b"\x30" + AK + CLIENT}, Supposition(data="SC AK TITLE H")),
    "nothing in the data": ({"data": b""}, Supposition(data="")),
    "tag of 8 octets": ({"tag_octets": 8}, Supposition(tag_octets=8)),
    "tag of 16 octets": ({"tag_octets": 16}, Supposition(tag_octets=16)),
}


@pytest.mark.parametrize("case", CASES)
def test_each_part_of_a_supposition(case: str) -> None:
    how, supposed = CASES[case]
    talk = ciphered(client=Station(CLIENT, counter=90, **how))
    messages = list(decode(talk.trace(), keys()))
    as_it_is = [one for one in tried(messages, keys(), Supposition()) if one.direction == "client"]
    assert as_it_is and all(one.verdict == "failed" for one in as_it_is)
    under = [one for one in tried(messages, keys(), supposed) if one.direction == "client"]
    matching = [one for one in under if one.verdict == "verified" and one.readable]
    # The counter goes up by one with each APDU: a fixed one in the nonce fits the first alone.
    fixed = case.startswith("counter")
    assert len(matching) == (1 if fixed else len(under))


def test_what_the_search_found_opens_the_other_apdus_as_well() -> None:
    talk = ciphered(client=Station(CLIENT, data=b"\x30" + AK + CLIENT))
    messages = list(decode(talk.trace(), keys()))
    seen: list[Progress] = []
    found = best_of(search(messages, keys(), seen.append))
    assert found is not None and found.data == "SC AK TITLE H"
    assert [one.done for one in seen] == list(range(1, len(seen) + 1))
    assert seen and seen[-1].done == seen[-1].total and seen[-1].tried > 0
    under = [one.verdict for one in tried(messages, keys(), found) if one.direction == "client"]
    assert set(under) == {"verified"}


def test_a_search_stops_when_the_watcher_raises() -> None:
    class EnoughError(Exception):
        pass

    def watch(progress: Progress) -> None:
        raise EnoughError

    ring = KeyRing.from_options(ek="11" * 16, ak="22" * 16)
    _, messages = thread(ring)[0]
    with pytest.raises(EnoughError):
        search(messages, ring, watch)


def test_keys_that_were_found_are_put_into_the_entry_of_the_meter() -> None:
    wrong = KeyRing.from_options(ek="11" * 16, ak="22" * 16, password="secret")
    _, messages = thread(wrong)[0]
    found = best_of(search(messages, wrong))
    assert found is not None and found.encryption_key == bytes(16)
    better = applied(wrong, found, messages[-1].after.server_title)
    assert better.key("ek", None, 0) == bytes(16)
    assert better.key("password", None, 0) == b"secret"
    assert len(better.meters) == 1
    assert {m.security.verdict for m in thread(better)[0][1] if m.security} == {"verified"}
    assert "000" not in repr(better) + repr(found)


def test_a_titled_entry_comes_before_a_free_one() -> None:
    text = f'[[meter]]\nsystem_title = "{METER.hex()}"\nauthentication_key = "{AK.hex()}"\n[[meter]]\nname = "free"\n'
    ring = applied(KeyRing.from_toml(text), Supposition(EK), METER)
    assert ring.key("ek", METER, 0) == EK
    assert ring.meters[1].global_unicast_encryption_key is None
    other = applied(KeyRing.from_toml(text.partition("[[meter]]\nname")[0]), Supposition(EK), CLIENT)
    assert len(other.meters) == 2


@pytest.mark.parametrize(
    "supposed",
    [
        Supposition(encryption_key=b"short"),
        Supposition(authentication_key=b""),
        Supposition(client_title=b""),
        Supposition(meter_title=bytes(65)),
        Supposition(control=256),
        Supposition(tag_octets=10),
        Supposition(data="SC NONSENSE"),
        Supposition(data="SC 123"),
    ],
)
def test_what_cannot_be_is_said_without_the_key(supposed: Supposition) -> None:
    with pytest.raises(HypothesisError) as said:
        tried((), KeyRing(), supposed)
    assert "\n" not in str(said.value)
    assert "short" not in str(said.value)


@given(
    st.sampled_from((None, *FORMS)),
    st.integers(-(2**33), 2**33),
    st.one_of(st.none(), st.integers(0, 255)),
    st.sampled_from((8, 12, 16)),
    st.booleans(),
    st.one_of(st.none(), st.binary(min_size=1, max_size=64)),
)
def test_no_supposition_raises(
    data: str | None, offset: int, control: int | None, size: int, backwards: bool, title: bytes | None
) -> None:
    supposed = Supposition(EK, AK, title, title, offset, backwards, data, control, size)
    checked(supposed)
    messages = list(decode(ciphered().trace(), keys()))
    found = list(tried(messages, keys(), supposed))
    assert found
    as_sent = replace(supposed, encryption_key=None, authentication_key=None) == Supposition()
    assert not as_sent or {one.verdict for one in found} == {"verified"}


@given(
    st.one_of(st.none(), st.binary(min_size=16, max_size=16)),
    st.one_of(st.none(), st.binary(min_size=8, max_size=8)),
    st.sampled_from((None, *FORMS)),
    st.integers(-(2**32), 2**32),
    st.one_of(st.none(), st.integers(0, 255)),
    st.sampled_from((8, 12, 16)),
    st.booleans(),
)
def test_what_is_typed_is_what_is_supposed(
    key: bytes | None, title: bytes | None, data: str | None, offset: int, control: int | None, size: int, back: bool
) -> None:
    supposed = Supposition(key, key, title, title, offset, back, data, control, size)
    assert supposed_from(texts_of(supposed)) == supposed


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("encryption_key", "0" * 31, "EK: expected an even number of digits, found 31"),
        ("authentication_key", "cafe", "AK: expected 16 octets, or 32 in suite 2, found 2"),
        ("authentication_key", "secret", "AK: expected hexadecimal digits"),
        ("counter", "many", "Counter: expected a number, found 'many'"),
        ("control", "xyz", "Control: expected a number, found 'xyz'"),
        ("control", "130", "control: expected one octet"),
        ("tag", "11", "tag: expected one of 8, 12, 16 octets"),
    ],
)
def test_what_is_half_typed_is_said(field: str, text: str, said: str) -> None:
    with pytest.raises(HypothesisError) as problem:
        supposed_from({field: text})
    assert str(problem.value) == said


def test_the_form_begins_with_the_given_keys() -> None:
    ring = thread_keys()
    messages = [messages for _, messages in thread(ring)]
    assert given_keys(ring, messages) == Supposition(bytes(16), bytes(16))
    assert given_keys(KeyRing(), messages) == Supposition()
