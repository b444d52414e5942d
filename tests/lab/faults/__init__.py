"""The faults that the laboratory can put into a conversation: one small function each, in files by layer.

A fault is told by the code of the catalogue that names it, as the catalogue describes it; how the engine finds it is
not looked at. The function changes a conversation before it is played; `needs` says in which conversations it can be.
Functions of several faults can change one conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Any

from analyzer.keyring import KeyRing
from analyzer.model import Trace
from tests.lab.conversation import Talk
from tests.lab.setting import Setting

LAYERS = (
    "link", "llc", "frames", "addresses", "serial", "carriers", "acse", "security", "aad", "keys", "hls", "services", "encoding",
    "pushes",
)  # fmt: skip
# Where in a conversation a fault shows, in the order of the line. What is "anywhere" has no place of its own.
STAGES = ("open", "aarq", "hls", "service", "bye")
ANYWHERE = ("anywhere", "analyst")
Case = tuple[Trace, KeyRing]
Change = Callable[[Talk], None]


@dataclass(frozen=True)
class Fault:
    """`code` is what has to be said first; `instead` are codes that are as right, each with the reason; `also` what is
    true of the conversation besides, each as good an answer only where it follows from the fault.

    `ends`: the other side does not go on, so that nothing later is on the line.
    """

    code: str
    name: str
    change: Change
    also: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    stage: str = "anywhere"
    ends: bool = False
    timed: bool = False  # shows in the times alone
    beside: bool = False  # shows only beside a session that works

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that names this fault rightly."""
        return (self.code, *self.instead)

    def make(self, seed: int) -> Case:
        """A conversation with this fault, and the keys that the analyst gives."""
        talk = talk_with(seed, self)
        return talk.play(), talk.ring()


FAULTS: dict[str, Fault] = {}


def fault(
    code: str,
    *also: str,
    stage: str = "anywhere",
    ends: bool = False,
    timed: bool = False,
    beside: bool = False,
    instead: Mapping[str, str] | None = None,
    **needs: Any,
) -> Callable[[Change], Change]:
    """Registers a function under its own name. `needs`: a field of the setting, and the value or values it may have."""

    def register(change: Change) -> Change:
        values = {name: value if isinstance(value, tuple) else (value,) for name, value in needs.items()}
        values.setdefault("alone", (False,))
        made = Fault(code, change.__name__, change, also, instead or {}, values, stage, ends, timed, beside)
        FAULTS[change.__name__] = made
        return change

    return register


def every_fault() -> tuple[Fault, ...]:
    """All faults of all layers, in their order."""
    for layer in LAYERS:
        import_module(f"tests.lab.faults.{layer}")
    return tuple(FAULTS.values())


def common_needs(*faults: Fault) -> dict[str, tuple[Any, ...]] | None:
    """What a conversation has to be that has room for all of these faults; None: there is none."""
    needs: dict[str, tuple[Any, ...]] = {}
    for one in faults:
        for name, values in one.needs.items():
            needs[name] = tuple(value for value in needs.get(name, values) if value in values)
    return None if () in needs.values() else needs


def talk_with(seed: int, *faults: Fault, late: bool = False, changed: bool = True, **given: Any) -> Talk:
    """The conversation of a seed with these faults in it, ready to be played; without them where `changed` is false."""
    chance = Random(f"{seed} {' '.join(one.name for one in faults)}")
    needs = common_needs(*faults)
    if needs is None:
        raise ValueError(f"no conversation has room for {' and '.join(one.name for one in faults)}")
    chosen: dict[str, Any] = {name: chance.choice(values) for name, values in needs.items()}
    alone = bool(chosen.pop("alone", False))
    # What ciphers nothing has nothing that is protected, and what needs a protection is ciphered.
    if chosen.get("protection") not in (None, "none") or chosen.get("suite"):
        chosen.setdefault("ciphered", True)
    chosen.setdefault("exchanges", chance.randrange(3, 7))
    chosen.setdefault("gateway", False)
    chosen.setdefault("prelude", False)
    talk = Talk(Setting(seed, **{**chosen, **given}), late, alone=alone)
    for one in faults if changed else ():
        one.change(talk)
    return talk
