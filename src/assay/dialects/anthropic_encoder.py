"""Answers for clients of Messages, streamed. The blocks are those of `anthropic_writer`.

Blocks follow one another: another begins where the upstream's begins (`block` of an event) and where the kind changes.
Only tool calls may be open side by side, for hosts that send pieces of several in turns: one closes when its arguments
are a whole JSON text, or with the message.

The end waits for `close`, since hosts tell their usage behind it. There stand, too, the blobs that a host has encrypted
anew in its last word, when their own blocks had ended: a client that sends them back has both, and the last one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from assay.dialects.anthropic_blocks import REFUSAL
from assay.dialects.anthropic_errors import failed_wire
from assay.dialects.anthropic_usage import write_usage
from assay.dialects.anthropic_writer import (
    call_block,
    ending,
    explanation,
    extras,
    is_signature,
    message_id,
    redacted_block,
    whole_block,
)  # fmt: skip
from assay.dialects.citations import to_anthropic
from assay.dialects.opaque import secret
from assay.dialects.sse import write_event
from assay.types import (
    Annotation,
    Begin,
    ContentDelta,
    Event,
    Failed,
    Finish,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)  # fmt: skip

__all__ = ["MessageEncoder"]


class _Key(NamedTuple):
    """What a block is of: its kind, and the upstream's number of it or of the call."""

    kind: str
    number: int | None


class _Open:
    """A block that has begun and not ended."""

    __slots__ = ("arguments", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.arguments: list[str] = []  # pieces so far, of a call

    def is_done(self, kind: str) -> bool:
        """Whether nothing more can come of it, once something else has begun."""
        return kind != "tool_use" or _is_whole("".join(self.arguments))


class MessageEncoder:
    """Turns events into the events of a streamed message."""

    content_type: ClassVar[str] = "text/event-stream"

    def __init__(self, request: Request) -> None:
        self._request = request
        self._head = Begin()
        self._begun = False
        self._blocks: list[dict[str, Any]] = []  # as they began
        self._open: dict[_Key, _Open] = {}
        self._ended: set[_Key] = set()  # calls
        self._text_block: int | None = None  # the upstream's number of the last text
        self._foreign: list[dict[str, Any]] = []
        self._amended: list[dict[str, Any]] = []
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._failed = False

    def encode(self, event: Event) -> bytes:
        """The bytes for one event; may be empty. Other choices than the first cannot be asked for here."""
        match event:
            case Begin():
                self._begin(event)
            case UsageReport():
                self._usage = event.usage
            case Finished(choice=0):
                self._finish = event.finish
            case Failed():
                self._failed = True
                return _event("error", failed_wire(event))
            case _ if getattr(event, "choice", None) == 0:
                return self._content(event)
        return b""

    def passed(self, data: bytes) -> bytes:
        """The bytes as they are."""
        return data

    def close(self) -> bytes:
        """The end of the message; nothing after a failure."""
        if self._failed:
            return b""
        out = self._start() + self._stop_all()
        out += b"".join(self._begin_whole(redacted_block(entry)) for entry in self._amended)
        extra = extras(self._head.id, self._head.extra)
        details = {key: extra.pop(key) for key in ("stop_details", "container") if key in extra}
        end: dict[str, Any] = {"delta": {**ending(self._finish, self._blocks), **details}}
        end["usage"] = write_usage(self._usage)
        if self._foreign:
            end["native_parts"] = self._foreign
        return out + _event("message_delta", {**end, **extra}) + _event("message_stop", {})

    # ------------------------------------------------------------------------------------- the message

    def _begin(self, event: Begin) -> None:
        head = self._head
        self._head = Begin(id=head.id or event.id, model=head.model or event.model, extra=head.extra | event.extra)

    def _start(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = {
            "id": message_id(self._head.id),
            "type": "message",
            "role": "assistant",
            "model": self._head.model or self._request.model,
            "content": [],
            **ending(None, ()),
            "usage": write_usage(self._usage),
        }
        return _event("message_start", {"message": message})

    # -------------------------------------------------------------------------------------- the blocks

    def _content(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                self._text_block = event.block
                return self._say(_Key("text", event.block), {"type": "text_delta", "text": event.text}, event.text)
            case RefusalDelta():
                if event.text == explanation(extras(self._head.id, self._head.extra)):
                    return b""
                return self._say(_Key(REFUSAL, None), {"type": "text_delta", "text": event.text}, event.text)
            case ReasoningDelta():
                thought = {"type": "thinking_delta", "thinking": event.text}
                return self._say(_Key("thinking", event.block), thought, event.text)
            case OpaqueDelta(amends=True):
                self._amended.append(event.data)
                return b""
            case OpaqueDelta():
                return self._blob(event)
            case Annotation():
                note = {"type": "citations_delta", "citation": to_anthropic(event.data)}
                return self._say(_Key("text", self._text_block), note, "a note")
            case ToolCallDelta():
                return self._call(event)
            case ContentDelta():
                return self._whole(event)
        return b""

    def _say(self, key: _Key, delta: dict[str, Any], said: str) -> bytes:
        """A piece of a block, which begins where it is not open; nothing where nothing is said."""
        if not said:
            return b""
        out = b""
        if key not in self._open:
            out = self._start() + self._stop_done() + self._begin_block(key, _EMPTY[key.kind])
        return out + self._delta(key, delta)

    def _blob(self, event: OpaqueDelta) -> bytes:
        """What must come back: in the thinking that it signs, which it ends, or in a block of its own."""
        entry = event.data
        if secret(entry) is None:
            return b""
        if not is_signature(entry):
            return self._begin_whole(redacted_block(entry))
        key = _Key("thinking", event.block)
        signature = {"type": "signature_delta", "signature": secret(entry)}
        return self._say(key, signature, "a signature") + self._stop(key)

    def _call(self, event: ToolCallDelta) -> bytes:
        key = _Key("tool_use", event.index)
        out = b""
        if key in self._ended:
            return out  # its arguments are whole: what comes now is empty
        if key not in self._open:
            out = self._start() + self._stop_done()
            out += self._begin_block(key, call_block(event.id or "", event.name or "", event.extra))
        block = self._open[key]
        more = "{}" if event.arguments == "null" and not block.arguments else event.arguments
        if more:
            block.arguments.append(more)
            out += self._delta(key, {"type": "input_json_delta", "partial_json": more})
        return out

    def _stop_done(self) -> bytes:
        """The ends of all blocks but of calls whose arguments are not whole yet."""
        return b"".join(self._stop(key) for key, block in list(self._open.items()) if block.is_done(key.kind))

    def _whole(self, event: ContentDelta) -> bytes:
        block = whole_block(event.part)
        if block is None:
            self._foreign.append(msgspec.to_builtins(event.part))
            return b""
        return self._begin_whole(block)

    def _begin_whole(self, block: dict[str, Any]) -> bytes:
        key = _Key("whole", len(self._blocks))
        return self._start() + self._stop_done() + self._begin_block(key, block) + self._stop(key)

    def _begin_block(self, key: _Key, block: Mapping[str, Any]) -> bytes:
        index = len(self._blocks)
        self._blocks.append(dict(block))
        self._open[key] = _Open(index)
        return _event("content_block_start", {"index": index, "content_block": block})

    def _delta(self, key: _Key, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._open[key].index, "delta": delta})

    def _stop(self, key: _Key) -> bytes:
        if key.kind == "tool_use":
            self._ended.add(key)
        return _event("content_block_stop", {"index": self._open.pop(key).index})

    def _stop_all(self) -> bytes:
        return b"".join(self._stop(key) for key in list(self._open))


_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    REFUSAL: {"type": "text", "text": "", REFUSAL: True},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


def _is_whole(arguments: str) -> bool:
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _event(kind: str, fields: Mapping[str, Any]) -> bytes:
    return write_event(msgspec.json.encode({"type": kind, **fields}), kind)
