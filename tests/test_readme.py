"""What README shows is what the commands print."""

import re

import pytest

from analyzer.cli import COMMANDS, main
from tests.support import ROOT


def test_the_output_on_the_first_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"^    \$ dlmscope (diagnose .*)\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    assert block is not None
    main(block[1].split())
    printed = capsys.readouterr().out
    for part in block[2].split("[...]"):
        shown = "\n".join(line[4:] for line in part.strip("\n").splitlines()).strip()
        assert shown in printed


def test_every_command_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    used = set(re.findall(r"^    (?:pbpaste \| )?dlmscope (\w+)", text, re.MULTILINE))
    assert used <= {command.__name__.rpartition(".")[2] for command in COMMANDS}


def test_the_captures_of_the_readme_open(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^    dlmscope (decode .*captures/[^#\n]*)", text, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        assert main(command.split()) == 0, command
        assert capsys.readouterr().out.count("\n") > 5, command
