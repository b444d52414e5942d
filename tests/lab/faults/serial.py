"""Serial ports with wrong settings, and the sign-on of IEC 62056-21."""

from __future__ import annotations

from analyzer.model import Record
from tests.lab import uart
from tests.lab.carriers import ModeE, Side, dead
from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.faults.frames import like


def line_of(talk: Talk) -> ModeE:
    assert isinstance(talk.carrier, ModeE)
    return talk.carrier


@fault("parity-mismatch", framing="mode-e", stage="open", ends=True)
def sign_on_read_with_eight_bits(talk: Talk) -> None:
    """The client opens the port 8N1; what the meter says in 7E1 has the parity in bit 7, and the client gives up."""
    line = line_of(talk)
    line.identification = talk.chance.choice(
        ("/LGZ5\\2ZMG310400.B32", "/ISk5\\2MT382-1000-V3", "/EMH5\\2ITZ-0041232", "/HXE5\\2HXE310-KP-201")
    )

    def put(sender: Side, data: bytes) -> bytes:
        if sender == "meter" and data[:1] == b"/":
            line.then = dead
            return uart.with_parity(data)
        return data

    line.changes.append(put)


@fault("parity-mismatch", framing="hdlc", stage="open", ends=True, parameters=((128, 128, 1), (512, 512, 1)))
def hdlc_read_with_seven_bits(talk: Talk) -> None:
    """The port is 7E1, and bit 7 of what the meter says is gone; the client tries again."""
    line, tries = talk.carrier, [talk.chance.randrange(2, 4)]
    snrm: list[bytes] = []

    def put(sender: Side, data: bytes) -> bytes:
        if sender == "client":
            snrm.append(data)
            return data
        tries[0] -= 1
        if not tries[0]:
            line.then = dead
        else:
            line.then = again
        return uart.seven_bits(data)

    def again() -> None:
        line.put("client", snrm[0], 3)
        line.put("meter", line.frame("meter", 0x73, line._parameters(False)))  # type: ignore[attr-defined]

    line.changes.append(put)


@fault("baud-mismatch", framing="hdlc", stage="open", ends=True, parameters=((128, 128, 1), (512, 512, 1)))
def another_speed(talk: Talk) -> None:
    """The meter answers at half the speed of the port, or a quarter, or an eighth, or at twice the speed."""
    line, ratio = talk.carrier, talk.chance.choice((2, 4, 8, 2, 4, 8, 0.5))

    def put(sender: Side, data: bytes) -> bytes:
        if sender == "client":
            return data
        line.then = dead
        return uart.received(uart.waveform(data), ratio)

    line.changes.append(put)


@fault("mode-e-incomplete", framing="mode-e", stage="open", ends=True)
def acknowledged_for_a_readout(talk: Talk) -> None:
    """The client acknowledges mode C, gets a readout, or not, and tries HDLC in vain."""
    line, readout = line_of(talk), talk.chance.random() < 0.5
    text = b"0.0.0(00339226)\r\n1.8.0(012345.678*kWh)\r\n2.8.0(000000.012*kWh)\r\n!\r\n\x03"
    check = 0
    for octet in text:
        check ^= octet

    def put(sender: Side, data: bytes) -> bytes:
        if data[:1] == b"\x06":
            line.then = answered if readout else None
            return b"\x060" + data[2:3] + b"0\r\n"
        if data[:1] == b"\x7e":
            line.then = dead
        return data

    def answered() -> None:
        line.put("meter", b"\x02" + text + bytes([check]))

    line.changes.append(put)


@fault("mode-e-incomplete", framing="mode-e", stage="open", ends=True)
def no_acknowledgement(talk: Talk) -> None:
    """HDLC at once after the identification; the meter is still in the sign-on."""
    line = line_of(talk)

    def put(sender: Side, data: bytes) -> bytes:
        if data[:1] == b"\x06":
            return b""
        if data[:1] == b"\x7e":
            line.records.extend(like(Record(0, b"", "client", seconds=round(line.clock, 3)), data))
            line.clock += 3
            line.then = dead
        return data

    line.changes.append(put)


@fault("mode-e-baud-not-switched", framing="mode-e", stage="open", ends=True)
def speed_of_the_sign_on_kept(talk: Talk) -> None:
    """The sign-on ends well, and nobody answers the SNRM, which came at the old speed."""
    line = line_of(talk)

    def put(sender: Side, data: bytes) -> bytes:
        if data[:1] == b"\x7e":
            for _ in range(talk.chance.randrange(1, 3)):
                line.records.extend(like(Record(0, b"", "client", seconds=round(line.clock, 3)), data))
                line.clock += 3
            line.then = dead
        return data

    line.changes.append(put)


@fault("iec21-bcc", framing="mode-e", stage="open", ends=True)
def block_check_wrong(talk: Talk) -> None:
    """Programming mode: the check octet of the password block is wrong, or the block is read without a login; NAK."""
    line, damaged = line_of(talk), talk.chance.random() < 0.6
    line.identification = "/LGZ5ZMG310400.B32"

    def block(text: bytes) -> bytes:
        check = 0
        for octet in text[1:]:
            check ^= octet
        return text + bytes([check])

    def opened() -> None:
        line.put("client", b"/?!\r\n")
        line.put("meter", line.identification.encode() + b"\r\n", 0.4)
        line.put("client", b"\x06051\r\n", 0.4)
        line.put("meter", block(b"\x01P0\x02(%08d)\x03" % talk.chance.randrange(10**8)))
        if damaged:
            sent = block(b"\x01P1\x02(%08d)\x03" % talk.chance.randrange(10**8))
            line.put("client", sent[:-1] + bytes([sent[-1] ^ talk.chance.randrange(1, 0x80)]))
        else:
            line.put("client", block(b"\x01R1\x021.8.0()\x03"))
        line.put("meter", b"\x15")
        dead()

    line.open = opened  # type: ignore[method-assign]
