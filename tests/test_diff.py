"""Two traces compared: pairs, what matters, what is expected, the first divergence, and that both sides are equal."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.comparison import Diff, FieldDifference, diff
from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record
from analyzer.paths import located
from analyzer.rebuild import Change, rebuild, set_value
from analyzer.tree import tree_of
from tests.support import (
    CLIENT,
    GET_CLOCK,
    INITIATE_REQUEST,
    METER,
    Conversation,
    Station,
    aarq,
    ciphered,
    frame,
    keys,
    plain,
    thread,
    thread_keys,
)

GET_REGISTER = bytes.fromhex("C001C100030100010800FF0200")
MIRROR = {"only-a": "only-b", "only-b": "only-a"}


def messages(talk: Conversation, ring: KeyRing | None = None) -> list[Message]:
    return list(decode(talk.trace(), ring or KeyRing()))


def thread_diff() -> tuple[Diff, list[Message], list[Message]]:
    (_, manufacturer), (_, mine) = thread()
    return diff(manufacturer, mine), manufacturer, mine


def by_name(fields: tuple[FieldDifference, ...], status: str = "different") -> dict[str, FieldDifference]:
    """The fields of a status by the last name of their paths."""
    return {field.path.rpartition(".")[2]: field for field in fields if field.status == status}


def matter(a: list[Message], b: list[Message]) -> list[tuple[str, str | None, str | None]]:
    """The fields that matter in all pairs."""
    fields = [field for pair in diff(a, b).pairs for field in pair.fields]
    return [(f.path, f.a, f.b) for f in fields if f.status == "different"]


def test_pairs_of_the_thread() -> None:
    result, _, _ = thread_diff()
    assert [(p.a, p.b) for p in result.pairs] == [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, None), (6, None), (7, None), (8, None), (9, 5), (10, 6),
    ]  # fmt: skip
    assert [p.status for p in result.pairs] == [
        "different", "same", "different", "different", *["only-a"] * 4, "same", "same",
    ]  # fmt: skip
    assert result.first_divergence is result.pairs[0]


def test_association_request_of_the_thread() -> None:
    fields = thread_diff()[0].pairs[2].fields
    found = {f.path.rpartition("initiate-request.")[2]: f for f in fields if f.status == "different"}
    assert {"information.llc", "information.aarq.protocol_version"} <= found.keys()
    assert (found["information.llc"].b, found["information.aarq.protocol_version"].b) == (None, None)
    assert found["information.aarq.protocol_version"].a == "80 02 07 80 version1"
    version = found["proposed_dlms_version_number"]
    assert (version.a, version.b) == ("6", "1")
    length = found["information.aarq.calling_authentication_value.charstring.length"]
    assert (length.a, length.b) == ("8 octets", "16 octets")
    encoding = found["proposed_conformance.conformance_block"]
    assert (encoding.a, encoding.b) == ("conformance_block_old", "conformance_block")
    bits = found["proposed_conformance.conformance_block.bits"]
    assert (bits.a, bits.b) == ("000019", "007E1F")
    selective = found["proposed_conformance.conformance_block.bits.selective_access"]
    assert (selective.a, selective.b) == ("0", "1")
    assert by_name(fields, "expected").keys() == {
        "length", "header_check_sequence", "charstring", "tag", "invocation_counter", "ciphered_text",
        "authentication_tag", "frame_check_sequence",
    }  # fmt: skip
    assert len(found) == 6 + 8  # and eight bits of the conformance


def test_link_parameters_of_the_thread() -> None:
    fields = thread_diff()[0].pairs[0].fields
    assert [(f.path, f.b) for f in fields if f.status == "different"] == [("information", None)]
    assert "2000" in (by_name(fields)["information"].a or "")


def test_the_answer_that_is_no_association_response() -> None:
    field = thread_diff()[0].pairs[3].fields[0]
    assert (field.path, field.a, field.b, field.status) == ("apdu", "aare", "read-request", "different")
    assert "no meter sends a read-request" in field.why


def test_paths_lead_to_the_fields() -> None:
    result, manufacturer, mine = thread_diff()
    for pair in result.pairs:
        for field in pair.fields:
            sides = [(field.a, pair.a, manufacturer), (field.b, pair.b, mine)]
            found = [located(tree_of(ms[n - 1]), field.path) for text, n, ms in sides if text and n]
            assert any(found) or field.path.endswith(("charstring.length", "apdu")), field.path


def test_protected_against_bare() -> None:
    one, two = Conversation("wrapper"), Conversation("wrapper")
    version_5 = INITIATE_REQUEST.replace(b"\x06\x5f", b"\x05\x5f")
    sealed = Station(CLIENT)
    one.request(aarq(sealed.seal(INITIATE_REQUEST), context=3, title=CLIENT)).request(sealed.seal(GET_CLOCK))
    two.request(aarq(version_5, context=3, title=CLIENT)).request(GET_REGISTER)
    found = [(path.rpartition(".")[2], a, b) for path, a, b in matter(messages(one, keys()), messages(two, keys()))]
    assert [row for row in found if row[0] not in ("verdict", "instance_id")] == [
        ("glo-initiate-request", "glo-initiate-request", "initiate-request"),
        ("proposed_dlms_version_number", "6", "5"),
        ("apdu", "glo-get-request", "get-request"),
        ("class_id", "8 Clock", "3 Register"),
    ]
    assert ("verdict", "verified", None) in found and any(name == "instance_id" for name, _, _ in found)


def test_content_that_one_side_alone_could_open() -> None:
    talk = ciphered()
    opened, closed = messages(talk, keys()), list(decode(talk.trace(), KeyRing()))
    found = [f for p in diff(opened, closed).pairs for f in p.fields]
    assert {(f.path, f.a, f.b) for f in found if f.path == "security.verdict"} == {
        ("security.verdict", "verified", "no-key")
    }
    other = list(decode(ciphered("hdlc", Station(CLIENT, counter=9), Station(METER, counter=9)).trace(), KeyRing()))
    texts = [f for p in diff(opened, other).pairs for f in p.fields if f.path.endswith("ciphered_text")]
    assert texts and {(f.status, f.why[:21]) for f in texts} == {("different", "opened on one side al")}


def test_content_that_nobody_opened() -> None:
    one, two = (
        list(decode(ciphered("hdlc", Station(CLIENT, counter=n), Station(METER, counter=n)).trace(), KeyRing()))
        for n in (1, 50)
    )
    result = diff(one, two)
    assert result.first_divergence is None
    texts = [f for p in result.pairs for f in p.fields if f.path.endswith("ciphered_text")]
    assert texts and all("opened on neither side" in f.why for f in texts)
    station = Station(CLIENT)
    longer = Conversation().request(station.seal(GET_CLOCK + b"\0"))
    shorter = Conversation().request(Station(CLIENT).seal(GET_CLOCK))
    assert [path.rpartition(".")[2] for path, _, _ in matter(messages(longer), messages(shorter))] == ["ciphered_text"]


def test_another_framing_is_said_once_a_message_and_the_content_compared() -> None:
    one, two = plain("hdlc", 1), plain("wrapper", 1)
    found = [(p.status, [f.path for f in p.fields]) for p in diff(messages(one), messages(two)).pairs]
    assert found == [("only-a", [])] * 2 + [("different", ["framing"])] * 4 + [("only-a", [])] * 2


def test_segments_of_one_apdu() -> None:
    apdu = bytes.fromhex("E6E600") + GET_CLOCK
    whole, parts = Conversation(), Conversation()
    whole.link(0x10, apdu)
    parts.records = [
        Record(1, frame(0x10, apdu[:9], more=True), "client"),
        Record(2, frame(0x12, apdu[9:]), "client"),
    ]
    a, b = messages(whole), messages(parts)
    assert len(a) == len(b) == 1
    assert matter(a, b) == [("frames", "1", "2")]


def test_every_change_of_a_field_is_found_by_its_path() -> None:
    """Fields set by rebuild, sealed again: the difference is that field, its checks and its ciphertext."""
    (_, original), _ = thread()
    changes = {
        "proposed_dlms_version_number": ("initiate-request", 5),
        "client_max_receive_pdu_size": ("initiate-request", 400),
        "response_allowed": ("initiate-request", False),
        "security_control": ("glo-initiate-request", 0x31),
    }
    for name, (layer, value) in changes.items():
        made = rebuild(original[2], [Change(layer, set_value(name, value))], thread_keys())
        records = [Record(m.number, m.wire, m.direction) for m in original]
        records[2] = Record(3, made.data, "client")
        changed = list(decode(records, thread_keys()))
        found = [path for path, _, _ in matter(original[:3], changed[:3])]
        assert found and all(name in path or path == "security.verdict" for path in found), (name, found)


def test_nothing_and_noise() -> None:
    talk = messages(plain())
    assert diff([], []) == Diff((), None)
    assert [p.status for p in diff(talk, []).pairs] == ["only-a"] * len(talk)
    assert [(p.a, p.b) for p in diff([], talk).pairs] == [(None, m.number) for m in talk]
    noise = list(decode([Record(1, bytes(range(256)), "client")]))
    assert diff(noise, talk).pairs and diff(noise, noise).first_divergence is None


TALKS = {
    "ciphered": [(r.data, r.direction) for r in ciphered().records],
    "bare": [(r.data, r.direction) for r in plain("none").records],
    "plain": [(r.data, r.direction) for r in plain("wrapper").records],
}


def mirrored(result: Diff) -> Diff:
    """The result with its sides exchanged, gaps of one run with those of the left side first."""
    pairs = [
        replace(p, a=p.b, b=p.a, status=MIRROR.get(p.status, p.status),
                fields=tuple(replace(f, a=f.b, b=f.a) for f in p.fields))
        for p in result.pairs
    ]  # fmt: skip
    return Diff(tuple(pairs), None)


def outcome(result: Diff) -> set[tuple[object, ...]]:
    """What a diff says, in no order."""
    return {
        (p.a, p.b, p.status, frozenset((f.path.partition(".")[0], f.a, f.b, f.status) for f in p.fields))
        for p in result.pairs
    }


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(sorted(TALKS)))
def test_damaged_traces(data: st.DataObject, name: str) -> None:
    records = [Record(n, octets, side) for n, (octets, side) in enumerate(TALKS[name], 1)]  # type: ignore[arg-type]
    sound = list(decode(records, keys()))
    number = data.draw(st.integers(0, len(records) - 1))
    octets = bytearray(records[number].data)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    damaged = [*records]
    damaged[number] = replace(records[number], data=bytes(octets))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1))]
    broken = list(decode(damaged, keys()))
    there, back = diff(sound, broken), diff(broken, sound)
    assert outcome(there) == outcome(mirrored(back))
    assert diff(broken, broken).first_divergence is None
    assert not any(p.fields for p in diff(broken, broken).pairs)
    assert [p.a for p in there.pairs if p.a] == [m.number for m in sound]
    assert [p.b for p in there.pairs if p.b] == [m.number for m in broken]
    wires = {m.number: m.wire for m in sound}, {m.number: m.wire for m in broken}
    for pair in there.pairs:
        if pair.a and pair.b:
            assert pair.fields or wires[0][pair.a] == wires[1][pair.b]
        if pair.status == "same":
            assert wires[0][pair.a or 0] == wires[1][pair.b or 0]
        assert all(f.path and f.why and f.a != "" and f.b != "" for f in pair.fields)
