"""Chat completion requests, both directions."""

import json
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace
from wire_strategies import chat_requests

from assay.dialects.openai_chat import OpenAIChat
from assay.errors import RequestError
from assay.types import (
    Audio,
    Document,
    Image,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
    Video,
)  # fmt: skip

CHAT = OpenAIChat()
ALL = {"top_k": True, "grammar": True, "reasoning_details": True}
USER = {"role": "user", "content": "hi"}


def read(**fields: Any) -> Request:
    """A request with one user message and `fields`."""
    return CHAT.read_request(json.dumps({"model": "m", "messages": [USER], **fields}).encode())


def write(request: Request, *, stream: bool = False, **quirks: Any) -> dict[str, Any]:
    """The body that a host would get."""
    return json.loads(CHAT.write_request(request, model="m", stream=stream, quirks=quirks).body)


def parts(*content: dict[str, Any]) -> tuple[Any, ...]:
    """The parts that a user's content list is read as; checks that they are written back alike."""
    request = read(messages=[{"role": "user", "content": list(content)}])
    assert write(request)["messages"][0]["content"] == list(content)
    return request.messages[0].parts


def kept(**fields: Any) -> Request:
    """The request read from `fields`; checks that it is written back alike."""
    request = read(**fields)
    assert write(request, **ALL) == {"model": "m", "messages": [USER], **fields}
    return request


def message(wire: dict[str, Any]) -> Message:
    """The message read from `wire`; checks that it is written back alike."""
    request = read(messages=[wire])
    assert write(request, **ALL)["messages"] == [wire]
    return request.messages[0]


@given(chat_requests)
def test_read_of_write_is_the_request(request: Request) -> None:
    """What we write we read back as the same value."""
    wire = CHAT.write_request(request, model=request.model, stream=False, quirks=ALL)
    assert wire.path == "/chat/completions"
    assert wire.headers == {"content-type": "application/json"}
    assert CHAT.read_request(wire.body) == replace(
        request, native=Native(dialect="openai", raw=wire.body), origin="openai"
    )


def test_raw_bytes_are_kept() -> None:
    """The client's own bytes are there for pass-through."""
    body = b'{"model":"m", "messages":[{"role":"user","content":"hi"}]}'
    assert CHAT.read_request(body).native == Native(dialect="openai", raw=body)


def test_system_and_developer_messages_keep_their_order() -> None:
    """Trap 14: several of them, anywhere, stay where they are."""
    wire = [{"role": role, "content": role} for role in ("system", "developer", "user", "system")]
    request = read(messages=wire)
    assert [m.role for m in request.messages] == ["system", "developer", "user", "system"]
    assert write(request)["messages"] == wire


def test_developer_role_quirk() -> None:
    """A host without the developer role gets a system message."""
    request = read(messages=[{"role": "developer", "content": "x"}])
    assert write(request, developer_role=False)["messages"] == [{"role": "system", "content": "x"}]


def test_images() -> None:
    """Trap 19: URLs stay URLs, base64 data URLs become data, Mistral's bare string is written back as one."""
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    remote = {"type": "image_url", "image_url": {"url": "https://x/y.png", "x": 1}, "cache_control": {"type": "e"}}
    bare = {"type": "image_url", "image_url": "https://x/y.png"}
    odd = {"type": "image_url", "image_url": {"url": "data:,plain"}}
    assert parts(inline, remote, bare, odd) == (
        Image(data="AAAA", media_type="image/png", detail="low"),
        Image(url="https://x/y.png", extra={"cache_control": {"type": "e"}, "image_url": {"x": 1}}),
        Image(url="https://x/y.png", extra={"assay:form": "string"}),
        Image(url="data:,plain"),
    )


def test_sound_files_and_videos() -> None:
    """Audio, file and video parts have their classes."""
    assert parts(
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "input_audio", "input_audio": "AA"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "document_url", "document_url": "https://x/a.pdf", "document_name": "a"},
        {"type": "video_url", "video_url": {"url": "https://x/v"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}},
        {"type": "video_url", "video_url": "https://x/v"},
    ) == (
        Audio(data="AA", format="wav"),
        Audio(data="AA", format="", extra={"assay:form": "string"}),
        Document(data="data:application/pdf;base64,AA", name="a.pdf"),
        Document(file_id="f1"),
        Document(url="https://x/a.pdf", name="a", extra={"assay:form": "document_url"}),
        Video(url="https://x/v"),
        Video(data="AA", media_type="video/mp4"),
        Video(url="https://x/v", extra={"assay:form": "string"}),
    )


def test_unknown_parts_stay_verbatim() -> None:
    """A part of a new type is kept and sent on."""
    assert parts({"type": "hologram", "x": [1]}) == (Unknown(dialect="openai", raw={"type": "hologram", "x": [1]}),)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "x"}]}, "a list of one text stays a list"),
        ({"role": "user", "content": []}, "an empty list stays"),
        ({"role": "assistant", "content": None}, "a null stays"),
        ({"role": "assistant"}, "absent content stays absent"),
        ({"role": "assistant", "content": "x", "refusal": None, "annotations": []}, "nulls and empties stay"),
        ({"role": "assistant", "content": "x", "prefix": True, "audio": {"id": "a"}}, "unknown fields stay"),
        ({"role": "assistant", "content": "", "reasoning_content": ""}, "empty texts stay"),
        ({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]}, "a result's list stays"),
        ({"role": "function", "name": "f", "content": None}, "an old function result stays"),
    ],
)
def test_forms_of_messages_are_written_back(wire: dict[str, Any], expected: str) -> None:
    """Two ways of saying the same are told apart, so that the same dialect gets the client's own."""
    assert message(wire).role in ("user", "assistant", "tool"), expected


def test_tool_calls_and_results() -> None:
    """Calls, custom calls, results with and without parts, and legacy calls."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "raw"}}
    signed = {**call, "extra_content": {"google": {"thought_signature": "s"}}}
    read_back = message({"role": "assistant", "content": None, "tool_calls": [call, custom, signed]})
    assert read_back.parts == (
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
        ToolCall(id="c2", name="g", arguments="raw", extra={"type": "custom"}),
        ToolCall(id="c1", name="f", arguments='{"a": 1}', extra={"extra_content": signed["extra_content"]}),
    )
    result = message({"role": "tool", "tool_call_id": "c1", "content": "42", "name": "f"})
    assert result.parts == (ToolResult(call_id="c1", parts=(Text(text="42"),), name="f"),)
    old = message({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert old.parts == (ToolCall(id="", name="f", arguments="{}", extra={"assay:function_call": True}),)


def test_several_results_in_one_message_become_several_messages() -> None:
    """Other dialects put all results of a turn into one message."""
    results = tuple(ToolResult(call_id=ident, parts=(Text(text=ident),)) for ident in "ab")
    wire = write(Request(messages=(Message(role="tool", parts=results),)))["messages"]
    assert wire == [{"role": "tool", "content": i, "tool_call_id": i} for i in "ab"]


def test_reasoning_is_sent_back_as_it_came() -> None:
    """Reasoning text keeps its field's name, signatures stay whole, Mistral's chunks keep their place."""
    details = [{"type": "reasoning.text", "text": "t", "signature": "s", "index": 0}]
    first = message({"role": "assistant", "content": "x", "reasoning": "t", "reasoning_details": details})
    assert first.parts == (Reasoning(text="t", opaque=tuple(details)), Text(text="x"))
    assert message({"role": "assistant", "content": "x", "reasoning_content": "t"}).parts[0] == Reasoning(text="t")
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "t"}], "closed": True}
    chunks = message({"role": "assistant", "content": [thinking, {"type": "text", "text": "x"}]})
    assert chunks.parts[0] == Reasoning(text="t", extra={"assay:form": "thinking", "closed": True})
    odd = message({"role": "assistant", "content": [{"type": "thinking", "thinking": ["?"]}]})
    assert isinstance(odd.parts[0], Unknown)


def test_refusals() -> None:
    """A refusal may be a field or a part, and stays what it was."""
    assert message({"role": "assistant", "content": None, "refusal": "no"}).parts == (Refusal(text="no"),)
    assert message({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}).parts == (
        Refusal(text="no", extra={"assay:form": "part"}),
    )


def test_tools() -> None:
    """Functions become tools; a host's own tools are kept verbatim."""
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "x": 1}
    request = kept(tools=[{"type": "function", "function": function, "y": 2}, {"type": "web_search", "size": 1}])
    assert request.tools == (
        Tool(
            name="f", description="d", parameters={"type": "object"}, strict=True, extra={"y": 2, "function": {"x": 1}}
        ),
        Tool(name="web_search", native={"type": "web_search", "size": 1}),
    )
    custom = kept(tools=[{"type": "custom", "custom": {"name": "g"}}])
    assert custom.tools[0].name == "g"


def test_tool_choices() -> None:
    """Every form of the choice is understood and written back."""
    named = {"type": "function", "function": {"name": "f"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
    custom = {"type": "custom", "custom": {"name": "g"}}
    assert kept(tool_choice="auto").tool_choice == ToolChoice(mode="auto")
    assert kept(tool_choice="none").tool_choice == ToolChoice(mode="none")
    assert kept(tool_choice="required").tool_choice == ToolChoice(mode="required")
    assert kept(tool_choice="any").tool_choice == ToolChoice(mode="required", native={"assay:literal": "any"})
    assert kept(tool_choice=named).tool_choice == ToolChoice(mode="required", names=("f",))
    assert kept(tool_choice=allowed).tool_choice == ToolChoice(mode="auto", names=("f",), native=allowed)
    assert kept(tool_choice=custom).tool_choice == ToolChoice(mode="required", names=("g",), native=custom)


def test_choices_of_other_dialects_are_expressed() -> None:
    """A limit to several names becomes `allowed_tools`; a foreign native form is not copied."""
    choice = ToolChoice(mode="required", names=("a", "b"), native={"type": "any"})
    wire = write(Request(messages=(Message.of("user", "x"),), tool_choice=choice))["tool_choice"]
    assert [tool["function"]["name"] for tool in wire["allowed_tools"]["tools"]] == ["a", "b"]
    with pytest.raises(RequestError, match="tool_choice none"):
        write(Request(messages=(Message.of("user", "x"),), tool_choice=ToolChoice(mode="none", names=("a",))))


def test_output_formats() -> None:
    """Text, JSON, a schema, a grammar; what a host invented is kept."""
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d", "x": 1}
    assert kept(response_format={"type": "text"}).output == OutputFormat(kind="text")
    assert kept(response_format={"type": "json_object"}).output == OutputFormat(kind="json")
    assert kept(response_format={"type": "json_object", "schema": {}}).output == OutputFormat(kind="json", schema={})
    assert kept(response_format={"type": "json_schema", "json_schema": schema}).output == OutputFormat(
        kind="json_schema",
        name="n",
        schema={"type": "object"},
        strict=True,
        description="d",
        extra={"json_schema": {"x": 1}},
    )
    assert kept(grammar="root ::= x").output == OutputFormat(kind="grammar", grammar="root ::= x")
    assert kept(response_format={"type": "regex", "pattern": "x"}).output is None


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(output=OutputFormat(kind="grammar", grammar="g")), "grammar"),
        (Request(sampling=Sampling(top_k=3)), "top_k"),
        (Request(prompt="x"), "prompt"),
        (Request(suffix="x"), "suffix"),
        (Request(form="completion", prompt="x"), "prompt"),
        (Request(extra={"tier": {}}, origin="other"), "tier"),
        (Request(messages=(Message(role="user", parts=(ToolCall(id="a", name="b"),)),)), "messages[0]"),
        (Request(messages=(Message(role="user", parts=(Document(url="https://x"),)),)), "messages[0].content[0]"),
        (Request(messages=(Message(role="user", parts=(Image(data="AA"),)),)), "messages[0].content[0]"),
        (
            Request(messages=(Message(role="user", parts=(Unknown(dialect="other", raw={}),)),)),
            "messages[0].content[0]",
        ),
        (Request(messages=(Message.of("tool", "x"),)), "messages[0]"),
        (Request(messages=(Message(role="assistant", parts=(ToolResult(call_id="a"),)),)), "messages[0]"),
        (Request(form="count", messages=(Message.of("user", "x"),)), "messages"),
        (Request(form="embedding"), "input"),
        (Request(messages=(Message(role="user", parts=(Text(text="x", annotations=({},)),)),)), "messages[0]"),
        (Request(tools=(Tool(name="t", native={"google_search": {}}),)), "tools[0]"),
    ],
)
def test_what_cannot_be_said_is_refused(request_: Request, field: str) -> None:
    """Nothing is dropped silently: the error names the field."""
    with pytest.raises(RequestError) as caught:
        write(request_)
    assert caught.value.field == field


def test_the_limit_of_tokens_keeps_its_name() -> None:
    """Trap 15: the client's name is remembered; a quirk of the host decides otherwise."""
    old, new = read(max_tokens=5), read(max_completion_tokens=6)
    assert (old.sampling.max_tokens, new.sampling.max_tokens) == (5, 6)
    assert write(old)["max_tokens"] == 5
    assert write(new)["max_completion_tokens"] == 6
    assert write(old, max_tokens_field="max_completion_tokens")["max_completion_tokens"] == 5
    assert "max_tokens" not in write(old, max_tokens_field="max_completion_tokens")
    assert write(new, max_tokens_field="max_tokens")["max_tokens"] == 6
    assert kept(max_tokens=4, max_completion_tokens=6).sampling.max_tokens == 6


def test_streams() -> None:
    """A stream asks for usage, keeps other options, and a quirk leaves the options out."""
    request = read(stream=True, stream_options={"include_usage": False, "include_obfuscation": False})
    assert (request.stream, request.stream_usage) == (True, False)
    assert write(request, stream=True)["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in write(request, stream=False)
    assert write(read(stream=True), stream=True, stream_options=False) == {
        "model": "m",
        "messages": [USER],
        "stream": True,
    }
    with pytest.raises(RequestError, match="stream_options"):
        write(request, stream=True, stream_options=False)
    assert read(stream=True, stream_options={"include_usage": True}).stream_usage


def test_the_effort_as_openrouter_has_it() -> None:
    """An object with an effort alone is the effort; with more in it, it stays what it is."""
    request = kept(reasoning={"effort": "low"})
    assert request.sampling.reasoning_effort == "low"
    assert kept(reasoning={"effort": "low", "exclude": True}).sampling.reasoning_effort is None
    assert kept(reasoning={"max_tokens": 9}).sampling.reasoning_effort is None


def test_everything_else_is_kept() -> None:
    """Legacy functions, stop forms, nulls and unknown fields come out as they went in."""
    kept(functions=[{"name": "f"}], function_call="auto", user="u", metadata={"a": 1}, temperature=None, top_k=4)
    assert kept(stop="x").sampling.stop == ("x",)
    assert kept(stop=["x"]).sampling.stop == ("x",)
    kept(stop=[], n=2, seed=1, logit_bias={"5": -100}, logprobs=True, top_logprobs=2, reasoning_effort="low")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [USER, {"content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "x"}]}]},
            "messages[0].content",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages[0].tool_calls[0].function"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "x"}]}]},
            "messages[0].tool_calls[0].type",
        ),
        ({"messages": [{**USER, "assay:content": "parts"}]}, "messages[0].assay:content"),
        ({"model": 5}, "model"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"stop": [1]}, "stop"),
        ({"logit_bias": {"5": "x"}}, "logit_bias"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x"}}}, "tool_choice.allowed_tools.mode"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], field: str) -> None:
    """A client is told the path of the field that is wrong."""
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.field == field
    assert field in str(caught.value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "word"),
    [(b"{", "JSON"), (b"[]", "object"), (b'{"model":"\xff"}', "UTF-8"), (b"", "JSON"), (b"[" * 100_000, "deep")],
    ids=["cut", "list", "bytes", "empty", "deep"],
)
def test_bodies_that_cannot_be_read(body: bytes, word: str) -> None:
    """Not JSON, not UTF-8, no object, too deep: each is told apart."""
    with pytest.raises(RequestError, match=word):
        CHAT.read_request(body)


def test_annotations_of_an_answer_go_back_with_it() -> None:
    """A history made of our own answers keeps its citations, beside the content."""
    note = {"type": "url_citation", "url": "u"}
    answer = Message(role="assistant", parts=(Text(text="x", annotations=(note,)),))
    assert write(Request(messages=(answer,)))["messages"][0]["annotations"] == [note]


def test_the_name_of_a_tool_may_stand_on_the_message() -> None:
    """The name of the result counts, else that of its message."""
    results = (ToolResult(call_id="a", parts=(Text(text="x"),)), ToolResult(call_id="b", name="g"))
    wire = write(Request(origin="openai", messages=(Message(role="tool", name="f", parts=results),)))["messages"]
    assert [(entry["name"], entry["content"]) for entry in wire] == [("f", "x"), ("g", "")]
