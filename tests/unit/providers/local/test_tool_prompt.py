"""Requests with tools as a small model gets them."""

import json
from typing import Any

import msgspec
import pytest

from assay.errors import BadRequest
from assay.providers.local.tool_prompt import MAX_CALLS, Offer, as_text, instruction, offer_of, schema
from assay.types import Image, Message, OutputFormat, Request, Text, Tool, ToolCall, ToolChoice, ToolResult

STOCK = Tool(
    name="stock",
    description="Pieces of a part in a shop.",
    parameters={
        "type": "object",
        "properties": {"part": {"type": "string"}, "shop": {"$ref": "#/$defs/Shop"}},
        "required": ["part"],
        "$defs": {"Shop": {"enum": ["north", "south"]}},
    },
)
PING = Tool(name="ping!")
ASK = Request(messages=(Message.of("user", "How many BX-1?"),), tools=(STOCK, PING))


def offer(**changed: Any) -> Offer:
    """What the request offers with these fields changed."""
    made = offer_of(msgspec.structs.replace(ASK, **changed))
    assert made is not None
    return made


def forms(made: Offer) -> list[str]:
    """The kinds of answers that the schema allows: names of tools, `several`, `answer`."""
    return [
        "several" if form["type"] == "array" else form["properties"].get("tool", {"const": "answer"})["const"]
        for form in schema(made)["anyOf"]
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ["stock", "ping!", "several", "answer"]),
        ({"tool_choice": ToolChoice(mode="auto")}, ["stock", "ping!", "several", "answer"]),
        ({"parallel_tool_calls": False}, ["stock", "ping!", "answer"]),
        ({"tool_choice": ToolChoice(mode="required")}, ["stock", "ping!", "several"]),
        (
            {"tool_choice": ToolChoice(mode="required", names=("ping!",)), "parallel_tool_calls": False},
            ["ping!"],
        ),
        ({"tool_choice": ToolChoice(mode="auto", names=("stock",))}, ["stock", "several", "answer"]),
    ],
)
def test_the_choice_decides_the_forms_of_an_answer(changed: dict[str, Any], expected: list[str]) -> None:
    """tool_choice and parallel_tool_calls limit the schema, and the instruction tells the same forms."""
    made = offer(**changed)
    assert forms(made) == expected
    told = instruction(made)
    assert ("several tools" in told) == ("several" in expected)
    assert ("without a tool" in told) == ("answer" in expected)
    assert ('{"tool": "stock"' in told) == ("stock" in expected)


def test_without_tools_or_with_choice_none_there_is_no_offer() -> None:
    """The answer is then free, and the tools are not told."""
    none = msgspec.structs.replace(ASK, tool_choice=ToolChoice(mode="none"))
    assert offer_of(none) is None
    assert offer_of(Request(messages=ASK.messages)) is None
    plain = as_text(none, None)
    assert plain.messages == ASK.messages
    assert (plain.tools, plain.tool_choice, plain.output) == ((), None, None)


def test_references_lead_to_where_a_schema_stands_now() -> None:
    """Each tool's schema keeps its own definitions; a tool without parameters takes none."""
    made = schema(offer())
    place = made["anyOf"][0]["properties"]["arguments"]["$ref"].removeprefix("#/$defs/")
    assert made["$defs"][place]["properties"]["shop"] == {"$ref": f"#/$defs/{place}/$defs/Shop"}
    assert made["$defs"][place]["$defs"] == {"Shop": {"enum": ["north", "south"]}}
    assert made["$defs"]["tool-1-ping_"] == {"type": "object", "properties": {}}
    assert STOCK.parameters is not None
    assert STOCK.parameters["properties"]["shop"] == {"$ref": "#/$defs/Shop"}
    assert made["anyOf"][2]["maxItems"] == MAX_CALLS


def test_an_answer_that_is_no_call_keeps_the_form_that_was_asked_for() -> None:
    """A JSON schema of the request holds inside the answer; plain JSON is an object."""
    person = {"type": "object", "properties": {"age": {"$ref": "#/$defs/Age"}}, "$defs": {"Age": {"type": "integer"}}}
    made = schema(offer(output=OutputFormat(kind="json_schema", schema=person)))
    assert made["$defs"]["answer"]["properties"]["age"] == {"$ref": "#/$defs/answer/$defs/Age"}
    assert offer(output=OutputFormat(kind="json")).answer == {"type": "object"}
    assert offer(output=OutputFormat(kind="text")).answer == {"type": "string"}


def test_the_tools_end_the_first_instruction() -> None:
    """Behind the deployment's own instruction, before everything else; with their schemas, one per line."""
    system = Message.of("system", "You help.")
    request = msgspec.structs.replace(ASK, messages=(system, *ASK.messages))
    for given, begin in ((request, "You help.\n\nYou can call"), (ASK, "You can call")):
        sent = as_text(given, offer())
        assert [message.role for message in sent.messages] == ["system", "user"]
        assert sent.messages[0].text.startswith(begin)
        line = sent.messages[0].text.split("\n")[-6]
        assert json.loads(line) == {
            "tool": "stock", "description": STOCK.description, "arguments": STOCK.parameters,
        }  # fmt: skip
        assert sent.tools == ()
        assert sent.output is not None
        assert sent.output.schema == schema(offer())


def test_calls_and_results_of_the_history_are_told_in_the_same_form() -> None:
    """Calls as JSON, results by the name of their tool, errors as errors, answers as answers; roles alternate."""
    calls = (
        ToolCall(id="1", name="stock", arguments='{"part":"BX-1"}'),
        ToolCall(id="2", name="ping!"),
        ToolCall(id="3", name="stock", arguments='{"part": "B'),
    )
    history = (
        *ASK.messages,
        Message(role="assistant", parts=calls),
        Message(role="tool", parts=(ToolResult(call_id="1", parts=(Text(text="4 pieces"),)),)),
        Message(role="tool", parts=(ToolResult(call_id="2", parts=(Text(text="no host"),), is_error=True),)),
        Message(role="tool", parts=(ToolResult(call_id="9", parts=(Text(text="?"),)),)),
        Message.of("user", "So?"),
        Message.of("assistant", "Four."),
        Message.of("user", "Thanks"),
    )
    sent = as_text(msgspec.structs.replace(ASK, messages=history), offer()).messages[1:]
    assert [message.role for message in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert sent[1].text == (
        '[{"tool": "stock", "arguments": {"part": "BX-1"}}, {"tool": "ping!", "arguments": {}}, '
        '{"tool": "stock", "arguments": "{\\"part\\": \\"B"}]'
    )
    assert sent[2].text == "Result of stock: 4 pieces\nError of ping!: no host\nResult of 9: ?\nSo?"
    assert sent[3].text == '{"answer": "Four."}'
    plain = as_text(msgspec.structs.replace(ASK, messages=history, tools=()), None).messages
    assert plain[1].text == sent[1].text
    assert plain[3].text == "Four."  # nothing is said about JSON, so answers are free
    one = msgspec.structs.replace(ASK, messages=(Message(role="assistant", parts=(Text(text="Look:"), calls[0])),))
    assert as_text(one, offer()).messages[1].text == 'Look:\n{"tool": "stock", "arguments": {"part": "BX-1"}}'


def test_results_end_with_what_to_do_now() -> None:
    """Where an answer may follow; not where a call must, where the user goes on, or where nothing was told of JSON."""
    result = Message(role="tool", parts=(ToolResult(call_id="1", name="stock", parts=(Text(text="4"),)),))
    asked = msgspec.structs.replace(ASK, messages=(*ASK.messages, result, result))
    free, bound = offer(), offer(tool_choice=ToolChoice(mode="required"))
    told = "Result of stock: 4\nResult of stock: 4"
    assert as_text(asked, free).messages[-1].text == told + '\nNow reply with {"answer": TEXT}, or call another tool.'
    assert as_text(asked, bound).messages[-1].text == as_text(asked, None).messages[-1].text == told
    going_on = msgspec.structs.replace(asked, messages=(*asked.messages, Message.of("user", "Hm")))
    assert as_text(going_on, free).messages[-1].text == told + "\nHm"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"form": "completion", "messages": (), "prompt": "x"}, "need a chat"),
        ({"tools": (Tool(name="web", native={"type": "web_search"}),)}, "'web' is a provider's own tool"),
        ({"tool_choice": ToolChoice(mode="required", names=("nope",))}, "'nope' is not among the tools"),
        ({"output": OutputFormat(kind="grammar", grammar='root ::= "a"')}, "limited to a grammar or to choices"),
        ({"tools": (Tool(name="far", parameters={"$ref": "https://x.example/y"}),)}, "refers to 'https://x.example/y'"),
        (
            {"messages": (Message(role="tool", parts=(ToolResult(call_id="1", parts=(Image(url="u"),)),)),)},
            "the result of '1' has a Image; here it must be text",
        ),
    ],
)
def test_what_cannot_be_done_is_named(changed: dict[str, Any], message: str) -> None:
    """Each impossible wish is refused before anything is sent, by name."""
    request = msgspec.structs.replace(ASK, **changed)
    with pytest.raises(BadRequest, match=message) as caught:
        as_text(request, offer_of(request))
    assert caught.value.code == "unsupported"
