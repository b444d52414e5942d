"""HDLC frames that are built wrong or damaged on the way."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.model import Record
from tests.lab.carriers import Hdlc, Side, dead
from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.octets import crc, crc_of

HDLC = ("hdlc", "mode-e")
Parts = tuple[bytes, bytes, int, bytes]  # format, addresses, control, information


def parts(data: bytes) -> Parts:
    """What a frame is made of."""
    at = 3
    for _ in range(2):
        while not data[at] & 1:
            at += 1
        at += 1
    return data[1:3], data[3:at], data[at], data[at + 3 : -3]


def framed(form: bytes, addresses: bytes, control: int, information: bytes) -> bytes:
    """A frame of these parts, the format as it is given, with right check sequences."""
    head = form + addresses + bytes([control])
    body = head + crc(head) + information if information else head
    return b"\x7e" + body + crc(body) + b"\x7e"


def informs(data: bytes) -> bool:
    """Whether octets are one I frame."""
    return data[:1] == b"\x7e" and len(data) > 9 and not parts(data)[2] & 1


def informing(records: list[Record]) -> list[int]:
    """The places of I frames, without the last record."""
    return [n for n, record in enumerate(records[:-1]) if informs(record.data)]


def like(record: Record, *data: bytes) -> list[Record]:
    """Records of the same side and time."""
    return [Record(0, one, record.direction, seconds=record.seconds) for one in data]


def wrong_frame(
    talk: Talk, side: Side, change: Callable[[bytes], bytes], which: Callable[[bytes], bool] = informs
) -> None:
    """From a random frame of a side on it is built wrong; who gets it does not answer, and nothing follows."""
    line, left = talk.carrier, [talk.onset(3)]

    def put(sender: Side, data: bytes) -> bytes:
        if sender != side or not which(data):
            return data
        left[0] -= 1
        if left[0] >= 0:
            return data
        line.then = dead
        return change(data)

    line.changes.append(put)


def links(data: bytes) -> bool:
    return data[:1] == b"\x7e"


def either(talk: Talk) -> Side:
    return talk.chance.choice(("client", "meter"))


@fault("fcs-wrong", framing=HDLC)
def octet_damaged(talk: Talk) -> None:
    """Noise on one frame, which its receiver has sent anew; the log shows both."""

    def noise(records: list[Record]) -> list[Record]:
        at = talk.choose(informing(records))
        return [*records[:at], *like(records[at], _noisy(talk, records[at].data), records[at].data), *records[at + 1 :]]

    talk.after.append(noise)


@fault("fcs-wrong", framing=HDLC)
def log_damaged(talk: Talk) -> None:
    """The exchange was sound; an octet of the log is wrong."""

    def noise(records: list[Record]) -> list[Record]:
        at = talk.choose(informing(records))
        return [*records[:at], *like(records[at], _noisy(talk, records[at].data)), *records[at + 1 :]]

    talk.after.append(noise)


def _noisy(talk: Talk, data: bytes) -> bytes:
    at = talk.chance.randrange(13, len(data) - 3)
    return data[:at] + bytes([data[at] ^ 1 << talk.chance.randrange(8)]) + data[at + 1 :]


@fault("hcs-wrong", framing=HDLC, ends=True)
def header_check_swapped(talk: Talk) -> None:
    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        head = form + addresses + bytes([control])
        body = head + crc(head)[::-1] + information
        return b"\x7e" + body + crc(body) + b"\x7e"

    wrong_frame(talk, either(talk), wrong)


@fault("hcs-wrong", framing=HDLC, ends=True)
def header_check_over_the_flag(talk: Talk) -> None:
    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        head = form + addresses + bytes([control])
        body = head + crc(b"\x7e" + head) + information
        return b"\x7e" + body + crc(body) + b"\x7e"

    wrong_frame(talk, "client", wrong)


def _repeated(talk: Talk, change: Callable[[bytes], bytes]) -> None:
    """The SNRM is built wrong each time; the meter hears nothing that it can read."""
    line = talk.carrier
    assert isinstance(line, Hdlc)

    def spoiled(sender: Side, data: bytes) -> bytes:
        if sender != "client" or not links(data):
            return data
        for _ in range(talk.chance.randrange(1, 3)):
            line.records.extend(like(Record(0, b"", "client", seconds=round(line.clock, 3)), change(data)))
            line.clock += 2
        line.then = dead
        return change(data)

    line.changes.append(spoiled)


@fault("crc-variant", framing=HDLC, stage="open", ends=True)
def check_octets_swapped(talk: Talk) -> None:
    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        head = form + addresses + bytes([control])
        body = head + crc(head)[::-1] + information if information else head
        return b"\x7e" + body + crc(body)[::-1] + b"\x7e"

    _repeated(talk, wrong)


@fault("crc-variant", framing=HDLC, stage="open", ends=True)
def another_check(talk: Talk) -> None:
    """Another start value, or no inversion at the end, or both."""
    start, end = talk.chance.choice(((0, 0xFFFF), (0xFFFF, 0), (0, 0)))

    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        head = form + addresses + bytes([control])
        body = head + crc_of(head, start, end) + information if information else head
        return b"\x7e" + body + crc_of(body, start, end) + b"\x7e"

    _repeated(talk, wrong)


@fault("frame-length-wrong", framing=HDLC, ends=True)
def length_wrong(talk: Talk) -> None:
    """The length without the check sequence, or with the flags."""
    by = talk.chance.choice((-2, 1, 2))

    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        return framed((int.from_bytes(form, "big") + by).to_bytes(2, "big"), addresses, control, information)

    wrong_frame(talk, either(talk), wrong)


@fault("frame-length-wrong", framing=HDLC, instead={"fcs-wrong": "octets that are missing make both wrong"})
def octets_lost(talk: Talk) -> None:
    """The log lacks some octets in the middle of a frame."""

    def lost(records: list[Record]) -> list[Record]:
        at = talk.choose(informing(records))
        data = records[at].data
        start = talk.chance.randrange(13, max(14, len(data) - 8))
        cut = data[:start] + data[start + talk.chance.randrange(1, 5) :]
        return [*records[:at], *like(records[at], cut), *records[at + 1 :]]

    talk.after.append(lost)


@fault("octet-stuffing", framing=HDLC, ends=True, stage="aarq", mechanism=(3, 4, 5, 6))
def escaped_as_in_ppp(talk: Talk) -> None:
    """The challenge has a 7E or a 7D in it, and the client escapes it."""
    it = talk.setting
    at = talk.chance.randrange(len(it.ctos) - 2)
    it.ctos = it.ctos[:at] + talk.chance.choice((b"}~", b"~}", b"~a", b"a}")) + it.ctos[at + 2 :]

    def stuffed(data: bytes) -> bytes:
        return b"\x7e" + data[1:-1].replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"

    line = talk.carrier

    def put(sender: Side, data: bytes) -> bytes:
        if sender != "client" or not links(data):
            return data
        made = stuffed(data)
        if len(made) > len(data):
            line.then = dead
        return made

    line.changes.append(put)


@fault("frame-type-unknown", framing="hdlc", ends=True, stage="open")
def another_frame_type(talk: Talk) -> None:
    """The format field has another type in its first four bits."""
    kind = talk.chance.choice((0x8, 0x9, 0x3, 0x2))

    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        return framed(bytes([kind << 4 | form[0] & 0x0F, form[1]]), addresses, control, information)

    _repeated(talk, wrong)


@fault("address-length", framing=HDLC, ends=True, stage="open")
def address_of_three_octets(talk: Talk) -> None:
    def wrong(data: bytes) -> bytes:
        _, addresses, control, information = parts(data)
        three = bytes([0, talk.setting.chance.randrange(1, 100) << 1, 0x23]) + addresses[-1:]
        size = 2 + 3 + 1 + 1 + (2 + len(information) if information else 0) + 2
        return framed((0xA000 | size).to_bytes(2, "big"), three, control, information)

    _repeated(talk, wrong)


@fault("address-length", framing=HDLC, ends=True, stage="open")
def address_not_shifted(talk: Talk) -> None:
    """The client writes its address as it is, 10 for 16, so that the field does not end where it should."""
    line = talk.carrier
    line.client = talk.chance.choice((16, 32, 48, 102))

    def wrong(data: bytes) -> bytes:
        form, addresses, control, information = parts(data)
        return framed(form, addresses[:-1] + bytes([line.client]), control, information)

    _repeated(talk, wrong)


@fault("stray-octets", framing=HDLC)
def octets_between_frames(talk: Talk) -> None:
    """Line noise or a wake-up before some frames, in the same read or in one of its own."""

    def strayed(records: list[Record]) -> list[Record]:
        made: list[Record] = []
        chosen = {talk.choose(range(len(records))) for _ in range(2)}
        for n, record in enumerate(records):
            stray = talk.chance.choice((b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\x00\x00", b"\xf8"))
            if n not in chosen:
                made.append(record)
            elif talk.chance.random() < 0.5:
                made += like(record, stray + record.data)
            else:
                made += like(record, stray, record.data)
        return made

    talk.after.append(strayed)


@fault("shared-flag", framing="hdlc")
def flags_fill_the_pauses(talk: Talk) -> None:
    """One side sends several flags before each frame."""
    side, many = either(talk), talk.chance.randrange(1, 4)
    talk.carrier.changes.append(lambda sender, data: b"\x7e" * many + data if sender == side else data)


@fault("shared-flag", stage="service", framing="hdlc", parameters=((64, 64, 3), (64, 96, 7)))
def one_flag_for_two(talk: Talk) -> None:
    """The segments of a window in one go, with one flag between two of them."""
    talk.add(talk.setting.services.read_long if talk.setting.short_names else talk.setting.services.get_long)
    talk.setting.blocks_generally = False

    def joined(records: list[Record]) -> list[Record]:
        made: list[Record] = []
        for record in records:
            if made and made[-1].direction == record.direction and made[-1].data[-1:] == record.data[:1] == b"\x7e":
                made[-1:] = like(made[-1], made[-1].data + record.data[1:])
            else:
                made.append(record)
        return made

    talk.after.append(joined)
