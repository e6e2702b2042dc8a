"""Messages answers to events: whole and streamed, read by the same code.

A whole answer is read as the stream that it would have been: each block at once. What has no event of its own goes to
`Begin.extra`: unknown fields of the message and of its end, `stop_details` and `container` among them.

A refusal has no block here. Its explanation, where the host gives one, is a `RefusalDelta`; what the model said before
it stays text. `stop_details` then is in `Begin.extra` before it, so that a client of this format is not told it twice.

Blocks of a type that has no class are handed out whole, when they are complete, as `Unknown`: tools that ran at the
host, and their results.
"""

from __future__ import annotations

from typing import Any

import msgspec

from assay.dialects.anthropic_blocks import DIALECT, REFUSAL
from assay.dialects.anthropic_usage import read_usage
from assay.dialects.chunk_stream import UNREADABLE, decoded, unreadable
from assay.dialects.fields import MARK
from assay.dialects.opaque import ANTHROPIC, encrypted, signed
from assay.dialects.openai_errors import failed
from assay.dialects.upstream_json import need_text, text_or_none
from assay.errors import MalformedReply
from assay.types import (
    Annotation,
    Begin,
    ContentDelta,
    Event,
    Finish,
    Finished,
    FinishKind,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Unknown,
    UsageReport,
)  # fmt: skip

__all__ = ["KINDS", "Reader", "read_response"]

KINDS: dict[str, FinishKind] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_HEAD = {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"}
_END = {"stop_reason", "stop_sequence"}
_CALL = {"type", "id", "name", "input"}
_DIRECT = {"type": "direct"}  # the rule: the model itself called


def read_response(body: bytes) -> list[Event]:
    """The events of a whole answer, or of a count of tokens; of an error under status 200 a `Failed`.

    Raises:
        MalformedReply: not JSON, or neither an answer nor a count.
    """
    answer = decoded(body)
    if not isinstance(answer, dict):
        raise MalformedReply("the answer is not a JSON object", body=body[:2000])
    if answer.get("error"):
        return [failed(answer["error"])]
    try:
        if "content" not in answer and "input_tokens" in answer:
            return [UsageReport(usage=read_usage(answer))]
        return _whole(answer)
    except UNREADABLE as error:
        raise unreadable(body) from error


def _whole(answer: dict[str, Any]) -> list[Event]:
    reader = Reader()
    out = reader.chunk({"type": "message_start", "message": {"id": answer.get("id"), "model": answer.get("model")}})
    for index, block in enumerate(answer["content"]):
        out += reader.chunk({"type": "content_block_start", "index": index, "content_block": block})
        out += reader.chunk({"type": "content_block_stop", "index": index})
    end = {key: value for key, value in answer.items() if key not in _HEAD or key in _END}
    out += reader.chunk({"type": "message_delta", "delta": end, "usage": answer.get("usage")})
    return out + reader.chunk({"type": "message_stop"})


class _Block:
    """One content block that is not complete yet."""

    __slots__ = ("call", "noted", "pieces", "signature", "wire")

    def __init__(self, wire: dict[str, Any]) -> None:
        self.wire = dict(wire)
        self.pieces: list[str] = []  # of the JSON text of a tool's input
        self.signature = ""
        self.call: int | None = None  # running number of a tool call
        self.noted = False  # whether its text has begun, so that notes on it find it


class Reader:
    """Turns the events of one stream into ours."""

    def __init__(self) -> None:
        self.failed = False
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._told: dict[str, Any] = {}  # what has been told in `Begin.extra`
        self._ended = False  # whether `Finished` was told
        self.finished = False  # whether the host marked the end

    def chunk(self, body: dict[str, Any]) -> list[Event]:
        """The events of one event of the stream; of a kind that we do not know there are none."""
        out: list[Event] = []
        match body.get("type"):
            case "message_start":
                self._start(body["message"], out)
            case "content_block_start":
                self._open(_number(body["index"]), body["content_block"], out)
            case "content_block_delta":
                self._delta(_number(body["index"]), body["delta"], out)
            case "content_block_stop":
                self._close(_number(body["index"]), out)
            case "message_delta":
                self._end(body, out)
            case "message_stop":
                if not self._ended and not self.failed:
                    self._finish({}, out)
                self.finished = True
            case "error":
                self.failed = True
                out.append(failed(body.get("error")))
        return out

    def close(self) -> list[Event]:
        """Nothing is left to tell.

        Raises:
            MalformedReply: `message_stop` has not come. A client of this format waits for it, a reason or not.
        """
        if not (self.finished or self.failed):
            raise MalformedReply("the stream ended before its end marker")
        return []

    # ------------------------------------------------------------------------------- the whole message

    def _start(self, message: dict[str, Any], out: list[Event]) -> None:
        extra = self._news({key: value for key, value in message.items() if key not in _HEAD})
        out.append(Begin(id=text_or_none(message.get("id")), model=text_or_none(message.get("model")), extra=extra))
        self._explain(extra, out)
        self._report(message.get("usage"), out)

    def _end(self, body: dict[str, Any], out: list[Event]) -> None:
        delta = body.get("delta") or {}
        more = {key: value for key, value in body.items() if key not in ("type", "delta", "usage")}
        extra = self._news({**more, **{key: value for key, value in delta.items() if key not in _END}})
        if extra:
            out.append(Begin(extra=extra))
            self._explain(extra, out)
        self._report(body.get("usage"), out)
        if delta.get("stop_reason"):
            self._finish(delta, out)

    def _news(self, extra: dict[str, Any]) -> dict[str, Any]:
        """What has not been told yet; a null tells nothing."""
        news = {
            key: value
            for key, value in extra.items()
            if value is not None and self._told.get(key) != value and not key.startswith(MARK)
        }
        self._told.update(news)
        return news

    def _explain(self, extra: dict[str, Any], out: list[Event]) -> None:
        details = extra.get("stop_details")
        if isinstance(details, dict) and details.get("type") == "refusal" and text_or_none(details.get("explanation")):
            out.append(RefusalDelta(text=details["explanation"]))

    def _report(self, usage: object, out: list[Event]) -> None:
        """The numbers of the end are totals, and stand over those of the start."""
        if isinstance(usage, dict) and usage:
            self._usage |= {key: value for key, value in usage.items() if value is not None or key not in self._usage}
            out.append(UsageReport(usage=read_usage(self._usage)))

    def _finish(self, delta: dict[str, Any], out: list[Event]) -> None:
        for index in sorted(self._blocks):
            self._close(index, out)
        self._ended = True
        word = text_or_none(delta.get("stop_reason"))
        kind = KINDS.get(word or "", "stop")
        hit = text_or_none(delta.get("stop_sequence"))
        out.append(Finished(finish=Finish(kind=kind, native=word, stop_sequence=hit)))

    # -------------------------------------------------------------------------------------- one block

    def _open(self, index: int, wire: dict[str, Any], out: list[Event]) -> None:
        block = self._blocks[index] = _Block(wire)
        match wire["type"]:
            case "text":
                self._say(index, wire, out)
                for note in wire.get("citations") or ():
                    self._note(index, note, out)
            case "thinking":
                self._think(index, wire, out)
            case "redacted_thinking":
                out.append(OpaqueDelta(data=_blob(wire), block=index))
            case "tool_use":
                block.call, self._calls = self._calls, self._calls + 1
                extra = {key: value for key, value in wire.items() if key not in _CALL}
                if extra.get("caller") == _DIRECT:
                    del extra["caller"]
                ident, name = need_text(wire["id"]), need_text(wire["name"])
                out.append(ToolCallDelta(index=block.call, id=ident, name=name, extra=extra))

    def _delta(self, index: int, delta: dict[str, Any], out: list[Event]) -> None:
        block = self._blocks[index]
        match delta["type"]:
            case "text_delta":
                self._say(index, delta, out)
            case "citations_delta":
                self._note(index, delta["citation"], out)
            case "thinking_delta" | "signature_delta":
                self._think(index, delta, out)
            case "input_json_delta":
                piece = need_text(delta["partial_json"])
                block.pieces.append(piece)
                if block.call is not None and piece:
                    out.append(ToolCallDelta(index=block.call, arguments=piece))
            case _:  # of a block that is handed out whole
                _grow(block.wire, delta)

    def _close(self, index: int, out: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        given = "".join(block.pieces)
        if block.signature:
            out.append(OpaqueDelta(data=signed(block.signature, ANTHROPIC), block=index))
        if block.call is not None:
            if not given:
                text = msgspec.json.encode(block.wire.get("input") or {}).decode()
                out.append(ToolCallDelta(index=block.call, arguments=text))
        elif block.wire["type"] not in ("text", "thinking", "redacted_thinking"):
            if given:
                block.wire["input"] = msgspec.json.decode(given)
            out.append(ContentDelta(part=Unknown(dialect=DIALECT, raw=block.wire)))

    def _say(self, index: int, delta: dict[str, Any], out: list[Event]) -> None:
        block, text = self._blocks[index], delta.get("text")
        if not text:
            return
        block.noted = True
        if block.wire.get(REFUSAL) is True:
            out.append(RefusalDelta(text=need_text(text)))
        else:
            out.append(TextDelta(text=need_text(text), block=index))

    def _note(self, index: int, note: object, out: list[Event]) -> None:
        """A citation; it may come before the text that it is of."""
        block = self._blocks[index]
        if not isinstance(note, dict):
            raise TypeError(f"the citation {note!r:.100} is not an object")
        if not block.noted:
            block.noted = True
            out.append(TextDelta(text="", block=index))
        out.append(Annotation(data=note))

    def _think(self, index: int, said: dict[str, Any], out: list[Event]) -> None:
        if said.get("thinking"):
            out.append(ReasoningDelta(text=need_text(said["thinking"]), block=index))
        if said.get("signature"):
            self._blocks[index].signature += need_text(said["signature"])


def _blob(wire: dict[str, Any]) -> dict[str, Any]:
    """The entry for a redacted block; `format` names another maker, whose blob a gateway like ours passed on."""
    data, maker = need_text(wire["data"]), wire.get("format")
    if maker is None:
        return encrypted(data, ANTHROPIC)
    more = {key: value for key, value in wire.items() if key not in ("type", "data", "format")}
    return {"type": "reasoning.encrypted", "data": data, "format": maker, **more}


def _grow(wire: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        before = wire.get(key)
        if key != "type":
            wire[key] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _number(value: object) -> int:
    if isinstance(value, int):
        return value
    raise TypeError(f"the index {value!r:.100} is not a number")
