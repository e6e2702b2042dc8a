"""OpenAI's batches: a file of JSON lines, a job over it, a file of answers and one of errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec

from assay.dialects.batches.form import Call, Item, Job, Page, Result
from assay.dialects.batches.pieces import Lines, decoded
from assay.types import Value

__all__ = ["OpenAIBatches"]

_JSON = {"content-type": "application/json"}
_TAG = "assay_batch"
_PAGE = 100
_VERSION = "/v1"  # of the path inside a job, which names the endpoint whatever the base URL is
_ENDED = ("completed", "failed", "expired", "cancelled")
_UNANSWERED = {"batch_expired": "expired", "batch_cancelled": "cancelled"}


class _Counts(Value, frozen=True, kw_only=True):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Problem(Value, frozen=True, kw_only=True):
    code: str | None = None
    message: str | None = None
    line: int | None = None


class _Problems(Value, frozen=True, kw_only=True):
    data: tuple[_Problem, ...] | None = None


class _Batch(Value, frozen=True, kw_only=True):
    id: str
    status: str
    created_at: float | None = None
    errors: _Problems | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    metadata: dict[str, str] | None = None


class _List(Value, frozen=True, kw_only=True):
    data: tuple[_Batch, ...]
    has_more: bool = False


class _File(Value, frozen=True, kw_only=True):
    id: str


class _Answer(Value, frozen=True, kw_only=True):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Line(Value, frozen=True, kw_only=True):
    custom_id: str
    response: _Answer | None = None
    error: _Problem | None = None


class OpenAIBatches:
    """The endpoints `/files` and `/batches`; the methods are described in `form.BatchForm`.

    Limits: OpenAI's reference of `POST /batches`, 50,000 requests and 200 MB.
    """

    max_items: ClassVar[int] = 50_000
    max_bytes: ClassVar[int] = 200_000_000
    tags_jobs: ClassVar[bool] = True

    def line(self, item: Item) -> bytes:
        """A line of the file."""
        head = msgspec.json.encode({"custom_id": item.id, "method": "POST", "url": _VERSION + item.path})
        return head[:-1] + b',"body":' + item.body + b"}\n"

    def upload(self, job: str, lines: Sequence[bytes]) -> Call | None:
        """The file, as a form with two fields."""
        border = f"assay-{job}"
        head = (
            f'--{border}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{border}\r\ncontent-disposition: form-data; name="file"; filename="{job}.jsonl"\r\n'
            "content-type: application/jsonl\r\n\r\n"
        )
        body = b"".join((head.encode(), *lines, f"\r\n--{border}--\r\n".encode()))
        return Call("POST", "/files", body, {"content-type": f"multipart/form-data; boundary={border}"})

    def read_upload(self, body: bytes) -> str:
        """The id of the file; raises `MalformedReply`."""
        return decoded(body, _File, "the answer to an upload").id

    def create(self, job: str, path: str, lines: Sequence[bytes], uploaded: str | None) -> Call:
        """A job over the uploaded file."""
        wanted = {
            "input_file_id": uploaded,
            "endpoint": _VERSION + path,
            "completion_window": "24h",
            "metadata": {_TAG: job},
        }
        return Call("POST", "/batches", msgspec.json.encode(wanted), _JSON)

    def state(self, job: str) -> Call:
        """The job."""
        return Call("GET", f"/batches/{quote(job, safe='')}")

    def read_job(self, body: bytes) -> Job:
        """A job; raises `MalformedReply`."""
        return _job(decoded(body, _Batch, "the state of a batch"))

    def results(self, job: Job) -> list[Call]:
        """The file of answers and the file of errors, where there are such."""
        return [Call("GET", f"/files/{quote(name, safe='')}/content") for name in job.results]

    def pieces(self) -> Lines:
        """Line by line."""
        return Lines()

    def read_results(self, piece: bytes) -> Iterator[Result]:
        """One result; raises `MalformedReply`."""
        line = decoded(piece, _Line, "a line of a batch's results")
        if line.response is not None:
            yield Result(line.custom_id, "answered", line.response.status_code, bytes(line.response.body))
            return
        problem = line.error or _Problem()
        fate = _UNANSWERED.get(problem.code or "")
        if fate == "expired":
            yield Result(line.custom_id, "expired")
        elif fate == "cancelled":
            yield Result(line.custom_id, "cancelled")
        else:
            yield Result(line.custom_id, "answered", 500, msgspec.json.encode({"error": problem}))

    def cancel(self, job: str) -> Call:
        """Stop the job."""
        return Call("POST", f"/batches/{quote(job, safe='')}/cancel", b"", _JSON)

    def jobs(self, after: str | None) -> Call:
        """The account's jobs, newest first."""
        more = f"&after={quote(after, safe='')}" if after is not None else ""
        return Call("GET", f"/batches?limit={_PAGE}{more}")

    def read_page(self, body: bytes) -> Page:
        """Some of its jobs; raises `MalformedReply`."""
        page = decoded(body, _List, "the list of batches")
        return Page(tuple(map(_job, page.data)), page.data[-1].id if page.has_more and page.data else None)


def _job(batch: _Batch) -> Job:
    counts = batch.request_counts
    return Job(
        id=batch.id,
        state=batch.status,
        ended=batch.status in _ENDED,
        done=counts.completed + counts.failed if counts is not None else None,
        total=counts.total if counts is not None else None,
        problem=_problem(batch) if batch.status == "failed" else None,
        results=tuple(filter(None, (batch.output_file_id, batch.error_file_id))),
        tag=(batch.metadata or {}).get(_TAG),
        created_at=batch.created_at,
    )


def _problem(batch: _Batch) -> str:
    problems = (batch.errors.data if batch.errors is not None else None) or ()
    first = problems[0] if problems else _Problem()
    where = f" (line {first.line} of {len(problems)} problems)" if first.line is not None else ""
    return f"{first.message or first.code or 'the host does not say why'}{where}"
