"""How people read values that travel as octets: OBIS codes, object identifiers, dates and times."""

from grammars.meanings import obis_meaning, times_of
from grammars.tables.enums import APPLICATION_CONTEXTS, DATE_TIME_STATUS_BITS, MECHANISMS

DLMS_UA = bytes.fromhex("6085740508")  # 2.16.756.5.8, the DLMS User Association
UNSPECIFIED_DEVIATION = -0x8000


def obis(octets: bytes) -> str:
    """A logical name of 6 octets as A-B:C.D.E*F (IEC 62056-6-1)."""
    if len(octets) != 6:
        return ""
    a, b, c, d, e, f = octets
    return f"{a}-{b}:{c}.{d}.{e}*{f}"


def logical_name(octets: bytes) -> str:
    """A logical name as A-B:C.D.E*F, and what it stands for where that is known."""
    return f"{obis(octets)} {obis_meaning(octets)}".rstrip()


def object_identifier(octets: bytes) -> str:
    """The dotted form of a BER OBJECT IDENTIFIER, and what the DLMS UA registered it for."""
    if not octets:
        return ""
    arcs, value = [min(octets[0] // 40, 2)], 0
    arcs.append(octets[0] - 40 * arcs[0])
    for octet in octets[1:]:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    dotted = ".".join(map(str, arcs))
    if octets[:5] == DLMS_UA and len(octets) == 7:
        table = {1: APPLICATION_CONTEXTS, 2: MECHANISMS}.get(octets[5], {})
        if octets[6] in table:
            return f"{dotted} {table[octets[6]][0]}"
    return dotted


def date(octets: bytes) -> str:
    """A date of 5 octets as yyyy-mm-dd; `*` for what is not specified (IEC 62056-6-2, date format). Empty for octets that
    were cut off."""
    if len(octets) != 5:
        return ""
    year, month, day, weekday = int.from_bytes(octets[:2], "big"), octets[2], octets[3], octets[4]
    months = {0xFD: "dst-end", 0xFE: "dst-begin", 0xFF: "*"}
    days = {0xFD: "second-last", 0xFE: "last", 0xFF: "*"}
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    text = f"{'*' if year == 0xFFFF else f'{year:04}'}-{months.get(month, f'{month:02}')}-{days.get(day, f'{day:02}')}"
    if not 1 <= weekday <= 7 or (year != 0xFFFF and month < 0xFD and day < 0xFD):
        return text
    if year == 0xFFFF and month == day == 0xFF:
        return f"every {names[weekday - 1]}"
    return f"{text} {names[weekday - 1]}"


def time(octets: bytes) -> str:
    """A time of 4 octets as hh:mm:ss[.hh]; `*` for what is not specified, empty for octets that were cut off."""
    if len(octets) != 4:
        return ""
    hour, minute, second, hundredths = octets
    parts = ["*" if part == 0xFF else f"{part:02}" for part in (hour, minute, second)]
    return ":".join(parts) + (f".{hundredths:02}" if hundredths not in (0, 0xFF) else "")


def date_time(octets: bytes) -> str:
    """A date-time of 12 octets. The deviation is shown as it is stored: local time + deviation = UTC."""
    if len(octets) != 12:
        return ""
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    text = f"{date(octets[:5])} {time(octets[5:9])}"
    if deviation != UNSPECIFIED_DEVIATION:
        text += f" deviation {deviation:+d} min"
    return text + clock_status(octets[11])


def clock_status(status: int) -> str:
    """The set bits of a clock status; FF means that there is none."""
    if status in (0, 0xFF):
        return ""
    named = [name for mask, name, _ in DATE_TIME_STATUS_BITS if status & mask]
    rest = status & ~sum(mask for mask, _, _ in DATE_TIME_STATUS_BITS)
    return ", " + ", ".join([*named, *([f"reserved bits {rest:02X}"] if rest else [])])


def in_attribute(class_id: int, index: int, octets: bytes) -> str:
    """Octets of an octet-string as the date-time, date or time that they are in this attribute; empty for others."""
    if len(octets) not in times_of(class_id, index):
        return ""
    return {12: date_time, 5: date, 4: time}[len(octets)](octets)


def is_date_time(octets: bytes) -> bool:
    """Whether 12 octets of an octet-string can only sensibly be a date-time: every field is in its range."""
    if len(octets) != 12:
        return False
    year, month, day, weekday, hour, minute, second = int.from_bytes(octets[:2], "big"), *octets[2:8]
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    return (
        (1970 <= year <= 2120 or year == 0xFFFF)
        and (1 <= month <= 12 or month >= 0xFD)
        and (1 <= day <= 31 or day >= 0xFD)
        and (1 <= weekday <= 7 or weekday == 0xFF)
        and (hour < 24 or hour == 0xFF)
        and (minute < 60 or minute == 0xFF)
        and (second < 60 or second == 0xFF)
        and (octets[8] < 100 or octets[8] == 0xFF)
        and (-840 <= deviation <= 840 or deviation == UNSPECIFIED_DEVIATION)
        and octets != b"\xff" * 12
    )


def reversed_digits(octets: bytes) -> str:
    """Octets of two decimal digits each, the lowest first, as one number (EN 13757-3)."""
    return octets[::-1].hex().upper()


def mbus_manufacturer(octets: bytes) -> str:
    """The three letters of a manufacturer, 5 bits each, low octet first (EN 13757-3)."""
    number = int.from_bytes(octets, "little")
    return "".join(chr(0x40 + (number >> shift & 0x1F)) for shift in (10, 5, 0))


def characters(octets: bytes) -> str:
    """Octets as ASCII, with a dot for each that is no printable character."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in octets)


def escaped(text: str) -> str:
    """A text on one line; what would move the cursor or change colours of a terminal stands as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(text: str) -> str:
    """A text in quotation marks, with escapes as `escaped` has them."""
    return f'"{escaped(text)}"'


def printable(octets: bytes) -> str:
    """The text of octets that are all printable ASCII; empty otherwise."""
    return text if octets.isascii() and (text := bytes(octets).decode("ascii")).isprintable() else ""
