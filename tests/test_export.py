"""What goes out reads back: hex and pcapng with the same octets, tables with the values, nothing secret under --redact."""

import csv
import io
import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture_file import ETHERNET, USER0, CaptureFile
from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.export import csv_table, hexlog, pcapng, tables
from analyzer.export.bundle import Bundle
from analyzer.model import Record, Trace
from analyzer.sources import read_input
from analyzer.sources.pcap.columns import stamp
from analyzer.tcp_packets import Connection, checksum
from tests.support import (
    AK,
    CLOCK,
    EK,
    GET_CLOCK,
    METER,
    THREAD,
    Conversation,
    Station,
    ciphered,
    diagnosed,
    keys,
    plain,
)

REGRESSIONS = Path(__file__).parent / "regression"
LOG, KEYS = str(THREAD / "thread.log"), str(THREAD / "keys.toml")


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The blocks of a pcapng file: type and body; both lengths have to agree."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        yield kind, data[at + 8 : at + length - 4]
        at += length
    assert at == len(data)


def options(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert at + 4 == len(data)
            break
        found.append((code, data[at + 4 : at + 4 + length]))
        at += 4 + length + -length % 4
    return found


def packets(data: bytes) -> list[tuple[int, int, bytes, int, list[str]]]:
    """(interface, nanoseconds, octets, direction bits, comments) of every packet."""
    made = []
    for kind, body in blocks(data):
        if kind == 6:
            interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
            assert captured == length
            rest = options(body[20 + captured + -captured % 4 :])
            flags = next((struct.unpack("<I", value)[0] for code, value in rest if code == 2), 0)
            said = [value.decode() for code, value in rest if code == 1]
            made.append((interface, high << 32 | low, body[20 : 20 + captured], flags & 3, said))
    return made


def bundle(talk: Conversation) -> Bundle:
    trace = talk.trace("TRACE")
    return Bundle(trace, list(decode(trace, keys())), diagnosed(talk, keys()).findings)


def captured(*bundles: Bundle) -> bytes:
    stream = io.BytesIO()
    pcapng.write(stream, [one.trace for one in bundles], bundles, "test")
    return stream.getvalue()


def test_blocks_have_the_values_of_the_draft() -> None:
    stream = io.BytesIO()
    capture = CaptureFile(stream, "made", "why")
    number = capture.interface(USER0, "COM5", "a port")
    capture.packet(number, 0x0123456789ABCDEF, b"\x7e\xa0\x07", "meter", ["first", "second"])
    found = list(blocks(stream.getvalue()))
    assert [kind for kind, _ in found] == [0x0A0D0D0A, 1, 6]
    assert found[0][1][:16] == bytes.fromhex("4D3C2B1A 0100 0000 FFFFFFFFFFFFFFFF")
    assert options(found[0][1][16:]) == [(1, b"why"), (4, b"made")]
    assert found[1][1][:8] == bytes.fromhex("9300 0000 00000000")
    assert options(found[1][1][8:]) == [(2, b"COM5"), (3, b"a port"), (9, b"\x09")]
    assert packets(stream.getvalue()) == [(0, 0x0123456789ABCDEF, b"\x7e\xa0\x07", 1, ["first", "second"])]


@given(st.text(max_size=200), st.integers(0, 70_000))
def test_any_comment_is_kept_or_cut_between_characters(text: str, more: int) -> None:
    stream = io.BytesIO()
    capture = CaptureFile(stream, "x")
    comment = text.encode("utf-8", "replace").decode() + "é" * more
    capture.packet(capture.interface(USER0, "n"), 0, b"", comments=[comment] if comment else [])
    said = packets(stream.getvalue())[0][4]
    assert said == ([comment] if comment else []) or (
        len(said[0].encode()) <= 0xFFFF and comment.startswith(said[0].removesuffix("..."))
    )


def test_serial_traces_are_user0_with_the_octets_directions_and_comments() -> None:
    talk = ciphered()
    data = captured(bundle(talk))
    kinds = [struct.unpack_from("<H", body)[0] for kind, body in blocks(data) if kind == 1]
    assert kinds == [USER0]
    found = packets(data)
    assert [packet[2] for packet in found] == [record.data for record in talk.records]
    assert [packet[3] for packet in found] == [{"client": 2, "meter": 1}[r.direction] for r in talk.records]
    said = "\n".join(text for packet in found for text in packet[4])
    assert "decrypted (verified): C0 01 C1 00 08 00 00 01 00 00 FF 02 00" in said
    assert "message 1: SNRM" in said


def test_findings_stand_at_their_packets() -> None:
    talk = ciphered("hdlc", Station(bytes.fromhex("4D4D4D0000000001"), data=b""))
    made = bundle(talk)
    assert made.findings
    found = packets(captured(made))
    for finding in made.findings:
        place = 0 if finding.message is None else made.messages[finding.message - 1].records[0] - 1
        assert any(finding.code in text for text in found[place][4]), finding.code


def tcp_payloads(found: list[tuple[int, int, bytes, int, list[str]]]) -> list[tuple[str, bytes]]:
    """What TCP carries, in order, with every length, number and checksum checked."""
    made: list[tuple[str, bytes]] = []
    expected: dict[str, int] = {}
    for _, _, octets, _, _ in found:
        assert octets[12:14] == b"\x08\x00" and octets[14] == 0x45
        ip, segment = octets[14:34], octets[34:]
        assert int.from_bytes(ip[2:4], "big") == len(octets) - 14
        assert checksum(ip) == 0 and checksum(ip[12:20] + b"\0\x06" + len(segment).to_bytes(2, "big") + segment) == 0
        side = "meter" if int.from_bytes(segment[:2], "big") == 4059 else "client"
        number, flags, payload = int.from_bytes(segment[4:8], "big"), segment[13], segment[20:]
        assert expected.get(side, number) == number
        expected[side] = number + len(payload) + bool(flags & 3)
        if payload:
            made.append((side, payload))
    return made


def test_wrapper_traces_are_a_tcp_connection() -> None:
    talk = ciphered("wrapper")
    data = captured(bundle(talk))
    assert [struct.unpack_from("<H", body)[0] for kind, body in blocks(data) if kind == 1] == [ETHERNET]
    assert tcp_payloads(packets(data)) == [(record.direction, record.data) for record in talk.records]


def test_long_data_goes_in_several_packets_and_ipv6_is_possible() -> None:
    connection = Connection(("::1", 50000), ("127.0.0.1", 4059))
    data = bytes(range(256)) * 400
    sent = [
        *connection.opened(),
        *connection.sent("meter", data),
        *connection.closed("meter"),
        *connection.reset("client"),
    ]
    assert b"".join(packet[74:] for packet in sent) == data
    for packet in sent:
        ip, segment = packet[14:54], packet[54:]
        assert packet[12:14] == b"\x86\xdd" and int.from_bytes(ip[4:6], "big") == len(segment)
        pseudo = ip[8:40] + b"\0\x06" + len(segment).to_bytes(2, "big")
        assert checksum(pseudo + segment) == 0


@pytest.mark.parametrize("name", ["plain", "ciphered", "wrapper", "bare", "one line for all"])
def test_hex_reads_back_as_the_same_messages(name: str) -> None:
    talk = {"plain": plain(), "ciphered": ciphered(), "wrapper": ciphered("wrapper"), "bare": plain("none")}.get(name)
    records = tuple(talk.records) if talk else (Record(1, b"".join(r.data for r in plain().records)),)
    trace = Trace("MY METER", "x", records)
    before = list(decode(trace))
    text = "\n".join(hexlog.lines_of([Bundle(trace, before)]))
    again = read_input(text.encode(), "out.log")
    assert [one.name for one in again] == ["MY METER"]
    assert [(m.direction, m.wire, m.apdu) for m in decode(again[0])] == [(m.direction, m.wire, m.apdu) for m in before]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper", "none"])
def test_pcapng_reads_back_as_the_same_messages(framing: str) -> None:
    talks = [ciphered(framing), plain(framing)]
    traces = [Trace(f"METER {n}", "x", talk.records) for n, talk in enumerate(talks, 1)]
    bundles = [Bundle(trace, list(decode(trace, keys()))) for trace in traces]
    again = read_input(captured(*bundles), "out.pcapng")
    told = [[(m.direction, m.wire, m.plain_apdu) for m in decode(trace, keys())] for trace in again]
    assert told == [[(m.direction, m.wire, m.plain_apdu) for m in bundle.messages] for bundle in bundles]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper"])
def test_records_without_times_have_none_when_they_are_read_back(framing: str, tmp_path: Path) -> None:
    talks = [ciphered(framing), plain(framing)]
    untimed = tuple(replace(record, time=None, seconds=None) for record in talks[0].records)
    timed = tuple(replace(record, seconds=1e9 + record.number) for record in talks[1].records)
    traces = [Trace("A", "x", untimed), Trace("B", "x", timed)]
    path = tmp_path / "out.pcapng"
    path.write_bytes(captured(*(Bundle(trace, list(decode(trace, keys()))) for trace in traces)))
    again = read_input(path.read_bytes(), "out.pcapng")
    assert [[record.seconds for record in trace] for trace in again] == [
        [record.seconds for record in trace] for trace in traces
    ]
    assert {record.time for record in again[0]} == {None}
    if shutil.which("tshark"):
        fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment", "-e", "frame.interface_id"]
        said = subprocess.run(["tshark", "-r", str(path), *fields], capture_output=True, text=True, check=True).stdout
        first = [float(line.split("\t")[0]) for line in said.splitlines() if line.endswith("\t0")]
        assert first == sorted(first) and len(first) >= len(untimed) and first[-1] < 60
        assert "decrypted (verified)" in said


def test_times_go_out_to_the_nanosecond() -> None:
    times = [1_700_000_000_123_456_789, 1_700_000_000_123_456_790, 1_700_000_001_000_000_001]
    records = [
        replace(record, time=stamp(time), seconds=time / 1e9)
        for time, record in zip(times, plain().records, strict=False)
    ]
    trace = Trace("t", "x", records)
    data = captured(Bundle(trace, list(decode(trace))))
    assert [packet[1] for packet in packets(data)] == times
    (again,) = read_input(data, "out.pcapng")
    assert [record.time for record in again] == [record.time for record in records]


def test_what_was_not_timed_stands_by_its_neighbours() -> None:
    some = [replace(r, time=None, seconds=None if n != 2 else 1e9) for n, r in enumerate(plain().records)]
    trace = Trace("t", "x", some)
    times = [packet[1] for packet in packets(captured(Bundle(trace, list(decode(trace)))))]
    assert times == sorted(times) and times[:3] == [1_000_000_000_000_000_000] * 3


def test_a_record_with_frames_of_both_sides_becomes_packets_of_one_side() -> None:
    trace = Trace("t", "x", (Record(1, b"".join(r.data for r in plain().records)),))
    made = Bundle(trace, list(decode(trace)))
    assert [packet[2] for packet in packets(captured(made))] == [r.data for r in plain().records]
    (again,) = read_input(captured(made), "out.pcapng")
    assert [(m.direction, m.wire) for m in decode(again)] == [(m.direction, m.wire) for m in made.messages]


@pytest.mark.parametrize("path", sorted(REGRESSIONS.iterdir()), ids=lambda path: path.name)
def test_every_input_that_ever_broke_something_can_go_out(path: Path, tmp_path: Path) -> None:
    for form in ("pcapng", "hex", "jsonl", "csv", "parquet"):
        status = main(["export", str(path), "--to", form, "-o", str(tmp_path / form)])
        assert status == main(["decode", str(path), "--format", "summary"])


def test_the_thread_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "thread.hex"
    assert main(["export", LOG, "--keys", KEYS, "--to", "hex", "--out", str(out)]) == 0
    before, after = (read_input(path.read_bytes(), "thread.log") for path in (THREAD / "thread.log", out))
    assert [[(r.direction, r.data) for r in trace] for trace in after] == [
        [(r.direction, r.data) for r in trace] for trace in before
    ]


def test_jsonl_is_what_decode_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main(["decode", LOG, "--keys", KEYS, "--format", "jsonl"])
    decoded = capsys.readouterr().out
    main(["export", LOG, "--keys", KEYS, "--to", "jsonl"])
    assert capsys.readouterr().out == decoded


def test_csv_has_a_row_for_each_message_and_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", LOG, "--keys", KEYS, "--to", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 16 and tuple(rows[0]) == tuple(tables.MESSAGES)
    assert rows[6]["plain_apdu"] == "get-request" and rows[6]["verdict"] == "verified"
    assert "llc-missing" in rows[12]["findings"]
    assert main(["export", LOG, "--keys", KEYS, "--to", "csv", "--table", "values"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["meter"], row["obis"], row["value"]) == ("4858451120000A44", "1-0:0.2.8*255", "hxcpu01-20170223-0002")


def test_values_are_scaled_with_their_unit() -> None:
    talk = Conversation("wrapper")
    for attribute, answer in ((3, "0202 0F FF 16 1E"), (2, "06 00 00 30 39")):
        talk.request(bytes.fromhex(f"C001C1 0003 0100010800FF {attribute:02X} 00"))
        talk.reply(bytes.fromhex(f"C401C100 {answer}"))
    row = dict(zip(tables.VALUES, list(tables.value_rows(bundle(talk)))[-1], strict=True))
    assert (row["obis"], row["value"], row["number"], row["unit"]) == ("1-0:1.8.0*255", "1234.5", 1234.5, "Wh")


def test_a_meter_without_title_is_its_address() -> None:
    talk = Conversation("hdlc", server=17).connect().request(GET_CLOCK).reply(CLOCK)
    row = dict(zip(tables.VALUES, list(tables.value_rows(bundle(talk)))[-1], strict=True))
    assert (row["meter"], row["obis"]) == ("17", "0-0:1.0.0*255")


def test_composed_values_are_json() -> None:
    talk = Conversation("wrapper").request(GET_CLOCK).reply(bytes.fromhex("C401C100 0203 0900 00 0A02 4122"))
    row = dict(zip(tables.VALUES, list(tables.value_rows(bundle(talk)))[-1], strict=True))
    assert json.loads(row["value"]) == ["", None, 'A"']


def test_telegram_values() -> None:
    text = b"/ISK5\\2M550T-1012\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n0-0:96.1.0(4B384547)\r\n!\r\n"
    trace = Trace("p1", "p1", (Record(1, text),))
    rows = [dict(zip(tables.VALUES, row, strict=True)) for row in tables.value_rows(Bundle(trace, list(decode(trace))))]
    assert [(row["obis"], row["number"], row["unit"]) for row in rows][:1] == [("1-0:1.8.1", 123.456, "kWh")]


def test_parquet_is_the_same_table(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for table in tables.TABLES:
        out = tmp_path / f"{table}.parquet"
        assert main(["export", LOG, "--keys", KEYS, "--to", "parquet", "--table", table, "-o", str(out)]) == 0
        read = parquet.read_table(out)
        assert read.column_names == list(tables.TABLES[table])
        bundles = [Bundle(t, list(decode(t))) for t in read_input((THREAD / "thread.log").read_bytes(), "thread.log")]
        if table == "messages":
            assert read.num_rows == sum(len(b.messages) for b in bundles) == 16
            assert read.column("octets").to_pylist() == [len(m.wire) for b in bundles for m in b.messages]
        else:
            assert read.column("value").to_pylist() == ["hxcpu01-20170223-0002"]


def test_cells_that_need_quotes_get_them() -> None:
    trace = Trace('a "b", c', "x", (Record(1, plain().records[0].data),))
    lines = list(csv_table.lines_of("messages", [Bundle(trace, list(decode(trace)))]))
    assert next(csv.DictReader(io.StringIO("\r\n".join(lines))))["trace"] == 'a "b", c'


@pytest.mark.parametrize("form", ["pcapng", "hex", "jsonl", "csv"])
def test_redaction_covers_titles_everywhere(form: str, tmp_path: Path) -> None:
    log = tmp_path / "in.log"
    log.write_text("".join(f"{r.direction}: {r.data.hex(' ')}\n" for r in ciphered().records))
    plain_out, out = tmp_path / "plain", tmp_path / "out"
    arguments = ["export", str(log), "--ek", EK.hex(), "--ak", AK.hex(), "--to", form, "-o"]
    assert main([*arguments, str(plain_out)]) == 0 and main([*arguments, str(out), "--redact"]) == 0

    def shows(data: bytes) -> bool:
        low = data.lower().replace(b" ", b"")
        return METER in data or METER.hex().encode() in low or EK in data or EK.hex().encode() in low

    assert shows(plain_out.read_bytes()) and not shows(out.read_bytes())


def test_redacted_hex_keeps_its_length(tmp_path: Path) -> None:
    talk = ciphered()
    log = tmp_path / "in.log"
    log.write_text("".join(f"{r.direction}: {r.data.hex(' ')}\n" for r in talk.records))
    out = tmp_path / "out"
    assert (
        main(["export", str(log), "--ek", EK.hex(), "--ak", AK.hex(), "--to", "hex", "-o", str(out), "--redact"]) == 0
    )
    again = read_input(out.read_bytes(), "out")[0]
    assert [len(record.data) for record in again] == [len(record.data) for record in talk.records]
    assert b"********" in b"".join(record.data for record in again)


def test_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", LOG, "--to", "xlsx"])
    assert stopped.value.code == 2
    assert main(["export", LOG, "--to", "csv", "-o", str(tmp_path / "no" / "such")]) == 2
    assert capsys.readouterr().err.strip().count("\n") <= 1
