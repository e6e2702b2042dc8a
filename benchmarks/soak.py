"""The gateway for a while at half its capacity, with faults: `python -m benchmarks.soak [--minutes 10] [--json]`.

Whole and streamed requests come at half the rate that the gateway was seen to take; one in twenty meets a fault of its
upstream (500, 429, a cut, silence). Memory must be flat after the first fifth, every client must get an end, and when
all have left, nothing may be in flight, held or open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gateway.load import Client
from benchmarks.gateway.processes import Running, start, start_upstream
from benchmarks.gateway.servers import Server, ours

CLIENTS = 64
_EVERY_S = 2.0
_PATIENCE_S = 30.0
_LEEWAY_MB = 4.0


class Ending(Client):
    """A client that knows how its answer ended."""

    def end(self) -> str:
        """`whole`, `told` of an error, or `broken`."""
        head, _, body = bytes(self._buffer).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return "told" if head.startswith(b"HTTP/1.1 ") and b'"error"' in body else "broken"
        if b"[DONE]" in body or b"event-stream" not in head.lower():
            return "whole" if self._needed == 0 or len(self._buffer) >= self._needed else "broken"
        return "told" if b'"error"' in body else "broken"


def _request(server: Server, *, stream: bool) -> bytes:
    said: dict[str, Any] = {
        "model": "m-f5",
        "messages": [{"role": "user", "content": "hello " * 100}],
        "max_tokens": 128,
    }
    body = json.dumps({**said, **({"stream": True} if stream else {})}).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    head = f"POST {server.path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{fields}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _ask(client: Ending | None, port: int, request: bytes, ends: Counter[str]) -> Ending | None:
    """One request, on a connection that may be open already; the connection, where it can be used again."""
    if client is None or client.transport.is_closing():
        _, client = await asyncio.get_running_loop().create_connection(Ending, "127.0.0.1", port)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await client.ask(request)
    except TimeoutError:
        ends["stuck"] += 1
        client.transport.abort()
        return None
    ends[client.end()] += 1
    return client


async def capacity(port: int, server: Server, seconds: float) -> float:
    """Requests a second that it takes."""
    ends: Counter[str] = Counter()
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        client = None
        while time.monotonic() < until:
            client = await _ask(client, port, _request(server, stream=number % 2 == 0), ends)
        if client is not None:
            client.transport.close()

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return sum(ends.values()) / seconds


async def soak(running: Running, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a rate; how they ended, and the memory of the gateway over time."""
    ends: Counter[str] = Counter()
    memory_mb: list[float] = []
    process = psutil.Process(running.process.pid)
    free: list[Ending] = []
    under_way: set[asyncio.Task[None]] = set()
    requests = [_request(running.server, stream=stream) for stream in (False, True)]

    async def one(number: int) -> None:
        client = await _ask(free.pop() if free else None, running.port, requests[number % 2], ends)
        if client is not None:
            free.append(client)

    async def watch() -> None:
        while True:
            memory_mb.append(process.memory_info().rss / 1e6)
            await asyncio.sleep(_EVERY_S)

    watching = asyncio.create_task(watch())
    began, number = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        task = asyncio.create_task(one(number))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
    await asyncio.gather(*under_way)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    for client in free:
        client.transport.close()
    return {"asked": number, "ends": dict(ends), "memory_mb": memory_mb}


def _left(ledger: Path) -> dict[str, float]:
    with sqlite3.connect(ledger) as rows:
        open_ = rows.execute("select count(*) from attempts where outcome = 'running'").fetchone()[0]
        requests = rows.execute("select count(*) from requests").fetchone()[0]
    rows.close()
    return {"open_attempts": open_, "request_rows": requests}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        upstream, _ = start_upstream(undo, folder, None, tls=False)
        running = start(undo, "assay", ours, folder, upstream, None, None)
        rate = asyncio.run(capacity(running.port, running.server, 5.0)) / 2
        seen = asyncio.run(soak(running, rate, asked.minutes * 60))
        running.process.terminate()
        running.process.wait(30)
        left = _left(folder / "assay" / "assay.db")
    memory = seen.pop("memory_mb")
    fifth = max(1, len(memory) // 5)
    early, late = statistics.median(memory[fifth : 2 * fifth]), statistics.median(memory[-fifth:])
    told = {
        "minutes": asked.minutes,
        "rate": rate,
        **seen,
        **left,
        "early_mb": early,
        "late_mb": late,
        "peak_mb": max(memory),
    }
    ends = seen["ends"]
    good = not ends.get("stuck") and not ends.get("broken") and not left["open_attempts"] and late - early <= _LEEWAY_MB
    lines = [
        f"{name.replace('_', ' ')}: {value if isinstance(value, dict) else f'{value:g}'}"
        for name, value in told.items()
    ]
    print(json.dumps(told, indent=2) if asked.json else "\n".join([*lines, "holds" if good else "DOES NOT HOLD"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
