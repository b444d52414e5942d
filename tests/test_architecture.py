"""The arrows between the layers, read from the imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("analyzer/**/*.py"), *ROOT.glob("grammars/**/*.py")])
ENTRANCES = (
    "analyzer/bulk/",
    "analyzer/cli/",
    "analyzer/inputs.py",
    "analyzer/recording/",
    "analyzer/sources/wireshark.py",
    "analyzer/sweep/",
    "analyzer/tui/",
    "analyzer/watching/",
)  # what touches files and the terminal
OUTSIDE = {"open", "print", "input"}
LONGEST = 450


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether at the top of the file."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or "", id(node) in top
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


def users_of(package: str) -> set[str]:
    return {
        name_of(path)
        for path in FILES
        if any(module == package or module.startswith(package + ".") for module, _ in imports(path))
    }


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 60


def test_only_grammars_use_construct() -> None:
    assert all(name.startswith("grammars/") for name in users_of("construct"))


def test_grammars_are_a_leaf() -> None:
    assert not {name for name in users_of("analyzer") if name.startswith("grammars/")}
    allowed = {"grammars", "construct", "fastcrc"}
    for path in FILES:
        if name_of(path).startswith("grammars/"):
            foreign = {module.partition(".")[0] for module, _ in imports(path)} - allowed
            assert foreign <= {
                "collections",
                "typing",
                "struct",
                "re",
                "itertools",
                "array",
                "io",
                "math",
                "threading",
                "functools",
                "importlib",
                "tomllib",
                "operator",
            }, path


def test_only_three_modules_use_cryptography() -> None:
    assert users_of("cryptography") <= {"analyzer/agreement.py", "analyzer/decryptor.py", "analyzer/hls.py"}


def test_nothing_imports_the_entrances() -> None:
    assert all(name.startswith("analyzer/cli/") for name in users_of("analyzer.cli"))
    assert all(name.startswith(ENTRANCES) for name in users_of("analyzer.inputs"))
    assert all(name.startswith(("analyzer/tui/", "analyzer/cli/")) for name in users_of("analyzer.tui"))


def test_only_the_tui_uses_textual_and_only_its_source_pyshark() -> None:
    assert all(name.startswith("analyzer/tui/") for name in users_of("textual"))
    assert users_of("pyshark") <= {"analyzer/sources/wireshark.py"}


def test_the_tui_has_no_protocol_in_it() -> None:
    assert not [name for name in users_of("grammars") if name.startswith("analyzer/tui/")]


def test_the_core_does_no_input_or_output() -> None:
    for path in FILES:
        if name_of(path).startswith(ENTRANCES):
            continue
        modules = {module for module, _ in imports(path)}
        assert not modules & {"socket", "subprocess", "time", "sys", "os", "asyncio"}, path
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & OUTSIDE, path


# Each layer and what it may not know: everything behind it.
LAYERS = ["sources", "framing", "reassembly", "association", "decoding", "diagnosis", "report"]


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_knows_a_later_one(layer: str) -> None:
    later = LAYERS[LAYERS.index(layer) + 1 :]
    for path in FILES:
        if name_of(path).startswith((f"analyzer/{layer}.py", f"analyzer/{layer}/")):
            for module, _ in imports(path):
                assert not module.startswith(tuple(f"analyzer.{other}" for other in later)), (path, module)


def test_the_command_line_starts_light() -> None:
    allowed = {"argparse", "io", "itertools", "os", "sys", "collections.abc", "typing", "analyzer", "__future__"}
    for path in ROOT.glob("analyzer/cli/*.py"):
        heads = {module for module, top in imports(path) if top}
        light = {
            m
            for m in heads
            if m in allowed
            or m.startswith(("typing.", "collections.abc.", "itertools.", "__future__.", "analyzer.cli"))
        }
        assert heads - light <= {"analyzer.__version__"}, path


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_about_one_thing(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST or "/tables/" in name_of(path)
    assert not lines or lines[0].removeprefix("r").startswith('"""')
    assert not [line for line in lines if "shared/" in line or "TODO" in line or "FIXME" in line]
