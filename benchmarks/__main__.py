"""Runs every measurement and prints a table: what was measured, the figure, the budget, kept or MISSED.

Ratios are medians of measurements taken in turn, so that whatever else the machine does hits both sides alike. What is
compared is checked first to give the same answer.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.decryptor import Decryptor, Protected
from benchmarks import captures, stock_construct
from benchmarks.proxy import proxy_row
from grammars.apdu import APDU
from grammars.parse import parse_compiled

ROOT = Path(__file__).parents[1]
ROUNDS = 15
GET_REQUEST = bytes.fromhex("C001C100080000010000FF0200")


def load_profile(rows: int, columns: int) -> bytes:
    """A GET.response with rows of clock, status and registers."""
    cells = b"\x09\x0c" + bytes.fromhex("07E80B1A020A1E0000FFC480") + b"\x11\x00"
    cells += b"".join(b"\x06" + n.to_bytes(4, "big") for n in range(columns - 2))
    row = b"\x02" + bytes([columns]) + cells
    return b"\xc4\x01\xc1\x00\x01" + (bytes([rows]) if rows < 128 else b"\x82" + rows.to_bytes(2, "big")) + row * rows


def per_call(function: Callable[[], object], at_least: float = 0.02) -> float:
    """Seconds a call takes, from as many calls as take `at_least` seconds together."""
    number = 1
    while True:
        started = time.perf_counter()
        for _ in range(number):
            function()
        spent = time.perf_counter() - started
        if spent >= at_least:
            return spent / number
        number *= 2


def in_turn(a: Callable[[], object], b: Callable[[], object]) -> tuple[float, float]:
    """Median seconds a call of each, measured one after the other."""
    pairs = [(per_call(a), per_call(b)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def stock_values(node: object) -> list[object]:
    """Every plain value of a tree of stock construct, in order, offsets left out."""
    if isinstance(node, dict):
        keys = [k for k in node if k not in ("start", "end", "_io")]
        return [value for key in keys for value in stock_values(node[key])]
    if isinstance(node, list):
        return [value for item in node for value in stock_values(item)]
    return [bytes(node) if isinstance(node, bytes | bytearray) else node]


def our_values(nodes: object) -> list[object]:
    """Every plain value of raw nodes, in order."""
    values: list[object] = []
    for node in nodes:  # type: ignore[attr-defined]
        value = node[3]
        values += our_values(value) if isinstance(value, list) else [value]
    return values


def grammar_row(name: str, octets: bytes, budget: float) -> tuple[str, str, str, bool]:
    """Compiled grammar with tree and offsets, against interpreted stock construct with the same offsets."""
    ours, stock = parse_compiled(APDU, octets, 0, len(octets)), stock_construct.APDU.parse(octets)
    wanted = [v for v in stock_values(stock) if isinstance(v, bytes) and v]
    assert [v for v in our_values(ours.nodes) if isinstance(v, bytes) and v] == wanted, "the two do not agree"
    fast, slow = in_turn(
        lambda: parse_compiled(APDU, octets, 0, len(octets)), lambda: stock_construct.APDU.parse(octets)
    )
    figure = slow / fast
    words = f"{figure:6.1f}x  ({fast * 1e6:.1f} against {slow * 1e6:.0f} microseconds)"
    return name, words, f"at least {budget:g}x", figure >= budget


def decryption_row() -> tuple[str, str, str, bool]:
    """Opening and verifying 100 octets with a tag of 12, against one call of AESGCM with its tag of 16."""
    key, authentication, title = bytes(range(16)), bytes(range(16, 32)), b"ABC12345"
    decryptor, text = Decryptor(), bytes(range(100))
    sealed = decryptor.protect(0x30, 7, title, text, key, authentication)
    content = Protected(0x30, 7, title, sealed.payload, sealed.tag)
    cipher, nonce = AESGCM(key), title + (7).to_bytes(4, "big")
    whole = cipher.encrypt(nonce, text, b"\x30" + authentication)
    assert decryptor.unprotect(content, key, authentication).plaintext == cipher.decrypt(
        nonce, whole, b"\x30" + authentication
    )
    ours, shot = in_turn(
        lambda: decryptor.unprotect(content, key, authentication),
        lambda: cipher.decrypt(nonce, whole, b"\x30" + authentication),
    )
    figure = ours / shot
    words = f"{figure:6.1f}x  ({ours * 1e6:.2f} against {shot * 1e6:.2f} microseconds)"
    return "100 octets opened and verified, over AESGCM.decrypt", words, "at most 3x", figure <= 3


def command_row(name: str, arguments: list[str], budget: float) -> tuple[str, str, str, bool]:
    """Wall time of a whole process."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "analyzer.cli", *arguments], cwd=ROOT, capture_output=True, check=False
        )
        times.append(time.perf_counter() - started)
        assert done.returncode in (0, 1), done.stderr
    figure = statistics.median(times)
    return name, f"{figure:6.2f} s", f"under {budget:g} s", figure < budget


def main() -> int:
    """Prints the table; 1 when a budget is missed."""
    thread = "captures/gurux-forum-2017/thread.log"
    rows = [
        grammar_row("GET.request, tree with offsets, over interpreted construct", GET_REQUEST, 25),
        grammar_row("load profile of 100 x 8, the same", load_profile(100, 8), 20),
        decryption_row(),
        command_row("dlmscope --help", ["--help"], 0.25),
        command_row(
            "diagnosis of the thread", ["diagnose", thread, "--keys", "captures/gurux-forum-2017/keys.toml"], 0.6
        ),
        proxy_row(),
    ]
    rows += captures.rows()
    wide = max(len(row[0]) for row in rows)
    for name, figure, budget, kept in rows:
        print(f"{name:{wide}}  {figure:52}  {budget:14}  {'kept' if kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
