"""Options of the test suite."""

import os

import pytest
from hypothesis import settings

# The same examples in every run, so that a red build says something of the change; `explore` looks for new ones.
settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag that writes golden files anew."""
    parser.addoption("--rewrite-golden", action="store_true", help="write what the commands in tests/golden print now")
