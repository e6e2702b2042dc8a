"""What a host's batch endpoints must offer: a job written, its state and its results read. No I/O.

A job holds requests as a live call would send them, byte for byte, each under an id of ours; the host answers within a
day, in any order, each as a live call would have been answered. A job begins in one step (`create`), or in two where
the requests are uploaded as a file first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

__all__ = ["BatchForm", "Call", "Item", "Job", "Page", "Pieces", "Result"]

Fate = Literal["answered", "expired", "cancelled"]


class Item(NamedTuple):
    """One request of a job.

    Attributes:
        id: ours; letters, digits and hyphens, at most 64.
        path: the format's own, as for a live call.
        body: JSON, as for a live call.
    """

    id: str
    path: str
    body: bytes


class Call(NamedTuple):
    """One call to a host's batch endpoints; `path` is appended to the base URL."""

    method: Literal["GET", "POST"]
    path: str
    body: bytes | None = None
    headers: dict[str, str] = {}


class Job(NamedTuple):
    """A job as its host tells of it.

    Attributes:
        id: the host's.
        state: in the host's own word.
        ended: whether no request of it will be answered any more.
        done, total: requests that have an end, and all of them; None = not told.
        problem: why the job as a whole came to nothing; None = it did not.
        results: where its results are, in the form's own terms; empty where there are none.
        tag: our id of it; None where the form has no place for one.
        created_at: seconds since 1970; None = not told.
    """

    id: str
    state: str
    ended: bool
    done: int | None = None
    total: int | None = None
    problem: str | None = None
    results: tuple[str, ...] = ()
    tag: str | None = None
    created_at: float | None = None


class Page(NamedTuple):
    """Some of the jobs that a host has; `after` asks for the next ones, None = there are no more."""

    jobs: tuple[Job, ...]
    after: str | None


class Result(NamedTuple):
    """What came of one request.

    Attributes:
        id: ours.
        fate: whether it was answered at all, well or badly.
        status: the HTTP status that a live call would have had; None where it was not answered.
        body: of the answer, as a live call would have had it.
    """

    id: str
    fate: Fate
    status: int | None = None
    body: bytes = b""


class Pieces(Protocol):
    """Cuts the bytes of results into what `BatchForm.read_results` reads."""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that these bytes complete."""
        ...

    def close(self) -> list[bytes]:
        """What is left at the end."""
        ...


class BatchForm(Protocol):
    """The batch endpoints of one kind of host."""

    max_items: ClassVar[int]
    """Requests in one job at most."""
    max_bytes: ClassVar[int]
    """Bytes of a job's body at most."""
    tags_jobs: ClassVar[bool]
    """Whether a job carries our id, so that it can be found among the host's."""

    def line(self, item: Item) -> bytes:
        """A request as it stands in a job."""
        ...

    def upload(self, job: str, lines: Sequence[bytes]) -> Call | None:
        """What must be sent before the job can be made; None = nothing."""
        ...

    def read_upload(self, body: bytes) -> str:
        """The host's name for what was uploaded; raises `MalformedReply`."""
        ...

    def create(self, job: str, path: str, lines: Sequence[bytes], uploaded: str | None) -> Call:
        """Make the job.

        Args:
            job: our id of it.
            path: of its requests, the same for all.
            lines: its requests.
            uploaded: the host's name for them, where they were uploaded.
        """
        ...

    def state(self, job: str) -> Call:
        """Ask how the host's job of this id stands."""
        ...

    def read_job(self, body: bytes) -> Job:
        """A job, as `create`, `state` and `cancel` answer; raises `MalformedReply`."""
        ...

    def results(self, job: Job) -> list[Call]:
        """What to fetch, in order, for all results of a job that has ended."""
        ...

    def pieces(self) -> Pieces:
        """A new cutter for the answer to one of these calls."""
        ...

    def read_results(self, piece: bytes) -> Iterator[Result]:
        """The results in a piece; raises `MalformedReply`."""
        ...

    def cancel(self, job: str) -> Call:
        """Ask for no more answers. What is being answered still is."""
        ...

    def jobs(self, after: str | None) -> Call:
        """Ask for the jobs that the host has."""
        ...

    def read_page(self, body: bytes) -> Page:
        """Some of its jobs; raises `MalformedReply`."""
        ...
