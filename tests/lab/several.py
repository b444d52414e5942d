"""A fault in one trace of several: three sessions of one client with one meter in one input, and one of them went wrong."""

from __future__ import annotations

from random import Random

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.model import Record, Trace
from analyzer.sources import read_input
from tests.lab.conversation import traced
from tests.lab.faults import FAULTS, Fault, every_fault, talk_with
from tests.lab.forms import TIMED, forms_of, written
from tests.lab.judge import Outcome, failure, verdict

COMPARED = "differs-from-working"
APART = 1000  # seconds between two sessions


def fits(fault: Fault) -> bool:
    """Whether the fault is of one session: keys that are typed wrong, or in use, are of all."""
    return (
        fault.stage != "analyst"
        and True not in fault.needs["alone"]
        and fault.code not in ("well-known-key", "keys-equal")
    )


def among(name: str, seed: int) -> Outcome:
    """What the engine says of the session with the fault; an error in another session is a failure."""
    if name not in FAULTS:
        every_fault()
    fault, form = FAULTS[name], "direct"
    try:
        talk = talk_with(seed, fault)
        it, chance = talk.setting, Random(f"{seed} {name} several")
        first, last = it.client.counter, it.meter.counter
        sessions = [_sound(fault, seed, n, (first, last)) for n in (1, 2)]
        place = chance.randrange(3)
        sessions.insert(place, talk.play())
        framing = it.framing or "none"
        timed = forms_of(framing, True, network=fault.stage != "open")
        form = chance.choice([one for one in timed if one in TIMED or one.startswith("pcap")])
        moved = [_at(trace, APART * n) for n, trace in enumerate(sessions)]
        ring = talk.ring()
        read = read_input(written(moved, form, framing, chance), "lab")
        found = diagnose([(trace, list(decode(trace, ring))) for trace in read], ring)
    except Exception as problem:
        return failure(fault, seed, form, problem)
    if len(found) != 3:
        return failure(fault, seed, form, ValueError(f"{len(found)} traces of 3 sessions"))
    # What differs from the session that works is said besides; whether that is the cause depends on the fault.
    named = [one for one in found[place].findings if one.code != COMPARED or fault.code == COMPARED]
    made = verdict(fault, seed, form, tuple(named))
    alarms = {f.code for n, one in enumerate(found) if n != place for f in one.findings if f.severity != "info"}
    if alarms:
        return failure(fault, seed, form, ValueError(f"in a healthy session: {', '.join(sorted(alarms))}"))
    return made


def _sound(fault: Fault, seed: int, number: int, counters: tuple[int, int]) -> Trace:
    """A session of the same client and meter with the same settings and without the fault: later counters, other challenges,
    other services."""
    talk = talk_with(seed, fault, changed=False)
    it, chance = talk.setting, Random(f"{seed} sound {number}")
    it.chance = it.services.chance = it.client.chance = it.meter.chance = chance
    it.ctos, it.stoc = (bytes(chance.choices(range(0x21, 0x7F), k=len(old))) for old in (it.ctos, it.stoc))
    it.casts = False
    for side, counter in zip((it.client, it.meter), counters, strict=True):
        side.counter = counter + 20000 * number
    return talk.play()


def _at(trace: Trace, seconds: float) -> Trace:
    """The same trace, later."""
    return traced(
        trace.name, [Record(r.number, r.data, r.direction, seconds=(r.seconds or 0) + seconds) for r in trace]
    )
