"""A host's batch endpoints, called over the same connections and with the same key as its live ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec

from assay.dialects.batches.form import BatchForm, Call, Job, Result
from assay.dialects.dialect import WireRequest
from assay.errors import BadRequest, MalformedReply, RequestError
from assay.providers.http import HttpProvider
from assay.providers.provider import Attempted
from assay.providers.transport import Reply

__all__ = ["BatchHost"]

_MAX_STATE_BYTES = 64 * 1024 * 1024  # Gemini's state holds all results
_MAX_PAGES = 20
_EARLIER_S, _LATER_S = 300.0, 900.0  # clocks differ, and a job may take a while to be taken on


class BatchHost:
    """The batch endpoints of one deployment's host.

    Args:
        provider: the deployment's way to it.
        form: of the endpoints.
    """

    def __init__(self, provider: HttpProvider, form: BatchForm) -> None:
        self.form = form
        self._provider = provider

    def write(self, attempt: Attempted) -> WireRequest:
        """A request as it goes into a job: as it would be sent live, and answered whole.

        Raises:
            BadRequest: this upstream cannot be told what the request says, or not in a batch.
        """
        if attempt.request.form != "chat":
            raise BadRequest(f"a request of the form {attempt.request.form!r} is not sent in batches; ask it live")
        try:
            return self._provider.write(msgspec.structs.replace(attempt, raw=None, stream=False))
        except RequestError as error:
            raise BadRequest(str(error), code="unsupported", field=error.field) from error

    async def upload(self, job: str, lines: Sequence[bytes]) -> str | None:
        """Send what must be there before the job can be made. Nothing is asked yet, whatever comes of it.

        Returns:
            The host's name for it; None where nothing is sent.

        Raises:
            ProviderError: it was not taken.
        """
        call = self.form.upload(job, lines)
        return self.form.read_upload(await self._answer(call)) if call is not None else None

    async def create(self, job: str, path: str, lines: Sequence[bytes], uploaded: str | None) -> Job:
        """Make the job. Where this fails without an answer of the host, the job may be there all the same: see `find`.

        Raises:
            ProviderError: it was refused, or nobody knows.
        """
        return self.form.read_job(await self._answer(self.form.create(job, path, lines, uploaded)))

    async def look(self, job: str) -> Job:
        """How the host's job of this id stands.

        Raises:
            ProviderError: the host does not say; with status 404 it has no such job.
        """
        return self.form.read_job(await self._answer(self.form.state(job)))

    async def cancel(self, job: str) -> None:
        """Ask for no more answers.

        Raises:
            ProviderError: the host did not take it.
        """
        await self._answer(self.form.cancel(job))

    async def results(self, job: Job) -> AsyncGenerator[Result | MalformedReply, None]:
        """What came of each request of a job that has ended; an error stands for what cannot be read.

        Raises:
            ProviderError: they cannot be fetched, or break off.
        """
        for call in self.form.results(job):
            async with aclosing(self._results(call)) as results:
                async for result in results:
                    yield result

    async def find(self, job: str, items: int, began_at: float, taken: frozenset[str]) -> Job | None:
        """The job that was made under our id, where its acknowledgement was lost; None = the host has none.

        Where jobs carry no id of ours, it is the only one of that time and size that is not known to be another; its
        results tell for certain.

        Args:
            job: our id.
            items: number of its requests.
            began_at: when it was sent, in seconds since 1970.
            taken: the host's ids of jobs that are known.

        Raises:
            ProviderError: the host does not tell its jobs.
        """
        alike: list[Job] = []
        after: str | None = None
        for _ in range(_MAX_PAGES):
            page = self.form.read_page(await self._answer(self.form.jobs(after)))
            for known in page.jobs:
                if self.form.tags_jobs and known.tag == job:
                    return known
                if not self.form.tags_jobs and known.id not in taken and _alike(known, items, began_at):
                    alike.append(known)
            after = page.after
            if after is None or _past(page.jobs, began_at):
                break
        return min(alike, key=lambda one: abs((one.created_at or 0.0) - began_at), default=None)

    # ------------------------------------------------------------------------------------------ wire

    @asynccontextmanager
    async def _reply(self, call: Call) -> AsyncGenerator[Reply, None]:
        async with self._provider.call(call.method, call.path, call.headers, call.body) as reply:
            yield reply

    async def _answer(self, call: Call) -> bytes:
        async with self._reply(call) as reply:
            return self._provider.told(await reply.read(_MAX_STATE_BYTES))

    async def _results(self, call: Call) -> AsyncGenerator[Result | MalformedReply, None]:
        cutter = self.form.pieces()
        async with self._reply(call) as reply, aclosing(reply.chunks()) as chunks:
            async for chunk in chunks:
                for piece in cutter.feed(chunk):
                    for result in self._read(piece):
                        yield result
        for piece in cutter.close():
            for result in self._read(piece):
                yield result

    def _read(self, piece: bytes) -> list[Result | MalformedReply]:
        found: list[Result | MalformedReply] = []
        try:
            for result in self.form.read_results(self._provider.told(piece)):
                found.append(result)
        except MalformedReply as error:
            found.append(error)
        return found


def _alike(job: Job, items: int, began_at: float) -> bool:
    at = job.created_at
    return job.total == items and at is not None and began_at - _EARLIER_S <= at <= began_at + _LATER_S


def _past(jobs: Sequence[Job], began_at: float) -> bool:
    """Whether a page of jobs, newest first, ends before ours was sent."""
    times = [job.created_at for job in jobs if job.created_at is not None]
    return len(times) == len(jobs) and times == sorted(times, reverse=True) and times[-1:] < [began_at - _EARLIER_S]
