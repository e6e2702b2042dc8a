"""Gemini's batches: one call with all requests, an operation that holds its results when it is done.

States are Google's `BATCH_STATE_...`, which its libraries call `JOB_STATE_...`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from assay.dialects.batches.form import Call, Item, Job, Page, Result
from assay.dialects.batches.pieces import Whole, decoded
from assay.errors import MalformedReply
from assay.types import Value

__all__ = ["GeminiBatches"]

_JSON = {"content-type": "application/json"}
_PAGE = 100
_LIVE, _BATCH = ":generateContent", ":batchGenerateContent"
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_CANCELLED, _DEADLINE = 1, 4
_STATUSES = {2: 500, 3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401}
"""The HTTP status of a code of `google.rpc.Code`."""
_LEAST_HTTP = 100


class _Stats(Value, frozen=True, kw_only=True, rename="camel"):
    request_count: int = 0
    pending_request_count: int | None = None


class _Key(Value, frozen=True, kw_only=True):
    key: str | None = None


class _Told(Value, frozen=True, kw_only=True):
    code: int = 13
    message: str | None = None


class _Inlined(Value, frozen=True, kw_only=True):
    metadata: _Key = _Key()
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"{}")


class _InlinedList(Value, frozen=True, kw_only=True, rename="camel"):
    inlined_responses: tuple[_Inlined, ...] = ()


class _Output(Value, frozen=True, kw_only=True, rename="camel"):
    inlined_responses: _InlinedList | None = None


class _Metadata(Value, frozen=True, kw_only=True, rename="camel"):
    state: str = ""
    display_name: str | None = None
    create_time: datetime | None = None
    batch_stats: _Stats | None = None
    output: _Output | None = None


class _Operation(Value, frozen=True, kw_only=True):
    name: str
    done: bool = False
    metadata: _Metadata = _Metadata()
    error: _Told | None = None
    response: _Output | None = None


class _List(Value, frozen=True, kw_only=True, rename="camel"):
    operations: tuple[_Operation, ...] = ()
    next_page_token: str | None = None


class GeminiBatches:
    """`batchGenerateContent` with inline requests; the methods are described in `form.BatchForm`.

    Limits: Google's guide to its batch API, 20 MB of inline requests; it names no number of them.
    """

    max_items: ClassVar[int] = 50_000
    max_bytes: ClassVar[int] = 20_000_000
    tags_jobs: ClassVar[bool] = True

    def line(self, item: Item) -> bytes:
        """An element of `requests`."""
        return b'{"request":' + item.body + b',"metadata":{"key":' + msgspec.json.encode(item.id) + b"}}"

    def upload(self, job: str, lines: Sequence[bytes]) -> Call | None:
        """Nothing is uploaded before."""
        return None

    def read_upload(self, body: bytes) -> str:
        """Nothing was."""
        return ""

    def create(self, job: str, path: str, lines: Sequence[bytes], uploaded: str | None) -> Call:
        """A job with its requests."""
        head = b'{"batch":{"display_name":' + msgspec.json.encode(job)
        body = head + b',"input_config":{"requests":{"requests":[' + b",".join(lines) + b"]}}}}"
        return Call("POST", path.removesuffix(_LIVE) + _BATCH, body, _JSON)

    def state(self, job: str) -> Call:
        """The operation."""
        return Call("GET", _path(job))

    def read_job(self, body: bytes) -> Job:
        """An operation; raises `MalformedReply`. A cancellation is answered with nothing."""
        if body.strip() in (b"", b"{}"):
            return Job(id="", state="cancelling", ended=False)
        return _job(decoded(body, _Operation, "the state of a batch"))

    def results(self, job: Job) -> list[Call]:
        """The operation once more: it holds them."""
        return [Call("GET", _path(name)) for name in job.results]

    def pieces(self) -> Whole:
        """It is one document."""
        return Whole()

    def read_results(self, piece: bytes) -> Iterator[Result]:
        """All results; raises `MalformedReply`."""
        operation = decoded(piece, _Operation, "the results of a batch")
        output = operation.response or operation.metadata.output or _Output()
        for one in (output.inlined_responses or _InlinedList()).inlined_responses:
            if one.metadata.key is None:
                raise MalformedReply("a result of a batch does not say which request it is of")
            yield _result(one.metadata.key, one)

    def cancel(self, job: str) -> Call:
        """Stop the job."""
        return Call("POST", f"{_path(job)}:cancel", b"{}", _JSON)

    def jobs(self, after: str | None) -> Call:
        """The project's jobs."""
        more = f"&pageToken={quote(after, safe='')}" if after is not None else ""
        return Call("GET", f"/batches?pageSize={_PAGE}{more}")

    def read_page(self, body: bytes) -> Page:
        """Some of its jobs; raises `MalformedReply`."""
        page = decoded(body, _List, "the list of batches")
        return Page(tuple(map(_job, page.operations)), page.next_page_token or None)


def _path(name: str) -> str:
    """`batches/NAME` as two segments of a path, whatever the second one holds."""
    return f"/batches/{quote(name.removeprefix('batches/'), safe='')}"


def _job(operation: _Operation) -> Job:
    told, stats = operation.metadata, operation.metadata.batch_stats
    state = told.state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    pending = stats.pending_request_count if stats is not None else None
    ended = operation.done or state in _ENDED
    output = operation.response or told.output
    return Job(
        id=operation.name,
        state=state.lower() or ("done" if ended else "unknown"),
        ended=ended,
        done=stats.request_count - (pending or 0) if stats is not None and (ended or pending is not None) else None,
        total=stats.request_count if stats is not None else None,
        problem=_problem(operation) if state == "FAILED" or operation.error is not None else None,
        results=(operation.name,) if ended and output is not None else (),
        tag=told.display_name,
        created_at=told.create_time.timestamp() if told.create_time is not None else None,
    )


def _problem(operation: _Operation) -> str:
    said = operation.error.message if operation.error is not None else None
    return said or "the host does not say why"


def _result(key: str, one: _Inlined) -> Result:
    response, body = bytes(one.response), bytes(one.error)
    if response != b"null":
        return Result(key, "answered", 200, response)
    code = decoded(body, _Told, "an error in a batch's results").code
    if code == _CANCELLED:
        return Result(key, "cancelled")
    if code == _DEADLINE:
        return Result(key, "expired")
    status = code if code >= _LEAST_HTTP else _STATUSES.get(code, 500)
    return Result(key, "answered", status, b'{"error":' + body + b"}")
