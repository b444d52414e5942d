"""A failing trace against a working one: what differs where they part is a suspect, what is answered alike is not."""

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from tests.support import (
    CLIENT,
    CLOCK,
    CTOS,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    Conversation,
    Station,
    aare,
    aarq,
    ciphered,
    keys,
    plain,
    thread,
    thread_keys,
)

NO_SUCH_CONTEXT = bytes.fromhex("C401C10103")  # GET.response, data-access-result 3 (read-write-denied)


def against(mine: Conversation, working: Conversation, ring: KeyRing | None = None) -> Diagnosis:
    ring = ring if ring is not None else KeyRing()
    traces = [
        (talk.trace(name), list(decode(talk.trace(name), ring))) for talk, name in ((mine, "mine"), (working, "good"))
    ]
    return diagnose(traces[:1], ring, against=traces[1:])[0]


def suspects(found: Diagnosis) -> list[str]:
    return [(f.field or "").rpartition(".")[2] for f in found.findings if f.code == "differs-from-working"]


def test_the_thread_names_suspects_and_what_is_harmless() -> None:
    found = diagnose(thread(), thread_keys())[1]
    assert [f.code for f in found.findings[:3]] == ["llc-missing", "dlms-version-wrong", "stale-buffer"]
    assert suspects(found) == ["protocol_version", "length", "conformance_block"]
    assert all(f.certainty == "possible" for f in found.findings if f.code == "differs-from-working")
    said = " ".join(found.statements)
    assert "Compared with MANUFACTURER SOFTWARE: the traces part at message 4" in said
    assert "Harmless differences: information in message 1 (SNRM) (message 2 (UA) answers it as there)" in said
    version = found.findings[1]
    assert any("1 here, and 6 in message 3" in text for text in version.evidence)


def test_against_gives_the_same_as_two_traces_of_one_input() -> None:
    both = thread()
    alone = diagnose(both[1:], thread_keys(), against=both[:1])
    assert alone[0].findings == diagnose(both, thread_keys())[1].findings


def refused(client: int) -> Conversation:
    talk = Conversation(client=client).connect()
    talk.request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
    return talk.request(GET_CLOCK).reply(NO_SUCH_CONTEXT).close()


def test_the_only_difference_is_likely_the_cause_and_stands_above_what_follows_from_it() -> None:
    found = against(refused(client=0x20), plain())
    first, second = found.findings[:2]
    assert (first.code, first.certainty, first.severity) == ("differs-from-working", "likely", "warning")
    assert first.field == "source_address"
    assert (second.code, second.because_of, second.because_of_id) == ("access-denied", "differs-from-working", 1)
    assert found.health == "failing"


def test_what_the_meter_answers_alike_is_harmless() -> None:
    """Another conformance and the same AARE; the GET after it asks for another attribute and is refused."""
    talk = Conversation().connect()
    talk.request(aarq(INITIATE_REQUEST.replace(b"\x7e\x1f", b"\x7e\x1d"))).reply(aare(INITIATE_RESPONSE))
    talk.request(GET_CLOCK[:-2] + b"\x09\x00").reply(NO_SUCH_CONTEXT).close()
    found = against(talk, plain())
    assert "conformance_block" not in suspects(found)
    assert any("conformance_block.bits" in text for text in found.statements)


def test_silence_where_the_working_trace_has_an_answer() -> None:
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST[:-2] + b"\x00\x10"))
    talk.request(aarq(INITIATE_REQUEST[:-2] + b"\x00\x10")).close()
    found = against(talk, plain())
    assert "client_max_receive_pdu_size" in suspects(found)


def test_a_step_that_is_left_out() -> None:
    talk = Conversation("hdlc")
    talk.request(aarq(INITIATE_REQUEST)).link(0x1F, to_server=False)  # DM: nobody connected
    found = against(talk, plain())
    missing = [f for f in found.findings if f.code == "differs-from-working"]
    assert any("sends message 1 (SNRM) here, and this trace does not" in f.evidence[0] for f in missing)


def test_two_healthy_runs_have_no_suspects() -> None:
    mine = ciphered("hdlc", Station(CLIENT, counter=90), Station(METER, counter=40))
    found = against(mine, ciphered(), keys())
    assert suspects(found) == [] and found.health == "ok"
    assert any("do not part" in text for text in found.statements)


def test_a_value_that_is_answered_elsewhere_is_harmless() -> None:
    """A longer challenge in the AARQ that is refused; the same one is accepted later in the working trace."""
    good = Conversation().connect()
    good.request(aarq(INITIATE_REQUEST, mechanism=5, challenge=CTOS, title=CLIENT, context=3))
    good.reply(
        aare(INITIATE_RESPONSE, context=3, mechanism=5, challenge=CTOS[::-1], title=METER, diagnostic=14)
    ).close()
    good.connect().request(aarq(INITIATE_REQUEST, mechanism=5, challenge=CTOS * 2, title=CLIENT, context=3))
    good.reply(
        aare(INITIATE_RESPONSE, context=3, mechanism=5, challenge=CTOS[::-1], title=METER, diagnostic=14)
    ).close()
    mine = Conversation().connect()
    mine.request(aarq(INITIATE_REQUEST, mechanism=5, challenge=CTOS * 2, title=CLIENT[::-1], context=3))
    mine.reply(aare(INITIATE_RESPONSE, context=3, result=1, diagnostic=1)).close()
    found = against(mine, good)
    assert "length" not in suspects(found) and "octet_string" in suspects(found)
    assert any("has it too and is answered" in text for text in found.statements)


def test_long_and_hostile_traces_are_bounded() -> None:
    talk = plain(reads=300)
    talk.add(bytes(range(256)), "meter")
    found = against(talk, plain(reads=300))
    assert len(suspects(found)) <= 20
    assert CLOCK in talk.records[5].data
