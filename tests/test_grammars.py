"""Every grammar three ways: compiled, interpreted, built. The interpreted way is the oracle of the compiled one."""

import random
import tomllib
from pathlib import Path

import pytest
from construct import Int8ub, Prefixed
from hypothesis import given, settings
from hypothesis import strategies as st

from grammars import acse, apdu, axdr, data, hdlc, llc, wrapper
from grammars.compiler import NotCompilable, compile_all
from grammars.kit import U8, Lengthed, Rest, Struct
from grammars.kit.spec import Failure, RawNode, find_raw, walk_raw
from grammars.parse import Parsed, build, interpret, parse

VECTORS = tomllib.loads((Path(__file__).parent / "vectors" / "apdus.toml").read_text("utf-8"))["apdu"]
THREAD = [
    bytes.fromhex(line)
    for line in (Path(__file__).parents[1] / "captures/gurux-forum-2017/thread.log").read_text().splitlines()
    if line.startswith("7E")
]
GRAMMARS = {
    "APDU": apdu.APDU,
    "FRAME": hdlc.FRAME,
    "FRAME_WITHOUT_FLAGS": hdlc.FRAME_WITHOUT_FLAGS,
    "LLC": llc.LLC,
    "WRAPPER": wrapper.WRAPPER,
    "DATA": data.DATA,
    "DATE_TIME": axdr.DATE_TIME,
    "AARQ": acse.AARQ,
}


def octets_of(vector: dict) -> bytes:
    return bytes.fromhex("".join(vector["hex"].split()))


def names(nodes: list[RawNode]) -> list:
    """Nodes as plain values that compare."""
    return [(n[0].name, n[1], n[2], names(n[3]) if isinstance(n[3], list) else repr(n[3])) for n in nodes]


def issues(parsed: Parsed) -> list:
    return sorted((i.severity, i.start, i.end, i.text, i.spec.name) for i in parsed.issues)


def same_both_ways(grammar, octets: bytes) -> Parsed:
    """Both ways agree: on the tree and the issues, or on the octet where they give up."""
    slow = interpret(grammar, octets)
    try:
        fast = parse(grammar, octets, partial=False)
    except Failure as failure:
        assert slow.failed_at == failure.offset, (octets.hex(), failure)
        said = [(i.start, i.text) for i in slow.issues if i.severity == "error"]
        assert (failure.offset, failure.text) in said, octets.hex()
        return slow
    inner = slow.failed_at is not None
    if inner:
        pytest.fail(f"only the interpreted way gives up: {octets.hex()} at {slow.failed_at}")
    assert names(fast.nodes) == names(slow.nodes), octets.hex()
    assert issues(fast) == issues(slow), octets.hex()
    return slow


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_grammar_compiles(name: str) -> None:
    compile_all(GRAMMARS[name])


def test_a_construct_that_the_compiler_does_not_know_is_an_error() -> None:
    strange = Struct("octets" / Prefixed(Int8ub, Int8ub))
    with pytest.raises(NotCompilable, match="Prefixed"):
        compile_all(strange)
    with pytest.raises(NotCompilable, match="Prefixed"):
        parse(strange, b"\x01\x02")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_vectors(vector: dict) -> None:
    octets = octets_of(vector)
    parsed = same_both_ways(apdu.APDU, octets)
    if not vector.get("whole", True):
        assert not parsed.whole or parsed.issues
        return
    assert parsed.whole
    assert "undecoded" not in [node[0].name for node in walk_raw(parsed.nodes)]
    assert next(n[0].name for n in parsed.nodes) == apdu.APDU_TAGS[octets[0]]
    if vector.get("canonical", True):
        assert build(apdu.APDU, parsed.nodes) == octets


@pytest.mark.parametrize("frame", THREAD, ids=range(1, len(THREAD) + 1))
def test_frames(frame: bytes) -> None:
    parsed = same_both_ways(hdlc.FRAME, frame)
    assert parsed.whole
    assert not [i for i in parsed.issues if i.severity == "error"]
    assert build(hdlc.FRAME, parsed.nodes) == frame or b"\x81\x80\x14\x05\x01\xc8" in frame  # a length that lies
    bare = same_both_ways(hdlc.FRAME_WITHOUT_FLAGS, frame[1:-1])
    assert bare.whole


# -- generated ------------------------------------------------------------------------------------------------------

byte = st.integers(0, 255)
octet_string = st.binary(max_size=40)
clock = st.tuples(
    st.integers(1970, 2120), st.integers(1, 12), st.integers(1, 28), st.integers(1, 7), st.integers(0, 23),
    st.integers(0, 59), st.integers(0, 59), st.integers(0, 99), st.integers(-720, 840), byte,
)  # fmt: skip


def length(size: int) -> bytes:
    return bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")


def date_time(parts: tuple) -> bytes:
    year, *rest, deviation, status = parts
    return year.to_bytes(2, "big") + bytes(rest) + deviation.to_bytes(2, "big", signed=True) + bytes([status])


def fixed(tag: int, size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size).map(lambda body: bytes([tag]) + body)


def bit_string(bits: list[bool]) -> bytes:
    text = "".join("01"[bit] for bit in bits).ljust((len(bits) + 7) // 8 * 8, "0")
    return b"\x04" + length(len(bits)) + bytes(int(text[n : n + 8], 2) for n in range(0, len(text), 8))


leaves = st.one_of(
    st.just(b"\x00"),
    st.sampled_from([b"\x03\x00", b"\x03\x01"]),
    st.lists(st.booleans(), max_size=20).map(bit_string),
    *(fixed(tag, size) for tag, size in {5: 4, 6: 4, 13: 1, 15: 1, 16: 2, 17: 1, 18: 2, 20: 8, 21: 8, 22: 1}.items()),
    *(fixed(tag, size) for tag, size in {28: 1, 29: 2, 30: 4, 31: 1, 32: 2, 33: 4}.items()),
    st.floats(width=32, allow_nan=False).map(lambda f: b"\x17" + __import__("struct").pack(">f", f)),
    st.floats(allow_nan=False).map(lambda f: b"\x18" + __import__("struct").pack(">d", f)),
    octet_string.map(lambda body: b"\x09" + length(len(body)) + body),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(
        lambda text: b"\x0a" + length(len(text)) + text.encode()
    ),
    st.text(max_size=10).map(lambda text: b"\x0c" + length(len(text.encode())) + text.encode()),
    clock.map(lambda parts: b"\x19" + date_time(parts)),
    clock.map(lambda parts: b"\x1a" + date_time(parts)[:5]),
    clock.map(lambda parts: b"\x1b" + date_time(parts)[5:9]),
    st.just(b"\xff"),
    st.lists(st.tuples(byte, st.binary(min_size=2, max_size=2)), max_size=5).map(
        lambda rows: b"\x13\x02\x02\x11\x12" + length(3 * len(rows)) + b"".join(bytes([a]) + b for a, b in rows)
    ),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: b"\x01" + length(len(items)) + b"".join(items)),
        st.lists(inner, max_size=4).map(lambda items: b"\x02" + length(len(items)) + b"".join(items)),
    ),
    max_leaves=12,
)
invoke = byte.map(lambda value: bytes([value]))
descriptor = st.binary(min_size=9, max_size=9)
selection = st.one_of(st.just(b"\x00"), st.tuples(byte, values).map(lambda t: b"\x01" + bytes([t[0]]) + t[1]))
block = st.tuples(st.sampled_from([b"\x00", b"\x01"]), st.binary(min_size=4, max_size=4), octet_string).map(
    lambda t: t[0] + t[1] + length(len(t[2])) + t[2]
)
number = st.binary(min_size=4, max_size=4)
result = st.sampled_from([b"\x00", b"\x01", b"\x03", b"\xfa"])


def listed(items: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(items, max_size=3).map(lambda found: bytes([len(found)]) + b"".join(found))


def joined(start: str, *parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(lambda found: bytes.fromhex(start) + b"".join(found))


get_result = st.one_of(values.map(lambda v: b"\x00" + v), result.map(lambda r: b"\x01" + r))
action_answer = st.tuples(result, st.one_of(st.just(b"\x00"), get_result.map(lambda r: b"\x01" + r))).map(b"".join)
with_parameters = st.one_of(st.just(b"\x00"), values.map(lambda v: b"\x01" + v))
sealed = st.tuples(
    st.sampled_from([0x21, 0x28, 0xC8, 0xC9, 0xCB, 0xCC, 0xCF, 0xD0, 0xD4]),
    st.sampled_from([0x10, 0x20, 0x30, 0x31, 0x70, 0xB0]),
    st.binary(min_size=16, max_size=200),
).map(lambda t: bytes([t[0]]) + length(len(t[2]) + 1) + bytes([t[1]]) + t[2])
tlv = st.tuples(st.sampled_from([0x80, 0xA1, 0xA6, 0x8A, 0x8B, 0xAC, 0xBE, 0xA9, 0xBD, 0x99]), octet_string).map(
    lambda t: bytes([t[0]]) + length(len(t[1])) + t[1]
)
acse_apdu = st.tuples(st.sampled_from([0x60, 0x61, 0x62, 0x63]), st.lists(tlv, max_size=6).map(b"".join)).map(
    lambda t: bytes([t[0]]) + length(len(t[1])) + t[1]
)
apdus = st.one_of(
    joined("C001", invoke, descriptor, selection),
    joined("C002", invoke, number),
    joined("C003", invoke, listed(st.tuples(descriptor, selection).map(b"".join))),
    joined("C401", invoke, get_result),
    joined("C402", invoke, st.tuples(st.sampled_from([b"\x00", b"\x01"]), number, octet_string).map(
        lambda t: t[0] + t[1] + b"\x00" + length(len(t[2])) + t[2])),
    joined("C403", invoke, listed(get_result)),
    joined("C101", invoke, descriptor, selection, values),
    joined("C102", invoke, descriptor, selection, block),
    joined("C103", invoke, block),
    joined("C501", invoke, result),
    joined("C502", invoke, number),
    joined("C503", invoke, result, number),
    joined("C505", invoke, listed(result)),
    joined("C301", invoke, descriptor, with_parameters),
    joined("C302", invoke, number),
    joined("C306", invoke, block),
    joined("C701", invoke, action_answer),
    joined("C702", invoke, block),
    joined("C703", invoke, listed(action_answer)),
    joined("C704", invoke, number),
    joined("0F", number, clock.map(lambda parts: b"\x0c" + date_time(parts)), values),
    joined("D8", st.sampled_from([b"\x01\x01", b"\x02\x02", b"\x01\x06\x00\x00\x00\x05"])),
    joined("0E", st.sampled_from([b"\x01\x06\x01", b"\x06\x00\x06", b"\x05\x05\x02"])),
    sealed,
    acse_apdu,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(apdus)
def test_generated_apdus(octets: bytes) -> None:
    parsed = same_both_ways(apdu.APDU, octets)
    if octets[0] not in (0x60, 0x61, 0x62, 0x63):
        assert parsed.whole, parsed.issues
        assert build(apdu.APDU, parsed.nodes) == octets


@settings(max_examples=200, deadline=None)
@given(values)
def test_generated_values(octets: bytes) -> None:
    parsed = same_both_ways(data.DATA, octets)
    assert parsed.whole
    assert build(data.DATA, parsed.nodes) == octets


addresses = st.one_of(
    byte.map(lambda n: bytes([n | 1])),
    st.tuples(byte, byte).map(lambda t: bytes([t[0] & 0xFE, t[1] | 1])),
    st.tuples(byte, byte, byte, byte).map(lambda t: bytes([t[0] & 0xFE, t[1] & 0xFE, t[2] & 0xFE, t[3] | 1])),
)


def frame(parts: tuple[bytes, bytes, int, bytes, bool]) -> bytes:
    destination, source, control, information, segmented = parts
    head = destination + source + bytes([control])
    size = 2 + len(head) + 2 + (len(information) + 2 if information else 0)
    body = bytes([0xA0 | segmented << 3 | size >> 8, size & 0xFF]) + head
    if information:
        body += hdlc.crc16_x25(body).to_bytes(2, "little") + information
    return b"\x7e" + body + hdlc.crc16_x25(body).to_bytes(2, "little") + b"\x7e"


controls = st.one_of(st.integers(0, 127).map(lambda n: n << 1), st.integers(0, 15).map(lambda n: n << 4 | 1), byte)


@settings(max_examples=200, deadline=None)
@given(st.tuples(addresses, addresses, controls, st.binary(max_size=60), st.booleans()))
def test_generated_frames(parts: tuple[bytes, bytes, int, bytes, bool]) -> None:
    octets = frame(parts)
    parsed = same_both_ways(hdlc.FRAME, octets)
    checks = [i for i in parsed.issues if i.spec.name in ("header_check_sequence", "frame_check_sequence")]
    assert not checks
    if parts[2] & 0xEF not in (0x83, 0x63, 0x87):  # their information fields have a grammar
        assert parsed.whole
        assert build(hdlc.FRAME, parsed.nodes) == octets


def mutated(octets: bytes, dice: random.Random) -> bytes:
    made = bytearray(octets)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        at = dice.randrange(len(made)) if made else 0
        kind = dice.randrange(5)
        if kind == 0 and made:
            made[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and made:
            made[at] = dice.choice((0, 1, 0x7F, 0x80, 0x81, 0x84, 0xFF, dice.randrange(256)))
        elif kind == 2:
            del made[at:]
        elif kind == 3:
            made[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 4)))
        elif kind == 4 and made:
            del made[at]
    return bytes(made)


def test_ten_thousand_mutations() -> None:
    dice = random.Random(2017)
    seeds = [(apdu.APDU, octets_of(vector)) for vector in VECTORS] + [(hdlc.FRAME, octets) for octets in THREAD]
    for _ in range(10_000):
        grammar, octets = dice.choice(seeds)
        same_both_ways(grammar, mutated(octets, dice))


@pytest.mark.parametrize(
    "octets",
    [
        b"\x01\x01" * 100_000,
        b"\x02\x01" * 100_000,
        b"\x09\x84\xff\xff\xff\xff" + bytes(20),
        b"\x01\x84\x3b\x9a\xca\x00" + bytes(100),
        bytes.fromhex("1302000000"),
        bytes.fromhex("13 02 01 01 ff ff 00 02 00 00"),
        bytes.fromhex("13" + "01ffff" * 7 + "00" + "0a" + "00" * 10),
        b"\x13" + b"\x02\x01" * 50_000,
    ],
    ids=["arrays in arrays", "structures in structures", "2^32 octets", "10^9 elements", "empty structures",
         "arrays of null", "nested arrays of null", "described structures"],
)  # fmt: skip
def test_bounded(octets: bytes) -> None:
    """A partial tree and an error, in no time and little memory."""
    import time
    import tracemalloc

    for grammar, data_ in ((data.DATA, octets), (apdu.APDU, b"\xc4\x01\xc1\x00" + octets)):
        tracemalloc.start()
        begin = time.process_time()
        parsed = parse(grammar, data_)
        spent, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert parsed.nodes
        assert peak < 50 << 20
        assert spent < 20  # a hang, not a budget


@pytest.mark.parametrize("first", [0x85, 0x88, 0xDC, 0xFF])
@pytest.mark.parametrize("head", ["C401C10009", "C401C10001", "C401C10004", "1E", "CC", "60", "C403C1", "E08000010000"])
def test_a_length_of_more_than_four_octets_is_none(head: str, first: int) -> None:
    """In octet-strings, counts, bit-strings, ciphered APDUs and BER, which is read on; with 84 all of them are lengths."""
    octets = bytes.fromhex(head) + bytes([first]) + b"\1" * 200
    said = [issue.text for issue in same_both_ways(apdu.APDU, octets).issues if issue.severity == "error"]
    if head == "60":
        assert f"the length says more than 4294967295 octets, {200 - first + 0x80} are present" in said
    else:
        assert said == [f"{first:02X} is no length: {first - 0x80} octets would follow, and 4 are the most (84)"]
    octets = bytes.fromhex(head) + b"\x84\0\0\0\x01" + bytes(200)
    said = [issue.text for issue in same_both_ways(apdu.APDU, octets).issues if issue.severity == "error"]
    assert not [text for text in said if "no length" in text]


@pytest.mark.parametrize("octets", [5, 6, 127])
def test_a_length_that_begins_with_zeros_is_read_with_a_remark(octets: int) -> None:
    """Meters write them; nothing is lost of what stands behind."""
    length = bytes([0x80 | octets]) + (5).to_bytes(octets, "big")
    parsed = same_both_ways(apdu.APDU, bytes.fromhex("C401C10009") + length + b"abcde")
    assert [issue.text for issue in parsed.issues] == [f"the length 5 takes {octets + 1} octets, and fewer would do"]
    assert find_raw(parsed.nodes, "octet-string")[3] == b"abcde"
    cut = same_both_ways(apdu.APDU, bytes.fromhex("C401C10009") + length[:4])
    assert [issue.text for issue in cut.issues][:1] == [f"expected {octets + 1} octets, found 4"]
    fields = bytes.fromhex("A109060760857405080101 BE10040E01000000065F1F0400001A1DFFFF".replace(" ", ""))
    parsed = same_both_ways(apdu.APDU, b"\x60" + length[:-1] + bytes([len(fields)]) + fields)
    assert parsed.whole and {issue.severity for issue in parsed.issues} <= {"info"}


def test_tagged_fields_are_read_on_behind_a_length_that_can_not_be() -> None:
    octets = bytes.fromhex("608574050802 05 A109060760857405080101 BE10040E01000000065F1F0400001A1DFFFF")
    parsed = same_both_ways(apdu.APDU, octets)
    assert find_raw(parsed.nodes, "aarq.user_information") is not None
    assert [i.text for i in parsed.issues] == ["the length says more than 4294967295 octets, 29 are present"]


def test_a_failure_keeps_what_was_read_and_names_the_innermost_field() -> None:
    whole = bytes.fromhex("C001C100080000010000FF0200")
    for cut in range(1, len(whole)):
        parsed = parse(apdu.APDU, whole[:cut])
        covered = sorted((n[1], n[2]) for n in walk_raw(parsed.nodes) if not isinstance(n[3], list))
        assert max((end for _, end in covered), default=0) <= cut
        error = next(i for i in parsed.issues if i.severity == "error")
        assert "expected" in error.text and "found" in error.text
    parsed = parse(apdu.APDU, whole[:10])
    error = next(i for i in parsed.issues if i.severity == "error")
    assert (error.spec.name, error.start, error.text) == ("instance_id", 5, "expected 6 octets, found 5")


def test_build_computes_lengths_and_checks() -> None:
    address = hdlc.ExtendedAddress
    made = build(
        hdlc.FRAME,
        {
            "opening_flag": 0x7E,
            "frame_format": {"frame_type": 10, "segmentation": 0},
            "destination_address": address.read(bytes.fromhex("0002FEFF"), 0, 4)[0],
            "source_address": address.read(b"\x03", 0, 1)[0],
            "control": 0x54,
            "header_check_sequence": 0,
            "information": THREAD[6][11:-3],
            "frame_check_sequence": 0,
            "closing_flag": 0x7E,
        },
    )
    assert made == THREAD[6]


def test_every_field_is_documented() -> None:
    """Names, enumerations and bit parts of everything that the vectors and frames show."""
    bare: set[str] = set()
    samples = [(apdu.APDU, octets_of(vector)) for vector in VECTORS] + [(hdlc.FRAME, octets) for octets in THREAD]
    for grammar, octets in samples:
        for spec, _, _, value in walk_raw(parse(grammar, octets).nodes):
            if not spec.doc:
                bare.add(spec.name)
            for symbol, meaning in (spec.symbols or {}).values():
                assert symbol and meaning
            for part in spec.parts(value) if spec.parts and isinstance(value, int) else ():
                assert part.name and part.doc
    assert not bare


def test_regions_contain_their_failures() -> None:
    inner = Struct("a" / U8 * "one", "b" / U8 * "two")
    outer = Struct("held" / Lengthed(inner) * "held", "behind" / U8 * "behind")
    parsed = parse(outer, bytes.fromhex("01AABB"))
    assert parsed.failed_at == 2
    assert [n[0].name for n in parsed.nodes] == ["held", "behind"]
    parsed = same_both_ways(Struct("held" / Lengthed(Rest) * "held"), bytes.fromhex("02AABBCC"))
    assert [n[0].name for n in parsed.nodes] == ["held", "undecoded"]


def test_a_length_that_cuts_the_last_field_is_not_believed() -> None:
    """RLRE 63 05 80 01 00 8A 02 07 80: the length leaves out the two octets of the last field."""
    whole = bytes.fromhex("6307800100BE020400")
    assert same_both_ways(apdu.APDU, whole).issues == []
    parsed = same_both_ways(apdu.APDU, bytes.fromhex("6304800100BE020400"))
    assert parsed.whole and [i.text for i in parsed.issues] == ["the length says 4 octets, its fields take 7"]
    behind = same_both_ways(apdu.APDU, bytes.fromhex("630380010000"))
    assert [n[0].name for n in behind.nodes] == ["rlre", "undecoded"]


def test_a_reading_that_is_given_up_leaves_no_remark() -> None:
    """06 09 .. FF might be an OBIS code with length and tag swapped, but as a number more of the octets can be read."""
    parsed = same_both_ways(apdu.APDU, bytes.fromhex("C401C100 0202 0609000001 0903FF4142 7E7E"))
    assert [i.text for i in parsed.issues] == ["2 octets not decoded"]
