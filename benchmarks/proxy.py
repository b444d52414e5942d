"""What the recording proxy costs: 50 connections with 10 MB each way, through `dlmscope record` and without it.

Each connection sends a request of 16 KiB every 50 ms and gets an answer of the same length, so the delay is that of
a busy proxy and not that of a queue. Every octet is compared. Client, meter and proxy are processes of their own.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row
from tests.support import wrapped

ROOT = Path(__file__).parents[1]
CONNECTIONS, OCTETS = 50, 10 << 20
PIECE = 16 << 10
PAUSE = 0.05  # seconds from request to request
METER = f"""
import asyncio, sys
async def answer(reader, writer):
    try:
        while True:
            writer.write(bytes(reversed(await reader.readexactly({PIECE}))))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def request() -> bytes:
    """Wrapper PDUs with GET requests, filled up with one PDU of random octets, that are 16 KiB together."""
    pdus = wrapped(bytes.fromhex("C001C100080000010000FF0200"), 16, 1) * 100
    return pdus + wrapped(random.Random(1).randbytes(PIECE - len(pdus) - 8), 16, 1)


async def exchange(port: int, times: list[float], rounds: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    octets = request()
    expected = octets[::-1]
    await asyncio.sleep(random.random() * PAUSE)
    for _ in range(rounds):
        started = time.perf_counter()
        writer.write(octets)
        answer = await reader.readexactly(PIECE)
        times.append(time.perf_counter() - started)
        assert answer == expected, "the proxy has altered an octet"
        await asyncio.sleep(max(0.0, PAUSE - (time.perf_counter() - started)))
    writer.close()


async def load(port: int, rounds: int) -> list[float]:
    times: list[float] = []
    await asyncio.gather(*(exchange(port, times, rounds) for _ in range(CONNECTIONS)))
    return times


def measured(view: bool = True, rounds: int = OCTETS // PIECE) -> tuple[float, float, int]:
    """Median seconds of a round trip without and with the proxy, and the octets of the record."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "record.pcapng"
        meter = subprocess.Popen([sys.executable, "-c", METER], stdout=subprocess.PIPE, text=True)
        assert meter.stdout is not None
        port = int(meter.stdout.readline())
        command = [sys.executable, "-m", "analyzer.cli", "record", "--listen", "127.0.0.1:0", "-o", str(out)]
        command += ["--to", f"127.0.0.1:{port}", *([] if view else ["--quiet"])]
        with open(Path(folder) / "view", "wb") as shown:
            proxy = subprocess.Popen(command, cwd=ROOT, stdout=shown, stderr=subprocess.PIPE, text=True)
        assert proxy.stderr is not None
        try:
            through = int(proxy.stderr.readline().partition("127.0.0.1:")[2].split()[0])
            direct = statistics.median(asyncio.run(load(port, rounds)))
            proxied = statistics.median(asyncio.run(load(through, rounds)))
            size = out.stat().st_size
        finally:
            proxy.terminate()
            meter.terminate()
            proxy.communicate()
            meter.communicate()
    return direct, proxied, size


def rows() -> list[Row]:
    """The rows of the table."""
    direct, proxied, size = measured()
    added = (proxied - direct) * 1000
    words = f"{added:6.2f} ms ({proxied * 1000:.2f} against {direct * 1000:.2f} milliseconds)"
    name = f"record: round trip through the proxy, {CONNECTIONS} x {OCTETS >> 20} MB each way, over direct"
    assert size > 2 * CONNECTIONS * OCTETS, "the record lacks something"
    return [Row(name, words, "under 5 ms", added < 5, {"added_seconds": added / 1000})]


if __name__ == "__main__":
    for view in (False, True):
        direct, proxied, size = measured(view)
        print(
            f"view {view}: direct {direct * 1000:.2f} ms, through the proxy {proxied * 1000:.2f} ms, record {size >> 20} MB"
        )
