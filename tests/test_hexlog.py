"""Pasted hex logs: every dialect, direction word, form of time and defect, then whole threads, then noise."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.model import Place, Trace
from analyzer.sources.hexlog import looks_like_text_hex, read_hexlog

SNRM = bytes.fromhex("7EA00A0002FEFF03935E927E")
UA = bytes.fromhex("7EA02103 0002FEFF73CF15818014 0501C80601C807040000000108040000000129C07E")
AARE = bytes.fromhex("7EA012030002FEFF30741BE6E7000501C881687E")
HEX = "7E A0 0A 00 02 FE FF 03 93 5E 92 7E"
REPLY = "7E A0 12 03 00 02 FE FF 30 74 1B E6 E7 00 05 01 C8 81 68 7E"


def one(text: str, source: str = "log.txt") -> Trace:
    traces = read_hexlog(text, source)
    assert len(traces) == 1, traces
    return traces[0]


def rows(text: str) -> list[tuple[str, bytes]]:
    return [(record.direction, record.data) for trace in read_hexlog(text, "x") for record in trace]


def spaced(data: bytes) -> str:
    return data.hex(" ").upper()


# --- spellings of bytes ---------------------------------------------------------------------------------------

SPELLINGS = {
    "spaced": spaced,
    "lower": lambda d: d.hex(" "),
    "unspaced": lambda d: d.hex(),
    "unspaced upper": lambda d: d.hex().upper(),
    "groups of two": lambda d: d.hex(" ", 2),
    "groups of four": lambda d: d.hex(" ", -4),
    "0x spaced": lambda d: " ".join(f"0x{b:02X}" for b in d),
    "0x commas": lambda d: ",".join(f"0x{b:02x}" for b in d),
    "0x comma space": lambda d: ", ".join(f"0x{b:02X}" for b in d),
    "0x unpadded": lambda d: ", ".join(f"0x{b:X}" for b in d),
    "0x once": lambda d: "0x" + d.hex(),
    "0X": lambda d: " ".join(f"0X{b:02X}" for b in d),
    "colons": lambda d: d.hex(":"),
    "dashes": lambda d: d.hex("-").upper(),
    "commas": lambda d: d.hex(","),
    "semicolons": lambda d: d.hex(";"),
    "underscores": lambda d: d.hex("_"),
    "bars": lambda d: d.hex("|"),
    "angles": lambda d: "".join(f"<{b:02X}>" for b in d),
    "brackets each": lambda d: "".join(f"[{b:02X}]" for b in d),
    "brackets": lambda d: f"[{spaced(d)}]",
    "braces": lambda d: "{" + ", ".join(f"0x{b:02X}" for b in d) + "}",
    "c array": lambda d: "unsigned char x[] = {" + ", ".join(f"0x{b:02X}" for b in d) + "};",
    "c array const": lambda d: "static const uint8_t frame[12] = { " + ",".join(f"0x{b:02X}" for b in d) + " };",
    "backslash x": lambda d: "".join(f"\\x{b:02x}" for b in d),
    "c string": lambda d: '"' + "".join(f"\\x{b:02x}" for b in d) + '"',
    "python repr": repr,
    "python assignment": lambda d: f"frame = {d!r}",
    "bytearray": lambda d: repr(bytearray(d)),
    "fromhex": lambda d: f'bytes.fromhex("{spaced(d)}")',
    "fromhex assignment": lambda d: f"data = bytes.fromhex('{d.hex()}')",
    "assembler": lambda d: " ".join(f"{b:02X}h" for b in d),
    "assembler zero": lambda d: ", ".join((f"0{b:02X}h" if b > 0x9F else f"{b:02X}h") for b in d),
    "dollar": lambda d: " ".join(f"${b:02X}" for b in d),
    "percent": lambda d: "".join(f"%{b:02X}" for b in d),
    "basic": lambda d: " ".join(f"&H{b:02X}" for b in d),
    "quoted": lambda d: f'"{spaced(d)}"',
    "backticks": lambda d: f"`{spaced(d)}`",
    "indented": lambda d: "      " + spaced(d),
    "tabs": lambda d: d.hex("\t"),
    "no-break spaces": lambda d: spaced(d).replace(" ", "\u00a0"),
    "wide gaps": lambda d: spaced(d).replace(" ", "   "),
    "zero width": lambda d: "\ufeff" + spaced(d).replace(" ", " \u200b"),
    "comment": lambda d: spaced(d) + "  // SNRM, to the meter",
    "hash comment": lambda d: spaced(d) + " # add a bad face",
    "block comment": lambda d: "/* Packet 4 */ " + spaced(d),
    "length": lambda d: spaced(d) + f" ({len(d)} bytes)",
    "length in brackets": lambda d: spaced(d) + f" [{len(d)}]",
    "decimal": lambda d: "[" + ", ".join(str(b) for b in d) + "]",
    "decimal signed": lambda d: "[" + ", ".join(str(b - 256 if b > 127 else b) for b in d) + "]",
    "printable column": lambda d: spaced(d) + "   " + "".join(chr(b) if 32 <= b < 127 else "." for b in d),
    "trailing words": lambda d: spaced(d) + "   the SNRM",
}


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("prefix", ["", "TX: ", "[10:00:02.120] TX: "])
def test_spellings(name: str, prefix: str) -> None:
    trace = one(prefix + SPELLINGS[name](SNRM))
    assert [record.data for record in trace] == [SNRM]
    assert trace.issues == ()
    assert trace[0].direction == ("client" if prefix else "unknown")


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_below_a_label(name: str) -> None:
    text = f"Send:\n{SPELLINGS[name](SNRM)}\n\nReceive:\n{SPELLINGS[name](AARE)}\n"
    assert rows(text) == [("client", SNRM), ("meter", AARE)]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (r"b'~\xa0#\x00'", b"~\xa0#\x00"),
        (r'b"~\xa0\"\x27"', b"~\xa0\"'"),
        (r"b'a\\x7e\n\r\t\''", b"a\\x7e\n\r\t'"),
        (r"bytearray(b'~\xa0' b'#')", b"~\xa0#"),
        (r"b'~\xa0' + b'#'", b"~\xa0#"),
        (r'write(3, "~\240\7\3!\223\17\1~", 9) = 9', b"~\xa0\x07\x03!\x93\x0f\x01~"),
        (r'TX "\x7e\xa0"', b"\x7e\xa0"),
        (r"RX rb'\d'", b"\\d"),
        (r"RX b'\d'", b"\\d"),
    ],
)
def test_literals(text: str, data: bytes) -> None:
    assert [record.data for record in one(text)] == [data]


def test_python_over_several_lines() -> None:
    text = "frame = (\n    b'~\\xa0\\n\\x00\\x02'\n    b'\\xfe\\xff\\x03\\x93'\n    b'^\\x92~'\n)\n"
    assert rows(text) == [("unknown", SNRM)]


def test_c_array_over_several_lines() -> None:
    lines = ",\n".join("    " + ", ".join(f"0x{b:02X}" for b in UA[i : i + 8]) for i in range(0, len(UA), 8))
    assert rows(f"static const unsigned char rx_frame[] = {{\n{lines}\n}};\n") == [("meter", UA)]


def test_one_byte_a_line_in_an_array() -> None:
    text = "uint8_t tx[] = {\n" + "".join(f"  0x{b:02X},\n" for b in SNRM) + "};\n" + HEX
    assert rows(text) == [("client", SNRM), ("unknown", SNRM)]


def test_followed_stream_as_c_arrays() -> None:
    def array(name: str, data: bytes) -> str:
        lines = ", \n".join(", ".join(f"0x{b:02x}" for b in data[i : i + 8]) for i in range(0, len(data), 8))
        return f"char {name}[] = {{ /* Packet 4 */\n{lines} }};\n"

    text = array("peer0_0", SNRM) + array("peer1_0", UA) + array("peer0_1", AARE)
    assert rows(text) == [("client", SNRM), ("meter", UA), ("client", AARE)]


# --- dumps ----------------------------------------------------------------------------------------------------

BIG = bytes.fromhex("7EA06B") + bytes(range(0x20, 0x88)) + b"\x7e"


def printable(data: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 else "." for b in data)


def in_rows(data: bytes, render, width: int = 16) -> str:  # type: ignore[no-untyped-def]
    return "".join(render(i, data[i : i + width]) + "\n" for i in range(0, len(data), width))


def words_of(data: bytes) -> str:
    padded = data + b"\0" * (len(data) % 2)
    return " ".join(f"{padded[i + 1]:02x}{padded[i]:02x}" for i in range(0, len(padded), 2))


DUMPS = {
    "hexdump -C": lambda d: (
        in_rows(d, lambda o, r: f"{o:08x}  {r[:8].hex(' '):23}  {r[8:].hex(' '):23}  |{printable(r)}|")
        + f"{len(d):08x}\n"
    ),
    "xxd": lambda d: in_rows(d, lambda o, r: f"{o:08x}: {r.hex(' ', -2):39}  {printable(r)}"),
    "xxd -g1": lambda d: in_rows(d, lambda o, r: f"{o:08x}: {r.hex(' '):47}  {printable(r)}"),
    "wireshark": lambda d: in_rows(d, lambda o, r: f"{o:04x}   {r.hex(' '):47}   {printable(r)}"),
    "wireshark follow": lambda d: in_rows(
        d, lambda o, r: f"{o:08X}  {r[:8].hex(' '):23}  {r[8:].hex(' '):23}   {printable(r[:8])} {printable(r[8:])}"
    ),
    "od -A x -t x1": lambda d: in_rows(d, lambda o, r: f"{o:06x} {r.hex(' ')}") + f"{len(d):06x}\n",
    "od -t x1": lambda d: in_rows(d, lambda o, r: f"{o:07o} {r.hex(' ')}") + f"{len(d):07o}\n",
    "od -A d -t x1": lambda d: in_rows(d, lambda o, r: f"{o:07d} {r.hex(' ')}") + f"{len(d):07d}\n",
    "od -A x -t x1z": lambda d: (
        in_rows(d, lambda o, r: f"{o:06x} {r.hex(' '):47}  >{printable(r)}<") + f"{len(d):06x}\n"
    ),
    "hexdump": lambda d: in_rows(d, lambda o, r: f"{o:07x} {words_of(r)}") + f"{len(d):07x}\n",
    "od -x": lambda d: in_rows(d, lambda o, r: f"{o:07o} {words_of(r)}") + f"{len(d):07o}\n",
    "offset 0x": lambda d: in_rows(d, lambda o, r: f"0x{o:04X}: {r.hex(' ')}"),
    "offset bar": lambda d: in_rows(d, lambda o, r: f"{o:04X} | {r.hex(' '):47} | {printable(r)}"),
    "offset h": lambda d: in_rows(d, lambda o, r: f"{o:04X}h: {r.hex(' ')}"),
    "no offset": lambda d: in_rows(d, lambda o, r: f"    {r.hex(' '):47}   {printable(r)}"),
    "8 a row": lambda d: in_rows(d, lambda o, r: f"{o:04x}: {r.hex(' '):23}  {printable(r)}", 8),
    "begins late": lambda d: in_rows(d, lambda o, r: f"{o + 0x40:08x}: {r.hex(' '):47}  {printable(r)}"),
    "begins late, no colon": lambda d: in_rows(d, lambda o, r: f"{o + 0x36:04x}   {r.hex(' '):47}   {printable(r)}"),
}


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("data", [SNRM, AARE, UA, BIG, BIG + b"ABC 12"], ids=len)
def test_dumps(name: str, data: bytes) -> None:
    if len(data) <= 16 and name == "begins late, no colon":
        pytest.skip("one row without a colon that does not begin at 0 cannot be told from hex")
    trace = one(DUMPS[name](data))
    if name in ("hexdump", "od -x"):
        assert [issue.text for issue in trace.issues if "little-endian" not in issue.text] == []
    else:
        assert trace.issues == ()
    assert [record.data.hex() for record in trace] == [data.hex()]


@pytest.mark.parametrize("name", [n for n in DUMPS if not n.startswith("no offset")])
def test_dumps_one_after_the_other(name: str) -> None:
    assert rows(f"TX:\n{DUMPS[name](BIG)}RX:\n{DUMPS[name](UA)}") == [("client", BIG), ("meter", UA)]
    if not name.startswith("begins late"):
        assert rows(DUMPS[name](BIG) + DUMPS[name](UA)) == [("unknown", BIG), ("unknown", UA)]


@pytest.mark.parametrize(
    "command",
    [["xxd"], ["xxd", "-g1"], ["xxd", "-p"], ["xxd", "-i"], ["hexdump"], ["hexdump", "-C"], ["od", "-x"], ["od", "-tx1"],
     ["od", "-Ax", "-tx1z"], ["od", "-Ax", "-tx4"]],
    ids=" ".join,
)  # fmt: skip
def test_real_tools(command: list[str]) -> None:
    data = BIG[:48] + bytes(64) + BIG
    try:
        text = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{command[0]} is not here")
    assert rows(text) == [("unknown", data)]


def test_squeezed_rows() -> None:
    data = b"\x7e\xa0" + bytes(14) + bytes(160) + b"\x01\x02"
    text = f"00000000  {data[:16].hex(' ')}\n00000010  {bytes(16).hex(' ')}\n*\n000000b0  01 02\n000000b2\n"
    assert rows(text) == [("unknown", data)]


def test_rows_that_are_missing() -> None:
    text = f"0000: {BIG[:16].hex(' ')}\n0020: {BIG[32:48].hex(' ')}\n"
    trace = one(text)
    assert trace[0].data == BIG[:16] + BIG[32:48]
    (issue,) = trace.issues
    assert "16 bytes are missing" in issue.text and issue.place == Place(2, 1) and issue.offset == 16


def test_followed_stream_as_dump() -> None:
    text = (
        f"00000000  {SNRM.hex(' '):47}   {printable(SNRM)}\n"
        f"    00000000  {AARE[:16].hex(' '):47}   {printable(AARE[:16])}\n"
        f"    00000010  {AARE[16:].hex(' '):47}   {printable(AARE[16:])}\n"
        f"0000000C  {SNRM.hex(' '):47}   {printable(SNRM)}\n"
    )
    assert rows(text) == [("client", SNRM), ("meter", AARE), ("client", SNRM)]
    assert [issue.severity for issue in one(text).issues] == ["info"]


def test_a_printable_column_that_looks_like_hex() -> None:
    assert rows("0000   41 42 43 44                                      ABCD\n") == [("unknown", b"ABCD")]
    assert rows("TX: 30 31 41 42  01AB\n") == [("client", b"01AB")]
    assert rows("00000000: 3031 4142                                01AB\n") == [("unknown", b"01AB")]


# --- directions -----------------------------------------------------------------------------------------------

DIRECTIONS = [
    ("Send", "Receive"), ("SEND", "RECEIVE"), ("Sent", "Received"), ("Sending", "Receiving"), ("send", "recv"),
    ("TX", "RX"), ("tx", "rx"), ("Tx", "Rx"), ("T", "R"), ("-->", "<--"), ("->", "<-"), (">>", "<<"), (">>>", "<<<"),
    ("==>", "<=="), ("→", "←"), ("Out", "In"), ("OUT", "IN"), ("Client", "Meter"), ("Client", "Server"),
    ("Master", "Slave"), ("PC", "Meter"), ("C->S", "S->C"), ("C -> S", "S -> C"), ("Client -> Server", "Server -> Client"),
    ("client to server", "server to client"), ("Client <- Server", "Client -> Server")[::-1], ("to meter", "from meter"),
    ("PC --> Meter", "Meter --> PC"), ("Request", "Response"), ("Request", "Reply"), ("REQ", "RESP"),
    ("Client request", "Meter response"), ("Read request", "Read response"), ("Write request", "Write response"),
    ("WRITE", "READ"), ("IRP_MJ_WRITE", "IRP_MJ_READ"), ("Written data", "Read data"), ("Sent data", "Received data"),
    ("TX data", "RX data"), ("TXD", "RXD"), ("Transmit", "Receive"), ("Transmitted", "Received"),
    ("Outgoing", "Incoming"), ("Gurux: TX", "Gurux: RX"), ("Send frame", "Receive frame"), ("&gt;&gt;", "&lt;&lt;"),
    ("--&gt;", "&lt;--"), ("--- TX ---", "--- RX ---"), ("Gesendet", "Empfangen"), ("отправлено", "получено"),
]  # fmt: skip
FORMS = ["{}: {}", "{} {}", "[{}] {}", "({}) {}", "{} - {}", "{}> {}", "<{}> {}", "{} = {}", "{}:{}", "| {} | {} |"]


@pytest.mark.parametrize("pair", DIRECTIONS, ids="/".join)
def test_directions_before_the_bytes(pair: tuple[str, str]) -> None:
    arrow = not any(letter.isalnum() for letter in pair[0].replace("gt;", "").replace("lt;", ""))
    for form in FORMS:
        if (arrow and form not in ("{} {}", "{}: {}", "{}:{}")) or (len(pair[0]) == 1 and form == "{} {}"):
            continue
        if pair[0].startswith("---") and form != "{} {}":
            continue
        text = form.format(pair[0], HEX) + "\n" + form.format(pair[1], REPLY) + "\n"
        assert rows(text) == [("client", SNRM), ("meter", AARE)], text


@pytest.mark.parametrize("pair", DIRECTIONS, ids="/".join)
def test_directions_on_a_line_of_their_own(pair: tuple[str, str]) -> None:
    for form in ("{}", "{}:", "  {} :", "[{}]"):
        if not pair[0][0].isalnum() and form != "{}":
            continue
        first, second = form.format(pair[0]), form.format(pair[1])
        for gap in ("\n", "\n\n"):
            text = f"{first}{gap}{HEX}\n\n{second}{gap}{REPLY}\n"
            assert rows(text) == [("client", SNRM), ("meter", AARE)], text


@pytest.mark.parametrize("pair", DIRECTIONS, ids="/".join)
def test_directions_behind_a_time(pair: tuple[str, str]) -> None:
    for form in ("10:00:02.120 {}: {}", "[10:00:02] {} {}", "2021-03-04 10:00:02,120 - {}: {}", "{}: 10:00:02.120 {}"):
        if (pair[0].startswith("---") or (len(pair[0]) == 1 and "{} {}" in form)) or ": 10" in form:
            continue
        text = form.format(pair[0], HEX) + "\n" + form.format(pair[1], REPLY) + "\n"
        trace = one(text)
        assert [(r.direction, r.data) for r in trace] == [("client", SNRM), ("meter", AARE)], text
        assert all(r.time for r in trace)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TX: 23:10:29 " + HEX, "client"),
        ("Gurux: TX: 12:00:01.123 " + HEX, "client"),
        ("Server: response received: " + HEX, "meter"),
        ("Meter: request received: " + HEX, "client"),
        ("Send SNRM: " + HEX, "client"),
        ("Sending SNRM request:\n" + HEX, "client"),
        ("The meter answers: " + HEX, "meter"),
        ("RX => " + HEX, "meter"),
        ("12\t0.00001234\tapp.exe\tIRP_MJ_READ\tSerial0\tSUCCESS\tLength 12: " + HEX, "meter"),
        ("5/12/2020 10:00:02.123 [TX] - " + HEX + "<CR><LF>", "client"),
        ("[12/05/2020 10:00:02] Written data (COM3)\n    " + HEX + "          ~....", "client"),
        ("2020-05-12 10:00:02 DEBUG com.foo.Bar [main] - RX: " + HEX, "meter"),
        ("2024-03-21 12:13:18 [debug    ] Received data       data=" + repr(SNRM) + " transport=Hdlc(a=1)", "meter"),
        ("22:19:15,270 DEBUG: Sent " + repr(SNRM) + " over transport: TcpTransport", "client"),
        ('{"time": "10:00:02.1", "dir": "TX", "data": "' + SNRM.hex() + '"}', "client"),
        ('1,10:00:02.120,RX,"' + HEX + '"', "meter"),
        ("| 3 | 10:00:02 | RX | " + HEX + " | SNRM |", "meter"),
        ("   └─ TX: " + HEX, "client"),
        ("ser.write(" + repr(SNRM) + ")", "client"),
        ("TX (12 bytes): " + HEX, "client"),
        ("TX[12]: " + HEX, "client"),
        ("Received 12 bytes: " + HEX, "meter"),
        ("Received 12 bytes:\n" + HEX, "meter"),
        ("[0012] TX: " + HEX, "client"),
        ("#12 TX " + HEX, "client"),
        ("1. TX: " + HEX, "client"),
        ("- TX: " + HEX, "client"),
        ("* TX: " + HEX, "client"),
        ("// TX: " + HEX, "client"),
        ("# TX: " + HEX, "client"),
        ("<tx>" + SNRM.hex() + "</tx>", "client"),
        ("\x1b[32mTX:\x1b[0m " + HEX, "client"),
        ("[16:58:09.396][VV][uart:030]: " + SNRM.hex(), "unknown"),
        ("Frame: " + HEX, "unknown"),
        ("1: " + HEX, "unknown"),
        ("1) " + HEX, "unknown"),
        ("- " + HEX, "unknown"),
    ],
)
def test_lines_of_tools(text: str, expected: str) -> None:
    trace = one(text)
    assert [(record.direction, record.data) for record in trace] == [(expected, SNRM)]
    assert trace.issues == ()


def test_a_label_holds_until_the_next_one_or_prose() -> None:
    text = f"Send:\n{HEX}\n\n{HEX}\nsome words\n{HEX}\n\nReceive:\nthe answer\n{REPLY}\n"
    assert [d for d, _ in rows(text)] == ["client", "client", "unknown", "meter"]


def test_a_direction_in_the_line_does_not_hold() -> None:
    assert [d for d, _ in rows(f"-> {HEX}\n{REPLY}\n")] == ["client", "unknown"]


# --- times ----------------------------------------------------------------------------------------------------

TEN = 10 * 3600 + 2.0
EPOCH = 1614852002.0  # 2021-03-04 10:00:02 UTC
TIMES = [
    ("10:00:02", TEN), ("10:00:02.120", TEN + 0.12), ("10:00:02,120", TEN + 0.12), ("10:00:02:120", TEN + 0.12),
    ("10:00:02.123456", TEN + 0.123456), ("9:00:02", TEN - 3600), ("10:00:02 PM", TEN + 12 * 3600), ("12:00:02 AM", 2.0),
    ("10:00", TEN - 2), ("2021-03-04 10:00:02", EPOCH), ("2021-03-04 10:00:02,120", EPOCH + 0.12),
    ("2021-03-04T10:00:02.120", EPOCH + 0.12), ("2021-03-04T10:00:02Z", EPOCH), ("2021-03-04T12:00:02+02:00", EPOCH),
    ("2021-03-04T12:00:02+0200", EPOCH), ("2021-03-04T08:00:02.5-02:00", EPOCH + 0.5), ("2021/03/04 10:00:02", EPOCH),
    ("20210304T100002Z", EPOCH), ("20210304 10:00:02", EPOCH), ("04.03.2021 10:00:02", EPOCH),
    ("04.03.21 10:00:02", EPOCH), ("04-03-2021 10:00:02", EPOCH), ("3/4/2021 10:00:02 AM", EPOCH),
    ("3/4/2021 10:00:02", EPOCH), ("25/3/2021 10:00:02", EPOCH + 21 * 86400), ("4-Mar-2021 10:00:02", EPOCH),
    ("4 Mar 2021 10:00:02", EPOCH), ("Thu Mar  4 10:00:02 2021", EPOCH), ("Mar 4, 2021 10:00:02", EPOCH),
    ("March 4, 2021 at 10:00:02", EPOCH), ("1614852002.123", EPOCH + 0.123), ("1614852002123", EPOCH + 0.123),
    ("2021-03-04, 10:00:02", EPOCH), ("2021-03-04_10:00:02", EPOCH), ("+0.123s", 0.123), ("+12ms", 0.012),
    ("12.345 ms", 0.012345), ("0.001234", 0.001234), ("+0.5", 0.5), ("T+1.5", 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("written", "seconds"), TIMES, ids=[t for t, _ in TIMES])
def test_times(written: str, seconds: float) -> None:
    for form in ("{} TX: {}", "[{}] TX: {}", "({}) TX {}", "{}: TX: {}", "{}\tTX\t{}", "{} {}", "[{}] {}", "{}: {}",
                 "{} TX:\n{}", "[{}]\n{}", "{}\nTX: {}", "TX: [{}] {}", "> {} TX: {}"):  # fmt: skip
        text = form.format(written, HEX)
        trace = one(text)
        assert [(r.data, r.time) for r in trace] == [(SNRM, written)], text
        assert trace[0].seconds == pytest.approx(seconds, abs=1e-5), text
        assert trace.issues == (), text


def test_a_date_without_a_year() -> None:
    first, second = one(f"Mar  4 10:00:02 host TX: {HEX}\nMar  5 10:00:03 host RX: {REPLY}\n")
    assert first.time == "Mar  4 10:00:02"
    assert second.seconds - first.seconds == 86401


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["23:59:59", "00:00:01"], [86399.0, 86401.0]),
        (["10:00:02", "10:00:01"], [TEN, TEN - 1]),  # a step back of a second is not midnight
        (["2021-03-04 23:59:59", "00:00:01"], [EPOCH + 50397, EPOCH + 50399]),
        (["+0.1s", "+0.2s", "+0.3s"], [0.1, 0.2, 0.3]),
        (["+0.1s", "+0.3s", "+0.2s"], [0.1, 0.4, 0.6]),
        (["10:00:02", "+0.2s"], [TEN, None]),
    ],
)
def test_the_clock_of_a_trace(times: list[str], seconds: list[float | None]) -> None:
    trace = one("".join(f"{t} TX: {HEX}\n" for t in times))
    assert [r.seconds for r in trace] == [None if s is None else pytest.approx(s) for s in seconds]


@pytest.mark.parametrize(
    "text",
    [
        "7E:A0:0A:00:02:FE:FF:03:93:5E:92:7E",
        "TX: 7E:A0:0A:00:02:FE:FF:03:93:5E:92:7E",
        "10:00:02 7E:A0:0A:00:02:FE:FF:03:93:5E:92:7E",
    ],
)
def test_colons_between_bytes_are_not_a_time(text: str) -> None:
    assert one(text)[0].data == SNRM


def test_bytes_that_a_time_could_be() -> None:
    assert rows("TX: 10:00:02:12:34:56:78") == [("client", bytes.fromhex("10000212345678"))]
    assert rows("TX: 25:61:02:12") == [("client", bytes.fromhex("25610212"))]
    assert rows("RX: 20-21-03-04-10") == [("meter", bytes.fromhex("2021030410"))]
    assert rows("Send:\n10 00 02 12\n") == [("client", bytes.fromhex("10000212"))]


# --- records and lines ----------------------------------------------------------------------------------------


def test_the_example_of_the_forum() -> None:
    head = "MANUFACTURER SOFTWARE =====================\n"
    text = f"{head}Send:\n{HEX}\n\nReceive:\n{REPLY}\n\nMY SOFTWARE =============\nSend:\n{HEX}\n\nReceived:\n{REPLY}\n"
    first, second = read_hexlog(text, "thread.log")
    assert (first.name, second.name) == ("MANUFACTURER SOFTWARE", "MY SOFTWARE")
    for trace in (first, second):
        assert [(r.number, r.direction, r.data) for r in trace] == [(1, "client", SNRM), (2, "meter", AARE)]
        assert trace.issues == () and trace.source == "thread.log"
    assert first[0].place == Place(3, 1) and second[1].place == Place(13, 1)


@pytest.mark.parametrize("width", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("spell", [spaced, bytes.hex], ids=["spaced", "unspaced"])
def test_continuation_lines(width: int, spell) -> None:  # type: ignore[no-untyped-def]
    text = "TX: " + "\n    ".join(spell(UA[i : i + width]) for i in range(0, len(UA), width)) + "\n"
    assert rows(text) == [("client", UA)]
    assert rows("Receive:\n" + text[4:]) == [("meter", UA)]


def test_a_frame_after_a_frame_is_a_record() -> None:
    assert rows(f"{HEX}\n{REPLY}\n") == [("unknown", SNRM), ("unknown", AARE)]
    assert rows(f"Receive:\n{HEX}\n{REPLY}\n") == [("meter", SNRM), ("meter", AARE)]
    assert rows(f"{HEX} {REPLY}\n") == [("unknown", SNRM + AARE)]


def test_wrapper_frames_line_by_line() -> None:
    first, second = bytes.fromhex("0001001000010003C00181"), bytes.fromhex("0001000100100002C401")
    assert rows(f"{spaced(first)}\n{spaced(second)}\n") == [("unknown", first), ("unknown", second)]


def test_an_empty_line_ends_a_record() -> None:
    assert rows("TX: 7E A0 0A\n\n00 02 FE\n") == [("client", b"\x7e\xa0\x0a"), ("unknown", b"\x00\x02\xfe")]


def test_single_bytes_behind_a_direction() -> None:
    assert rows("TX: 06\nRX: FF\nTX: 15 NAK\nRX: 06 ACK\n") == [
        ("client", b"\x06"),
        ("meter", b"\xff"),
        ("client", b"\x15"),
        ("meter", b"\x06"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"], ids=repr)
def test_line_endings(end: str) -> None:
    text = f"Send:{end}{HEX}{end}{end}Receive:{end}{REPLY[:30]}{end}{REPLY[30:]}{end}"
    trace = one(text)
    assert [(r.direction, r.data) for r in trace] == [("client", SNRM), ("meter", AARE)]
    assert [r.place.line for r in trace] == [2, 5]


@pytest.mark.parametrize("quote", ["> ", "> > ", ">> ", ">", "&gt; ", " > "])
def test_quoted_mail(quote: str) -> None:
    text = "".join(
        f"{quote}{line}\n" for line in ("I send this frame to it", "Send:", HEX, "", "Receive:", REPLY, "What is wrong")
    )
    assert rows(text) == [("client", SNRM), ("meter", AARE)]


def test_arrows_inside_a_quoted_mail() -> None:
    assert rows(f"> >> {HEX}\n> << {REPLY}\n") == [("client", SNRM), ("meter", AARE)]
    assert rows(f"> -> {HEX}\n> <- {REPLY}\n") == [("client", SNRM), ("meter", AARE)]
    assert rows(f"> {HEX}\n< {REPLY}\n") == [("client", SNRM), ("meter", AARE)]


def test_markdown() -> None:
    text = f"## Working\n```\nTX: {HEX}\nRX: {REPLY}\n```\n\n## Failing\n\n| dir | data |\n|---|---|\n| TX | {HEX} |\n| RX | `{REPLY}` |\n"
    first, second = read_hexlog(text, "x.md")
    assert (first.name, second.name) == ("Working", "Failing")
    assert (
        [(r.direction, r.data) for r in first]
        == [(r.direction, r.data) for r in second]
        == [("client", SNRM), ("meter", AARE)]
    )
    assert first.issues == second.issues == ()


def test_html() -> None:
    assert rows(f"<p>Send:</p>\n<pre>{HEX}<br></pre>\n<div>&lt;-- {REPLY}</div>") == [("client", SNRM), ("meter", AARE)]
    assert rows("TX:&nbsp;7E&nbsp;A0&#32;07") == [("client", b"\x7e\xa0\x07")]


def test_places_survive_the_cleaning() -> None:
    assert one(f"  TX: {HEX}")[0].place == Place(1, 7)
    assert one(f"\n> &gt; TX:\u200b {HEX}")[0].place == Place(2, 13)
    assert one(f"10:00:02.120 --&gt; {HEX}")[0].place == Place(1, 21)
    assert one("TX: 7E A0 &amp;&amp; 2G 00 01 02").issues[-1].place == Place(1, 22)


# --- headings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("MANUFACTURER SOFTWARE =====================", "MANUFACTURER SOFTWARE"),
        ("## Working trace", "Working trace"),
        ("# Working trace", "Working trace"),
        ("### Working trace ###", "Working trace"),
        ("--- mine ---", "mine"),
        ("=== x ===", "x"),
        ("*** Gurux ***", "Gurux"),
        ("----- Log 1 -----", "Log 1"),
        ("===== Log 1", "Log 1"),
        ("[Working]", "Working"),
        ("[anything else]", "anything else"),
        ("Manufacturer:", "Manufacturer"),
        ("My software:", "My software"),
        ("Not working:", "Not working"),
        ("**Working:**", "Working"),
        ("MY SOFTWARE", "MY SOFTWARE"),
        ("Trace 2", "Trace 2"),
        ("Meter of the neighbour\n======", "Meter of the neighbour"),
        ("Second\n------", "Second"),
        ("======\nBanner\n======", "Banner"),
        ("trace gxdlmsDirector\n*****************", "trace gxdlmsDirector"),
        ("> ## Quoted", "Quoted"),
    ],
)
def test_headings(heading: str, name: str) -> None:
    for label in ("Send:\n", "TX: ", "", "10:00:02.120 "):
        first, second = read_hexlog(f"RX: {REPLY}\n\n{heading}\n{label}{HEX}\n", "thread.log")
        assert (first.name, second.name) == ("thread", name)
        assert [r.data for r in second] == [SNRM]


@pytest.mark.parametrize(
    "line",
    [
        "Here is what I get:", "I tried this and it failed.", "--- TX ---", "=== SNRM ===", "--- AARQ ---", "SNRM:", "AARQ:",
        "Get clock:", "Hello,", "Thanks in advance!", "-- ", "_______________", "The trace is below", "Best regards", "[debug]",
        "[TX]", "on the meter ...", "What is wrong ??", "[10:00:02]", "Software", "---", "-----Original Message-----",
        "it is my software and it works", "System title", "7E A0 ---", "a b c",
    ],
)  # fmt: skip
def test_no_headings(line: str) -> None:
    if line == "Software":
        pytest.skip("a word for a trace alone on a line is a heading")
    assert len(read_hexlog(f"TX: {HEX}\n{line}\nRX: {REPLY}\n", "x")) == 1
    assert len(read_hexlog(f"TX: {HEX}\n\n{line}\n\nRX: {REPLY}\n", "x")) == 1


def test_a_heading_without_bytes_is_no_trace() -> None:
    (trace,) = read_hexlog(f"# Report\n\n## Intro\nwords\n\n## Working\nTX: {HEX}\n\n## End\nbye\n", "x")
    assert trace.name == "Working"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("thread.log", "thread"),
        ("/a/b/my.trace.txt", "my.trace"),
        ("C:\\x\\y.log", "y"),
        ("-", "trace"),
        ("", "trace"),
        ("log", "log"),
    ],
)
def test_the_name_without_a_heading(source: str, name: str) -> None:
    assert one(HEX, source).name == name


# --- prose ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", "Hello", "add a bad face", "be a dead beef", "decade", "a fee", "face", "dead", "12", "2021", "He added 20 bad",
        "Client: 16", "Server: 1", "ClientAddress: 0x1", "ServerAddress: 0x1", "Send me the trace please", "Received 12 bytes",
        "Reading index 124", "2 of 10", "0.0.1.0.0.255", "1.0.99.1.0.255", "192.168.1.10:4059", "Baudrate: 9600", "Data: 8",
        "By bm1209 , 4 September, 2020", "On Mar 4, 2021 at 10:00 a friend wrote:", "2021-03-04", "04.03.2021", "10:00:02",
        "Read 10 registers", "https://example.com/abcdef0123456789", "version 1.2.3", "be ad", "RX: decade", "Send: add", "In 20 days",
        "f", "0", "7", "0x", "\\x", "b''", "{}", "[]", "-", ">", "<", ":", "TX:", "RX", "a1", "3 years 9 months ago",
    ],
)  # fmt: skip
def test_prose_is_not_bytes(text: str) -> None:
    assert read_hexlog(text, "x") == []


def test_keys_are_not_repeated() -> None:
    text = "Authentication key: D0 D1 D2 D3 D4 D5 D6 D7\nEK = D0D1D2D3D4D5D6D7\n\nPassword:\nD0 D1 D2 D3 D4 D5 D6 D7\n"
    assert "D1" not in str(one(text).issues).upper()


def test_text_of_iec_62056_21() -> None:
    text = "-> /?!\n<- /LGZ5\\2ZMG410000b.P07\n-> <ACK>001\n<- P0.(BE00B600)\n-> <SOH>R1<STX>1.8.0()<ETX><BCC>\n<- 15\n"
    assert rows(text) == [("meter", b"\x15")]


def test_prose_between_records() -> None:
    text = f"I send\n{HEX}\nand he added a bad face to it, be 20 or 30\nthen comes\n{REPLY}\nbad\nfee\n"
    assert [data for _, data in rows(text)] == [SNRM, AARE]


@pytest.mark.parametrize(
    "text",
    [
        "System title: 48 45 43 00 05 00 00 01", "Authentication key: D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 DA DB DC DD DE DF",
        "EK = 000102030405060708090A0B0C0D0E0F", "Block cipher key:\n00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
        "The frame 7E A0 07 03 21 93 0F 01 7E came back to me", "1234567890", "commit 634d9894088d5b1106cb5372298b6477e4fa1338 is bad",
        "Decrypted: C0 01 C1 00 07 01",
    ],
)  # fmt: skip
def test_what_looks_like_bytes_and_is_not_taken_is_told(text: str) -> None:
    for before in ("", f"TX: {HEX}\n\n"):
        (trace,) = read_hexlog(before + text, "x")
        assert len(trace) == (1 if before else 0)
        assert [issue.severity for issue in trace.issues] == ["info"]
        assert "not taken" in trace.issues[0].text and trace.issues[0].place is not None


# --- defects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data", "column", "offset", "words"),
    [
        ("TX: 7E A0 2G 00", "7EA02000", 11, 2, ["'2G'", "read as 20"]),
        ("TX: 7E A0 G2 00", "7EA00200", 11, 2, ["'G2'", "read as 02"]),
        ("TX: 7E A0 #0 00", "7EA000", 11, 2, ["'#0'", "left out"]),
        ("TX: 7E A0 GA 00", "7EA00000", 11, 2, ["'GA'", "read as 00"]),
        ("TX: GE A0 07 00", "00A00700", 5, 0, ["'GE'", "read as 00"]),
        ("TX: 7E A0 07 AG", "7EA007A0", 14, 3, ["'AG'", "read as A0"]),
        ("TX: 7E A0 07 ag", "7EA007", 14, 3, ["'ag'", "left out"]),
        ("TX: 7E A0 0O 00", "7EA00000", 11, 2, ["'0O'", "read as 00"]),
        ("TX: 7E A0 O7 l3", "7EA00713", 11, 2, ["'O7'", "read as 07"]),
        ("TX: 7E A O 0A", "7EA00A", 8, 1, ["'A'", "'O'", "one byte"]),
        ("TX: 7E A 0 0A", "7EA00A", 8, 1, ["'A'", "'0'", "one byte"]),
        ("TX: 7E A 23 10", "7E0A2310", 8, 1, ["'A'", "read as 0A"]),
        ("TX: 7E A0 2", "7EA0", 11, 2, ["'2'", "left out"]),
        ("TX: 7EA02", "7EA0", 9, 2, ["'2'", "left out"]),
        ("TX: 7EA0230", "7EA023", 11, 3, ["'0'", "left out"]),
        ("TX: 7EA02 23 00", "7EA02300", 9, 2, ["'2'", "left out"]),
        ("TX: 7E A0 ... 7E", "7EA07E", 11, 2, ["'...'", "left bytes out"]),
        ("TX: 7E A0 \u2026 7E", "7EA07E", 11, 2, ["left bytes out"]),
        ("TX: 7E A0 07 03 ...", "7EA00703", 17, 4, ["left bytes out"]),
        ("TX: 7E A0 XX ?? 7E", "7EA000007E", 11, 2, ["'XX'", "read as 00"]),
        ("TX: 7EA0G7032193", "7EA007032193", 9, 2, ["'G'", "read as 0"]),
        ("TX: 0x7EA 0x10", "07EA10", 5, 0, ["0x7EA"]),
        ("TX: b'~\\xa", "7E0A", 8, 1, ["\\xa"]),
        ("TX: b'~\\xa0", "7EA0", 11, 2, ["closing '"]),
        ("TX: 7E A0 07 (4 bytes)", "7EA007", 5, None, ["expected 4 bytes", "found 3"]),
        ("TX (4 bytes): 7E A0 07", "7EA007", 15, None, ["expected 4 bytes", "found 3"]),
        ("TX Length 4: 7E A0 07", "7EA007", 14, None, ["expected 4 bytes"]),
    ],
)  # fmt: skip
def test_defects(text: str, data: str, column: int, offset: int | None, words: list[str]) -> None:
    trace = one("words\n" + text + "\n")
    assert [record.data.hex().upper() for record in trace] == [data]
    issue = trace.issues[0]
    assert (issue.severity, issue.place, issue.record, issue.offset) == ("warning", Place(2, column), 1, offset)
    assert all(word in issue.text for word in words), issue.text


def test_a_byte_broken_over_two_lines() -> None:
    trace = one("TX: 7E A0 0\nA 00 02 FE FF 03 93 5E 92 7E\n")
    assert trace[0].data == SNRM
    assert "joined" in trace.issues[0].text and trace.issues[0].place == Place(2, 1)
    digits = SNRM.hex()
    assert one(f"TX: {digits[:7]}\n{digits[7:]}\n")[0].data == SNRM


def test_unpadded_bytes() -> None:
    trace = one("TX: 7E A0 A 0 2 FE FF 3 93 5E 92 7E\nRX: 6 A0 B 4\n")
    assert trace[0].data == SNRM
    assert trace[1].data == bytes.fromhex("06A00B04")


def test_damaged_lines_without_a_direction() -> None:
    assert one("7E A0 2G 00 02 FE FF")[0].data.hex() == "7ea0200002feff"
    assert one(HEX + " 2")[0].data == SNRM
    assert one("00000000: 7ea0 0a00 02fe 2g00  ~.......\n00000010: 0102\n").issues != ()


def test_defects_are_capped() -> None:
    text = "TX: " + "7E A0 2G 00 " * 200 + "\n" + ("RX: 7E A0 2G 00\n" * 3000)
    trace = one(text)
    assert len(trace) == 3001
    assert len(trace.issues) == 1001
    assert trace.issues[-1].text.startswith(f"{200 + 3000 - 1000} more")


# --- properties -----------------------------------------------------------------------------------------------

LABELS = {"client": ["Send:", "TX:", "-->", ">>>", "[OUT]", "Client -> Meter:", "Request:"],
          "meter": ["Receive:", "RX:", "<--", "<<<", "[IN]", "Meter -> Client:", "Response:"]}  # fmt: skip
CLEAN = [
    n
    for n in SPELLINGS
    if n not in ("length in brackets", "decimal", "decimal signed", "trailing words", "hash comment", "comment")
]
# Big enough that no dialect shows them as something else: a lone 2-digit number, a word, an empty literal.
BYTES = st.binary(min_size=4, max_size=60)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["client", "meter"]), BYTES, st.integers(0, 6), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(CLEAN),
)
def test_what_is_written_is_read(records: list[tuple[str, bytes, int, bool, bool]], spelling: str) -> None:
    text = ""
    for second, (direction, data, label, alone, timed) in enumerate(records):
        stamp = f"10:00:{second:02}.120 " if timed else ""
        if "assignment" in spelling or "array" in spelling or spelling == "fromhex":
            label %= 2  # ">>> frame = ..." is a Python prompt or a quoted mail, as good as a direction
        text += f"{stamp}{LABELS[direction][label]}{chr(10) if alone else ' '}{SPELLINGS[spelling](data)}\n"
        text += "\n" if alone else ""
    assert rows(text) == [(direction, data) for direction, data, *_ in records]
    trace = one(text)
    assert [r.time is not None for r in trace] == [timed for *_, timed in records]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["client", "meter"]), st.binary(min_size=1, max_size=70)), min_size=1, max_size=5
    ),
    st.sampled_from([n for n in DUMPS if "late" not in n and n not in ("no offset", "hexdump", "od -x")]),
)
@example([("client", b"0 0 ABCD ABCD 0123 0123")], "wireshark")
@example([("client", b"\x01\x00")], "xxd")
def test_what_is_dumped_is_read(records: list[tuple[str, bytes]], name: str) -> None:
    text = "".join(f"{LABELS[direction][1]}\n{DUMPS[name](data)}\n" for direction, data in records)
    assert rows(text) == records


@settings(max_examples=300, deadline=None)
@given(
    BYTES,
    st.integers(0, 10**6),
    st.sampled_from(list("GHZgxw?é")),
    st.sampled_from(["spaced", "lower", "unspaced", "colons", "commas", "0x commas"]),
)
def test_a_digit_that_is_not_one_is_told(data: bytes, where: int, foreign: str, spelling: str) -> None:
    text = SPELLINGS[spelling](data)
    places = [i for i, c in enumerate(text) if c in "0123456789abcdefABCDEF" and text[i : i + 2].lower() != "0x"]
    place = places[where % len(places)]
    traces = read_hexlog(f"TX: {text[:place]}{foreign}{text[place + 1 :]}", "x")
    assert any(trace.issues for trace in traces)
    assert all(record.data != data for trace in traces for record in trace) or "read as" in traces[0].issues[0].text


@settings(max_examples=300, deadline=None)
@given(BYTES, st.integers(0, 10**6), st.sampled_from(["spaced", "lower", "unspaced", "colons", "commas"]))
def test_a_digit_that_is_missing_is_told(data: bytes, where: int, spelling: str) -> None:
    text = SPELLINGS[spelling](data)
    places = [i for i, c in enumerate(text) if c in "0123456789abcdefABCDEF"]
    place = places[where % len(places)]
    traces = read_hexlog(f"TX: {text[:place]}{text[place + 1 :]}", "x")
    assert any(trace.issues for trace in traces)


NOISE = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=300).map(lambda data: data.decode("latin-1")),
    st.text(alphabet="0123456789abcdefABCDEF xX:,.;-<>[](){}\\\"'b\n\t|/*#=TRXSend", max_size=300),
)


@settings(max_examples=1500, deadline=None)
@given(NOISE, st.text(max_size=10))
def test_noise(text: str, source: str) -> None:
    traces = read_hexlog(text, source)
    lines = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for trace in traces:
        assert trace.name
        assert [record.number for record in trace] == list(range(1, len(trace) + 1))
        for record in trace:
            assert record.data and record.place is not None
            assert 1 <= record.place.column <= len(lines[record.place.line - 1])
        for issue in trace.issues:
            assert issue.text and (issue.record is None or 1 <= issue.record <= len(trace))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(
    [HEX, REPLY, HEX[:20], "Send:", "RX:", "TX: " + HEX, "10:00:02.1 " + HEX, "", "## H", "words", "=====", "0000: 7e a0", "0010: 01 02",
     "*", "b'~'", "7E A0 2", "A 00", "7EA0G", "> " + HEX, "```", "key:", "};", "x[] = {", "0x7E,", "0000012", "-- ", "[x]", "My log:"]
), max_size=12))  # fmt: skip
def test_any_order_of_lines(lines: list[str]) -> None:
    read_hexlog("\n".join(lines), "x")


# --- time and memory ------------------------------------------------------------------------------------------

MEGABYTE = 1 << 20
LARGE = {
    "digits in a line": lambda: "7EA0" * (10 * MEGABYTE // 4),
    "odd digits in a line": lambda: "7EA0" * (10 * MEGABYTE // 4) + "7",
    "bytes in a line": lambda: "7E A0 " * (10 * MEGABYTE // 6),
    "digits in lines": lambda: ("0123456789ABCDEF" * 4 + "\n") * (10 * MEGABYTE // 65),
    "digits in short lines": lambda: "12345678\n" * (10 * MEGABYTE // 9),
    "bytes in short lines": lambda: "7E\n" * (4 * MEGABYTE // 3),
    "bad bytes in a line": lambda: "7E A0 2G 00 " * (5 * MEGABYTE // 12),
    "0x": lambda: "0x7E, 0xA0, " * (10 * MEGABYTE // 12),
    "escapes": lambda: "b'" + "\\x7e" * (5 * MEGABYTE // 4) + "'",
    "bare escapes": lambda: "\\x7e" * (5 * MEGABYTE // 4),
    "backslashes": lambda: "b'" + "\\" * (5 * MEGABYTE),
    "quotes": lambda: "b'" * (2 * MEGABYTE),
    "double quotes": lambda: '"' * (2 * MEGABYTE),
    "brackets": lambda: "[" * (5 * MEGABYTE),
    "parentheses": lambda: "(" * (5 * MEGABYTE),
    "comments": lambda: "7E /*" * MEGABYTE,
    "blanks": lambda: " " * (10 * MEGABYTE) + "7E",
    "blanks between": lambda: "7E" + " " * (5 * MEGABYTE) + "A0",
    "tabs": lambda: "7E A0 07" + "\t" * (5 * MEGABYTE) + "x",
    "dots": lambda: "." * (5 * MEGABYTE),
    "colons": lambda: "10:" * (3 * MEGABYTE),
    "decimals": lambda: "126," * (2 * MEGABYTE),
    "arrows": lambda: ">" * (5 * MEGABYTE),
    "left arrows": lambda: "<" * (5 * MEGABYTE),
    "quoted": lambda: "> " * (5 * MEGABYTE) + HEX,
    "entities": lambda: "&gt;" * (2 * MEGABYTE),
    "ampersands": lambda: "&" * (5 * MEGABYTE),
    "rules": lambda: "=" * (5 * MEGABYTE),
    "rule lines": lambda: "===\n" * (MEGABYTE // 4),
    "words": lambda: "add a bad face " * (5 * MEGABYTE // 15),
    "short lines": lambda: "TX: 06\n" * 100_000,
    "prose lines": lambda: "he said that it is 20 or 30 of them\n" * 100_000,
    "labels": lambda: "Manufacturer:\n" * 50_000,
    "headings": lambda: f"## Heading\n{HEX}\n" * 20_000,
    "dump": lambda: in_rows(bytes(range(256)) * 2000, lambda o, r: f"{o:08x}  {r.hex(' ')}  |{printable(r)}|"),
    "stars": lambda: "00000000  7e a0\n" + "*\nffffffff  00\n" * 10_000,
    "long stars": lambda: "".join(f"{i * 0x8000:08x}  00 01 02 03\n*\n" for i in range(5000)),
    "latin-1": lambda: random.Random(1).randbytes(2 * MEGABYTE).decode("latin-1"),
    "lines of noise": lambda: "\n".join(random.Random(2).randbytes(20).decode("latin-1") for _ in range(100)) * 300,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_inputs_take_linear_time(name: str) -> None:
    text = LARGE[name]()
    started = time.perf_counter()
    traces = read_hexlog(text, "x")
    seconds = time.perf_counter() - started
    assert seconds < 20  # the machines of CI are slow; here it is a quarter of this at most
    assert sum(len(trace.issues) for trace in traces) <= 1100
    assert sum(len(record.data) for trace in traces for record in trace) <= len(text) + 64 * MEGABYTE


# --- the probe ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [HEX, SNRM.hex(), f"TX: {HEX}", repr(SNRM), DUMPS["xxd"](BIG), DUMPS["hexdump"](BIG), "words\n" * 200 + HEX, ",".join(f"0x{b:02X}" for b in SNRM),
     "\ufeffSend:\r\n" + HEX, "Привет\n" + HEX, "".join(f"<{b:02X}>" for b in SNRM), "TX: 06\nRX: 06"],
)  # fmt: skip
def test_the_probe_knows_text(text: str) -> None:
    assert looks_like_text_hex(text.encode())
    assert looks_like_text_hex(text.encode("utf-16"))


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"just some words\nand others\n", SNRM, SNRM + UA, BIG, b"\xd4\xc3\xb2\xa1" + bytes(20), b"\xa1\xb2\xc3\xd4" + bytes(20),
     b"\x4d\x3c\xb2\xa1" + bytes(20), b"\x0a\x0d\x0d\x0a" + bytes(24), b"\x1f\x8b\x08" + bytes(9), b"\x28\xb5\x2f\xfd" + b"7E A0 07 03",
     random.Random(3).randbytes(4000), b"/ISk5\\2MT382-1000\r\n\r\n0-0:96.1.1(4B384547303034303436333935353037)\r\n!\r\n", bytes(100)],
)  # fmt: skip
def test_the_probe_knows_what_is_none(data: bytes) -> None:
    assert not looks_like_text_hex(data)


def test_the_forum_thread_if_it_is_here() -> None:
    path = Path(__file__).parent.parent / "captures" / "gurux-forum-2017" / "thread.log"
    if not path.exists():
        pytest.skip("the capture is not here")
    first, second = read_hexlog(path.read_text(), path.name)
    assert (len(first), len(second)) == (10, 6)
    assert first.issues == second.issues == ()
