"""What the answers of chat and of plain completions share for clients: ids, ends, and the chunks of a stream.

A stream keeps one id, creation time and model in all its chunks. Usage is written once, in a last chunk without
choices, and only if the client asked for it: most clients read `choices[0]` of every chunk.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, ClassVar

import msgspec

from assay.dialects.chat_answer import KINDS
from assay.dialects.chat_usage import write_usage
from assay.dialects.event_borders import apart
from assay.dialects.fields import merge, unmarked
from assay.dialects.openai_errors import write_failed
from assay.dialects.sse import DONE, Parser, write_event
from assay.types import Begin, Event, Failed, Finish, Finished, Logprobs, Raw, Request, TextDelta, UsageReport

__all__ = ["ChunkEncoder", "choice_notes", "finish_wire", "new_id", "without_role"]

_STEADY = ("system_fingerprint", "service_tier")  # these stand in every chunk
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_ROLE = re.compile(rb'"role"\s*:\s*"assistant"\s*,\s*')


def without_role(data: bytes) -> bytes:
    """The first piece of an answer for a client that has had its role already, from one that broke off."""
    return _ROLE.sub(b"", data, count=1)


def new_id(prefix: str) -> str:
    """An id for an answer whose provider gave none."""
    return f"{prefix}-{os.urandom(16).hex()}"


def choice_notes(extra: dict[str, Any], key: str) -> dict[str, Any]:
    """The notes of a reader under `key`, or nothing."""
    notes = extra.get(key)
    return notes if isinstance(notes, dict) else {}


def finish_wire(finish: Finish | None) -> dict[str, Any]:
    """Why a choice ended, in OpenAI's words, with the provider's own beside them where it has others."""
    wire: dict[str, Any] = {"finish_reason": finish.kind if finish else None}
    if finish and finish.native and finish.native not in KINDS:
        wire["native_finish_reason"] = finish.native
    if finish and finish.stop_sequence is not None:
        wire["stop_reason"] = finish.stop_sequence
    return wire


class ChunkEncoder:
    """What the streams of chat and of plain completions share: head, usage, errors and the end."""

    content_type: ClassVar[str] = "text/event-stream"
    prefix: ClassVar[str]
    object: ClassVar[str]
    _begun = Begin()
    _head: dict[str, Any] | None = None
    _usage: dict[str, Any] | None = None
    _failed = False

    def __init__(self, request: Request) -> None:
        self._request = request
        self._steady: dict[str, Any] = {}
        self._fresh: dict[str, Any] = {}  # top-level fields that no chunk has carried yet

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

    def headed(self) -> None:
        """The client has had the head of an answer, with its role, as bytes of a host."""

    def passed(self, data: bytes) -> bytes:
        """The bytes as they are, but for the chunk of usage where only the ledger asked for it."""
        if self._request.stream_usage or not _NO_CHOICES.search(data):
            return data
        return b"".join(event for event in apart(data) if not _is_usage(event))

    def close(self) -> bytes:
        """What came late, usage if the client wants it, and the end marker; nothing after a failure."""
        if self._failed:
            return b""
        last: dict[str, Any] = {}
        if self._usage is not None and self._request.stream_usage:
            last["usage"] = self._usage
        elif self._fresh and (empty := self._delta(TextDelta(text=""))):
            return self._chunk([empty]) + DONE
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


def _is_usage(event: bytes) -> bool:
    """Whether it is the chunk that `stream_options.include_usage` asks for: usage, and no choices."""
    for one in Parser().feed(event):
        try:
            chunk = msgspec.json.decode(one.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return isinstance(chunk, dict) and chunk.get("choices") == [] and bool(chunk.get("usage"))
    return False
