"""What a crowd costs others: `python -m benchmarks.idle [--json]`.

`assay serve` runs in its own process before two scripted deployments. Normal clients ask one after the other on
kept-alive connections, whole answers and streams in turn; every answer is compared with what it must be. They do so
three times: alone, then with a crowd about them, then alone again. The crowd is 5,000 connections that say nothing, 100
clients that send a request byte by byte, and 100 that have asked for a long stream and hardly read it, from the very
deployment that the others use. Latency with the crowd stands beside latency without it, from the same run.

It fails (exit 1) if an answer is wrong, if a connection of the crowd was refused, or if the crowd makes normal requests
slower than `--bar` times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

CONFIG = """
[deployments.m]
model = "bench/m"
dialect = "scripted"
script = "m.json"
settings = { max_tokens = 64 }
"""
LONG_WORDS = 2000
RULES = [
    {"match": "^long", "answer": " ".join(["word"] * LONG_WORDS)},
    {"match": "^(.*)$", "answer": "You said {1}."},
]


def request(text: str, *, stream: bool) -> bytes:
    """A chat completion as bytes."""
    body = json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


class Client:
    """One normal client on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, number: int) -> tuple[float, bool]:
        """Seconds that request `number` took, and whether its answer was right."""
        text = f"number {number}"
        started = time.perf_counter()
        self._writer.write(request(text, stream=bool(number % 2)))
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head:
            body = await self._reader.readuntil(b"\r\n0\r\n\r\n")
            said = "".join(_pieces(body))
        else:
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            said = json.loads(await self._reader.readexactly(length))["choices"][0]["message"]["content"]
        return time.perf_counter() - started, head.startswith(b"HTTP/1.1 200") and said == f"You said {text}."


def _pieces(body: bytes) -> Iterator[str]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"].get("content") or ""


async def traffic(port: int, clients: int, each: int) -> tuple[list[float], int]:
    """Latencies of all requests in seconds, and how many answers were wrong."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]

    async def work(place: int) -> list[tuple[float, bool]]:
        client = Client(*pairs[place])
        return [await client.ask(place * each + number) for number in range(each)]

    asked = [one for answers in await asyncio.gather(*map(work, range(clients))) for one in answers]
    for _, writer in pairs:
        writer.close()
    return [seconds for seconds, _ in asked], sum(not right for _, right in asked)


class Crowd:
    """Connections that do nothing, or too little."""

    def __init__(self, port: int, idle: int, senders: int, readers: int) -> None:
        self.port = port
        self.senders = senders
        self._idle, self._readers = idle, readers
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self) -> None:
        """Connect all of them."""
        for _ in range(self._idle):
            self._sockets.append(await _connected(self.port))
        self._tasks += [asyncio.create_task(_drip(self.port, number)) for number in range(self.senders)]
        self._tasks += [asyncio.create_task(_sip(self.port)) for _ in range(self._readers)]
        await asyncio.sleep(1)

    def standing(self) -> int:
        """Idle connections that the gateway has not closed."""
        return sum(_stands(one) for one in self._sockets)

    async def disperse(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self._sockets:
            one.close()


def _stands(one: socket.socket) -> bool:
    try:
        return one.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


async def _connected(port: int) -> socket.socket:
    """A connection that takes little at a time."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
    return one


async def _drip(port: int, number: int) -> None:
    """Send head or body at two bytes a second; begin anew whenever the gateway has had enough."""
    loop = asyncio.get_running_loop()
    head, blank, body = request("slow", stream=False).partition(b"\r\n\r\n")
    at_once, slowly = (b"", head) if number % 2 else (head + blank, body)
    while True:
        with contextlib.suppress(OSError), contextlib.closing(await _connected(port)) as one:
            await loop.sock_sendall(one, at_once)
            for byte in slowly:
                await loop.sock_sendall(one, bytes([byte]))
                await asyncio.sleep(0.5)


async def _sip(port: int) -> None:
    """Ask for a long stream and read it at 16 bytes a second."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError), contextlib.closing(await _connected(port)) as one:
        await loop.sock_sendall(one, request("long", stream=True))
        ended = False
        while not ended:
            ended = not await loop.sock_recv(one, 16)
            await asyncio.sleep(1)


async def _in_flight(port: int) -> float:
    """Requests that the gateway is serving, this one included."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    figures = await reader.read()
    writer.close()
    return float(figures.partition(b"\nassay_requests_in_flight ")[2].partition(b"\n")[0])


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """`assay serve` with its port."""
    (folder / "assay.toml").write_text(CONFIG)
    (folder / "m.json").write_text(json.dumps({"rules": RULES}))
    command = [sys.executable, "-m", "assay", "serve", "--port", "0", "--json", "-c", str(folder / "assay.toml")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        told = ""
        for line in server.stdout:
            told += line
            if line.startswith("}"):
                break
        yield int(json.loads(told)["url"].rpartition(":")[2].partition("/")[0]), psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


@asynccontextmanager
async def crowded(crowd: Crowd) -> AsyncIterator[None]:
    """For as long as the crowd stands about, from when the answers that it asked for have been made.

    Making them is work for somebody who asked, not harm by somebody who waits.
    """
    try:
        await crowd.gather()
        for _ in range(240):
            if await _in_flight(crowd.port) <= crowd.senders + 1:
                break
            await asyncio.sleep(0.5)
        yield
    finally:
        await crowd.disperse()


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def quantile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.floor(share * len(ordered)))]


async def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole run."""
    with gateway(folder) as (port, process):
        await traffic(port, given.clients, 20)  # warm
        rss = [process.memory_info().rss]
        cpu = [_cpu_s(process)]
        before, wrong = await traffic(port, given.clients, given.requests)
        cpu.append(_cpu_s(process))
        crowd = Crowd(port, given.idle, given.slow // 2, given.slow - given.slow // 2)
        async with crowded(crowd):
            rss.append(process.memory_info().rss)
            started = time.monotonic()
            cpu.append(_cpu_s(process))
            during, more = await traffic(port, given.clients, given.requests * 2)
            held_s = time.monotonic() - started
            cpu.append(_cpu_s(process))
            standing = crowd.standing()
            rss.append(process.memory_info().rss)
        await asyncio.sleep(1)
        after, last = await traffic(port, given.clients, given.requests)
        rss.append(process.memory_info().rss)
    alone = before + after
    figures = {
        name: {"alone_ms": quantile(alone, share) * 1000, "crowd_ms": quantile(during, share) * 1000}
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    }
    return {
        "idle": given.idle,
        "slow": given.slow,
        "clients": given.clients,
        "requests": len(alone) + len(during),
        "wrong": wrong + more + last,
        "idle_standing": standing,
        "crowded_s": held_s,
        "server_cpu_ms_per_request": {
            "alone": (cpu[1] - cpu[0]) / len(before) * 1000,
            "crowd": (cpu[3] - cpu[2]) / len(during) * 1000,
        },
        "latency": {name: {**one, "ratio": one["crowd_ms"] / one["alone_ms"]} for name, one in figures.items()},
        "rss_mb": dict(
            zip(("alone", "crowd", "crowd_after_traffic", "after"), (one / 2**20 for one in rss), strict=True)
        ),
    }


def main() -> int:
    """Measure and print; 1 if the crowd did harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument(
        "--requests", type=int, default=150, help="of each client, before and after; twice as many within"
    )
    parser.add_argument("--bar", type=float, default=2.0, help="how much slower the median may be")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = given.idle + given.slow + given.clients + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard))
    with tempfile.TemporaryDirectory() as place:
        result = asyncio.run(measure(given, Path(place)))
    result["ok"] = (
        not result["wrong"] and result["idle_standing"] == given.idle and result["latency"]["p50"]["ratio"] <= given.bar
    )
    print(json.dumps(result, indent=2) if given.json else report(result))
    return 0 if result["ok"] else 1


def report(result: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"{result['requests']} requests of {result['clients']} clients, {result['wrong']} answers wrong; "
        f"{result['idle']} idle connections ({result['idle_standing']} stood to the end), {result['slow']} slow clients"
    ]
    for name, one in result["latency"].items():
        lines.append(
            f"  {name}  alone {one['alone_ms']:7.2f} ms   crowd {one['crowd_ms']:7.2f} ms   ratio {one['ratio']:.2f}"
        )
    cpu = result["server_cpu_ms_per_request"]
    lines.append(f"  CPU  alone {cpu['alone']:7.2f} ms   crowd {cpu['crowd']:7.2f} ms   of the gateway, per request")
    lines.append("  RSS  " + "   ".join(f"{name} {mb:.0f} MB" for name, mb in result["rss_mb"].items()))
    return "\n".join([*lines, "ok" if result["ok"] else "the crowd did harm"])


if __name__ == "__main__":
    sys.exit(main())
