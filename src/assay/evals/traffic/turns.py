"""A real request as the turns of a sample."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay.evals.suites.samples import Call, Turn
from assay.types import JsonObject, Message, Part, Request, Text, ToolCall, ToolResult

__all__ = ["Unfit", "turns_of"]


class Unfit(Exception):
    """A request that cannot be a sample; the message says why, in a few words."""


def turns_of(request: Request) -> str | tuple[Turn, ...]:
    """The input of a sample: one text where a user said one thing, else the turns.

    Raises:
        Unfit: it is no chat, or shows what is no text.
    """
    if request.form != "chat":
        raise Unfit(f"{request.form}, not chat")
    turns = tuple(turn for message in request.messages for turn in _turns(message))
    if not turns:
        raise Unfit("no messages")
    if len(turns) == 1 and turns[0].role == "user":
        return str(turns[0].content)
    return turns


def _turns(message: Message) -> Iterator[Turn]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    for result in results:
        yield Turn(role="tool", content=_text(result.parts), call_id=result.call_id)
    others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    if not others and (results or message.role != "user"):
        return
    calls = tuple(_call(part) for part in others if isinstance(part, ToolCall))
    text = _text(tuple(part for part in others if not isinstance(part, ToolCall)))
    match message.role:
        case "assistant":
            yield Turn(role="assistant", content=text, tool_calls=calls)
        case "system" | "developer":
            yield Turn(role="system", content=text)
        case _:
            yield Turn(role="user", content=text)


def _text(parts: tuple[Part, ...]) -> str:
    for part in parts:
        if not isinstance(part, Text):
            raise Unfit(f"shows {type(part).__name__.lower()}")
    return "".join(part.text for part in parts if isinstance(part, Text))


def _call(call: ToolCall) -> Call:
    try:
        arguments = msgspec.json.decode(call.arguments or "{}", type=JsonObject)
    except msgspec.DecodeError as error:
        raise Unfit("tool call without readable arguments") from error
    return Call(id=call.id, name=call.name, arguments=arguments)
