"""Clients of a gateway: `python -m benchmarks.gateway.load '{"port": ...}'`, which prints what they saw.

Closed: each connection asks again as soon as it has its answer. Open: requests are due at a rate, whatever has come of
earlier ones, and latency counts from when a request was due, so that a slow server cannot hide its queue (no
coordinated omission).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from typing import Any

import msgspec

from benchmarks.gateway.upstream import MARK


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, of whom, how often.

    Attributes:
        rate: requests a second, open; 0 = closed.
        stream: the answer is a stream of events.
        warm_s, seconds: first so long uncounted, then so long counted.
    """

    port: int
    path: str
    body: str
    headers: dict[str, str]
    connections: int
    seconds: float
    warm_s: float
    rate: float = 0.0
    stream: bool = False


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport: Any = transport
        self.done: asyncio.Future[bool] | None = None

    def ask(self, request: bytes) -> asyncio.Future[bool]:
        """The answer is there, and whether it is good."""
        self.started = time.perf_counter()
        self.first_s: float | None = None
        self.events = 0
        self._buffer = bytearray()
        self._needed = -1  # bytes in all; 0 = until the last chunk
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        buffer = self._buffer
        buffer += data
        if self._needed < 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(buffer[:end]).lower()
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._needed = end + 4 + int(length) if length else 0
            self._good = head.startswith(b"http/1.1 200")
        found = data.count(b"data: {")
        self.events += found
        if found and self.first_s is None:
            self.first_s = time.perf_counter() - self.started
        if (self._needed and len(buffer) >= self._needed) or (not self._needed and buffer.endswith(b"0\r\n\r\n")):
            self._end(good=self._good and MARK in buffer)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._end(good=False)

    def _end(self, *, good: bool) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(good)


class Tally:
    """What came of the requests of the counted time."""

    def __init__(self) -> None:
        self.counting = False
        self.good = self.bad = self.events = 0
        self.latencies_s: list[float] = []
        self.firsts_s: list[float] = []

    def note(self, client: Client, *, good: bool, since: float) -> None:
        """One answer."""
        if not self.counting:
            return
        self.good, self.bad = self.good + good, self.bad + (not good)
        self.events += client.events
        self.latencies_s.append(time.perf_counter() - since)
        if client.first_s is not None:
            self.firsts_s.append(client.first_s)

    def told(self) -> dict[str, float | int | None]:
        """As JSON has it; times in milliseconds."""
        return {
            "good": self.good,
            "bad": self.bad,
            "events": self.events,
            "p50_ms": _quantile(self.latencies_s, 0.5),
            "p99_ms": _quantile(self.latencies_s, 0.99),
            "first_p50_ms": _quantile(self.firsts_s, 0.5),
            "first_p99_ms": _quantile(self.firsts_s, 0.99),
        }


def _quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    return round(1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))], 4)


async def run(job: Job) -> Tally:
    """Do a job. Prints `begin` and `end` around the counted time, so that others can read their clocks then."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in job.headers.items())
    body = job.body.encode()
    head = f"POST {job.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{fields}"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    tally, end = Tally(), time.perf_counter() + job.warm_s + job.seconds
    clock = asyncio.create_task(_count(tally, job))
    if job.rate:
        await _open(job, request, tally, end)
    else:
        await asyncio.gather(*(_closed(job, request, tally, end) for _ in range(job.connections)))
    await clock
    return tally


async def _count(tally: Tally, job: Job) -> None:
    await asyncio.sleep(job.warm_s)
    tally.counting = True
    print("begin", flush=True)
    await asyncio.sleep(job.seconds)
    tally.counting = False
    print("end", flush=True)


async def _connected(job: Job) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", job.port)
    return client


async def _closed(job: Job, request: bytes, tally: Tally, end: float) -> None:
    client = await _connected(job)
    while time.perf_counter() < end:
        good = await client.ask(request)
        tally.note(client, good=good, since=client.started)
        if client.transport.is_closing():
            client = await _connected(job)
    client.transport.close()


async def _open(job: Job, request: bytes, tally: Tally, end: float) -> None:
    free: deque[Client] = deque([await _connected(job) for _ in range(job.connections)])
    under_way: set[asyncio.Task[None]] = set()

    async def one(due: float) -> None:
        client = free.popleft() if free else await _connected(job)
        good = await client.ask(request)
        tally.note(client, good=good, since=due)
        if not client.transport.is_closing():
            free.append(client)

    due = time.perf_counter()
    while due < end:
        due += 1 / job.rate
        await asyncio.sleep(due - time.perf_counter())
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way, timeout=10)


if __name__ == "__main__":
    import uvloop

    found = uvloop.run(run(msgspec.json.decode(sys.argv[1], type=Job)))
    print(msgspec.json.encode(found.told()).decode(), flush=True)
