"""Messages with anything in any place: an error of the tree, or an answer, never another exception."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from test_anthropic_answer import ANSWER, STREAM, sse
from test_anthropic_request import WHOLE

from assay.dialects.anthropic import Anthropic
from assay.dialects.opaque import ANTHROPIC, signed
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import MalformedReply, RequestError
from assay.types import Request, fold

MESSAGES = Anthropic()
PDF = {"type": "file", "file": {"file_data": "JVBERi0="}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SCHEMA = {"properties": {"a": {"minimum": 1}}}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, PDF]},
        {"role": "assistant", "content": None, "reasoning_details": [signed("s", ANTHROPIC)], "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "developer", "content": "later"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "oneOf": [{}]}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "reasoning_effort": "low",
    "thinking": {"type": "adaptive"},
    "user": "u",
}
VALUES: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], [1], [[]], {}, {"type": "x"}, {"type": "text"}]
TIMES = 300


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def broken(value: Any, chance: random.Random) -> Any:
    """A copy with another value in one or two places."""
    changed = copy.deepcopy(value)
    for _ in range(chance.randint(1, 2)):
        *path, last = chance.choice(list(places(changed)))
        inner = changed
        for key in path:
            inner = inner[key]
        inner[last] = copy.deepcopy(chance.choice(VALUES))
    return changed


@pytest.mark.parametrize(("client", "said"), [(MESSAGES, WHOLE), (OpenAIChat(), CHAT)])
def test_requests(client: Any, said: dict[str, Any]) -> None:
    """A request is read and written, or an error names what is wrong with it."""
    chance = random.Random(1)  # noqa: S311 - no secret
    written = 0
    for number in range(TIMES):
        model = ("claude-opus-4-8", "claude-3-haiku-20240307")[number % 2]
        try:
            request = client.read_request(json.dumps(broken(said, chance)).encode())
            MESSAGES.write_request(request, model=model, stream=True, quirks={})
            written += 1
        except RequestError:
            continue
    assert TIMES / 10 < written < TIMES


def test_answers() -> None:
    """An answer is read and written again, or is malformed."""
    chance = random.Random(2)  # noqa: S311 - no secret
    read = 0
    for _ in range(TIMES):
        try:
            events = MESSAGES.read_response(json.dumps(broken(ANSWER, chance)).encode())
        except MalformedReply:
            continue
        MESSAGES.write_response(fold(events), Request())
        read += 1
    assert TIMES / 10 < read < TIMES


def test_streams() -> None:
    """A stream is read and written again, or is malformed."""
    chance = random.Random(3)  # noqa: S311 - no secret
    read = 0
    for _ in range(TIMES):
        stream = [one if isinstance(one, dict) else {} for one in broken(STREAM, chance)]
        decoder, encoder = MESSAGES.decoder(), MESSAGES.encoder(Request())
        try:
            events = decoder.feed(sse(*({"type": "x", **one} for one in stream))) + decoder.close()
        except MalformedReply:
            continue
        for event in events:
            encoder.encode(event)
        encoder.close()
        fold(events)
        read += 1
    assert TIMES / 10 < read < TIMES
