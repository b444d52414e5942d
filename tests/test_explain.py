"""`dlmscope explain`: codes, octets, numbers, symbols, and the error texts that people paste."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.diagnosis.catalogue import LAYERS, load_catalogue
from analyzer.explain import explain
from analyzer.wordings import knowledge, symbol_index
from grammars.tables.apdu import APDU_TAGS, MEANINGS
from grammars.tables.enums import SERVICE_ERRORS


def answer(query: str) -> str:
    """The answer on one line, so that a test need not know where it wraps."""
    text = explain(query)
    assert text is not None
    return " ".join(text.split())


def test_no_query_lists_every_code_under_its_layer() -> None:
    text = explain()
    assert text is not None and text == explain("") == explain("  ")
    lines = text.splitlines()
    assert [line for line in lines if line in LAYERS] == list(LAYERS)
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(load_catalogue())


@pytest.mark.parametrize("code", load_catalogue())
def test_code_gives_its_page(code: str) -> None:
    fault, text = load_catalogue()[code], answer(code)
    assert text.startswith(f"{code}: {fault.title} {fault.layer}, {fault.severity};")
    for part in (fault.cause, fault.fix, fault.explanation, fault.source):
        assert part in text
    assert answer(code.replace("-", "_").upper()) == text


def test_invalid_tag_97_is_the_aare_and_no_gcm_tag() -> None:
    text = answer("invalid tag 97")
    assert text.startswith(
        "97 is 0x61, the tag of the AARE APDU, the meter's answer to the association request (AARQ)."
    )
    assert "no key takes part in it" in text
    assert "It is not the tag of AES-GCM." in text
    assert "12 octets at the end of a ciphered APDU, computed over the ciphertext" in text
    for wording in ("InvalidTag", "tag mismatch", "authentication failed", "Decrypt failed. Invalid tag."):
        assert wording in text
    assert "llc-missing" in text and "stale-buffer" in text


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ('"Invalid Tag 97!"', "97 is 0x61, the tag of the AARE APDU"),
        ("Invalid tag 0x0E", "0x0E is 14, the tag of the confirmed-service-error APDU"),
        ("tag 216", "216 is 0xD8, the tag of the exception-response APDU"),
        (
            "unknown tag: 0xC8",
            "0xC8 is 200, the tag of the glo-get-request APDU, a get-request, ciphered with the global key",
        ),
        ("tag DB", "0xDB is 219, the tag of the general-glo-ciphering APDU"),
        (
            "'Tag 40 is not available in DLMS APDU Factory'",
            "40 is 0x28, the tag of the glo-initiate-response APDU",
        ),
        (
            "expected tag 97 but found 14",
            "97 is 0x61, the tag of the AARE APDU, the meter's answer to the association request (AARQ). 14 is 0x0E",
        ),
        (
            "tag 61",
            "61 is 0x3D, not the tag of any APDU. If the digits were hexadecimal, 0x61 is the tag of the AARE APDU",
        ),
        ("tag 126", "126 is 0x7E, the flag of an HDLC frame"),
        ("invalid tag 7", "7 is 0x07, not the tag of any APDU."),
    ],
)
def test_tag_with_a_number(query: str, start: str) -> None:
    text = answer(query)
    assert text.startswith(start)
    assert "It is not the tag of AES-GCM." in text


@pytest.mark.parametrize(
    "query",
    [
        "InvalidTag",
        "cryptography.exceptions.InvalidTag",
        "Decrypt failed. Invalid tag.",
        "javax.crypto.AEADBadTagException: Tag mismatch!",
        "ValueError: MAC check failed",
        "cipher: message authentication failed",
        "The computed authentication tag did not match the input authentication tag.",
        "Unsupported state or unable to authenticate data",
        "GCM tag 12 wrong",
    ],
)
def test_gcm_tag(query: str) -> None:
    text = answer(query)
    assert text.startswith("The authentication tag of a ciphered APDU does not verify")
    assert "no proof of a wrong key" in text and "authentication-key-wrong" in text


@pytest.mark.parametrize(
    "query",
    ["invalid tag", "java.lang.IllegalArgumentException: Invalid tag.", "DLMS_ERROR_CODE_INVALID_TAG"],
)
def test_invalid_tag_without_number_tells_both_readings(query: str) -> None:
    text = answer(query)
    assert "from a parser" in text and "From a decryptor" in text


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (
            "0E 01 06 01",
            [
                "0E is the tag of the confirmed-service-error APDU",
                "dlms-version-too-low",
                "dlms-version-wrong",
            ],
        ),
        ("0e010602", ["incompatible-conformance", "conformance-insufficient"]),
        ("0x0E, 0x06, 0x00, 0x06", ["deciphering-error", "meter-refuses-valid-apdu"]),
        (r"b'\x0e\x01\x06\x03'", ["pdu-size-too-short", "pdu-size-too-small"]),
        (
            "D8 01 06 00 00 00 12",
            ["invocation-counter-error", "invocation_counter 18", "invocation-counter-replayed"],
        ),
        ("D8 1 1", ["service-not-allowed", "operation-not-possible", "association-not-released"]),
        ("C4 01 C1 01 03", ["read-write-denied", "access-denied"]),
        ("E6 E7 00 D8 01 05", ["Behind the LLC header, D8 is the tag", "deciphering-error"]),
        ("E6 E7 00 05 01 C8", ["read-request", "a meter never sends it", "stale-buffer"]),
        ("E6E600", ["The LLC header: E6 E6 00 and E6 E7 00"]),
        ("7E A0 0A 03 00 02 FE FF 73 CE 00 7E", ["7E is the flag of an HDLC frame", "dlmscope decode --hex"]),
        ("C4", ["0xC4 is 196, the tag of the get-response APDU"]),
    ],
)
def test_octets_are_read(query: str, parts: list[str]) -> None:
    text = answer(query)
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("data access result 3", ["data-access-result 3: read-write-denied", "access-denied"]),
        ("data_access_result: 250", ["data-access-result 250: other-reason"]),
        ("DAR 7", ["data-access-result 7: not assigned by the standard"]),
        ("action result 1", ["action-result 1: hardware-fault", "hls-rejected"]),
        (
            "exception response 1 2",
            ["state-error 1: service-not-allowed", "service-error 2: service-not-supported"],
        ),
        (
            "association result 1 diagnostic 13",
            ["result 1: rejected-permanent", "13: authentication-failure", "authentication-failed"],
        ),
        ("diagnostic 14", ["14: authentication-required", "association-pending"]),
        ("confirmed service error 1 6 1", ["dlms-version-too-low", "dlms-version-wrong"]),
        ("unit 30", ["unit 30: Wh"]),
    ],
)
def test_numbers_of_an_enumeration(query: str, parts: list[str]) -> None:
    text = answer(query)
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("read-write-denied", ["data-access-result 3", "action-result 3"]),
        ("Access Error : Device reports Read-Write denied.", ["read-write-denied", "access-denied"]),
        ("Access Error : Device reports a undefined object.", ["data-access-result 4: object-undefined"]),
        ("Access Error : Device reports a inconsistent Class or object.", ["9: object-class-inconsistent"]),
        ("Access Error : Device reports a hardware fault.", ["hardware-fault", "hls-rejected"]),
        (
            "Could not perform GET request: <DataAccessResult.OBJECT_UNAVAILABLE: 11>",
            ["11: object-unavailable"],
        ),
        (
            "DLMS Exception: <StateException.SERVICE_NOT_ALLOWED: 1>:<ServiceException.OPERATION_NOT_POSSIBLE: 1>",
            [
                "state-error 1: service-not-allowed",
                "service-error 1: operation-not-possible",
                "association-not-released",
            ],
        ),
        (
            "GXDLMSConfirmedServiceError: ServiceError Write exception. ApplicationReference DecipheringError",
            ["class 0 (application-reference) 6: deciphering-error", "meter-refuses-valid-apdu"],
        ),
        (
            "Connection is permanently rejected\r\nAuthentication failure.",
            ["13: authentication-failure", "hls-rejected"],
        ),
        (
            "Unable to perform Association: <AssociationResult.REJECTED_PERMANENT: 1> and <AcseServiceUserDiagnostics.AUTHENTICATION_FAILED: 13>",
            ["result 1: rejected-permanent"],
        ),
    ],
)
def test_symbols_in_any_spelling(query: str, parts: list[str]) -> None:
    text = answer(query)
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    ("query", "title", "code"),
    [
        ("DM", "DM: the meter has no connection with you", "dm-reply"),
        ("Disconnect mode", "DM: the meter has no connection with you", "inactivity-timeout"),
        ("FRMR", "FRMR: the meter rejects a frame", "frmr-reply"),
        ("Unacceptable frame", "FRMR: the meter rejects a frame", "sequence-error"),
        (
            "confirmed service error",
            "The meter answers with a confirmed service error (0E)",
            "dlms-version-wrong",
        ),
        ("exception response", "The meter answers with an exception (D8)", "deciphering-error"),
        ("decryption error", "Decryption failed", "encryption-key-wrong"),
        ("wrong key", "Decryption failed", "authentication-key-wrong"),
        ("Wrong CRC.", "A check sequence of the frame does not hold", "fcs-wrong"),
        (
            "FCS is not correct, Calculated: b'..', in data: b'..'",
            "A check sequence of the frame",
            "hcs-wrong",
        ),
        ("invalid HDLC reply", "What arrived is no HDLC frame", "echo"),
        (
            "HDLC frame could not be parsed. Need more data",
            "What arrived is no HDLC frame",
            "frame-length-wrong",
        ),
        ("Packet is not a reply for a send packet.", "The answer is addressed to somebody else", "echo"),
        ("Failed to receive reply from the device in given time.", "Nothing came back in time", "no-reply"),
        (
            "parseApplicationAssociationResponse failed.  Server to Client do not match.",
            "The HLS proofs do not agree",
            "hls-server-proof-wrong",
        ),
        (
            "HLSError: Meter did not respond with correct challenge calculation",
            "The HLS proofs do not agree",
            "hls-rejected",
        ),
        (
            "Server could not authenticate itself. There may be a MIM.",
            "The HLS proofs do not agree",
            "hls-server-proof-wrong",
        ),
        ("Did not receive an AARE after sending AARQ", "The answer to the AARQ is no AARE", "llc-missing"),
        ("Rejected permament.", "The meter refuses the association", "mechanism-rejected"),
        ("Encoding failed. Not enough data.", "The data ends before it should", "apdu-cut"),
        ("Invalid DLMS version number.", "The DLMS version is not 6", "dlms-version-wrong"),
        (
            "Secure connection is not supported.",
            "A ciphered APDU came to a reader without keys",
            "gbt-in-push",
        ),
        (
            "Wrong referencing method. Remote smart meter can't use LN referencing.",
            "Logical and short names",
            "ln-sn-mismatch",
        ),
        (
            "PDU (513 byte) is too long for single GET.request.",
            "A request is longer than the meter accepts",
            "pdu-too-long",
        ),
        (
            "Message does not start with 0x00 or 0x01 as expected in by the wrapper header.",
            "The TCP wrapper header",
            "wrapper-version-wrong",
        ),
        (
            "Received invocation counter is not larger than the previous received one.",
            "An invocation counter was used",
            "invocation-counter-replayed",
        ),
        ("authentication failed", "Authentication failed: of whom, or of what?", "authentication-key-wrong"),
    ],
)
def test_error_texts_of_libraries(query: str, title: str, code: str) -> None:
    text = answer(query)
    assert text.startswith(title)
    assert f" {code} " in text


def test_names_of_apdus() -> None:
    assert answer("AARE").startswith("0x61 is 97, the tag of the AARE APDU")
    assert answer("glo get request").startswith("0xC8 is 200, the tag of the glo-get-request APDU")


def test_phrase_finds_the_nearest_fault() -> None:
    assert answer("llc missing").startswith("llc-missing: LLC header is missing")
    assert "clock-deviation-sign: " in answer("the clock of the time zone is off")


@pytest.mark.parametrize("query", ["xyzzy", "hello world", "???"])
def test_nothing_is_known(query: str) -> None:
    assert explain(query) is None


def test_wordings_refer_to_what_exists() -> None:
    known, catalogue = knowledge(), load_catalogue()
    codes = {code for topic in known.topics.values() for code in topic.codes}
    codes |= {code for related in known.related.values() for code in related}
    assert codes <= catalogue.keys()
    assert set(known.aliases.values()) <= symbol_index().keys()
    errors = {symbol for table in SERVICE_ERRORS.values() for symbol, _ in table.values()}
    assert known.related.keys() <= symbol_index().keys() | set(APDU_TAGS.values()) | errors
    ciphered = {name for name in APDU_TAGS.values() if name[:4] in ("glo-", "ded-")}
    assert MEANINGS.keys() == set(APDU_TAGS.values()) - ciphered
    assert not known.octets.keys() & APDU_TAGS.keys()


@given(st.text(max_size=60))
def test_any_text_is_answered_or_not(query: str) -> None:
    assert explain(query) is None or explain(query)


@given(st.binary(max_size=40))
def test_any_octets_are_answered(octets: bytes) -> None:
    assert explain("C0 " + octets.hex(" "))


def test_endless_query_is_no_hang() -> None:
    assert explain("gcm " * 100_000) is not None
    assert explain("7" * 1_000_000)
