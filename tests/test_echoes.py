"""Frames that come back to their sender, and damaged frames that come again: neither is read as what it seems to be."""

from __future__ import annotations

from dataclasses import replace

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.framing import frames_of
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.report.summary import summary
from tests.lab.carriers import Hdlc
from tests.lab.conversation import Setting, Talk


def records_of(*told: tuple[str, bytes]) -> tuple[Record, ...]:
    return tuple(Record(n, data, side) for n, (side, data) in enumerate(told, 1))  # type: ignore[arg-type]


def found(records: tuple[Record, ...], ring: KeyRing) -> list[tuple[str, str]]:
    trace = Trace("t", "t", records)
    diagnosis = diagnose([(trace, list(decode(trace, ring)))], ring)[0]
    return [(one.code, one.severity) for one in diagnosis.findings if one.severity != "info"]


def talk(seed: int, **given: object) -> tuple[tuple[Record, ...], Setting]:
    setting = Setting(seed, framing="hdlc", **given)  # type: ignore[arg-type]
    return Talk(setting).play().records, setting  # type: ignore[return-value]


def echoing(records: tuple[Record, ...], joined: bool = False) -> tuple[Record, ...]:
    """With all that the client sends given back, each by itself or in one read with the answer behind it."""
    told: list[tuple[str, bytes]] = []
    for record in records:
        if joined and record.direction == "meter" and told[-1][0] == "meter":
            told[-1] = ("meter", told[-1][1] + record.data)
        else:
            told.append((record.direction, record.data))
        if record.direction == "client":
            told.append(("meter", record.data))
    return records_of(*told)


def test_an_echo_is_a_message_of_neither_side_and_moves_no_state() -> None:
    records, setting = talk(5, ciphered=True, mechanism=5)
    plain, echoed = (list(decode(r, setting.ring())) for r in (records, echoing(records)))
    assert all(m.direction == "unknown" and m.layer is None for m in echoed if m.frames[0].echo)
    assert sum(m.frames[0].echo for m in echoed) == sum(r.direction == "client" for r in records)
    heard = [m for m in echoed if not m.frames[0].echo]
    assert [(m.direction, summary(m), m.after) for m in heard] == [(m.direction, summary(m), m.after) for m in plain]
    assert "echo" in summary(next(m for m in echoed if m.frames[0].echo))


def test_an_echo_is_all_that_is_said_of_an_adapter() -> None:
    for seed in range(12):
        records, setting = talk(seed)
        for joined in (False, True):
            assert found(echoing(records, joined), setting.ring()) == [("echo", "warning")], (seed, joined)


def test_an_echo_alone_is_silence() -> None:
    line = Hdlc(16, 1)
    snrm = line.frame("client", 0x93)
    said = found(records_of(("client", snrm), ("meter", snrm), ("client", snrm), ("meter", snrm)), KeyRing())
    assert [code for code, _ in said] == ["no-reply", "echo"]


def test_what_a_meter_may_send_itself_is_no_echo() -> None:
    line = Hdlc(1, 1)  # one number on both sides: RR looks the same from either
    ready = line.frame("client", 0x11)
    frames = list(frames_of(records_of(("client", ready), ("meter", ready))))
    assert not any(frame.echo for frame in frames)
    choice = bytes.fromhex("063235320D0A")  # mode E: the meter confirms with the octets of the client
    told = (("client", b"/?!\r\n"), ("meter", b"/ABC5\\2XYZ\r\n"), ("client", choice), ("meter", choice))
    assert not any(frame.echo for frame in frames_of(records_of(*told)))
    told = (("client", b"/?!\r\n"), ("meter", b"/?!\r\n"), ("meter", b"/ABC5\\2XYZ\r\n"))
    assert [frame.echo for frame in frames_of(records_of(*told))] == [False, True, False]


def test_a_damaged_frame_that_comes_again_counts_for_nothing() -> None:
    """Whatever octet of whichever I frame is damaged, only the damage is said, segments and blocks included."""
    for seed in range(40):
        records, setting = talk(seed, ciphered=True, control=0x30)
        places = [n for n, r in enumerate(records) if not r.data[_control(r.data)] & 1 and n < len(records) - 1]
        at = places[seed * 7 % len(places)]
        data = bytearray(records[at].data)
        data[_control(data) + 3 + seed % (len(data) - _control(data) - 6)] ^= 0x10
        told = [(r.direction, r.data) for r in records]
        told.insert(at, (records[at].direction, bytes(data)))
        spoiled = records_of(*told)
        assert found(spoiled, setting.ring()) == [("fcs-wrong", "warning")], seed
        whole, mended = (list(decode(r, setting.ring())) for r in (records, spoiled))
        damaged = {m.number for m in mended if len(m.frames) == 1 and m.frames[0].damaged}
        assert len(damaged) == 1
        heard = [m for m in mended if m.number not in damaged]
        assert [summary(m) for m in heard] == [summary(m) for m in whole]
        assert [replace(m.after, snrm=None, ua=None) for m in heard][-1] == replace(whole[-1].after, snrm=None, ua=None)


def _control(data: bytes) -> int:
    at = 3
    for _ in range(2):
        while not data[at] & 1:
            at += 1
        at += 1
    return at
