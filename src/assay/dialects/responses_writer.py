"""Answers for clients of OpenAI's Responses: whole bodies and streams.

A whole answer is what the stream's last event holds: both are made from the same events. Beside the output an answer
repeats what was asked for, as the format wants it: instructions, tools and the form of the text as the client said
them, since a deployment may have added its own; settings as the upstream applied them, if it speaks this format.
A finish that this format has no word for is in `native_finish_reason`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from assay.dialects.fields import merge, unmarked
from assay.dialects.responses_answer import RESPONSE
from assay.dialects.responses_custom import free_text_names
from assay.dialects.responses_items import INSTRUCTIONS
from assay.dialects.responses_output import Output
from assay.dialects.responses_tools import choice_wire, format_wire, tool_wire
from assay.dialects.responses_usage import write_usage
from assay.dialects.sse import write_event
from assay.dialects.told import told_failed
from assay.dialects.unfold import events_of
from assay.types import Begin, Event, Failed, Finish, Finished, Logprobs, Raw, Request, Response, TextDelta, UsageReport

__all__ = ["ResponsesEncoder", "write_response"]

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_WORDS = {"completed", "max_output_tokens", "content_filter", "max_messages", "steered", "stop", "length", "tool_calls"}
_UNFINISHED = {"queued", "in_progress", "cancelled"}  # what is made in the background
_ALWAYS: dict[str, Any] = {
    "background": False, "max_output_tokens": None, "metadata": {}, "previous_response_id": None, "reasoning": None,
    "store": False, "temperature": None, "text": {"format": {"type": "text"}}, "top_p": None, "truncation": "disabled",
}  # fmt: skip
_NAMES = {*_ALWAYS, "access_programs", "completed_at", "conversation", "image", "input_transformations", "moderation",
          "max_tool_calls", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
          "safety_identifier", "tool_usage", "top_logprobs", "user"}  # fmt: skip
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
_REPEATED = (
    "background", "conversation", "max_tool_calls", "metadata", "previous_response_id", "prompt", "prompt_cache_key",
    "safety_identifier", "store", "truncation", "user",
)  # fmt: skip


def write_response(response: Response, request: Request) -> bytes:
    """A whole answer."""
    answer = _Answer(request)
    tokens = iter((response.logprobs or {}).get("content") or ())
    for event in events_of(response):
        if not isinstance(event, Logprobs):
            answer.take(event)
        if isinstance(event, TextDelta) and event.choice == 0:
            answer.take(Logprobs(data={"content": _spelling(tokens, event.text)}))
    answer.output.close(answer.finish)
    return msgspec.json.encode(answer.body(answer.status))


def _spelling(tokens: Iterator[Any], text: str) -> list[Any]:
    """The next tokens, as many as spell a text: an answer has one list of them, and this format one for each text."""
    taken: list[Any] = []
    spelt = 0
    while spelt < len(text) and (token := next(tokens, None)) is not None:
        taken.append(token)
        spelt += len(token.get("token") or "") if isinstance(token, dict) else 0
    return taken


class _Answer:
    """What is known of an answer so far."""

    def __init__(self, request: Request) -> None:
        self.output = Output(free_text_names(request.tools))
        self.finish: Finish | None = None
        self.error: dict[str, Any] | None = None
        self._request = request
        self._head: Begin | None = None
        self._id = f"resp_{os.urandom(16).hex()}"
        self._created = int(time.time())
        self._extra: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None

    def take(self, event: Event) -> list[dict[str, Any]]:
        """Take an event; returns what the stream has to say of the output."""
        match event:
            case Begin():
                self._begin(event)
            case UsageReport():
                self._usage = write_usage(event.usage)
            case Finished(choice=0):
                self.finish = event.finish
                self._extra |= event.extra
        return self.output.take(event)

    @property
    def status(self) -> str:
        """How the answer ended."""
        if self.error is not None or (self.finish and self.finish.kind == "error"):
            return "failed"
        if self.finish is None:
            return "completed"
        if self.finish.native in _UNFINISHED:
            return str(self.finish.native)
        return "incomplete" if self.finish.kind in _REASONS else "completed"

    def body(self, status: str) -> dict[str, Any]:
        """The whole answer, or what a stream says of it at its beginning."""
        begun = status == "in_progress" and self.finish is None
        finish = None if begun else self.finish
        body: dict[str, Any] = {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": self.error or _error_of(finish),
            "incomplete_details": _details(finish),
            "model": (self._head and self._head.model) or self._request.model,
            "output": [] if begun else self.output.items,
            "usage": None if begun else self._usage,
            **_asked(self._request),
        }
        if finish and finish.native and finish.native not in _WORDS | _UNFINISHED:
            body["native_finish_reason"] = finish.native
        if finish and finish.stop_sequence is not None:
            body["stop_sequence"] = finish.stop_sequence
        if self.output.native_parts and not begun:
            body["native_parts"] = self.output.native_parts
        applied = self._extra.get(RESPONSE)
        merge(body, applied if isinstance(applied, dict) else {})
        merge(body, _settings(self._request))
        _put_foreign(body, unmarked(self._extra))
        return merge(body, _ALWAYS)

    def _begin(self, event: Begin) -> None:
        if self._head is None:
            self._id = event.id or self._id
            self._created = self._created if event.created is None else event.created
        if self._head is None or not self._head.model:
            self._head = event
        self._extra |= event.extra


def _details(finish: Finish | None) -> dict[str, Any] | None:
    reason = _REASONS.get(finish.kind) if finish else None
    return {"reason": reason} if reason else None


def _error_of(finish: Finish | None) -> dict[str, Any] | None:
    if finish is None or finish.kind != "error":
        return None
    return {"code": "server_error", "message": f"the provider ended its answer with {finish.native or 'an error'}"}


def _put_foreign(body: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Fields of another format's answer; one whose name means something else here stands in `native_fields`."""
    for key, value in extra.items():
        if key not in body and key not in _NAMES and (key != "service_tier" or value in _TIERS):
            body[key] = value
        elif body.get(key) != value:
            body.setdefault("native_fields", {})[key] = value


def _asked(request: Request) -> dict[str, Any]:
    """What an answer repeats of its request, whatever the upstream says."""
    first = request.messages[0] if request.messages else None
    wire: dict[str, Any] = {
        "instructions": first.text if first is not None and INSTRUCTIONS in first.extra else None,
        "tools": [tool_wire(tool) for tool in request.tools],
        "tool_choice": choice_wire(request.tool_choice) if request.tool_choice else "auto",
        "parallel_tool_calls": request.parallel_tool_calls is not False,
    }
    return wire | ({"text": {"format": format_wire(request.output)}} if request.output else {})


def _settings(request: Request) -> dict[str, Any]:
    """What it repeats where the upstream does not say what it applied."""
    sampling = request.sampling
    asked: dict[str, Any] = {
        "max_output_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_logprobs": sampling.top_logprobs,
        "reasoning": _effort(request),
        **{key: request.extra.get(key) for key in _REPEATED},
    }
    return {key: value for key, value in asked.items() if value is not None}


def _effort(request: Request) -> Mapping[str, Any] | None:
    effort, summary = request.sampling.reasoning_effort, request.extra.get("reasoning.summary")
    return None if effort is None and summary is None else {"effort": effort, "summary": summary}


class ResponsesEncoder:
    """Turns events into the events of a stream."""

    content_type: ClassVar[str] = "text/event-stream"

    def __init__(self, request: Request) -> None:
        self._answer = _Answer(request)
        self._number = 0
        self._begun = False
        self._ended = False

    def encode(self, event: Event) -> bytes:
        """The bytes for one event; may be empty. `Raw` writes nothing: its decoded events follow."""
        if isinstance(event, Raw) or self._ended:
            return b""
        told = [] if isinstance(event, Failed) else self._answer.take(event)
        head = b"" if self._begun else self._head()
        if isinstance(event, Failed):
            return head + self._fail(event)
        if isinstance(event, Finished) and event.choice == 0:
            told += self._answer.output.close(event.finish)
        return head + b"".join(self._wire(one) for one in told)

    def passed(self, data: bytes) -> bytes:
        """The bytes as they are."""
        return data

    def close(self) -> bytes:
        """The last event, with the whole answer; nothing after a failure."""
        if self._ended:
            return b""
        self._ended = True
        head = b"" if self._begun else self._head()
        answer = self._answer
        rest = b"".join(self._wire(one) for one in answer.output.close(answer.finish))
        status = answer.status
        kind = status if status in ("failed", "incomplete") else "completed"
        return head + rest + self._wire({"type": f"response.{kind}", "response": answer.body(status)})

    def _head(self) -> bytes:
        self._begun = True
        body = self._answer.body("in_progress")
        kinds = ("response.created", "response.in_progress")
        return b"".join(self._wire({"type": kind, "response": body}) for kind in kinds)

    def _fail(self, event: Failed) -> bytes:
        """The error twice: `error` makes the official SDKs raise, `response.failed` ends the answer."""
        self._ended = True
        said = told_failed(event)
        told = {"code": said.code, "message": said.message, "param": said.field}
        self._answer.error = {"code": said.code, "message": said.message}
        self._answer.output.close(Finish(kind="length"))
        error = self._wire({"type": "error", **told, "error": {"type": "server_error", **told}})
        return error + self._wire({"type": "response.failed", "response": self._answer.body("failed")})

    def _wire(self, event: dict[str, Any]) -> bytes:
        data = msgspec.json.encode(event | {"sequence_number": self._number})
        self._number += 1
        return write_event(data, event["type"])
