"""Messages requests: reading them, and writing back what a client of the format said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic, AnthropicCount
from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, signed
from assay.errors import RequestError
from assay.types import Document, Image, OutputFormat, Reasoning, Refusal, Request, Text, ToolCall, ToolResult, Unknown

MESSAGES = Anthropic()
HI = [{"role": "user", "content": "hi"}]


def read(**fields: Any) -> Request:
    """A request with these fields."""
    return MESSAGES.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": HI, **fields}).encode())


def back(request: Request, **quirks: Any) -> dict[str, Any]:
    """What the request is written as for Anthropic."""
    return json.loads(MESSAGES.write_request(request, model=request.model, stream=request.stream, quirks=quirks).body)


WHOLE: dict[str, Any] = {
    "model": "claude-opus-4-8",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}, "cache_control": {"type": "e"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Prices: none."},
                    "title": "List",
                    "context": "of today",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
                {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
                {"type": "document", "source": {"type": "file", "file_id": "file_2"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "piece"}]}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {}}]}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
                {"type": "container_upload", "file_id": "file_3"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                {"type": "redacted_thinking", "data": "blob"},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {
                    "type": "text",
                    "text": "Two calls.",
                    "citations": [{"type": "char_location", "cited_text": "P", "document_index": 0}],
                },
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
                {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {"a": [1.5, "é"]}, "caller": {"type": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    ],
                    "is_error": True,
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "tool_result", "tool_use_id": "toolu_3"},
                {"type": "tool_result", "tool_use_id": "toolu_4", "content": [{"type": "text", "text": "one"}]},
                {"type": "text", "text": "and now?"},
            ],
        },
        {"role": "system", "content": "From here on in Spanish."},
        {"role": "assistant", "content": [{"type": "text", "text": "Claro"}]},
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "g", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "mcp_toolset", "mcp_server_name": "s"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized"},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}, "x": 1},
    "stop_sequences": ["END"],
    "temperature": 1,
    "top_p": 0.9,
    "top_k": 5,
    "metadata": {"user_id": "u1"},
    "service_tier": "auto",
    "container": "c_1",
    "mcp_servers": [{"type": "url", "url": "https://x", "name": "s"}],
    "context_management": {"edits": []},
    "cache_control": {"type": "ephemeral"},
    "stream": True,
    "a_new_field": {"x": None},
}


def test_what_a_client_said_is_written_back() -> None:
    """Every field and block of Messages, unknown ones too, is the same after reading and writing."""
    assert back(MESSAGES.read_request(json.dumps(WHOLE).encode())) == WHOLE


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"stop_sequences": []},
        {"system": "plain"},
        {"system": [{"type": "text", "text": "listed"}]},
        {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
        {"thinking": {"type": "adaptive"}},
        {"thinking": {"type": "disabled"}},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}, "tools": WHOLE["tools"]},
        {"tool_choice": {"type": "none"}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a list of one"}]}]},
        {"messages": [*HI, *HI]},
        {"messages": [*HI, {"role": "assistant", "content": [{"type": "text", "text": "a", "citations": None}]}]},
    ],
)
def test_forms_of_the_same_thing_stay(fields: dict[str, Any]) -> None:
    """A string or a list, an empty list, an old name: what a client chose is what is sent."""
    said = {"model": "m", "max_tokens": 9, "messages": HI, **fields}
    assert back(read(**fields)) == said


def test_blocks_become_parts() -> None:
    """Another format sees ordinary parts: texts, media, calls and their answers, in messages of their own."""
    request = MESSAGES.read_request(json.dumps(WHOLE).encode())
    system, user, assistant, tool, rest, later, _ = request.messages
    assert (system.role, tool.role, rest.role, later.role) == ("system", "tool", "user", "system")
    assert rest.text == "and now?"
    kinds = [type(part) for part in user.parts]
    assert kinds == [Text, Image, Image, Unknown, *[Document] * 5, Unknown, Unknown, Unknown]
    plain, pdf, by_url, by_id, pieces = (part for part in user.parts if isinstance(part, Document))
    assert (plain.media_type, plain.data, plain.name) == ("text/plain", "UHJpY2VzOiBub25lLg==", "List")
    assert (pdf.media_type, by_url.url, by_id.file_id) == ("application/pdf", "https://x/a.pdf", "file_2")
    assert pieces.data == "cGllY2U="
    calls = [part for part in assistant.parts if isinstance(part, ToolCall)]
    assert [(call.id, call.arguments) for call in calls] == [("toolu_1", "{}"), ("toolu_2", '{"a":[1.5,"é"]}')]
    answers = [part for part in tool.parts if isinstance(part, ToolResult)]
    assert [(answer.call_id, answer.is_error) for answer in answers][:2] == [("toolu_1", False), ("toolu_2", True)]


def test_settings_have_their_fields() -> None:
    """Limits, drawing, stop texts, tools and the form of the answer are said as every format says them."""
    request = MESSAGES.read_request(json.dumps(WHOLE).encode())
    assert request.sampling.max_tokens == 4096
    assert request.sampling.stop == ("END",)
    assert request.sampling.reasoning_effort == "high"
    assert request.output == OutputFormat(kind="json_schema", schema={"type": "object"})
    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.names) == ("required", ("f",))
    assert request.parallel_tool_calls is False
    assert [tool.native is None for tool in request.tools] == [True, True, False, False]
    assert request.stream
    assert request.stream_usage


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, "low"),
        ({"type": "enabled", "budget_tokens": 8192}, "medium"),
        ({"type": "enabled", "budget_tokens": 32000}, "high"),
        ({"type": "adaptive"}, None),
        ({"type": "disabled"}, None),
    ],
)
def test_a_budget_of_thinking_is_an_effort_elsewhere(thinking: dict[str, Any], effort: str | None) -> None:
    """Other formats know efforts only; who lets the model decide, or wants no thinking, names none."""
    assert read(thinking=thinking).sampling.reasoning_effort == effort


def test_blobs_know_their_makers() -> None:
    """Trap 3 and 4: signatures are Anthropic's unless a field of ours names another maker, with the text before it."""
    content = [
        {"type": "thinking", "thinking": "own", "signature": "s1"},
        {"type": "redacted_thinking", "data": "b1"},
        {"type": "thinking", "thinking": "summary", "signature": ""},
        {"type": "redacted_thinking", "data": "b2", "format": RESPONSES, "id": "rs_1"},
        {"type": "text", "text": "said"},
        {"type": "redacted_thinking", "data": "b3", "format": GEMINI},
        {"type": "text", "text": "no", "refusal": True},
        {
            "type": "tool_use",
            "id": "t",
            "name": "f",
            "input": {},
            "extra_content": {"google": {"thought_signature": "g"}},
        },
    ]
    request = read(messages=[*HI, {"role": "assistant", "content": content}])
    *parts, call = request.messages[1].parts
    assert parts == [
        Reasoning(text="own", opaque=(signed("s1", ANTHROPIC),)),
        Reasoning(opaque=(encrypted("b1", ANTHROPIC),)),
        Reasoning(text="summary", opaque=(encrypted("b2", RESPONSES, "rs_1"),)),
        Text(text="said"),
        Reasoning(opaque=(encrypted("b3", GEMINI),)),
        Refusal(text="no"),
    ]
    assert call.extra == {"extra_content": {"google": {"thought_signature": "g"}}}
    sent = back(request)["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["thinking", "redacted_thinking", "text", "text", "tool_use"]
    assert "refusal" not in sent[3]
    assert "extra_content" not in sent[4]


def test_a_count_is_a_chat_that_is_counted() -> None:
    """Its bytes pass to the path of counting; written anew, nothing about an answer is in it."""
    body = json.dumps({"model": "m", "system": "s", "messages": HI, "tools": WHOLE["tools"]}).encode()
    request = AnthropicCount().read_request(body)
    assert (request.form, request.origin) == ("count", "anthropic")
    wire = MESSAGES.write_request(request, model="m2", stream=True, quirks={})
    assert wire.path == "/messages/count_tokens"
    assert json.loads(wire.body) == {**json.loads(body), "model": "m2"}
    assert request.native is not None
    passed = MESSAGES.pass_request(request.native, model="m2", quirks={})
    assert passed.path == "/messages/count_tokens"
    assert passed.body == body.replace(b'"m"', b'"m2"', 1)


def test_bytes_pass_with_the_model_exchanged() -> None:
    """Nothing else changes; the version of the format is said, and the client's betas go along."""
    body = b'{ "stream":true, "model" : "route","messages":[], "x":1.0 }'
    native = read().native
    assert native is not None
    native = type(native)(dialect="anthropic", raw=body, headers={"anthropic-beta": "b1"})
    wire = MESSAGES.pass_request(native, model="claude", quirks={})
    assert wire.body == b'{ "stream":true, "model" : "claude","messages":[], "x":1.0 }'
    assert wire.path == "/messages"
    assert wire.headers == {"anthropic-version": "2023-06-01", "anthropic-beta": "b1"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "citations": ["c"]}]}]},
            "messages[0].content[0].citations",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "i", "name": "n", "input": {}}]}]},
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "n"}]}]},
            "messages[0].content[0].input",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "i"}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "i",
                                "content": [{"type": "thinking", "thinking": "t"}],
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].content",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]},
            "messages[0].content[0].source.data",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0]"),
        ({"system": 7}, "system"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"assay:x": 1}, "assay:x"),
    ],
)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    """The error says where the client's request is wrong."""
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": [', b"\xff{}"])
def test_what_is_no_json_object_is_said(body: bytes) -> None:
    """Broken JSON, another value and bad UTF-8 are a client's errors."""
    with pytest.raises(RequestError, match="the body"):
        MESSAGES.read_request(body)
