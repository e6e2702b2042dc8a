"""Requests of other formats, written for hosts of OpenAI's Responses."""

import json
from typing import Any

import pytest

from assay.dialects.dialect import WireRequest
from assay.dialects.opaque import ANTHROPIC, RESPONSES, encrypted, signed, with_call_signature
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.dialects.sse import Parser
from assay.dialects.unfold import events_of
from assay.errors import RequestError
from assay.types import (
    Audio,
    Document,
    Finish,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)  # fmt: skip

RESPONSES_DIALECT = Responses()
USER = Message.of("user", "hi")


def sent(
    *messages: Message, origin: str = "anthropic", quirks: dict[str, Any] | None = None, **fields: Any
) -> WireRequest:
    """What a host gets of a request that another format's client said."""
    request = Request(messages=messages or (USER,), origin=origin, **fields)
    return RESPONSES_DIALECT.write_request(request, model="m", stream=False, quirks=quirks or {})


def body(wire: WireRequest) -> dict[str, Any]:
    """The JSON of a request."""
    return json.loads(wire.body)


def answer(*parts: Part) -> Message:
    """What the assistant said."""
    return Message(role="assistant", parts=parts)


def chat(**fields: Any) -> WireRequest:
    """What a host gets of a chat completion request."""
    request = OpenAIChat().read_request(json.dumps({"model": "r", **fields}).encode())
    return RESPONSES_DIALECT.write_request(request, model="m", stream=False, quirks={})


def test_system_messages_stay_where_they_are() -> None:
    """Trap 14: several, of both roles, and later ones are kept in order."""
    wire = body(sent(Message.of("system", "a"), Message.of("developer", "b"), USER, Message.of("system", "c"), USER))
    assert [item["role"] for item in wire["input"]] == ["system", "developer", "user", "system", "user"]
    assert wire["input"][0] == {"role": "system", "content": "a"}


def test_a_turn_with_calls_becomes_items_in_order() -> None:
    """Text, call and result keep their order and their link; the call's arguments are verbatim."""
    wire = body(sent(
        USER, answer(Text(text="let me see"), ToolCall(id="c1", name="f", arguments='{"a": 1}')),
        Message(role="tool", parts=(ToolResult(call_id="c1", parts=(Text(text="42"),)),)),
    ))  # fmt: skip
    assert wire["input"][1:] == [
        {"role": "assistant", "content": "let me see"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
    ]


def test_a_function_is_not_strict_unless_it_was_said() -> None:
    """A function without `strict` is strict in this format and in no other, so that it is said."""
    tools = (Tool(name="f", parameters={}), Tool(name="g", parameters={}, strict=True))
    wire = body(sent(tools=tools, tool_choice=ToolChoice(mode="required", names=("f",))))
    assert [tool["strict"] for tool in wire["tools"]] == [False, True]
    assert wire["tool_choice"] == {"type": "function", "name": "f"}


@pytest.mark.parametrize(("choice", "want"), [
    (ToolChoice(mode="auto"), "auto"),
    (ToolChoice(mode="none"), "none"),
    (ToolChoice(mode="required"), "required"),
    (ToolChoice(mode="auto", names=("f",)), {"type": "allowed_tools", "mode": "auto",
                                             "tools": [{"type": "function", "name": "f"}]}),
])  # fmt: skip
def test_each_choice_of_tools_is_kept(choice: ToolChoice, want: Any) -> None:
    """Trap 12: every mode has a word here, and at most one call at a time too."""
    wire = body(sent(tools=(Tool(name="f"),), tool_choice=choice, parallel_tool_calls=False))
    assert (wire["tool_choice"], wire["parallel_tool_calls"]) == (want, False)


def test_reasoning_of_this_format_is_sent_before_its_call() -> None:
    """Trap 5: a blob that OpenAI made goes back as a reasoning item, never as text, and more are asked for."""
    blob = encrypted("BLOB", RESPONSES, "rs_1")
    wire = body(sent(USER, answer(Reasoning(text="hm", opaque=(blob,)), ToolCall(id="c", name="f", arguments="{}"))))
    assert wire["input"][1] == {
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "BLOB",
    }  # fmt: skip
    assert wire["input"][2]["type"] == "function_call"
    assert wire["include"] == ["reasoning.encrypted_content"]


def test_a_blob_that_came_twice_is_sent_once() -> None:
    """A stream may have told a client of the blob of one item twice: the last word counts."""
    blobs = (encrypted("A", RESPONSES, "rs_1"), encrypted("B", RESPONSES, "rs_1"))
    wire = body(sent(USER, answer(Reasoning(text="hm", opaque=blobs), Text(text="x"))))
    assert [item.get("encrypted_content") for item in wire["input"]] == [None, "B", None]


def test_reasoning_of_others_is_left_out_and_noted() -> None:
    """Traps 3, 4 and 5: a signature goes to its maker only, and reasoning is never written as text."""
    call = ToolCall(id="c", name="f", arguments="{}", extra=with_call_signature("S"))
    wire = sent(USER, answer(Reasoning(text="hm", opaque=(signed("S", ANTHROPIC),)), Text(text="x"), call))
    assert body(wire)["input"][1:] == [
        {"role": "assistant", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    assert wire.emulated == ("reasoning",)


def test_nothing_is_stored_for_who_brings_the_whole_conversation() -> None:
    """A client of another format cannot refer to what the provider keeps, so that nothing is kept."""
    assert body(sent())["store"] is False
    assert "include" not in body(sent())


def test_reasoning_comes_along_where_it_is_asked_for() -> None:
    """Models that do not reason refuse to be asked for blobs; a request with an effort is for one that does."""
    asked = Sampling(reasoning_effort="high")
    assert body(sent(sampling=asked))["reasoning"] == {"effort": "high"}
    assert body(sent(sampling=asked))["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(sent(sampling=asked, quirks={"encrypted_reasoning": False}))
    assert "include" in body(sent(quirks={"encrypted_reasoning": True}))


def test_what_chat_calls_alike_is_kept() -> None:
    """Fields that mean the same in both of OpenAI's formats are no foreign words."""
    wire = chat(messages=[{"role": "user", "content": "hi"}], user="u", store=True, verbosity="low",
                metadata={"a": "b"}, max_completion_tokens=9, reasoning_effort="low")  # fmt: skip
    sent_body = body(wire)
    assert (sent_body["user"], sent_body["store"], sent_body["metadata"]) == ("u", True, {"a": "b"})
    assert (sent_body["text"], sent_body["max_output_tokens"]) == ({"verbosity": "low"}, 9)
    assert wire.emulated == ()


def test_tools_of_free_text_are_flat_here() -> None:
    """A chat client's custom tool, its call and its result keep their form, without the nesting."""
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}
    wire = body(chat(
        tools=[{"type": "custom", "custom": {"name": "sh", "format": grammar}}],
        tool_choice={"type": "custom", "custom": {"name": "sh"}},
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None,
             "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "a.txt"},
        ],
    ))  # fmt: skip
    assert wire["tools"] == [
        {"type": "custom", "name": "sh", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}}
    ]
    assert wire["tool_choice"] == {"type": "custom", "name": "sh"}
    assert wire["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "a.txt"},
    ]


def test_old_function_calls_get_an_id() -> None:
    """Chat's old form has no ids; a call and the answer that follows it get the same one."""
    wire = body(chat(messages=[
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]))  # fmt: skip
    assert [item["call_id"] for item in wire["input"][1:]] == ["call_1", "call_1"]


def test_an_id_that_is_too_long_is_shortened_alike_in_call_and_result() -> None:
    """The format takes ids of 64 characters; the link must hold."""
    long = "c" * 80
    wire = body(sent(
        USER, answer(ToolCall(id=long, name="f", arguments="{}")),
        Message(role="tool", parts=(ToolResult(call_id=long, parts=(Text(text="1"),)),)),
    ))  # fmt: skip
    first, second = (item["call_id"] for item in wire["input"][1:])
    assert first == second
    assert len(first) <= 64


def test_media_are_written_in_this_formats_words() -> None:
    """Trap 19: data become data URLs, addresses and ids stay; a tool's answer may hold images."""
    said = Message(role="user", parts=(
        Image(data="AA", media_type="image/png", detail="high"), Image(url="https://x/i.png"),
        Document(data="AA", media_type="application/pdf"), Document(url="https://x/d.pdf"), Document(file_id="f1"),
    ))  # fmt: skip
    shown = ToolResult(call_id="c", parts=(Text(text="see"), Image(url="https://x/i.png")))
    wire = body(sent(said, answer(ToolCall(id="c", name="f", arguments="{}")), Message(role="tool", parts=(shown,))))
    assert wire["input"][0]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "high"},
        {"type": "input_image", "image_url": "https://x/i.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "file"},
        {"type": "input_file", "file_url": "https://x/d.pdf"},
        {"type": "input_file", "file_id": "f1"},
    ]
    assert [part["type"] for part in wire["input"][2]["output"]] == ["input_text", "input_image"]


def test_refusals_and_citations_of_earlier_turns() -> None:
    """Trap 10: a refusal goes back as one; notes that only another format knows are left out and noted."""
    note = {"type": "char_location", "cited_text": "x", "document_index": 0}
    wire = sent(USER, answer(Text(text="a", annotations=(note,))), USER, answer(Refusal(text="no")))
    assert body(wire)["input"][1] == {"role": "assistant", "content": "a"}
    assert body(wire)["input"][3]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert wire.emulated == ("citations",)


def test_the_form_of_the_answer_is_kept() -> None:
    """Trap 16: a schema is sent, flat; without a name it gets one, since the format demands it."""
    wire = body(sent(output=OutputFormat(kind="json_schema", schema={"type": "object"}, strict=True)))
    assert wire["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}
    }
    assert body(sent(output=OutputFormat(kind="json")))["text"] == {"format": {"type": "json_object"}}


def test_log_probabilities_are_asked_for_in_this_formats_words() -> None:
    """Our two settings are an `include` and a number."""
    wire = body(sent(sampling=Sampling(logprobs=True, top_logprobs=2)))
    assert (wire["include"], wire["top_logprobs"]) == (["message.output_text.logprobs"], 2)


def test_neutral_settings_are_left_out_without_a_word() -> None:
    """Trap 15 and others: what asks for nothing is not refused; a limit has another name."""
    wire = sent(sampling=Sampling(n=1, frequency_penalty=0, presence_penalty=0.0, logit_bias={}, max_tokens=7))
    assert {key: value for key, value in body(wire).items() if key not in ("model", "input", "store")} == {
        "max_output_tokens": 7
    }
    assert wire.emulated == ()


@pytest.mark.parametrize("sampling", [
    Sampling(n=2), Sampling(top_k=4), Sampling(frequency_penalty=0.5),
    Sampling(presence_penalty=-1), Sampling(logit_bias={"1": 3}),
])  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(sampling: Sampling) -> None:
    """A setting that changes the answer is never dropped; a host that takes it can say so."""
    (name,) = (key for key in Sampling.__struct_fields__ if getattr(sampling, key))
    with pytest.raises(RequestError) as caught:
        sent(sampling=sampling)
    assert caught.value.field == name
    assert name in body(sent(sampling=sampling, quirks={"capabilities": {name: "keep"}}))
    assert sent(sampling=sampling, quirks={"ignore": [name]}).emulated == (name,)


def test_stop_texts_are_left_to_the_gateway() -> None:
    """The host is not told of them; the note makes the gateway cut the answer."""
    wire = sent(sampling=Sampling(stop=("x",)))
    assert "stop" not in body(wire)
    assert wire.emulated == ("stop",)


def test_what_promises_nothing_is_left_out_and_noted() -> None:
    """A seed, the mark of a tool's error and a speaker's name have no place here and are told so."""
    failed = Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="boom"),), is_error=True),))
    wire = sent(
        Message(role="user", parts=(Text(text="hi"),), name="ann"), answer(ToolCall(id="c", name="f", arguments="{}")),
        failed, sampling=Sampling(seed=0),
    )  # fmt: skip
    assert body(wire)["input"][2]["output"] == "boom"
    assert wire.emulated == ("message.name", "tool_result.error", "seed")


@pytest.mark.parametrize(("fields", "field"), [
    ({"output": OutputFormat(kind="grammar", grammar="g")}, "grammar"),
    ({"tools": (Tool(name="web_search", native={"type": "web_search_20250305"}),)}, "tools[0]"),
    ({"form": "completion", "prompt": "p"}, "prompt"),
    ({"form": "embedding", "inputs": ("p",)}, "input"),
    ({"messages": (Message(role="user", parts=(Audio(data="AA", format="wav"),)),)}, "messages[0].content[0]"),
    ({"messages": (Message(role="user", parts=(Unknown(dialect="anthropic", raw={"type": "x"}),)),)},
     "messages[0].content[0]"),
    ({"messages": (Message(role="tool", parts=(Text(text="x"),)),)}, "messages[0]"),
    ({"extra": {"mcp_servers": [1]}}, "mcp_servers"),
])  # fmt: skip
def test_what_no_host_can_be_told_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    """The error names the client's field."""
    request = Request(**{"messages": (USER,), "origin": "anthropic"} | fields)
    with pytest.raises(RequestError) as caught:
        RESPONSES_DIALECT.write_request(request, model="m", stream=False, quirks={})
    assert caught.value.field == field


def test_a_count_asks_with_what_counts() -> None:
    """Counting has a path of its own, which takes no settings of the answer."""
    wire = sent(form="count", sampling=Sampling(max_tokens=5, temperature=0.5), tools=(Tool(name="f"),))
    assert wire.path == "/responses/input_tokens"
    assert body(wire).keys() == {"model", "input", "tools"}


def test_a_stream_is_asked_for_without_options() -> None:
    """Trap 7: usage comes in the last event without asking; `stream_options` would be refused."""
    request = Request(messages=(USER,), origin="openai", stream=True)
    wire = RESPONSES_DIALECT.write_request(request, model="m", stream=True, quirks={})
    assert body(wire)["stream"] is True
    assert "stream_options" not in body(wire)


PATCH = {"type": "custom", "name": "patch", "description": "Edits files.",
         "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}  # fmt: skip
PATCHED = [
    {"role": "user", "content": "hi"},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "patch", "input": 'a "b"\n'},
    {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
]


def test_a_tool_of_free_text_is_a_function_elsewhere() -> None:
    """Coding tools offer such tools: for hosts of other formats it is a function of one text, and noted."""
    body_ = {"model": "r", "input": PATCHED, "tools": [PATCH], "tool_choice": {"type": "custom", "name": "patch"}}
    request = RESPONSES_DIALECT.read_request(json.dumps(body_).encode())
    wire = OpenAIChat().write_request(request, model="m", stream=False, quirks={})
    told = json.loads(wire.body)
    function = told["tools"][0]["function"]
    assert (told["tools"][0]["type"], list(function["parameters"]["properties"])) == ("function", ["input"])
    assert function["description"].startswith("Edits files.")
    assert "start: x" in function["description"]
    assert told["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    arguments = told["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"input": 'a "b"\n'}
    assert told["messages"][2]["content"] == "done"
    assert "tools.custom" in wire.emulated
    own = RESPONSES_DIALECT.write_request(request, model="m", stream=False, quirks={})
    assert json.loads(own.body) == body_ | {"model": "m"}


@pytest.mark.parametrize(
    ("arguments", "want"), [('{"input":"a\\nb"}', "a\nb"), ("a\nb", "a\nb"), ('{"x":1}', '{"x":1}')]
)
def test_the_functions_call_is_the_tools_call_for_the_client(arguments: str, want: str) -> None:
    """The client sees the tool that it offered, in stream and whole answer; odd arguments are the text."""
    request = RESPONSES_DIALECT.read_request(json.dumps({"model": "r", "input": "x", "tools": [PATCH]}).encode())
    call = ToolCall(id="c", name="patch", arguments=arguments)
    answered = Response(parts=(call,), finish=Finish(kind="tool_calls"))
    whole = json.loads(RESPONSES_DIALECT.write_response(answered, request))["output"][0]
    assert (whole["type"], whole["input"], whole["call_id"]) == ("custom_tool_call", want, "c")
    encoder = RESPONSES_DIALECT.encoder(request)
    data = b"".join(encoder.encode(event) for event in events_of(answered)) + encoder.close()
    told = [json.loads(event.data) for event in Parser().feed(data)]
    assert [one["delta"] for one in told if one["type"] == "response.custom_tool_call_input.delta"] == [want]
    assert told[-1]["response"]["output"][0]["input"] == want
