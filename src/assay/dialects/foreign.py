"""A request that a client said in one format, for an upstream of another: without what only the first one knows.

Fields in `extra` speak in the words of `Request.origin`. Sent as they are to another format they would be refused, or
mean something else. At the top level a hint is left out and any other field refused (`Fit.foreign`); on messages, parts
and tools they are left out, but for fields that both formats have on parts and tools (`Fit.shared`). Everything left
out is noted by its name, except the names that an item has in its own format only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from assay.dialects.anthropic_request import THINKING
from assay.dialects.capability import Fit
from assay.dialects.fields import unmarked
from assay.dialects.responses_marks import ITEM, marks_of
from assay.types import Message, Part, Request, Text, Tool, ToolCall, ToolResult, Unknown

__all__ = ["is_foreign", "note_thinking", "translated"]

_OWN_NAMES = frozenset({"id", "status", "type", "caller", "phase", "index"})
"""What an item is called, or says of itself, in its own format: nothing for the model."""
_SAYS_NOTHING: tuple[object, ...] = (None, False, "", [], {})
_Value = TypeVar("_Value", bound=msgspec.Struct)
_SIGNATURE = "extra_content"  # of a tool call, for all dialects: see `opaque`


def is_foreign(request: Request, dialect: str) -> bool:
    """Whether the words in `extra` are another format's."""
    return request.origin is not None and request.origin != dialect


def translated(request: Request, dialect: str, fit: Fit) -> Request:
    """The request without what only the client's format knows; unchanged where that is `dialect`.

    Reasoning is left as it is: who made it decides, see `opaque`.

    Raises:
        RequestError: naming a top-level field that changes the answer.
    """
    if not is_foreign(request, dialect):
        return request
    fit.foreign(request, dialect)
    return msgspec.structs.replace(
        request,
        messages=tuple(_message(message, dialect, fit) for message in request.messages),
        tools=tuple(_tool(tool, fit) for tool in request.tools),
        tool_choice=request.tool_choice and msgspec.structs.replace(request.tool_choice, native=None),
        output=request.output and _bare(request.output, fit),
        extra={},
    )


def note_thinking(request: Request, fit: Fit) -> None:
    """Note that a model is told to think not at all, for formats whose hosts can be told an effort only."""
    thinking = request.extra.get(THINKING)
    if isinstance(thinking, dict) and thinking.get("type") == "disabled":
        fit.note("thinking")


def _message(message: Message, dialect: str, fit: Fit) -> Message:
    assistant = message.role == "assistant"
    parts = (part for part in message.parts if not (assistant and _is_trace(part, dialect, fit)))
    _note(message.extra, fit)
    for mark in marks_of(message.extra):
        _note(mark.rest, fit)
    return msgspec.structs.replace(message, parts=tuple(_part(part, fit) for part in parts), extra={})


def _is_trace(part: Part, dialect: str, fit: Fit) -> bool:
    """Whether a part tells of a tool that another provider ran on its side; the answer's text has what came of it."""
    if not isinstance(part, Unknown) or part.dialect == dialect:
        return False
    fit.note("tools.native")
    return True


def _part(part: Part, fit: Fit) -> Part:
    match part:
        case Text():
            if part.annotations:
                fit.note("citations")
            return msgspec.structs.replace(_bare(part, fit), annotations=())
        case ToolCall():
            kept = {key: value for key, value in part.extra.items() if key == _SIGNATURE}
            _note({key: value for key, value in part.extra.items() if key != _SIGNATURE}, fit)
            return msgspec.structs.replace(part, extra=kept)
        case ToolResult():
            inner = tuple(_part(one, fit) for one in part.parts)
            return msgspec.structs.replace(_bare(part, fit), parts=inner)
    return _bare(part, fit)


def _tool(tool: Tool, fit: Fit) -> Tool:
    return tool if tool.native is not None else _bare(tool, fit)


def _bare(value: _Value, fit: Fit) -> _Value:
    extra: Mapping[str, Any] = getattr(value, "extra", {})
    kept = {key: extra[key] for key in extra if key in fit.shared}
    _note({key: extra[key] for key in extra if key not in kept}, fit)
    return msgspec.structs.replace(value, extra=kept) if extra else value


def _note(extra: Mapping[str, Any], fit: Fit) -> None:
    left = extra.get(ITEM)
    for key, value in (unmarked(extra) | (left if isinstance(left, dict) else {})).items():
        if value not in _SAYS_NOTHING and key not in _OWN_NAMES:
            fit.note(key)
