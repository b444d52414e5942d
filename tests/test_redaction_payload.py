"""`--redact=payload` covers values by their place: of any size and type, in every report, and in all octets."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.cli import main
from analyzer.covered import Cover, masked
from analyzer.decoding import decode
from analyzer.decryptor import Decryptor, nonce
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.report import message_json
from analyzer.report.summary import summary
from analyzer.report.tree_text import render
from analyzer.tree import tree_of
from tests.support import EK, METER, frame, wrapped

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "analyzer/report/schemas/decode.schema.json").read_text("utf-8"))
VALUES = (
    "12 02A5", "17 4348E666", "06 000003E4", "19 07E60B03040F2619FFFFC400", "09 04 61626364", "0A 03 78797A", "11 AB",
    "04 08 B7", "0F 9C", "1B 0F261900", "18 40934A3D70A3D70A", "13 12 04 02A5 03E4",
)  # fmt: skip
BODY = f"02{len(VALUES):02X}" + "".join(VALUES)
SHOWN = (
    "677", "02A5", "02 A5", "200.89", "4348E666", "43 48 E6", "996", "03E4", "03 E4", "15:38:25", "2022", "07E6", "07 E6",
    "abcd", "61626364", "61 62", "xyz", "78797A", "171", "0xAB", "10110111", "1234.56", "40934A", "40 93",
)  # fmt: skip


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def pieces(apdu: bytes, size: int) -> list[bytes]:
    return [apdu[at : at + size] for at in range(0, len(apdu), size)]


def ciphered(plain: bytes) -> bytes:
    body = octets("20 00000001") + Decryptor().gcm_decrypt(EK, nonce(METER, 1), plain)
    return b"\xdb\x08" + METER + bytes([len(body)]) + body


def carriers(body: str) -> dict[str, list[bytes]]:
    """One value in everything that can carry it."""
    answer, push = octets("C401C100" + body), octets("0F40000000 00 0202 0906 0100010700FF" + body)
    cut = pieces(octets(body), 20)
    blocks = [
        octets(f"C402C1 {n == len(cut):02X} {n:08X} 00 {len(block):02X}") + block for n, block in enumerate(cut, 1)
    ]
    general = [
        octets(f"E0 {0x80 if n == len(pieces(answer, 20)) else 0:02X} {n:04X} 0000 {len(block):02X}") + block
        for n, block in enumerate(pieces(answer, 20), 1)
    ]
    information = b"\xe6\xe7\0" + answer
    segments = pieces(information, 30)
    return {
        "wrapper": [wrapped(answer, 1, 16)],
        "push": [wrapped(push, 1, 16)],
        "hdlc": [frame(0x30, information, to_server=False)],
        "segments": [
            frame(0x30 | n << 1, piece, to_server=False, more=n + 1 < len(segments)) for n, piece in enumerate(segments)
        ],
        "a segment alone": [frame(0x30, segments[0], to_server=False, more=True)],
        "blocks": [wrapped(block, 1, 16) for block in blocks],
        "general blocks": [wrapped(block, 1, 16) for block in general],
        "ciphered": [wrapped(ciphered(push), 1, 16)],
        "cut off": [wrapped(answer[:-1], 1, 16)],
        "bare": [push],
        "a write": [wrapped(octets("C101C1 0001 0000600100FF 0200" + body), 16, 1)],
    }


KINDS = tuple(carriers(BODY))
COMMANDS = [
    ["decode"], ["decode", "--format", "summary"], ["decode", "--format", "json"], ["decode", "--format", "jsonl"],
    ["decode", "--format", "xml"], ["diagnose"], ["diagnose", "--format", "markdown"], ["diagnose", "--format", "html"],
    ["diagnose", "--format", "json"], ["diff"], ["diff", "--format", "html"], ["diff", "--format", "json"],
    ["export", "--to", "jsonl"], ["export", "--to", "hex"], ["export", "--to", "csv", "--table", "messages"],
    ["export", "--to", "csv", "--table", "values"], ["export", "--to", "pcapng"],
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_value_is_in_any_report(
    kind: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name, body in (("one.txt", BODY), ("two.txt", BODY.replace("02A5", "02A6", 1))):
        paths.append(str(tmp_path / name))
        Path(paths[-1]).write_text("\n\n".join(f"RX: {data.hex(' ')}" for data in carriers(body)[kind]))
    target = tmp_path / "out"
    inputs = paths if command[0] == "diff" else paths[:1]
    main(
        [
            *command,
            *inputs,
            "--ek",
            EK.hex(),
            "--redact=payload",
            *(["-o", str(target)] if command[0] == "export" else []),
        ]
    )
    shown, err = capsys.readouterr()
    assert not err.replace("\n", "")
    if command[0] == "export":
        written = target.read_bytes()
        packed = written.hex(" ").upper() if "pcapng" in command else ""
        shown = written.decode("utf-8", "replace") + packed
    assert shown
    assert [text for text in (*SHOWN, "678", "02A6", "02 A6") if text in shown] == []


def message_of(records: list[bytes]) -> Message:
    trace = Trace("t", "t", tuple(Record(number, data) for number, data in enumerate(records, 1)))
    return list(decode(trace, KeyRing.from_options(ek=EK.hex())))[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_keeps_its_shape(kind: str) -> None:
    message = message_of(carriers(BODY)[kind])
    plain = message_json.render(message)
    with values_hidden():
        made = message_json.render(message)
    validator = jsonschema.Draft202012Validator({**SCHEMA, "type": "object", **SCHEMA["$defs"]["message"]})
    validator.validate(json.loads(json.dumps(made)))
    assert len(made["bytes"]) == len(plain["bytes"]) and "*" in made["bytes"] + "".join(
        one["bytes"] for one in made["buffers"]
    )
    assert message_json.render(message) == plain  # outside nothing is hidden
    assert made["apdu"] == plain["apdu"] and made["number"] == plain["number"]


def test_what_is_no_value_stays() -> None:
    (record,) = carriers("12 02A5")["push"]
    with values_hidden():
        message = message_of([record])
        shown, made = render(message), message_json.render(message)
    assert "active power import (+A), instantaneous" in shown and "data-notification" in shown
    assert made["bytes"].startswith("000100010010") and made["bytes"].endswith("****")
    (one,) = made["objects"]
    assert (one["obis"], one["value"], one["class_id"]) == ("1-0:1.7.0*255", "***", None)


def test_keys_and_handshakes_are_no_payload() -> None:
    message = message_of([frame(0x93), frame(0x73, to_server=False)])
    with values_hidden():
        assert "*" not in render(message) and message_json.render(message)["bytes"] == message.wire.hex().upper()


def test_a_telegram_keeps_names_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "captures/p1-push/telegrams.txt")
    assert main(["decode", "--redact=payload", path]) == 0
    shown = capsys.readouterr().out
    assert main(["decode", path]) == 0
    plain = capsys.readouterr().out
    assert "1-0:1.8.1" in shown and "kWh" in shown
    values = {line.split()[-1] for line in plain.splitlines() if " value " in line and "." in line.split()[-1]}
    assert values and not [value for value in values if value.strip('"') in shown]


@pytest.mark.parametrize("kind", ["tree", "summary", "json", "xml"])
def test_a_readout_of_iec_62056_21(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = b"1.8.0(001234.5*kWh)\r\n!\r\n\x03"
    check = 0
    for octet in block:
        check ^= octet
    records = [b"/?!\r\n", b"/ABC5METER\r\n", b"\x02" + block + bytes([check])]
    path = tmp_path / "readout.txt"
    path.write_text("\n\n".join(record.hex(" ") for record in records))
    assert main(["decode", "--redact=payload", "--format", kind, str(path)]) == 0
    shown = capsys.readouterr().out
    assert "METER" in shown and "1234" not in shown and "31 32 33 34" not in shown and "31323334" not in shown


def test_units_stay_in_the_summary() -> None:
    (record,) = carriers("12 02A5")["push"]
    row = "0202 0F00 161B"
    record = wrapped(octets("0F40000000 00 0203 0906 0100010700FF 12 02A5" + row), 1, 16)
    with values_hidden():
        assert summary(message_of([record])).endswith("active power import (+A), instantaneous *** W")


def test_the_octets_that_a_finding_corrects(capsys: pytest.CaptureFixture[str]) -> None:
    """A value under a wrong check sequence: sent and right octets, and what the finding says of them."""
    damaged = bytearray(carriers("12 02A5")["hdlc"][0])
    damaged[-2] ^= 1
    commands = [["diagnose", "--format", kind] for kind in ("text", "markdown", "html", "json")]
    for command in (*commands, ["decode"], ["decode", "--format", "json"], ["decode", "--format", "xml"]):
        main([*command, "--redact=payload", "--hex", bytes(damaged).hex()])
        shown = capsys.readouterr().out
        assert ("fcs-wrong" in shown or command[0] == "decode") and "02 A5" not in shown and "02A5" not in shown
        right = carriers("12 02A5")["hdlc"][0]
        assert right[-3:-1].hex(" ").upper() not in shown and right[-3:-1].hex().upper() not in shown


@given(st.binary(min_size=1, max_size=60))
def test_any_octets_have_a_cover(data: bytes) -> None:
    for record in (data, wrapped(data, 1, 16), frame(0x30, b"\xe6\xe7\0" + data, to_server=False)):
        for message in decode(Trace("t", "t", (Record(1, record),))):
            cover = Cover(message)
            assert len(cover.octets(0, message.wire)) == len(message.wire)
            hidden, plain = cover.tree(tree_of(message)), tree_of(message)
            assert (hidden.start, hidden.end) == (plain.start, plain.end)


@given(st.text(max_size=50))
def test_masks_keep_lengths(text: str) -> None:
    assert len(masked(text)) == len(text) and not any(c.isalnum() for c in masked(text))
