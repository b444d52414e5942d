"""Options of the test suite."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, so that a red build says something of the change; `explore` looks for new ones.
settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# NumPy is an extra. The index, but for its pages, is nothing without it, and cannot even be imported.
NEEDS_NUMPY = re.compile(
    r"^from analyzer\.index(?:\.(?!pages)| import (?!pages))|^(?:np = )?pytest\.importorskip\(.numpy", re.MULTILINE
)
HAS_NUMPY = find_spec("numpy") is not None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves out the tests of the index where there is no NumPy."""
    if HAS_NUMPY or collection_path.suffix != ".py":
        return None
    return True if NEEDS_NUMPY.search(collection_path.read_text("utf-8")) else None


def pytest_report_header() -> str:
    """Says so."""
    return "" if HAS_NUMPY else "NumPy is missing: the tests of the index are left out"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag that writes golden files anew."""
    parser.addoption("--rewrite-golden", action="store_true", help="write what the commands in tests/golden print now")
