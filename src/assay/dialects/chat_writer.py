"""Answers for clients of chat completions: whole bodies and streams.

A stream keeps one id, creation time and model in all its chunks. Fields of the provider that have no place in
`assay.types` go out again where they stood: see `chat_answer` for the notes in `extra`. Usage is written once,
in a last chunk without choices, and only if the client asked for it.

What this format has no field for stands where its relatives put it: a foreign finish word in `native_finish_reason`
(OpenRouter), a stop text that was hit in `stop_reason` (vLLM), signatures in `reasoning_details` (`chat_reasoning`)
and on calls (`opaque`), parts of another format in `native_parts`.
"""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import msgspec

from assay.dialects.chat_answer import CHOICE, KINDS, MESSAGE
from assay.dialects.chat_history import call_wire
from assay.dialects.chat_messages import FUNCTION_CALL
from assay.dialects.chat_parts import DIALECT, image_wire, write_part
from assay.dialects.chat_reasoning import REASONING, Thoughts, entries
from assay.dialects.chat_usage import write_usage
from assay.dialects.citations import to_chat
from assay.dialects.fields import merge, unmarked
from assay.dialects.openai_errors import write_failed
from assay.dialects.sse import DONE, write_event
from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Logprobs,
    OpaqueDelta,
    Part,
    Raw,
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
    UsageReport,
)  # fmt: skip

__all__ = ["ChatEncoder", "ChunkEncoder", "choice_notes", "finish_wire", "new_id", "write_response"]

_STEADY = ("system_fingerprint", "service_tier")  # these stand in every chunk


def new_id(prefix: str) -> str:
    """An id for an answer whose provider gave none."""
    return f"{prefix}-{os.urandom(16).hex()}"


def choice_notes(extra: dict[str, Any], key: str) -> dict[str, Any]:
    """The notes of a reader under `key`, or nothing."""
    notes = extra.get(key)
    return notes if isinstance(notes, dict) else {}


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


def finish_wire(finish: Finish | None) -> dict[str, Any]:
    """Why a choice ended, in OpenAI's words, with the provider's own beside them where it has others."""
    wire: dict[str, Any] = {"finish_reason": finish.kind if finish else None}
    if finish and finish.native and finish.native not in KINDS:
        wire["native_finish_reason"] = finish.native
    if finish and finish.stop_sequence is not None:
        wire["stop_reason"] = finish.stop_sequence
    return wire


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


class ChunkEncoder:
    """What the streams of chat and of plain completions share: head, usage, errors and the end."""

    content_type: ClassVar[str] = "text/event-stream"
    prefix: ClassVar[str]
    object: ClassVar[str]

    def __init__(self, request: Request) -> None:
        self._request = request
        self._begun = Begin()
        self._head: dict[str, Any] | None = None
        self._steady: dict[str, Any] = {}
        self._fresh: dict[str, Any] = {}  # top-level fields that no chunk has carried yet
        self._usage: dict[str, Any] | None = None
        self._failed = False

    def encode(self, event: Event) -> bytes:
        """The bytes for one event; may be empty. `Raw` writes nothing: its decoded events follow."""
        match event:
            case Raw():
                return b""
            case Begin():
                return self._begin(event)
            case UsageReport():
                self._usage = write_usage(event.usage)
                return b""
            case Failed():
                self._failed = True
                return write_event(msgspec.json.encode({"error": write_failed(event)}))
            case Finished():
                self._fresh |= unmarked(event.extra) if event.choice == 0 else {}
                return self._chunk([self._finish(event)])
            case Logprobs():
                return self._chunk([self._logprobs(event)])
            case _:
                choice = self._delta(event)
                return self._chunk([choice]) if choice else b""

    def close(self) -> bytes:
        """The last chunk with usage, if the client wants it, and the end marker; nothing after a failure."""
        if self._failed:
            return b""
        last: dict[str, Any] = {}
        if self._usage is not None and self._request.stream_usage:
            last["usage"] = self._usage
        tail = self._chunk([], last) if last or self._fresh else b""
        return tail + DONE

    def _finish(self, event: Finished) -> dict[str, Any]:
        raise NotImplementedError

    def _logprobs(self, event: Logprobs) -> dict[str, Any]:
        raise NotImplementedError

    def _delta(self, event: Event) -> dict[str, Any] | None:
        raise NotImplementedError

    def _begin(self, event: Begin) -> bytes:
        begun = self._begun
        self._begun = Begin(
            id=begun.id or event.id,
            model=begun.model or event.model,
            created=event.created if begun.created is None else begun.created,
            extra=begun.extra | event.extra,
        )
        for key, value in event.extra.items():
            if key in _STEADY:
                self._steady[key] = value
                if self._head is not None:
                    self._head[key] = value
            elif not key.startswith("assay:"):
                self._fresh[key] = value
        return b""

    def _chunk(self, choices: list[dict[str, Any]], more: dict[str, Any] | None = None) -> bytes:
        if self._head is None:
            begun = self._begun
            self._head = {
                "id": begun.id or new_id(self.prefix),
                "object": self.object,
                "created": int(time.time()) if begun.created is None else begun.created,
                "model": begun.model or self._request.model,
                **self._steady,
            }
        wire = {**self._head, "choices": choices}
        if self._fresh:
            merge(wire, self._fresh)
            self._fresh = {}
        if more:
            wire |= more
        return b"data: " + msgspec.json.encode(wire) + b"\n\n"


class ChatEncoder(ChunkEncoder):
    """Turns events into the chunks of a streamed chat completion."""

    prefix: ClassVar[str] = "chatcmpl"
    object: ClassVar[str] = "chat.completion.chunk"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._spoken: set[int] = set()  # choices whose first chunk, with the role, is out
        self._calls: dict[tuple[int, int], _OpenCall] = {}
        self._thoughts = Thoughts()

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
