"""HDLC: what is said out of turn, again, or not at all."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.model import Record
from tests.lab.carriers import Hdlc, Side, dead
from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.faults.frames import HDLC, informing, informs, like, parts

LARGE = ((1024, 1024, 1), (512, 512, 1), (1024, 2030, 1))


def line_of(talk: Talk) -> Hdlc:
    assert isinstance(talk.carrier, Hdlc)
    return talk.carrier


def stop() -> None:
    raise Stop


def then(talk: Talk, action: Callable[[], None], ends: bool = True) -> None:
    """Something at a random place between two exchanges, as a rule the end."""

    def nothing() -> list[tuple[Side, bytes]]:
        action()
        return []

    talk.add(nothing, ends)


def request(talk: Talk) -> None:
    """The client asks for something, and nobody has answered yet."""
    talk.send("client", talk.sealed("client", talk.setting.services.exchange()[0][1]))


@fault("link-not-connected", "dm-reply", framing="hdlc", stage="open", ends=True)
def no_snrm(talk: Talk) -> None:
    line = line_of(talk)
    line.open = lambda: None  # type: ignore[method-assign]

    def refused() -> None:
        line.put("meter", line.frame("meter", 0x1F))
        raise Stop

    line.then = refused


@fault("dm-reply", framing=HDLC, stage="open", ends=True)
def meter_refuses_the_link(talk: Talk) -> None:
    line = line_of(talk)
    right = line.open

    def opened() -> None:
        answer = line.frame("meter", 0x1F)

        def change(sender: Side, data: bytes) -> bytes:
            if sender == "meter" and data[:1] == b"\x7e":
                line.then = dead
                return answer
            return data

        line.changes.append(change)
        right()

    line.open = opened  # type: ignore[method-assign]


@fault("no-reply", framing=("hdlc", "wrapper", "udp", "mbus"), stage="open", ends=True)
def nobody_there(talk: Talk) -> None:
    """The first word, again and again."""
    line, tries = talk.carrier, talk.chance.randrange(2, 5)

    def alone(sender: Side, data: bytes) -> bytes:
        for _ in range(tries):
            line.records.extend(like(Record(0, b"", "client", seconds=round(line.clock, 3)), data))
            line.clock += 3
        line.then = dead
        return data

    line.changes.append(alone)


@fault(
    "retransmission",
    framing=HDLC,
    instead={"response-timeout-short": "the answer comes behind the second copy, so the client did not wait for it"},
)
def sent_twice(talk: Talk) -> None:
    """A request is sent anew, as no answer came in time; its answer follows."""

    def twice(records: list[Record]) -> list[Record]:
        at = talk.choose([n for n in informing(records) if records[n].direction == "client"])
        return [*records[: at + 1], *like(records[at], records[at].data), *records[at + 1 :]]

    talk.after.append(twice)


@fault("response-timeout-short", "retransmission", framing=HDLC, parameters=LARGE)
def answered_twice(talk: Talk) -> None:
    """The client repeats its request after a second; the meter answers the first copy, and then the other."""
    talk.setting.blocks_generally = False

    def late(records: list[Record]) -> list[Record]:
        asked = [n for n in informing(records) if records[n].direction == "client" and informs(records[n + 1].data)]
        at = talk.choose([n for n in asked if records[n + 1].direction == "meter"])
        first, answer = records[at], records[at + 1]
        seconds = first.seconds or 0.0
        copies = [
            Record(0, first.data, "client", seconds=seconds + 1), Record(0, answer.data, "meter", seconds=seconds + 1.4),
            Record(0, answer.data, "meter", seconds=seconds + 2.6),
        ]  # fmt: skip
        rest = [Record(0, r.data, r.direction, seconds=(r.seconds or 0) + 3) for r in records[at + 2 :]]
        return [*records[: at + 1], *copies, *rest]

    talk.after.append(late)


@fault("frame-lost", framing=HDLC, parameters=LARGE)
def not_captured(talk: Talk) -> None:
    """A request and its answer are missing in the capture, so that both counts go on by one."""
    talk.setting.blocks_generally, talk.setting.services.blocks, talk.setting.casts = False, False, False

    def lost(records: list[Record]) -> list[Record]:
        asked = [n for n in informing(records) if records[n].direction == "client"][2:]
        pairs = [n for n in asked if informs(records[n + 1].data) and records[n + 1].direction == "meter"]
        at = talk.choose(pairs[:-1] or asked[:-1])
        return [*records[:at], *records[at + 2 :]]

    talk.after.append(lost)


@fault("info-too-long", stage="service", framing=HDLC, parameters=((1024, 1024, 1),))
def longer_than_agreed(talk: Talk) -> None:
    """A meter that agreed to 64 octets sends all at once."""
    line, services = line_of(talk), talk.setting.services
    talk.setting.blocks_generally = False
    line.parameters = (64, 64, 1)
    snrm, ua = line._parameters(True), line._parameters(False)
    line._parameters = lambda first: snrm if first else ua  # type: ignore[method-assign]
    line.parameters = (1024, 1024, 1)
    talk.add(services.read_long if talk.setting.short_names else services.get_long)


@fault("snrm-parameters-defaulted", framing=HDLC, parameters=((128, 128, 1),), stage="open")
def ua_without_parameters(talk: Talk) -> None:
    line = line_of(talk)
    right = line._parameters
    line._parameters = lambda first: right(True) if first else b""  # type: ignore[method-assign]


@fault("ua-length-lies", framing=HDLC, parameters=((128, 128, 1), (200, 248, 1), (64, 64, 3)), stage="open")
def group_length_as_of_two_octets(talk: Talk) -> None:
    """The length of the group counts two octets for each size, and one is sent."""
    line = line_of(talk)
    right = line._parameters

    def lying(first: bool) -> bytes:
        made = right(first)
        return made if first else made[:2] + bytes([made[2] + 2]) + made[3:]

    line._parameters = lying  # type: ignore[method-assign]


@fault("ua-exceeds-proposal", framing=HDLC, parameters=((128, 128, 1), (200, 248, 1)), stage="open")
def ua_with_limits_of_its_own(talk: Talk) -> None:
    """The meter states what it could do, and keeps to what was proposed."""
    line = line_of(talk)
    right = line._parameters
    sizes, line.parameters = line.parameters, (512, 512, 1)
    larger = right(False)
    line.parameters = sizes
    line._parameters = lambda first: right(True) if first else larger  # type: ignore[method-assign]


@fault("sequence-error", framing=HDLC, ends=True, stage="service", parameters=LARGE)
def number_skipped(talk: Talk) -> None:
    """The client counts one too many; the meter says which it waits for, or nothing."""
    line = line_of(talk)

    def skip() -> None:
        due = line.sent["client"]
        line.sent["client"] += talk.chance.randrange(1, 5)
        request(talk)
        if talk.chance.random() < 0.6:
            line.put("meter", line.frame("meter", due % 8 << 5 | 0x11))
        raise Stop

    then(talk, skip)


@fault("sequence-error", framing=HDLC, ends=True, stage="service", parameters=LARGE)
def number_not_counted(talk: Talk) -> None:
    """Another request under the number of the last one: the meter takes it for a repetition and answers as before."""
    line = line_of(talk)

    def again() -> None:
        line.sent["client"] -= 1
        request(talk)
        raise Stop

    then(talk, again)


@fault(
    "frmr-reply",
    framing=HDLC,
    ends=True,
    stage="service",
    parameters=LARGE,
    instead={"sequence-error": "the number out of order is why the meter rejects the frame"},
)
def counters_kept_over_a_reset(talk: Talk) -> None:
    """The client does not begin at 0, and the meter rejects the frame by FRMR."""
    line = line_of(talk)

    def kept() -> None:
        due, own = line.sent["client"], line.sent["meter"]
        line.sent["client"] += talk.chance.randrange(1, 7)
        request(talk)
        control = parts(line.records[-1].data)[2]
        said = bytes([control, own % 8 << 1 | due % 8 << 5, talk.chance.choice((0x08, 0x10))])
        line.put("meter", line.frame("meter", 0x97, said))
        raise Stop

    then(talk, kept)


@fault("frmr-reply", framing=HDLC, ends=True, stage="service", parameters=LARGE)
def frame_that_the_meter_has_not(talk: Talk) -> None:
    """REJ, which this profile has not; the meter rejects its control field."""
    line = line_of(talk)

    def rejected() -> None:
        control = line.sent["meter"] % 8 << 5 | 0x19
        line.put("client", line.frame("client", control))
        counts = line.sent["meter"] % 8 << 1 | line.sent["client"] % 8 << 5
        line.put("meter", line.frame("meter", 0x97, bytes([control, counts, 1])))
        raise Stop

    then(talk, rejected)


@fault(
    "segmentation-stalled",
    framing=HDLC,
    ends=True,
    stage="service",
    parameters=((64, 64, 1), (128, 128, 1)),
    instead={"transfer-unfinished": "where nothing follows, the capture may as well end in the middle"},
)
def segments_not_fetched(talk: Talk) -> None:
    """The client does not ask for the next segment, but disconnects, or says no more."""
    line = line_of(talk)
    talk.setting.blocks_generally = False
    ended = talk.chance.choice((dead, stop))
    services = talk.setting.services

    def silent(sender: Side, data: bytes) -> bytes:
        if sender == "client" and data[:1] == b"\x7e" and parts(data)[2] & 0x0F == 1:
            ended()
        return data

    def long() -> list[tuple[Side, bytes]]:
        line.changes.append(silent)
        return services.read_long() if talk.setting.short_names else services.get_long()

    talk.add(long, ends=True)


@fault("receiver-not-ready", framing=HDLC, stage="service")
def meter_is_busy(talk: Talk) -> None:
    """The meter answers RNR to several polls, and then goes on."""
    line = line_of(talk)

    def busy() -> None:
        for _ in range(talk.chance.randrange(3, 6)):
            line.put("client", line.frame("client", line.sent["meter"] % 8 << 5 | 0x11), 1.0)
            line.put("meter", line.frame("meter", line.sent["client"] % 8 << 5 | 0x15))
        line.put("client", line.frame("client", line.sent["meter"] % 8 << 5 | 0x11), 1.0)
        line.put("meter", line.frame("meter", line.sent["client"] % 8 << 5 | 0x11))

    then(talk, busy, ends=False)


@fault("inactivity-timeout", "dm-reply", framing=HDLC, stage="service", ends=True, timed=True, parameters=LARGE)
def paused_too_long(talk: Talk) -> None:
    """Minutes without a word, and the next request gets DM, or nothing."""
    line = line_of(talk)

    def paused() -> None:
        line.clock += talk.chance.randrange(150, 1200)
        request(talk)
        if talk.chance.random() < 0.7:
            line.put("meter", line.frame("meter", 0x1F))
        line.connected = False
        raise Stop

    then(talk, paused)


@fault("dm-reply", framing=HDLC, stage="service", ends=True, parameters=LARGE)
def meter_has_forgotten_the_link(talk: Talk) -> None:
    """DM to a request without a pause before it: the meter was reset."""
    line = line_of(talk)

    def forgotten() -> None:
        request(talk)
        line.put("meter", line.frame("meter", 0x1F))
        line.connected = False
        raise Stop

    then(talk, forgotten)


@fault("no-reply", framing=("hdlc", "wrapper", "udp"), stage="service", ends=True, parameters=LARGE)
def meter_falls_silent(talk: Talk) -> None:
    """A request, twice more the same octets, and no answer."""

    def silent() -> None:
        request(talk)
        last = talk.carrier.records[-1]
        for _ in range(2):
            talk.carrier.clock += 5
            talk.carrier.records.append(Record(0, last.data, "client", seconds=round(talk.carrier.clock, 3)))
        raise Stop

    then(talk, silent)


@fault("echo", framing=HDLC)
def own_octets_come_back(talk: Talk) -> None:
    """An adapter gives back all that the client sends."""

    def echoed(records: list[Record]) -> list[Record]:
        made = []
        for record in records:
            made.append(record)
            if record.direction == "client":
                made.append(Record(0, record.data, "meter", seconds=record.seconds))
        return made

    talk.after.append(echoed)
