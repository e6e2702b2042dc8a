"""Bodies that are nearly right: valid ones of each format, with some of their values exchanged, lost or doubled."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from assay.types import (
    Event,
    Finish,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = "iVBORw0KGgo="
_FUNCTION = {"name": "look", "description": "Looks.", "parameters": SCHEMA, "strict": True}

REQUESTS: dict[str, dict[str, Any]] = {
    "openai": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ]},
            {"role": "assistant", "content": None, "refusal": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Oslo"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "cold"},
        ],
        "tools": [{"type": "function", "function": _FUNCTION}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}},
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "stop": ["x"], "seed": 1, "n": 1, "logit_bias": {"1": 2},
        "logprobs": True, "top_logprobs": 2, "user": "u", "stream": True, "stream_options": {"include_usage": True},
        "reasoning_effort": "low", "metadata": {"a": "b"},
    },
    "completions": {
        "model": "m", "prompt": "Once", "suffix": "end", "max_tokens": 5, "temperature": 0, "echo": False, "best_of": 1,
        "logprobs": 1, "stop": "x", "stream": True,
    },
    "anthropic": {
        "model": "m",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "document", "title": "t", "citations": {"enabled": True},
                 "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Oslo"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True,
                 "content": [{"type": "text", "text": "cold"}]}]},
        ],
        "tools": [{"name": "look", "description": "Looks.", "input_schema": SCHEMA},
                  {"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "stop_sequences": ["x"], "temperature": 1, "top_k": 5, "metadata": {"user_id": "u"}, "stream": True,
    },
    "openai-responses": {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
                {"type": "input_file", "file_id": "file-1"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "gAAAAA"},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look",
             "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "cold"},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "It is cold.", "annotations": []}]},
        ],
        "tools": [{"type": "function", **_FUNCTION}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "look"},
        "parallel_tool_calls": True,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 99, "temperature": 0.1, "top_p": 1, "store": False, "stream": True, "metadata": {"a": "b"},
    },
    "embeddings": {
        "model": "m", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64", "user": "u",
    },
}  # fmt: skip
REQUESTS["anthropic-count"] = {
    key: value for key, value in REQUESTS["anthropic"].items() if key not in ("max_tokens", "stream", "temperature")
}

EVENTS: list[Event] = [
    ReasoningDelta(text="First"), ReasoningDelta(text=" this."),
    OpaqueDelta(data={"type": "reasoning.encrypted", "data": "c2ln", "format": "anthropic-claude-v1"}),
    TextDelta(text="It is "), TextDelta(text="grüße \N{GRINNING FACE}."),
    RefusalDelta(text="I cannot."),
    ToolCallDelta(index=0, id="call_1", name="look", arguments='{"city"'),
    ToolCallDelta(index=0, arguments=': "Oslo"}'),
    ToolCallDelta(index=1, id="call_2", name="look", arguments="{}"),
    Finished(finish=Finish(kind="tool_calls", native="tool_calls")),
    UsageReport(usage=Usage(input=9, output=8, total=17, cached=3, reasoning=2)),
]  # fmt: skip
GEMINI = {
    "responseId": "r-1",
    "modelVersion": "gemini",
    "candidates": [{
        "index": 0,
        "finishReason": "STOP",
        "content": {"role": "model", "parts": [
            {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
            {"text": "It is cold."},
            {"functionCall": {"id": "c", "name": "look", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        ]},
        "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://x", "title": "t"}}], "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 2}, "groundingChunkIndices": [0]}]},
    }],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 8, "thoughtsTokenCount": 2, "totalTokenCount": 19},
}  # fmt: skip
RESPONSE = fold(EVENTS)
ASKED = Request(model="m", stream=True, stream_usage=True)

_SURPRISES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(
        [2**31, 2**63, -(2**63), 2**64 - 1, 1e308, 0.5, "", "x", "\x00", "\ud7ff", "a" * 300, [], {}, [[]]]
    ),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(blacklist_categories=("Cs",)), max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "id", "x"]), inner)
        ),
        max_leaves=6,
    ),
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each container with each of its keys or indices."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


@st.composite
def mutants(draw: st.DrawFn, value: Any) -> Any:
    """The value with up to four of its parts exchanged, lost, doubled, renamed, or put elsewhere."""
    changed = copy.deepcopy(value)
    for _ in range(draw(st.integers(0, 4))):
        places = _places(changed)
        if not places:
            break
        inside, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["exchange", "exchange", "lose", "double", "rename", "borrow"])):
            case "exchange":
                inside[key] = copy.deepcopy(draw(_SURPRISES))  # it may be changed in turn
            case "lose":
                del inside[key]
            case "double" if isinstance(inside, list):
                inside.insert(key, copy.deepcopy(inside[key]))
            case "rename" if isinstance(inside, dict):
                inside[draw(st.sampled_from(["type", "id", "x", "content", "name"]))] = inside.pop(key)
            case _:
                other, name = draw(st.sampled_from(places))
                with_it = other.get(name) if isinstance(other, dict) else other[name] if name < len(other) else None
                inside[key] = copy.deepcopy(with_it)
    return changed


@st.composite
def broken(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with some of them lost, exchanged, or more put in."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from([0, 1, 5, 1000])))))
        more = draw(
            st.sampled_from([b"", b"\n", b"\r", b"\r\n\r\n", b"\x00", b"\xff", b"{", b'"', b"data: ", b": x\n"])
        )
        data = data[:start] + more + data[end:]
    return data


@st.composite
def mutated_streams(draw: st.DrawFn, data: bytes) -> bytes:
    """A stream of server-sent events, some of whose JSON is a mutant of what it was."""
    lines = data.split(b"\n")
    at = [number for number, line in enumerate(lines) if line.startswith(b"data: {")]
    for number in draw(st.lists(st.sampled_from(at), max_size=3)) if at else ():
        if lines[number].startswith(b"data: {"):
            lines[number] = b"data: " + json.dumps(draw(mutants(json.loads(lines[number][6:])))).encode()
    return draw(broken(b"\n".join(lines)))
