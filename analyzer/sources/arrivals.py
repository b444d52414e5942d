"""What a source that still goes on has given: some records of one of its traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.model import Record, Trace


@dataclass(frozen=True, slots=True)
class Arrival:
    """New records of a trace, which is the same object each time; it has no records of its own, whoever wants to keep
    these does so. Numbers go on from 1.

    `anew`: what came of this trace before does not hold, because with what has come since it reads otherwise.
    `ended`: its conversation is over; more may come all the same.
    """

    trace: Trace
    records: Sequence[Record] = ()
    anew: bool = False
    ended: bool = False
