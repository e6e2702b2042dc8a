"""Requests of other formats, written for hosts of chat completions."""

import base64
import json
from typing import Any

import pytest

from assay.dialects.dialect import WireRequest
from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, signed, with_call_signature
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import RequestError
from assay.types import (
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
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
)  # fmt: skip

CHAT = OpenAIChat()
USER = Message.of("user", "hi")
TOOL = Tool(name="f", parameters={"type": "object"})
PICTURE = Image(data="AA", media_type="image/png")
PICTURE_WIRE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def sent(
    *messages: Message, origin: str = "anthropic", quirks: dict[str, Any] | None = None, **fields: Any
) -> WireRequest:
    """What a host gets of a request that another format's client said."""
    request = Request(messages=messages or (USER,), origin=origin, **fields)
    return CHAT.write_request(request, model="m", stream=False, quirks=quirks or {})


def body(wire: WireRequest) -> dict[str, Any]:
    """The JSON of a request."""
    return json.loads(wire.body)


def answer(*parts: Part) -> Message:
    """A turn of the assistant."""
    return Message(role="assistant", parts=parts)


def results(*parts: ToolResult) -> Message:
    """Tools' answers in one turn."""
    return Message(role="tool", parts=parts)


def test_a_tools_error_is_told_without_its_mark() -> None:
    """Trap 13: the text of an error survives; that the mark is gone is noted."""
    wire = sent(USER, results(ToolResult(call_id="a", parts=(Text(text="boom"),), is_error=True)))
    assert body(wire)["messages"][1] == {"role": "tool", "content": "boom", "tool_call_id": "a"}
    assert wire.emulated == ("tool_result.error",)


def test_a_tools_images_follow_its_turn() -> None:
    """Trap 13: images of tools' answers stand in one user message behind all of them, before what comes next."""
    first = ToolResult(call_id="a", parts=(PICTURE,))
    second = ToolResult(call_id="b", parts=(Text(text="two"), PICTURE))
    wire = sent(USER, results(first), results(second), Message.of("user", "and?"))
    told = body(wire)["messages"][1:]
    assert [message["role"] for message in told] == ["tool", "tool", "user", "user"]
    assert (told[0]["content"], told[1]["content"]) == ("The result is in the user message below.", "two")
    assert told[2]["content"] == [PICTURE_WIRE, PICTURE_WIRE]
    assert wire.emulated == ("tool_result.media",)


def test_a_client_of_this_format_keeps_its_images_where_they_are() -> None:
    """What a chat client puts into a tool message its host is expected to know."""
    wire = sent(results(ToolResult(call_id="a", parts=(PICTURE,))), origin="openai")
    assert body(wire)["messages"][0]["content"] == [PICTURE_WIRE]


def test_hints_of_other_formats_are_left_out_and_noted() -> None:
    """`cache_control` on texts, tools and at the top changes no answer."""
    hint = {"cache_control": {"type": "ephemeral"}}
    system = Message(role="system", parts=(Text(text="s", extra=hint),))
    wire = sent(system, USER, tools=(Tool(name="f", extra=hint),), extra=hint)
    assert b"cache_control" not in wire.body
    assert wire.emulated == ("cache_control",)


def test_a_field_that_changes_the_answer_is_refused_by_name() -> None:
    """A top-level field that only the client's format has is no silent loss."""
    with pytest.raises(RequestError, match="container") as caught:
        sent(extra={"container": "c1"})
    assert caught.value.field == "container"


def test_own_names_of_items_say_nothing() -> None:
    """Ids and states of another format's items are not worth a note."""
    wire = sent(USER, answer(ToolCall(id="a", name="f", arguments="{}", extra={"id": "fc_1", "status": "completed"})))
    assert body(wire)["messages"][1]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    assert wire.emulated == ()


def test_traces_of_tools_of_another_provider_are_left_out_of_the_history() -> None:
    """What came of a search stands in the answer's text; the search itself is nothing this host can read."""
    trace = Unknown(dialect="anthropic", raw={"type": "server_tool_use"})
    wire = sent(USER, answer(trace, Text(text="found")), USER)
    assert body(wire)["messages"][1] == {"role": "assistant", "content": "found"}
    assert wire.emulated == ("tools.native",)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tools": (Tool(name="web_search", native={"type": "web_search_20250305"}),)}, "tools[0]"),
        ({"output": OutputFormat(kind="grammar", grammar="g")}, "grammar"),
        ({"messages": (Message(role="user", parts=(Document(url="https://x/a.pdf"),)),)}, "messages[0].content[0]"),
        (
            {"messages": (Message(role="user", parts=(Unknown(dialect="anthropic", raw={}),)),)},
            "messages[0].content[0]",
        ),
    ],
)
def test_what_no_emulation_helps_with_is_refused(fields: dict[str, Any], field: str) -> None:
    """Another provider's tool, an unknown part of a question, a file by its URL: the error names the field."""
    messages = fields.pop("messages", (USER,))
    with pytest.raises(RequestError) as caught:
        sent(*messages, **fields)
    assert caught.value.field == field


def test_reasoning_of_another_maker_stays_out() -> None:
    """Trap 4, 5: a signed thought goes to nobody but its maker, and never becomes the answer's text."""
    turn = answer(Reasoning(text="hm", opaque=(signed("s", ANTHROPIC),)), Text(text="x"))
    wire = sent(USER, turn, USER)
    assert body(wire)["messages"][1] == {"role": "assistant", "content": "x"}
    assert wire.emulated == ("reasoning",)
    unsigned = sent(USER, answer(Reasoning(text="hm"), Text(text="x")), USER)
    assert b"hm" not in unsigned.body
    assert unsigned.emulated == ("reasoning",)


def test_reasoning_goes_where_the_host_takes_it() -> None:
    """A host may have a field for the text, or give signatures back to their makers."""
    plain = answer(Reasoning(text="hm"), Text(text="x"))
    wire = sent(USER, plain, USER, quirks={"reasoning_field": "reasoning_content"})
    assert body(wire)["messages"][1]["reasoning_content"] == "hm"
    turn = answer(Reasoning(text="hm", opaque=(signed("s", ANTHROPIC),)), Text(text="x"))
    relayed = sent(USER, turn, USER, quirks={"reasoning_field": "reasoning", "reasoning_details": True})
    assert body(relayed)["messages"][1]["reasoning"] == "hm"
    assert body(relayed)["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.text", "signature": "s", "format": ANTHROPIC, "text": "hm"}
    ]
    assert (wire.emulated, relayed.emulated) == ((), ())


def test_a_chat_client_sends_signatures_back_to_their_makers_only() -> None:
    """What this client kept for us of a third provider's answer does not reach the host, text included."""
    details = [{**signed("s", ANTHROPIC), "text": "hm"}]
    message = {"role": "assistant", "content": "x", "reasoning_content": "hm", "reasoning_details": details}
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message["tool_calls"] = [call | with_call_signature("g")]
    request = CHAT.read_request(json.dumps({"model": "m", "messages": [message]}).encode())
    wire = CHAT.write_request(request, model="m", stream=False, quirks={})
    assert body(wire)["messages"] == [{"role": "assistant", "content": "x", "tool_calls": [call]}]
    assert wire.emulated == ("reasoning",)
    kept = CHAT.write_request(request, model="m", stream=False, quirks={"reasoning_details": True})
    assert body(kept)["messages"] == [message]


def test_several_thoughts_come_back_as_the_parts_they_were() -> None:
    """Trap 3, 4, 5: each signature with its own text, a blob with its summary, Gemini's behind the answer's text."""
    thoughts = (
        Reasoning(text="one", opaque=(signed("s1", ANTHROPIC),)),
        Reasoning(opaque=(encrypted("e", ANTHROPIC),)),
        Reasoning(text="two", opaque=(signed("s2", ANTHROPIC),)),
        Reasoning(text="sum", opaque=(encrypted("r", RESPONSES, "rs_1"),)),
    )
    turn = answer(*thoughts, Text(text="x"), Reasoning(opaque=(encrypted("g", GEMINI),)))
    wire = sent(USER, turn, USER, quirks={"reasoning_details": True})
    parts = CHAT.read_request(wire.body).messages[1].parts
    assert [part.text for part in parts if isinstance(part, Reasoning | Text)] == ["one", "", "two", "sum", "x", ""]
    blobs = [
        [entry.get("signature") or entry.get("data") for entry in p.opaque] for p in parts if isinstance(p, Reasoning)
    ]
    assert blobs == [["s1"], ["e"], ["s2"], [None, "r"], ["g"]]


def test_a_blob_that_was_told_anew_comes_back_once() -> None:
    """Trap 5: of two blobs for one item the last counts, at the first one's place."""
    details = [encrypted(data, RESPONSES, ident) for data, ident in (("a", "rs_1"), ("b", "rs_2"), ("c", "rs_1"))]
    message = {"role": "assistant", "content": "x", "reasoning_details": details}
    parts = CHAT.read_request(json.dumps({"model": "m", "messages": [message]}).encode()).messages[0].parts
    blobs = [entry for part in parts if isinstance(part, Reasoning) for entry in part.opaque]
    assert [(blob["id"], blob["data"]) for blob in blobs] == [("rs_1", "c"), ("rs_2", "b")]


def test_the_beginning_of_an_answer() -> None:
    """A host with a field for it continues the last message; of any other it is noted that it will not."""
    begun = answer(Text(text="Dear"))
    assert sent(USER, begun).emulated == ("prefill",)
    wire = sent(USER, begun, quirks={"prefill_field": "prefix"})
    assert body(wire)["messages"][1] == {"role": "assistant", "content": "Dear", "prefix": True}
    assert wire.emulated == ()


def test_ids_of_calls_fit_the_host() -> None:
    """A call and its result get the same short id, the same on each turn; ids that fit stay."""
    long = "call_" + "x" * 60
    turns = (USER, answer(ToolCall(id=long, name="f"), ToolCall(id="abcdefgh1", name="f")))
    turns += (results(ToolResult(call_id=long), ToolResult(call_id="abcdefgh1")),)
    for quirks, length in (({"call_id_length": 9}, 9), ({"longest_call_id": 40}, 32)):
        wire = body(sent(*turns, quirks=quirks))["messages"]
        first, second = (call["id"] for call in wire[1]["tool_calls"])
        assert len(first) == length
        assert first.isalnum()
        assert second == "abcdefgh1"
        assert [wire[2]["tool_call_id"], wire[3]["tool_call_id"]] == [first, second]
    assert body(sent(*turns))["messages"][1]["tool_calls"][0]["id"] == long


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """Anthropic's empty input becomes the JSON that hosts parse."""
    wire = sent(USER, answer(ToolCall(id="a", name="f")))
    assert body(wire)["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_what_is_said_about_no_tools_is_left_out() -> None:
    """Anthropic allows a tool_choice without tools; hosts of this format refuse it."""
    wire = sent(tool_choice=ToolChoice(mode="none", native={"type": "none"}), parallel_tool_calls=False)
    assert body(wire).keys() == {"model", "messages"}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice(mode="required", native={"type": "any"}), "required"),
        (
            ToolChoice(mode="required", names=("f",), native={"type": "tool", "name": "f"}),
            {"type": "function", "function": {"name": "f"}},
        ),
        (ToolChoice(mode="none"), "none"),
    ],
)
def test_tool_choices(choice: ToolChoice, wire: Any) -> None:
    """Trap 12: any = required, a named tool, none; at most one call is a flag of its own."""
    got = body(sent(tools=(TOOL,), tool_choice=choice, parallel_tool_calls=False))
    assert got["tool_choice"] == wire
    assert got["parallel_tool_calls"] is False


def test_later_system_messages_keep_their_place() -> None:
    """Trap 14: each system message stays where it is; a host that takes none there gets it as a user's."""
    turns = (Message.of("system", "a"), USER, Message.of("developer", "b"))
    assert [m["role"] for m in body(sent(*turns))["messages"]] == ["system", "user", "developer"]
    wire = sent(*turns, quirks={"capabilities": {"system.later": "emulate"}})
    assert [m["role"] for m in body(wire)["messages"]] == ["system", "user", "user"]
    assert wire.emulated == ("system.later",)


@pytest.mark.parametrize(
    ("fields", "feature", "absent"),
    [
        ({"tools": (Tool(name="f", strict=True),)}, "tools.strict", "strict"),
        ({"output": OutputFormat(kind="json_schema", schema={}, strict=True)}, "json_schema.strict", "strict"),
        ({"output": OutputFormat(kind="json")}, "json", "response_format"),
        ({"tools": (TOOL,)}, "tools", "tools"),
        ({"tools": (TOOL,), "tool_choice": ToolChoice(mode="none")}, "tool_choice.none", "tools"),
        ({"tools": (TOOL,), "parallel_tool_calls": False}, "parallel_tool_calls", "parallel_tool_calls"),
        ({"sampling": Sampling(seed=1)}, "seed", "seed"),
        ({"sampling": Sampling(stop=("x",))}, "stop", "stop"),
        ({"sampling": Sampling(max_tokens=1)}, "max_tokens", "max_tokens"),
        ({"sampling": Sampling(logprobs=True, top_logprobs=2)}, "logprobs", "logprobs"),
        ({"messages": (Message(role="user", name="n", parts=USER.parts),)}, "message.name", "name"),
        ({"messages": (Message(role="user", parts=(Text(text="a"), PICTURE)),)}, "image.data", "image_url"),
    ],
)
def test_what_an_operator_gives_leave_for_is_left_out(fields: dict[str, Any], feature: str, absent: str) -> None:
    """`ignore` leaves a feature out and has it noted; `capabilities` refuses it by name."""
    messages = fields.pop("messages", (USER,))
    quirks: dict[str, Any] = {"capabilities": {feature: "reject"}}
    with pytest.raises(RequestError):
        sent(*messages, **fields, quirks=quirks)
    wire = sent(*messages, **fields, quirks=quirks | {"ignore": [feature]})
    assert f'"{absent}"'.encode() not in wire.body
    assert wire.emulated == (feature,)


def test_a_limit_of_tokens_to_draw_from() -> None:
    """A host without `top_k` draws from all of them, which is noted; 1 of them is temperature 0."""
    some, one = sent(sampling=Sampling(top_k=4, temperature=0.7)), sent(sampling=Sampling(top_k=1, temperature=0.7))
    assert body(some)["temperature"] == 0.7
    assert body(one)["temperature"] == 0
    assert some.emulated == one.emulated == ("top_k",)
    assert body(sent(sampling=Sampling(top_k=4), quirks={"top_k": True}))["top_k"] == 4


def test_settings_that_change_nothing_are_not_said_to_a_host_without_them() -> None:
    """One answer, a penalty of 0 and the like fit every host."""
    neutral = Sampling(n=1, frequency_penalty=0, presence_penalty=0, logprobs=False, logit_bias={})
    names = ("n", "frequency_penalty", "presence_penalty", "logprobs", "logit_bias")
    rejects = {
        "capabilities": dict.fromkeys(names, "reject") | {"tools.strict": "reject", "parallel_tool_calls": "reject"}
    }
    wire = sent(sampling=neutral, tools=(Tool(name="f", strict=False),), parallel_tool_calls=True, quirks=rejects)
    assert body(wire).keys() == {"model", "messages", "tools"}
    assert wire.emulated == ()


def test_a_refusal_of_an_earlier_turn() -> None:
    """A host without refusals is told the words."""
    turn = answer(Refusal(text="no"))
    assert body(sent(USER, turn, USER))["messages"][1] == {"role": "assistant", "content": None, "refusal": "no"}
    wire = sent(USER, turn, USER, quirks={"capabilities": {"refusal": "emulate"}})
    assert body(wire)["messages"][1] == {"role": "assistant", "content": "no"}


def test_files() -> None:
    """A document's data becomes a data URL, an id stays an id, citations of earlier texts stay out."""
    parts = (
        Document(data="AA", media_type="application/pdf", name="a.pdf", extra={"context": "c"}),
        Document(file_id="f"),
    )
    noted = Text(text="x", annotations=({"type": "char_location"},))
    wire = sent(Message(role="user", parts=parts), answer(noted), USER)
    assert body(wire)["messages"][0]["content"] == [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "f"}},
    ]
    assert body(wire)["messages"][1] == {"role": "assistant", "content": "x"}
    assert wire.emulated == ("context", "citations")


def test_files_of_plain_text_become_text() -> None:
    """Every host reads text; one that is not UTF-8 stays a file."""
    text = Document(data=base64.b64encode("grüße".encode()).decode(), media_type="text/plain", name="a.txt")
    odd = Document(data=base64.b64encode(b"\xff").decode(), media_type="text/plain")
    wire = sent(Message(role="user", parts=(text, odd)))
    first, second = body(wire)["messages"][0]["content"]
    assert first == {"type": "text", "text": "a.txt\n\ngrüße"}
    assert second["type"] == "file"
    assert wire.emulated == ("document.data",)


@pytest.mark.parametrize(
    "quirks", [{"capabilities": {"sed": "reject"}}, {"ignore": ["sed"]}, {"capabilities": {"n": "x"}}]
)
def test_wrong_quirks_are_told(quirks: dict[str, Any]) -> None:
    """A feature or a verdict that there is not is an error, not a quirk that does nothing."""
    with pytest.raises(RequestError, match="quirks"):
        sent(quirks=quirks)
