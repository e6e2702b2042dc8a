"""The dialect `litellm` with the library itself, against a host on loopback; skipped where it is not installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from assay.config.schema import Deployment
from assay.errors import AuthFailed, BadRequest, MalformedReply, ProviderError, RateLimited
from assay.providers.litellm import litellm_provider
from assay.providers.provider import Attempted, Meter
from assay.types import Event, Message, Request, Sampling, Tool, UsageReport, fold
from faults import Answer, FaultyHost, busy, event

pytestmark = [
    pytest.mark.skipif(find_spec("litellm") is None, reason="LiteLLM is not installed: pip install 'assay[litellm]'"),
    pytest.mark.filterwarnings("default"),  # the library's own warnings are not ours to mend
]
HELLO = Request(messages=(Message.of("user", "hello"),), stream=True)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return event(json.dumps(body | more))


DONE = event("[DONE]")
USAGE = chunk({}, choices=[], usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7})
WHOLE = (chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}), chunk({}, "length"))


async def ask(host: FaultyHost, request: Request = HELLO, model: str = "openai/m", **said: Any) -> list[Event]:
    """The events of one attempt at the host."""
    deployment = msgspec.convert({"model": model, "dialect": "litellm", "base_url": host.url, **said}, Deployment)
    events = litellm_provider(deployment).stream(Attempted(request, stream=request.stream), Meter())
    return [one async for one in events]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "sk-secret-1")


async def test_a_stream_arrives_whole_and_is_asked_for_with_our_key() -> None:
    """Text, end and tokens; the key that the deployment names, and the request as it was said."""
    async with FaultyHost(Answer(events=(*WHOLE, USAGE, DONE))) as host:
        request = msgspec.structs.replace(HELLO, sampling=Sampling(max_tokens=5, seed=3, stop=("x",)))
        response = fold(await ask(host, request, api_key_env="ACME_KEY"))
    (received,) = host.received
    sent = json.loads(received.body)
    assert received.headers["authorization"] == "Bearer sk-secret-1"
    assert (sent["model"], sent["max_tokens"], sent["seed"], sent["stop"]) == ("m", 5, 3, ["x"])
    assert response.text == "Hello"
    assert response.finish is not None
    assert response.finish.kind == "length"
    assert response.usage is not None
    assert (response.usage.input, response.usage.output) == (5, 2)


async def test_parallel_calls_stay_apart() -> None:
    """Two calls in one answer are two calls."""
    calls = [
        chunk({"tool_calls": [{"index": n, "id": f"call_{n}", "type": "function", "function": {"name": name, **more}}]})
        for n, name, more in ((0, "a", {"arguments": '{"x":1}'}), (1, "b", {"arguments": "{}"}))
    ]
    request = msgspec.structs.replace(HELLO, tools=(Tool(name="a"), Tool(name="b")))
    async with FaultyHost(Answer(events=(*calls, chunk({}, "tool_calls"), DONE))) as host:
        response = fold(await ask(host, request, api_key_env="ACME_KEY"))
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("a", '{"x":1}'), ("b", "{}")]


async def test_tokens_that_nobody_told_are_unknown() -> None:
    """The library counts them itself; that is not what was billed."""
    async with FaultyHost(Answer(events=(*WHOLE, DONE))) as host:
        events = await ask(host, api_key_env="ACME_KEY")
    assert not [one for one in events if isinstance(one, UsageReport)]


@pytest.mark.parametrize("end", [(), (DONE,)], ids=["cut", "done without an end"])
async def test_a_cut_stream_is_an_error(end: tuple[bytes, ...]) -> None:
    """Never a silent stop."""
    async with FaultyHost(Answer(events=(*WHOLE[:2], *end))) as host:
        with pytest.raises(MalformedReply):
            await ask(host, api_key_env="ACME_KEY")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=401, body=b'{"error": {"message": "bad key sk-secret-1"}}'), AuthFailed),
        (Answer(status=400, body=b'{"error": {"message": "bad thing sk-secret-1"}}'), BadRequest),
        (busy(7), RateLimited),
    ],
)
async def test_errors_are_ours_and_asked_once(answer: Answer, kind: type[ProviderError]) -> None:
    """By class, without the key, and without a second try of the library's own."""
    async with FaultyHost(answer) as host:
        with pytest.raises(kind) as caught:
            await ask(host, api_key_env="ACME_KEY")
        assert len(host.received) == 1
    assert "sk-secret" not in str(caught.value)
    assert caught.value.retry_after_s == (7.0 if kind is RateLimited else None)


async def test_a_field_that_a_provider_does_not_take_is_named() -> None:
    """Nothing is dropped, and nothing is sent."""
    request = msgspec.structs.replace(HELLO, sampling=Sampling(logit_bias={"1": 2.0}))
    async with FaultyHost() as host:
        with pytest.raises(BadRequest, match="logit_bias: cerebras cannot be told this"):
            await ask(host, request, model="cerebras/m", api_key_env="ACME_KEY")
        assert host.received == []


async def test_leaving_takes_the_connection_along() -> None:
    """A client that goes away cancels the call upstream."""
    async with FaultyHost(Answer(events=(*WHOLE, DONE), stop=2, how="hang")) as host:
        deployment = Deployment(model="openai/m", dialect="litellm", base_url=host.url, api_key_env="ACME_KEY")
        events = litellm_provider(deployment).stream(Attempted(HELLO), Meter())
        await anext(events)
        await events.aclose()
        await host.gone(0)
