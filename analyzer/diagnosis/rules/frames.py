"""Single HDLC frames: checks, lengths, escapes, addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analyzer.diagnosis.case import Case, hexed, side_of
from analyzer.diagnosis.counted import Counted, Many
from analyzer.diagnosis.registry import Hit, rule
from analyzer.frame import Frame
from analyzer.message import Message
from analyzer.rebuild import NotBuildable, rebuild
from grammars.hdlc import FLAG, FRAME, GOOD_RESIDUE, crc16_x25
from grammars.kit.primitives import Extended
from grammars.parse import Parsed, parse

LEGAL_ADDRESSES = (1, 2, 4)
SHORT_FRAME = 14  # octets of a frame without an information field, at most
LONGEST_REPAIR = 400  # octets; single changes of longer frames are not tried


def hdlc_frames(case: Case) -> Iterator[tuple[Message, Frame]]:
    """Every HDLC frame with its message, those that the power line carries too; no echoes."""
    for message in case.spoken:
        for frame in message.frames:
            if frame.carries_hdlc:
                yield message, frame


def has_issue(frame: Frame, field: str) -> bool:
    """Whether a check of a frame does not hold."""
    return any(issue.spec.name == field and issue.severity == "error" for issue in frame.parsed.issues)


def misread(frame: Frame) -> bytes:
    """The addresses of a frame whose last octet does not end an address, so that all behind it is read in the wrong
    place; empty where there is no such fault. The checks tell where the header really ends.

    Two octets hold as a check by chance once in 65536 places. So a frame that reads without a fault as it stands is none
    of these, nor is one in which two addresses have ended before: behind them the header had no reason to go on."""
    octets = body(frame)
    if len(octets) < 7 or crc16_x25(octets) != GOOD_RESIDUE or length_is_wrong(frame) or _reads_well(frame):
        return b""
    short = (len(octets) - 2,) if len(octets) <= SHORT_FRAME else ()
    for end in (*range(5, min(13, len(octets) - 3)), *short):
        if crc16_x25(octets[:end]).to_bytes(2, "little") == octets[end : end + 2]:
            addresses = octets[2 : end - 1]
            ended = sum(octet & 1 for octet in addresses)
            return addresses if not addresses[-1] & 1 and ended < 2 else b""
    return b""


def _reads_well(frame: Frame) -> bool:
    """Whether a frame has nothing wrong as it stands: each check holds, each address is of a legal length."""
    if not frame.parsed.whole or any(issue.severity == "error" for issue in frame.parsed.issues):
        return False
    fields = [frame.field(name) for name in ("destination_address", "source_address")]
    return all(
        node is not None and isinstance(node[3], Extended) and node[3].octets in LEGAL_ADDRESSES for node in fields
    )


def length_is_wrong(frame: Frame) -> bool:
    """Whether the frame does not end where its length says."""
    return any(issue.code == "frame-length-wrong" for issue in frame.issues)


def body(frame: Frame) -> bytes:
    """The octets between the flags of an HDLC frame."""
    return frame.data[slice(*frame.hdlc)].removeprefix(b"\x7e").removesuffix(b"\x7e")


def body_start(frame: Frame) -> int:
    """Where in the octets of a frame those between the flags begin."""
    start = frame.hdlc[0]
    return start + (frame.data[start : start + 1] == b"\x7e")


def recomputed(case: Case, message: Message) -> bytes | None:
    """The frame with length and checks computed again; None where it cannot be built."""
    try:
        return rebuild(message, (), case.keys).data
    except NotBuildable:
        return None


def _variants() -> dict[str, Callable[[bytes], bytes]]:
    """Check sequences as people compute them by mistake, in the order in which they are sent."""

    def reflected(init: int, xorout: int) -> Callable[[bytes], bytes]:
        def compute(data: bytes) -> bytes:
            crc = init
            for octet in data:
                crc ^= octet
                for _ in range(8):
                    crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
            return (crc ^ xorout).to_bytes(2, "little")

        return compute

    def straight(init: int) -> Callable[[bytes], bytes]:
        def compute(data: bytes) -> bytes:
            crc = init
            for octet in data:
                crc ^= octet << 8
                for _ in range(8):
                    crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
            return crc.to_bytes(2, "big")

        return compute

    return {
        "the right CRC with its two octets swapped": lambda data: crc16_x25(data).to_bytes(2, "big"),
        "without the final inversion": reflected(0xFFFF, 0),
        "with 0000 as initial value and no inversion (KERMIT)": reflected(0, 0),
        "with 0000 as initial value": reflected(0, 0xFFFF),
        "CCITT-FALSE, which is not reflected": straight(0xFFFF),
        "XMODEM, which is not reflected": straight(0),
    }


@rule("crc-variant")
def crc_variant(case: Case) -> Iterator[Hit]:
    """Every frame of one side fails its check, and one other way to compute it fits them all."""
    for side in ("client", "meter"):
        frames = [(m, f) for m, f in hdlc_frames(case) if f.direction == side and not length_is_wrong(f)]
        if not frames or not all(has_issue(frame, "frame_check_sequence") for _, frame in frames):
            continue
        for words, compute in _variants().items():
            if all(compute(body(frame)[:-2]) == body(frame)[-2:] for _, frame in frames):
                own = [row for row in frames if case.owns(row[0])]
                if not own:
                    break
                message, frame = own[0]
                many = Many(len(own))
                yield Hit(
                    message,
                    (Counted(_all_fail, side, many), Counted(_all_carry, words, hexed(body(frame)[-2:]), many)),
                    field="frame_check_sequence",
                    side=side_of(message),
                    fixed=recomputed(case, message),
                    once=f"crc-variant {side} {words}",
                )
                break


def _all_fail(side: str, many: int) -> str:
    count = f"all {many} frames" if many > 1 else "the only frame"
    return f"{count} of the {side} {'fail' if many > 1 else 'fails'} the check of CRC-16/X.25"


def _all_carry(words: str, first: str, many: int) -> str:
    return f"{'they all carry' if many > 1 else 'it carries'} a CRC {words}: {first} in the first"


def varied(case: Case) -> frozenset[str]:
    """The sides that `crc-variant` explains."""
    return frozenset(hit.side for hit in crc_variant(case) if hit.side is not None)


@rule("fcs-wrong")
def fcs_wrong(case: Case) -> Iterator[Hit]:
    """A frame whose check fails, with the one octet that explains it where there is one."""
    explained = varied(case)
    for message, frame in hdlc_frames(case):
        if not has_issue(frame, "frame_check_sequence") or length_is_wrong(frame) or frame.direction in explained:
            continue
        if unstuffed(frame) is not None or misread(frame):
            continue
        octets = body(frame)
        evidence = [
            f"the check sequence is {hexed(octets[-2:])}, computed {hexed(crc16_x25(octets[:-2]).to_bytes(2, 'little'))}"
        ]
        header_holds = frame.field("header_check_sequence") is not None and not has_issue(
            frame, "header_check_sequence"
        )
        if header_holds:
            evidence.append("the header check holds, so the damage is in the information field or in the check itself")
        mended = repaired(octets, _checked_hdlc)
        fixed = None
        if mended is not None:
            at, before, after = mended
            at += body_start(frame)
            if frame.framing == "hdlc":  # the check of the power line around it is not known, so that is not mended
                fixed = frame.data[:at] + bytes([after]) + frame.data[at + 1 :]
            evidence.append(f"with octet {at} as {after:02X} in place of {before:02X} every check of the frame holds")
        yield Hit(message, tuple(evidence), field="frame_check_sequence", fixed=fixed)


def _checked_hdlc(octets: bytes) -> Parsed:
    return parse(FRAME, b"\x7e" + octets + b"\x7e")


def repaired(octets: bytes, read: Callable[[bytes], Parsed]) -> tuple[int, int, int] | None:
    """The only single bit whose change makes all checks of a frame hold: (position, found, right). `read` is how its
    grammar reads octets that end with a CRC-16/X.25 over them all."""
    if len(octets) > LONGEST_REPAIR:
        return None
    found = None
    made = bytearray(octets)
    for at in range(len(octets)):
        for bit in range(8):
            made[at] ^= 1 << bit
            if crc16_x25(bytes(made)) == GOOD_RESIDUE:
                if not any(issue.severity == "error" for issue in read(bytes(made)).issues):
                    if found is not None:
                        return None
                    found = (at, octets[at], made[at])
            made[at] ^= 1 << bit
    return found


@rule("hcs-wrong")
def hcs_wrong(case: Case) -> Iterator[Hit]:
    """A header check that fails in a frame whose frame check, which covers it, holds."""
    for message, frame in hdlc_frames(case):
        if not has_issue(frame, "header_check_sequence") or has_issue(frame, "frame_check_sequence") or misread(frame):
            continue
        node = frame.field("header_check_sequence")
        assert node is not None
        head, sent = frame.data[body_start(frame) : node[1]], frame.data[node[1] : node[2]]
        evidence = [
            f"the header check is {hexed(sent)}, computed {hexed(crc16_x25(head).to_bytes(2, 'little'))}, "
            "and the frame check holds over it: the sender wrote it so"
        ]
        for words, wrong in (
            ("its two octets swapped", crc16_x25(head).to_bytes(2, "big")),
            ("the flag included", crc16_x25(b"\x7e" + head).to_bytes(2, "little")),
            ("the format field left out", crc16_x25(head[2:]).to_bytes(2, "little")),
            ("the control field left out", crc16_x25(head[:-1]).to_bytes(2, "little")),
        ):
            if wrong == sent:
                evidence.append(f"it is the right computation with {words}")
        yield Hit(
            message,
            tuple(evidence),
            field="header_check_sequence",
            side=side_of(message),
            fixed=recomputed(case, message),
        )


@rule("octet-stuffing")
def octet_stuffing(case: Case) -> Iterator[Hit]:
    """Frames that are right after PPP's escapes are taken out."""
    for message, frame in hdlc_frames(case):
        plain = unstuffed(frame)
        if plain is not None:
            escapes = body(frame).count(b"\x7d\x5e") + body(frame).count(b"\x7d\x5d")
            yield Hit(
                message,
                (
                    f"{escapes} escape{'s' if escapes != 1 else ''} 7D 5E or 7D 5D in the frame",
                    "with them taken out, length and check of the frame hold",
                ),
                side=side_of(message),
                fixed=plain,
            )


def unstuffed(frame: Frame) -> bytes | None:
    """The frame without PPP's escapes, if it is right then and was not before."""
    octets = body(frame)
    if b"\x7d\x5e" not in octets and b"\x7d\x5d" not in octets:
        return None
    if crc16_x25(octets) == GOOD_RESIDUE and not length_is_wrong(frame):
        return None
    plain = octets.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
    length = (plain[0] & 7) << 8 | plain[1] if len(plain) > 1 else 0
    if length == len(plain) and crc16_x25(plain) == GOOD_RESIDUE:
        return b"\x7e" + plain + b"\x7e"
    return None


@rule("frame-length-wrong")
def frame_length_wrong(case: Case) -> Iterator[Hit]:
    """A length field that does not lead to the closing flag."""
    for message, frame in hdlc_frames(case):
        for issue in frame.issues:
            if issue.code != "frame-length-wrong" or unstuffed(frame) is not None:
                continue
            holds = crc16_x25(body(frame)) == GOOD_RESIDUE and frame.data[-1:] == b"\x7e"
            said = (
                "the check sequence holds over the octets between the flags: the sender wrote the wrong length"
                if holds
                else "the check sequence does not hold there: octets are missing or too many, in the log or on the line"
            )
            yield Hit(
                message,
                (issue.text, said),
                certainty="proven" if holds else "likely",
                field="frame_format.length",
                side=side_of(message) if holds else "link",
                fixed=recomputed(case, message) if holds else None,
            )


@rule("frame-type-unknown")
def frame_type_unknown(case: Case) -> Iterator[Hit]:
    """A frame format that is not type 3."""
    for message, frame in hdlc_frames(case):
        for issue in frame.issues:
            if issue.code == "frame-type-unknown":
                yield Hit(message, (issue.text,), field="frame_format.frame_type", side=side_of(message))


@rule("address-length")
def address_length(case: Case) -> Iterator[Hit]:
    """An address of 3, or of more than 4 octets."""
    for message, frame in hdlc_frames(case):
        if _reads_well(frame):
            continue
        open_ = misread(frame)
        if has_issue(frame, "frame_check_sequence") and not open_:
            continue
        if open_:
            yield Hit(
                message,
                (
                    f"the addresses are {hexed(open_)}: their last octet, {open_[-1]:02X}, has not its lowest bit set, which "
                    "ends an address",
                    "the checks of the frame hold where the header ends behind it, so it is the last one",
                    f"shifted left it would be {(open_[-1] << 1 | 1) & 0xFF:02X}",
                ),
                side=side_of(message),
            )
            continue
        for name in ("destination_address", "source_address"):
            node = frame.field(name)
            if node is None or not isinstance(node[3], Extended) or node[3].octets in LEGAL_ADDRESSES:
                continue
            octets = frame.data[node[1] : node[2]]
            yield Hit(
                message,
                (
                    f"the {name.replace('_', ' ')} is {hexed(octets)}: the first octet with its lowest bit set is "
                    f"number {node[3].octets}, and only 1, 2 and 4 are legal",
                ),
                field=name,
                side=side_of(message),
            )


assert FLAG == 0x7E  # `body` takes it off
