"""Answers for clients of chat completions: whole bodies and streams.

Fields of the provider that have no place in `assay.types` go out again where they stood: see `chat_answer` for the
notes in `extra`.

What this format has no field for stands where its relatives put it: a foreign finish word in `native_finish_reason`
(OpenRouter), a stop text that was hit in `stop_reason` (vLLM), signatures in `reasoning_details` (`chat_reasoning`)
and on calls (`opaque`), parts of another format in `native_parts`.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import msgspec

from assay.dialects.chat_answer import CHOICE, MESSAGE
from assay.dialects.chat_history import call_wire
from assay.dialects.chat_messages import FUNCTION_CALL
from assay.dialects.chat_parts import DIALECT, image_wire, write_part
from assay.dialects.chat_reasoning import REASONING, Thoughts, entries
from assay.dialects.chat_usage import write_usage
from assay.dialects.chunk_encoder import ChunkEncoder, choice_notes, finish_wire, new_id
from assay.dialects.citations import to_chat
from assay.dialects.fields import merge
from assay.types import (
    Annotation,
    Audio,
    ContentDelta,
    Event,
    Finish,
    Finished,
    Image,
    Logprobs,
    OpaqueDelta,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Unknown,
)  # fmt: skip

__all__ = ["ChatEncoder", "write_response"]

# -------------------------------------------------------------------------------------- whole answers


def write_response(response: Response, request: Request) -> bytes:
    """A whole chat completion."""
    form = response.extra.get(REASONING)
    choices = [_choice_wire(one, index, form) for index, one in enumerate((response, *response.alternatives))]
    body: dict[str, Any] = {
        "id": response.id or new_id("chatcmpl"),
        "object": "chat.completion",
        "created": int(time.time()) if response.created is None else response.created,
        "model": response.model or request.model,
        "choices": choices,
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage)
    return msgspec.json.encode(merge(body, response.extra))


def _choice_wire(response: Response, index: int, form: object) -> dict[str, Any]:
    message = merge(_message_wire(response, form), choice_notes(response.extra, MESSAGE))
    choice: dict[str, Any] = {
        "index": index,
        "message": message,
        "logprobs": response.logprobs,
        **finish_wire(response.finish),
    }
    return choice | choice_notes(response.extra, CHOICE)


def _message_wire(response: Response, form: object) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    opaque: list[dict[str, Any]] = []
    for part in response.parts:
        match part:
            case Text():
                content.append({"type": "text", "text": part.text})
                if part.annotations:
                    fields.setdefault("annotations", []).extend(map(to_chat, part.annotations))
            case Reasoning() if form == "thinking":
                content.append(_thinking_wire(part))
            case Reasoning():
                key = "reasoning" if form == "reasoning" else "reasoning_content"
                if part.text:
                    fields[key] = fields.get(key, "") + part.text
                opaque += entries(part.text, part.opaque)
            case Refusal():
                fields["refusal"] = fields.get("refusal", "") + part.text
            case ToolCall():
                _put_call(fields, part)
            case _:
                _put_part(fields, content, part)
    if opaque:
        fields["reasoning_details"] = opaque
    return {"role": "assistant", "content": _joined(content, fields), "refusal": None} | fields


def _joined(content: list[dict[str, Any]], fields: dict[str, Any]) -> Any:
    """Plain texts become one string; null stands where there is something else instead of a text."""
    if any(part["type"] != "text" for part in content):
        return content
    text = "".join(part["text"] for part in content)
    return text or (None if fields.keys() & {"tool_calls", "function_call", "refusal", "audio"} else "")


def _thinking_wire(part: Reasoning) -> dict[str, Any]:
    chunk: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
    for entry in part.opaque:
        merge(chunk, entry)
    return chunk


def _put_call(fields: dict[str, Any], call: ToolCall) -> None:
    wire = call_wire(call)
    if call.extra.get(FUNCTION_CALL):
        fields["function_call"] = wire["function"]
    else:
        fields.setdefault("tool_calls", []).append(wire)


def _put_part(fields: dict[str, Any], content: list[dict[str, Any]], part: Part) -> None:
    """A part that is not text: where OpenRouter and OpenAI put it; a foreign one under `native_parts`."""
    match part:
        case Image():
            fields.setdefault("images", []).append(image_wire(part, "message.images"))
        case Audio():
            fields["audio"] = {**part.extra, "data": part.data}
        case Unknown(dialect=dialect, raw=raw) if dialect == DIALECT and isinstance(raw.get("type"), str):
            content.append(raw)
        case Unknown():
            fields.setdefault("native_parts", []).append({"dialect": part.dialect, "raw": part.raw})
        case _:
            content.append(write_part(part, "message.content"))


# -------------------------------------------------------------------------------------------- streams


class ChatEncoder(ChunkEncoder):
    """Turns events into the chunks of a streamed chat completion."""

    prefix: ClassVar[str] = "chatcmpl"
    object: ClassVar[str] = "chat.completion.chunk"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._spoken: set[int] = set()  # choices whose first chunk, with the role, is out
        self._calls: dict[tuple[int, int], _OpenCall] = {}
        self._thoughts = Thoughts()

    def headed(self) -> None:
        """See `ChunkEncoder.headed`."""
        self._spoken.add(0)

    def _wrap(self, index: int, delta: dict[str, Any], finish: Finish | None = None) -> dict[str, Any]:
        if index not in self._spoken:
            self._spoken.add(index)
            delta = {"role": "assistant", **delta}
        return {"index": index, "delta": delta, **finish_wire(finish)}

    def _finish(self, event: Finished) -> dict[str, Any]:
        choice = self._wrap(event.choice, dict(choice_notes(event.extra, MESSAGE)), event.finish)
        return choice | choice_notes(event.extra, CHOICE)

    def _logprobs(self, event: Logprobs) -> dict[str, Any]:
        return self._wrap(event.choice, {}) | {"logprobs": event.data}

    def _delta(self, event: Event) -> dict[str, Any] | None:
        match event:
            case ReasoningDelta():
                self._thoughts.more(event)
                return self._wrap(event.choice, self._reasoning(event.text))
            case OpaqueDelta(data=data) if data.get("type") == "thinking" and self._form == "thinking":
                return self._wrap(event.choice, {"content": [data]})
            case OpaqueDelta():
                return self._wrap(event.choice, {"reasoning_details": self._thoughts.entries(event)})
            case Annotation():
                return self._wrap(event.choice, {"annotations": [to_chat(event.data)]})
        self._thoughts.over(getattr(event, "choice", 0))
        return self._content(event)

    def _content(self, event: Event) -> dict[str, Any] | None:
        match event:
            case TextDelta():
                return self._wrap(event.choice, {"content": event.text})
            case ToolCallDelta():
                return self._wrap(event.choice, self._call(event))
            case RefusalDelta():
                return self._wrap(event.choice, {"refusal": event.text})
            case ContentDelta():
                return self._wrap(event.choice, _part_delta(event.part))
        return None

    @property
    def _form(self) -> str | None:
        """What the provider calls its reasoning."""
        return self._begun.extra.get(REASONING)

    def _reasoning(self, text: str) -> dict[str, Any]:
        if self._form == "thinking":
            return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
        return {"reasoning" if self._form == "reasoning" else "reasoning_content": text}

    def _call(self, event: ToolCallDelta) -> dict[str, Any]:
        """A piece of a call; calls are numbered from 0 without gaps, whatever their upstream numbers were."""
        key = (event.choice, event.index)
        call = self._calls.get(key)
        if call is None:
            number = sum(1 for choice, _ in self._calls if choice == event.choice)
            call = self._calls[key] = _OpenCall(number, event.extra)
            whole = ToolCall(id=event.id or "", name=event.name or "", arguments=event.arguments, extra=event.extra)
            wire = call_wire(whole)
            if call.old:
                return {"function_call": wire["function"]}
            return {"tool_calls": [{"index": number, **wire}]}
        inner: dict[str, Any] = {call.argument_key: event.arguments}
        if event.name is not None:
            inner["name"] = event.name
        if call.old:
            return {"function_call": inner}
        more = event.extra.get("function")
        wire = {"index": call.number, call.key: inner | (more if isinstance(more, dict) else {})}
        if event.id is not None:
            wire["id"] = event.id
        return {"tool_calls": [merge(wire, event.extra)]}


class _OpenCall:
    """A call whose first piece is out: its number for the client and the form it is written in."""

    __slots__ = ("argument_key", "key", "number", "old")

    def __init__(self, number: int, extra: dict[str, Any]) -> None:
        self.number = number
        self.old = bool(extra.get(FUNCTION_CALL))
        custom = extra.get("type") == "custom"
        self.key = "custom" if custom else "function"
        self.argument_key = "input" if custom else "arguments"


def _part_delta(part: Part) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    _put_part(fields, content, part)
    return {"content": content} if content else fields
