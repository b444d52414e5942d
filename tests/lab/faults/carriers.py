"""Faults of the wrapper and of M-Bus, and of pushes."""

from __future__ import annotations

from analyzer.model import Trace
from tests.lab.carriers import Side, Wrapper
from tests.lab.conversation import Setting, Talk, pushed
from tests.lab.faults import Case, changed, fault


def _wrapped(seed: int) -> tuple[Setting, Wrapper]:
    setting = Setting(seed, framing="wrapper", ciphered=bool(seed % 2), mechanism=(0, 1, 5)[seed % 3], exchanges=4)
    assert isinstance(setting.carrier, Wrapper)
    return setting, setting.carrier


@fault("wrapper-version-wrong")
def version_two(seed: int) -> Case:
    setting, line = _wrapped(seed)
    line.version = (2, 0, 0x100)[seed % 3]
    trace = Talk(setting).play()
    return Trace(trace.name, trace.source, trace.records[:1]), setting.ring()


@fault("wrapper-length-wrong")
def length_with_the_header(seed: int) -> Case:
    """The client counts the header as well; the meter waits for more."""
    setting, _ = _wrapped(seed)
    trace = Talk(setting).play()
    data = trace[0].data
    wrong = data[:6] + (len(data)).to_bytes(2, "big") + data[8:]
    short = changed(trace, 0, wrong)
    return Trace(trace.name, trace.source, short.records[:1]), setting.ring()


@fault("wrapper-ports-not-swapped")
def ports_as_in_the_request(seed: int) -> Case:
    setting, line = _wrapped(seed)
    line.client = 16  # with a client 1 and a server 1 nobody can tell
    right = line.put

    def put(side: Side, data: bytes) -> None:
        right(side, data if side == "client" else data[:2] + data[4:6] + data[2:4] + data[6:])

    line.put = put  # type: ignore[method-assign]
    setting.pushes = False
    return Talk(setting).play(), setting.ring()


def _pushes(seed: int) -> tuple[Setting, Trace]:
    setting = Setting(seed, framing="mbus", ciphered=bool(seed % 2), exchanges=4)
    for _ in range(4):
        apdu = setting.services.notification()
        setting.carrier.push(pushed(setting, apdu[:-1] + apdu[-1:]))
    return setting, Trace("pushes", "lab", tuple(setting.carrier.records))


@fault("mbus-checksum")
def telegram_damaged(seed: int) -> Case:
    setting, trace = _pushes(seed)
    at = setting.chance.randrange(len(trace))
    data = bytearray(trace[at].data)
    data[-2] ^= setting.chance.randrange(1, 256)
    return changed(trace, at, bytes(data)), setting.ring()


@fault("apdu-cut")
def push_cut_off(seed: int) -> Case:
    """The buffer of the receiver ends in the middle of a general-glo APDU without frames."""
    setting = Setting(seed, framing="none", ciphered=True, protection="general-glo")
    apdu = pushed(setting, setting.services.notification())
    setting.carrier.push(apdu[: setting.chance.randrange(20, len(apdu) - 3)])
    return Trace("push", "lab", tuple(setting.carrier.records)), setting.ring()
