"""Arrays of equal elements read by templates: the same tree, issues and values as the general parser gives, always."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammars import apdu, data, values
from grammars.emit import rows
from grammars.kit import spec
from grammars.kit.primitives import AxdrLength, Bits
from grammars.kit.spec import PLAIN, RawNode
from grammars.parse import interpret, parse
from tests.test_grammars import date_time, leaves, mutated, same_both_ways

SIZES = {3: 1, 5: 4, 6: 4, 13: 1, 15: 1, 16: 2, 17: 1, 18: 2, 20: 8, 21: 8, 22: 1, 23: 4, 24: 8, 25: 12, 26: 5, 27: 4}
Maker = Any  # a random generator -> the octets of a value

length = AxdrLength.write

scalars = st.one_of(
    st.sampled_from([0, 255]).map(lambda tag: lambda dice: bytes([tag])),
    st.sampled_from(sorted(SIZES)).map(lambda tag: lambda dice: bytes([tag]) + dice.randbytes(SIZES[tag])),
    st.tuples(st.sampled_from([9, 10, 12]), st.integers(0, 14)).map(
        lambda kind: lambda dice: bytes(kind) + bytes(dice.choices(range(0x20, 0x7F), k=kind[1]))
    ),
    st.integers(0, 60).map(lambda minute: lambda dice: b"\x19" + date_time((2024, 2, 3, 6, 4, minute, 0, 0, 60, 0))),
)


def composed(tag: int, makers: list[Maker]) -> Maker:
    return lambda dice: bytes([tag]) + length(len(makers)) + b"".join(make(dice) for make in makers)


shapes = st.recursive(
    scalars,
    lambda inner: st.tuples(st.sampled_from([1, 2]), st.lists(inner, max_size=6)).map(lambda made: composed(*made)),
    max_leaves=12,
)
row_makers = st.lists(shapes, min_size=1, max_size=8).map(lambda makers: composed(2, makers))


def array(elements: list[bytes]) -> bytes:
    return b"\x01" + length(len(elements)) + b"".join(elements)


def without_nodes(nodes: list[RawNode], octets: bytes) -> list[Any]:
    """The plain values of a tree, written down independently of `grammars.values`."""
    made: list[Any] = []
    for kind, start, end, value in nodes:
        if not kind.type:
            continue
        if kind.type in ("array", "structure") and isinstance(value, list):
            made.append((list if kind.type == "array" else tuple)(without_nodes(value, octets)))
        elif kind.type == "compact-array" and isinstance(value, list):
            contents = [node[3] for node in value if node[0].name == "array_contents"]
            made.append(without_nodes(contents[0], octets) if contents and isinstance(contents[0], list) else [])
        elif kind.type in ("date-time", "date", "time") and isinstance(value, list):
            made.append(octets[end - SIZES[octets[start]] : end] if end - start > 1 and value else b"")
        elif isinstance(value, bytes) and kind.type in ("visible-string", "utf8-string"):
            made.append(value.decode("utf-8", "replace"))
        else:
            made.append(str(value) if isinstance(value, Bits) else value)
    return made


def agree(octets: bytes) -> None:
    """Template and general parser say the same, and so do the plain values."""
    parsed = same_both_ways(data.DATA, octets)
    found = values.of_data(octets)
    if parsed.whole:
        assert repr(found.values) == repr(without_nodes(parsed.nodes, octets))
    assert found.failed_at == parsed.failed_at
    assert [i.text for i in found.issues] == [i.text for i in parse(data.DATA, octets).issues]


@settings(max_examples=70, deadline=None)
@given(row_makers, st.integers(16, 60), st.integers())
def test_equal_structures(make: Maker, count: int, seed: int) -> None:
    dice = random.Random(seed)
    agree(array([make(dice) for _ in range(count)]))


@settings(max_examples=70, deadline=None)
@given(shapes, st.integers(16, 60), st.integers())
def test_elements_of_any_shape(make: Maker, count: int, seed: int) -> None:
    dice = random.Random(seed)
    agree(array([make(dice) for _ in range(count)]))


@settings(max_examples=70, deadline=None)
@given(st.lists(row_makers, min_size=1, max_size=3), st.integers(16, 80), st.integers())
def test_rows_that_change(makers: list[Maker], count: int, seed: int) -> None:
    """Runs of rows of one shape, then of another; some rows of their own."""
    dice = random.Random(seed)
    made: list[bytes] = []
    while len(made) < count:
        make = dice.choice(makers)
        made += [make(dice) for _ in range(dice.choice((1, 1, 2, 5, 20)))]
    agree(array(made))


@settings(max_examples=70, deadline=None)
@given(row_makers, st.integers(16, 40), st.integers())
def test_mutated_arrays(make: Maker, count: int, seed: int) -> None:
    dice = random.Random(seed)
    octets = array([make(dice) for _ in range(count)])
    for _ in range(3):
        agree(mutated(octets, dice))


@settings(max_examples=70, deadline=None)
@given(st.lists(leaves, min_size=1, max_size=4), st.integers(16, 40))
def test_rows_with_values_of_every_type(cells: list[bytes], count: int) -> None:
    agree(array([b"\x02" + length(len(cells)) + b"".join(cells)] * count))


def profile(count: int) -> bytes:
    dice = random.Random(7)
    clock = bytes.fromhex("090C07E80B1A020A1E0000FFC480")
    return array([b"\x02\x03" + clock + b"\x11\x00\x06" + dice.randbytes(4) for _ in range(count)])


def test_a_profile_is_read_by_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other tests compare is not the general parser with itself."""
    octets, taken = profile(100), []
    read = rows.Template.read

    def counted(self: rows.Template, *arguments: Any) -> Any:
        made = read(self, *arguments)
        taken.append(arguments[3] if made is not None else 0)
        return made

    monkeypatch.setattr(rows.Template, "read", counted)
    parse(data.DATA, octets, partial=False)
    assert sum(taken) >= 99
    one = parse(data.DATA, octets, plain=True).nodes[0]
    assert one[3][-1][0] is PLAIN and len(values.of_data(octets).values[0]) == 100


def test_values_of_an_apdu() -> None:
    octets = bytes.fromhex("C401C100") + profile(20)
    found = values.of_apdu(octets)
    assert (found.failed_at, found.issues) == (None, [])
    assert found.values == without_nodes(interpret(data.DATA, octets[4:]).nodes, octets[4:])
    clock, status, energy = values.columns_of_apdu(octets).values
    assert list(zip(clock, status, energy, strict=True)) == found.values[0]
    assert set(clock) == {bytes.fromhex("07E80B1A020A1E0000FFC480")} and set(status) == {0} and len(energy) == 20
    listed = bytes.fromhex("C403C103 00 120005 01 04 00 0A03414243")
    assert values.of_apdu(listed).values == [5, "ABC"]
    selected = bytes.fromhex("C101C1 0007 0100630100FF 02 01 01 120001 060000000A")
    assert values.of_apdu(selected).values == [10]
    cut = values.of_apdu(octets[:-1])
    assert cut.failed_at is not None and cut.issues and len(cut.values[0]) == 20


def test_columns_of_rows_that_end_early() -> None:
    octets = bytes.fromhex("C401C100 0102 0202 1101 1102 0201 1103")
    assert values.columns_of_apdu(octets).values == [(1, 3), (2, None)]
    assert values.columns_of_apdu(bytes.fromhex("C401C100 1105")).values == []
    assert values.columns_of_apdu(bytes.fromhex("C401C100 0102 1105 1106")).values == []


@settings(max_examples=70, deadline=None)
@given(st.lists(scalars, min_size=1, max_size=9), st.integers(1, 60), st.integers())
def test_columns_are_those_of_the_rows(cells: list[Maker], count: int, seed: int) -> None:
    dice, make = random.Random(seed), composed(2, cells)
    octets = bytes.fromhex("C401C100") + array([make(dice) for _ in range(count)])
    for _ in range(2):  # by the general parser, then perhaps by a template
        rows_of_it, columns = values.of_apdu(octets).values[0], values.columns_of_apdu(octets).values
        assert repr([tuple(column) for column in columns]) == repr(list(zip(*rows_of_it, strict=True)))


@pytest.mark.parametrize("budget", [39, 40, 100, 159, 160, 161, 199, 200])
def test_the_budget_ends_where_it_does_without_templates(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec.State, "budget", budget)
    same_both_ways(data.DATA, array([b"\x02\x03\x00\x11\x05\x02\x01\x00"] * 40))


def test_a_value_that_something_is_to_be_said_of_keeps_its_remark() -> None:
    made = [b"\x0a\x03abc"] * 40
    made[21] = b"\x0a\x03a\nc"
    parsed = same_both_ways(data.DATA, array(made))
    assert [i.start for i in parsed.issues] == [2 + 21 * 5]


@pytest.mark.parametrize("run", [1, 3, 4, 5, 300])
def test_arrays_made_to_change_cost_no_more_than_their_octets(run: int) -> None:
    """Runs that end just behind where a template begins to be worth it, hundreds of thousands of times."""
    cells = (b"\x11\x05", b"\x12\x00\x06")
    made = [cells[n // run % 2] for n in range(400_000)]
    begin = time.process_time()
    parsed = parse(data.DATA, array(made))
    assert parsed.whole and len(parsed.nodes[0][3]) == len(made)
    assert time.process_time() - begin < 20  # a hang, not a budget


def test_templates_do_not_mix_grammars() -> None:
    """The same octets as DATA and as what deviates from it, in turn."""
    octets = array([bytes.fromhex("02 02 09060100010800FF 0600000001")] * 30)
    whole = apdu.APDU
    for _ in range(3):
        same_both_ways(data.DATA, octets)
        same_both_ways(data.LAST_DATA, octets)
        same_both_ways(whole, bytes.fromhex("C401C100") + octets)


def test_an_empty_structure_is_none_too_many() -> None:
    """The count before it has used up the budget; both ways read on to the first element that is really too many."""
    same_both_ways(data.DATA, bytes.fromhex("0101 0284FFFFFFFF 0200 0200 1101 020100"))
