"""The `input` of a request of OpenAI's Responses, written for a host: see `responses_marks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.dialects.call_ids import CallIds
from assay.dialects.capability import Fit
from assay.dialects.fields import merge
from assay.dialects.opaque import RESPONSES, call_signature, made_by, secret
from assay.dialects.responses_content import NAME, write_part
from assay.dialects.responses_custom import WRAPPED, unwrap
from assay.dialects.responses_items import LIST
from assay.dialects.responses_marks import ITEM, Group, Mark, family, grouped, marks_of
from assay.dialects.responses_reasoning import is_foreign_id
from assay.errors import RequestError
from assay.types import Message, Reasoning, Role, Text, ToolCall, ToolResult, Unknown

__all__ = ["History"]

_PLAIN = {"type", "text"}


class History:
    """Writes the messages of one request as items for a host.

    Args:
        fit: what the host can be told; takes the notes.
        own: whether the client spoke this format; its words are the host's then.
        custom: ids of the calls whose input is free text.
        ids: of calls, as the host takes them.
    """

    def __init__(self, fit: Fit, *, own: bool, custom: frozenset[str], ids: CallIds) -> None:
        self._fit = fit
        self._own = own
        self._custom = custom
        self._ids = ids
        self._nameless = 0  # calls of chat completions' old form, which have no id

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The items of all messages.

        Raises:
            RequestError: naming the message with a part that the host cannot be told.
        """
        wire: list[dict[str, Any]] = []
        for number, message in enumerate(messages):
            path = f"messages[{number}]"
            if message.name is not None:
                self._fit.takes("message.name", f"{path}.name")
            for group in grouped(message.parts, marks_of(message.extra)):
                wire += self._item(message.role, group, path)
            if not message.parts and not marks_of(message.extra) and message.role != "tool":
                wire += self._message(message.role, Group(None, ()), path)
        return wire

    def _item(self, role: Role, group: Group, path: str) -> list[dict[str, Any]]:
        first = group.parts[0] if group.parts else None
        if group.mark is not None and group.mark.kind == "reasoning":
            return self._reasoning(group, path)
        match first:
            case Reasoning():
                return self._reasoning(group, path)
            case ToolCall():
                return [self._call(first)]
            case ToolResult():
                return [self._result(first, path)]
            case Unknown(dialect=dialect) if dialect == NAME and family(first) == "one":
                return [first.raw]
        return self._message(role, group, path)

    def _message(self, role: Role, group: Group, path: str) -> list[dict[str, Any]]:
        mark = group.mark
        said = group.parts
        if role == "tool":
            raise RequestError(f"{path}: a message of role tool holds only tools' answers", field=path)
        if mark is None and role == "assistant" and all(isinstance(one, Text) and not one.text for one in said):
            return []
        usual = "output_text" if role == "assistant" else "input_text"
        content: Any = [
            write_part(part, f"{path}.content[{place}]", usual, self._fit) for place, part in enumerate(said)
        ]
        if (mark is None or mark.text) and (not content or (len(content) == 1 and content[0].keys() == _PLAIN)):
            content = content[0]["text"] if content else ""
        return [merge({"role": role, "content": content}, mark.rest if mark else {})]

    def _reasoning(self, group: Group, path: str) -> list[dict[str, Any]]:
        """The item as it came, or one for each blob that a provider of this format made; texts alone say nothing."""
        parts = [part for part in group.parts if isinstance(part, Reasoning)]
        mark = group.mark
        blobs = [blob for part in parts for blob in part.opaque]
        if mark is not None and self._own and not is_foreign_id(mark.rest.get("id")):
            return [_reasoning_wire(parts, mark, blobs)]
        made = _last_words([blob for blob in blobs if made_by(blob, RESPONSES)])
        if not made or any(not made_by(blob, RESPONSES) for blob in blobs):
            self._fit.note("reasoning")
        if not made or not self._fit.takes("reasoning", path):
            return []
        summary = [{"type": "summary_text", "text": part.text} for part in parts if part.text]
        items: list[dict[str, Any]] = []
        for blob in made:
            item = {"type": "reasoning", "summary": [] if items else summary, "encrypted_content": secret(blob)}
            items.append(item | ({"id": blob["id"]} if "id" in blob else {}))
        return items

    def _call(self, call: ToolCall) -> dict[str, Any]:
        if call_signature(call.extra):
            self._fit.note("reasoning")
        ident = self._ids.of(call.id)
        if not ident:
            self._nameless += 1
            ident = self._last_nameless
        kind, key = ("custom_tool_call", "input") if call.id in self._custom else ("function_call", "arguments")
        said = unwrap(call.arguments) if WRAPPED in call.extra else call.arguments
        wire = {"type": kind, "call_id": ident, "name": call.name, key: said}
        return merge(wire, call.extra.get(ITEM) or {})

    @property
    def _last_nameless(self) -> str:
        return f"call_{self._nameless}"

    def _result(self, result: ToolResult, path: str) -> dict[str, Any]:
        if result.is_error:
            self._fit.takes("tool_result.error", f"{path}.is_error")
        if any(not isinstance(part, Text) for part in result.parts) and not self._fit.takes("tool_result.media", path):
            raise self._fit.reject(path, "images and files in a tool's answer")
        output: Any = [
            write_part(part, f"{path}.content[{place}]", "input_text", self._fit)
            for place, part in enumerate(result.parts)
        ]
        if LIST not in result.extra and (not output or (len(output) == 1 and output[0].keys() == _PLAIN)):
            output = output[0]["text"] if output else ""
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        ident = self._ids.of(result.call_id) or self._last_nameless
        rest = result.extra.get(ITEM) or {}
        return merge({"type": rest.get("type", kind), "call_id": ident, "output": output}, rest)


def _last_words(blobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of blobs with the same id the last: a stream may have told a client of it twice."""
    return list({blob.get("id", place): blob for place, blob in enumerate(blobs)}.values())


def _reasoning_wire(parts: Sequence[Reasoning], mark: Mark, blobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    said = [part.text for part in parts]
    wire: dict[str, Any] = {"type": "reasoning"}
    if mark.summary is not None:
        wire["summary"] = [{"type": "summary_text", "text": text} for text in said[: mark.summary]]
    if mark.content is not None:
        start = mark.summary or 0
        wire["content"] = [{"type": "reasoning_text", "text": text} for text in said[start : start + mark.content]]
    data = secret(blobs[0]) if blobs else None
    if data is not None:
        wire["encrypted_content"] = data
    return merge(wire, mark.rest)
