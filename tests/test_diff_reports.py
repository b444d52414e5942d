"""The difference of two traces as text and as JSON."""

import json
import re
from importlib.resources import files

import jsonschema
import pytest

from analyzer.comparison import Diff, FieldDifference, Pair, Totals, diff
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record
from analyzer.report import diff_json, diff_text
from tests.support import CLIENT, METER, Station, ciphered, keys, plain, thread

SCHEMA = json.loads((files("analyzer.report") / "schemas/diff.schema.json").read_text("utf-8"))
NAMES = "MANUFACTURER", "MINE"


def thread_text(width: int = 100, color: bool = False) -> str:
    (_, manufacturer), (_, mine) = thread()
    return diff_text.render(diff(manufacturer, mine), *NAMES, manufacturer, mine, color, width)


def two_runs() -> tuple[list[Message], list[Message]]:
    later = ciphered("hdlc", Station(CLIENT, counter=40), Station(METER, counter=70))
    return list(decode(ciphered().trace(), keys())), list(decode(later.trace(), keys()))


def test_first_line() -> None:
    assert thread_text().splitlines()[0] == (
        "3 of 10 pairs of messages differ, 4 have no counterpart. "
        "First divergence: message 1 of MANUFACTURER and message 1 of MINE (information)."
    )
    one, two = two_runs()
    text = diff_text.render(diff(one, two), *NAMES, one, two)
    assert text.splitlines()[0] == f"No difference that matters in {len(one)} pairs of messages."
    gap = diff_text.render(diff(one, one[:-1]), *NAMES, one, one[:-1])
    assert gap.startswith(f"0 of {len(one)} pairs of messages differ, 1 has no counterpart. First divergence: message")
    assert diff_text.render(diff([], []), *NAMES, [], []).startswith("No difference that matters in 0 pairs")


def test_large_counts_are_grouped_as_above_the_pairs() -> None:
    totals = Totals(30_473, 1_338, 3_902, Pair(10_001, None, "only-a"), complete=True)
    assert diff_text.headline(totals, *NAMES).startswith(
        "1,338 of 30,473 pairs of messages differ, 3,902 have no counterpart. First divergence: message 10001"
    )
    assert " 30,000 pairs" in diff_text.headline(Totals(30_000, complete=True), *NAMES)


def test_side_by_side() -> None:
    lines = thread_text(130).splitlines()
    snrm = next(line for line in lines if "SNRM" in line)
    assert re.fullmatch(r" +1 --> SNRM, 2000/2000 .* ! +1 --> SNRM, no parameters.*", snrm)
    assert any("AARE accepted" in line and "read-request" in line and " ! " in line for line in lines)
    assert any("GET request" in line and "< " in line and line.endswith("(no counterpart)") for line in lines)
    assert any(re.fullmatch(r" +9 --> DISC +=  +5 --> DISC", line) for line in lines)
    assert max(map(len, lines[1:])) <= 130


def test_what_the_thread_shows() -> None:
    text = thread_text(140)
    assert "! llc  the LLC header is missing on one side" in text
    assert re.search(r"charstring\.length .*\n +8 octets +\| 16 octets\n", text)
    assert re.search(r"proposed_dlms_version_number .*found 1\n +6 +\| 1\n", text)
    assert re.search(r"conformance_block\.bits  .*\n +000019 +\| 007E1F\n", text)
    assert re.search(r"only on the right\n +priority_mgmt_supported, attribute0_supported_with_get", text)
    assert re.search(r"! apdu  .*no meter sends a read-request.*\n +aare +\| read-request\n", text)
    expected = [line.strip() for line in text.splitlines() if line.strip().startswith("~ charstring")]
    assert expected == [
        "~ charstring, invocation_counter, ciphered_text, authentication_tag, lengths, check sequences, tags"
    ]


@pytest.mark.parametrize("width", [1, 60, 79, 99, 100, 101, 200])
def test_widths(width: int) -> None:
    text = thread_text(width)
    room = max(width, 60)
    assert all(len(line) <= room for line in text.splitlines()[1:])
    stacked = re.search(r"^ +1 ! a --> SNRM.*\n +1   b --> SNRM", text, re.MULTILINE)
    assert bool(stacked) == (width < 100)


def test_healthy_runs_have_one_line_of_expected_differences_each() -> None:
    one, two = two_runs()
    result = diff(one, two)
    lines = diff_text.render(result, *NAMES, one, two).splitlines()
    expected = sum(pair.status == "expected" for pair in result.pairs)
    assert expected > 0 and sum(line.strip().startswith("~ ") for line in lines) == expected
    assert not any(line.strip().startswith("! ") for line in lines)


def test_colours_only_where_asked_for_and_the_text_is_the_same() -> None:
    coloured = thread_text(color=True)
    assert "\x1b[1;31m" in coloured and "\x1b[2m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == thread_text()


def test_a_bit_that_stands_alone_is_told_by_its_group() -> None:
    bit = FieldDifference(
        "information.x.security_control.encryption", "1", "0", "different", "a bit that one side sets"
    )
    one = list(decode(plain("none").trace()))
    text = diff_text.render(Diff((pair := Pair(1, 1, "different", (bit,)),), pair), *NAMES, one, one)
    assert "security_control, only on the left\n" in text and "encryption" in text


def test_json_of_the_thread() -> None:
    (_, manufacturer), (_, mine) = thread()
    made = diff_json.render(diff(manufacturer, mine), *NAMES)
    jsonschema.validate(made, SCHEMA)
    assert (made["a"], made["b"], made["first_divergence"]) == (*NAMES, {"a": 1, "b": 1})
    assert [pair["status"] for pair in made["pairs"]].count("only-a") == 4
    assert json.loads(json.dumps(made)) == made


def test_json_of_healthy_empty_and_damaged_traces() -> None:
    one, two = two_runs()
    noise = list(decode([Record(1, bytes(range(256)), "unknown"), Record(2, b"", "client")]))
    for a, b in ((one, two), (one, []), ([], one), ([], []), (noise, one), (one, noise), (noise, noise)):
        made = diff_json.render(diff(a, b), *NAMES)
        jsonschema.validate(made, SCHEMA)
        assert [pair["a"] for pair in made["pairs"] if pair["a"]] == [message.number for message in a]
    assert diff_json.render(diff(one, two), *NAMES)["first_divergence"] is None
    assert diff_json.render(diff([], one), *NAMES)["first_divergence"] == {"a": None, "b": 1}


def test_the_schema_is_strict() -> None:
    made = diff_json.render(diff([], list(decode(plain().trace()))), *NAMES)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**made, "pairs": [{**made["pairs"][0], "status": "equal"}]}, SCHEMA)
