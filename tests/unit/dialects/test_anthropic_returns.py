"""What Anthropic said comes back to it with the next turn, whatever format the client speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.opaque import RESPONSES, encrypted, secret
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.types import (
    Finish,
    Finished,
    OpaqueDelta,
    Reasoning,
    ReasoningDelta,
    Request,
    ToolCall,
    ToolCallDelta,
    fold,
)  # fmt: skip

UPSTREAM = Anthropic()
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "First.", "signature": "s1"},
    {"type": "redacted_thinking", "data": "b1"},
    {"type": "thinking", "thinking": "Then.", "signature": "s2"},
    {"type": "text", "text": "I look it up."},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
]
ANSWER = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "content": CONTENT}
ANSWER |= {"stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2}}


def chat_turn(answer: dict[str, Any]) -> dict[str, Any]:
    """A chat client's next request, with the answer's message as it got it."""
    message = answer["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in message["tool_calls"]]
    return {"messages": [{"role": "user", "content": "q"}, message, *results]}


def responses_turn(answer: dict[str, Any]) -> dict[str, Any]:
    """A Responses client's next request, with the answer's items as it got them."""
    calls = [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": call, "output": "1"} for call in calls]
    return {"input": [{"role": "user", "content": "q"}, *answer["output"], *results], "store": False}


def messages_turn(answer: dict[str, Any]) -> dict[str, Any]:
    """A Messages client's next request."""
    calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call, "content": "1"} for call in calls]
    turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": results}]
    return {"messages": [{"role": "user", "content": "q"}, *turns]}


@pytest.mark.parametrize(
    ("client", "turn"), [(OpenAIChat(), chat_turn), (Responses(), responses_turn), (UPSTREAM, messages_turn)]
)
def test_signed_thinking_comes_back(client: Any, turn: Any) -> None:
    """Trap 4: each block with its own text and signature, in its order and before the calls, in one turn."""
    response = fold(UPSTREAM.read_response(json.dumps(ANSWER).encode()))
    answered = json.loads(client.write_response(response, Request(model="m")))
    request = client.read_request(json.dumps({"model": "m", **turn(answered)}).encode())
    wire = UPSTREAM.write_request(request, model="claude-opus-4-8", stream=False, quirks={})
    _, assistant, results = json.loads(wire.body)["messages"]
    assert assistant["content"] == CONTENT
    assert [block["tool_use_id"] for block in results["content"]] == ["toolu_1", "toolu_2"]


def test_a_blob_that_was_encrypted_anew_reaches_messages_clients_and_counts() -> None:
    """A Responses host may say a blob anew in its last event: a stream has both, and the last goes back, in place."""
    first, last = (encrypted(data, RESPONSES, "rs_1") for data in ("FIRST", "LAST"))
    call = ToolCallDelta(index=0, id="call_1", name="look", arguments="{}")
    events = [
        ReasoningDelta(text="hm", block=0),
        OpaqueDelta(data=first, block=0),
        call,
        OpaqueDelta(data=last, amends=True),
        Finished(finish=Finish(kind="tool_calls")),
    ]
    encoder = Anthropic().encoder(Request())
    wire = b"".join(encoder.encode(event) for event in events) + encoder.close()
    told = [json.loads(line[6:]) for line in wire.split(b"\n") if line.startswith(b"data: ")]
    blocks = [event["content_block"] for event in told if event["type"] == "content_block_start"]
    assert [block["type"] for block in blocks] == ["thinking", "redacted_thinking", "tool_use", "redacted_thinking"]
    blocks[0]["thinking"] = "hm"
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": blocks}]
    body = {"model": "m", "max_tokens": 9, "messages": turns}
    parts = Anthropic().read_request(json.dumps(body).encode()).messages[1].parts
    assert [type(part) for part in parts] == [Reasoning, ToolCall]
    assert isinstance(parts[0], Reasoning)
    assert (parts[0].text, [secret(one) for one in parts[0].opaque]) == ("hm", ["LAST"])
