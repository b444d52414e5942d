"""The second opinion of gurux-dlms and dlms-cosem, in values; docs/second-opinion.md tells what was compared.

Both libraries belong to the extra dev and to nothing else; where one is missing its comparisons are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from analyzer.agreement import unwrap
from analyzer.decryptor import Decryptor, Protected
from analyzer.hls import HlsFacts, expected_reply
from grammars import apdu, data, hdlc, wrapper
from grammars.kit.primitives import Extended
from grammars.kit.spec import find_int, find_octets, find_raw
from grammars.parse import build, parse
from tests import second_opinion_dlms_cosem as dlms_cosem
from tests import second_opinion_gurux as gurux
from tests import second_opinion_gurux_server as gurux_server
from tests import support
from tests.second_opinion import (
    DLMS_COSEM,
    ENCODES,
    GURUX,
    READS,
    Encoded,
    Read,
    hold_encoded,
    hold_read,
    name_of,
)

ENCODED_BY: dict[str, list[Encoded]] = {
    GURUX: [*gurux.ENCODED, *gurux_server.ENCODED],
    DLMS_COSEM: dlms_cosem.ENCODED,
}
READ_BY: dict[str, list[Read]] = {GURUX: [*gurux.READS, *gurux_server.READS], DLMS_COSEM: dlms_cosem.READS}
COMPARED = {(case.row, library, ENCODES) for library, cases in ENCODED_BY.items() for case in cases} | {
    (case.row, library, READS) for library, cases in READ_BY.items() for case in cases
}
DISAGREEMENTS: set[str] = set()


def library(name: str) -> Any:
    return pytest.importorskip(name.replace("-", "_"), reason=f"{name} is in the extra dev")


def compares(row: str, name: str, *ways: str) -> Callable[[Any], Any]:
    """Notes that a test compares a row of the table, and skips it where the library is missing."""
    COMPARED.update((row, name, way) for way in ways if row)
    missing = False
    try:
        __import__(name.replace("-", "_"))
    except ImportError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"{name} is in the extra dev")


def disagrees(number: str, name: str) -> Callable[[Any], Any]:
    """Notes a disagreement of the second table."""
    DISAGREEMENTS.add(number)
    return compares("", name)


ALL_ENCODED = [(name, case) for name, cases in ENCODED_BY.items() for case in cases]
ALL_READ = [(name, case) for name, cases in READ_BY.items() for case in cases]


@pytest.mark.parametrize(("name", "case"), ALL_ENCODED, ids=[f"{n} {name_of(c)}" for n, c in ALL_ENCODED])
def test_what_a_library_encodes_is_read_to_the_same_values(name: str, case: Encoded) -> None:
    library(name)
    hold_encoded(case)


@pytest.mark.parametrize(("name", "case"), ALL_READ, ids=[f"{n} {name_of(c)}" for n, c in ALL_READ])
def test_a_library_reads_the_values_in_what_the_builder_makes(name: str, case: Read) -> None:
    library(name)
    hold_read(case)


# -- frames ------------------------------------------------------------------------------------------------

ADDRESSES = {1: (0, 1), 2: (1, 17), 4: (1, 0x3FFF)}  # octets: (logical, physical)


def number_of(octets: int) -> int:
    logical, physical = ADDRESSES[octets]
    return logical << (14 if octets == 4 else 7) | physical


def frame_of(octets: int, control: int, information: bytes = b"", to_server: bool = True) -> bytes:
    """A frame by the builder, between a server address of so many octets and client 16."""
    ends = [Extended(number_of(octets), octets), Extended(16, 1)]
    ends = ends if to_server else ends[::-1]
    fields: dict[str, Any] = {
        "opening_flag": 0x7E,
        "frame_format": {"frame_type": 10, "segmentation": 0},
        "destination_address": ends[0],
        "source_address": ends[1],
        "control": control,
    }
    if information:
        content = parse(hdlc.NEGOTIATION, information).nodes if control == 0x73 else information
        fields |= {"header_check_sequence": 0, "information": content}
    return build(hdlc.FRAME, {**fields, "frame_check_sequence": 0, "closing_flag": 0x7E})


def read_frame(octets: bytes, server: int, control: int, to_server: bool = True) -> bytes:
    """Holds addresses and control of a frame; gives its information."""
    parsed = parse(hdlc.FRAME, octets)
    assert parsed.whole and not parsed.issues, parsed.issues
    names = ("destination_address", "source_address") if to_server else ("source_address", "destination_address")
    found = [find_raw(parsed.nodes, name) for name in names]
    assert [node[3] for node in found if node] == [Extended(number_of(server), server), Extended(16, 1)]
    assert find_int(parsed.nodes, "control") == control
    node = find_raw(parsed.nodes, "information")
    return octets[node[1] : node[2]] if node else b""


def _hdlc_client(octets: int, **sizes: int) -> Any:
    from gurux_dlms import GXDLMSClient
    from gurux_dlms.enums import Authentication, InterfaceType

    logical, physical = ADDRESSES[octets]
    server = GXDLMSClient.getServerAddress(logical, physical, octets)
    made = GXDLMSClient(True, 16, server, Authentication.NONE, None, InterfaceType.HDLC)
    made.serverAddressSize = octets
    for name, size in sizes.items():
        setattr(made.limits, name, size)
    return made


@compares("HDLC SNRM", GURUX, ENCODES)
@compares("HDLC DISC", GURUX, ENCODES)
@compares("HDLC I", GURUX, ENCODES)
@pytest.mark.parametrize("octets", ADDRESSES)
def test_frames_of_gurux(octets: int) -> None:
    made = _hdlc_client(octets, maxInfoTX=1024, maxInfoRX=512)
    snrm = bytes(made.snrmRequest())
    assert read_frame(snrm, octets, 0x93)
    parsed = parse(hdlc.FRAME, snrm)
    assert find_int(parsed.nodes, "max_information_field_length_transmit") == 1024
    assert find_int(parsed.nodes, "max_information_field_length_receive") == 512
    assert read_frame(bytes(made.disconnectRequest(True)), octets, 0x53) == b""
    request = bytes(_hdlc_client(octets).read(gurux._clock(), 2)[0])
    assert read_frame(request, octets, 0x10) == bytes.fromhex("E6E600") + support.GET_CLOCK
    assert frame_of(octets, 0x10, bytes.fromhex("E6E600") + support.GET_CLOCK) == request


@compares("HDLC UA", GURUX, READS)
@compares("HDLC I", GURUX, READS)
@pytest.mark.parametrize("octets", ADDRESSES)
def test_frames_for_gurux(octets: int) -> None:
    from gurux_dlms import GXByteBuffer, GXReplyData

    made, reply = _hdlc_client(octets), GXReplyData()
    negotiated = bytes.fromhex("818012050180060180070400000001080400000001")
    made.snrmRequest()
    assert made.getData(bytearray(frame_of(octets, 0x73, negotiated, to_server=False)), reply)
    made.parseUAResponse(GXByteBuffer(reply.data))
    assert (made.limits.maxInfoTX, made.limits.windowSizeTX) == (128, 1)
    reply = GXReplyData()
    made.read(gurux._clock(), 2)
    answer = bytes.fromhex("E6E700C401C100120005")
    assert made.getData(bytearray(frame_of(octets, 0x30, answer, to_server=False)), reply) and reply.value == 5


def _cosem_ends(octets: int) -> tuple[Any, Any]:
    from dlms_cosem.hdlc.address import HdlcAddress

    logical, physical = ADDRESSES[octets]
    one = HdlcAddress(physical, None, "server") if octets == 1 else None
    return one or HdlcAddress(logical, physical, "server", octets == 4), HdlcAddress(16, None, "client")


@compares("HDLC SNRM", DLMS_COSEM, ENCODES)
@compares("HDLC DISC", DLMS_COSEM, ENCODES)
@compares("HDLC UA", DLMS_COSEM, ENCODES, READS)
@compares("HDLC RR", DLMS_COSEM, ENCODES, READS)
@compares("HDLC I", DLMS_COSEM, ENCODES, READS)
@pytest.mark.parametrize("octets", ADDRESSES)
def test_frames_of_and_for_dlms_cosem(octets: int) -> None:
    from dlms_cosem.hdlc import frames

    server, client = _cosem_ends(octets)
    assert read_frame(frames.SetNormalResponseModeFrame(server, client).to_bytes(), octets, 0x93) == b""
    assert read_frame(frames.DisconnectFrame(server, client).to_bytes(), octets, 0x53) == b""
    negotiated = bytes.fromhex("818012050180060180070400000001080400000001")
    acknowledged = frames.UnNumberedAcknowledgmentFrame(client, server, negotiated)
    assert read_frame(acknowledged.to_bytes(), octets, 0x73, to_server=False) == negotiated
    ready = frames.ReceiveReadyFrame(server, client, receive_sequence_number=3)
    assert read_frame(ready.to_bytes(), octets, 0x71) == b""
    content = bytes.fromhex("E6E700") + support.CLOCK
    information = frames.InformationFrame(client, server, content, send_sequence_number=2, receive_sequence_number=5)
    assert read_frame(information.to_bytes(), octets, 0xB4, to_server=False) == content
    for control, payload, sent in ((0x73, negotiated, acknowledged), (0xB4, content, information)):
        got = type(sent).from_bytes(frame_of(octets, control, payload, to_server=False))
        assert (got.payload, got.to_bytes()) == (payload, sent.to_bytes())
    got = frames.ReceiveReadyFrame.from_bytes(frame_of(octets, 0x71, to_server=False))
    assert got.receive_sequence_number == 3


WRAPPED = {
    "version": 1,
    "source_wport": 16,
    "destination_wport": 1,
    "length": len(support.GET_CLOCK),
    "apdu": support.GET_CLOCK,
}


@compares("TCP/UDP wrapper", DLMS_COSEM, ENCODES, READS)
def test_the_wrapper_of_dlms_cosem() -> None:
    from dlms_cosem.protocol.wrappers import WrapperHeader

    header = WrapperHeader(16, 1, len(support.GET_CLOCK))
    ours = build(wrapper.WRAPPER, WRAPPED)
    assert header.to_bytes() + support.GET_CLOCK == ours
    assert WrapperHeader.from_bytes(ours[:8]) == header
    parsed = parse(wrapper.WRAPPER, header.to_bytes() + support.GET_CLOCK)
    assert [find_int(parsed.nodes, name) for name in ("source_wport", "destination_wport")] == [16, 1]


@compares("TCP/UDP wrapper", GURUX, ENCODES, READS)
def test_the_wrapper_of_gurux() -> None:
    from gurux_dlms import GXReplyData

    made = gurux.client()
    assert bytes(made.read(gurux._clock(), 2)[0]) == build(wrapper.WRAPPER, WRAPPED)
    answer = {**WRAPPED, "source_wport": 1, "destination_wport": 16, "apdu": bytes.fromhex("C401C100120005")}
    reply = GXReplyData()
    assert made.getData(bytearray(build(wrapper.WRAPPER, {**answer, "length": 7})), reply) and reply.value == 5


# -- protection --------------------------------------------------------------------------------------------

EK, AK = support.EK, support.AK
CONTROLS = {0x10: "AUTHENTICATION", 0x20: "ENCRYPTION", 0x30: "AUTHENTICATION_ENCRYPTION"}
COUNTER = 258


def _ciphering() -> Any:
    from gurux_dlms.GXCiphering import GXCiphering

    made = GXCiphering(support.METER)
    made.blockCipherKey, made.authenticationKey = EK, AK
    return made


def _gurux_parameters(control: int, tag: int) -> Any:
    from gurux_dlms.AesGcmParameter import AesGcmParameter
    from gurux_dlms.enums import Security

    made = AesGcmParameter(tag, support.METER, EK, AK)
    made.security, made.invocationCounter = Security[CONTROLS[control]], COUNTER
    return made


def opened(octets: bytes) -> bytes | None:
    """What the decryptor makes of a protected APDU of the meter, with the right keys."""
    parsed = parse(apdu.APDU, octets)
    assert parsed.whole and not parsed.issues, parsed.issues
    title = find_octets(parsed.nodes, "system_title")
    assert title in (None, support.METER)
    content = Protected(
        find_int(parsed.nodes, "security_control") or 0,
        find_int(parsed.nodes, "invocation_counter") or 0,
        support.METER,
        find_octets(parsed.nodes, "ciphered_text") or b"",
        find_octets(parsed.nodes, "authentication_tag") or b"",
    )
    found = Decryptor().unprotect(content, EK, AK)
    assert found.verdict == ("verified" if content.control & 0x10 else "unauthenticated")
    return found.plaintext


def sealed(control: int, name: str) -> bytes:
    """A protected answer by the builder."""
    content = Decryptor().protect(control, COUNTER, support.METER, support.CLOCK, EK, AK)
    fields: dict[str, Any] = {
        "security_control": control,
        "invocation_counter": COUNTER,
        "ciphered_text": content.payload,
    }
    if content.tag:
        fields["authentication_tag"] = content.tag
    if name.startswith("general"):
        return build(apdu.APDU, (name, {"system_title": support.METER, "ciphered_service": fields}))
    return build(apdu.APDU, (name, fields))


GURUX_SEALED = {0xCC: "glo-get-response", 0xDB: "general-glo-ciphering", 0xD4: "ded-get-response"}


@compares("glo-get-response", GURUX, ENCODES, READS)
@compares("ded-get-response", GURUX, ENCODES, READS)
@compares("general-glo-ciphering", GURUX, ENCODES, READS)
@compares("AES-GCM", GURUX, ENCODES, READS)
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("tag", GURUX_SEALED)
def test_protection_of_and_for_gurux(control: int, tag: int) -> None:
    from gurux_dlms import GXByteBuffer
    from gurux_dlms.GXCiphering import GXCiphering

    theirs = bytes(_ciphering().encrypt(_gurux_parameters(control, tag), GXByteBuffer(support.CLOCK)))
    assert parse(apdu.APDU, theirs).nodes[0][0].name == GURUX_SEALED[tag]
    assert opened(theirs) == support.CLOCK
    ours = sealed(control, GURUX_SEALED[tag])
    assert ours == theirs
    parameters = _gurux_parameters(0x30, 0)
    assert bytes(GXCiphering.decrypt(gurux.client().settings, parameters, GXByteBuffer(ours))) == support.CLOCK
    assert (int(parameters.security), parameters.invocationCounter) == (control, COUNTER)


@compares("glo-initiate-request", GURUX, ENCODES)
def test_a_ciphered_association_request_of_gurux() -> None:
    from gurux_dlms.enums import Security

    made = gurux.client(mechanism=5)
    made.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    made.ciphering.systemTitle = support.METER
    made.ciphering.blockCipherKey, made.ciphering.authenticationKey = EK, AK
    request = parse(apdu.APDU, gurux.only(made.aarqRequest()))
    name = find_octets(request.nodes, "application_context_name.object_identifier") or b""
    assert request.whole and name[-1] == 3
    assert opened(find_octets(request.nodes, "user_information.octet_string") or b"") == gurux.INITIATE


@compares("AES-GCM", DLMS_COSEM, ENCODES, READS)
@pytest.mark.parametrize(("suite", "octets"), [(0, 16), (1, 16), (2, 32)])
def test_encryption_with_a_tag_of_and_for_dlms_cosem(suite: int, octets: int) -> None:
    from dlms_cosem import security

    key, own = bytes(range(octets)), bytes(range(octets, 2 * octets))
    control = security.SecurityControlField(suite, authenticated=True, encrypted=True)
    theirs = security.encrypt(control, support.METER, COUNTER, key, support.CLOCK, own)
    ours = Decryptor().protect(0x30 | suite, COUNTER, support.METER, support.CLOCK, key, own)
    assert ours.payload + ours.tag == theirs
    content = Protected(0x30 | suite, COUNTER, support.METER, theirs[:-12], theirs[-12:])
    assert Decryptor().unprotect(content, key, own)[:2] == (support.CLOCK, "verified")
    assert security.decrypt(control, support.METER, COUNTER, key, ours.payload + ours.tag, own) == support.CLOCK


@compares("general-glo-ciphering", DLMS_COSEM, READS)
def test_a_general_glo_apdu_is_opened_by_dlms_cosem() -> None:
    from dlms_cosem.protocol.xdlms import GeneralGlobalCipher

    got = GeneralGlobalCipher.from_bytes(sealed(0x30, "general-glo-ciphering"))
    assert got.to_plain_apdu(EK, AK) == support.CLOCK


FACTS = {
    "client_title": gurux.TITLE,
    "server_title": support.METER,
    "ctos": gurux.CHALLENGE,
    "stoc": support.STOC * 2,
}


@compares("HLS replies", GURUX, ENCODES)
@pytest.mark.parametrize("mechanism", [3, 4, 5, 6])
def test_the_proof_of_gurux(mechanism: int) -> None:
    made = gurux.client(mechanism=mechanism)
    made.settings.stoCChallenge = bytearray(FACTS["stoc"])
    made.settings.sourceSystemTitle = bytearray(support.METER)
    made.ciphering.blockCipherKey, made.ciphering.authenticationKey = EK, AK
    made.ciphering.invocationCounter = COUNTER
    request = parse(apdu.APDU, gurux.only(made.getApplicationAssociationRequest()))
    found = find_octets(request.nodes, "method_invocation_parameters.octet-string")
    keys = support.keys(password="12345678")
    counter = COUNTER if mechanism == 5 else None
    assert found == expected_reply(HlsFacts(mechanism=mechanism, **FACTS), "client", keys, invocation_counter=counter)


@compares("HLS replies", DLMS_COSEM, ENCODES)
def test_the_gmac_of_dlms_cosem() -> None:
    from dlms_cosem import security

    control = security.SecurityControlField(0, authenticated=True)
    theirs = security.gmac(control, support.METER, COUNTER, EK, AK, gurux.CHALLENGE)
    facts = HlsFacts(mechanism=5, **FACTS)
    ours = expected_reply(facts, "meter", support.keys(), invocation_counter=COUNTER)
    assert ours == b"\x10" + COUNTER.to_bytes(4, "big") + theirs


@compares("key wrapping", DLMS_COSEM, ENCODES)
@pytest.mark.parametrize(("suite", "octets"), [(0, 16), (2, 32)])
def test_a_key_that_dlms_cosem_wraps(suite: int, octets: int) -> None:
    from dlms_cosem import security

    kek, key = bytes(range(octets)), bytes(range(octets, 2 * octets))
    assert unwrap(kek, security.wrap_key(security.SecurityControlField(suite), kek, key)) == key


@compares("key wrapping", GURUX, ENCODES)
def test_a_key_that_gurux_wraps() -> None:
    """The library wraps keys for the key_transfer of a security setup."""
    from gurux_dlms.GXSecure import GXSecure  # noqa: F401
    from gurux_dlms.objects import GXDLMSSecuritySetup
    from gurux_dlms.objects.enums import GlobalKeyType

    kek, key = bytes(range(16)), bytes(range(16, 32))
    setup = GXDLMSSecuritySetup("0.0.43.0.0.255")
    message = gurux.only(setup.globalKeyTransfer(gurux.client(), kek, [(GlobalKeyType.UNICAST_ENCRYPTION, key)]))
    wrapped = find_octets(parse(apdu.APDU, message).nodes, "method_invocation_parameters.octet-string")
    assert wrapped is not None and unwrap(kek, wrapped) == key


# -- where they disagree: each of these is a row of the second table ---------------------------------------


@disagrees("1", DLMS_COSEM)
def test_a_notification_with_time() -> None:
    from dlms_cosem.protocol.xdlms import DataNotification
    from dlms_cosem.protocol.xdlms.data_notification import LongInvokeIdAndPriority

    theirs = DataNotification(LongInvokeIdAndPriority(1), dlms_cosem._when(), bytes.fromhex("120005")).to_bytes()
    moment = dlms_cosem.MOMENT[1]
    fields = {"long_invoke_id_and_priority": 1, "date_time": ("date_time", moment), "notification_body": ("long", 5)}
    ours = build(apdu.APDU, ("data-notification", fields))
    assert (ours[5], theirs[5], ours[6:18]) == (12, 1, theirs[6:18])


@disagrees("2", DLMS_COSEM)
def test_a_get_response_cannot_be_encoded() -> None:
    with pytest.raises(TypeError):
        dlms_cosem.response_normal().to_bytes()


@disagrees("3", DLMS_COSEM)
def test_the_counter_of_an_exception_response() -> None:
    with pytest.raises(ValueError, match="256"):
        dlms_cosem.exception_counter().to_bytes()


@disagrees("4", DLMS_COSEM)
@pytest.mark.parametrize("kind", sorted(dlms_cosem.NOT_ENCODED))
def test_types_that_cannot_be_encoded(kind: str) -> None:
    from dlms_cosem import dlms_data

    name, value, _ = dlms_cosem.DATA[kind]
    with pytest.raises(NotImplementedError):
        getattr(dlms_data, name)(value).to_bytes()


@disagrees("5", DLMS_COSEM)
def test_an_absent_quality_of_service() -> None:
    octets = build(apdu.APDU, gurux.initiate_request())
    assert type(dlms_cosem.initiate()).from_bytes(octets).proposed_quality_of_service == 0
    assert find_int(parse(apdu.APDU, octets).nodes, "proposed_quality_of_service") is None


@disagrees("6", DLMS_COSEM)
def test_authentication_alone() -> None:
    from dlms_cosem import security

    control = security.SecurityControlField(0, authenticated=True)
    theirs = security.encrypt(control, support.METER, COUNTER, EK, support.CLOCK, AK)
    ours = Decryptor().protect(0x10, COUNTER, support.METER, support.CLOCK, EK, AK)
    assert ours.payload == support.CLOCK and not theirs.startswith(support.CLOCK)


@disagrees("7", GURUX)
def test_a_result_of_access_that_is_an_error() -> None:
    plain = next(case.plain for case in gurux_server.READS if case.row == "access-response")
    refused = build(apdu.APDU, (plain[0], {**plain[1], "access_response_specification": [("access-response-get", 3)]}))
    assert find_int(parse(apdu.APDU, refused).nodes, "access-response-get") == 3
    with pytest.raises(IndexError):
        gurux.shown(refused)


@disagrees("8", GURUX)
def test_text_that_is_not_ascii() -> None:
    text = build(data.DATA, ("utf8-string", "äö".encode()))
    assert gurux_server._got(text) != "äö"
    assert find_octets(parse(data.DATA, text).nodes, "utf8-string") == "äö".encode()


@disagrees("9", GURUX)
def test_the_number_of_the_error_class_task() -> None:
    from gurux_dlms.ServiceError import ServiceError

    ours = build(apdu.APDU, ("confirmed-service-error", ("read", ("task", 2))))
    assert (ours[2], int(ServiceError.TASK)) == (9, 8)


@disagrees("10", GURUX)
def test_an_exception_response_with_a_counter() -> None:
    plain = {"state_error": 2, "service_error": 6, "invocation_counter": COUNTER}
    octets = build(apdu.APDU, ("exception-response", plain))
    assert find_int(parse(apdu.APDU, octets).nodes, "invocation_counter") == COUNTER
    with pytest.raises(ValueError, match="6"):
        gurux.shown(octets)


@disagrees("11", GURUX)
def test_general_ded_ciphering_is_shown_as_general_glo() -> None:
    from gurux_dlms import GXDLMSTranslator

    octets = sealed(0x30, "general-ded-ciphering")
    assert parse(apdu.APDU, octets).nodes[0][0].name == "general-ded-ciphering"
    assert "GeneralGloCiphering" in GXDLMSTranslator().pduToXml(bytearray(octets))


@disagrees("12", GURUX)
@pytest.mark.parametrize("kind", ["delta-integer", "delta-long", "delta-double-long"])
def test_delta_types(kind: str) -> None:
    octets = build(data.DATA, (kind, -2))
    assert find_int(parse(data.DATA, octets).nodes, kind) == -2
    with pytest.raises(ValueError, match="data type"):
        gurux_server._got(octets)


# -- the document ------------------------------------------------------------------------------------------


def rows_of(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head."""
    text = (support.ROOT / "docs/second-opinion.md").read_text("utf-8")
    below = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_document_says_what_was_compared() -> None:
    columns = [(GURUX, ENCODES), (GURUX, READS), (DLMS_COSEM, ENCODES), (DLMS_COSEM, READS)]
    told = {
        (row[0], *column)
        for row in rows_of("What was compared")
        for column, cell in zip(columns, row[1:5], strict=True)
        if cell == "yes"
    }
    assert told == {compared for compared in COMPARED if compared[0]}
    assert {cell for row in rows_of("What was compared") for cell in row[1:5]} == {"yes", "-"}


def test_the_document_tells_the_disagreements() -> None:
    rows = rows_of("Where they disagree")
    assert {row[0] for row in rows} == DISAGREEMENTS and len(rows) == len(DISAGREEMENTS)
    assert all(re.search(r"IEC|Green Book|RFC", row[4]) for row in rows), "each names the standard"
