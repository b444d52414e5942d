"""Garbage collection is held while a command runs, and as before afterwards, whatever happens."""

from __future__ import annotations

import gc

import pytest

from analyzer.cli import main
from analyzer.held import OBJECTS, collection_held


def test_it_is_held_and_given_back() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError), collection_held():
        assert gc.isenabled() and gc.get_threshold()[0] == OBJECTS
        raise ValueError
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0


def test_cycles_go_all_the_same() -> None:
    class Ring:
        alive = 0

        def __init__(self) -> None:
            self.own = self
            Ring.alive += 1

        def __del__(self) -> None:
            Ring.alive -= 1

    with collection_held():
        for _ in range(3 * OBJECTS):
            Ring()
        assert Ring.alive < 2 * OBJECTS
    gc.collect()
    assert Ring.alive == 0


def test_commands_leave_it_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    before = gc.get_threshold()
    assert main(["decode", "--hex", "C001C100080000010000FF0200", "--format", "summary"]) == 0
    assert gc.get_threshold() == before and "GET request" in capsys.readouterr().out
