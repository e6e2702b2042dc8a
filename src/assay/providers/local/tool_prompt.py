"""Tools for small local models: told in the prompt, and called in a form that a JSON schema enforces.

Small models asked for a call in their template's own form answer with a fenced block, or with prose, even where a
call is required (docs/decisions/016-local-tool-calls.md). So the request that the engine gets has no tools:

- The first instruction ends with the tools, one per line, and with the forms that an answer may have.
- The answer is limited by a schema to one of these forms: a call `{"tool": NAME, "arguments": {...}}`, several of
  them as an array, or `{"answer": TEXT}`; which ones, `tool_choice` and `parallel_tool_calls` say.
- Earlier answers and calls stand in the history in the same forms, a tool's result as a user's turn
  `Result of NAME: ...`, for most templates know no other roles. It ends with what to do now: without that a model
  of 0.5 B parameters repeated its call in 3 of 4 cases, with it in none.

`tool_answer` turns what the model writes back into calls and text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from assay.errors import BadRequest
from assay.types import JsonObject, Message, OutputFormat, Part, Request, Text, Tool, ToolCall, ToolResult

VERSION = "1"
"""Of the text form: it decides answers, so pins and cached answers name it."""

MAX_CALLS = 8
"""Calls in one answer; without a limit a small model repeats itself until its tokens are spent."""

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}
_NOW = 'Now reply with {"answer": TEXT}, or call another tool.'
TEXT: JsonObject = {"type": "string"}
"""The schema of an answer that is nothing but text."""


class Offer(NamedTuple):
    """What an answer may be.

    Attributes:
        tools: that may be called.
        several: whether one answer may hold several calls.
        answer: schema of an answer without a call; None = there must be a call.
    """

    tools: tuple[Tool, ...]
    several: bool
    answer: JsonObject | None


def offer_of(request: Request) -> Offer | None:
    """What a request with tools lets the model do; None where no tool may be called.

    Raises:
        BadRequest: the request wants something of its tools that cannot be had here; names it.
    """
    choice = request.tool_choice
    if not request.tools or (choice is not None and choice.mode == "none"):
        return None
    if request.form == "completion":
        raise _unsupported("tools need a chat, and this request is one text (style 'text')")
    for tool in request.tools:
        if tool.native is not None:
            raise _unsupported(f"tools: {tool.name!r} is a provider's own tool; a local model has none")
    names = choice.names if choice is not None else ()
    unknown = [name for name in names if all(tool.name != name for tool in request.tools)]
    if unknown:
        raise _unsupported(f"tool_choice: {unknown[0]!r} is not among the tools of this request")
    return Offer(
        tools=tuple(tool for tool in request.tools if not names or tool.name in names),
        several=request.parallel_tool_calls is not False,
        answer=_answer(request.output) if choice is None or choice.mode == "auto" else None,
    )


def as_text(request: Request, offer: Offer | None) -> Request:
    """The request without tools: told in its messages, its answer limited to what is offered.

    Raises:
        BadRequest: a tool's schema refers to another document, or a result is not text.
    """
    turns = _history(request.messages, offer)
    output = request.output
    if offer is not None:
        turns = _instructed(turns, instruction(offer))
        output = OutputFormat(kind="json_schema", name="reply", schema=schema(offer), strict=True)
    return msgspec.structs.replace(
        request, messages=turns, tools=(), tool_choice=None, parallel_tool_calls=None, output=output, native=None
    )


def instruction(offer: Offer) -> str:
    """What the model is told of its tools and of the form of its answer."""
    forms = ['to call a tool: {"tool": NAME, "arguments": {...}}']
    if offer.several:
        forms.append('to call several tools at once: [{"tool": NAME, "arguments": {...}}, ...]')
    if offer.answer is not None:
        forms.append('to answer the user without a tool: {"answer": TEXT}')
    return "\n".join(
        [
            "You can call these tools. Each line is one tool with the JSON schema of its arguments:",
            *(_line(tool) for tool in offer.tools),
            "Reply with JSON only:",
            *(f"- {form}" for form in forms),
        ]
    )


def schema(offer: Offer) -> JsonObject:
    """The JSON schema of an answer.

    Raises:
        BadRequest: a tool's schema refers to another document.
    """
    places = [f"tool-{number}-{re.sub(r'[^A-Za-z0-9_-]', '_', tool.name)}" for number, tool in enumerate(offer.tools)]
    calls = [
        _object(tool={"const": tool.name}, arguments={"$ref": f"#/$defs/{place}"})
        for place, tool in zip(places, offer.tools, strict=True)
    ]
    forms = list(calls)
    if offer.several:
        forms.append({"type": "array", "items": {"anyOf": calls}, "minItems": 1, "maxItems": MAX_CALLS})
    schemas = {place: tool.parameters or _NO_ARGUMENTS for place, tool in zip(places, offer.tools, strict=True)}
    if offer.answer is not None:
        forms.append(_object(answer={"$ref": "#/$defs/answer"}))
        schemas["answer"] = offer.answer
    return {"anyOf": forms, "$defs": {place: _moved(one, f"#/$defs/{place}") for place, one in schemas.items()}}


def _answer(output: OutputFormat | None) -> JsonObject:
    """The schema of an answer that is no call: text, or what the request asks for besides."""
    match output:
        case OutputFormat(kind="grammar"):
            raise _unsupported("tools: the answer cannot be limited to a grammar or to choices as well")
        case OutputFormat(kind="json_schema", schema=dict() as asked):
            return asked
        case OutputFormat(kind="json" | "json_schema"):
            return {"type": "object"}
        case _:
            return TEXT


def _object(**properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(value: Any, place: str) -> Any:
    """A schema with its references led to where it stands now."""
    if isinstance(value, list):
        return [_moved(item, place) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(item, place) for key, item in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str):
        if not reference.startswith("#"):
            raise _unsupported(f"tools: a schema refers to {reference!r}, outside of itself")
        moved["$ref"] = place + reference[1:]
    return moved


# ------------------------------------------------------------------------------------------- messages


def call_text(calls: Iterable[ToolCall]) -> str:
    """Calls in the form that a model writes them in."""
    values = [{"tool": call.name, "arguments": _arguments(call.arguments)} for call in calls]
    return _json(values[0] if len(values) == 1 else values)


def _arguments(text: str) -> Any:
    """Arguments as a value; as their text where they are no JSON (a call that was cut)."""
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return text


def _line(tool: Tool) -> str:
    described = {"description": tool.description} if tool.description else {}
    return _json({"tool": tool.name, **described, "arguments": tool.parameters or _NO_ARGUMENTS})


def _instructed(turns: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The turns with a text at the end of the first instruction, which is made if there is none."""
    if turns and turns[0].role in ("system", "developer"):
        first = msgspec.structs.replace(turns[0], parts=(Text(text=f"{turns[0].text}\n\n{text}"),))
        return (first, *turns[1:])
    return (Message.of("system", text), *turns)


def _history(messages: tuple[Message, ...], offer: Offer | None) -> tuple[Message, ...]:
    """The turns with calls and results as text; answers too, where the model is told to write them as JSON."""
    names: dict[str, str] = {}
    turns: list[Message] = []
    results: list[str] = []
    for message in messages:
        turn = _turn(message, names, told=offer is not None)
        if any(isinstance(part, ToolResult) for part in message.parts):
            results.append(turn.text)
        elif results and turn.role == "user" and all(isinstance(part, Text) for part in turn.parts):
            turns.append(Message.of("user", "\n".join([*results, turn.text])))  # some templates want roles to alternate
            results.clear()
        else:
            turns += _reported(results, offer)
            turns.append(turn)
            results.clear()
    return (*turns, *_reported(results, offer))


def _reported(results: list[str], offer: Offer | None) -> list[Message]:
    """Results that nobody has said anything about, as one turn with what is to be done now."""
    if not results:
        return []
    now = [_NOW] if offer is not None and offer.answer is not None else []
    return [Message.of("user", "\n".join([*results, *now]))]


def _turn(message: Message, names: dict[str, str], *, told: bool) -> Message:
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if results:
        return Message.of("user", "\n".join(_result(result, names) for result in results))
    if message.role != "assistant" or not (calls or told):
        return message
    names |= {call.id: call.name for call in calls}
    said = [_json({"answer": message.text})] if told and message.text and not calls else [message.text]
    return Message.of("assistant", "\n".join(text for text in (*said, call_text(calls) if calls else "") if text))


def _result(result: ToolResult, names: dict[str, str]) -> str:
    name = result.name or names.get(result.call_id) or result.call_id
    return f"{'Error' if result.is_error else 'Result'} of {name}: {''.join(_only_text(result.parts, name))}"


def _only_text(parts: Iterable[Part], name: str) -> Iterable[str]:
    for part in parts:
        if not isinstance(part, Text):
            raise _unsupported(f"messages: the result of {name!r} has a {type(part).__name__}; here it must be text")
        yield part.text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unsupported(what: str) -> BadRequest:
    return BadRequest(what, code="unsupported", field=what.partition(":")[0] if ":" in what else None)
