"""Commands and what they print: tests/golden/*.txt. `pytest --rewrite-golden` writes them anew; read the difference."""

import shlex
from pathlib import Path

import pytest

from analyzer.cli import main

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.txt"))
ROOT = Path(__file__).parents[1]


def run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command line prints, its errors marked, and its status where it is not 0."""
    words = shlex.split(line)
    assert words[0] == "dlmscope"
    try:
        status = main(words[1:])
    except SystemExit as stopped:
        status = int(str(stopped.code or 0))
    printed = capsys.readouterr()
    errors = "".join(f"stderr: {text}\n" for text in printed.err.splitlines())
    return printed.out + errors + (f"exit status {status}\n" if status else "")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_golden(
    path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("DLMSCOPE_KEYS", raising=False)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    comments = [line for line in lines if line.startswith("#")][
        : next(n for n, c in enumerate([*lines, ""]) if c[:1] != "#")
    ]
    commands = [line[2:].strip() for line in lines if line.startswith("$ ")]
    assert comments and commands, "a golden file begins with a comment on its provenance and has a command"
    expected = "".join(lines)
    made = "".join(comments) + "".join(f"$ {command}\n{run(command, capsys)}" for command in commands)
    if request.config.getoption("--rewrite-golden"):
        path.write_text(made, "utf-8")
    assert made == expected or request.config.getoption("--rewrite-golden"), (
        f"{path.name} differs; pytest --rewrite-golden writes it anew"
    )
