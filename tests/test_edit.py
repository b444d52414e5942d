"""Fields set, frames built again: what is read back is what was set, and all else is as it was."""

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.edit import EditError, NotBuildable, edited
from analyzer.keyring import KeyRing
from analyzer.model import Record
from analyzer.tree import tree_of
from tests.support import CLIENT, GET_CLOCK, THREAD, Conversation, ciphered, keys, thread, thread_keys, wrapped
from tests.test_framings import PUSH, telegram


def again(octets: bytes, ring: KeyRing, direction: str = "client"):
    (message,) = decode([Record(1, octets, direction)], ring)  # type: ignore[arg-type]
    return message


@pytest.mark.parametrize("trace", [0, 1])
def test_setting_nothing_new_changes_nothing(trace: int) -> None:
    ring = thread_keys()
    for message in thread()[trace][1]:
        node = tree_of(message).find("poll_final")
        assert node is not None
        made = edited(message, [("poll_final", str(node.value))], ring).data
        # The UA and SNRM are built with the length of their parameter group right.
        if message.frame not in ("UA",):
            assert made == message.wire
            assert not edited(message, [("poll_final", str(node.value))], ring).resealed


def test_inside_ciphered_content() -> None:
    message = thread()[1][1][2]
    settings = [("proposed_dlms_version_number", "6"), ("bits.get", "0"), ("client_max_receive_pdu_size", "0x0400")]
    made = edited(message, settings, thread_keys())
    assert made.resealed
    back = again(made.data, thread_keys())
    assert back.security is not None and back.security.verdict == "verified" and back.security.invocation_counter == 2
    tree = tree_of(back)
    values = {
        name: tree.find(name).value for name in ("proposed_dlms_version_number", "get", "client_max_receive_pdu_size")
    }  # type: ignore[union-attr]
    assert values == {"proposed_dlms_version_number": 6, "get": 0, "client_max_receive_pdu_size": 0x400}
    assert not [n for n in tree.walk() if n.error]


@pytest.mark.parametrize("path", ["invocation_counter", "security_control.security_suite"])
def test_what_the_seal_depends_on(path: str) -> None:
    message = thread()[1][1][2]
    value = "9" if path == "invocation_counter" else "0"
    back = again(edited(message, [(path, value)], thread_keys()).data, thread_keys())
    assert back.security is not None and back.security.verdict == "verified"


def test_another_title_seals_under_that_title() -> None:
    message = thread()[1][1][2]
    back = again(
        edited(message, [("calling_ap_title.octet_string", "4D4D4D0000000001")], thread_keys()).data, thread_keys()
    )
    assert back.after.client_title == bytes.fromhex("4D4D4D0000000001")
    assert back.security is not None and back.security.verdict == "verified"


def test_addresses_and_link_parameters() -> None:
    snrm = thread()[0][1][0]
    settings = [("source_address", "16"), ("max_information_field_length_transmit", "128")]
    back = again(edited(snrm, settings, KeyRing()).data, KeyRing())
    tree = tree_of(back)
    assert tree.find("source_address").value.number == 16  # type: ignore[union-attr]
    assert back.after.snrm is not None and back.after.snrm.transmit_length == 128
    assert len(back.wire) == len(snrm.wire) and not [n for n in tree.walk() if n.error]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper", "none"])
def test_every_framing(framing: str) -> None:
    talk = ciphered(framing)
    ring = keys()
    message = next(m for m in decode(talk.trace(), ring) if m.plain_apdu == "get-request")
    made = edited(message, [("attribute_id", "3"), ("instance_id", "0100010800FF"), ("class_id", "3")], ring)
    talk.records = [Record(1, made.data, "client")]
    back = again(made.data, keys(client_title=CLIENT.hex()))
    assert back.plain_apdu == "get-request"
    node = tree_of(back).find("instance_id")
    assert node is not None and node.meaning.startswith("1-0:1.8.0*255")


def test_mbus() -> None:
    message = again(telegram(0x10, b"\x01\x67" + PUSH), KeyRing(), "meter")
    back = again(
        edited(message, [("double-long-unsigned", "4711"), ("address", "5")], KeyRing()).data, KeyRing(), "meter"
    )
    tree = tree_of(back)
    assert tree.find("double-long-unsigned").value == 4711 and tree.find("address").value == 5  # type: ignore[union-attr]
    assert not [n for n in tree.walk() if n.error]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("no.such", "1", "no such field"),
        ("frame_check_sequence", "1", "computed"),
        ("attribute_id", "300", "does not fit"),
        ("attribute_id", "x", "expected a number"),
        ("instance_id", "zz", "expected octets"),
        ("cosem_attribute_descriptor", "1", "fields inside"),
        ("invoke_id", "16", "4 bits"),
    ],
)
def test_what_cannot_be_set(path: str, value: str, words: str) -> None:
    (message,) = decode(Conversation("wrapper").request(GET_CLOCK).trace())
    if path == "frame_check_sequence":
        message = thread()[0][1][0]
    with pytest.raises(EditError, match=words):
        edited(message, [(path, value)], KeyRing())


@pytest.mark.parametrize("octets", ["", "0102", "01020304050607"])
def test_octets_that_a_field_has_no_room_for(octets: str) -> None:
    (message,) = decode(Conversation("wrapper").request(GET_CLOCK).trace())
    with pytest.raises(NotBuildable, match=f"instance_id: .*expected 6, found {len(octets) // 2}"):
        edited(message, [("instance_id", octets)], KeyRing())


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    log = f"{THREAD / 'thread.log'}#1"
    assert main(["edit", log, "--record", "1", "--set", "source_address=16"]) == 0
    assert capsys.readouterr().out.startswith("7E A0 23 00 02 FE FF 21 93 ")
    for wrong in (
        ["--record", "99", "--set", "a=1"],
        ["--record", "1", "--set", "a"],
        ["--record", "1", "--set", "a=1"],
    ):
        assert main(["edit", log, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("apdu", "changed"),
    [
        ("C401C100 02 02 0304 09 8103 414243", "C401C200 02 02 0304 09 8103 414243"),
        ("C401C100 02 820001 0304", "C401C200 02 820001 0304"),
        ("C401C100 09 84000000 03 414243", "C401C200 09 84000000 03 414243"),
    ],
)
def test_what_is_not_set_stays_as_it_was_written(apdu: str, changed: str) -> None:
    """TRUE as 04, lengths longer than need be."""
    wire = wrapped(bytes.fromhex(apdu.replace(" ", "")), 1, 16)
    (message,) = decode([Record(1, wire)])
    made = edited(message, [("get-response-normal.invoke_id_and_priority", "0xC2")], KeyRing(()))
    assert made.data[8:] == bytes.fromhex(changed.replace(" ", ""))


def test_a_value_inside_lengths_that_are_longer_than_need_be() -> None:
    wire = wrapped(bytes.fromhex("C401C100 02 8102 09 8103 414243 0304".replace(" ", "")), 1, 16)
    (message,) = decode([Record(1, wire)])
    made = edited(message, [("structure.octet-string", "444546")], KeyRing(()))
    assert made.data[8:].hex() == "c401c1000281020981034445460304"
