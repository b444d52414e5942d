"""What must not be claimed, and what was once missed: each of these was wrong on the laboratory."""

from __future__ import annotations

from random import Random

import pytest

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.diagnosis.rules.speed import RATIOS, taken_as
from analyzer.diagnosis.search import PLAIN_TAGS, random_hit
from analyzer.frame import reads_whole
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.report.summary import summary
from grammars.apdu import APDU
from tests.lab import uart
from tests.lab.carriers import Hdlc, Wrapper
from tests.lab.conversation import Setting, Talk, healthy
from tests.lab.faults import every_fault, talk_with
from tests.lab.forms import through
from tests.lab.octets import crc
from tests.lab.several import among

AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400007E1FFFFF")
RIGHT = {"ek": "0x" + "1A" * 16, "ak": "0x" + "2B" * 16}


def trace(*told: tuple[str, bytes]) -> Trace:
    return Trace("t", "t", tuple(Record(n, data, side) for n, (side, data) in enumerate(told, 1)))  # type: ignore[arg-type]


def diagnosis(one: Trace, ring: KeyRing | None = None) -> Diagnosis:
    ring = ring or KeyRing()
    return diagnose([(one, list(decode(one, ring)))], ring)[0]


def said(one: Trace, ring: KeyRing | None = None) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in diagnosis(one, ring).findings]


def test_a_connection_request_that_is_answered_at_the_second_try_is_a_remark() -> None:
    line = Hdlc(16, 1)
    snrm, ua = line.frame("client", 0x93), line.frame("meter", 0x73)
    found = said(trace(("client", snrm), ("client", snrm), ("meter", ua)))
    assert ("no-reply", "info") in found and not [one for one in found if one[1] != "info"]
    assert ("no-reply", "error") in said(trace(("client", snrm), ("client", snrm), ("client", snrm)))


@pytest.mark.parametrize("window", [1, 3])
def test_segments_that_are_sent_again_count_once(window: int) -> None:
    """One segment again, a whole window again, the last one again after it ended the APDU."""
    setting = Setting(11, framing="hdlc", ciphered=True, control=0x30)
    assert isinstance(setting.carrier, Hdlc)
    setting.carrier.parameters = (64, 64, window)
    records = Talk(setting).play().records
    whole = [summary(message) for message in decode(records, setting.ring())]
    places = [n for n, record in enumerate(records) if record.direction == "client" and record.data[1] & 0x08]
    for first in places[:4]:
        for count in range(1, window + 1):
            if not all(n in places for n in range(first, first + count)):
                continue
            told = [(record.direction, record.data) for record in records]
            told[first + count : first + count] = told[first : first + count]
            messages = list(decode(trace(*told), setting.ring()))
            assert [summary(m) for m in messages if m.layer is not None] == [
                text for text, m in zip(whole, decode(records, setting.ring()), strict=True) if m.layer is not None
            ]
            found = {code for code, severity in said(trace(*told), setting.ring()) if severity != "info"}
            assert found <= {"response-timeout-short", "sequence-error", "frame-lost"} and "llc-missing" not in found


def test_a_wrapper_whose_length_is_too_short() -> None:
    line = Wrapper(16, 1)
    line.send("client", AARQ)
    sent = line.records[0].data
    for missing in (1, 3):
        short = sent[:6] + (len(AARQ) - missing).to_bytes(2, "big") + sent[8:]
        (first, *_) = diagnosis(trace(("client", short))).findings
        assert first.code == "wrapper-length-wrong" and first.side == "client"


@pytest.mark.parametrize("information", [b"", bytes.fromhex("81800705010680")])
def test_an_address_that_was_not_shifted_is_no_wrong_check(information: bytes) -> None:
    head = bytes([0xA0, 2 + 2 + 1 + (2 + len(information) if information else 0) + 2, 0x03, 0x10, 0x93])
    body = head + crc(head) + information if information else head
    found = said(trace(("client", b"\x7e" + body + crc(body) + b"\x7e")))
    assert found[0] == ("address-length", "error")
    assert not {"hcs-wrong", "fcs-wrong"} & {code for code, _ in found}


def test_random_texts_are_whole_no_oftener_than_the_bound_says() -> None:
    source = Random(3)
    for octets in (2, 3, 4, 7, 8, 10, 15, 24, 60):
        for plainly in (True, False):
            hits = 0
            for tag in PLAIN_TAGS:
                texts = (bytes([tag]) + source.randbytes(octets - 1) for _ in range(150))
                hits += sum(reads_whole(APDU, text, plainly) for text in texts)
            share = hits / (150 * len(PLAIN_TAGS)) * len(PLAIN_TAGS) / 256
            assert share <= 1.5 * random_hit(octets, PLAIN_TAGS, plainly)


def test_no_key_is_named_where_short_texts_read_by_chance() -> None:
    """Many short answers under a key that nobody gave: some of them read under some change, and mean nothing."""
    for seed in range(8):
        setting = Setting(
            seed, ciphered=True, control=0x30, protection="general-glo", exchanges=30, framing="wrapper", suite=0
        )
        talk = Talk(setting).play()
        first = diagnosis(talk, KeyRing.from_options(**RIGHT)).findings[0]  # type: ignore[arg-type]
        assert (first.code, first.certainty, first.side) == ("encryption-key-wrong", "likely", "analyst")


def test_noise_that_begins_as_a_protected_apdu_counts_for_nothing() -> None:
    for seed in (13, 40, 77):
        setting = Setting(seed, ciphered=True, control=0x30, protection="general-glo", exchanges=40, framing="wrapper")
        talk, keys = Talk(setting).play(), setting.keys
        ring = KeyRing.from_options(ek="0x" + keys["ek"][::-1].hex(), ak="0x" + keys["ak"].hex())
        found = [one for one in diagnosis(talk, ring).findings if one.severity != "info"]
        assert [one.code for one in found] == ["key-reversed"]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_receiver_that_minds_no_stop_bit(ratio: int) -> None:
    octets = bytes.fromhex("7EA0202103734499")
    assert uart.received(uart.waveform(octets), ratio).startswith(taken_as(octets, ratio))


def test_a_speed_that_is_wrong_is_diagnosed() -> None:
    line = Hdlc(16, 1)
    heard = uart.received(uart.waveform(line.frame("meter", 0x73)), 4)
    found = said(trace(("client", line.frame("client", 0x93)), ("meter", heard)))
    assert ("baud-mismatch", "error") in found


@pytest.mark.parametrize("octets", [16, 8])
def test_a_tag_of_another_length_is_no_damage(octets: int) -> None:
    for seed in (14, 20):
        setting = Setting(seed, ciphered=True, control=0x30, protection="general-glo", exchanges=4)
        setting.meter.quirk.tag_octets = octets
        found = diagnosis(Talk(setting).play(), setting.ring()).findings
        assert found[0].code == "tag-length-wrong"
        assert "ciphertext-damaged" not in {one.code for one in found}


@pytest.mark.parametrize("sender", ["client", "meter"])
def test_segments_that_were_protected_one_by_one(sender: str) -> None:
    """The client seals each segment, with a counter of its own, as if it were the APDU."""
    setting = Setting(4, framing="hdlc", ciphered=True, control=0x30, protection="glo", suite=0, mechanism=0)
    assert isinstance(setting.carrier, Hdlc)
    setting.carrier.parameters = (128, 128, 1)
    talk, station = Talk(setting), setting.client if sender == "client" else setting.meter
    right = setting.carrier.send

    def by_segments(side: str, apdu: bytes) -> None:
        if side != sender or apdu[:1] not in (b"\xc9", b"\xcc"):
            right(side, apdu)  # type: ignore[arg-type]
            return
        plain = bytes([0xC1 if side == "client" else 0xC4]) + bytes(range(150))
        pieces = [plain[:80], plain[80:]]
        line, other = setting.carrier, "meter" if side == "client" else "client"
        assert isinstance(line, Hdlc)
        for number, piece in enumerate(pieces):
            sealed = station.seal(bytes([plain[0]]) + piece)
            information = (line.llc[side] if number == 0 else b"") + sealed  # type: ignore[index]
            control = line.sent[other] % 8 << 5 | 0x10 | line.sent[side] % 8 << 1  # type: ignore[index]
            line.sent[side] += 1  # type: ignore[index]
            line.put(side, line.frame(side, control, information, number == 0))  # type: ignore[arg-type]
            if number == 0:
                line.put(other, line.frame(other, line.sent[side] % 8 << 5 | 0x11))  # type: ignore[arg-type,index]

    setting.carrier.send = by_segments  # type: ignore[method-assign]
    talk.associate()
    request = bytes.fromhex("C101C100010000600100FF02000901AA" if sender == "client" else "C001C100010000600100FF0200")
    talk.send("client", talk.sealed("client", request))
    if sender == "meter":
        talk.send("meter", talk.sealed("meter", bytes.fromhex("C401C1000901AA")))
    one = Trace("t", "t", tuple(setting.carrier.records))
    found = [f for f in diagnosis(one, setting.ring()).findings if f.severity != "info"]
    assert (found[0].code, found[0].certainty, found[0].side) == ("protected-range-wrong", "proven", sender)


@pytest.mark.parametrize("part", ["client", "meter", "second half"])
def test_a_capture_of_one_side_or_from_the_middle_shows_no_fault(part: str) -> None:
    for seed in range(40):
        records, ring = healthy(seed)
        half = [record for n, record in enumerate(records) if n >= len(records) // 2 or part != "second half"]
        kept = [(record.direction, record.data) for record in half if part == "second half" or record.direction == part]
        assert [one for one in said(trace(*kept), ring) if one[1] != "info"] == [], seed


KEY_FAULTS = {"encryption-key-wrong", "authentication-key-wrong", "tag-unexplained", "keys-swapped"}
# Faults of the laboratory with a seed that went wrong once, and what has to be said first.
ONCE_WRONG = [
    ("structure_without_its_end", 10, "data-truncated"),
    ("value_behind_the_value", 10, "octets-behind-apdu"),
    ("tag_and_length_exchanged", 10, "unusual-encoding"),
    ("structure_without_its_end", 50011, "data-truncated"),  # in general ciphering
    ("another_encryption_key", 12, "encryption-key-wrong"),  # and the broadcast key is right
    ("keys_of_another_meter", 14, "encryption-key-wrong"),
    ("keys_of_another_suite_given", 9301, "security-suite-mismatch"),
    ("log_damaged", 2, "fcs-wrong"),  # an octet of the system title
    ("log_damaged", 9000, "fcs-wrong"),  # a block of which an APDU is put together
    ("octets_lost", 4, "frame-length-wrong"),
    ("octets_lost", 9403, "frame-length-wrong"),
    ("not_captured", 9401, "frame-lost"),
    ("general_block_repeated_with_other_octets", 9004, "gbt-block-error"),
    ("octets_behind_an_answer", 11, "octets-behind-apdu"),
    ("octets_behind_an_answer", 9303, "octets-behind-apdu"),
    ("value_behind_the_value", 7, "octets-behind-apdu"),
    ("tag_of_eight", 9000, "tag-length-wrong"),
    ("tag_and_length_of_the_apdu", 9004, "protected-range-wrong"),
    ("answer_of_another_kind", 9302, "reply-out-of-order"),  # in blocks that the client acknowledges
    ("length_inside_the_aarq", 9303, "ber-length-wrong"),
    ("length_inside_the_aarq", 21001, "ber-length-wrong"),
    ("octets_between_frames", 2, "stray-octets"),
    ("octets_between_frames", 21003, "stray-octets"),
    ("length_of_the_whole_aarq", 9303, "ber-length-wrong"),
    ("push_cut_off", 9006, "apdu-cut"),
    ("another_speed", 9006, "baud-mismatch"),  # a port at half the speed
    ("deviation_with_the_other_sign", 9405, "clock-deviation-sign"),
    ("authenticated_as_well_and_not_said", 9303, "security-control-wrong"),
]


@pytest.mark.parametrize(("name", "seed", "code"), ONCE_WRONG)
def test_the_cause_comes_first_and_stands_alone(name: str, seed: int, code: str) -> None:
    fault = next(one for one in every_fault() if one.name == name)
    talk = talk_with(seed, fault)
    findings = diagnosis(talk.play(), talk.ring()).findings
    roots = [one.code for one in findings if one.because_of is None and one.severity != "info"]
    remarks = [one.code for one in findings if one.severity == "info"]
    assert code == roots[0] if roots else code in remarks
    if code not in ("encryption-key-wrong", "security-suite-mismatch"):
        assert not KEY_FAULTS & set(roots)


def test_a_check_that_holds_by_chance_ends_no_header() -> None:
    """Behind two addresses that have ended, another place where two octets hold as a check is chance."""
    fault = next(one for one in every_fault() if one.name == "header_check_swapped")
    talk = talk_with(50002, fault)
    found = diagnosis(talk.play(), talk.ring()).findings
    assert found[0].code == "hcs-wrong" and "address-length" not in {one.code for one in found}


def test_a_frame_that_damage_swallowed_is_not_missing() -> None:
    """A frame that has lost octets takes in the next one of its side, which began in a later record; or the next one lies
    there as octets outside frames."""
    assert "frame-lost" not in among("octets_lost", 50011).codes
    line, asked = Hdlc(16, 1), bytes.fromhex("E6E600C001C100010000600100FF0200")
    told = [("client", line.frame("client", 0x93)), ("meter", line.frame("meter", 0x73))]
    for n in range(4):
        told.append(("client", line.frame("client", 0x10 | n << 1 | n << 5, asked)))
        told.append(("meter", line.frame("meter", 0x10 | n << 1 | n + 1 << 5, bytes.fromhex("E6E700C401C1000F01"))))
    assert "frame-lost" not in {code for code, _ in said(trace(*told))}
    assert "frame-lost" in {code for code, _ in said(trace(*told[:7], *told[8:]))}
    outside = [(side, data[6:] if n == 7 else data) for n, (side, data) in enumerate(told)]
    assert "frame-lost" not in {code for code, _ in said(trace(*outside))}


def test_where_request_and_answer_name_two_contexts_no_kind_of_names_is_wrong() -> None:
    fault = next(one for one in every_fault() if one.name == "title_as_it_is_printed")
    talk = talk_with(50011, fault, prelude=True)
    found = [one for one in diagnosis(talk.play(), talk.ring()).findings if one.code == "ln-sn-mismatch"]
    assert {one.certainty for one in found} <= {"possible"}


@pytest.mark.parametrize(
    ("side", "later", "certainty"),
    [("unknown", False, "likely"), ("client", False, "proven"), ("unknown", True, "proven")],
    ids=["by turns", "the log tells", "a later frame of the same addresses tells"],
)
def test_a_sender_by_turns_alone_is_not_proven(side: str, later: bool, certainty: str) -> None:
    """The addresses are one octet each, and what the frame carries is of either side: it is the client's turn, no more."""
    first, other = Hdlc(16, 1), Hdlc(32, 1)
    right = other.frame("client", 0x10, bytes.fromhex("000102030405"))
    body = right[1:6] + crc(right[1:6])[::-1] + right[8:-3]
    told = [("unknown", first.frame("client", 0x93)), ("unknown", first.frame("meter", 0x73))]
    told.append((side, b"\x7e" + body + crc(body) + b"\x7e"))
    if later:
        told.append(("unknown", other.frame("meter", 0x30, bytes.fromhex("E6E700C401C1000F01"))))
    found = diagnosis(trace(*told)).findings
    wrong = next(one for one in found if one.code == "hcs-wrong")
    assert (wrong.certainty, wrong.side) == (certainty, "client")
    assert any("alternation" in text for text in wrong.evidence) == (certainty == "likely")


def test_blocks_whose_side_the_ports_do_not_tell_are_no_proof() -> None:
    """Request and answer go from the same port to the same: a block of the meter counts for the client and seems to lack."""
    fault = next(one for one in every_fault() if one.name == "ports_as_in_the_request")
    talk = talk_with(11, fault)
    read_back = through(talk.play(), "pcap", talk.setting.framing or "none", 11)
    found = diagnosis(read_back, talk.ring()).findings
    assert found[0].code == "wrapper-ports-not-swapped"
    assert {(one.certainty, one.because_of) for one in found if one.code == "gbt-block-error"} <= {
        ("likely", "wrapper-ports-not-swapped")
    }
