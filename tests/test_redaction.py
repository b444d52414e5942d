"""Secrets in every form that a text or JSON gives them, and nothing else, however many there are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.redaction import Redactor

TITLE = bytes.fromhex("4D4D4D0000BC614E")


@pytest.mark.parametrize(
    "shown",
    [
        "4D4D4D0000BC614E",
        "4d4d4d0000bc614e",
        "4D 4D 4D 00 00 BC 61 4E",
        "4D:4D:4D:00:00:BC:61:4E",
        "4D 4D 4D 00\n          00 BC 61 4E",
        "title 4D4D4D0000BC614E, counter 1",
        "4D 4D 4D 00 00 ...",
        "abcd4D4D4D0000BC614E",
    ],
)
def test_octets_are_covered_in_every_spacing(shown: str) -> None:
    covered = Redactor([TITLE]).text(shown)
    assert len(covered) == len(shown) and "*" * 2 in covered
    assert not {"4D", "4d", "BC", "bc"} & set(covered.replace(":", " ").split())
    assert "4D4D4D" not in covered and "BC614E" not in covered


def test_what_surrounds_a_secret_stays() -> None:
    text = "message 3: title 4D4D4D0000BC614E, counter 7\n"
    assert Redactor([TITLE]).text(text) == "message 3: title ****************, counter 7\n"
    assert Redactor([b"\x01\x02\x03"]).text("01 02 03") == "01 02 03"
    assert Redactor([]).text(text) == text and repr(Redactor([TITLE])) == "Redactor()"


def test_texts_are_covered_as_characters() -> None:
    redactor = Redactor([b"meter secret"])
    assert redactor.text('password "Meter Secret"') == 'password "***** ******"'
    assert redactor.text("6D 65 74 65 72 20 73 65 63 72 65 74") == " ".join(["**"] * 12)


def test_numbers_are_covered_with_and_without_scaler() -> None:
    redactor = Redactor([1327456, 42])
    assert redactor.text("double-long-unsigned 1327456 = 1327.456 kWh") == "double-long-unsigned ******* = ****.*** kWh"
    assert redactor.text("13274567 and 42 and 0x1327456 stay") == "13274567 and 42 and 0x1327456 stay"
    value = {"invocation_counter": 1327456, "values": [1327456, 5], "tree": {"start": 1327456, "value": 1327456}}
    assert redactor.json(value) == {
        "invocation_counter": 1327456,
        "values": ["*******", 5],
        "tree": {"start": 1327456, "value": "*******"},
    }


def test_thousands_of_values_cost_little() -> None:
    """A pattern with an alternative for each would take minutes; this is no budget, but a guard against that."""
    secrets = [n.to_bytes(12, "big") for n in range(1 << 64, (1 << 64) + 20_000)]
    began = time.process_time()
    covered = Redactor(secrets).text("\n".join(secret.hex(" ") for secret in secrets[:2_000]))
    assert not covered.strip("* \n") and time.process_time() - began < 20


@given(st.lists(st.binary(min_size=4, max_size=20), max_size=5), st.text(max_size=200))
def test_any_text_keeps_its_length_and_hides_its_secrets(secrets: list[bytes], text: str) -> None:
    redactor = Redactor(secrets)
    shown = text + "".join(f" {secret.hex()} " for secret in secrets)
    covered = redactor.text(shown)
    assert len(covered) == len(shown)
    assert not [secret for secret in secrets if secret.hex() in covered]
