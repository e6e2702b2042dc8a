"""Anthropic's message batches: one call with all requests, results as JSON lines.

A job has no place for an id of ours. One whose acknowledgement was lost is looked for by its time and its number of
requests, and known for certain by the ids in its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from assay.dialects.batches.form import Call, Item, Job, Page, Result
from assay.dialects.batches.pieces import Lines, decoded
from assay.types import Value

__all__ = ["AnthropicBatches"]

_PATH = "/messages/batches"
_HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
_PAGE = 100
_STATUSES = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "timeout_error": 504,
    "overloaded_error": 529,
}  # fmt: skip
"""What a live call with this error would have had; the results tell its type only."""


class _Counts(Value, frozen=True, kw_only=True):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Batch(Value, frozen=True, kw_only=True):
    id: str
    processing_status: str
    created_at: datetime | None = None
    cancel_initiated_at: datetime | None = None
    request_counts: _Counts | None = None


class _List(Value, frozen=True, kw_only=True):
    data: tuple[_Batch, ...]
    has_more: bool = False
    last_id: str | None = None


class _Named(Value, frozen=True, kw_only=True):
    type: str = "api_error"


class _Told(Value, frozen=True, kw_only=True):
    error: _Named = _Named()


class _Outcome(Value, frozen=True, kw_only=True):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"{}")


class _Line(Value, frozen=True, kw_only=True):
    custom_id: str
    result: _Outcome


class AnthropicBatches:
    """The endpoint `/messages/batches`; the methods are described in `form.BatchForm`.

    Limits: Anthropic's guide to batch processing, 100,000 requests and 256 MB.
    """

    max_items: ClassVar[int] = 100_000
    max_bytes: ClassVar[int] = 256_000_000
    tags_jobs: ClassVar[bool] = False

    def line(self, item: Item) -> bytes:
        """An element of `requests`."""
        return b'{"custom_id":' + msgspec.json.encode(item.id) + b',"params":' + item.body + b"}"

    def upload(self, job: str, lines: Sequence[bytes]) -> Call | None:
        """Nothing is uploaded before."""
        return None

    def read_upload(self, body: bytes) -> str:
        """Nothing was."""
        return ""

    def create(self, job: str, path: str, lines: Sequence[bytes], uploaded: str | None) -> Call:
        """A job with its requests."""
        return Call("POST", _PATH, b'{"requests":[' + b",".join(lines) + b"]}", _HEADERS)

    def state(self, job: str) -> Call:
        """The job."""
        return Call("GET", f"{_PATH}/{quote(job, safe='')}", headers=_HEADERS)

    def read_job(self, body: bytes) -> Job:
        """A job; raises `MalformedReply`."""
        return _job(decoded(body, _Batch, "the state of a batch"))

    def results(self, job: Job) -> list[Call]:
        """Its results: at our own address of it, for `results_url` could lead our key elsewhere."""
        return [Call("GET", f"{_PATH}/{quote(name, safe='')}/results", headers=_HEADERS) for name in job.results]

    def pieces(self) -> Lines:
        """Line by line."""
        return Lines()

    def read_results(self, piece: bytes) -> Iterator[Result]:
        """One result; raises `MalformedReply`."""
        line = decoded(piece, _Line, "a line of a batch's results")
        match line.result.type:
            case "succeeded":
                yield Result(line.custom_id, "answered", 200, bytes(line.result.message))
            case "expired":
                yield Result(line.custom_id, "expired")
            case "canceled":
                yield Result(line.custom_id, "cancelled")
            case _:
                body = bytes(line.result.error)
                named = decoded(body, _Told, "an error in a batch's results").error.type
                yield Result(line.custom_id, "answered", _STATUSES.get(named, 500), body)

    def cancel(self, job: str) -> Call:
        """Stop the job."""
        return Call("POST", f"{_PATH}/{quote(job, safe='')}/cancel", b"", _HEADERS)

    def jobs(self, after: str | None) -> Call:
        """The workspace's jobs, newest first."""
        more = f"&after_id={quote(after, safe='')}" if after is not None else ""
        return Call("GET", f"{_PATH}?limit={_PAGE}{more}", headers=_HEADERS)

    def read_page(self, body: bytes) -> Page:
        """Some of its jobs; raises `MalformedReply`."""
        page = decoded(body, _List, "the list of batches")
        return Page(tuple(map(_job, page.data)), page.last_id if page.has_more else None)


def _job(batch: _Batch) -> Job:
    counts = batch.request_counts
    done = counts.succeeded + counts.errored + counts.canceled + counts.expired if counts is not None else None
    ended = batch.processing_status == "ended"
    return Job(
        id=batch.id,
        state="cancelled" if ended and batch.cancel_initiated_at is not None else batch.processing_status,
        ended=ended,
        done=done,
        total=counts.processing + done if counts is not None and done is not None else None,
        results=(batch.id,) if ended else (),
        created_at=batch.created_at.timestamp() if batch.created_at is not None else None,
    )
