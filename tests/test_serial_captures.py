"""The examples of serial lines in captures/: made by the builder, and what their READMEs say is true of them."""

from __future__ import annotations

import csv
import io

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.inputs import open_pair, open_trace
from analyzer.keyring import KeyRing
from analyzer.model import Trace
from tests.build_serial_captures import CAPTURES, files, session
from tests.test_record import everything

FORMS = ["docklight.txt", "socat.log", "saleae.csv"]


def keys(folder: str) -> KeyRing:
    return KeyRing.from_toml((CAPTURES / folder / "keys.toml").read_text("utf-8"))


def opened(folder: str, name: str) -> Trace:
    return open_trace(str(CAPTURES / folder / name))


@pytest.mark.parametrize("name", files())
def test_files_are_what_the_builder_makes(name: str) -> None:
    assert (CAPTURES / name).read_bytes() == files()[name]


@pytest.mark.parametrize("form", ["dumps", *FORMS])
def test_every_form_of_the_pair_is_the_same_session(form: str) -> None:
    folder = CAPTURES / "serial-pair"
    pair = form == "dumps"
    trace = open_pair(str(folder / "tx.bin"), str(folder / "rx.bin")) if pair else opened("serial-pair", form)
    messages = list(decode(trace, keys("serial-pair")))
    assert [(m.direction, m.wire) for m in messages] == [(r.direction, r.data) for r in session().records]
    assert len(trace) == 14
    assert [m.security.verdict for m in messages if m.security] == ["verified"] * 10


def values(folder: str, name: str, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    path = CAPTURES / folder
    arguments = [str(path / name), "--keys", str(path / "keys.toml"), "--to", "csv", "--table", "values"]
    assert main(["export", *arguments]) == 0
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    return [(row["obis"], row["value"], row["unit"]) for row in rows]


def test_values_of_the_pair(capsys: pytest.CaptureFixture[str]) -> None:
    assert ("1-0:1.8.0*255", "1234567", "Wh") in values("serial-pair", "docklight.txt", capsys)


def test_telegrams_in_clear_and_ciphered(capsys: pytest.CaptureFixture[str]) -> None:
    clear, sealed = (values("p1-push", name, capsys) for name in ("telegrams.txt", "ciphered.bin"))
    assert clear == sealed and len(clear) == 26
    assert [row for row in clear if row[0] == "1-0:1.8.1"] == [
        ("1-0:1.8.1", "000123.456", "kWh"), ("1-0:1.8.1", "000123.457", "kWh")
    ]  # fmt: skip
    for name in ("telegrams.txt", "ciphered.bin"):
        assert main(["diagnose", str(CAPTURES / "p1-push" / name), "--keys", str(CAPTURES / "p1-push/keys.toml")]) == 0


def test_pushes_over_mbus(capsys: pytest.CaptureFixture[str]) -> None:
    messages = list(decode(opened("mbus-push", "push.bin"), keys("mbus-push")))
    assert [m.plain_apdu for m in messages] == ["data-notification"] * 3
    assert [m.security.verdict for m in messages if m.security] == ["verified"] * 3
    assert [len(m.frames) for m in messages] == [3] * 3
    found = values("mbus-push", "push.bin", capsys)
    assert [row for row in found if row[0] == "1-0:1.8.0*255"] == [
        ("1-0:1.8.0*255", str(1_234_567 + n), "Wh") for n in range(3)
    ]
    assert ("1-0:32.7.0*255", "230.1", "V") in found


@pytest.mark.parametrize(
    ("folder", "name"),
    [("serial-pair", "docklight.txt"), ("p1-push", "ciphered.bin"), ("mbus-push", "push.bin"),
     ("gurux-forum-2017", "thread.log#1")],
)  # fmt: skip
def test_exported_captures_read_back_as_the_same_messages(folder: str, name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    source, out = str(CAPTURES / folder / name), tmp_path / "x.pcapng"
    assert (
        main(["export", source, "--keys", str(CAPTURES / folder / "keys.toml"), "--to", "pcapng", "-o", str(out)]) == 0
    )
    before = list(decode(open_trace(source), keys(folder)))
    after = list(decode(everything(out), keys(folder)))
    assert [(m.direction, m.wire, m.plain_apdu) for m in after] == [(m.direction, m.wire, m.plain_apdu) for m in before]
