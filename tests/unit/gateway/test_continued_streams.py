"""Cut streams that are continued, as clients of each format see them: one answer, of their own form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from clients import CHAT, CLIENTS, MESSAGES, RESPONSES, Client, chunks, gateway

from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from faults import Answer, FaultyHost, event

MakeSpine = Callable[..., Spine]


def toml(url: str, dialect: str) -> str:
    """A deployment whose model and host are known to continue a begun answer."""
    return (
        f'[deployments.up]\nmodel = "anthropic/claude-sonnet-4-5"\ndialect = "{dialect}"\nbase_url = "{url}"\n'
        'retries = 0\nquirks = { capabilities = { prefill = "keep" } }\n'
    )


def message(*texts: str, whole: bool = True) -> list[bytes]:
    """The events of an Anthropic message that says these texts."""

    def named(kind: str, **more: Any) -> bytes:
        return event(json.dumps({"type": kind, **more}), kind)

    head = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1},
    }  # fmt: skip
    said = [named("message_start", message=head)]
    said.append(named("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    for text in texts:
        said.append(named("content_block_delta", index=0, delta={"type": "text_delta", "text": text}))
    if not whole:
        return said
    usage = {"output_tokens": 3}
    said.append(named("content_block_stop", index=0))
    said.append(named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage))
    return [*said, named("message_stop")]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_before_an_openai_host(client: Client, how: Any, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Passed through or translated: the text is whole, the end is a good one, there is no error and no second head."""
    cut = Answer(events=chunks("one two"), stop=3, how=how)
    rest = Answer(events=[chunks("x")[0], *chunks("x three")[2:]])
    async with FaultyHost(cut, rest) as host, gateway(make_spine(toml(host.url, "openai"))) as url:
        seen = await client.ask(url, stream=True)
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "one two three", None, True)
    kinds = [one.get("type") for one in seen.events]
    assert kinds.count("message_start") == (client is MESSAGES)
    assert kinds.count("content_block_start") == (client is MESSAGES)
    assert kinds.count("response.created") == (client.name == "responses")
    if client is CHAT:
        assert {one["id"] for one in seen.events} == {"up-1"}
        assert sum("role" in choice["delta"] for one in seen.events for choice in one["choices"]) == 1
    assert [row["continued_from"] is not None for row in await ledger.attempts()] == [True, False]


@pytest.mark.parametrize("torn", [b"", b'event: content_block_delta\ndata: {"type": "content_bl'])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_before_an_anthropic_host(client: Client, torn: bytes, make_spine: MakeSpine) -> None:
    """Also where the raw bytes broke off inside an event: the client never gets half of one."""
    events = message("one", " two", whole=False) + ([torn] if torn else [])
    cut = Answer(events=events, stop=len(events), how="close")
    async with (
        FaultyHost(cut, Answer(events=message(" three"))) as host,
        gateway(make_spine(toml(host.url, "anthropic"))) as url,
    ):
        seen = await client.ask(url, stream=True)
        asked = json.loads(host.received[1].body)["messages"]
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "one two three", None, True)
    assert asked[-1]["role"] == "assistant"
    assert "one two" in json.dumps(asked[-1])
    kinds = [one.get("type") for one in seen.events]
    if client is MESSAGES:
        assert kinds == [
            "message_start", "content_block_start", *["content_block_delta"] * 3, "content_block_stop",
            "message_delta", "message_stop",
        ]  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_a_message_without_its_end_marker_ends_with_an_error(client: Client, make_spine: MakeSpine) -> None:
    """The reason has come and `message_stop` has not: nothing is asked again, and no stream just ends."""
    async with (
        FaultyHost(Answer(events=message("one")[:-1])) as host,
        gateway(make_spine(toml(host.url, "anthropic"))) as url,
    ):
        seen = await client.ask(url, stream=True)
        assert len(host.received) == 1
    assert (seen.status, seen.text, seen.ended) == (200, "one", False)
    assert seen.error is not None
    assert "end marker" in seen.error[1]


async def test_the_sdk_takes_it_for_one_answer(make_spine: MakeSpine) -> None:
    """Anthropic's own client accumulates one message out of raw bytes and what follows them."""
    import anthropic

    cut = Answer(events=message("one", whole=False), stop=3, how="reset")
    async with (
        FaultyHost(cut, Answer(events=message(" two"))) as host,
        gateway(make_spine(toml(host.url, "anthropic"))) as url,
        anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client,
    ):
        asked: Any = [{"role": "user", "content": "hi"}]
        async with client.messages.stream(model="up", max_tokens=9, messages=asked) as stream:
            whole = await stream.get_final_message()
    assert [block.text for block in whole.content if block.type == "text"] == ["one two"]
    assert whole.stop_reason == "end_turn"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_a_tool_call_that_has_begun_is_not_continued(client: Client, make_spine: MakeSpine) -> None:
    """What cannot be taken up in the middle ends with an error."""
    called = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"ci'}}
    events = [
        *chunks("one")[:2],
        event(json.dumps({"id": "up-1", "choices": [{"index": 0, "delta": {"tool_calls": [called]}}]})),
    ]
    async with (
        FaultyHost(Answer(events=events, stop=3, how="close")) as host,
        gateway(make_spine(toml(host.url, "openai"))) as url,
    ):
        seen = await client.ask(url, stream=True)
        assert len(host.received) == 1
    assert seen.error is not None
    assert not seen.ended


def response_events(*deltas: str) -> list[bytes]:
    """The events of a response that has said these texts, and has not ended."""
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    said: list[dict[str, Any]] = [
        {"type": "response.created", "response": RESPONSE},
        {"type": "response.in_progress", "response": RESPONSE},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        *({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in deltas),
    ]
    return [event(json.dumps({**one, "sequence_number": number}), one["type"]) for number, one in enumerate(said)]


RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress", "model": "up", "output": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
async def test_a_response_s_numbers_go_on(known: bool, make_spine: MakeSpine) -> None:
    """Raw bytes of a response, then its continuation or its failure: one sequence, one id, one item."""
    ended = {**RESPONSE, "status": "completed"}
    end = event(
        json.dumps({"type": "response.completed", "response": ended, "sequence_number": 5}), "response.completed"
    )
    cut = Answer(events=response_events("one", " two"), stop=6, how="close")
    async with FaultyHost(cut, Answer(events=[*response_events(" three"), end])) as host:
        config = toml(host.url, "openai-responses")
        async with gateway(make_spine(config if known else config.replace("claude-sonnet-4-5", "unknown"))) as url:
            seen = await RESPONSES.ask(url, stream=True)
    assert [one["sequence_number"] for one in seen.events] == list(range(len(seen.events)))
    assert seen.events[-1]["type"] == ("response.completed" if known else "response.failed")
    assert seen.events[-1]["response"]["id"] == "resp_1"
    assert seen.text == ("one two three" if known else "one two")
    assert {one["item_id"] for one in seen.events if "item_id" in one} == {"msg_1"}
