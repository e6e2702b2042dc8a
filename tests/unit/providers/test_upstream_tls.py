"""TLS to hosts: always verified, with reasons that say what to do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import uvloop

from assay.errors import AssayError, ConfigError, ConnectionFailed, ProviderError, Timeout
from assay.inference.spine import Spine
from assay.providers.aiohttp_transport import AiohttpTransport
from assay.providers.http1.client import Http1Transport
from assay.providers.transport import Transport
from faults import Answer, FaultyHost, event

NOW = datetime.now(UTC)
Kind = type[Http1Transport] | type[AiohttpTransport]
both = pytest.mark.parametrize("kind", [Http1Transport, AiohttpTransport])


class Authority(NamedTuple):
    """An authority that only these tests know, and its certificate in a file."""

    ca: trustme.CA
    file: str

    def server(self, *names: str, **more: Any) -> ssl.SSLContext:
        """What a host with a certificate for these names needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1", "localhost")), **more).configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests."""
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, str(file))


async def read(transport: Transport, url: str, **more: Any) -> bytes:
    """The body of an answer; the transport is closed after it."""
    try:
        more = {"idle_timeout_s": 2.0, "connect_timeout_s": 2.0, **more}
        async with transport.request("POST", url, headers={"x-key": "secret"}, body=b"x", **more) as answer:
            return await answer.read(1_000_000)
    finally:
        await transport.close()


async def fails(transport: Transport, url: str, **more: Any) -> ProviderError:
    """The error of a request that must fail."""
    with pytest.raises(ProviderError) as caught:
        await read(transport, url, **more)
    return caught.value


@pytest.fixture
async def quiet_loop() -> None:
    """A server whose handshake failed complains to its loop; that is what these tests want."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)


@both
async def test_a_named_authority(authority: Authority, kind: Kind) -> None:
    """A host that the authority in `ca_file` vouches for is asked, by address and by name."""
    async with FaultyHost(Answer(body=b"ok"), tls=authority.server()) as host:
        assert await read(kind(ca_file=authority.file), host.url) == b"ok"
        assert await read(kind(ca_file=authority.file), host.url.replace("127.0.0.1", "localhost")) == b"ok"


@both
@pytest.mark.usefixtures("quiet_loop")
async def test_an_unknown_authority(authority: Authority, kind: Kind) -> None:
    """Without it nothing is sent, and the error says what to do; the same call will fail again."""
    async with FaultyHost(tls=authority.server()) as host:
        error = await fails(kind(), host.url)
        assert type(error) is ConnectionFailed
        assert not error.retryable
        assert "not valid" in str(error)
        assert "ca_file" in str(error)
        assert host.received == []


@both
@pytest.mark.usefixtures("quiet_loop")
async def test_another_name(authority: Authority, kind: Kind) -> None:
    """A certificate of another host is refused, though its authority is known."""
    async with FaultyHost(tls=authority.server("other.example")) as host:
        for url in (host.url, host.url.replace("127.0.0.1", "localhost")):
            error = await fails(kind(ca_file=authority.file), url)
            assert type(error) is ConnectionFailed
            assert "mismatch" in str(error)
            assert not error.retryable
        assert host.received == []


@both
@pytest.mark.usefixtures("quiet_loop")
async def test_expired(authority: Authority, kind: Kind) -> None:
    """A certificate whose time is over is refused."""
    old = authority.server(not_before=NOW - timedelta(days=30), not_after=NOW - timedelta(days=1))
    async with FaultyHost(tls=old) as host:
        error = await fails(kind(ca_file=authority.file), host.url.replace("127.0.0.1", "localhost"))
        assert "expired" in str(error)
        assert host.received == []


@both
async def test_no_tls_there(authority: Authority, kind: Kind) -> None:
    """A host that speaks plain HTTP is told apart from one that is not trusted."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    error = await fails(kind(ca_file=authority.file), f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    assert type(error) is ConnectionFailed
    assert "does not speak TLS" in str(error)


@both
async def test_a_handshake_that_hangs(authority: Authority, kind: Kind) -> None:
    """A host that takes the connection and says nothing is given up after `connect_timeout_s`."""
    async with FaultyHost(Answer(stop="accept", how="hang")) as host:
        url = host.url.replace("http://", "https://")
        error = await fails(kind(ca_file=authority.file), url, connect_timeout_s=0.2)
        assert type(error) is Timeout
        assert "connection" in str(error)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
async def test_a_ca_file_without_certificates(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or no PEM is named; plain HTTP does not need it."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    async with FaultyHost(Answer(body=b"ok")) as host:
        error = await fails(Http1Transport(ca_file=str(file)), host.url.replace("http://", "https://"))
        assert type(error) is ConnectionFailed
        assert str(file) in str(error)
        assert not error.retryable
        assert await read(Http1Transport(ca_file=str(file)), host.url) == b"ok"


async def test_the_variable(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SSL_CERT_FILE` names the authorities where the deployment names none."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    async with FaultyHost(Answer(body=b"ok"), tls=authority.server()) as host:
        assert await read(Http1Transport(), host.url) == b"ok"


@pytest.mark.usefixtures("quiet_loop")
async def test_only_the_named_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With `ca_file` the others do not count: who pins a private authority means it."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    async with FaultyHost(Answer(body=b"ok"), tls=authority.server()) as host:
        assert "not valid" in str(await fails(Http1Transport(ca_file=str(other)), host.url))


async def test_what_is_asked_for(authority: Authority) -> None:
    """The host is told the name and that HTTP/1.1 is spoken, in TLS 1.2 or later."""
    seen: list[Any] = []
    context = authority.server("localhost", "127.0.0.1")
    context.sni_callback = lambda sock, name, _: seen.append((name, sock))
    async with FaultyHost(Answer(body=b"ok"), tls=context) as host:
        await read(Http1Transport(ca_file=authority.file), host.url.replace("127.0.0.1", "localhost"))
        [(name, sock)] = seen
        assert name == "localhost"
        assert sock.selected_alpn_protocol() == "http/1.1"
        assert sock.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_whole_way(authority: Authority, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Over TLS, too, connections are kept, large bodies pass, cuts are told, and leaving early is seen at once."""
    body = b"".join(b"%08d" % number for number in range(200_000))

    async def work() -> None:
        transport = Http1Transport(ca_file=authority.file)
        script = [
            lambda received: Answer(body=received.body),
            Answer(events=[event("a"), event("b")]),
            Answer(events=[event("a"), event("b")], stop=1, how="reset"),
            Answer(events=[event("a"), event("b")], stop=1, how="close"),
            Answer(events=[event("a"), event("b")], stop=1, how="hang"),
        ]
        more: dict[str, Any] = {"headers": {}, "body": body, "idle_timeout_s": 5.0}
        async with FaultyHost(*script, tls=authority.server()) as host:
            async with transport.request("POST", host.url, **more) as answer:
                assert await answer.read(10_000_000) == body
            async with transport.request("POST", host.url, **more) as answer:
                assert await answer.read(1000) == b"data: a\n\ndata: b\n\n"
            assert host.connections == 1
            for _ in range(2):
                with pytest.raises(ConnectionFailed, match="middle of the answer"):
                    async with transport.request("POST", host.url, **more) as answer:
                        await answer.read(1000)
            async with transport.request("POST", host.url, **more) as answer:
                async for _ in answer.chunks():
                    break
            await host.gone()
            await transport.close()
        assert len(asyncio.all_tasks()) == 1

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work())


TOML = """
[deployments.up]
model = "acme/big"
dialect = "openai"
base_url = "{url}"
retries = 0
{more}
"""
SAID = b'{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": '
SAID += b'{"role": "assistant", "content": "fine"}, "finish_reason": "stop"}]}'


@pytest.mark.parametrize("transport", ["http1", "aiohttp"])
async def test_in_the_configuration(
    authority: Authority, make_spine: Callable[..., Spine], tmp_path: Path, transport: str
) -> None:
    """A deployment names its authority, relative to the file, and its transport; each of them really is used."""
    from assay.types import Message, Request

    (tmp_path / "ca.pem").write_bytes(Path(authority.file).read_bytes())
    async with FaultyHost(Answer(body=SAID), tls=authority.server()) as host:
        spine = make_spine(TOML.format(url=host.url, more=f'ca_file = "ca.pem"\ntransport = "{transport}"'))
        request = Request(messages=(Message.of("user", "hi"),))
        assert (await spine.answer(request, "up")).text == "fine"
        assert type(spine.targets["up"].provider._transport).__name__.lower() == f"{transport}transport"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "says"),
    [('ca_file = "none.pem"', "none.pem"), ('transport = "http2"', "http1"), ("ca_file = 1", "ca_file")],
)
def test_mistakes_in_the_configuration(make_spine: Callable[..., Spine], more: str, says: str) -> None:
    """A file that is not there and a transport that there is not are named when the configuration is read."""
    with pytest.raises(ConfigError, match=says) as caught:
        make_spine(TOML.format(url="https://host/v1", more=more))
    assert isinstance(caught.value, AssayError)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_comes_behind_a_large_answer_is_nobodys(
    authority: Authority, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Though its reader was slow: TLS had taken it from the system, so that nothing was seen of it on the socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            while True:
                body = b"x" * 400_000 if b"/large" in head else b"good"
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                await asyncio.sleep(0.1)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
                head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def work() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server())
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = Http1Transport(ca_file=authority.file)
        async with transport.request("GET", url + "/large", headers={}) as reply:
            await asyncio.sleep(0.3)
            assert len(await reply.read(1_000_000)) == 400_000
        found = await read(transport, url + "/small")
        server.close()
        return found

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(work()) == b"good"
