"""Segments joined, and associations followed: link, state, titles, challenges, what was agreed, counters."""

from analyzer.association import ASSOCIATION, LINK
from analyzer.decoding import decode
from analyzer.diagnosis import hls_proofs
from analyzer.framing import frames_of
from analyzer.keyring import KeyRing
from analyzer.model import Record
from analyzer.reassembly import units_of
from tests.lab.conversation import Setting, Talk
from tests.support import (
    CLIENT,
    CLOCK,
    CTOS,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    STOC,
    Conversation,
    aare,
    aarq,
    ciphered,
    frame,
    keys,
    plain,
    thread,
)

LONG = bytes.fromhex("C401C10009819600") + bytes(range(149))


def segmented(*sizes: int, finish: bool = True) -> Conversation:
    """A long answer in segments, RR between them."""
    talk = Conversation().connect().request(GET_CLOCK)
    whole, at = bytes.fromhex("E6E700") + LONG, 0
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        part = whole[at:] if last and finish else whole[at : at + size]
        talk.add(frame(0x30 | number << 1, part, to_server=False, more=not (last and finish)), "meter")
        at += size
        if not last:
            talk.link(0x31 | (number + 1) << 5)
    return talk


def test_segments_are_joined() -> None:
    messages = list(decode(segmented(60, 60, 60).trace()))
    joined = next(m for m in messages if m.apdu == "get-response")
    assert len(joined.frames) == 3 and joined.complete
    assert joined.buffers[0].how == "reassembled" and joined.buffers[0].data[3:] == LONG
    assert [span.buffer for span in joined.buffers[0].sources] == [0, 0, 0]
    assert b"".join(joined.wire[s.start : s.end] for s in joined.buffers[0].sources) == joined.buffers[0].data
    assert [m.frame for m in messages] == ["SNRM", "UA", "I", "I", "RR", "RR"]


def test_a_segment_sent_twice_counts_once() -> None:
    talk = segmented(60, 60, 60)
    first = next(n for n, r in enumerate(talk.records) if r.data[1] & 8)
    talk.records.insert(first + 1, talk.records[first])
    records = [Record(n, r.data, r.direction) for n, r in enumerate(talk.records, 1)]
    units = list(units_of(frames_of(records)))
    assert [len(u.frames) for u in units if u.payload_buffer == 1] == [3]
    assert sum(len(u.frames) for u in units) == len(records)


def test_a_segment_that_never_comes() -> None:
    messages = list(decode(segmented(60, 60, finish=False).close().trace()))
    cut = next(m for m in messages if len(m.frames) == 2)
    assert not cut.complete


def test_the_thread_step_by_step() -> None:
    messages = thread()[0][1]
    assert [m.after.link for m in messages[:2]] == ["connecting", "connected"]
    assert [m.after.state for m in messages] == [
        "none", "none", "requested", "pending", "proving", "open", "open", "open", "none", "none",
    ]  # fmt: skip
    last = messages[7].after
    assert last.client_title == bytes.fromhex("4845430005000001")
    assert last.server_title == bytes.fromhex("4858451120000A44")
    assert (last.context, last.mechanism) == (3, 5)
    assert last.server_challenge == b"FEAE2AFF"
    assert (last.proposed_conformance, last.negotiated_conformance) == (0x000019, 0x601A1D)
    assert (last.client_max_pdu, last.server_max_pdu, last.vaa_name) == (0xFFFF, 200, 7)
    assert (last.client_counter, last.server_counter) == (3, 4)
    assert last.snrm is not None and last.ua is not None
    assert (last.snrm.transmit_length, last.ua.transmit_length) == (2000, 200)
    assert messages[8].after.link == "disconnecting" and messages[9].after.link == "disconnected"


def test_two_clients_on_one_line() -> None:
    one, two = Conversation(client=0x10), Conversation(client=0x20)
    for talk, title in ((one, CLIENT), (two, METER)):
        talk.connect().request(aarq(INITIATE_REQUEST, context=1, mechanism=3, challenge=CTOS, title=title))
        talk.reply(aare(INITIATE_RESPONSE, diagnostic=14, mechanism=3, challenge=STOC))
    mixed = [r for pair in zip(one.records, two.records, strict=True) for r in pair]
    messages = list(decode([Record(n, r.data, r.direction) for n, r in enumerate(mixed, 1)]))
    assert [m.after.client_title for m in messages[-2:]] == [CLIENT, METER]
    assert {m.after.client_address for m in messages[-2:]} == {
        "Extended(number=16, octets=1)",
        "Extended(number=32, octets=1)",
    }


def test_release_and_a_new_association() -> None:
    talk = Conversation("wrapper")
    for _ in range(2):
        talk.request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE)).request(GET_CLOCK).reply(CLOCK)
        talk.request(b"\x62\x00").reply(b"\x63\x00")
    states = [m.after.state for m in decode(talk.trace())]
    assert states == ["requested", "open", "open", "open", "releasing", "none"] * 2


def test_a_rejected_association() -> None:
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST))
    talk.reply(aare(bytes.fromhex("0E010601"), result=1, diagnostic=1))
    last = list(decode(talk.trace()))[-1].after
    assert (last.state, last.result, last.diagnostic) == ("rejected", 1, 1)


def test_a_capture_from_the_middle_takes_titles_from_the_keys() -> None:
    talk = ciphered(reads=3)
    talk.records = talk.records[6:]
    ring = keys(client_title=CLIENT.hex(), server_title=METER.hex())
    verdicts = [m.security.verdict for m in decode(talk.trace(), ring) if m.security]
    assert verdicts and set(verdicts) == {"verified"}
    assert {m.security.verdict for m in decode(talk.trace(), keys()) if m.security} == {"no-key"}


def test_nothing_secret_in_a_repr() -> None:
    for message in decode(plain().trace(), KeyRing()):
        assert "dedicated" not in repr(message)


def test_tables_name_states_that_exist() -> None:
    states = {state for state, _ in ASSOCIATION} | set(ASSOCIATION.values())
    assert states == {"none", "requested", "pending", "proving", "open", "rejected", "releasing"}
    assert {state for state, _ in LINK} | set(LINK.values()) == {
        "unknown", "disconnected", "connecting", "connected", "disconnecting",
    }  # fmt: skip


def test_reply_to_hls_by_short_names() -> None:
    """A read of method 8 of the current Association SN, FA00 + 58, with the value as parameter."""
    setting = Setting(3, mechanism=5, ciphered=False, short_names=True, framing="wrapper", exchanges=1)
    messages = list(decode(Talk(setting).play(), setting.ring()))
    verdicts = [security.verdict for message in messages for security in hls_proofs(message)]
    assert [message.plain.name for message in messages[2:4] if message.plain] == ["read-request", "read-response"]
    assert verdicts == ["verified", "verified"]
    assert messages[2].after.state == "proving" and messages[3].after.state == "open"
