"""What is said once of a trace is said once of a long one, with the counts of all its parts: as of one that is held."""

from __future__ import annotations

import csv
import io
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.bulk import diagnoses, parts
from analyzer.bulk.diagnoses import Diagnoser
from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose, gathered, long, search
from analyzer.diagnosis.counted import SHOWN, THINGS, Counted, Listed, Many, Named, Place, Told, enough, with_counts
from analyzer.diagnosis.gathered import Gathered, Said
from analyzer.diagnosis.long import diagnose_long, diagnose_parts
from analyzer.diagnosis.ranking import SAME_MANY
from analyzer.diagnosis.registry import Hit
from analyzer.export import diagnosed
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyRing
from analyzer.model import Direction, Finding, Record, Trace
from tests.lab.faults import FAULTS, every_fault, talk_with
from tests.support import (
    CLOCK,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    Conversation,
    Station,
    aare,
    aarq,
    ciphered,
    frame,
    keys,
    plain,
)

# They compare messages that are far from each other, and a part sees its own.
FAR = {"invocation-counter-replayed", "nonce-reused"}
ATTEMPTS = re.compile(r"^\d+ attempts")  # each part makes its own


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that short traces have many."""
    monkeypatch.setattr(long, "LONG", 30)
    monkeypatch.setattr(long, "PART", 40)
    monkeypatch.setattr(long, "OVERLAP", 20)
    monkeypatch.setattr(long, "SEARCHED", 100)
    monkeypatch.setattr(search, "BUDGET", 500)
    monkeypatch.setattr(search, "SEARCHED", 5)
    monkeypatch.setattr(search, "MISTYPED", 1)


def strung(traces: Sequence[Trace]) -> Trace:
    """One trace after the other."""
    records = [record for trace in traces for record in trace]
    made = [replace(record, number=number) for number, record in enumerate(records, 1)]
    return Trace("strung", "test", tuple(made), traces[0].issues)


def held(trace: Trace, ring: KeyRing) -> tuple[Finding, ...]:
    """The findings of a trace that is held, which are the truth."""
    return diagnose([(trace, list(decode(trace, ring)))], ring)[0].findings


def in_parts(trace: Trace, ring: KeyRing) -> Diagnosis:
    return diagnose_long(trace, decode(trace, ring), ring, lambda other: decode(trace, other))


def told_once(trace: Trace, ring: KeyRing) -> set[str]:
    """The codes of what parts say of the whole trace."""
    found = diagnose_parts(trace, decode(trace, ring), ring, lambda other: decode(trace, other))
    return {f.code for part in found for f in part.findings if isinstance(f, Told) and f.once}


def shown(findings: Sequence[Finding], codes: set[str]) -> list[tuple[object, ...]]:
    return sorted(
        (f.code, f.message, f.severity, [ATTEMPTS.sub("attempts", text) for text in f.evidence])
        for f in findings
        if f.code in codes
    )


def faults() -> Iterator[str]:
    every_fault()
    return (name for name, fault in FAULTS.items() if not fault.beside)


def test_each_fault_again_and_again() -> None:
    """Every fault of the laboratory, four times in one trace: what is said once is said as of the trace that is held."""
    several: set[str] = set()
    for name in faults():
        talk = talk_with(1, FAULTS[name])
        trace, ring = strung([talk.play()] * 4), talk.ring()
        codes = told_once(trace, ring) - FAR
        if len(trace) > 40 and codes:
            made = in_parts(trace, ring).findings
            assert shown(made, codes) == shown(held(trace, ring), codes), name
            several |= codes
    assert len(several) >= 25


@pytest.mark.parametrize("seed", [2, 3, 7])
def test_by_several_processes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAD", 40)
    monkeypatch.setattr(parts, "CLOSED", 6)
    monkeypatch.setattr(diagnoses, "LEAD", 40)
    monkeypatch.setattr(diagnoses, "BEHIND", 40)
    every_fault()
    for name in ("reserved_bits_in_the_invoke_id", "keys_swapped", "key_reversed"):
        talk = talk_with(seed, FAULTS[name])
        once, ring = talk.play(), talk.ring()
        trace = strung([once] * (240 // len(once)))
        with Diagnoser(ring, 2) as two:
            made = two.diagnosis(trace)
        one = in_parts(trace, ring)
        assert (made.findings, made.statements) == (one.findings, one.statements) and made.messages > 80
        assert {type(text) for finding in made.findings for text in finding.evidence} <= {str}


def damaged(every: int = 2) -> Trace:
    """A conversation in which each so manieth frame of the middle is damaged."""
    records = list(plain(reads=100).trace())
    for place in range(20, len(records) - 10, every):
        data = bytearray(records[place].data)
        data[-3] ^= 0xA5
        data[-2] ^= 0x5A
        records[place] = replace(records[place], data=bytes(data))
    return Trace("damaged", "damaged.log", tuple(records))


def test_what_is_found_often_is_counted_throughout() -> None:
    """More than are told of a part are counted all the same."""
    trace, ring = damaged(), KeyRing()
    wrong = [m.number for m in decode(trace) if m.frames[0].damaged]
    (finding,) = [f for f in in_parts(trace, ring).findings if f.code == "fcs-wrong"]
    assert finding.message == wrong[0] and len(wrong) > 4 * SAME_MANY
    said = f"the same was found {len(wrong) - 1} times more, the last time in message {wrong[-1]}"
    assert finding.evidence[-1] == said
    short = [f for f in held(trace, ring) if f.code == "fcs-wrong"]
    assert len(short) == SAME_MANY and short[-1].evidence[-1] == f"and {len(wrong) - SAME_MANY} more of the same kind"


def test_a_part_tells_its_own_however_many_are_around_it() -> None:
    """What is damaged in the overlap takes no place of what is damaged in the part."""
    trace = damaged(every=1)
    found = [
        (part, [f for f in part.findings if f.code == "fcs-wrong"])
        for part in diagnose_parts(trace, decode(trace), KeyRing(), lambda other: decode(trace, other))
    ]
    for part, own in found:
        wrong = [m.number for m in part.messages if m.frames[0].damaged]
        told = [f for f in own if isinstance(f, Told)]
        assert len(own) == len(told) == min(len(wrong), SAME_MANY)
        assert len(own) + sum(f.more for f in told) == len(wrong)


def test_a_table_of_messages_has_as_many_codes_as_that_of_a_short_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "damaged.log"
    path.write_text("\n\n".join(record.data.hex() for record in damaged()))
    tables = []
    for most in (30, 20_000):
        monkeypatch.setattr(long, "LONG", most)
        assert main(["export", str(path), "--to", "csv"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        tables.append([(row["message"], row["findings"]) for row in rows])
    assert tables[0] == tables[1]
    assert sum("fcs-wrong" in found for _, found in tables[0]) == SAME_MANY


def test_what_goes_out_before_the_end_says_how_far_it_counts() -> None:
    trace = strung([plain(reads=20).trace()] * 4)
    echoed = []
    for record in trace:
        echoed += [record, replace(record, direction="meter")] if record.direction == "client" else [record]
    trace = strung([Trace("t", "t", tuple(echoed))])
    ((_, found),) = diagnosed.diagnosed_of([trace], KeyRing())
    assert not isinstance(found, long.PartFound)
    own = [one for part in found for one in part.findings if one.code == "echo"]
    assert len(own) == 1 and re.fullmatch(r"counted up to message \d+", own[0].evidence[-1])
    assert type(own[0]) is Finding
    whole = [one for one in held(trace, KeyRing()) if one.code == "echo"]
    assert [f.evidence for f in in_parts(trace, KeyRing()).findings if f.code == "echo"] == [f.evidence for f in whole]


def test_values_stay_covered_in_what_is_put_together() -> None:
    with values_hidden():
        for name in faults():
            if "unusual" in FAULTS[name].code or "octets-behind" in FAULTS[name].code:
                talk = talk_with(1, FAULTS[name])
                trace, ring = strung([talk.play()] * 4), talk.ring()
                codes = told_once(trace, ring) - FAR
                assert shown(in_parts(trace, ring).findings, codes) == shown(held(trace, ring), codes), name


def test_counts_of_the_trace_whatever_is_found_in_a_part() -> None:
    """A header that is missing in one message, and there in the others of all parts."""
    talk = plain(reads=60).trace()
    records = list(talk)
    place = next(n for n, record in enumerate(records) if n > 90 and record.direction == "client")
    control = records[place].data[5]
    records[place] = replace(records[place], data=frame(control, GET_CLOCK))
    trace = Trace("t", "t", tuple(records))
    found, whole = in_parts(trace, KeyRing()).findings, held(trace, KeyRing())
    assert shown(found, {"llc-missing"}) == shown(whole, {"llc-missing"}) != []


def test_a_search_that_ends_early_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "SEARCHED", gathered.SEARCHED)
    wrong = keys(ak="00112233445566778899AABBCCDDEE01")
    said = "Why APDUs do not verify was searched in the first 3 parts alone."
    for reads, wanted in ((100, True), (20, False)):
        trace = ciphered(meter=Station(METER), reads=reads).trace()
        assert (said in in_parts(trace, wrong).statements) == wanted
        assert said not in in_parts(trace, keys()).statements


def _sentence(name: str, many: int, which: Listed, things: Named) -> str:
    return f"{name}: {many}, {which.many} from {which.first[:2]}, {things.many}" if many else ""


def sentence(many: int, key: str = "k", **more: int) -> Counted:
    things = Named({f"{many} {n}": Place(f"thing {n}", n, n) for n in range(many)})
    return Counted(_sentence, "name", Many(many), Listed.of(range(many), 3), things, key=key, **more)


def test_sentences_are_added_up() -> None:
    one, two = sentence(3), sentence(4)
    assert one == "name: 3, 3 from (0, 1), 3"
    assert one.joined(two) == "name: 7, 7 from (0, 1), 7" and one.joined(one) == "name: 6, 6 from (0, 1), 3"
    assert pickle.loads(pickle.dumps(one)).joined(two) == one.joined(two)
    assert one.same(two) and not one.same(sentence(3, "other")) and not one.same("name: 3, 3 from (0, 1), 3")
    assert one.counting((9,)) == "name: 9, 3 from (0, 1), 3" and one.counting(None) is one
    assert one.covered(lambda text: "*" * len(text)).startswith("****: 3")
    assert (one.many, sentence(0)) == (3, "")
    assert with_counts(("a", one), ("b", two)) == ("a", one.joined(two))
    assert with_counts(("a",), (sentence(1, most=1), sentence(2, "other", most=1))) == ("a", sentence(1))
    assert enough((sentence(2, least=2), "a")) and not enough((sentence(1, least=2),))


def test_things_that_another_part_clears_are_not_told() -> None:
    one = Named({"a": Place("text a", 1, 1), "b": Place("text b", 2, 3)}, frozenset({"c"}))
    two = Named({"b": Place("later", 9, 9), "c": Place("text c", 4, 4)}, frozenset({"a"}))
    for both in (one.joined(two), two.joined(one)):
        assert set(both.things) == {"b"} and both.cleared == {"a", "c"}
    sentences = (Counted(_sentence, "name", Many(2), Listed((), 0), one.joined(two)),)
    told = Told.of(
        Finding("c", "info", "proven", "link", "t", sentences, "", "", 1, 1), Hit(None, (), once="o"), 0, None
    )
    assert (told.plain().message, told.plain().record) == (2, 3)


@pytest.mark.parametrize("values", [(5, 70), (70, 5), (5, 6)])
@pytest.mark.parametrize("scaler", [None, 4, 7, 40, 69, 80])
def test_a_scaler_that_is_read_in_another_part(values: tuple[int, int], scaler: int | None) -> None:
    """Two registers, of which scaler and unit of one are read somewhere."""
    get = "C001C1000301000{}0800FF0{}00".format
    talk = Conversation("hdlc").connect().request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
    for turn in range(90):
        for register, place in enumerate(values, 1):
            if turn == place:
                talk.request(bytes.fromhex(get(register, 2))).reply(bytes.fromhex("C401C1000600001234"))
        if turn == scaler:
            talk.request(bytes.fromhex(get(1, 3))).reply(bytes.fromhex("C401C10002020F00161E"))
        talk.request(GET_CLOCK).reply(CLOCK)
    trace, ring = talk.close().trace(), KeyRing()
    codes = {"scaler-ignored"}
    made, whole = in_parts(trace, ring).findings, held(trace, ring)
    assert shown(made, codes) == shown(whole, codes) != []
    assert [f.record for f in made if f.code in codes] == [f.record for f in whole if f.code in codes]


@pytest.mark.parametrize("frames", [0, 60])
@pytest.mark.parametrize("sides", [("meter",), ("meter", "client")])
def test_noise_is_the_whole_trace_or_not(frames: int, sides: tuple[Direction, ...]) -> None:
    """A part of nothing but noise does not say that nothing of the trace is a frame."""
    noise = [Record(1, bytes((0x55, n % 251)) * 9, side) for n in range(150) for side in sides]
    trace = strung([Trace("t", "t", (*noise, *list(plain(reads=60).trace())[:frames]))])
    made, whole = in_parts(trace, KeyRing()), held(trace, KeyRing())
    assert shown(made.findings, {"stray-octets"}) == shown(whole, {"stray-octets"}) != []
    assert any(f.severity == "error" and f.code == "stray-octets" for f in whole) == (frames == 0)
    ((_, found),) = diagnosed.diagnosed_of([trace], KeyRing())
    told = [f.code for part in (found if not isinstance(found, long.PartFound) else [found]) for f in part.findings]
    assert 1 <= told.count("stray-octets") <= 2


def test_little_is_kept_of_many() -> None:
    joined = sentence(1)
    for many in range(2, 200):
        joined = joined.joined(sentence(many))
    assert len(joined.facts[2].first) <= SHOWN and len(joined.facts[3].things) == THINGS
    assert joined.many == sum(range(200))
    trace = Trace("t", "t", (Record(1, b"", "client"),))
    whole = Gathered(trace, KeyRing(), 40)
    fault = Finding("echo", "info", "proven", "link", "title", ("evidence",), "cause", "fix", 1, 1)
    for number in range(1, 500):
        told = Told.of(replace(fault, message=number), Hit(None, (), once=f"once {number}"), 0, None)
        whole.add(Said(1, number, {}, (told,)))
    assert len(whole.kept) <= SAME_MANY + 1
    assert (
        whole.diagnosis().findings[-1].evidence[-1].startswith(f"the same was found {499 - SAME_MANY - 1} times more")
    )
