"""Requests of other formats, written for Anthropic."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.dialect import WireRequest
from assay.dialects.opaque import ANTHROPIC, RESPONSES, encrypted, with_call_signature
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import RequestError
from assay.gateway.cycle import Cycle
from assay.gateway.headers import read_headers
from assay.gateway.heads import Head
from assay.gateway.resource import Resource
from assay.gateway.visit import Visit
from assay.types import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)  # fmt: skip

ANTHROPIC_HOST = Anthropic()
CHAT = OpenAIChat()
OLD, MID, NEW = "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8"
SHOWN = {"type": "adaptive", "display": "summarized"}
HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}}


def wire(request: Request, model: str = OLD, **quirks: Any) -> WireRequest:
    """What Anthropic would get."""
    return ANTHROPIC_HOST.write_request(request, model=model, stream=False, quirks=quirks)


def chat(model: str = OLD, quirks: dict[str, Any] | None = None, **fields: Any) -> tuple[dict[str, Any], set[str]]:
    """The body for a chat client's request, and what is noted."""
    said = {"model": "m", "max_tokens": 9000, "messages": HI, **fields}
    written = wire(CHAT.read_request(json.dumps(said).encode()), model, **(quirks or {}))
    return json.loads(written.body), set(written.emulated)


def turns(*messages: Message, model: str = OLD) -> list[dict[str, Any]]:
    """The turns for messages of another format."""
    request = Request(messages=messages, origin="openai", sampling=Sampling(max_tokens=9))
    return json.loads(wire(request, model).body)["messages"]


def blocks(*parts: Part, role: str = "user") -> Any:
    """The content that one message of these parts has."""
    return turns(Message(role=role, parts=parts))[0]["content"]


# ---------------------------------------------------------------------------------------------- turns


def test_answers_of_tools_are_one_turn_behind_their_calls() -> None:
    """Trap 13: chat's tool messages, and what the user says next, are one user turn, the answers first."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": ""}},
    ]
    body, _ = chat(
        tools=[TOOL],
        messages=[
            *HI,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
            {"role": "user", "content": "so?"},
        ],
    )
    _, assistant, user = body["messages"]
    assert [block["input"] for block in assistant["content"]] == [{"x": 1}, {}]
    assert user == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "content": "2"},
            {"type": "text", "text": "so?"},
        ],
    }


def test_an_error_and_an_image_of_a_tool_survive() -> None:
    """Trap 13: `is_error` and media inside a tool's answer have their places."""
    result = ToolResult(call_id="a", is_error=True, parts=(Text(text="no"), Image(data="AA==", media_type="image/jpg")))
    (block,) = blocks(result, role="tool")
    assert block["is_error"] is True
    assert [inner["type"] for inner in block["content"]] == ["text", "image"]
    assert block["content"][1]["source"]["media_type"] == "image/jpeg"


def test_the_operator_may_have_features_left_out() -> None:
    """A host without eyes: images are left out and noted, a tool's too; what has no words is refused."""
    image = Image(url="https://x/a.png")
    request = Request(
        messages=(
            Message(role="user", parts=(Text(text="a"), image)),
            Message(role="tool", parts=(ToolResult(call_id="a", parts=(Text(text="b"), image)),)),
        ),
        origin="openai",
        sampling=Sampling(max_tokens=9, seed=1),
    )
    written = wire(request, capabilities=dict.fromkeys(("image.url", "tool_result.media"), "emulate"))
    (turn,) = json.loads(written.body)["messages"]
    assert [block["type"] for block in turn["content"]] == ["tool_result", "text"]
    assert turn["content"][0]["content"] == [{"type": "text", "text": "b"}]
    assert set(written.emulated) == {"image.url", "tool_result.media", "seed"}
    assert json.loads(wire(request, capabilities={"seed": "keep"}).body)["seed"] == 1
    with pytest.raises(RequestError, match="has no words for it"):
        chat(quirks={"capabilities": {"grammar": "keep"}}, grammar="root ::= x")
    with pytest.raises(RequestError, match="quirks: thinking must be one of"):
        chat(quirks={"thinking": "deep"}, reasoning_effort="low")


def test_a_system_message_holds_only_text() -> None:
    """An image in it has no place: refused with its place."""
    with pytest.raises(RequestError, match=r"messages\[0\]\.content\[0\]: a system message"):
        turns(Message(role="system", parts=(Image(url="https://x"),)), Message.of("user", "q"))


def test_neighbours_of_one_role_are_one_turn() -> None:
    """User and assistant take turns; each message stays a block of its own."""
    said = turns(*(Message.of(role, text) for role, text in (("user", "a"), ("user", "b"), ("assistant", "c"))))
    assert [turn["role"] for turn in said] == ["user", "assistant"]
    assert [block["text"] for block in said[0]["content"]] == ["a", "b"]


def test_every_system_message_is_kept_in_order() -> None:
    """Trap 14: those in front are the system text, developer's too."""
    body, noted = chat(
        messages=[{"role": "system", "content": "one"}, {"role": "developer", "content": "two"}, *HI],
    )
    assert body["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert not noted


LATER = [
    {"role": "system", "content": "first"},
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "system", "content": "later"},
    {"role": "user", "content": "c"},
    {"role": "developer", "content": "latest"},
]


def test_later_system_messages_are_turns_where_the_model_takes_them() -> None:
    """Trap 14: one system turn at most, behind the user's, as the maker's rules want it."""
    body, noted = chat(NEW, messages=LATER)
    assert body["system"] == "first"
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "system"]
    assert [block["text"] for block in body["messages"][3]["content"]] == ["later", "latest"]
    assert not noted


def test_later_system_messages_join_the_first_on_older_models() -> None:
    """Trap 14: such a model refuses the role; nothing is lost, the order stays, and it is noted."""
    body, noted = chat(OLD, messages=LATER)
    assert [block["text"] for block in body["system"]] == ["first", "later", "latest"]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert noted == {"system.later"}


def test_a_system_message_that_no_user_follows_is_not_put_behind_the_assistant() -> None:
    """A system turn there is refused: it joins the first system text."""
    body, noted = chat(NEW, messages=LATER[:4])
    assert [block["text"] for block in body["system"]] == ["first", "later"]
    assert noted == {"system.later"}


def test_the_operator_may_overrule_what_the_model_takes() -> None:
    """A quirk of the deployment stands over what the model's name says."""
    body, noted = chat(OLD, {"capabilities": {"system.later": "keep"}}, messages=LATER)
    assert body["messages"][3]["role"] == "system"
    assert not noted


def test_what_would_be_refused_as_empty_is_left_out() -> None:
    """Empty and blank texts, messages of nothing else, and white space behind a begun answer."""
    said = turns(
        Message.of("user", ""),
        Message(role="user", parts=(Text(text="a"), Text(text=" \n"))),
        Message.of("assistant", ""),
        Message.of("assistant", "The answer is "),
    )
    assert said == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "The answer is"}]
    with pytest.raises(RequestError, match="nothing is left to send"):
        turns(Message.of("user", " "))


# -------------------------------------------------------------------------------------------- parts


def test_thinking_comes_back_before_its_call() -> None:
    """Trap 4: a chat client that keeps `reasoning_details` sends signed thinking back, each with its own text."""
    details = [
        {"type": "reasoning.text", "text": "one", "signature": "s1", "format": ANTHROPIC},
        {"type": "reasoning.encrypted", "data": "b1", "format": ANTHROPIC},
        {"type": "reasoning.text", "text": "two", "signature": "s2", "format": ANTHROPIC},
    ]
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body, noted = chat(
        tools=[TOOL],
        messages=[
            *HI,
            {"role": "assistant", "content": "ok", "reasoning_details": details, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ],
    )
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "one", "signature": "s1"},
        {"type": "redacted_thinking", "data": "b1"},
        {"type": "thinking", "thinking": "two", "signature": "s2"},
        {"type": "text", "text": "ok"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]
    assert not noted


@pytest.mark.parametrize(
    "part",
    [
        Reasoning(text="unsigned"),
        Reasoning(text="summary", opaque=(encrypted("b", RESPONSES, "rs_1"),)),
        Reasoning(opaque=({"type": "reasoning.text", "format": ANTHROPIC},)),
    ],
)
def test_reasoning_of_others_stays_away(part: Reasoning) -> None:
    """What Anthropic did not sign would be refused; it is left out, noted, and never passed off as the answer."""
    request = Request(
        messages=(Message.of("user", "q"), Message(role="assistant", parts=(part, Text(text="a")))), origin="openai"
    )
    written = wire(request)
    assert json.loads(written.body)["messages"][1] == {"role": "assistant", "content": "a"}
    assert "reasoning" in written.emulated


def test_other_makers_signatures_on_calls_stay_away() -> None:
    """Gemini's signature means nothing here, and an unknown field would be refused."""
    call = ToolCall(id="a", name="f", arguments="{}", extra=with_call_signature("g"))
    assert blocks(call, role="assistant") == [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]


def test_ids_are_made_legal_alike_for_call_and_answer() -> None:
    """Ids of other hosts are hashed, repeated ones numbered; old-style calls are linked by their names."""
    said = turns(
        Message.of("user", "q"),
        Message(role="assistant", parts=(ToolCall(id="functions.f:0", name="f"), ToolCall(id="", name="old"))),
        Message(
            role="tool",
            parts=(ToolResult(call_id="functions.f:0"), ToolResult(call_id="", name="old")),
        ),
        Message(role="assistant", parts=(ToolCall(id="functions.f:0", name="f"),)),
        Message(role="tool", parts=(ToolResult(call_id="functions.f:0"),)),
    )
    used = [block["id"] for turn in said[1::2] for block in turn["content"]]
    answered = [block["tool_use_id"] for turn in said[2::2] for block in turn["content"]]
    assert used == answered
    assert len(set(used)) == 3
    assert all(ident.replace("_", "").isalnum() and len(ident) <= 64 for ident in used)


@pytest.mark.parametrize("arguments", ['"text"', "[1]", '{"cut": '])
def test_arguments_that_are_no_object_are_named(arguments: str) -> None:
    """A broken call in the history is refused with its place, not sent as something else."""
    with pytest.raises(RequestError, match=r"messages\[0\]\.content\[0\]\.arguments must be a JSON object"):
        blocks(ToolCall(id="a", name="f", arguments=arguments), role="assistant")


def test_media_have_their_sources() -> None:
    """Trap 19: data URLs and addresses of images, PDF and text documents, however the client wrote them."""
    found = blocks(
        Image(data="AA==", media_type="image/png", detail="high"),
        Image(url="https://x/a.png"),
        Document(data="data:application/pdf;base64,JVBERi0=", name="a.pdf"),
        Document(data="JVBERi0xLjQ="),
        Document(data="eyJhIjogMX0=", media_type="application/json; charset=utf-8"),
        Document(url="https://x/a.pdf"),
    )
    assert [block["source"] for block in found] == [
        {"type": "base64", "media_type": "image/png", "data": "AA=="},
        {"type": "url", "url": "https://x/a.png"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="},
        {"type": "text", "media_type": "text/plain", "data": '{"a": 1}'},
        {"type": "url", "url": "https://x/a.pdf"},
    ]
    assert found[2]["title"] == "a.pdf"


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Audio(data="AA==", format="wav"), "no model hears"),
        (Video(url="https://x"), "no model sees videos"),
        (Document(file_id="file-1"), "another provider"),
        (Document(data="AA==", media_type="application/msword"), "application/msword"),
        (Document(data="AA==", name="a.bin"), "unnamed type"),
        (Document(data="/w==", media_type="text/csv"), "not UTF-8"),
        (Image(data="AA=="), "media type"),
        (Unknown(dialect="gemini", raw={}), "'gemini'"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_place(part: Part, reason: str) -> None:
    """No file is dropped: the error names the message, the part and why."""
    with pytest.raises(RequestError, match=reason) as caught:
        blocks(part)
    assert caught.value.field == "messages[0].content[0]"


def test_refusals_and_traces_of_other_providers() -> None:
    """Trap 10: a refusal of an earlier turn is a text here; what other providers' tools did is left out. Noted."""
    message = Message(role="assistant", parts=(Unknown(dialect="openai-responses", raw={}), Refusal(text="I won't.")))
    written = wire(Request(messages=(Message.of("user", "q"), message), origin="openai-responses"))
    assert json.loads(written.body)["messages"][1]["content"] == "I won't."
    assert {"refusal", "tools.native"} <= set(written.emulated)


def test_cache_control_of_a_chat_goes_along() -> None:
    """Chat clients mark what is to be cached as OpenRouter made it known; other hints are left out and noted."""
    part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}, "x": 1}
    body, noted = chat(messages=[{"role": "user", "content": [part]}])
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}},
    ]
    assert noted == {"x"}


# --------------------------------------------------------------------------------------------- tools


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
        ({"parallel_tool_calls": True}, None),
    ],
)
def test_choices_of_tools(fields: dict[str, Any], choice: dict[str, Any] | None) -> None:
    """Trap 12: each mode has its word, and one call at a time stands inside the choice."""
    body, _ = chat(tools=[TOOL], **fields)
    assert body.get("tool_choice") == choice


def test_a_choice_of_several_tools_sends_only_these() -> None:
    """A limit to some tools cannot be said: the others are not sent, so that they cannot be called; noted."""
    tools = [{"type": "function", "function": {"name": name}} for name in "fgh"]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": name}} for name in "fg"]}
    body, noted = chat(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]
    assert body["tools"][0]["input_schema"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == {"type": "any"}
    assert noted == {"tool_choice.allowed"}


def test_tools_of_another_provider_are_refused() -> None:
    """A web search that runs at OpenAI does not run here."""
    with pytest.raises(RequestError, match=r"tools\[0\].*another provider"):
        chat(tools=[{"type": "web_search_preview"}])


def test_strict_tools_are_told_where_the_model_holds_schemas() -> None:
    """Older models know no such field: left out and noted."""
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    assert chat(OLD, tools=[strict])[0]["tools"][0]["strict"] is True
    body, noted = chat("claude-3-7-sonnet-20250219", tools=[strict])
    assert "strict" not in body["tools"][0]
    assert noted == {"tools.strict"}


# ------------------------------------------------------------------------------------------- settings


def test_a_limit_is_always_sent() -> None:
    """Trap 15: the request's, else the catalogue's for the model, else a large one that is noted."""
    assert chat(max_tokens=7)[0]["max_tokens"] == 7
    assert chat(max_tokens=None, max_completion_tokens=8)[0]["max_tokens"] == 8
    body, noted = chat(quirks={"default_max_tokens": 64000}, max_tokens=None)
    assert (body["max_tokens"], noted) == (64000, set())
    body, noted = chat(max_tokens=None)
    assert (body["max_tokens"], noted) == (32000, {"max_tokens"})


SCHEMA = {
    "type": "object",
    "$schema": "x",
    "properties": {
        "age": {"type": "integer", "minimum": 0, "description": "Years."},
        "tags": {"type": "array", "items": {"oneOf": [{"type": "string", "maxLength": 3}]}, "minItems": 1},
    },
}


def test_a_schema_is_asked_for_in_the_words_that_are_held() -> None:
    """Trap 16: `output_config.format`; what the host cannot hold is told the model in words, and noted."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    body, noted = chat(response_format=form)
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": 'Years. {"minimum":0}'},
                "tags": {
                    "type": "array",
                    "items": {"anyOf": [{"type": "string", "description": '{"maxLength":3}'}]},
                    "minItems": 1,
                },
            },
            "additionalProperties": False,
        },
    }
    assert noted == {"json_schema"}


def test_a_host_that_holds_no_schema_is_asked_in_words() -> None:
    """Trap 16: never dropped silently: it stands behind the system text, and is noted."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    system = {"role": "system", "content": "Be brief."}
    body, noted = chat("claude-3-5-haiku-latest", response_format=form, messages=[system, *HI])
    assert "output_config" not in body
    assert body["system"][0]["text"] == "Be brief."
    assert '{"type":"object"}' in body["system"][1]["text"]
    assert noted == {"json_schema"}
    with pytest.raises(RequestError, match="response_format"):
        chat(quirks={"capabilities": {"json_schema": "reject"}}, response_format=form)


def test_neutral_values_are_no_features() -> None:
    """One answer, no penalties, no log-probabilities: that is what Anthropic gives anyway."""
    body, noted = chat(
        n=1, frequency_penalty=0, presence_penalty=0, logprobs=False, logit_bias={}, response_format={"type": "text"}
    )
    assert body == {"model": OLD, "max_tokens": 9000, "messages": HI}
    assert not noted


def test_log_probabilities_are_left_out_and_told() -> None:
    """The answer is the same without them: a client that reads the header knows why there are none."""
    body, noted = chat(logprobs=True, top_logprobs=3)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert noted == {"logprobs"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"n": 2}, "n"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"temperature": 1.5}, "temperature"),
        ({"grammar": "root ::= x"}, "grammar"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"web_search_options": {}}, "web_search_options"),
    ],
)
def test_what_changes_the_answer_and_cannot_be_said_is_refused(fields: dict[str, Any], field: str) -> None:
    """The error names the client's field."""
    with pytest.raises(RequestError) as caught:
        chat(**fields)
    assert caught.value.field == field


def test_what_changes_no_answer_is_left_out_and_noted() -> None:
    """Seeds are best effort, some JSON is asked for in the prompt, hints are hints, names and detail have no place."""
    image = {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}}
    body, noted = chat(
        seed=1,
        store=True,
        response_format={"type": "json_object"},
        messages=[{"role": "user", "name": "ann", "content": [image]}],
    )
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert noted == {"seed", "store", "json", "message.name", "image.detail"}


def test_the_user_is_told() -> None:
    """A chat's `user` is the user id here."""
    body, noted = chat(user="u1")
    assert body["metadata"] == {"user_id": "u1"}
    assert not noted


@pytest.mark.parametrize(
    ("model", "effort", "quirks", "sent"),
    [
        (NEW, "high", {}, {"thinking": SHOWN, "output_config": {"effort": "high"}}),
        (NEW, "minimal", {}, {"thinking": SHOWN, "output_config": {"effort": "low"}}),
        (MID, "max", {}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        (NEW, "none", {}, {"thinking": {"type": "disabled"}}),
        (OLD, "medium", {}, {"thinking": {"type": "enabled", "budget_tokens": 4500}}),
        (OLD, "minimal", {}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("kimi-k2", "low", {}, {"thinking": {"type": "enabled", "budget_tokens": 1800}}),
        ("kimi-k2", "low", {"thinking": "none"}, {}),
        (OLD, "low", {"thinking": "adaptive"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (OLD, "low", {"capabilities": {"reasoning_effort": "emulate"}}, {}),
    ],
)
def test_an_effort_is_told_as_the_model_takes_it(
    model: str, effort: str, quirks: dict[str, Any], sent: dict[str, Any]
) -> None:
    """New models decide themselves and are told an effort; old ones get a budget, a share of the limit."""
    body, noted = chat(model, quirks, reasoning_effort=effort)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == sent
    exact = effort not in ("minimal",) or model == OLD
    assert noted == (set() if sent and exact else {"reasoning_effort"})


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 1024},
        {"tool_choice": "required"},
        {"temperature": 0.2},
        {"top_k": 5},
        {"top_p": 0.5},
        {
            "messages": [
                *HI,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "a", "content": "1"},
            ]
        },
    ],
)
def test_a_budget_is_left_out_where_it_would_be_refused(fields: dict[str, Any]) -> None:
    """Trap 4: without room, with a forced call or sampling, in a loop whose thinking the client has dropped; noted."""
    body, noted = chat(OLD, tools=[TOOL], reasoning_effort="high", **fields)
    assert "thinking" not in body
    assert noted == {"reasoning_effort"}


def test_an_effort_stays_where_thinking_would_be_refused() -> None:
    """An adaptive model takes the effort beside a forced call or a temperature, only no thinking; noted."""
    for fields in ({"tool_choice": "required", "tools": [TOOL]}, {"temperature": 0.2}):
        body, noted = chat(MID, reasoning_effort="low", **fields)
        assert "thinking" not in body
        assert body["output_config"] == {"effort": "low"}
        assert noted == {"reasoning_effort"}


def test_a_model_that_draws_by_itself_is_not_told_how() -> None:
    """New models refuse each of the settings: left out, and noted where they would have changed something."""
    body, noted = chat(NEW, temperature=0.2, top_p=0.5, top_k=3)
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert noted == {"temperature", "top_p", "top_k"}
    body, noted = chat(NEW, temperature=1, top_p=1)
    assert not {"temperature", "top_p"} & body.keys()
    assert not noted
    own = {"model": "m", "max_tokens": 9, "messages": HI, "temperature": 0.2, "top_p": 0.5}
    sent = json.loads(wire(ANTHROPIC_HOST.read_request(json.dumps(own).encode()), NEW).body)
    assert (sent["temperature"], sent["top_p"]) == (0.2, 0.5)


@pytest.mark.parametrize(
    ("model", "top_p", "sent", "noted"),
    [
        (OLD, 0.5, {"temperature": 0.2}, {"top_p"}),
        (OLD, 1, {"temperature": 0.2}, set()),
        ("claude-3-haiku-20240307", 0.5, {"temperature": 0.2, "top_p": 0.5}, set()),
        ("kimi-k2", 0.5, {"temperature": 0.2, "top_p": 0.5}, set()),
    ],
)
def test_a_model_that_takes_one_sampler_is_told_the_temperature(
    model: str, top_p: float, sent: dict[str, float], noted: set[str]
) -> None:
    """Both together are refused since 4.1: the temperature stays; noted where that changes something."""
    body, told = chat(model, temperature=0.2, top_p=top_p)
    assert {key: body[key] for key in ("temperature", "top_p") if key in body} == sent
    assert told == noted


def test_thinking_that_a_chat_asks_for_in_our_words_is_taken() -> None:
    """LiteLLM's clients write `thinking` as Anthropic does; another shape of it is not guessed at."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    assert chat(thinking=thinking)[0]["thinking"] == thinking
    with pytest.raises(RequestError, match="thinking"):
        chat(thinking={"type": "enabled"})


def test_other_forms_of_requests_are_refused() -> None:
    """There are no raw completions and no embeddings here."""
    with pytest.raises(RequestError, match="'completion'"):
        wire(Request(form="completion", prompt="Once"))
    with pytest.raises(RequestError, match="'embedding'"):
        wire(Request(form="embedding", inputs=("a",)))


def test_a_choice_that_a_deployment_adds_to_a_clients_own_words_is_translated() -> None:
    """An effort from the deployment's settings is no word of the client's: it is told as the model takes it."""
    body = json.dumps({"model": "m", "max_tokens": 9000, "messages": HI}).encode()
    request = msgspec.structs.replace(ANTHROPIC_HOST.read_request(body), sampling=Sampling(reasoning_effort="low"))
    sent = json.loads(wire(request, NEW).body)
    assert sent["output_config"] == {"effort": "low"}


def test_a_prompt_between_a_clients_own_turns_takes_turns() -> None:
    """A deployment's examples stand before what the client said: answers of its tools are one turn, too."""
    request = ANTHROPIC_HOST.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": [*HI, *HI]}).encode())
    examples = (
        Message.of("user", "example"),
        Message(role="assistant", parts=(ToolCall(id="a", name="f"), ToolCall(id="b", name="f"))),
        Message(role="tool", parts=(ToolResult(call_id="a"),)),
        Message(role="tool", parts=(ToolResult(call_id="b"),)),
    )
    sent = json.loads(wire(msgspec.structs.replace(request, messages=(*examples, *request.messages))).body)["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user", "user", "user"]
    assert [block["tool_use_id"] for block in sent[2]["content"]] == ["a", "b"]


def test_a_clients_headers_go_along_when_its_request_is_written_anew() -> None:
    """Betas and the version belong to what the client said; another format's client has none."""
    request = ANTHROPIC_HOST.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": HI}).encode())
    head = Head("POST", Resource.of(b"/messages"), {b"anthropic-beta": b"b1", b"x-other": b"x"})
    visit = Visit(cast(Cycle, None), head)
    written = wire(msgspec.structs.replace(read_headers(visit, request, ANTHROPIC_HOST), native=None))
    assert written.headers == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "b1",
    }
    assert b"assay:" not in written.body
    other = Head("POST", head.resource, {b"x-other": b"x"})
    for one, beta in ((head, "b1"), (other, None), (head, "b1")):  # many requests may have one head
        native = read_headers(Visit(cast(Cycle, None), one), request, ANTHROPIC_HOST).native
        assert native is not None
        assert native.headers.get("anthropic-beta") == beta


def test_the_key_and_the_headers() -> None:
    """The key stands in `x-api-key`, and the version of the format is always said."""
    assert ANTHROPIC_HOST.auth("k") == {"x-api-key": "k"}
    assert wire(Request(messages=(Message.of("user", "q"),))).headers["anthropic-version"] == "2023-06-01"
