"""Conversations of the laboratory in every form come back with exactly their octets, in order, of the sides that the form tells."""

from __future__ import annotations

from random import Random

import pytest

from analyzer.model import Trace
from analyzer.sources import read_input
from tests.lab.conversation import talk_of
from tests.lab.faults import FAULTS, every_fault, talk_with
from tests.lab.forms import NETWORK, TEXTS, raw, same_octets, through

SEEDS = range(1000, 1030)


def conversations(seed: int) -> list[tuple[str, Trace, str]]:
    """A healthy one, and one with a fault that is drawn: name, trace and framing."""
    every_fault()
    healthy = talk_of(seed)
    fault = Random(seed).choice(sorted(FAULTS))
    faulty = talk_with(seed, FAULTS[fault])
    return [
        (name, talk.play(), talk.setting.framing or "none") for name, talk in (("healthy", healthy), (fault, faulty))
    ]


def repaired(trace: Trace) -> bool:
    """Whether the reader changed octets and says so: parity that was read as data."""
    return any(issue.code == "parity-mismatch" for issue in trace.issues)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_form_gives_the_octets_back(seed: int) -> None:
    for name, trace, framing in conversations(seed):
        for form in (*TEXTS, *(("pcap", "pcapng") if framing in NETWORK else ())):
            read = through(trace, form, framing, seed)
            assert same_octets(trace, read) or repaired(read), (name, form, framing)
        (read,) = read_input(raw(trace), "lab", "raw")
        assert (raw(read) == raw(trace) and {r.direction for r in read} == {"unknown"}) or repaired(read), name
