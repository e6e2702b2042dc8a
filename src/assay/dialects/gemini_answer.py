"""Gemini's answers to events: whole and streamed, read by the same code; token counts and embeddings too.

A whole answer is a stream of one chunk; what was streamed as a JSON array is one of several. The end of each candidate
is told when the answer has ended, since a call or a note may follow the chunk that has the finish reason. What has no
event of its own goes to `extra` under the provider's names: of the top level to `Begin.extra` (`promptFeedback`), of a
candidate to `Finished.extra` (`groundingMetadata`, `safetyRatings`, `finishMessage`, ...).

A prompt that was blocked has no candidates: the answer ends at once, as `content_filter` with the provider's reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.chunk_stream import UNREADABLE, decoded, unreadable
from assay.dialects.gemini_candidate import Candidate
from assay.dialects.gemini_errors import failed
from assay.dialects.gemini_usage import read_usage
from assay.dialects.upstream_json import text_or_none
from assay.errors import MalformedReply
from assay.types import Begin, Embedded, Event, Finish, Finished, Usage, UsageReport

__all__ = ["Reader", "read_response"]

_TOP = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime", "error"})
_EMBEDDINGS = ("embeddings", "embedding")


def read_response(body: bytes) -> list[Event]:
    """The events of a whole answer; of an error object under status 200 a `Failed`.

    Raises:
        MalformedReply: not JSON, no candidates, or an array that was cut.
    """
    value = decoded(body)
    chunks = value if isinstance(value, list) else [value]
    try:
        return _read(chunks, is_stream=isinstance(value, list))
    except UNREADABLE as error:
        raise unreadable(body) from error
    except MalformedReply as error:
        error.body = body[:2000]
        raise


def _read(chunks: list[dict[str, Any]], *, is_stream: bool) -> list[Event]:
    first = chunks[0] if chunks else {}
    if any(key in first for key in _EMBEDDINGS):
        return _embeddings(first)
    if "totalTokens" in first:
        return _count(first)
    reader = Reader()
    out = [event for chunk in chunks for event in reader.chunk(chunk)]
    if not (reader.answered or reader.failed):
        raise MalformedReply("the answer has no candidates")
    if is_stream and not (reader.finished or reader.failed):
        raise MalformedReply("the stream ended before its end marker")
    return out + reader.close()


class Reader:
    """Turns the chunks of one answer into events."""

    def __init__(self) -> None:
        self._head = Begin()
        self._told: dict[str, Any] = {}  # fields of the top level that are out
        self._usage: dict[str, Any] = {}
        self._candidates: dict[int, Candidate] = {}
        self._blocked: str | None = None
        self.failed = False

    @property
    def answered(self) -> bool:
        """Whether anything was said: a candidate, or why there is none."""
        return bool(self._candidates) or self._blocked is not None

    @property
    def finished(self) -> bool:
        """Whether every candidate that was seen is complete, and there is one, or the prompt was blocked."""
        return self.answered and all(candidate.ended is not None for candidate in self._candidates.values())

    def chunk(self, body: dict[str, Any]) -> list[Event]:
        """The events of one chunk."""
        out: list[Event] = []
        self._begin(body, out)
        # Before what is said, for clients whose streams begin with the size of the input.
        usage = self._usage | (body.get("usageMetadata") or {})
        if usage != self._usage:
            self._usage = usage
            out.append(UsageReport(usage=read_usage(usage)))
        for wire in body.get("candidates") or ():
            self._candidate(wire.get("index") or 0).take(wire, self._head.id, out)
        reason = (body.get("promptFeedback") or {}).get("blockReason")
        if reason:
            self._blocked = str(reason)
        if body.get("error"):
            self.failed = True
            out.append(failed(body["error"]))
        return out

    def close(self) -> list[Event]:
        """The events that only the end of the answer completes."""
        out: list[Event] = []
        for candidate in self._candidates.values():
            candidate.close(out, failed=self.failed)
        if self._blocked is not None and not self._candidates:
            out.append(Finished(finish=Finish(kind="content_filter", native=self._blocked)))
        return out

    def _candidate(self, index: int) -> Candidate:
        if not isinstance(index, int):
            raise TypeError(f"the index of a candidate is {index!r:.100}")
        return self._candidates.setdefault(index, Candidate(index))

    def _begin(self, body: dict[str, Any], out: list[Event]) -> None:
        extra = {
            key: value
            for key, value in body.items()
            if key not in _TOP and value is not None and self._told.get(key) != value
        }
        before = self._head
        self._head = Begin(
            id=before.id or text_or_none(body.get("responseId")),
            model=before.model or text_or_none(body.get("modelVersion")),
            created=before.created if before.created is not None else _seconds(body.get("createTime")),
        )
        self._told |= extra
        if extra or self._head != before:
            out.append(Begin(id=self._head.id, model=self._head.model, created=self._head.created, extra=extra))


def _embeddings(body: Mapping[str, Any]) -> list[Event]:
    found = body["embeddings"] if "embeddings" in body else [body["embedding"]]
    out: list[Event] = [
        Embedded(index=number, vector=tuple(float(value) for value in entry["values"]))
        for number, entry in enumerate(found)
    ]
    if body.get("usageMetadata"):
        out.append(UsageReport(usage=read_usage(body["usageMetadata"])))
    return out


def _count(body: Mapping[str, Any]) -> list[Event]:
    total = int(body["totalTokens"])
    usage = Usage(input=total, cached=body.get("cachedContentTokenCount"), native=dict(body))
    return [UsageReport(usage=usage)]


def _seconds(value: object) -> int | None:
    """A point in time as seconds since 1970; `None` if it is none."""
    if not isinstance(value, str):
        return None
    from datetime import datetime  # few answers have it

    try:
        return int(datetime.fromisoformat(value).timestamp())
    except ValueError:
        return None
