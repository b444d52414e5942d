"""Faults of HDLC: what is on the line is damaged, built wrong, or out of turn."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.model import Trace
from tests.lab.carriers import Hdlc, Side
from tests.lab.conversation import Setting, Talk
from tests.lab.faults import Case, changed, fault
from tests.lab.octets import crc


def _setting(seed: int) -> tuple[Setting, Hdlc]:
    setting = Setting(seed, framing="hdlc", ciphered=bool(seed % 2), mechanism=(0, 1, 5)[seed % 3], exchanges=4)
    setting.pushes = False
    assert isinstance(setting.carrier, Hdlc)
    return setting, setting.carrier


def _built_wrong(seed: int, side: Side | None, change: Callable[[Hdlc, bytes], bytes]) -> Case:
    """Each I frame of one side is wrong; a meter does not answer what it cannot read, a client gives up."""
    setting, line = _setting(seed)
    side = side or ("client" if seed % 2 else "meter")
    right = line.frame

    def frame(sender: Side, control: int, information: bytes = b"", more: bool = False) -> bytes:
        made = right(sender, control, information, more)
        return change(line, made) if sender == side and not control & 1 else made

    line.frame = frame  # type: ignore[method-assign]
    trace = Talk(setting).play()
    last = next(n for n, record in enumerate(trace) if record.direction == side and change_of(record.data))
    return Trace(trace.name, trace.source, trace.records[: last + 1]), setting.ring()


def change_of(data: bytes) -> bool:
    """Whether a frame is an I frame; the control octet is behind one address of one octet and the other."""
    at = 3
    for _ in range(2):
        while not data[at] & 1:
            at += 1
        at += 1
    return not data[at] & 1


def _information(trace: Trace, setting: Setting) -> list[int]:
    """The places of I frames, without the last of the trace."""
    return [n for n, record in enumerate(trace) if change_of(record.data)][:-1]


def _played(seed: int) -> tuple[Setting, Trace]:
    setting, _ = _setting(seed)
    return setting, Talk(setting).play()


@fault("fcs-wrong")
def octet_damaged(seed: int) -> Case:
    """Noise on one frame, which its receiver has sent anew; the log shows both."""
    setting, line = _setting(seed)
    trace = Talk(setting).play()
    at = setting.chance.choice(_information(trace, setting))
    data, header = bytearray(trace[at].data), 1 + 2 + len(line.addresses("client")) + 1 + 2
    data[setting.chance.randrange(header, len(data) - 3)] ^= 1 << setting.chance.randrange(8)
    return changed(trace, at, bytes(data), trace[at].data), setting.ring()


@fault("hcs-wrong")
def header_check_wrong(seed: int) -> Case:
    def wrong(line: Hdlc, frame: bytes) -> bytes:
        at = 1 + 2 + len(line.addresses("client")) + 1
        body = bytearray(frame[1:-3])
        body[at - 1 : at + 1] = body[at - 1 : at + 1][::-1]
        return b"\x7e" + bytes(body) + crc(bytes(body)) + b"\x7e"

    return _built_wrong(seed, None, wrong)


@fault("crc-variant")
def check_octets_swapped(seed: int) -> Case:
    """All frames of the client with the high octet first; the meter does not answer."""
    setting, line = _setting(seed)
    right = line.frame("client", 0x93)
    swapped = right[:-3] + right[-3:-1][::-1] + b"\x7e"
    for _ in range(3):
        line.put("client", swapped)
    return Trace("lab", "lab", tuple(line.records)), setting.ring()


@fault("frame-length-wrong")
def length_without_the_check(seed: int) -> Case:
    """The client counts the frame without its check sequence."""

    def wrong(line: Hdlc, frame: bytes) -> bytes:
        body = bytearray(frame[1:-3])
        body[1] = (body[1] - 2) & 0xFF
        at = 2 + len(line.addresses("client")) + 1
        body[at : at + 2] = crc(bytes(body[:at]))
        return b"\x7e" + bytes(body) + crc(bytes(body)) + b"\x7e"

    return _built_wrong(seed, "client", wrong)


@fault("llc-missing")
def no_llc(seed: int) -> Case:
    setting, line = _setting(seed)
    line.llc["client"] = b""
    return _unanswered(setting, line)


@fault("llc-wrong")
def llc_of_the_meter(seed: int) -> Case:
    setting, line = _setting(seed)
    line.llc["client"] = line.llc["meter"]
    return _unanswered(setting, line)


def _unanswered(setting: Setting, line: Hdlc) -> Case:
    """The meter acknowledges the AARQ, at most, and the client disconnects."""
    trace = Talk(setting).play()
    records = trace.records
    answer = next(n for n, r in enumerate(records) if n > 2 and r.direction == "meter" and change_of(r.data))
    line.records = list(records[:answer])
    if setting.seed % 3:
        line.put("meter", line.frame("meter", 0x31))
    line.put("client", line.frame("client", 0x53))
    line.put("meter", line.frame("meter", 0x73))
    return Trace(trace.name, trace.source, tuple(line.records)), setting.ring()


@fault("link-not-connected", "dm-reply")
def no_snrm(seed: int) -> Case:
    setting, line = _setting(seed)

    class Hasty(Talk):
        def send(self, side: Side, apdu: bytes) -> None:
            super().send(side, apdu)
            line.put("meter", line.frame("meter", 0x1F))
            self.stop()

        def stop(self) -> None:
            from tests.lab.conversation import Stop

            raise Stop

    line.open = lambda: None  # type: ignore[method-assign]
    return Hasty(setting).play(), setting.ring()


@fault("dm-reply")
def meter_refuses_the_link(seed: int) -> Case:
    setting, line = _setting(seed)
    line.put("client", line.frame("client", 0x93))
    line.put("meter", line.frame("meter", 0x1F))
    return Trace("lab", "lab", tuple(line.records)), setting.ring()


@fault("no-reply")
def nobody_there(seed: int) -> Case:
    setting, line = _setting(seed)
    for _ in range(2 + seed % 3):
        line.put("client", line.frame("client", 0x93))
    return Trace("lab", "lab", tuple(line.records)), setting.ring()


@fault("retransmission")
def sent_twice(seed: int) -> Case:
    """A request is sent anew, as no answer came in time; its answer follows."""
    setting, trace = _played(seed)
    at = setting.chance.choice([n for n in _information(trace, setting) if trace[n].direction == "client"])
    return changed(trace, at, trace[at].data, trace[at].data), setting.ring()


@fault("frame-lost")
def not_captured(seed: int) -> Case:
    """A request and its answer are missing in the capture, so that both counts go on by one."""
    setting, line = _setting(seed)
    setting.blocks_generally, setting.services.blocks = False, False
    line.parameters = (1024, 1024, 1)
    trace = Talk(setting).play()
    places = [n for n in _information(trace, setting) if trace[n].direction == "client"][3:]
    at = setting.chance.choice(places[:-1])
    return changed(changed(trace, at + 1), at), setting.ring()


@fault("echo")
def own_octets_come_back(seed: int) -> Case:
    """An adapter gives back all that the client sends."""
    from analyzer.model import Record

    setting, trace = _played(seed)
    records = []
    for record in trace:
        records.append(Record(len(records) + 1, record.data, record.direction, seconds=record.seconds))
        if record.direction == "client":
            records.append(Record(len(records) + 1, record.data, "meter", seconds=record.seconds))
    return Trace(trace.name, trace.source, tuple(records)), setting.ring()


@fault("info-too-long")
def longer_than_agreed(seed: int) -> Case:
    """A meter that agreed to 64 octets sends all at once."""
    setting, line = _setting(seed)
    line.parameters = (64, 64, 1)
    setting.blocks_generally = False
    snrm, ua = line._parameters(True), line._parameters(False)
    line._parameters = lambda first: snrm if first else ua  # type: ignore[method-assign]
    line.parameters = (1024, 1024, 1)
    setting.services.exchange = setting.services.read_long if setting.short_names else setting.services.get_long  # type: ignore[method-assign]
    return Talk(setting).play(), setting.ring()
