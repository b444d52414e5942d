"""Serial captures: what tools write reads as the frames that were on the line; wrong parity is undone where it can be."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.model import Record, Trace
from analyzer.sources import InputError, read_input
from analyzer.sources.serial.joining import Octet, records_of
from analyzer.sources.serial.monitors import normalised
from analyzer.sources.serial.restoring import restored
from analyzer.sources.serial.seven_bits import undone
from analyzer.sources.text import Text
from analyzer.two_sides import together
from tests import serial_logs
from tests.support import Conversation, ciphered, diagnosed, frame, plain

TALK = ciphered(reads=2)
SENT = [(record.direction, record.data) for record in TALK.records]
NO_TIMES = {"interceptty", "termite", "realterm", "sigrok", "sigrok-samples", "pulseview"}
NO_SIDES = {"termite", "realterm", "sigrok"}


@pytest.mark.parametrize("tool", serial_logs.WRITERS)
def test_logs_of_tools_read_as_what_was_on_the_line(tool: str) -> None:
    text = serial_logs.WRITERS[tool](TALK)
    (trace,) = read_input(text.encode(), f"{tool}.log")
    messages = list(decode(trace))
    assert [(m.direction, m.wire) for m in messages] == SENT
    assert not [issue for issue in trace.issues if issue.severity != "info"]
    if tool not in NO_SIDES:
        assert [record.direction for record in trace] == [direction for direction, _ in SENT]
        assert [record.data for record in trace] == [data for _, data in SENT]
    if tool not in NO_TIMES:
        seconds = [record.seconds for record in trace]
        assert None not in seconds and seconds == sorted(seconds) and seconds[-1] - seconds[0] > 0.5


def test_times_of_octets_are_those_of_the_first_of_each_frame() -> None:
    (trace,) = read_input(serial_logs.saleae_2(TALK).encode(), "x.csv")
    expected = [f"{octets[0][0]:.9f}" for octets in serial_logs.timed(TALK)]
    assert [record.time for record in trace] == expected


def test_samples_are_seconds_where_the_rate_is_told() -> None:
    (trace,) = read_input(("META samplerate: 1 MHz\n" + serial_logs.sigrok_samples(TALK)).encode(), "x.txt")
    assert trace[0].seconds == pytest.approx(serial_logs.timed(TALK)[0][0][0], abs=1e-5)


@pytest.mark.parametrize(
    ("cell", "octet"),
    [("0x7E", 0x7E), ("126", 0x7E), ("'126'", 0x7E), ("0b01111110", 0x7E), ("~", 0x7E), ("'255' (0xFF)", 0xFF),
     ("\\r", 0x0D), ("COMMA", 0x2C), ("' '", 0x20), ("~ (0x7E)", 0x7E), ("é", 0xE9)],
)  # fmt: skip
def test_values_in_every_base_of_the_analyser(cell: str, octet: int) -> None:
    text = f"Time [s],Value,Parity Error,Framing Error\n0.1,{cell},,\n"
    (trace,) = read_input(text.encode(), "x.csv")
    assert trace[0].data == bytes([octet])


def test_lone_digits_are_numbers_or_characters_by_the_others() -> None:
    head = "Time [s],Value,Parity Error,Framing Error\n"
    (numbers,) = read_input((head + "0.1,1,,\n0.101,255,,\n").encode(), "x.csv")
    (letters,) = read_input((head + "0.1,1,,\n0.101,a,,\n").encode(), "x.csv")
    assert (numbers[0].data, letters[0].data) == (b"\x01\xff", b"1a")


def test_errors_of_the_analyser_are_told_and_rows_without_octets_left_out() -> None:
    text = "Time [s],Value,Parity Error,Framing Error\n0.1,0x7E,,\n0.2,0xA0,,Error\n0.3,glitch,,\nbroken\n"
    (trace,) = read_input(text.encode(), "x.csv")
    assert b"".join(record.data for record in trace) == b"\x7e\xa0"
    assert [(issue.place.line, issue.severity) for issue in trace.issues if issue.place] == [
        (3, "warning"),
        (4, "warning"),
    ]


def test_other_csv_is_no_serial_export() -> None:
    with pytest.raises(InputError):
        read_input(b"Time,Temperature\n0.1,20\n", "x.csv")


def test_a_pause_ends_a_record_unless_the_frame_says_that_more_follows() -> None:
    data = frame(0x93)
    times = [0.001 * n + (0.1 if n >= 4 else 0) for n in range(len(data))]  # a pause within the frame
    times += [1.0 + 0.001 * n for n in range(3)] + [1.2 + 0.001 * n for n in range(3)]
    octets = [Octet(value, "client", at, 1) for value, at in zip(data + b"abcdef", times, strict=True)]
    assert [record.data for record in records_of(octets)] == [data, b"abc", b"def"]


def test_a_frame_is_not_waited_for_longer_than_a_second() -> None:
    octets = [Octet(value, "client", 0.001 * n, 1) for n, value in enumerate(frame(0x93)[:4])]
    octets += [Octet(value, "client", 2 + 0.001 * n, 1) for n, value in enumerate(frame(0x93))]
    assert [record.data for record in records_of(octets)] == [frame(0x93)[:4], frame(0x93)]


@given(st.text(alphabet="0123456789abcdefABCDEFxX ,;:<>()[]'\"-~\r\nuart", max_size=300))
def test_any_text_gives_traces_or_one_line(text: str) -> None:
    for head in ("", "Time [s],Value,Parity Error,Framing Error\n", "> 0x7e (~)\n< 0x7e\n> 0x7e\n", "uart-1: 7E\n"):
        try:
            traces = read_input((head + text).encode(), "x")
        except InputError as problem:
            assert "\n" not in str(problem)
        else:
            for trace in traces:
                list(decode(trace))


def test_text_of_other_tools_is_left_alone() -> None:
    text = "TX: 7E A0 07 03 21 93 0F 01 7E\n"
    assert list(normalised(Text(text))) == [text]


# -- both directions in files of their own --------------------------------------------------------------------------


def dumps(talk: Conversation) -> tuple[Trace, Trace]:
    sides = ("client", "meter")
    a, b = (b"".join(r.data for r in talk.records if r.direction == side) for side in sides)
    return read_input(a, "tx.bin", "raw")[0], read_input(b, "rx.bin", "raw")[0]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper", "none"])
@pytest.mark.parametrize("talk_of", [plain, ciphered])
def test_two_raw_dumps_are_one_conversation(framing: str, talk_of: Callable[[str], Conversation]) -> None:
    """APDUs without framing end where their own lengths say."""
    talk = talk_of(framing)
    trace = together(*dumps(talk), "pair")
    assert [(record.direction, record.data) for record in trace] == [(r.direction, r.data) for r in talk.records]
    assert [record.number for record in trace] == list(range(1, len(trace) + 1))
    assert any("derived" in issue.text for issue in trace.issues)


def test_exchanged_files_are_noticed() -> None:
    tx, rx = dumps(plain())
    trace = together(rx, tx, "pair")
    assert [(record.direction, record.data) for record in trace] == [(r.direction, r.data) for r in plain().records]
    assert any("exchanged" in issue.text for issue in trace.issues)


def test_an_unanswered_request_is_sent_again_before_the_answer() -> None:
    talk = Conversation()
    talk.link(0x93)
    talk.link(0x93)
    talk.link(0x73, to_server=False)
    trace = together(*dumps(talk), "pair")
    assert [record.direction for record in trace] == ["client", "client", "meter"]


def test_several_frames_of_an_answer_stay_together() -> None:
    talk = Conversation()
    talk.link(0x10, b"\xe6\xe6\x00\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00")
    talk.link(0x20, b"\xe6\xe7\x00\xc4\x01", to_server=False)  # window of two: final bit only in the second
    talk.link(0x32, b"\xc1\x00\x00", to_server=False)
    talk.link(0x51)
    trace = together(*dumps(talk), "pair")
    assert [record.direction for record in trace] == ["client", "meter", "meter", "client"]


def test_times_decide_where_both_files_have_them() -> None:
    lines = serial_logs.saleae_2(TALK).splitlines(keepends=True)
    sides = ["".join([lines[0], *(line for line in lines[1:] if f'"{word}"' in line)]) for word in ("TX", "RX")]
    tx, rx = (read_input(text.encode(), "x.csv")[0] for text in sides)
    trace = together(tx, rx, "pair")
    assert [(record.direction, record.data) for record in trace] == SENT and not trace.issues


def test_one_side_alone_loses_nothing() -> None:
    tx, _ = dumps(plain())
    trace = together(tx, Trace("rx", "rx", (Record(1, b"\xff"),)), "pair")
    assert sum(len(record.data) for record in trace) == sum(len(record.data) for record in tx) + 1


# -- parity ---------------------------------------------------------------------------------------------------------


def with_parity(text: bytes) -> bytes:
    return bytes(octet | 0x80 if octet.bit_count() % 2 else octet for octet in text)


SIGN_ON, IDENTIFICATION, OPTION = b"/?!\r\n", b"/LGZ5\\2ZMD3104107\r\n", b"\x06252\r\n"


def test_seven_data_bits_read_as_eight_are_restored() -> None:
    hdlc = plain().records
    lines = [("client", SIGN_ON), ("meter", IDENTIFICATION), ("client", OPTION)]
    records = [Record(n, with_parity(text), side) for n, (side, text) in enumerate(lines, 1)]  # type: ignore[arg-type]
    records += [Record(len(records) + r.number, r.data, r.direction) for r in hdlc]
    trace = undone(Trace("t", "t", records))
    assert [record.data for record in trace] == [SIGN_ON, IDENTIFICATION, OPTION, *(r.data for r in hdlc)]
    assert [issue.code for issue in trace.issues] == ["parity-mismatch"] * 2
    assert [m.frame for m in decode(trace)][:3] == ["sign-on", "identification", "option-select"]
    found = diagnosed(trace).findings
    assert [(f.code, f.severity, f.side) for f in found if f.code == "parity-mismatch"] == [
        ("parity-mismatch", "info", "analyst")
    ] * 2


def test_parity_of_the_meter_alone_is_the_client_s_port() -> None:
    records = [Record(1, SIGN_ON, "client"), Record(2, with_parity(IDENTIFICATION), "meter")]
    found = [f for f in diagnosed(undone(Trace("t", "t", records))).findings if f.code == "parity-mismatch"]
    assert [(f.severity, f.side, f.record) for f in found] == [("error", "client", 2)]


def test_a_raw_dump_with_handshake_and_hdlc_is_restored_where_it_has_to_be() -> None:
    data = with_parity(SIGN_ON + IDENTIFICATION + OPTION) + b"".join(record.data for record in plain().records)
    (trace,) = read_input(data, "port.bin")
    assert trace[0].data == SIGN_ON + IDENTIFICATION + OPTION + b"".join(record.data for record in plain().records)


def test_a_readout_with_its_block_check_is_restored() -> None:
    block = b"\x021-0:1.8.0*255(000123.4*kWh)\r\n!\r\n\x03"
    check = 0
    for octet in block[1:]:
        check ^= octet
    readout = IDENTIFICATION + block + bytes([check])
    (trace,) = read_input(with_parity(readout), "x.bin")
    assert trace[0].data == readout
    assert not [f for f in diagnosed(trace).findings if f.code == "iec21-bcc"]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper", "none"])
def test_healthy_octets_are_not_touched(framing: str) -> None:
    for talk in (plain(framing), ciphered(framing)):
        trace = talk.trace()
        assert undone(trace) is trace
        assert not [f for f in diagnosed(trace).findings if f.code == "parity-mismatch"]


@given(st.binary(max_size=400))
def test_random_octets_are_not_touched_and_nothing_raises(data: bytes) -> None:
    trace = undone(Trace("t", "t", (Record(1, data, "meter"),)))
    assert len(trace[0].data) == len(data)
    assert trace[0].data == data or trace.issues


def test_ciphertext_that_reads_as_parity_here_and_there_is_not_touched() -> None:
    """A megabyte of any octets has an even run that ends as a line does, and thousands that read as STX and ETX."""
    pick, data = random.Random(8), bytearray(b"\x00\x01\x00\x01\x00\x10\x00\x08\xcc\x06\xaf\x3f\x21\x8d\x0a\x00")
    while len(data) < 1 << 20:
        apdu = b"\xcc\x82\x03\xed\x30" + pick.randbytes(1004)
        data += b"\x00\x01\x00\x01\x00\x10" + len(apdu).to_bytes(2, "big") + apdu
    trace = Trace("t", "t", (Record(1, bytes(data)),))
    assert undone(trace) is trace


def test_text_without_parity_is_not_touched() -> None:
    trace = Trace("t", "t", (Record(1, SIGN_ON + IDENTIFICATION),))
    assert undone(trace) is trace


def test_bit_7_of_short_frames_is_given_back_by_their_checks() -> None:
    talk = plain()
    lost = [Record(r.number, bytes(octet & 0x7F for octet in r.data), r.direction) for r in talk.records]
    trace = undone(Trace("t", "t", lost))
    before = {r.number: r.data for r in talk.records}
    short = [r.number for r in talk.records if len(r.data) <= 9]
    get = [r.number for r in talk.records if b"\xc0\x01\xc1" in r.data]
    assert short and get and all(trace[number - 1].data == before[number] for number in short + get)
    assert {issue.code for issue in trace.issues} == {"parity-mismatch"}
    assert any("too long for a proof" in issue.text for issue in trace.issues)


@given(st.integers(0, 255), st.binary(max_size=14), st.integers(1, 63), st.integers(1, 63))
def test_what_is_proven_is_right(control: int, information: bytes, client: int, server: int) -> None:
    data = frame(control, information, client=client, server=server)
    result = restored(bytes(octet & 0x7F for octet in data))
    if b"\x7e" in data[1:-1] or b"\xfe" in data[1:-1]:
        return  # a flag within: where the frame ends is not sure
    assert result.frames == result.whole == 1
    assert result.data == data


@given(st.binary(min_size=18, max_size=60).filter(lambda data: not {0x7E, 0xFE} & set(data)))
def test_what_cannot_be_proven_is_not_claimed(information: bytes) -> None:
    data = frame(0x10, information)
    if b"\x7e" in data[1:-1] or b"\xfe" in data[1:-1]:
        return
    result = restored(bytes(octet & 0x7F for octet in data))
    assert result.frames == 1 and result.whole == 0
    assert result.data[:8] == data[:8]  # the header has a check of its own
