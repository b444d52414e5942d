"""The laboratory in short: healthy conversations are silent, faults come first. `make lab` runs the long form."""

from random import Random

import pytest

from analyzer.decoding import decode
from analyzer.model import Record, Trace
from tests.lab.conversation import healthy, talk_of
from tests.lab.faults import FAULTS, STAGES, common_needs, every_fault, talk_with
from tests.lab.forms import TEXTS, forms_of, same_octets, through
from tests.lab.judge import Outcome, judged
from tests.lab.measure import alarms
from tests.lab.pairs import HIDDEN, counted, fitting, hidden, pair_of
from tests.lab.several import among, fits

SEEDS = range(60)
# Faults of which the engine misses many, or claims besides what is not true; see the table of `make lab`.
KNOWN = {"another_speed", "meter_falls_silent", "title_as_it_is_printed"}


def test_healthy_conversations_are_silent() -> None:
    assert [str(alarm) for alarm in alarms(SEEDS)] == []


def test_what_is_ciphered_opens_and_nothing_is_lost() -> None:
    services, verdicts = set(), set()
    for seed in SEEDS:
        trace, ring = healthy(seed)
        messages = list(decode(trace, ring))
        assert sum(len(message.wire) for message in messages) == sum(len(record.data) for record in trace)
        services |= {message.plain.name for message in messages if message.plain is not None}
        verdicts |= {message.security.verdict for message in messages if message.security is not None}
    # A key that the client agrees with an ephemeral one of its own is in no capture.
    assert verdicts <= {"verified", "unauthenticated", "no-key"} and "failed" not in verdicts
    assert services >= {"get-response", "set-response", "action-response", "read-response", "data-notification", "rlre"}


@pytest.mark.parametrize("form", [*TEXTS, "pcap", "pcapng"])
def test_every_form_reads_back_with_the_same_octets(form: str) -> None:
    """Each form, for each carrier that it is for."""
    seen: dict[str, int] = {}
    for seed in range(1, 200):
        talk = talk_of(seed)
        framing = talk.setting.framing or "none"
        if form in forms_of(framing) and seen.get(framing, 0) < 2:
            seen[framing] = seen.get(framing, 0) + 1
            trace = talk.play()
            assert same_octets(trace, through(trace, form, framing, seed)), (seed, framing)
    assert seen


def test_short_records_in_lines_of_json() -> None:
    trace = Trace(
        "lab", "lab", (Record(1, bytes.fromhex("6014A109060760857405"), "client"), Record(2, b"\xe5", "meter"))
    )
    assert same_octets(trace, through(trace, "json", "mbus", 1))


def _true(outcomes: list[Outcome]) -> None:
    """The percentages of the whole laboratory."""
    said = [f"{one.name} {one}" for one in outcomes if not one.first]
    said += [f"{one.name} seed {one.seed}: {claim}" for one in outcomes for claim in one.claims if not claim[2]]
    assert sum(one.first for one in outcomes) >= 0.97 * len(outcomes), said
    assert sum(one.third for one in outcomes) >= 0.995 * len(outcomes), said
    for word, share in (("proven", 1.0), ("likely", 0.9)):
        claims = [claim for one in outcomes for claim in one.claims if claim[0] == word]
        assert sum(claim[2] for claim in claims) >= share * len(claims), said


def test_faults_come_first_and_what_is_claimed_is_true() -> None:
    """One conversation of each fault but those that are known to be missed, read back from a log or a capture."""
    _true([judged(fault.name, 1) for fault in every_fault() if fault.name not in KNOWN and not fault.beside])


def test_faults_late_in_a_long_conversation_and_in_one_of_several() -> None:
    faults = [fault for fault in every_fault() if fault.name not in KNOWN and fault.stage == "service"]
    chosen = Random(1).sample(faults, 4)
    late = [judged(fault.name, 1, late=True) for fault in chosen]
    several = [among(fault.name, 1) for fault in chosen if fits(fault)]
    assert sum(one.third for one in (*late, *several)) >= len(late) + len(several) - 1, [
        *map(str, late),
        *map(str, several),
    ]


def test_faults_say_where_they_are_and_make_a_conversation() -> None:
    for fault in every_fault():
        assert fault.stage in (*STAGES, "anywhere", "analyst"), fault.name
        assert fault.change.__doc__ or fault.code, fault.name
        assert len(talk_with(3, fault).play()), fault.name
    assert len(FAULTS) >= 200


def test_the_table_of_pairs_gives_each_a_reason() -> None:
    rows = {row.name for pair in fitting() if (row := hidden(*pair)) is not None}
    assert rows == {row.name for row in HIDDEN} and all(len(row.reason) > 20 for row in HIDDEN)
    pairs = list(counted())
    assert len(pairs) > 3000 and all(common_needs(*pair) for pair in pairs)
    played = [both for number in range(40) if (both := pair_of(number)) is not None]
    # A fault that is missed beside another, and found alone.
    assert sum(not both.hard for both in played) >= 0.85 * len(played), [both for both in played if both.hard]
