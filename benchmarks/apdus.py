"""APDUs as trees with offsets, opened where they are ciphered, and as plain values: against interpreted construct, gurux-dlms
and dlms-cosem, on the same octets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.decryptor import Decryptor, Protected
from benchmarks import peers, stock_construct
from benchmarks.measure import Row, against, in_turn, lighter
from grammars import values
from grammars.apdu import APDU
from grammars.kit.spec import RawNode, find_int, find_octets
from grammars.parse import Parsed, parse

GET_REQUEST = bytes.fromhex("C001C100080000010000FF0200")
EK, AK, TITLE, COUNTER = bytes(range(16)), bytes(range(16, 32)), b"ABC12345", 7
QUARTER = 15
DAY = 24 * 60


def load_profile(rows: int, columns: int) -> bytes:
    """A GET.response with rows a quarter of an hour apart: clock, status, and registers that run."""
    made = bytearray()
    for row in range(rows):
        minute = row * QUARTER
        day, hour, minute = 1 + minute // DAY, minute % DAY // 60, minute % 60
        clock = bytes((0x07, 0xE8, 10, day, 1 + day % 7, hour, minute, 0, 0, 0xFF, 0xC4, 0x00))
        made += b"\x02" + bytes([columns]) + b"\x09\x0c" + clock + b"\x11\x00"
        for column in range(columns - 2):
            made += b"\x06" + (1_000_000 * (column + 1) + row * (97 + column)).to_bytes(4, "big")
    count = bytes([rows]) if rows < 128 else b"\x82" + rows.to_bytes(2, "big")
    return b"\xc4\x01\xc1\x00\x01" + count + bytes(made)


def wrapped(apdu: bytes) -> bytes:
    """The APDU in the wrapper of a meter that answers client 16."""
    return b"".join(n.to_bytes(2, "big") for n in (1, 1, 16, len(apdu))) + apdu


def leaves(node: object) -> list[object]:
    """Every plain value in order: of raw nodes, of stock construct, of lists and tuples of values."""
    if isinstance(node, dict):
        return [value for key in node if key not in ("start", "end", "_io") for value in leaves(node[key])]
    if isinstance(node, tuple) and len(node) == 4 and not isinstance(node[0], int | bytes):
        return leaves(node[3])
    if isinstance(node, list | tuple):
        return [value for item in node for value in leaves(item)]
    return [bytes(node) if isinstance(node, bytes | bytearray) else node]


def same_octets(a: object, b: object) -> None:
    """Every octet-string that one has read is what the other has read."""
    first, second = ([v for v in leaves(node) if isinstance(v, bytes) and v] for node in (a, b))
    assert first == second, "the two do not agree"


def small() -> list[Row]:
    """A GET.request."""
    name, octets = "GET.request, tree with offsets", GET_REQUEST

    def ours() -> Parsed:
        return parse(APDU, octets)

    nodes = ours().nodes
    class_id, instance = find_int(nodes, "class_id"), find_octets(nodes, "instance_id")
    same_octets(nodes, stock_construct.APDU.parse(octets))
    rows = [
        against(name, "interpreted construct with offsets", ours, lambda: stock_construct.APDU.parse(octets), 30),
    ]
    if "gurux_dlms" in peers.INSTALLED:
        translate = peers.translator()
        told = dict(peers.shown(translate(octets)))
        assert instance is not None and class_id is not None
        assert (told["ClassId"], told["InstanceId"]) == (f"{class_id:04X}", instance.hex().upper())
        rows.append(against(name, "gurux-dlms pduToXml", ours, lambda: translate(octets), 25))
    if "dlms_cosem" in peers.INSTALLED:
        attribute = peers.cosem_request(octets).cosem_attribute
        assert (attribute.interface.value, attribute.instance.to_bytes()) == (class_id, instance)
        rows.append(against(name, "dlms-cosem, object", ours, lambda: peers.cosem_request(octets), 4))
    return rows


def opener() -> Callable[[bytes], tuple[bytes | None, list[RawNode]]]:
    """What opens a ciphered APDU: the text if its tag is right, and its tree."""
    decryptor = Decryptor()

    def opened(octets: bytes) -> tuple[bytes | None, list[RawNode]]:
        control, counter, ciphertext, tag = parse(APDU, octets).nodes[0][3]
        content = Protected(control[3], counter[3], TITLE, ciphertext[3], tag[3])
        text, verdict, _ = decryptor.unprotect(content, EK, AK)
        assert text is not None and verdict == "verified"
        return text, parse(APDU, text).nodes

    return opened


def ciphered() -> list[Row]:
    """A glo-get-request."""
    name = "glo-get-request, opened, verified, tree"
    sealed = Decryptor().protect(0x30, COUNTER, TITLE, GET_REQUEST, EK, AK)
    content = b"\x30" + COUNTER.to_bytes(4, "big") + sealed.payload + sealed.tag
    octets, opened = b"\xc8" + bytes([len(content)]) + content, opener()
    assert opened(octets) == (GET_REQUEST, parse(APDU, GET_REQUEST).nodes)
    rows = []
    if "gurux_dlms" in peers.INSTALLED:
        translate = peers.translator(EK, AK, TITLE)
        assert dict(peers.shown(translate(octets)))["InstanceId"] == "0000010000FF"
        rows.append(against(name, "gurux-dlms pduToXml", lambda: opened(octets), lambda: translate(octets), 150))
    if "dlms_cosem" in peers.INSTALLED:
        decrypts, text = peers.cosem_decrypts(EK, AK, TITLE, COUNTER), sealed.payload + sealed.tag
        assert decrypts(text) == GET_REQUEST
        rows.append(against(name, "dlms-cosem, decrypt alone", lambda: opened(octets), lambda: decrypts(text), 1.2))
    return rows


def decryption() -> Row:
    """Opening and verifying 100 octets with a tag of 12, against one call of AESGCM with its tag of 16."""
    decryptor, text = Decryptor(), bytes(range(100))
    sealed = decryptor.protect(0x30, COUNTER, TITLE, text, EK, AK)
    content = Protected(0x30, COUNTER, TITLE, sealed.payload, sealed.tag)
    cipher, nonce, associated = AESGCM(EK), TITLE + COUNTER.to_bytes(4, "big"), b"\x30" + AK
    whole = cipher.encrypt(nonce, text, associated)
    assert decryptor.unprotect(content, EK, AK).plaintext == cipher.decrypt(nonce, whole, associated)
    shot, ours, ratio = in_turn(
        lambda: cipher.decrypt(nonce, whole, b"\x30" + AK), lambda: decryptor.unprotect(content, EK, AK)
    )
    figure = f"{ratio:.1f}x  ({ours * 1e6:.2f} against {shot * 1e6:.2f} µs)"
    numbers = {"ratio": ratio, "ours_seconds": ours, "theirs_seconds": shot}
    return Row("100 octets opened and verified, over AESGCM.decrypt", figure, "at most 3x", ratio <= 3, numbers)


def profiles() -> list[Row]:
    """Load profiles of 100 and 1000 rows, as a tree and as values alone."""
    octets, long = load_profile(100, 8), load_profile(1000, 8)

    def tree() -> Parsed:
        return parse(APDU, octets)

    def plain() -> Any:
        return values.of_apdu(octets).values

    same_octets(tree().nodes, stock_construct.APDU.parse(octets))
    assert leaves(plain()) == leaves(tree().nodes)[1:]  # without the invoke-id
    name, bare, longer = "100 x 8 load profile, tree", "the same, values only", "1000 x 8 load profile, values only"
    rows = [
        against(name, "interpreted construct with offsets", tree, lambda: stock_construct.APDU.parse(octets), 20, 5)
    ]
    if "gurux_dlms" in peers.INSTALLED:
        translate, answer, answers = peers.translator(), wrapped(octets), wrapped(long)
        registers = [value for kind, value in peers.shown(translate(octets)) if kind == "UInt32"]
        assert registers == [f"{value:08X}" for row in plain()[0] for value in row[2:]]
        assert leaves(list(map(list, peers.gurux_values(answer)))) == leaves(plain())
        rows += [
            against(name, "gurux-dlms pduToXml", tree, lambda: translate(octets), 25, 5),
            against(bare, "gurux-dlms pduToXml", plain, lambda: translate(octets), 500, 5),
            against(bare, "gurux-dlms getData", plain, lambda: peers.gurux_values(answer), None, 5),
        ]
    if "dlms_cosem" in peers.INSTALLED:
        assert leaves(peers.cosem_values(octets)) == leaves(plain())
        rows += [
            against(name, "dlms-cosem, values", tree, lambda: peers.cosem_values(octets), 3, 5),
            against(bare, "dlms-cosem, values", plain, lambda: peers.cosem_values(octets), 50, 5),
            lighter("memory of the 1000 x 8 values", "dlms-cosem", lambda: values.of_apdu(long),
                    lambda: peers.cosem_values(long)),
        ]  # fmt: skip
    if "gurux_dlms" in peers.INSTALLED:

        def many() -> Any:
            return values.of_apdu(long).values

        def table() -> Any:
            return values.columns_of_apdu(long).values

        assert leaves(list(map(list, peers.gurux_values(answers)))) == leaves(many())
        assert list(zip(*table(), strict=True)) == many()[0]
        rows += [
            against(f"{longer}, as columns", "gurux-dlms pduToXml", table, lambda: translate(long), 10_000, 3),
            against(f"{longer}, as rows", "gurux-dlms pduToXml", many, lambda: translate(long), None, 3),
            against(longer, "gurux-dlms getData", many, lambda: peers.gurux_values(answers), None, 5),
            lighter("memory of the 1000 x 8 values", "gurux-dlms getData", many, lambda: peers.gurux_values(answers)),
            lighter("memory of the 1000 x 8 tree", "gurux-dlms pduToXml", lambda: parse(APDU, long),
                    lambda: translate(long)),
        ]  # fmt: skip
    return rows


def rows() -> list[Row]:
    """The rows of the table."""
    return [*small(), *ciphered(), decryption(), *profiles()]
