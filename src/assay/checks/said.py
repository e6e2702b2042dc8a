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

from assay.types import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

__all__ = ["Rewrite", "as_answer", "everything", "rewritten", "rewritten_answer"]

Rewrite = Callable[[str], str]
_ASKED = (
    "messages", "prompt", "suffix", "inputs", "tools", "tool_choice", "output", "sampling", "extra",
)  # fmt: skip
_OURS = frozenset({"role", "opaque", "mode", "kind", "media_type", "detail", "format"})
_PLAIN = ("text/", "application/json", "application/xml")


def everything(answer: Response) -> str:
    """What an answer says in all of its parts, alternatives and notes; what is spread over parts of text is whole."""
    choices = (answer, *answer.alternatives)
    whole = (one.text for one in choices if _is_spread(one.parts))
    return "\n".join((*whole, *_strings([[one.parts, one.extra] for one in choices])))


def as_answer(request: Request) -> Response:
    """All that a request holds as if it were an answer, so that every check can look at it.

    Turns of all roles, results and definitions of tools, prompts and inputs, and fields that only one format knows.
    """
    turns = (message.text for message in request.messages if _is_spread(message.parts))
    asked = [getattr(request, field) for field in _ASKED]
    return Response(parts=(Text(text="\n".join((*turns, *_strings(asked)))),))


def _is_spread(parts: tuple[Part, ...]) -> bool:
    """Whether words may go on from one part to the next."""
    return sum(isinstance(part, Text) for part in parts) > 1


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
            case msgspec.Struct():
                waiting.extend(reversed(_fields(value)))
            case dict():
                waiting.extend(reversed([one for pair in value.items() for one in pair]))
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


def _fields(value: msgspec.Struct) -> list[Any]:
    """What a value of ours says: not the words by which we tell its sort, nor what nobody can read."""
    fields = [getattr(value, name) for name in value.__struct_fields__ if name not in _OURS]
    if isinstance(value, Image | Audio | Video | Document) and value.data is not None:
        fields.remove(value.data)
        if isinstance(value, Document) and (value.media_type or "").startswith(_PLAIN):
            fields.append(_plain_text(value.data))
    return fields


def _plain_text(data: str) -> str:
    """The text of a file, as base64 or a data URL holds it, or as it is."""
    encoded = data.partition(",")[2] if data.startswith("data:") else data
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data
