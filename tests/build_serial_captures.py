"""Makes the examples in captures/ that come over serial lines: `python -m tests.build_serial_captures`.

The same octets each time: keys, counters and times are written down here. A test compares the files with what this makes.
"""

from __future__ import annotations

from pathlib import Path

from grammars.p1 import crc16_arc
from tests import serial_logs
from tests.support import (
    CTOS,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    ROOT,
    STOC,
    Conversation,
    Station,
    aare,
    aarq,
)

CAPTURES = ROOT / "captures"
EK, AK = bytes.fromhex("000102030405060708090A0B0C0D0E0F"), bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
CLIENT, METER = b"DLM\x00\x00\x00\x00\x01", b"DLM\x00\x00\xbc\x61\x4e"
CLOCK = bytes.fromhex("07EA0B1A040A0000FFFFC400")  # 26 November 2026, 10:00:00, winter time
IMPORT, EXPORT, VOLTAGE = "0100010800FF", "0100020800FF", "0100200700FF"
TELEGRAM = (
    "/DLM5\\2DLMSCOPE-1\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({time}W)\r\n0-0:96.1.1(4B384547303034303436333935353037)\r\n"
    "1-0:1.8.1({total:010.3f}*kWh)\r\n1-0:1.8.2(000456.789*kWh)\r\n1-0:2.8.1(000000.000*kWh)\r\n"
    "0-0:96.14.0(0002)\r\n1-0:1.7.0(01.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n1-0:32.7.0(230.1*V)\r\n"
    "0-1:24.1.0(003)\r\n0-1:24.2.1(261126095500W)(12785.123*m3)\r\n!"
)
VOLT, WATT_HOURS = 35, 30


def get(class_id: int, instance: str, attribute: int) -> bytes:
    return b"\xc0\x01\xc1" + class_id.to_bytes(2, "big") + bytes.fromhex(instance) + bytes([attribute, 0])


def answer(value: bytes) -> bytes:
    return b"\xc4\x01\xc1\x00" + value


def session() -> Conversation:
    """HLS with GMAC, then the clock, and scaler, unit and value of a register; all ciphered."""
    client, meter = Station(CLIENT, EK, AK), Station(METER, EK, AK)
    talk = Conversation(server=16).connect()
    talk.request(aarq(client.seal(INITIATE_REQUEST), context=3, mechanism=5, challenge=CTOS, title=CLIENT))
    talk.reply(aare(meter.seal(INITIATE_RESPONSE), context=3, diagnostic=14, mechanism=5, challenge=STOC, title=METER))
    talk.request(client.seal(bytes.fromhex("C301C1000F0000280000FF01010911") + client.proof(STOC)))
    talk.reply(meter.seal(bytes.fromhex("C701C10001000911") + meter.proof(CTOS)))
    for request, value in (
        (GET_CLOCK, b"\x09\x0c" + CLOCK),
        (get(3, IMPORT, 3), bytes([2, 2, 0x0F, 0, 0x16, WATT_HOURS])),
        (get(3, IMPORT, 2), b"\x06" + (1_234_567).to_bytes(4, "big")),
    ):
        talk.request(client.seal(request)).reply(meter.seal(answer(value)))
    return talk.close()


def telegram(number: int) -> bytes:
    """A P1 telegram with its CRC."""
    text = TELEGRAM.format(time=f"2611261000{10 * number:02d}", total=123.456 + number / 1000).encode()
    return text + f"{crc16_arc(text):04X}\r\n".encode()


def sealed(apdu: bytes, counter: int) -> bytes:
    """A general-glo-ciphering APDU of the meter."""
    meter = Station(METER, EK, AK, counter=counter)
    content = meter.content(apdu)
    size = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return b"\xdb\x08" + METER + size + content


def notification(number: int) -> bytes:
    """A data-notification: clock, then OBIS code, value, scaler and unit of each register."""
    registers = [
        (IMPORT, b"\x06" + (1_234_567 + number).to_bytes(4, "big"), 0, WATT_HOURS),
        (EXPORT, b"\x06" + (42).to_bytes(4, "big"), 0, WATT_HOURS),
        (VOLTAGE, b"\x12" + (2301).to_bytes(2, "big"), -1, VOLT),
    ]
    items = [b"\x02\x02\x09\x06" + bytes.fromhex("0000010000FF") + b"\x09\x0c" + CLOCK]
    for obis, value, scaler, unit in registers:
        items.append(b"\x02\x03\x09\x06" + bytes.fromhex(obis) + value + bytes([2, 2, 0x0F, scaler & 0xFF, 0x16, unit]))
    body = b"\x01" + bytes([len(items)]) + b"".join(items)
    return b"\x0f" + number.to_bytes(4, "big") + b"\x0c" + CLOCK + body


def mbus(apdu: bytes, most: int = 64) -> bytes:
    """The telegrams of the DLMS transport that carry an APDU to everybody, without an answer."""
    parts = [apdu[at : at + most] for at in range(0, len(apdu), most)]
    made = b""
    for number, part in enumerate(parts):
        transport = number | (0x10 if number == len(parts) - 1 else 0)
        body = bytes([0x53, 0xFF, transport, 0x01, 0x67]) + part
        made += bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) & 0xFF, 0x16])
    return made


def files() -> dict[str, bytes]:
    """Every file that is made, by its path in captures/."""
    talk = session()
    made = {
        f"serial-pair/{name}": b"".join(r.data for r in talk.records if r.direction == side)
        for name, side in (("tx.bin", "client"), ("rx.bin", "meter"))
    }
    made["serial-pair/docklight.txt"] = serial_logs.docklight(talk).encode()
    made["serial-pair/socat.log"] = serial_logs.socat(talk, verbose=True).encode()
    made["serial-pair/saleae.csv"] = serial_logs.saleae_2(talk).encode()
    made["p1-push/telegrams.txt"] = telegram(0) + telegram(1)
    made["p1-push/ciphered.bin"] = sealed(telegram(0), 0x100) + sealed(telegram(1), 0x101)
    made["mbus-push/push.bin"] = b"".join(mbus(sealed(notification(n), 0x200 + n)) for n in range(3))
    keys = f'[[meter]]\nname = "made for this example"\nsystem_title = "{METER.hex().upper()}"\n'
    keys += f'global_unicast_encryption_key = "{EK.hex().upper()}"\nauthentication_key = "{AK.hex().upper()}"\n'
    made |= {f"{folder}/keys.toml": keys.encode() for folder in ("serial-pair", "p1-push", "mbus-push")}
    return made


def main() -> None:
    """Writes the files."""
    for name, data in files().items():
        path: Path = CAPTURES / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
