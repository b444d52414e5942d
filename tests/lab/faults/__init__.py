"""The faults that the laboratory can put into a conversation: one small function each, in files by layer.

A fault is told by the code of the catalogue that names it, as the catalogue describes it; how the engine finds it is
not looked at. The function gets a seed and gives a conversation with that fault at a random place, and the keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.lab.conversation import Setting, Talk

LAYERS = ("link", "carriers", "acse", "security", "keys", "hls", "services")
Case = tuple[Trace, KeyRing]


@dataclass(frozen=True)
class Fault:
    """`code` is what has to be said first; `also` what is true of the conversation besides, each as good an answer
    only where it follows from the fault."""

    code: str
    name: str
    make: Callable[[int], Case]
    also: tuple[str, ...] = ()


FAULTS: dict[str, Fault] = {}


def fault(code: str, *also: str) -> Callable[[Callable[[int], Case]], Callable[[int], Case]]:
    """Registers a function under its own name."""

    def register(make: Callable[[int], Case]) -> Callable[[int], Case]:
        FAULTS[make.__name__] = Fault(code, make.__name__, make, also)
        return make

    return register


def every_fault() -> tuple[Fault, ...]:
    """All faults of all layers, in their order."""
    for layer in LAYERS:
        import_module(f"tests.lab.faults.{layer}")
    return tuple(FAULTS.values())


def played(setting: Setting, **talk: object) -> Case:
    """The conversation of a setting that a fault has changed."""
    return Talk(setting, **talk).play(), setting.ring()  # type: ignore[arg-type]


def changed(trace: Trace, at: int, *data: bytes) -> Trace:
    """The trace with a record replaced by none, one or several of the same side."""
    old = trace[at]
    put = [Record(0, one, old.direction, seconds=old.seconds) for one in data]
    records = [*trace.records[:at], *put, *trace.records[at + 1 :]]
    return Trace(
        trace.name, trace.source,
        tuple(Record(n, r.data, r.direction, seconds=r.seconds) for n, r in enumerate(records, 1)),
    )  # fmt: skip
