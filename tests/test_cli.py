"""The command as programs use it: exit status, streams, JSON by its schemas, keys that stay secret."""

import io
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from analyzer.cli import main
from tests.support import AK, CLIENT, EK, ROOT, THREAD, Station, ciphered, plain

LOG, KEYS = str(THREAD / "thread.log"), str(THREAD / "keys.toml")


def schema(name: str) -> dict:
    return json.loads(files("analyzer.report").joinpath(f"schemas/{name}.schema.json").read_text("utf-8"))


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        status = main(list(arguments))
    except SystemExit as stopped:
        status = int(str(stopped.code or 0))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, str]:
    """Files with conversations: healthy, failing, damaged text."""
    talks = {"healthy": plain(), "ciphered": ciphered(), "failing": ciphered("hdlc", Station(CLIENT, data=b""))}
    made = {}
    for name, talk in talks.items():
        path = tmp_path / f"{name}.log"
        words = {"client": "TX", "meter": "RX"}
        path.write_text("".join(f"{words[r.direction]}: {r.data.hex(' ')}\n" for r in talk.records))
        made[name] = str(path)
    odd = tmp_path / "odd.log"
    odd.write_text("TX: 7E A0 07 03 21 93 0F 01 7\nRX: 7E A0 0G\n")
    return made | {"odd": str(odd)}


def test_exit_status(logs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    right = ("--ek", EK.hex(), "--ak", AK.hex())
    assert run("diagnose", logs["healthy"], capsys=capsys)[0] == 0
    assert run("diagnose", logs["ciphered"], *right, capsys=capsys)[0] == 0
    assert run("diagnose", logs["failing"], *right, capsys=capsys)[0] == 1
    assert run("decode", logs["failing"], capsys=capsys)[0] == 0
    assert run("diff", logs["healthy"], logs["healthy"], capsys=capsys)[0] == 0
    assert run("diff", logs["healthy"], logs["ciphered"], capsys=capsys)[0] == 1
    assert run("diagnose", "no-such-file", capsys=capsys)[0] == 2
    assert run("--version", capsys=capsys)[0] == 0


@pytest.mark.parametrize("command", ["decode", "diagnose", "diff", "overview"])
def test_json_is_as_its_schema_says(command: str, logs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for inputs in ([LOG, "--keys", KEYS], [logs["healthy"], logs["ciphered"]], [logs["odd"], logs["failing"]]):
        status, out, _ = run(command, *inputs, "--format", "json", capsys=capsys)
        assert status in (0, 1)
        jsonschema.validate(json.loads(out), schema(command))


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("decode", LOG, "--keys", KEYS, "--format", "jsonl", capsys=capsys)
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 16
    message = {**schema("decode")["$defs"]["message"], "$defs": schema("decode")["$defs"]}
    for row in rows:
        assert row["source"] == "thread.log" and row["trace"] in ("MANUFACTURER SOFTWARE", "MY SOFTWARE")
        jsonschema.validate(row, message)


def test_decode_says_what_the_contract_says(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("decode", LOG, "--keys", KEYS, "--format", "json", capsys=capsys)
    manufacturer, mine = json.loads(out)
    answer = manufacturer["messages"][7]
    assert answer["apdu"] == "glo-get-response" and answer["plain_apdu"] == "get-response"
    assert answer["values"] == ["6878637075303 12D32303137303232332D30303032".replace(" ", "")]
    assert "hxcpu01-20170223-0002" in answer["summary"]
    security = answer["security"]
    assert security["verdict"] == "verified" and security["control"] == 48 and security["invocation_counter"] == 4
    assert security["key"] == "ek" and security["system_title"] == "4858451120000A44"
    assert security["plaintext"] == answer["buffers"][0]["bytes"] and answer["buffers"][0]["how"] == "decrypted"
    proof = manufacturer["messages"][4]["security"]["inner"]
    assert [p["layer"] for p in proof] == ["hls"] and proof[0]["verdict"] == "verified"
    assert manufacturer["messages"][6]["values"] == []
    assert [m["frame"] for m in mine["messages"]] == ["SNRM", "UA", "I", "I", "DISC", "UA"]
    assert [m["records"] for m in mine["messages"]] == [[n] for n in range(1, 7)]


def test_standard_input_and_keys_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLMSCOPE_KEYS", KEYS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(LOG).read_bytes())))
    status, out, _ = run("diagnose", "-", "--format", "json", capsys=capsys)
    assert status == 1
    assert [trace["keys"]["verified"] for trace in json.loads(out)["traces"]] == [6, 1]


def test_traces_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    for selector in ("2", "my", "MY SOFTWARE"):
        _, out, _ = run("decode", f"{LOG}#{selector}", "--format", "json", capsys=capsys)
        assert [trace["trace"] for trace in json.loads(out)] == ["MY SOFTWARE"]
    assert run("decode", f"{LOG}#software", capsys=capsys)[0] == 2


def test_the_input_is_spoken_of_with_line_and_column(logs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("diagnose", logs["odd"], "--format", "json", capsys=capsys)
    issues = json.loads(out)["traces"][0]["issues"]
    assert {(issue["line"], issue["column"]) for issue in issues} == {(1, 29), (2, 11)}
    _, out, _ = run("decode", logs["odd"], capsys=capsys)
    assert "line 1, column 29" in out and "line 2, column 11" in out


def test_colour_only_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("diagnose", LOG, capsys=capsys)[1]
    assert "\x1b" in run("diagnose", LOG, "--color", "always", capsys=capsys)[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" in run("diagnose", LOG, capsys=capsys)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("diagnose", LOG, capsys=capsys)[1]


def test_redaction(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("decode", LOG), ("diagnose", LOG), ("diff", LOG), ("decode", LOG, "--format", "json")):
        _, out, _ = run(*arguments, "--keys", KEYS, "--redact", capsys=capsys)
        flat = out.replace(" ", "").upper()
        for secret in ("4845430005000001", "4858451120000A44"):
            assert secret not in flat, arguments
    _, out, _ = run("decode", LOG, "--keys", KEYS, "--redact=payload", capsys=capsys)
    assert "hxcpu01" not in out


@pytest.mark.parametrize("value", ["zz", "001", "A1B2C3D4E5F60718293A4B5C6D7E8F9"])
def test_a_key_that_cannot_be_used_is_not_repeated(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run("decode", LOG, "--ak", value, capsys=capsys)
    assert status == 2 and not out
    assert err.count("\n") == 1 and err.startswith("dlmscope: --ak: ")
    assert value not in err


def test_a_key_of_an_odd_length_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run("decode", LOG, "--ek", "00112233", capsys=capsys)
    assert status == 0 and "4 octets" in err and "00112233" not in err


def test_key_files_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.toml"
    for text in ("[[meter]\nname = 1", '[[meter]]\nguek = "00"', '[[meter]]\nauthentication_key = "xyz"', "\x00"):
        path.write_text(text)
        status, _, err = run("decode", LOG, "--keys", str(path), capsys=capsys)
        assert status == 2 and err.count("\n") == 1 and "xyz" not in err


def test_raw_octets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "capture.bin"
    path.write_bytes(b"".join(record.data for record in plain().records))
    _, out, _ = run("decode", str(path), "--format", "json", capsys=capsys)
    (trace,) = json.loads(out)
    assert [m["direction"] for m in trace["messages"]] == ["client", "meter"] * 5
    path.write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(40))
    assert "pcap" in run("decode", str(path), capsys=capsys)[2]


def test_a_reader_that_stops_reading() -> None:
    command = [sys.executable, "-m", "analyzer.cli", "decode", LOG, "--keys", KEYS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() in (0, 141)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "secret.log"
    path.write_text("TX: 7E")
    path.chmod(0)
    assert "permission denied" in run("decode", str(path), capsys=capsys)[2]


def test_the_public_names() -> None:
    import analyzer

    assert {name: getattr(analyzer, name).__name__ for name in analyzer.__all__} == {
        "KeyRing": "KeyRing",
        "decode": "decode",
        "diagnose": "diagnose",
        "diff": "diff",
        "open_trace": "open_trace",
    }
    with pytest.raises(AttributeError):
        _ = analyzer.nothing
    trace = analyzer.open_trace(f"{LOG}#2")
    assert len(list(analyzer.decode(trace))) == 6


def test_a_defect_of_the_program_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("00112233445566778899AABBCCDDEEFF")

    monkeypatch.setattr("analyzer.explain.explain", broken)
    assert main(["explain", "llc-missing"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("dlmscope: a defect of dlmscope: KeyError in test_cli.py, line ") and said.count("\n") == 1
    assert "0011" not in said
    monkeypatch.setenv("DLMSCOPE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["explain", "llc-missing"])
