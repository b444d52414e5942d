"""Key files, key options and plug-ins: what is found for whom, and that no text shows a key."""

from __future__ import annotations

import copy
import dataclasses
import importlib.metadata
import pickle
import re
import traceback
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.keyring import KeyProviderError, KeyRing, load_entry_point_providers
from analyzer.meter_keys import KeyFileError, KeyIssue, KeyRole, MeterKeys, Secret

EK = "5A1B2C3D4E5F60718293A4B5C6D7E8F9"
AK = "C0FFEE0123456789ABCDEF0011223344"
OTHER = "FEDCBA98765432100123456789ABCDEF"
TITLE = bytes.fromhex("4858451120000A44")
TITLE_2 = bytes.fromhex("4C475A0000000002")
CLIENT = bytes.fromhex("4845430005000001")

FULL = f"""
[[meter]]
name = "flat 3"
system_title = "4858451120000A44"
global_unicast_encryption_key = "{EK}"
global_broadcast_encryption_key = "{"B0" * 16}"
authentication_key = "{AK}"
dedicated_key = "{"D0" * 16}"
key_encrypting_key = "{"E0" * 16}"
password = "hunter22"
client_system_title = "4845430005000001"
client_certificate = "client.pem"
client_private_key = "client.key"
server_certificate = "server.pem"
"""


def meter(**values: str) -> str:
    return "[[meter]]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


def refused(text: str) -> str:
    """The words of the refusal, after making sure that they are one line."""
    with pytest.raises(KeyFileError) as problem:
        KeyRing.from_toml(text)
    words = str(problem.value)
    assert words and "\n" not in words
    return words


# -- the key file


def test_every_field_of_the_contract_is_a_role_or_a_title() -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return b"content of " + path.encode()

    ring = KeyRing.from_toml(FULL, Path("keys"), read)
    assert asked == []  # nothing is read before it is asked for
    expected = {
        "ek": bytes.fromhex(EK), "bek": b"\xb0" * 16, "ak": bytes.fromhex(AK), "dedicated": b"\xd0" * 16,
        "kek": b"\xe0" * 16, "password": b"hunter22",
    }  # fmt: skip
    expected |= {
        "client_certificate": f"content of {Path('keys/client.pem')}".encode(),
        "client_private_key": f"content of {Path('keys/client.key')}".encode(),
        "server_certificate": f"content of {Path('keys/server.pem')}".encode(),
    }
    assert set(expected) == set(get_args(KeyRole))
    for role, value in expected.items():
        assert ring.key(role, TITLE, 0) == value  # type: ignore[arg-type]
        assert ring.key(role, TITLE, 0) == value  # type: ignore[arg-type]
    assert len(asked) == 3  # each file once
    assert (ring.titles(), ring.client_titles(), ring.issues) == ((TITLE,), (CLIENT,), ())


def test_the_key_file_of_the_forum_capture() -> None:
    ring = KeyRing.from_toml(meter(name="thread", global_unicast_encryption_key="0" * 32, authentication_key="0" * 32))
    for title in (None, TITLE, b""):
        assert ring.key("ek", title, 0) == ring.key("ak", title, 0) == bytes(16)
    assert ring.key("kek", TITLE, 0) is None


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff" + meter(name="with a byte order mark")])
def test_a_file_without_keys_has_none(text: str) -> None:
    assert KeyRing.from_toml(text).key("ek", None, 0) is None


@pytest.mark.parametrize(
    ("field", "near"),
    [
        ("authentification_key", "authentication_key"),
        ("Authentication-Key", "authentication_key"),
        ("encryption_key", "global_unicast_encryption_key"),
        ("guek", "global_unicast_encryption_key"),
        ("GBEK", "global_broadcast_encryption_key"),
        ("server_system_title", "system_title"),
        ("passwd", "password"),
        ("server_cert", "server_certificate"),
    ],
)
def test_unknown_field_is_named_with_the_near_match(field: str, near: str) -> None:
    words = refused(meter(name="x", **{field: EK}))
    assert words == f"meter 'x', {field}: unknown field, did you mean {near}?"


def test_unknown_field_that_resembles_nothing_gets_the_list() -> None:
    assert "expected one of name, system_title, global_unicast" in refused(meter(colour="red"))


def test_shapes_that_are_no_key_file() -> None:
    assert "with two brackets" in refused(f'[meter]\nauthentication_key = "{AK}"')
    assert "belongs below a line [[meter]]" in refused(f'authentication_key = "{AK}"')
    assert refused('[[meters]]\nname = "x"').startswith("meters: unknown at the top")
    assert "line 1" in refused(f"authentication_key = {AK}")
    assert "expected text in quotes, found int" in refused("[[meter]]\nauthentication_key = 0x00010203")
    assert "meter 1, name: expected text" in refused("[[meter]]\nname = 7")


# -- hex as people type it


@pytest.mark.parametrize(
    "typed",
    [
        "5a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "0x5A1B2C3D4E5F60718293A4B5C6D7E8F9",
        "5A 1B 2C 3D 4E 5F 60 71 82 93 A4 B5 C6 D7 E8 F9",
        " 5A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9\n",
        "5A-1B-2C-3D-4E-5F-60-71-82-93-A4-B5-C6-D7-E8-F9",
        "0x5A,0x1B,0x2C,0x3D,0x4E,0x5F,0x60,0x71,0x82,0x93,0xA4,0xB5,0xC6,0xD7,0xE8,0xF9",
        "5A1B2C3D 4E5F6071\u00a08293A4B5 C6D7E8F9",
    ],
)
def test_hex_as_typed(typed: str) -> None:
    ring = KeyRing.from_options(ek=typed)
    assert ring.key("ek", None, 0) == bytes.fromhex(EK)
    assert ring.candidates("ek")[0].secret.typed == typed


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", "nothing"),
        ("0x", "nothing"),
        (EK[:-1], "31 digits"),
        ("0x5 0x1", "an odd number of digits behind a 0x"),
        (EK[:-1] + "O", "something else as digit 32"),
        ("hunter22", "something else as digit 1"),
        ("\uff15\uff21", "something else as digit 1"),
    ],
)
def test_what_is_no_hex_is_refused_without_its_value(typed: str, found: str) -> None:
    for ring, name in ((KeyRing.from_toml, "meter 1, authentication_key"), (None, "--ak")):
        with pytest.raises(KeyFileError) as problem:
            _ = ring(meter(authentication_key=typed)) if ring else KeyRing.from_options(ak=typed)
        assert str(problem.value) == f"{name}: expected hex digits in pairs, found {found}"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("hunter22", b"hunter22"), ("0x3132", b"12"), ("0X31 32", b"12"), ("", b""), ("12345678", b"12345678"),
        ("grün", "grün".encode()),
    ],
)  # fmt: skip
def test_password_is_text_or_hex(typed: str, value: bytes) -> None:
    assert KeyRing.from_options(password=typed).key("password", None, 0) == value
    assert KeyRing.from_toml(meter(password=typed)).key("password", None, 0) == value


def test_password_that_begins_as_hex_and_is_none() -> None:
    with pytest.raises(KeyFileError) as problem:
        KeyRing.from_options(password="0xhunter")
    assert str(problem.value).startswith("--password: expected text, or 0x and hex digits in pairs")
    assert "hunter" not in str(problem.value)


def test_every_option() -> None:
    ring = KeyRing.from_options(
        ek="01" * 16, ak="02" * 16, bek="03" * 16, dedicated_key="04" * 16, kek="05" * 16,
        client_title="4845430005000001", server_title="48 58 45 11 20 00 0A 44", password="p",
    )  # fmt: skip
    roles: tuple[KeyRole, ...] = ("ek", "ak", "bek", "dedicated", "kek")
    assert [ring.key(role, TITLE, 0) for role in roles] == [bytes((n,)) * 16 for n in range(1, 6)]
    assert (ring.titles(), ring.client_titles()) == ((TITLE,), (CLIENT,))
    assert KeyRing.from_options().meters == ()


# -- odd lengths are kept and told


@pytest.mark.parametrize(
    ("octets", "issue"), [(16, False), (32, False), (15, True), (17, True), (24, True), (31, True), (8, True)]
)
def test_length_of_a_key(octets: int, issue: bool) -> None:
    ring = KeyRing.from_options(ek="A7" * octets)
    assert ring.key("ek", None, 0) == b"\xa7" * octets
    words = f"{octets} octets; suites 0 and 1 take 16, suite 2 takes 32"
    expected = (KeyIssue("global_unicast_encryption_key", words, "command line"),)
    assert ring.issues == (expected if issue else ())


def test_key_that_is_the_text_of_a_key() -> None:
    (issue,) = KeyRing.from_options(ak=AK.encode().hex()).issues
    assert (issue.field, issue.meter) == ("authentication_key", "command line")
    assert issue.text == "all 32 octets are ASCII hex digits: the text of a key, not the key?"


def test_length_of_a_title() -> None:
    (issue,) = KeyRing.from_toml(meter(name="x", system_title="48584511")).issues
    assert issue == KeyIssue("system_title", "4 octets; a system title has 8", "meter 'x'")


def test_password_of_any_length_is_no_issue() -> None:
    assert KeyRing.from_options(password="1").issues == ()


# -- who gets which key


def two_meters(*more: str) -> KeyRing:
    return KeyRing.from_toml(
        meter(name="any", global_unicast_encryption_key="00" * 16, authentication_key="0A" * 16)
        + meter(name="one", system_title=TITLE.hex(), global_unicast_encryption_key=EK)
        + meter(name="two", system_title=TITLE_2.hex(), global_unicast_encryption_key=OTHER)
        + "".join(more)
    )


def test_meter_of_that_title_comes_first_then_the_one_without() -> None:
    ring = two_meters()
    assert ring.key("ek", TITLE, 0) == bytes.fromhex(EK)
    assert ring.key("ek", TITLE_2, 0) == bytes.fromhex(OTHER)
    assert ring.key("ek", b"UNKNOWN!", 0) == bytes(16)
    assert ring.key("ek", None, 0) == bytes(16)
    assert ring.key("ak", TITLE, 0) == b"\x0a" * 16  # the titled entry has none


def test_unknown_meter_gets_nothing_where_all_entries_have_titles() -> None:
    ring = KeyRing.from_toml(meter(system_title=TITLE.hex(), authentication_key=AK))
    assert ring.key("ak", TITLE_2, 0) is None


def test_meter_that_is_not_known_yet_gets_the_key_on_which_all_agree() -> None:
    one = meter(system_title=TITLE.hex(), authentication_key=AK, global_unicast_encryption_key=EK)
    two = meter(system_title=TITLE_2.hex(), authentication_key=AK, global_unicast_encryption_key=OTHER)
    assert KeyRing.from_toml(one).key("ek", None, 0) == bytes.fromhex(EK)
    both = KeyRing.from_toml(one + two)
    assert both.key("ak", None, 0) == bytes.fromhex(AK)
    assert both.key("ek", None, 0) is None


def test_key_of_the_length_of_the_suite_is_preferred() -> None:
    ring = KeyRing.from_toml(
        meter(global_unicast_encryption_key=EK, password="sixteen octets!!")
        + meter(global_unicast_encryption_key=EK + OTHER, password="x")
    )
    lengths = [len(ring.key("ek", None, suite) or b"") for suite in (0, 1, 2)]
    assert lengths == [16, 16, 32]
    assert ring.key("password", None, 2) == b"sixteen octets!!"
    assert KeyRing.from_options(ek=EK).key("ek", None, 2) == bytes.fromhex(EK)  # a wrong one says more than none


def test_candidates_are_all_keys_of_a_role_with_labels() -> None:
    found = two_meters(meter(global_unicast_encryption_key=AK)).candidates("ek")
    assert [candidate.label for candidate in found] == [
        "meter 'any' EK",
        "meter 'one' EK",
        "meter 'two' EK",
        "meter 4 EK",
    ]
    assert [candidate.secret.value.hex().upper() for candidate in found] == ["00" * 16, EK, OTHER, AK]
    assert KeyRing.from_options(dedicated_key=EK).candidates("dedicated")[0].label == "command line dedicated key"
    assert KeyRing.from_toml(FULL).candidates("client_private_key") == ()


def test_joined_rings_ask_the_first_first() -> None:
    ring = KeyRing.from_options(ak=OTHER).joined(KeyRing.from_toml(FULL, None, lambda path: path.encode()))
    assert ring.key("ak", None, 0) == bytes.fromhex(OTHER)
    assert ring.key("ak", TITLE, 0) == bytes.fromhex(AK)
    assert ring.key("server_certificate", TITLE, 1) == b"server.pem"
    assert [meter.label for meter in ring.meters] == ["command line", "meter 'flat 3'"]


# -- files


def test_file_that_cannot_be_read_names_the_field_and_not_the_path() -> None:
    def read(path: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", path)

    ring = KeyRing.from_toml(meter(name="x", client_private_key=EK), None, read)
    with pytest.raises(KeyFileError) as problem:
        ring.key("client_private_key", None, 1)
    words = "meter 'x', client_private_key: the file cannot be read (No such file or directory)"
    assert str(problem.value) == words
    assert EK not in "".join(traceback.format_exception(problem.value))


def test_file_without_anything_to_read_it() -> None:
    with pytest.raises(KeyFileError, match="nothing to read files with"):
        KeyRing.from_toml(FULL).key("client_certificate", TITLE, 1)


# -- plug-ins


class Vault:
    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        return b"V" * 16 if role == "kek" and system_title == TITLE else None


class Broken:
    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        raise ConnectionError("vault sealed\n  ask the administrator")


class Sloppy:
    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        return "secret text"  # type: ignore[return-value]


def test_plug_in_is_asked_after_the_meters() -> None:
    meters = KeyRing.from_options(ek=EK).meters
    ring = KeyRing(meters, [Vault()])
    assert ring.key("ek", TITLE, 0) == bytes.fromhex(EK)
    assert ring.key("kek", TITLE, 0) == b"V" * 16
    assert ring.key("kek", TITLE_2, 0) is None
    assert "plug-in Vault" in ring.describe()


def test_plug_in_that_fails_is_named_in_one_line() -> None:
    with pytest.raises(KeyProviderError) as problem:
        KeyRing(providers=[Broken()]).key("ek", None, 0)
    assert str(problem.value) == "key plug-in Broken failed for ek: ConnectionError vault sealed ask the administrator"
    with pytest.raises(KeyProviderError) as problem:
        KeyRing(providers=[Sloppy()]).key("ek", None, 0)
    assert str(problem.value) == "key plug-in Sloppy gave str for ek, expected bytes"


def entry(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = importlib.metadata.EntryPoint(name, value, "dlmscope.key_providers")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == point.group else [])


INSTANCE = Vault()


def make_vault() -> Vault:
    return Vault()


@pytest.mark.parametrize("name", ["Vault", "INSTANCE", "make_vault"])
def test_entry_point_is_a_class_an_object_or_a_function(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry(monkeypatch, "vault", f"{__name__}:{name}")
    (provider,) = load_entry_point_providers()
    assert provider.key("kek", TITLE, 0) == b"V" * 16


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "no_such_module_here:Vault",
            "key plug-in 'vault' cannot be loaded: ModuleNotFoundError No module named",
        ),
        (f"{__name__}:NO_SUCH", "key plug-in 'vault' cannot be loaded: AttributeError"),
        (f"{__name__}:get_args", "key plug-in 'vault' cannot be loaded: TypeError"),
        (f"{__name__}:dict", "key plug-in 'vault' cannot be loaded: AttributeError"),
        ("builtins:dict", "key plug-in 'vault': expected an object with a method key()"),
    ],
)
def test_entry_point_that_fails(value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry(monkeypatch, "vault", value)
    with pytest.raises(KeyProviderError) as problem:
        load_entry_point_providers()
    assert str(problem.value).startswith(words) and "\n" not in str(problem.value)


def test_no_entry_points_no_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    assert load_entry_point_providers() == []


# -- nothing shows


def shows(text: str, secret: bytes) -> bool:
    forms = {repr(secret)[2:-1], secret.hex(), secret.decode("latin-1")}
    return any(form.lower() in text.lower() for form in forms)


@given(st.binary(min_size=4, max_size=40), st.text(min_size=4))
def test_secret_never_shows(value: bytes, typed: str) -> None:
    secret = Secret(value, typed)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret])):
        assert text.strip("[] ") == f"<secret, {len(value)} octets>"
    assert secret == Secret(value) and hash(secret) == hash(Secret(value)) and secret != value
    assert pickle.loads(pickle.dumps(secret)) == copy.deepcopy(secret) == secret


def test_ring_and_meters_never_show_a_secret() -> None:
    ring = KeyRing.from_toml(FULL, None, lambda path: b"-----BEGIN PRIVATE KEY-----")
    assert ring.key("client_private_key", TITLE, 1)
    texts = [repr(ring), str(ring), ring.describe(), repr(ring.meters), repr(vars(ring)), repr(ring.issues)]
    texts += [
        repr(dataclasses.asdict(ring.meters[0])),
        repr(ring.candidates("ek")),
        repr(ring.candidates("password")),
    ]
    secrets = [
        bytes.fromhex(EK),
        bytes.fromhex(AK),
        b"\xb0" * 16,
        b"\xd0" * 16,
        b"\xe0" * 16,
        b"hunter22",
        b"BEGIN",
    ]
    for text in texts:
        assert not [secret for secret in secrets if shows(text, secret)]
    assert ring.describe() == (
        "meter 'flat 3' (4858451120000A44): EK, BEK, AK, dedicated key, KEK, password, "
        "client certificate, client private key, server certificate"
    )


def test_describe_of_little() -> None:
    assert KeyRing().describe() == "no keys"
    assert KeyRing([MeterKeys()]).describe() == "meter 1 (any meter): no keys"


def test_name_with_control_characters_is_escaped() -> None:
    assert "\x1b" not in KeyRing([MeterKeys(name="\x1b[31mred")]).describe()


FOUND = r"nothing|\d+ digits|something else as digit \d+|an odd number of digits behind a 0x"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_complaint_is_of_few_fixed_words_whatever_the_value(typed: str) -> None:
    quoted = typed.replace("\\", "\\\\").replace('"', '\\"')
    for field in ("authentication_key", "system_title", "key_encrypting_key"):
        try:
            KeyRing.from_toml(f'[[meter]]\n{field} = "{quoted}"')
        except KeyFileError as problem:
            expected = f"meter 1, {field}: expected hex digits in pairs, found ({FOUND})"
            assert re.fullmatch(expected, str(problem))
            assert problem.__cause__ is None and problem.__context__ is None


def test_broken_toml_keeps_its_text_to_itself() -> None:
    words = refused(f'[[meter]]\nauthentication_key = "{AK}')
    assert words == "the key file is no valid TOML: Unterminated string (at end of document)"
    with pytest.raises(KeyFileError) as problem:
        KeyRing.from_toml(f'[[meter]]\nauthentication_key = "{AK}')
    assert problem.value.__cause__ is None and problem.value.__suppress_context__


@pytest.mark.parametrize("role", ["wrapped", "agreed", "", "name", "system_title", "label", "no such role"])
def test_what_is_no_role_has_no_key(role: str) -> None:
    """An APDU opened with a key that travelled in it says so as its key, and whatever is asked for it finds none."""
    asked: list[str] = []

    class PlugIn:
        def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
            asked.append(role)
            return bytes(16)

    ring = KeyRing(KeyRing.from_toml(FULL).meters, [PlugIn()])
    for title in (None, TITLE, TITLE_2):
        assert ring.key(role, title, 0) is None  # type: ignore[arg-type]
    assert ring.meters[0].material(role) is None and asked == []  # type: ignore[arg-type]
