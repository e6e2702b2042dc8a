"""Requests of OpenAI's Responses: read, and written for a host of the same format."""

import json
from typing import Any

import pytest

from assay.dialects.opaque import ANTHROPIC, RESPONSES, encrypted, signed
from assay.dialects.responses import Responses
from assay.errors import RequestError
from assay.types import (
    Audio,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Unknown,
)  # fmt: skip

RESPONSES_DIALECT = Responses()
USER = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}


def read(**fields: Any) -> Request:
    """A client's request."""
    return RESPONSES_DIALECT.read_request(json.dumps({"model": "m", **fields}).encode())


def written(request: Request, **quirks: Any) -> dict[str, Any]:
    """What a host gets."""
    wire = RESPONSES_DIALECT.write_request(request, model="m", stream=request.stream, quirks=quirks)
    return json.loads(wire.body)


def items(*entries: dict[str, Any]) -> tuple[Message, ...]:
    """The messages of a list of items."""
    return read(input=list(entries)).messages


CONVERSATION: list[dict[str, Any]] = [
    {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
    {"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "look", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_image", "file_id": "file_1", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_video_of_tomorrow", "x": 1},
    ]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"},
     {"type": "summary_text", "text": "b"}], "encrypted_content": "BLOB"},
    {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "commentary",
     "content": [{"type": "output_text", "text": "yes", "annotations": [
         {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 3}]},
         {"type": "refusal", "refusal": "no"}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
    {"type": "function_call", "call_id": "c2", "name": "g", "arguments": '{"a":1}'},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c3", "name": "sh", "input": "ls"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "function_call_output", "call_id": "c1", "output": "plain", "status": "completed"},
    {"type": "function_call_output", "call_id": "c2", "output": [
        {"type": "input_text", "text": "t"}, {"type": "input_image", "image_url": "https://x/i.png"}]},
    {"type": "custom_tool_call_output", "call_id": "c3", "output": "file"},
    {"type": "item_reference", "id": "msg_0"},
    {"role": "assistant", "content": "done"},
    {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
    {"type": "reasoning", "id": "rs_3", "summary": []},
    {"role": "assistant", "content": [{"type": "output_text", "text": "", "annotations": []}]},
    {"type": "message", "role": "user", "content": "bye"},
]  # fmt: skip


def test_a_conversation_is_written_back_as_it_came() -> None:
    """Each item keeps its border, id, status, phase and form, also those that only this format knows."""
    assert written(read(input=CONVERSATION))["input"] == CONVERSATION


@pytest.mark.parametrize("fields", [
    {"input": "hi"},
    {"input": "hi", "instructions": "Be brief."},
    {"input": [USER], "tools": [FUNCTION, {"type": "web_search", "search_context_size": "low"}], "tool_choice": "none"},
    {"input": [USER], "tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}},
    {"input": [USER], "tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "mode": "auto",
                                                           "tools": [{"type": "function", "name": "f"}]}},
    {"input": [USER], "tools": [{"type": "mcp", "server_label": "s"}], "tool_choice": {"type": "mcp",
                                                                                      "server_label": "s"}},
    {"input": [USER], "tools": [], "parallel_tool_calls": False},
    {"input": [USER], "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"},
                                          "strict": True, "description": "d"}, "verbosity": "low"}},
    {"input": [USER], "text": {"format": {"type": "json_object"}}},
    {"input": [USER], "text": {"format": {"type": "of_tomorrow", "x": 1}}},
    {"input": [USER], "reasoning": {"effort": "high", "summary": "auto", "mode": "pro"}},
    {"input": [USER], "reasoning": {"effort": "low", "summary": None}},
    {"input": [USER], "max_output_tokens": 5, "temperature": 0.5, "top_p": 1, "top_logprobs": 3,
     "include": ["message.output_text.logprobs", "web_search_call.action.sources"]},
    {"input": [USER], "store": False, "background": False, "truncation": "disabled", "top_logprobs": 0},
    {"input": [USER], "previous_response_id": "resp_1", "background": True, "metadata": {"a": "b"}},
    {"prompt": {"id": "pmpt_1"}, "user": "u", "stream_options": {"include_obfuscation": False}},
    {"input": [USER], "stream": True, "of_tomorrow": {"x": 1}},
])  # fmt: skip
def test_a_request_is_written_back_as_it_came(fields: dict[str, Any]) -> None:
    """What is read is written alike, with what no field of ours holds."""
    assert written(read(**fields)) == {"model": "m", **fields}


def test_instructions_are_the_first_system_message() -> None:
    """Other formats are told of them as of any system message."""
    first, second = read(input="hi", instructions="Be brief.").messages
    assert (first.role, first.text, second.role, second.text) == ("system", "Be brief.", "user", "hi")


def test_what_the_assistant_said_in_a_row_is_one_message() -> None:
    """Other formats want the reasoning, the text and the calls of one turn in one message."""
    roles = [message.role for message in items(*CONVERSATION)]
    assert roles == ["developer", "user", "assistant", "tool", "tool", "tool", "user", "assistant", "user"]
    turn = items(*CONVERSATION)[2]
    kinds = [type(part) for part in turn.parts]
    assert kinds == [Reasoning, Reasoning, Text, Refusal, ToolCall, ToolCall, ToolCall, Unknown]


def test_parts_are_read_as_what_they_are() -> None:
    """Images, files and sounds have classes; an unknown part stays verbatim."""
    parts = items(*CONVERSATION)[1].parts
    assert [type(part) for part in parts] == [Text, Image, Image, Document, Document, Audio, Unknown]
    assert parts[1] == Image(data="AA==", media_type="image/png", detail="low")


def test_reasoning_is_read_with_its_blob() -> None:
    """Trap 5: each text is reasoning, never text; the encrypted content belongs to the last."""
    first, second = items(CONVERSATION[2])[0].parts
    assert first == Reasoning(text="a")
    assert second == Reasoning(text="b", opaque=(encrypted("BLOB", RESPONSES, "rs_1"),))


def test_a_blob_of_another_maker_is_that_makers() -> None:
    """A client that keeps `format` gives a signature of Anthropic back as one."""
    item = {"type": "reasoning", "id": "rs_assay_1", "summary": [{"type": "summary_text", "text": "a"}],
            "encrypted_content": "SIG", "format": "anthropic-claude-v1"}  # fmt: skip
    (part,) = items(item)[0].parts
    assert part == Reasoning(text="a", opaque=(signed("SIG", ANTHROPIC),))


def test_reasoning_of_others_is_not_sent_to_a_host() -> None:
    """An item that we numbered is left out, and such a request does not go as raw bytes; a real item stays."""
    foreign = {"type": "reasoning", "id": "rs_assay_1", "summary": [], "encrypted_content": "SIG"}
    request = read(input=[USER, foreign, {"role": "assistant", "content": "a"}, USER])
    wire = RESPONSES_DIALECT.write_request(request, model="m", stream=False, quirks={})
    assert request.native is None
    assert [item.get("type") for item in json.loads(wire.body)["input"]] == [None, None, None]
    assert wire.emulated == ("reasoning",)


def test_a_signature_on_a_call_is_kept_and_not_sent_to_a_host() -> None:
    """Trap 3: Gemini's signature comes back on the call; only Gemini gets it."""
    google = {"google": {"thought_signature": "S"}}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "extra_content": google}
    request = read(input=[USER, call])
    (part,) = request.messages[1].parts
    assert isinstance(part, ToolCall)
    assert part.extra == {"extra_content": google}
    assert "extra_content" not in written(request)["input"][1]
    assert request.native is None


def test_native_bytes_and_origin_are_kept() -> None:
    """The client's bytes may pass to an upstream of the same format with only the model's name exchanged."""
    body = b'{"input": "hi",  "model":"route", "stream":true}'
    request = RESPONSES_DIALECT.read_request(body)
    assert request.origin == "openai-responses"
    assert request.native is not None
    wire = RESPONSES_DIALECT.pass_request(request.native, model="m", quirks={})
    assert (wire.path, wire.body) == ("/responses", b'{"input": "hi",  "model":"m", "stream":true}')


def test_choices_and_formats_are_read_in_our_words() -> None:
    """Modes, names and schemas are what the other formats' writers go by."""
    request = read(input="hi", tools=[FUNCTION], tool_choice={"type": "function", "name": "f"},
                   text={"format": {"type": "json_schema", "name": "n", "schema": {}}})  # fmt: skip
    assert request.tools == (Tool(name="f", parameters={"type": "object"}, strict=True),)
    assert request.tool_choice == ToolChoice(mode="required", names=("f",))
    assert request.output == OutputFormat(kind="json_schema", name="n", schema={})


def test_log_probabilities_are_asked_for_by_include() -> None:
    """`include` and `top_logprobs` are our two settings."""
    sampling = read(input="hi", top_logprobs=2, include=["message.output_text.logprobs"]).sampling
    assert (sampling.logprobs, sampling.top_logprobs) == (True, 2)


def test_a_tools_answer_is_a_message_of_role_tool() -> None:
    """A string is one text, a list its parts."""
    first, second = items(
        {"type": "function_call_output", "call_id": "a", "output": "x"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_image", "image_url": "https://i"}]},
    )
    assert first == Message(role="tool", parts=(ToolResult(call_id="a", parts=(Text(text="x"),)),))
    (result,) = second.parts
    assert isinstance(result, ToolResult)
    assert result.parts == (Image(url="https://i"),)


@pytest.mark.parametrize(("fields", "field"), [
    ({}, "input"),
    ({"input": 5}, "input"),
    ({"input": []}, "input"),
    ({"input": [{"role": "critic", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": {"a": 1}}]}, "input[0].output"),
    ({"input": [{"type": "function_call_output", "call_id": "c",
                 "output": [{"type": "refusal", "refusal": "x"}]}]}, "input[0].output"),
    ({"input": [{"type": "reasoning", "summary": [{"type": "summary_text"}]}]}, "input[0].summary[0].text"),
    ({"input": [{"type": 7}]}, "input[0].type"),
    ({"input": [{"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": [
        {}, {"type": ["url_citation"]}]}]}]}, "input[0].content[0].annotations[1].type"),
    ({"input": ["x"]}, "input[0]"),
    ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
    ({"input": "x", "tool_choice": "maybe"}, "tool_choice"),
    ({"input": "x", "tool_choice": {"type": "allowed_tools", "mode": "none", "tools": []}}, "tool_choice.mode"),
    ({"input": "x", "text": {"format": {}}}, "text.format.type"),
    ({"input": "x", "reasoning": {"effort": 3}}, "reasoning.effort"),
    ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
    ({"input": "x", "temperature": "hot"}, "temperature"),
    ({"input": "x", "stream": "yes"}, "stream"),
    ({"input": [{"role": "user", "content": "x", "assay:items": []}]}, "input[0].assay:items"),
])  # fmt: skip
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    """A client's mistake is told with the path of the field."""
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.field == field


def test_marks_that_do_not_fit_are_not_used() -> None:
    """A deployment's prompt may change a turn; its items are then made from the parts alone."""
    request = read(input=[USER, *CONVERSATION[2:6]])
    turn = request.messages[1]
    changed = Message(role="assistant", parts=turn.parts[2:], extra=turn.extra)
    kinds = [item["type"] if "type" in item else item["role"] for item in written(
        Request(messages=(changed,), origin="openai-responses"))["input"]]  # fmt: skip
    assert kinds == ["assistant", "function_call", "function_call"]


@pytest.mark.parametrize("kind", [["url_citation"], {"a": []}, 7])
def test_a_note_of_no_type_by_another_format_is_left_out_and_noted(kind: object) -> None:
    """A client of chat completions may hand any JSON back as a note: it is no mistake of ours."""
    said = Message(role="assistant", parts=(Text(text="x", annotations=({"type": kind, "url": [1]},)),))
    wire = RESPONSES_DIALECT.write_request(
        Request(messages=(said,), origin="openai"), model="m", stream=False, quirks={}
    )
    assert "citations" in wire.emulated
    assert b"annotations" not in wire.body


@pytest.mark.parametrize("include", [5, "logprobs", {}, True])
def test_include_must_be_a_list(include: object) -> None:
    """It is looked into when the request is written anew, and may hold anything but must be a list."""
    with pytest.raises(RequestError, match="include must be a list"):
        read(input="hi", include=include)
