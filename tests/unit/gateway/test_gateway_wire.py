"""The gateway on the wire: dispatch, headers, errors, disconnects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
import pytest

from assay.config.schema import Serve
from assay.dialects.chat_writer import ChatEncoder
from assay.errors import ServerError
from assay.gateway import server
from assay.gateway.asgi import Gateway
from assay.gateway.headers import answer_lines
from assay.gateway.metrics import Metrics
from assay.inference.trace import Record, Trace
from assay.ledger.store import SqliteLedger
from assay.types import TextDelta

Served = Any  # of this folder's conftest


def message_of(body: Any) -> str:
    """The message of an error in OpenAI's form; the form is checked on the way."""
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return str(body["error"]["message"])


# ------------------------------------------------------------------------------------------ dispatch


@pytest.mark.parametrize(("kind", "name"), [("tickets", "small"), ("sql", "other")])
async def test_a_kind_goes_to_its_pin(served: Served, kind: str, name: str) -> None:
    """`x-assay-kind` chooses within the pinned route."""
    status, headers, _ = await served.ask("x", {"X-Assay-Kind": kind}, model="desk")
    assert (status, headers["x-assay-deployment"]) == (200, name)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-assay-kind": "leak"}, "none passes: no candidate meets the gate"),
        ({"x-assay-kind": "nonsense"}, "no candidate was proven for it"),
        ({}, "names no kind (header x-assay-kind)"),
        ({"x-assay-kind": "  "}, "names no kind"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_unproven_or_missing_kind_is_refused(
    served: Served, headers: dict[str, str], words: str, stream: bool
) -> None:
    """The refusal says why and which kinds are proven; it is no server error."""
    status, _, body = await served.ask("x", headers, model="desk", stream=stream)
    assert status == 403
    assert words in message_of(body)
    assert "prompted, sql, tickets" in message_of(body)


async def test_a_default_kind_takes_what_names_none(serving: Callable[..., Any]) -> None:
    """With `serve.default_kind`, a missing or unproven kind is served as that kind."""
    async with serving(default_kind="sql") as served:
        for headers in ({}, {"x-assay-kind": "nonsense"}):
            status, got, _ = await served.ask("x", headers, model="desk")
            assert (status, got["x-assay-deployment"]) == (200, "other")
        status, got, _ = await served.ask("x", {"x-assay-kind": "tickets"}, model="desk")
        assert got["x-assay-deployment"] == "small"


async def test_a_private_label_is_honoured(served: Served) -> None:
    """`private-only` never reaches a deployment that is not private, and the refusal names it."""
    assert (await served.ask("x", model="abroad"))[0] == 200
    status, _, body = await served.ask("x", {"x-assay-label": "private-only"}, model="abroad")
    assert status == 403
    assert "private-only" in message_of(body)
    assert (await served.ask("x", {"x-assay-label": "private-only"}))[0] == 200


@pytest.mark.parametrize("label", ["public", "unlabelled", "PRIVATE", "private_only"])
async def test_a_client_cannot_lower_its_label(served: Served, label: str) -> None:
    """Only `private-only` may be set; everything else is refused rather than ignored."""
    status, _, body = await served.ask("x", {"x-assay-label": label})
    assert status == 400
    assert "x-assay-label" in message_of(body)


async def test_what_was_asked_is_in_the_ledger(served: Served, ledger: SqliteLedger) -> None:
    """Kind, label and request id of a call are recorded under the id that the client got."""
    _, headers, _ = await served.ask("x", {"x-assay-kind": "tickets", "x-assay-label": "private-only"}, model="desk")
    (row,) = await ledger.attempts(request_id=headers["x-assay-request-id"])
    assert (row["kind"], row["label"], row["deployment"], row["outcome"]) == ("tickets", "private-only", "small", "ok")


# -------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"[]", 400, "object"),
        (b"\xff\xfe{}", 400, ""),
        (b'{"model": "small", "messages": [{"role": "user", "content": "\xff"}]}', 400, ""),
        ({"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
        ({"model": 7, "messages": [{"role": "user", "content": "x"}]}, 400, "model"),
        ({"model": "small"}, 400, "messages"),
        ({"model": "small", "messages": "hello"}, 400, "messages"),
        ({"model": "small", "messages": [{"role": "user", "content": 7}]}, 400, "content"),
        ({"model": "small", "messages": [{"content": "x"}]}, 400, "role"),
        ({"model": "small", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}, 400, "temperature"),
        ({"model": "small", "messages": [{"role": "user", "content": "x"}], "max_tokens": -1}, 400, "max_tokens"),
        ({"model": "small", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}, 400, "stream"),
        ({"model": "smll", "messages": [{"role": "user", "content": "x"}]}, 404, "did you mean 'small'?"),
        ({"model": "", "messages": [{"role": "user", "content": "x"}]}, 400, "model"),
    ],
)
async def test_a_wrong_request_names_what_is_wrong(served: Served, body: Any, status: int, words: str) -> None:
    """Malformed bodies and wrong types are the client's fault, named by field, in OpenAI's form."""
    got, headers, data = await served.post("/chat/completions", body)
    assert got == status, data
    assert headers["content-type"].startswith("application/json")
    decoded = json.loads(data)
    assert words in message_of(decoded)
    assert b"Traceback" not in data


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/models/../../etc/passwd", 404),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/", 200),
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
    ],
)
async def test_methods_and_paths(served: Served, method: str, path: str, status: int) -> None:
    """A wrong method is 405 and an unknown path 404, both in OpenAI's form."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{served.port}{path}") as answer,
    ):
        assert answer.status == status
        body = await answer.json()
        if status >= 400:
            message_of(body)
        if (path, status) == ("/v1/nothing", 404):
            assert "/docs lists what there is" in message_of(body)


async def test_health_shows_what_local_engines_do(served: Served, make_spine: Callable[..., Any]) -> None:
    """A client that waits for a load can see why: each engine with its state, need and budget."""
    small = 'model = "huggingfacetb/smollm2-135m-instruct"\ndialect = "local"'
    spine = make_spine(f"[local]\nmemory_gib = 1.5\n[deployments.small]\n{small}\n")
    served.spine.engines = spine.engines
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{served.port}/healthz") as answer:
        health = await answer.json()
    assert health["status"] == "ok"
    (engine,) = health["engines"]
    assert engine["engine"].startswith("SmolLM2")
    assert (engine["state"], engine["requests"], engine["waiting"]) == ("unloaded", 0, 0)
    assert engine["limit_bytes"] == 1.5 * 2**30


def test_an_answer_tells_how_long_its_engine_took_to_load() -> None:
    """Only where there was a load to wait for."""
    record = Record(id="a", path="0", deployment="small", load_s=1.2346)
    trace = Trace(records=[record], answering=record)
    assert b"x-assay-load-s: 1.235\r\n" in answer_lines(trace, complete=False)
    record.load_s = None
    assert b"x-assay-load-s" not in answer_lines(trace, complete=True)


async def test_a_body_that_is_too_large_is_413(serving: Callable[..., Any]) -> None:
    """The limit is told with its setting's name; a body of just the limit passes."""
    text = json.dumps({"model": "small", "messages": [{"role": "user", "content": "x"}]}).encode()
    async with serving(max_body_bytes=len(text)) as served:
        assert (await served.post("/chat/completions", text))[0] == 200
        status, _, data = await served.post("/chat/completions", text + b" ")
        assert status == 413
        assert "serve.max_body_bytes" in message_of(json.loads(data))


async def test_a_body_without_end_is_cut_at_the_limit(serving: Callable[..., Any]) -> None:
    """A chunked body is counted as it comes: the gateway does not wait for its end."""
    async with serving(max_body_bytes=1000) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()
        assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
        writer.close()


async def test_an_authentication_fault_upstream_shows_nothing(served: Served) -> None:
    """The gateway's own trouble with a key is 502, and neither key nor provider's words are in it."""
    status, _, body = await served.ask("key")
    assert status == 502
    assert "scripted" not in message_of(body)


async def test_a_deployment_without_a_key_is_no_fault_of_the_client(served: Served) -> None:
    """It is the gateway that lacks something: 503, and the variable is not named."""
    status, _, body = await served.ask("x", model="keyless")
    assert status == 503
    assert message_of(body).endswith("the gateway has no key for its provider")
    assert "KEY" not in message_of(body)


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit])
async def test_a_mistake_of_ours_shows_no_trace(
    served: Served, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """An unexpected exception is a 500 without a stack trace for the client; the log has it. A plugin ends nothing."""

    async def broken(*_: Any) -> AsyncGenerator[Any, None]:
        raise kind("secret detail")
        yield

    served.spine.targets["small"].provider.stream = broken
    status, _, body = await served.ask("x")
    assert status == 500
    assert "secret" not in message_of(body)
    assert "secret detail" in caplog.text
    status, _, body = await served.ask("x", stream=True)
    assert status == 500


async def test_a_request_that_nobody_answers_any_more_is_ended(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where even the telling of an error fails, the client hears so in a few words; an answer that is out stays."""

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    with monkeypatch.context() as patched:
        patched.setattr(Metrics, "observe", broken)
        assert (await served.ask("x"))[0] == 200
        assert "a request was ended without an answer" in caplog.text
        caplog.clear()
        patched.setattr(Gateway, "_error", broken)
        status, headers, body = await served.post("/chat/completions", b"no json")
        assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
        assert "a request was ended without an answer" in caplog.text
    assert (await served.ask("x"))[0] == 200


async def test_a_mistake_of_ours_inside_a_stream_ends_it_with_an_error(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first piece the status is out: the stream ends with an error event, not silently or with a trace."""
    provider = served.spine.targets["small"].provider
    real = provider.stream

    async def broken(*arguments: Any) -> AsyncGenerator[Any, None]:
        count = 0
        async for event in real(*arguments):
            yield event
            count += 1
            if count == 3:
                raise ZeroDivisionError("secret detail")

    provider.stream = broken
    body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "a b c d e f"}]}
    status, _, data = await served.post("/chat/completions", body)
    assert status == 200
    events = [json.loads(line[6:]) for line in data.split(b"\n\n") if line.startswith(b"data: {")]
    message_of({"error": events[-1]["error"]})
    assert b"secret" not in data
    assert b"[DONE]" not in data


async def test_an_event_that_cannot_be_written_ends_the_stream_with_an_error(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in a format's encoder is told like any other of ours: the stream does not just stop."""
    encode = ChatEncoder.encode

    def broken(self: ChatEncoder, event: Any) -> bytes:
        if isinstance(event, TextDelta) and "b" in event.text:
            raise ZeroDivisionError("secret detail")
        return encode(self, event)

    monkeypatch.setattr(ChatEncoder, "encode", broken)
    body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "a b c"}]}
    status, _, data = await served.post("/chat/completions", body)
    assert status == 200
    last = json.loads(data.rstrip(b"\n").rpartition(b"data: ")[2])
    assert "internal error" in message_of({"error": last["error"]})
    assert b"secret" not in data
    assert "secret detail" in caplog.text


# ------------------------------------------------------------------------------------------- streams


async def test_a_fault_inside_a_stream_is_a_well_formed_event(served: Served, ledger: SqliteLedger) -> None:
    """The last event holds an error object, nothing follows it, the connection stays usable."""
    body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "break"}]}
    status, headers, data = await served.post("/chat/completions", body)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    last = data.rstrip(b"\n").rpartition(b"data: ")[2]
    assert "scripted ProviderFault" in message_of({"error": json.loads(last)["error"]})
    (row,) = await ledger.attempts(request_id=headers["x-assay-request-id"])
    assert (row["outcome"], row["error"]) == ("error", "ProviderFault")


async def test_a_good_stream_ends_with_its_mark(served: Served) -> None:
    """`data: [DONE]` ends what ended well; every event is one line of JSON."""
    body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "a\nb"}]}
    _, headers, data = await served.post("/chat/completions", body)
    assert data.endswith(b"data: [DONE]\n\n")
    for event in data.split(b"\n\n")[:-2]:
        assert event.startswith(b"data: ")
        json.loads(event[6:])
    assert headers["cache-control"] == "no-cache"


async def eventually(ledger: SqliteLedger, outcome: str, within_s: float) -> dict[str, Any]:
    """The newest attempt once it has this outcome."""
    until = time.monotonic() + within_s
    while True:
        rows = await ledger.attempts(limit=1)
        if rows and rows[0]["outcome"] == outcome:
            return rows[0]
        assert time.monotonic() < until, f"after {within_s} s it is {rows[0]['outcome'] if rows else 'not there'}"
        await asyncio.sleep(0.02)


def raw_request(body: dict[str, Any]) -> bytes:
    """A chat completion as bytes."""
    data = json.dumps({"model": "small", **body}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_client_that_leaves_a_stream_cancels_the_upstream(
    served: Served, ledger: SqliteLedger, abrupt: bool
) -> None:
    """Gone in the middle of a stream: the model is stopped within a second, and the attempt is settled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw_request({"stream": True, "messages": [{"role": "user", "content": "slow"}]}))
    await reader.readuntil(b"one")
    if abrupt:
        writer.transport.abort()
    else:
        writer.close()
    row = await eventually(ledger, "cancelled", 1.0)
    assert row["cost_basis"] == "bound"
    assert (await ledger.spent()).held_usd == 0


async def test_a_client_that_leaves_while_it_waits_cancels_too(served: Served, ledger: SqliteLedger) -> None:
    """Not streamed, before any byte of an answer: the same."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw_request({"messages": [{"role": "user", "content": "wait"}]}))
    await eventually(ledger, "running", 5.0)
    writer.close()
    await eventually(ledger, "cancelled", 1.0)


async def test_a_client_that_leaves_in_its_body_does_no_harm(served: Served) -> None:
    """Half a body and gone: nothing is asked, the gateway serves on."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw_request({"messages": [{"role": "user", "content": "x"}]})[:-10])
    await writer.drain()
    writer.close()
    assert (await served.ask("x"))[0] == 200


async def test_two_requests_on_one_connection(served: Served) -> None:
    """Connections are kept alive and answers keep their order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for text in ("first", "second"):
        writer.write(raw_request({"messages": [{"role": "user", "content": text}]}))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        assert f"small says {text}".encode() in await reader.readexactly(length)
    writer.close()


# ------------------------------------------------------------------------------------------ deadlines


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deadline_header_cuts(served: Served, stream: bool) -> None:
    """`x-assay-deadline-s` really cuts: 504, in time."""
    started = time.monotonic()
    status, _, body = await served.ask("wait", {"x-assay-deadline-s": "0.2"}, stream=stream)
    assert status == 504
    assert "deadline" in message_of(body)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", "1e9"])
async def test_a_wrong_deadline_is_refused(served: Served, value: str) -> None:
    """A deadline is a number of seconds; anything else is told."""
    status, _, body = await served.ask("x", {"x-assay-deadline-s": value})
    assert status == 400
    assert "x-assay-deadline-s" in message_of(body)


# ------------------------------------------------------------------------------------------- server


async def test_a_port_in_use_is_told(served: Served) -> None:
    """The address and the remedy are in the message."""
    with pytest.raises(ServerError, match=f"127.0.0.1:{served.port}.*--port"):
        server.listen(Serve(port=served.port))


def test_an_address_of_another_machine_is_told() -> None:
    """An address that is not ours, or no address at all."""
    for host in ("203.0.113.1", "no such host"):
        with pytest.raises(ServerError, match="cannot listen"):
            server.listen(Serve(host=host, port=0))


def test_two_that_have_not_begun_cannot_share_a_port() -> None:
    """The port is taken when `listen` returns, not only when the server runs."""
    first = server.listen(Serve(port=0))
    try:
        with pytest.raises(ServerError):
            server.listen(Serve(port=first.getsockname()[1]))
    finally:
        first.close()
