"""The gateway as the official `anthropic` SDK sees it: only the base URL differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

Served = Any  # of this folder's conftest


@pytest.fixture(params=["", "/v1"])
async def client(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[AsyncAnthropic]:
    """The SDK, pointed at the gateway: its paths begin with `/v1`, whatever the base URL ends in."""
    made = AsyncAnthropic(
        base_url=f"http://127.0.0.1:{served.port}{request.param}", api_key="sk-not-used", max_retries=0
    )
    yield made
    await made.close()


def user(text: str) -> list[Any]:
    """Messages of one user turn."""
    return [{"role": "user", "content": text}]


async def test_a_message(client: AsyncAnthropic) -> None:
    """Text, stop reason and usage of a whole answer."""
    answer = await client.messages.create(model="small", max_tokens=9, messages=user("hello"))
    assert [block.text for block in answer.content if block.type == "text"] == ["small says hello"]
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 3)
    assert answer._request_id
    assert len(answer._request_id) == 32


async def test_a_streamed_message_is_the_same(client: AsyncAnthropic) -> None:
    """The SDK folds our events to the same message."""
    async with client.messages.stream(model="small", max_tokens=9, messages=user("unicode")) as stream:
        pieces = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert "".join(pieces) == "grüße \N{GRINNING FACE} ½"
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 3


async def test_tool_calls(client: AsyncAnthropic) -> None:
    """Tool calls come through, whole and streamed."""
    tools: list[Any] = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    whole = await client.messages.create(model="small", max_tokens=9, messages=user("tools"), tools=tools)
    async with client.messages.stream(model="small", max_tokens=9, messages=user("tools"), tools=tools) as stream:
        streamed = await stream.get_final_message()
    for message in (whole, streamed):
        (call,) = [block for block in message.content if block.type == "tool_use"]
        assert (call.name, call.input) == ("look", {"city": "Oslo"})
        assert message.stop_reason == "tool_use"


async def test_counting_tokens(client: AsyncAnthropic) -> None:
    """`count_tokens` asks the deployment's own counter."""
    counted = await client.messages.count_tokens(model="small", messages=user("one two three"))
    assert counted.input_tokens == 3


async def test_the_list_of_models(client: AsyncAnthropic) -> None:
    """The SDK walks through our pages."""
    assert [model.id async for model in client.models.list(limit=2)] == ["small", "other", "abroad", "keyless", "desk"]
    assert (await client.models.retrieve("desk")).display_name == "desk"


async def test_errors_are_the_sdks_own(client: AsyncAnthropic) -> None:
    """The SDK raises its typed errors from ours, with the id of the request."""
    with pytest.raises(anthropic.NotFoundError, match="did you mean 'small'"):
        await client.messages.create(model="smal", max_tokens=9, messages=user("x"))
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        await client.messages.create(model="small", max_tokens=9, messages=user("x"), extra_body={"temperature": "hot"})
    with pytest.raises(anthropic.PermissionDeniedError, match="none passes"):
        await client.messages.create(
            model="desk", max_tokens=9, messages=user("x"), extra_headers={"x-assay-kind": "leak"}
        )
    with pytest.raises(anthropic.RateLimitError) as limited:
        await client.messages.create(model="small", max_tokens=9, messages=user("busy"))
    assert limited.value.response.headers["retry-after"] == "7"
    assert limited.value.request_id is not None
    assert len(limited.value.request_id) == 32


async def test_an_error_inside_a_stream_reaches_the_client(client: AsyncAnthropic) -> None:
    """A stream that breaks raises in the SDK after the pieces that came; it does not just end."""
    pieces: list[str] = []

    async def read() -> None:
        async with client.messages.stream(model="small", max_tokens=9, messages=user("break")) as stream:
            async for text in stream.text_stream:
                pieces.append(text)

    with pytest.raises(anthropic.APIError, match="scripted ProviderFault"):
        await read()
    assert "".join(pieces) == "one two"


async def test_a_wrong_key_is_the_sdks_own_error(serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's `api_key` is the gateway's key."""
    monkeypatch.setenv("ASSAY_TEST_KEY", "right")
    async with serving(api_key_env="ASSAY_TEST_KEY") as served:
        url = f"http://127.0.0.1:{served.port}"
        for key, right in (("right", True), ("wrong", False)):
            async with AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as client:
                if right:
                    await client.messages.create(model="small", max_tokens=9, messages=user("x"))
                else:
                    with pytest.raises(anthropic.AuthenticationError):
                        await client.messages.create(model="small", max_tokens=9, messages=user("x"))
