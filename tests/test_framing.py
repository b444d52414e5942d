"""Delimiting: by length, resynchronising, losing nothing, in linear time."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.frame import Frame
from analyzer.framing import frames_of
from analyzer.framings.apdu import LONGEST
from analyzer.model import Record
from grammars.hdlc import crc16_x25
from tests.apdu_looks import count_looks
from tests.support import CONFORMANCE, THREAD, aarq, frame, wrapped

FRAMES = [bytes.fromhex(line) for line in (THREAD / "thread.log").read_text().splitlines() if line.startswith("7E")]
SNRM, UA = frame(0x93), frame(0x73, to_server=False)
INNER_FLAGS = frame(0x10, bytes.fromhex("E6E600C0017E7EA07E7E010203"))


def records(*chunks: bytes, direction: str = "unknown", carrier: str = "") -> list[Record]:
    return [Record(n, chunk, direction, carrier=carrier) for n, chunk in enumerate(chunks, 1)]  # type: ignore[arg-type]


def cut(*chunks: bytes, direction: str = "unknown") -> list[Frame]:
    return list(frames_of(records(*chunks, direction=direction)))


def kinds(frames: list[Frame]) -> list[tuple[str, str | None]]:
    return [(found.framing, found.kind) for found in frames]


def codes(frames: list[Frame]) -> list[str]:
    return [issue.code for found in frames for issue in found.issues]


def test_a_flag_inside_is_no_end() -> None:
    found = cut(INNER_FLAGS)
    assert [f.data for f in found] == [INNER_FLAGS]
    assert not codes(found)


@pytest.mark.parametrize("octets", FRAMES, ids=range(1, len(FRAMES) + 1))
def test_the_thread(octets: bytes) -> None:
    found = cut(octets)
    assert [f.data for f in found] == [octets]
    assert not codes(found)


def test_shared_and_repeated_flags() -> None:
    shared = cut(SNRM[:-1] + UA)
    assert kinds(shared) == [("hdlc", "SNRM"), ("hdlc", "UA")]
    assert not codes(shared)
    repeated = cut(SNRM + b"\x7e\x7e" + UA)
    assert [k for k in kinds(repeated) if k[0] == "hdlc"] == [("hdlc", "SNRM"), ("hdlc", "UA")]
    assert set(codes(repeated)) == {"shared-flag"}


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [(b"\x00\xff", b"", b""), (b"", b"\xff\xff\x00", b""), (b"", b"", b"\x00\x00"), (b"abc", b"\x11", b"xyz")],
)
def test_stray_octets_are_kept(before: bytes, between: bytes, after: bytes) -> None:
    found = cut(before + SNRM + between + UA + after)
    assert [k for k in kinds(found) if k[0] == "hdlc"] == [("hdlc", "SNRM"), ("hdlc", "UA")]
    assert b"".join(f.data for f in found) == before + SNRM + between + UA + after
    assert codes(found).count("stray-octets") == sum(map(bool, (before, between, after)))


def test_a_damaged_length_does_not_take_the_next_frame() -> None:
    for wrong in (3, 9, 40, 2000):
        damaged = bytearray(SNRM)
        damaged[1:3] = (0xA000 | wrong).to_bytes(2, "big")
        found = cut(bytes(damaged) + UA)
        assert kinds(found)[-1] == ("hdlc", "UA"), wrong
        assert "frame-length-wrong" in codes(found)
        assert b"".join(f.data for f in found) == bytes(damaged) + UA


def test_a_wrong_length_with_a_right_check_is_found() -> None:
    body = bytearray(SNRM[1:-3])
    body[1] += 1
    odd = b"\x7e" + bytes(body) + crc16_x25(bytes(body)).to_bytes(2, "little") + b"\x7e"
    found = cut(odd + UA)
    assert [f.data for f in found] == [odd, UA]
    assert codes(found) == ["frame-length-wrong"]


def test_another_frame_type() -> None:
    body = bytes([0x90, 0x07]) + SNRM[3:-3]
    odd = b"\x7e" + body + crc16_x25(body).to_bytes(2, "little") + b"\x7e"
    assert codes(cut(odd)) == ["frame-type-unknown"]


def test_frames_without_flags() -> None:
    found = cut(SNRM[1:-1])
    assert kinds(found) == [("hdlc", "SNRM")]
    assert codes(found) == ["stray-octets"]


def test_wrapper_frames_in_a_stream() -> None:
    apdu = aarq(bytes.fromhex("0100000006") + CONFORMANCE + b"\xff\xff")
    one, two = wrapped(apdu, 16, 1), wrapped(bytes.fromhex("C001C100080000010000FF0200"), 16, 1)
    for chunks in ([one + two], [one[:5], one[5:] + two[:9], two[9:]], [bytes([b]) for b in one + two]):
        found = list(frames_of(records(*chunks, direction="client", carrier="tcp")))
        assert [f.data for f in found] == [one, two]
    assert codes(cut(one[:-3])) == ["wrapper-length-wrong"]


def test_a_bare_apdu() -> None:
    found = cut(bytes.fromhex("C001C100080000010000FF0200"))
    assert kinds(found) == [("none", None)] and not codes(found)
    assert found[0].direction == "client"


def length(count: int) -> bytes:
    """A length of five octets, as one of megabytes has."""
    return b"\x84" + count.to_bytes(4, "big")


ROW = bytes.fromhex("0203 090C07E80B1A040A1E0F00FFC480 1100 0600000007")
LONG_APDUS = {
    "data-notification": lambda size: bytes.fromhex("0F0000000100 01") + length(size // 23) + ROW * (size // 23),
    "general-block-transfer": lambda size: bytes.fromhex("E08000010000") + length(size) + bytes(range(2, 252)) * (size // 250),
    "get-response": lambda size: bytes.fromhex("C401C100 09") + length(size) + b"\x55" * size,
    "glo-get-response": lambda size: b"\xcc" + length(size) + bytes.fromhex("3000000001") + b"\x55" * (size - 5),
}  # fmt: skip
GET = bytes.fromhex("C001C100080000010000FF0200")


@pytest.mark.parametrize("size", [70_000, 600_000, 1_200_000])
@pytest.mark.parametrize("kind", LONG_APDUS)
def test_a_long_apdu_that_is_all_there_is_one(kind: str, size: int) -> None:
    octets = LONG_APDUS[kind](size // 5750 * 5750)
    assert [(f.data, f.issues) for f in cut(octets)] == [(octets, ())]
    assert [f.data for f in cut(octets + GET)] == [octets, GET]
    assert [f.data for f in cut(octets, SNRM)] == [octets, SNRM]


def test_a_long_apdu_is_not_read_anew_with_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = count_looks(monkeypatch)
    octets = LONG_APDUS["data-notification"](1_200_000)
    assert [f.data for f in cut(octets)] == [octets]
    assert sum(looked) < 4 * len(octets)


def test_a_long_apdu_that_is_cut_off_takes_what_a_pdu_may_have() -> None:
    octets = LONG_APDUS["data-notification"](300_000)[:-5]
    found = cut(octets)
    assert (len(found[0].data), codes(found[:1])) == (LONGEST, ["apdu-cut"])
    assert str(LONGEST) in found[0].issues[0].text
    assert b"".join(f.data for f in found) == octets and "apdu-cut" not in codes(found[1:])


@pytest.mark.parametrize("size", [30, 3000, 60_000])
def test_an_apdu_that_is_cut_off_ends_where_a_right_frame_begins(size: int) -> None:
    octets = (bytes.fromhex("0F000000010009") + length(60_001) + b"\x55" * size)[:size]
    assert [(f.data, codes([f])) for f in cut(octets)] == [(octets, ["apdu-cut"])]
    apdu = aarq(bytes.fromhex("0100000006") + CONFORMANCE + b"\xff\xff")
    for behind in (SNRM, wrapped(apdu, 16, 1), bytes.fromhex("680303680801727B16")):
        found = cut(octets + behind)
        assert [f.data for f in found] == [octets, behind] and codes(found) == ["apdu-cut"]
        assert f"behind {size} octets" in found[0].issues[0].text


def test_a_push_that_holds_a_frame_is_one_apdu() -> None:
    octets = bytes.fromhex("0F000000010009") + bytes([len(SNRM)]) + SNRM
    assert [(f.data, f.issues) for f in cut(octets)] == [(octets, ())]


FLAG_FIRST = frame(0x10, b"\x7e\xe7\x9d\x64\xf9\xa2\xa9\x7e\x04\x2d", more=True)  # up to it the header check holds


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([SNRM, UA, INNER_FLAGS, FLAG_FIRST, *FRAMES]), min_size=1, max_size=6), st.data())
def test_any_chunking_gives_the_same_frames(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(sent)
    whole = cut(stream, direction="client")
    assert [f.data for f in whole] == sent
    places = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=8).map(lambda p: sorted(set(p))))
    chunks = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert [f.data for f in cut(*chunks, direction="client")] == sent


@pytest.mark.parametrize("place", range(3, len(FLAG_FIRST)))
def test_information_that_begins_with_a_flag_may_come_in_two_segments(place: int) -> None:
    """Up to a 7E behind the header check the check sequence holds; the length says that the frame goes on."""
    found = cut(FLAG_FIRST[:place], FLAG_FIRST[place:], direction="meter")
    assert [f.data for f in found] == [FLAG_FIRST] and not codes(found)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=30), st.sampled_from([SNRM, UA, INNER_FLAGS, SNRM[:5], b"\x7e\xa0"])), max_size=6
    )
)
def test_no_octet_is_lost(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    rest = stream
    for found in cut(*parts) if stream else []:
        # A flag that ends one frame and begins the next belongs to both.
        if not rest.startswith(found.data):
            rest = b"\x7e" + rest
        assert rest.startswith(found.data), (stream.hex(), found.data.hex())
        rest = rest[len(found.data) :]
    assert not rest


def test_directions_are_derived() -> None:
    found = cut(*FRAMES[:10])
    assert [f.direction for f in found] == ["client", "meter"] * 5
    turned = [Record(n, f, "meter" if n % 2 else "client") for n, f in enumerate(FRAMES[:10], 1)]
    assert [f.direction for f in frames_of(turned)] == ["client", "meter"] * 5


def test_frames_keep_their_records() -> None:
    found = cut(SNRM[:4], SNRM[4:] + UA[:3], UA[3:])
    assert [f.records for f in found] == [(1, 2), (2, 3)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "chunks",
    [
        [random.Random(1).randbytes(2_000_000)],
        [b"\x7e" * 2_000_000],
        [b"\x7e\xa7\xff" * 300_000],
        [FRAMES[2] * 20_000],
        [bytes([b]) for b in FRAMES[2] * 2_000],
        [b"\x00\x01" * 500_000],
        [b"\x00" * 2_000_000],
        [b"\x7e\xa0"] + [b"\x00"] * 30_000,
    ],
    ids=["noise", "flags", "openings", "frames", "frames by octet", "wrapper versions", "zeros", "an endless frame"],
)
def test_linear_time(chunks: list[bytes]) -> None:
    started = time.perf_counter()
    found = cut(*chunks, direction="client")
    assert sum(len(f.data) for f in found) >= sum(map(len, chunks)) - len(found)
    assert time.perf_counter() - started < 30


LONG_PIECES = [
    *(octets.hex() for octets in FRAMES[:4]), INNER_FLAGS.hex(), "7e", "00", "a0", "2f414243357831320d0a",
    wrapped(bytes.fromhex("C001C100080000010000FF0200"), 16, 1).hex(), "68030368080172fa16", "e5", "102d012e16",
    "c001c100080000010000ff0200", "7ea0", "0001", "ff" * 30, "e6e600", "db0842",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_a_long_record_gives_the_same_in_parts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are a matter of memory: what a record holds is the same however it is cut."""
    pick = random.Random(seed)
    octets = bytearray(b"".join(bytes.fromhex(pick.choice(LONG_PIECES)) for _ in range(8_000)))
    for _ in range(20):
        octets[pick.randrange(len(octets))] ^= pick.randrange(1, 256)
    monkeypatch.setattr("analyzer.framing.PART", 10**9)
    whole = list(frames_of([Record(1, bytes(octets))]))
    monkeypatch.setattr("analyzer.framing.PART", pick.choice([10_000, 50_000, 100_000]))
    assert list(frames_of([Record(1, bytes(octets))])) == whole


def test_noise_comes_in_frames_of_bounded_length() -> None:
    noise = bytes(5 << 19)
    found = cut(noise)
    assert b"".join(one.data for one in found) == noise
    assert len(found) == 3 and {one.framing for one in found} == {"none"}
