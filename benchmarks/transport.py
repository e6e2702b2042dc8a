"""CPU that a call to a host costs: `python -m benchmarks.transport [--json]`.

The default transport, the one on aiohttp, and a bare socket protocol that sends ready-made bytes and looks at none
of the answer (what the event loop and the system take by themselves) make the same calls to a server in another
process, by turns. Counted is the CPU time of this process; the median of the rounds stands in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from assay.providers.aiohttp_transport import AiohttpTransport
from assay.providers.http1.client import Http1Transport
from assay.providers.transport import Transport

PATHS = ("/", "/stream", "/wait")
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-0123456789abcdef0123456789abcdef"}
SMALL, LARGE = b"x" * 1100, b"x" * 113_000
ANSWER = b'{"text": "' + b"y" * 1000 + b'"}'
FIELDS = (
    b"date: Thu, 26 Nov 2026 12:00:00 GMT\r\nserver: host\r\nx-request-id: 0123456789abcdef\r\nvary: origin\r\n"
    b"x-ratelimit-remaining-requests: 4999\r\nx-ratelimit-remaining-tokens: 799999\r\nvia: 1.1 edge\r\n"
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + FIELDS + b"content-length: %d\r\n\r\n" % len(ANSWER)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + FIELDS + b"transfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": " word"}}]}\n\n'
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
CHUNKS, PACE_S, STREAMS, IDLE = 100, 0.01, 32, 512


class Host(asyncio.Protocol):
    """Answers at once, or with a paced stream, or (so that many connections stand) after a while."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport: Any = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        if b" /stream " in head:
            self._transport.write(STREAM)
            loop.call_later(PACE_S, self._tick, CHUNKS)
        elif b" /wait " in head:
            loop.call_later(1.0, self._transport.write, HEAD + ANSWER)
        else:
            self._transport.write(HEAD + ANSWER)

    def _tick(self, left: int) -> None:
        self._transport.write(CHUNK if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(PACE_S, self._tick, left - 1)


async def serve(certificate: str | None) -> None:
    """Serve for ever; prints the port."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Host, "127.0.0.1", 0, ssl=tls, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


class Bare(asyncio.Protocol):
    """The floor: ready-made bytes out, whatever comes is counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport: Any = transport
        self.expected = 0
        self.done: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.expected -= len(data)
        if self.expected <= 0 and self.done is not None and not self.done.done():
            self.done.set_result(None)

    async def ask(self, path: str, body: bytes, expected: int) -> None:
        """One exchange."""
        self.expected = expected
        self.done = asyncio.get_running_loop().create_future()
        fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        head = f"POST {path} HTTP/1.1\r\nhost: h\r\n{fields}content-length: {len(body)}\r\n\r\n"
        self.transport.writelines((head.encode(), body))
        await self.done


class BareCalls:
    """Calls over bare connections; one is kept for each call at once."""

    def __init__(self, url: str, ca_file: str | None) -> None:
        self._port = int(url.rpartition(":")[2])
        self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self._free: list[Bare] = []

    async def call(self, path: str, body: bytes) -> int:
        """One call; the chunks that came."""
        if not self._free:
            _, made = await asyncio.get_running_loop().create_connection(
                Bare, "127.0.0.1", self._port, ssl=self._tls, server_hostname="127.0.0.1" if self._tls else None
            )
            self._free.append(made)
        connection = self._free.pop()
        streams = path == "/stream"
        expected = len(STREAM) + CHUNKS * len(CHUNK) + 5 if streams else len(HEAD) + len(ANSWER)
        await connection.ask(path, body, expected)
        self._free.append(connection)
        return CHUNKS if streams else 1

    async def close(self) -> None:
        """Close all."""
        for connection in self._free:
            connection.transport.abort()


class TransportCalls:
    """The same calls through a transport."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._asks = {path: transport.prepare("POST", url + path, headers=HEADERS) for path in PATHS}
        self.sent_bytes = 0

    async def call(self, path: str, body: bytes) -> int:
        """One call; the chunks that came."""
        count = 0
        async with self._asks[path](body, self) as answer:
            if path != "/stream":
                assert len(await answer.read(1_000_000)) == len(ANSWER)
                return 1
            async for _ in answer.chunks():
                count += 1
        return count

    async def close(self) -> None:
        """Close all."""
        await self._transport.close()


async def in_turn(calls: Any, number: int, body: bytes = SMALL) -> int:
    """Calls one after the other."""
    for _ in range(number):
        await calls.call("/", body)
    return number


async def at_once(calls: Any, number: int) -> int:
    """16 calls at the same time."""
    return sum(await asyncio.gather(*(in_turn(calls, number // 16) for _ in range(16))))


async def streamed(calls: Any, number: int) -> int:
    """Paced streams side by side; counts chunks."""
    return sum(await asyncio.gather(*(calls.call("/stream", SMALL) for _ in range(STREAMS))))


PHASES: dict[str, Callable[[Any, int], Awaitable[int]]] = {
    "one after the other": in_turn,
    "16 at once": at_once,
    "113 kB request": lambda calls, number: in_turn(calls, number // 2, LARGE),
    "chunk of a stream": streamed,
}


async def measure(make: Callable[[], Any], number: int, *, phases: list[str]) -> dict[str, float]:
    """Microseconds of CPU per call (or chunk) in each phase."""
    calls = make()
    await in_turn(calls, 50)
    result: dict[str, float] = {}
    for name in phases:
        if name == "512 idle in the pool":
            await asyncio.gather(*(calls.call("/wait", SMALL) for _ in range(IDLE)))
            phase: Callable[[Any, int], Awaitable[int]] = in_turn
        else:
            phase = PHASES[name]
        before = time.process_time()
        count = await phase(calls, number)
        result[name] = (time.process_time() - before) / count * 1e6
    await calls.close()
    return result


def certificates(folder: Path) -> tuple[str, str] | None:
    """Files of a host's certificate and of its authority; None where nothing here can make them."""
    try:
        import trustme
    except ImportError:
        return None
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "host.pem"))
    return str(folder / "host.pem"), str(folder / "ca.pem")


def start(certificate: str | None) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "-m", "benchmarks.transport", "--endpoint", *([certificate] if certificate else [])]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    scheme = "https" if certificate else "http"
    return server, f"{scheme}://127.0.0.1:{int(server.stdout.readline())}"


def rounds(url: str, ca_file: str | None, given: argparse.Namespace, phases: list[str]) -> dict[str, dict[str, float]]:
    """The median of each phase, for each way of calling; they take turns, so that a busy machine is busy for all."""
    import uvloop

    makers: dict[str, Callable[[], Any]] = {
        "http1": lambda: TransportCalls(Http1Transport(ca_file=ca_file), url),
        "aiohttp": lambda: TransportCalls(AiohttpTransport(ca_file=ca_file), url),
        "bare": lambda: BareCalls(url, ca_file),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in makers}
    for _ in range(given.rounds):
        for name, make in makers.items():
            found[name].append(uvloop.run(measure(make, given.calls, phases=phases)))
    return {phase: {name: statistics.median(one[phase] for one in found[name]) for name in makers} for phase in phases}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--endpoint", nargs="?", const="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.endpoint is not None:
        import uvloop

        uvloop.run(serve(given.endpoint or None))
        return
    with tempfile.TemporaryDirectory() as place:
        made = certificates(Path(place))
        server, url = start(None)
        try:
            result = rounds(url, None, given, [*PHASES, "512 idle in the pool"])
        finally:
            server.terminate()
            server.wait()
        if made is not None:
            server, url = start(made[0])
            try:
                tls = rounds(url, made[1], given, ["one after the other", "113 kB request", "chunk of a stream"])
            finally:
                server.terminate()
                server.wait()
            result |= {f"TLS: {name}": row for name, row in tls.items()}
    for row in result.values():
        row["http1_of_aiohttp"] = row["http1"] / row["aiohttp"]
    if given.json:
        print(json.dumps({"calls": given.calls, "rounds": given.rounds, "cpu_us": result}, indent=2))
        return
    print(f"CPU us a call (or chunk), median of {given.rounds} rounds of {given.calls} calls, uvloop, one process")
    print(f"  {'':28} {'http1':>8} {'aiohttp':>8} {'bare':>8}   http1 of aiohttp")
    for name, row in result.items():
        print(
            f"  {name:28} {row['http1']:8.1f} {row['aiohttp']:8.1f} {row['bare']:8.1f}   {row['http1_of_aiohttp']:.2f}"
        )
    if made is None:
        print("  TLS: not measured, trustme is not installed")


if __name__ == "__main__":
    main()
