"""What Anthropic said comes back to it with the next turn, whatever format the client speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.types import Request, fold

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
