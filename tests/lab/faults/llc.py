"""LLC: what has no header or a wrong one, and answers that are no APDU."""

from __future__ import annotations

from tests.lab.carriers import Side
from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.faults.frames import HDLC, informs
from tests.lab.faults.link import line_of, request, then


def _unanswered(talk: Talk) -> None:
    """What the client sends first is not understood: the meter acknowledges it at most, and the client disconnects."""
    line = line_of(talk)

    def silence() -> None:
        if talk.chance.random() < 0.5:
            line.put("meter", line.frame("meter", 0x31))
        raise Stop

    def first(sender: Side, data: bytes) -> bytes:
        if sender == "client" and informs(data):
            line.changes.remove(first)
            line.then = silence
        return data

    line.changes.append(first)


@fault("llc-missing", framing=HDLC, stage="aarq", ends=True)
def no_llc(talk: Talk) -> None:
    line_of(talk).llc["client"] = b""
    _unanswered(talk)


@fault("llc-wrong", framing=HDLC, stage="aarq", ends=True)
def llc_of_the_meter(talk: Talk) -> None:
    line = line_of(talk)
    line.llc["client"] = line.llc["meter"]
    _unanswered(talk)


@fault("llc-wrong", framing=HDLC, stage="aarq", ends=True)
def llc_with_a_quality(talk: Talk) -> None:
    line_of(talk).llc["client"] = b"\xe6\xe6" + bytes([talk.chance.randrange(1, 256)])
    _unanswered(talk)


@fault("stale-buffer", framing=HDLC, stage="aarq", ends=True, parameters=((128, 128, 1), (200, 248, 1), (64, 64, 1)))
def leftover_of_the_ua(talk: Talk) -> None:
    """The meter answers with the octets that stand in its buffer since UA, behind a new LLC header."""
    line = line_of(talk)

    def leftover() -> None:
        old = line._parameters(False)
        talk.send("meter", old[3 : 3 + talk.chance.randrange(3, 8)])
        raise Stop

    talk.answer_association = leftover  # type: ignore[method-assign]


@fault("llc-missing", "stale-buffer", framing=HDLC, stage="aarq", ends=True, parameters=((128, 128, 1), (200, 248, 1)))
def no_llc_and_a_leftover(talk: Talk) -> None:
    """As in the thread of 2017: what has no LLC is not understood, and old octets are the answer."""
    line = line_of(talk)
    line.llc["client"] = b""
    leftover_of_the_ua(talk)


@fault("not-dlms-reply", framing=HDLC, stage="service", ends=True)
def text_for_an_answer(talk: Talk) -> None:
    text = talk.chance.choice((b"NEXERRORNO-1", b"ERROR 17", b"BUSY: LOCKED", b"ERR_ACCESS 02"))

    def said() -> None:
        request(talk)
        line_of(talk).send("meter", text)
        raise Stop

    then(talk, said)
