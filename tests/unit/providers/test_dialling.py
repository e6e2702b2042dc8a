"""Names, addresses and which of them is connected to."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from assay.errors import ConnectionFailed
from assay.providers.http1 import dial
from assay.providers.http1.client import Http1Transport
from faults import Answer, FaultyHost

OK = Answer(body=b"ok", headers={"connection": "close"})


class Names:
    """Stands for DNS: each name has these ports on loopback; counts what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
        self.ports = list(ports)
        self.asked: list[tuple[Any, ...]] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.look_up)

    async def look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        """As `loop.getaddrinfo`, with ports of its own."""
        self.asked.append((host, port))
        await asyncio.sleep(0.01)
        if not self.ports:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in self.ports]


async def read(transport: Http1Transport, url: str) -> bytes:
    """The body of an answer."""
    async with transport.request("POST", url, headers={}, body=b"x", connect_timeout_s=3) as answer:
        return await answer.read(100)


async def test_a_name_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many requests at once and after each other ask DNS once, as long as its answer holds."""
    async with FaultyHost(OK) as host:
        names = Names(monkeypatch, host.port)
        transport = Http1Transport()
        await asyncio.gather(*(read(transport, "http://some.example:81/") for _ in range(10)))
        await read(transport, "http://some.example:81/")
        assert names.asked == [("some.example", 81)]
        monkeypatch.setattr(dial, "NAME_S", -1.0)
        transport.dialer._names.clear()
        for _ in range(2):
            await read(transport, "http://some.example:81/")
        assert len(names.asked) == 3
        await transport.close()


async def test_a_host_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no address of a name can be connected to, the next request asks anew."""
    async with FaultyHost(OK) as host, FaultyHost(connects="refuses") as gone:
        names = Names(monkeypatch, gone.port)
        transport = Http1Transport()
        with pytest.raises(ConnectionFailed, match=r"some\.example"):
            await read(transport, "http://some.example/")
        names.ports = [host.port]
        assert await read(transport, "http://some.example/") == b"ok"
        await transport.close()


async def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is said to be one, and is asked for again by the next request."""
    names = Names(monkeypatch)
    transport = Http1Transport()
    for _ in range(2):
        with pytest.raises(ConnectionFailed, match=r"no address is known of 'some\.example'"):
            await read(transport, "http://some.example/")
    assert len(names.asked) == 2
    await transport.close()


async def test_another_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in another script is asked for, and sent, as DNS writes it."""
    async with FaultyHost(OK) as host:
        names = Names(monkeypatch, host.port)
        transport = Http1Transport()
        await read(transport, "http://bücher.example/")
        assert names.asked == [("xn--bcher-kva.example", 80)]
        assert host.received[0].headers["host"] == "xn--bcher-kva.example"
        await transport.close()


@pytest.mark.parametrize("first", ["refuses", "hangs"])
async def test_the_address_that_answers(monkeypatch: pytest.MonkeyPatch, first: Any) -> None:
    """An address that refuses is passed by at once, one that hangs after a quarter of a second."""
    async with FaultyHost(OK) as host, FaultyHost(connects=first) as bad:
        Names(monkeypatch, bad.port, host.port)
        transport = Http1Transport()
        started = time.monotonic()
        assert await read(transport, "http://some.example/") == b"ok"
        assert time.monotonic() - started < dial.HEAD_START_S + 1.0
        assert len(host.received) == 1
        await transport.close()


async def test_literals_need_no_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of both families are connected to as they are."""
    names = Names(monkeypatch)
    transport = Http1Transport()
    async with FaultyHost(OK) as host:
        assert await read(transport, host.url) == b"ok"
    for literal in ("127.0.0.1", "::1"):
        found = dial._literal(literal, 80)
        assert found is not None
        assert found[4][:2] == (literal, 80)
    assert dial._literal("localhost", 80) is None
    assert names.asked == []
    await transport.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_ipv6() -> None:
    """A host at an IPv6 address is reached, and told that address."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 on loopback here")
    port = server.sockets[0].getsockname()[1]
    transport = Http1Transport()
    assert await read(transport, f"http://[::1]:{port}/") == b"ok"
    assert b"host: [::1]:%d\r\n" % port in heads[0]
    await transport.close()
    server.close()
