"""Profile buffers as tables: columns, what is filled in and why, scaler and unit of what was captured."""

import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.profiles import Cell, Profile, cell_text, later_time, unit_of
from grammars import readings
from tests.support import Conversation

PROFILE, ENERGY, CLOCK, STATUS = "0100630100FF", "0100010800FF", "0000010000FF", "0000600A01FF"
CLOCK_COLUMN = f"02041200080906{CLOCK}0F02120000"
STATUS_COLUMN = f"02041200010906{STATUS}0F02120000"
ENERGY_COLUMN = f"02041200030906{ENERGY}0F02120000"
START = "07E801010100000000FFC400"  # 2024-01-01 00:00:00, a Monday, deviation -60 min
FIRST = f"0203090C{START}1100060001E240"
AS_BEFORE = "null-data: as in the row before"
BY_PERIOD = "null-data: the time before + capture_period of 900 s"


def get(class_id: int, code: str, attribute: int, selection: str = "00") -> bytes:
    return bytes.fromhex(f"C001C1{class_id:04X}{code}{attribute:02X}{selection}")


def data(value: str) -> bytes:
    return bytes.fromhex("C401C100" + value)


def known(talk: Conversation, scaler: bool = True, period: bool = True, captured: str = "") -> Conversation:
    """A trace that reads what belongs to the profile before the buffer."""
    if scaler:
        talk.request(get(3, ENERGY, 3)).reply(data("02020FFD161E"))
    if period:
        talk.request(get(7, PROFILE, 4)).reply(data("0600000384"))
    objects = captured or f"0103{CLOCK_COLUMN}{STATUS_COLUMN}{ENERGY_COLUMN}"
    if objects != "none":
        talk.request(get(7, PROFILE, 3)).reply(data(objects))
    return talk


def profile_of(message: Message) -> Profile:
    (answer,) = message.answers
    assert answer.profile is not None
    return answer.profile


def table(talk: Conversation) -> Profile:
    return profile_of(list(decode(talk.trace()))[-1])


def texts(profile: Profile) -> list[list[str]]:
    return [[cell_text(profile.numbers(n, cell), cell.type) for n, cell in enumerate(row)] for row in profile.rows()]


def filled(profile: Profile) -> list[list[str]]:
    return [[cell.filled for cell in row] for row in profile.rows()]


def test_a_load_profile() -> None:
    buffer = f"0104{FIRST}0203000000020300001F050203001108060001E300"
    found = table(known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data(buffer)))
    assert [(c.heading, c.name, unit_of(c)) for c in found.columns] == [
        ("0-0:1.0.0*255", "clock", ""),
        ("0-0:96.10.1*255", "status", ""),
        ("1-0:1.8.0*255", "active energy import (+A)", "Wh"),
    ]
    assert found.columns[2].source == "scaler_unit read in message 2"
    assert [row[1:] for row in texts(found)] == [["0", "123.456"], ["0", "123.456"], ["0", "123.461"], ["8", "123.648"]]
    assert [row[0][:19] for row in texts(found)] == [f"2024-01-01 00:{m:02}:00" for m in (0, 15, 30, 45)]
    assert filled(found) == [
        ["", "", ""],
        [BY_PERIOD, AS_BEFORE, AS_BEFORE],
        [BY_PERIOD, AS_BEFORE, "delta-unsigned +5 to the row before"],
        [BY_PERIOD, "", ""],
    ]
    assert found.notes == () and len(found) == 4


def test_nothing_is_filled_in_that_the_trace_does_not_tell() -> None:
    buffer = f"0102{FIRST}0203000000"
    talk = known(Conversation("wrapper"), scaler=False, period=False, captured="none")
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(buffer)))
    assert [c.name for c in found.columns] == ["", "", ""]
    first, second = found.rows()
    assert second[0] == Cell(None, "null-data")  # it looks like a time, and the period is not known
    assert second[2] == Cell(123456, "double-long-unsigned", AS_BEFORE)
    assert first[2].value == 123456 and found.numbers(2, first[2]) == 123456


def test_the_period_of_a_clock_that_is_not_named_is_marked_as_a_guess() -> None:
    talk = known(Conversation("wrapper"), captured="none")
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(f"0102{FIRST}0203000000")))
    assert filled(found)[1][0] == f"{BY_PERIOD}, if this column is the clock"


def test_what_is_told_only_later_is_not_applied() -> None:
    talk = Conversation("wrapper").request(get(7, PROFILE, 2)).reply(data(f"0101{FIRST}"))
    messages = list(decode(known(talk).trace()))
    assert [c.target for c in profile_of(messages[1]).columns] == [None] * 3


def test_what_is_told_of_another_meter_is_not_applied() -> None:
    talk = known(Conversation("wrapper", server=1))
    talk.server = 2
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(f"0101{FIRST}")))
    assert [c.target for c in found.columns] == [None] * 3


def test_another_client_reads_the_same_meter() -> None:
    talk = known(Conversation("wrapper", client=1))
    talk.client = 16
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(f"0101{FIRST}")))
    assert unit_of(found.columns[2]) == "Wh"


def test_null_in_the_first_row_stays_null() -> None:
    found = table(known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data("0101" + "0203000000")))
    assert list(found.rows()) == [(Cell(None, "null-data"),) * 3]


@pytest.mark.parametrize(
    ("base", "delta", "value", "kind"),
    [
        ("11FA", "1F0A", 4, "unsigned"),  # 250 + 10 wraps in 8 bits
        ("1105", "1CFA", 255, "unsigned"),
        ("0F7F", "1C01", -128, "integer"),
        ("12FFFF", "200002", 1, "long-unsigned"),
        ("107FFF", "1D0001", -32768, "long"),
        ("06FFFFFFFF", "2100000001", 0, "double-long-unsigned"),
        ("05FFFFFFFF", "1E00000003", 2, "double-long"),
        ("15FFFFFFFFFFFFFFFF", "1F01", 0, "long64-unsigned"),
        ("147FFFFFFFFFFFFFFF", "1F01", -(1 << 63), "long64"),
    ],
)
def test_delta_values_wrap_in_the_type_before(base: str, delta: str, value: int, kind: str) -> None:
    talk = known(Conversation("wrapper"), captured="none")
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(f"01020201{base}0201{delta}")))
    (last,) = list(found.rows())[1]
    assert (last.value, last.type) == (value, kind) and last.filled.endswith("to the row before")


def test_a_delta_without_a_number_before_it_is_no_value() -> None:
    talk = known(Conversation("wrapper"), captured="none")
    found = table(talk.request(get(7, PROFILE, 2)).reply(data("010302011F0502010A0241420201" + "1F05")))
    assert [row[0].value for row in found.rows()] == [None, "AB", None]


def test_a_compact_array() -> None:
    described = "13020306" + "11" + "09"
    rows = "".join(f"{n:08X}{n:02X}0C{START}" for n in range(3))
    size = len(rows) // 2
    captured = f"0103{ENERGY_COLUMN}{STATUS_COLUMN}{CLOCK_COLUMN}"
    talk = known(Conversation("wrapper"), captured=captured)
    found = table(talk.request(get(7, PROFILE, 2)).reply(data(f"{described}{size:02X}{rows}")))
    assert [row[:2] for row in texts(found)] == [["0.000", "0"], ["0.001", "1"], ["0.002", "2"]]
    assert found.columns[2].is_clock


@pytest.mark.parametrize(
    ("selection", "names", "notes"),
    [
        (f"01010204{CLOCK_COLUMN}090C{START}090C{START}0101{ENERGY_COLUMN}", ["active energy import (+A)"], 0),
        (f"01010204{CLOCK_COLUMN}090C{START}090C{START}0102{ENERGY_COLUMN}{CLOCK_COLUMN}",
         ["active energy import (+A)", "clock"], 1),
        (f"01010204{CLOCK_COLUMN}090C{START}090C{START}0100", ["clock", "status", "active energy import (+A)"], 0),
        ("01020204060000000106000000001200021200" + "03", ["status", "active energy import (+A)"], 0),
        ("0102020406000000010600000000120002120000", ["status", "active energy import (+A)"], 0),
        ("0102020406000000010600000000120001120001", ["clock"], 0),
    ],
)  # fmt: skip
def test_selected_columns(selection: str, names: list[str], notes: int) -> None:
    row = f"02{len(names):02X}" + "0600000001" * len(names)
    talk = known(Conversation("wrapper")).request(get(7, PROFILE, 2, selection)).reply(data(f"0101{row}"))
    found = table(talk)
    assert [c.name for c in found.columns] == names
    assert len(found.notes) == notes


def test_columns_by_the_request_alone() -> None:
    selection = f"01010204{CLOCK_COLUMN}090C{START}090C{START}0102{CLOCK_COLUMN}{ENERGY_COLUMN}"
    talk = known(Conversation("wrapper"), captured="none").request(get(7, PROFILE, 2, selection))
    found = table(talk.reply(data(f"01010202090C{START}0600000001")))
    assert [c.name for c in found.columns] == ["clock", "active energy import (+A)"]
    assert "by the request" in found.notes[0]


def test_rows_of_another_width_have_no_names() -> None:
    found = table(known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data("010102020600000001" + "1101")))
    assert [c.name for c in found.columns] == ["", ""]
    assert found.notes == ("the first row has 2 values, 3 columns are known: columns are not named",)


def test_a_row_may_be_longer_or_shorter_than_the_first() -> None:
    talk = known(Conversation("wrapper"), captured="none").request(get(7, PROFILE, 2))
    found = table(talk.reply(data("0103" + "02021101" + "1102" + "0203110311041105" + "02011106")))
    assert texts(found) == [["1", "2"], ["3", "4", "5"], ["6"]]


def test_a_buffer_in_blocks() -> None:
    value = bytes.fromhex(f"0102{FIRST}0203000000")
    talk = known(Conversation("wrapper")).request(get(7, PROFILE, 2))
    parts = [value[n : n + 11] for n in range(0, len(value), 11)]
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        head = bytes.fromhex("C402C1") + bytes([last]) + number.to_bytes(4, "big") + b"\x00" + bytes([len(part)])
        talk.reply(head + part)
        if not last:
            talk.request(bytes.fromhex("C002C1") + number.to_bytes(4, "big"))
    messages = list(decode(talk.trace()))
    found = profile_of(messages[-1])
    assert texts(found)[1][1:] == ["0", "123.456"]
    assert not any(m.answers for m in messages[7:-1])


def test_a_buffer_by_access() -> None:
    talk = known(Conversation("wrapper"))
    talk.request(bytes.fromhex(f"D9000000010002010007{PROFILE}02010003{ENERGY}02020000"))
    talk.reply(bytes.fromhex(f"DA000000010000020101{FIRST}06000000010201000100"))
    message = list(decode(talk.trace()))[-1]
    assert [a.name for a in message.answers] == ["load profile 1", "active energy import (+A)"]
    table_, register = message.answers
    assert table_.profile is not None and unit_of(table_.profile.columns[2]) == "Wh"
    assert register.value is not None and register.scaled(register.value[3]) == "0.001 Wh"


def test_capture_objects_that_were_written() -> None:
    columns = f"0101{ENERGY_COLUMN}"
    for result, names in (("00", ["active energy import (+A)"]), ("03", [""])):
        talk = Conversation("wrapper").request(bytes.fromhex(f"C101C10007{PROFILE}0300{columns}"))
        talk.reply(bytes.fromhex(f"C501C1{result}"))
        found = table(talk.request(get(7, PROFILE, 2)).reply(data("0101" + "02010600000001")))
        assert [c.name for c in found.columns] == names


@given(st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2090, 1, 1)), st.integers(1, 10_000_000))
def test_later_times(moment: datetime.datetime, seconds: int) -> None:
    def octets(at: datetime.datetime) -> bytes:
        head = at.year.to_bytes(2, "big") + bytes((at.month, at.day, at.isoweekday()))
        return head + bytes((at.hour, at.minute, at.second)) + bytes.fromhex("00FFC480")

    assert later_time(octets(moment), seconds) == octets(moment + datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "octets", ["FFFF0101FF00000000800000", "07E80201FF00FF0000800000", "07E8FEFFFF00000000800000", ""]
)
def test_times_that_are_not_specified_have_no_later_one(octets: str) -> None:
    assert later_time(bytes.fromhex(octets), 900) is None


CELLS = st.sampled_from(
    ["00", "1105", "1F01", "1CFF", "0A0141", f"090C{START}", "0600000001", "02020F0016 1E", "FF", "19" + START]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=8))
def test_any_rows_make_a_table(rows: list[list[str]]) -> None:
    value = f"01{len(rows):02X}" + "".join(f"02{len(row):02X}{''.join(row)}" for row in rows)
    found = table(known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data(value)))
    assert [len(row) for row in found.rows()] == [len(row) for row in rows]
    assert all(isinstance(text, str) and text for text in itertools.chain.from_iterable(texts(found)))
    assert readings.is_date_time(bytes.fromhex(START))


def test_rows_come_one_by_one() -> None:
    number = 50_000
    value = bytes.fromhex("0182C350") + bytes.fromhex("0201" + "1105") + bytes.fromhex("020100") * (number - 1)
    talk = known(Conversation("none"), captured=f"0101{STATUS_COLUMN}").request(get(7, PROFILE, 2))
    found = table(talk.reply(bytes.fromhex("C401C100") + value))
    rows = found.rows()
    assert next(rows)[0].value == 5 and next(rows)[0].filled == AS_BEFORE
    assert len(found) == number and sum(1 for _ in rows) == number - 2
