"""All that a request or an answer says, as text, and the same with some of it written anew.

Images, sounds and videos say nothing here. A file that is plain text does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from assay.types import Message, Part, Reasoning, Refusal, Request, Response, Text, ToolCall, ToolResult

__all__ = ["Rewrite", "as_answer", "everything", "rewritten", "rewritten_answer"]

Rewrite = Callable[[str], str]
_MEDIA = frozenset({"image", "audio", "video", "document"})
_PLAIN = ("text/", "application/json", "application/xml")


def everything(answer: Response) -> str:
    """What an answer says in all of its parts, alternatives and notes; what is spread over parts of text is whole."""
    return "\n".join((answer.text, *_strings(msgspec.to_builtins(answer))))


def as_answer(request: Request) -> Response:
    """All that a request holds as if it were an answer, so that every check can look at it.

    Turns of all roles, results and definitions of tools, prompts and inputs, and fields that only one format knows.
    """
    turns = (message.text for message in request.messages)
    asked = replace(request, native=None, model="", session=None, kind=None, tags={})
    return Response(parts=(Text(text="\n".join((*turns, *_strings(msgspec.to_builtins(asked))))),))


def rewritten(request: Request, rewrite: Rewrite) -> Request:
    """A request with what people, models and tools have said in it written anew; settings and tools stay."""
    inputs = tuple(rewrite(one) if isinstance(one, str) else one for one in request.inputs)
    return replace(
        request,
        messages=tuple(_message(message, rewrite) for message in request.messages),
        prompt=rewrite(request.prompt) if request.prompt is not None else None,
        suffix=rewrite(request.suffix) if request.suffix is not None else None,
        inputs=inputs,
        native=None,
    )


def rewritten_answer(answer: Response, rewrite: Rewrite) -> Response:
    """An answer with what it says written anew, alternatives too; what it says of single tokens is left out."""
    others = tuple(rewritten_answer(one, rewrite) for one in answer.alternatives)
    return replace(answer, parts=_parts(answer.parts, rewrite), alternatives=others, logprobs=None)


def _message(message: Message, rewrite: Rewrite) -> Message:
    return replace(message, parts=_parts(message.parts, rewrite))


def _parts(parts: tuple[Part, ...], rewrite: Rewrite) -> tuple[Part, ...]:
    return tuple(_part(part, rewrite) for part in parts)


def _part(part: Any, rewrite: Rewrite) -> Any:
    match part:
        case Text() | Refusal():
            return replace(part, text=rewrite(part.text))
        case Reasoning(opaque=()):  # what is signed cannot be changed
            return replace(part, text=rewrite(part.text))
        case ToolCall():
            return replace(part, arguments=_json(part.arguments, rewrite))
        case ToolResult():
            return replace(part, parts=_parts(part.parts, rewrite))
    return part


def _json(text: str, rewrite: Rewrite) -> str:
    """JSON stays JSON."""
    value = _decoded(text)
    if value is None:
        return rewrite(text)
    changed = _value(value, rewrite)
    return text if changed == value else msgspec.json.encode(changed).decode()


def _value(value: Any, rewrite: Rewrite) -> Any:
    match value:
        case str():
            return rewrite(value)
        case list():
            return [_value(one, rewrite) for one in value]
        case dict():
            return {rewrite(key): _value(one, rewrite) for key, one in value.items()}
    return value


def _decoded(text: str) -> Any:
    """The value that a text is in JSON; None where it is none that could hide something."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _strings(value: Any) -> Iterator[str]:
    """All texts and numbers within a value, keys too, and those of JSON within texts; without recursion."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        match value:
            case dict():
                shown = _without_media(value)
                waiting.extend(reversed([one for pair in shown.items() for one in pair]))
            case list() | tuple():
                waiting.extend(reversed(value))
            case str():
                yield value
                if (inner := _decoded(value)) is not None:
                    waiting.append(inner)
            case bool():
                pass
            case int() | float():
                yield repr(value) if isinstance(value, float) or abs(value) < 1 << 256 else ""


def _without_media(value: dict[Any, Any]) -> dict[Any, Any]:
    """A part without its bytes, unless they are plain text."""
    data = value.get("data")
    if value.get("type") not in _MEDIA or not isinstance(data, str):
        return value
    said = _plain_text(data) if str(value.get("media_type") or "").startswith(_PLAIN) else ""
    return {**value, "data": said}


def _plain_text(data: str) -> str:
    """The text of a file, as base64 or a data URL holds it, or as it is."""
    encoded = data.partition(",")[2] if data.startswith("data:") else data
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data
