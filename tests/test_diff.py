"""Two traces compared: pairs, what matters, what is expected, the first divergence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.align import align_keys
from analyzer.comparison import Diff, diff
from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.model import Record
from analyzer.report import diff_json, diff_text
from tests.support import (
    CLIENT,
    CLOCK,
    GET_CLOCK,
    METER,
    Conversation,
    Station,
    ciphered,
    keys,
    plain,
    thread,
)


def messages(talk: Conversation, ring: KeyRing | None = None) -> list:
    return list(decode(talk.trace(), ring or KeyRing()))


def thread_diff() -> tuple[Diff, list, list]:
    (_, manufacturer), (_, mine) = thread()
    return diff(manufacturer, mine), manufacturer, mine


def test_the_thread() -> None:
    result, _, _ = thread_diff()
    assert [(p.a, p.b) for p in result.pairs] == [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, None), (6, None), (7, None), (8, None), (9, 5), (10, 6),
    ]  # fmt: skip
    assert [p.status for p in result.pairs] == [
        "different", "same", "different", "different", *["only-a"] * 4, "same", "same",
    ]  # fmt: skip
    assert result.first_divergence is result.pairs[0]
    matter = {f.path.rpartition("initiate-request.")[2]: f for f in result.pairs[2].fields if f.status == "different"}
    assert {"information.llc", "information.aarq.protocol_version", "proposed_dlms_version_number"} <= matter.keys()
    version = matter["proposed_dlms_version_number"]
    assert (version.a, version.b) == ("6", "1")
    length = matter["information.aarq.calling_authentication_value.charstring.length"]
    assert (length.a, length.b) == ("8 octets", "16 octets")
    bits = matter["proposed_conformance.conformance_block.bits"]
    assert (bits.a, bits.b) == ("000019", "007E1F")
    expected = {f.path.rpartition(".")[2] for f in result.pairs[2].fields if f.status == "expected"}
    assert {
        "charstring",
        "invocation_counter",
        "ciphered_text",
        "authentication_tag",
        "frame_check_sequence",
    } <= expected
    snrm = result.pairs[0].fields
    assert [f.path for f in snrm if f.status == "different"] == ["information"]
    assert result.pairs[3].fields[0].path == "apdu"


def test_two_healthy_runs_differ_in_what_is_expected_alone() -> None:
    ring = keys()
    one = ciphered("hdlc", Station(CLIENT), Station(METER))
    two = ciphered("hdlc", Station(CLIENT, counter=40), Station(METER, counter=70))
    result = diff(messages(one, ring), messages(two, ring))
    assert result.first_divergence is None
    assert {p.status for p in result.pairs} == {"same", "expected"}
    assert all(f.why for p in result.pairs for f in p.fields)


def test_clocks_go_on() -> None:
    later = CLOCK.replace(bytes.fromhex("0A1E0F"), bytes.fromhex("0B0203"))
    one = Conversation().connect().request(GET_CLOCK).reply(CLOCK)
    two = Conversation().connect().request(GET_CLOCK).reply(later)
    result = diff(messages(one), messages(two))
    assert result.first_divergence is None and result.pairs[-1].status == "expected"


def test_link_numbers_shift_behind_a_gap() -> None:
    one = Conversation().connect().request(GET_CLOCK).reply(CLOCK).request(GET_CLOCK).reply(CLOCK)
    two = Conversation().connect().request(GET_CLOCK).reply(CLOCK)
    result = diff(messages(one), messages(two))
    assert [p.status for p in result.pairs].count("only-a") == 2
    assert result.first_divergence is not None and result.first_divergence.b is None


def test_nothing_and_noise() -> None:
    talk = messages(plain())
    assert diff([], []).pairs == ()
    assert [p.status for p in diff(talk, []).pairs] == ["only-a"] * len(talk)
    noise = list(decode([Record(1, bytes(range(256)), "client")]))
    assert diff(noise, talk).pairs and diff(noise, noise).first_divergence is None


def test_reports() -> None:
    result, manufacturer, mine = thread_diff()
    text = diff_text.render(result, "MANUFACTURER", "MINE", manufacturer, mine)
    assert text.startswith("3 of 10 pairs of messages differ, 4 have no counterpart. First divergence: message 1")
    assert "aarq.protocol_version" in text and "16 octets" in text and "\x1b" not in text
    assert max(map(len, text.splitlines()[1:])) <= 130
    made = diff_json.render(result, "A", "B")
    assert made["first_divergence"] == {"a": 1, "b": 1} and len(made["pairs"]) == 10


keyed = st.lists(
    st.sampled_from([("client", "I", n, t) for n in ("get-request", "set-request") for t in ("a", "b")]
                    + [("meter", "I", "get-response", ""), ("client", "SNRM", "", ""), ("meter", "UA", "", "")]),
    max_size=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(keyed, keyed)
def test_alignment_keeps_every_message_in_order(a: list, b: list) -> None:
    pairs = align_keys(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    for i, j in pairs:
        if i is not None and j is not None:
            assert a[i][:2] == b[j][:2]
    assert align_keys(a, a) == [(n, n) for n in range(len(a))]


def test_long_traces_are_aligned() -> None:
    a = [("client", "I", "get-request", str(n)) for n in range(20_000)]
    b = a[:7_000] + a[7_010:15_000] + [("client", "I", "set-request", "x")] + a[15_000:]
    pairs = align_keys(a, b)
    assert sum(i is not None and j is not None and a[i] == b[j] for i, j in pairs) >= 19_900
