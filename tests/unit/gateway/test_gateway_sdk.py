"""The gateway as the official `openai` SDK sees it."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from clients import chunks, gateway

from assay.inference.spine import Spine
from faults import Answer, FaultyHost, event

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the SDK's own imports
    import openai
    from openai import AsyncOpenAI

Served = Any  # of this folder's conftest


@pytest.fixture
async def client(served: Served) -> AsyncIterator[AsyncOpenAI]:
    """The SDK, pointed at the gateway."""
    made = AsyncOpenAI(base_url=served.url, api_key="sk-not-used", max_retries=0)
    yield made
    await made.close()


def user(text: str) -> list[Any]:
    """Messages of one user turn."""
    return [{"role": "user", "content": text}]


async def test_a_chat_completion(client: AsyncOpenAI) -> None:
    """Text, finish reason, usage and model of a whole answer."""
    answer = await client.chat.completions.create(model="small", messages=user("hello"))
    assert answer.choices[0].message.content == "small says hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 3)
    assert answer.object == "chat.completion"


async def test_a_streamed_chat_completion_is_the_same(client: AsyncOpenAI) -> None:
    """The chunks of a stream join to what the whole answer holds, with usage where it is asked for."""
    stream = await client.chat.completions.create(
        model="small", messages=user("unicode"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "grüße \N{GRINNING FACE} ½"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(usages) == 1
    assert usages[0].completion_tokens == 3


@pytest.mark.parametrize("asks", [False, True])
async def test_a_passed_stream_tells_usage_only_to_who_asks(make_spine: Callable[..., Spine], asks: bool) -> None:
    """The host is asked for usage in any case; a client that reads `choices[0]` of each chunk meets no empty one."""
    usage = {"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": {"completion_tokens": 3}}
    *said, done = chunks()
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    async with FaultyHost(Answer(events=[*said, event(json.dumps(usage)), done])) as host:
        spine = make_spine(f'[deployments.up]\nmodel = "x/up"\ndialect = "openai"\nbase_url = "{host.url}"\n')
        async with gateway(spine) as url, AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-not-used") as client:
            stream = await client.chat.completions.create(model="up", messages=user("hi"), stream=True, **more)
            got = [chunk async for chunk in stream]
        assert json.loads(host.received[0].body)["stream_options"] == {"include_usage": True}
    assert len(got) == len(said) + asks
    assert all(chunk.choices for chunk in got) is not asks


async def test_a_stream_arrives_as_it_is_made(client: AsyncOpenAI) -> None:
    """The first piece comes long before the last."""
    import time

    times = []
    async for chunk in await client.chat.completions.create(model="small", messages=user("slow"), stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            times.append(time.monotonic())
    assert len(times) == 6
    assert times[-1] - times[0] > 1.0


async def test_tool_calls(client: AsyncOpenAI) -> None:
    """Tool calls come through, whole and streamed."""
    whole = await client.chat.completions.create(model="small", messages=user("tools"))
    (call,) = whole.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("look", '{"city":"Oslo"}')
    assert whole.choices[0].finish_reason == "tool_calls"
    deltas = [
        delta
        async for chunk in await client.chat.completions.create(model="small", messages=user("tools"), stream=True)
        for delta in (chunk.choices[0].delta.tool_calls or [] if chunk.choices else [])
    ]
    assert "".join(delta.function.arguments or "" for delta in deltas if delta.function) == '{"city":"Oslo"}'


async def test_plain_completions_whole_and_streamed(client: AsyncOpenAI) -> None:
    """`/v1/completions` is served from the same spine."""
    whole = await client.completions.create(model="small", prompt="hello")
    assert whole.choices[0].text == "small says hello"
    stream = await client.completions.create(model="small", prompt="hello", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream if chunk.choices]) == "small says hello"


async def test_the_list_of_models(client: AsyncOpenAI) -> None:
    """Every deployment and route can be called by the names in the list."""
    names = {model.id async for model in client.models.list()}
    assert {"small", "other", "desk"} <= names


async def test_the_pinned_route_streams_its_kind(client: AsyncOpenAI) -> None:
    """A client of the pinned route names its kind in a header, and gets whoever was proven for it."""
    for kind, text in (("tickets", "small says hello"), ("sql", "other says so")):
        stream = await client.chat.completions.create(
            model="desk", messages=user("hello"), stream=True, extra_headers={"x-assay-kind": kind}
        )
        assert "".join([c.choices[0].delta.content or "" async for c in stream if c.choices]) == text


async def test_errors_are_the_sdks_own(client: AsyncOpenAI) -> None:
    """The SDK raises its typed errors from ours."""
    with pytest.raises(openai.NotFoundError, match="did you mean 'small'"):
        await client.chat.completions.create(model="smal", messages=user("x"))
    with pytest.raises(openai.PermissionDeniedError, match="none passes"):
        await client.chat.completions.create(model="desk", messages=user("x"), extra_headers={"x-assay-kind": "leak"})
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="small", messages=user("full"))
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(model="small", messages=user("busy"))
    assert limited.value.response.headers["retry-after"] == "7"


async def test_an_error_inside_a_stream_reaches_the_client(client: AsyncOpenAI) -> None:
    """A stream that breaks raises in the SDK after the pieces that came; it does not just end."""
    stream = await client.chat.completions.create(model="small", messages=user("break"), stream=True)
    pieces: list[str] = []

    async def read() -> None:
        async for chunk in stream:
            pieces.extend(choice.delta.content or "" for choice in chunk.choices)

    with pytest.raises(openai.APIError, match="scripted ProviderFault"):
        await read()
    assert "".join(pieces) == "one two"


async def test_a_broken_whole_answer_is_an_error(client: AsyncOpenAI) -> None:
    """Not streamed, half an answer is no answer."""
    with pytest.raises(openai.InternalServerError, match="ProviderFault"):
        await client.chat.completions.create(model="small", messages=user("break"))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_piece_has_its_status(client: AsyncOpenAI, stream: bool) -> None:
    """Streamed or not: a request that fails before anything was said has an error status."""
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model="small", messages=user("fail now"), stream=stream)
    assert caught.value.status_code == 502


async def test_what_the_sdk_reads_beside_the_answer(client: AsyncOpenAI, serving: Callable[..., Any]) -> None:
    """Request id, deployment, attempts and cost stand in the headers."""
    raw = await client.chat.completions.with_raw_response.create(model="small", messages=user("hello"))
    assert raw.headers["x-assay-deployment"] == "small"
    assert raw.headers["x-assay-attempts"] == "1"
    assert float(raw.headers["x-assay-cost-usd"]) == pytest.approx((1 * 1 + 3 * 2) / 1e6)
    assert raw.headers["x-assay-cost-basis"] == "measured"
    assert len(raw.headers["x-assay-request-id"]) == 32
