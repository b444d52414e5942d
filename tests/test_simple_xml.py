"""`decode --format xml`: the Simple XML of Gurux. Where gurux-dlms is installed its own output is the measure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.report import simple_xml
from analyzer.report.simple_xml import names
from analyzer.report.simple_xml.elements import Comment, Element, lines, value
from grammars.apdu import APDU
from grammars.kit.spec import walk_raw
from grammars.parse import parse
from tests import support
from tests.simple_xml_cases import CASES

ASSOCIATIONS = {
    "aarq": support.aarq(support.INITIATE_REQUEST),
    "aarq-sn": support.aarq(support.INITIATE_REQUEST, context=2),
    "aarq-lls": support.aarq(support.INITIATE_REQUEST, mechanism=1, challenge=b"12345678"),
    "aarq-hls": support.aarq(
        support.Station(support.CLIENT).seal(support.INITIATE_REQUEST),
        context=3,
        mechanism=5,
        challenge=support.CTOS,
        title=support.CLIENT,
    ),
    "aare": support.aare(support.INITIATE_RESPONSE),
    "aare-hls": support.aare(
        support.Station(support.METER).seal(support.INITIATE_RESPONSE),
        context=3,
        diagnostic=14,
        mechanism=5,
        challenge=support.STOC,
        title=support.METER,
    ),
    "aare-rejected": support.aare(bytes.fromhex("0E010601"), result=1, diagnostic=1),
    "initiate-request": support.INITIATE_REQUEST,
    "initiate-response": support.INITIATE_RESPONSE,
    "initiate-request-dedicated": bytes.fromhex("010110" + "0102030405060708090A0B0C0D0E0F10" + "000006")
    + support.CONFORMANCE
    + bytes.fromhex("FFFF"),
}
APDUS = {name: bytes.fromhex(text) for name, text in CASES.items()} | ASSOCIATIONS


def document(data: bytes, keys: KeyRing | None = None) -> str:
    """What `decode --format xml` prints of one record."""
    trace = Trace("test", "test", (Record(1, data),))
    return "\n".join([
        *simple_xml.beginning(True),
        simple_xml.opening(trace.name, trace.source),
        *(simple_xml.render(message) for message in decode(trace, keys or KeyRing())),
        *simple_xml.closing(),
    ])  # fmt: skip


def pdu(apdu: bytes, keys: KeyRing | None = None) -> list[ET.Element]:
    """The elements of an APDU, as they come out of a wrapper."""
    root = ET.fromstring(document(support.wrapped(apdu, 1, 16), keys))
    found = root.findall(".//PDU")
    assert len(found) == 1
    return list(found[0])


def plainly(element: ET.Element) -> tuple[object, ...]:
    """An element for comparison: attributes in any order, text without spaces around it."""
    text = (element.text or "").strip()
    return (element.tag, sorted(element.attrib.items()), text, [plainly(child) for child in element])


def say(element: ET.Element, depth: int = 0) -> str:
    own = "  " * depth + element.tag + "".join(f" {k}={v}" for k, v in element.attrib.items())
    return "\n".join([own, *(say(child, depth + 1) for child in element)])


# What Gurux makes of these APDUs is knowingly not what we make: everything else is held to be the same.
DIFFERENCES = {
    "get-response-with-list": "Gurux leaves out results that are errors; we write DataAccessError",
    "set-response-with-list": "Gurux writes this one Qty in decimal; all of ours are hexadecimal",
    "read-request-datablock": "Gurux leaves out the raw data",
    "read-response-blocknumber": "Gurux leaves out the block number",
    "unconfirmed-write": "Gurux writes a Data element that is no XML; we write a comment",
    "general-ded": "Gurux writes GeneralGloCiphering; its own table of names has GeneralDedCiphering",
    "gateway": "Gurux writes nothing; its own table of names has GatewayRequest",
    "data-utf8": "Gurux writes octets for all but ASCII; XML carries the text",
    "data-ca": "Gurux cuts off the last character of the contents and runs rows together",
    "data-ca-oct": "the same",
    "data-ca-struct": "the same, and no description of a structure",
    "data-ca-array": "the same",
    "data-ca-nest": "the same",
}
# Gurux raises an exception on these, though all of them are what the standard says.
RAISES = {
    "set-request-normal-selection",
    "set-request-list-first-block",
    "set-response-last-block-list",
    "action-request-next",
    "action-request-list",
    "action-request-list-first-block",
    "action-request-block",
    "action-response-block",
    "action-response-list",
    "information-report-time",
    "read-response-block",
    "write-request-param",
    "exception-ic",
    "data-date",
    "data-di",
    "data-dl",
    "data-ddl",
    "data-du",
    "data-dlu",
    "data-ddlu",
}


def gurux() -> object:
    """The translator of Gurux, which only this test asks."""
    library = pytest.importorskip("gurux_dlms", reason="the second opinion is in the extra dev")
    from gurux_dlms.enums import TranslatorOutputType

    return library.GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML)


LINK = bytes.fromhex("8180140502008006020080070400000001080400000001")
FRAMES = {
    "snrm": support.frame(0x93, LINK),
    "snrm-empty": support.frame(0x93),
    "ua": support.frame(0x73, LINK, to_server=False),
    "ua-empty": support.frame(0x73, to_server=False),
    "disc": support.frame(0x53),
    "dm": support.frame(0x1F, to_server=False),
    "rr": support.frame(0x31),
    "i": support.frame(0x10, bytes.fromhex("E6E600") + support.GET_CLOCK),
    "i-answer": support.frame(0x30, bytes.fromhex("E6E700") + support.CLOCK, to_server=False),
    "ui": support.frame(0x13, bytes.fromhex("E6E7000F00000001001105"), to_server=False),
    "segment": support.frame(0x10, bytes.fromhex("E6E600") + support.GET_CLOCK[:6], more=True),
}


@pytest.mark.parametrize("name", FRAMES)
def test_an_hdlc_frame_is_what_gurux_makes_of_it(name: str) -> None:
    theirs = ET.fromstring(gurux().messageToXml(bytearray(FRAMES[name])))  # type: ignore[attr-defined]
    root = ET.fromstring(document(FRAMES[name]))
    assert [plainly(element) for element in root] == [plainly(theirs)]


def test_addresses_of_the_wrapper_are_the_right_way_round() -> None:
    """Gurux calls the source port TargetAddress: known to differ."""
    data = support.wrapped(support.GET_CLOCK, 0x10, 1)
    theirs = ET.fromstring(gurux().messageToXml(bytearray(data)))  # type: ignore[attr-defined]
    ours = ET.fromstring(document(data))[0]
    assert plainly(ours.find("PDU")) == plainly(theirs.find("PDU"))  # type: ignore[arg-type]
    assert (ours.tag, ours.attrib) == (theirs.tag, theirs.attrib)
    assert [ours.find(tag).get("Value") for tag in ("TargetAddress", "SourceAddress")] == ["1", "10"]  # type: ignore[union-attr]
    assert [theirs.find(tag).get("Value") for tag in ("TargetAddress", "SourceAddress")] == ["10", "1"]  # type: ignore[union-attr]


BACK = ("get-request-normal", "get-request-next", "set-request-normal", "get-response-normal", "data-struct", "data-arr",
        "data-uint64", "read-request", "action-request-normal")  # fmt: skip


@pytest.mark.parametrize("name", BACK)
def test_gurux_reads_our_xml_back_to_the_same_octets(name: str) -> None:
    text = ET.tostring(pdu(APDUS[name])[0], encoding="unicode")
    assert bytes(gurux().xmlToPdu(text).array()) == APDUS[name]  # type: ignore[attr-defined]


# -- without Gurux -----------------------------------------------------------------------------------------


def test_a_get_request() -> None:
    assert "\n".join(say(element) for element in pdu(support.GET_CLOCK)) == "\n".join([
        "GetRequest",
        "  GetRequestNormal",
        "    InvokeIdAndPriority Value=C1",
        "    AttributeDescriptor",
        "      ClassId Value=0008",
        "      InstanceId Value=0000010000FF",
        "      AttributeId Value=02",
    ])  # fmt: skip


def test_every_name_is_one_of_gurux() -> None:
    known = set(gurux().tags.values())  # type: ignore[attr-defined]
    around = {"Messages", "WRAPPER", "PDU", "ConformanceBit"} | {tag for tag, _ in names.SERVICE_ERRORS.values()}
    for name, apdu in APDUS.items():
        used = {element.tag for element in ET.fromstring(document(support.wrapped(apdu, 1, 16))).iter()}
        assert used <= known | around, name


@pytest.mark.parametrize("name", APDUS)
def test_no_octet_string_and_no_number_is_left_out(name: str) -> None:
    apdu = APDUS[name]
    text = document(support.wrapped(apdu, 1, 16))
    assert ET.fromstring(text).tag == "Messages"
    for spec, _, end, found in walk_raw(parse(APDU, apdu).nodes):
        if isinstance(found, bytes) and len(found) > 1 and spec.name != "object_identifier":
            named = spec.name == "mechanism_name" or spec.hole == "apdu"
            shown = (found.hex().upper(), found.hex(" ").upper(), f'"{found.decode("utf-8", "replace")}"')
            assert named or any(way in text for way in shown), spec.name
        elif isinstance(found, int) and not isinstance(found, bool) and spec.name in ("class_id", "block_number"):
            assert f'"{apdu[:end].hex().upper()[-4:]}"' in text or apdu[end - 4 : end].hex().upper() in text, spec.name


def test_what_simple_xml_has_no_element_for_stays_visible() -> None:
    text = document(support.wrapped(APDUS["set-request-list-first-block"], 1, 16))
    assert "<!-- set-request-with-list-and-first-datablock 05C10100080000010000FF0200000000000103AABBCC" in text
    assert '<RawData Value="AABBCC" />' in text
    assert "<!-- delta-integer 1CFE -->" in document(support.wrapped(APDUS["data-di"], 1, 16))
    assert "<!-- unknown-apdu C6010203 -->" in document(support.wrapped(bytes.fromhex("C6010203"), 1, 16))


def test_a_cut_apdu_keeps_its_octets() -> None:
    cut = APDUS["get-request-with-list"][:17]
    text = document(support.wrapped(cut, 1, 16))
    assert f"which cannot be read to its end: {cut.hex().upper()} -->" in text
    assert len(ET.fromstring(text).findall(".//AttributeDescriptor")) == 2


def sealed(**changes: object) -> bytes:
    return support.wrapped(support.Station(support.CLIENT, **changes).seal(support.GET_CLOCK), 16, 1)  # type: ignore[arg-type]


def with_titles(**changes: str) -> KeyRing:
    return support.keys(client_title=support.CLIENT.hex(), server_title=support.METER.hex(), **changes)


def test_decrypted_content_stands_in_a_comment_as_gurux_has_it() -> None:
    text = document(sealed(), with_titles())
    assert "<!-- Decrypted data, verified; invocation counter 1;" in text and "UNAUTHENTICATED" not in text
    inside = text.partition("<!-- Decrypted data")[2].partition("-->")[0]
    assert '<InstanceId Value="0000010000FF" />' in inside
    root = ET.fromstring(text)
    assert root.find(".//glo_GetRequest") is not None and root.find(".//InstanceId") is None


@pytest.mark.parametrize(
    ("changes", "keys"),
    [({"control": 0x20}, {}), ({"ak": bytes(16)}, {}), ({"data": b"other"}, {})],
    ids=["no tag", "another authentication key", "other authenticated data"],
)
def test_plaintext_that_nothing_vouches_for_is_marked(changes: dict[str, object], keys: dict[str, str]) -> None:
    text = document(sealed(**changes), with_titles(**keys))
    assert "<!-- Decrypted data, UNAUTHENTICATED" in text and '<InstanceId Value="0000010000FF" />' in text


def test_a_shut_apdu_says_so() -> None:
    assert "<!-- Not opened: no key" in document(sealed())


def test_unwrapped_comments_are_xml_too() -> None:
    """Whoever takes a decrypted APDU out of its comment has XML in hand, hyphens and brackets and all."""
    station = support.Station(support.METER)
    apdu = station.seal(bytes.fromhex("C401C1000A09") + b"a--b<&>--")
    text = document(support.wrapped(apdu, 1, 16), with_titles())
    inside = text.partition("<!-- Decrypted data")[2].partition("\n")[2].partition("-->")[0]
    value_of = ET.fromstring(inside).find(".//String")
    assert value_of is not None and value_of.get("Value") == "a--b<&>--"


def test_strings_that_xml_cannot_carry_are_octets() -> None:
    for octets in (b"\x00\x01", b"\x61\x1b", b"\xff\xfe"):
        element = pdu(bytes.fromhex("C401C1000A") + bytes([len(octets)]) + octets)[0].find(".//String")
        assert element is not None and element.get("Value") == octets.hex(" ").upper()


@given(st.text(), st.text())
def test_any_text_makes_a_document(name: str, said: str) -> None:
    items = [value("Name", name), Comment(said), Comment(said, (value("Name", name), Comment(name))), Element("E")]
    made = "\n".join(["<All>", *lines(items), "</All>"])
    root = ET.fromstring(made)
    assert [child.tag for child in root] == ["Name", "E"]
    if all(ord(c) >= 0x20 and not 0xD800 <= ord(c) < 0xE000 and ord(c) not in (0xFFFE, 0xFFFF) for c in name):
        assert root[0].get("Value") == name


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(APDUS)), st.data())
def test_broken_apdus_make_documents(name: str, draw: st.DataObject) -> None:
    data = bytearray(APDUS[name])
    for _ in range(draw.draw(st.integers(0, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(data[: draw.draw(st.integers(1, len(data)))])
    for octets in (support.wrapped(cut, 1, 16), support.frame(0x10, b"\xe6\xe6\x00" + cut), cut):
        ET.fromstring(document(octets))


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_any_octets_make_a_document(octets: bytes) -> None:
    ET.fromstring(document(octets))


def test_a_segment_is_a_next_frame_and_the_last_has_the_apdu() -> None:
    first = support.frame(0x10, bytes.fromhex("E6E600") + support.GET_CLOCK[:6], more=True)
    second = support.frame(0x12, support.GET_CLOCK[6:])
    root = ET.fromstring(document(first + second))
    frames = root.findall("HDLC")
    assert len(frames) == 2 and frames[0].find("NextFrame").get("Value") == "C001C1000800"  # type: ignore[union-attr]
    assert frames[1].find("PDU/GetRequest") is not None


def test_blocks_show_what_they_carry_together() -> None:
    blocks = [bytes.fromhex("C402C10000000001000309030A"), bytes.fromhex("C402C1010000000200020B0C")]
    text = document(b"".join(support.wrapped(block, 1, 16) for block in blocks))
    inside = text.partition("<!-- Reassembled value")[2].partition("-->")[0]
    assert '<OctetString Value="0A0B0C" />' in inside and len(ET.fromstring(text).findall(".//RawData")) == 2


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["decode", "--format", "xml", *words]) == 0
    return capsys.readouterr().out


def test_the_command_masks_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(support.THREAD / "thread.log"), "--keys", str(support.THREAD / "keys.toml")]
    plain, redacted = run(capsys, *names), run(capsys, *names, "--redact")
    root = ET.fromstring(redacted)
    assert root.tag == "Traces" and len(root.findall("Messages")) == 2
    assert "4845430005000001" in plain and "4845430005000001" not in redacted
    assert [element.tag for element in root.iter()] == [element.tag for element in ET.fromstring(plain).iter()]


def test_a_password_that_is_a_name_of_an_element_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    apdu = support.aarq(support.INITIATE_REQUEST, mechanism=1, challenge=b"Value")
    text = run(capsys, "--hex", support.wrapped(apdu, 16, 1).hex(), "--redact")
    element = ET.fromstring(text).find(".//CallingAuthentication")
    assert element is not None and element.get("Value") == "*" * 10


def test_one_trace_is_the_root(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    path.write_text("TX: " + support.wrapped(support.GET_CLOCK, 16, 1).hex(" "), "utf-8")
    assert ET.fromstring(run(capsys, str(path))).tag == "Messages"
