"""One answer to one sample: asked, graded, and told as a row of the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from assay.errors import (
    AssayError,
    BatchWaiting,
    BudgetExceeded,
    ConfigError,
    ContextTooLong,
    RateLimited,
    Timeout,
    WeightsError,
)
from assay.evals.graders.grading import Grade, failed, grade
from assay.evals.graders.judges import Judges
from assay.evals.runs.asked import AskedSample
from assay.evals.runs.repeats import seed_of
from assay.evals.suites.suite import Sample
from assay.inference.reach import all_local
from assay.inference.spine import Options, Spine
from assay.ledger.rows import ResultRow, RunRow
from assay.types import Response

__all__ = ["GradedSample"]


class GradedSample:
    """Asks for one answer and grades it.

    Args:
        spine: where it is asked.
        run: that it belongs to.
        sample: what is asked.
        repeat: the same sample is asked with another seed each time.
        options: of the run.
        deadline_s: cuts a request.
        on_wait: see `Trace.on_wait`.
    """

    def __init__(
        self, spine: Spine, run: RunRow, sample: Sample, repeat: int, options: Options, deadline_s: float,
        on_wait: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._run = run
        self._sample = sample
        self._repeat = repeat
        self._options = msgspec.structs.replace(options, seed=seed_of(options.seed or 0, repeat)) if repeat else options
        self._asked = AskedSample(sample, deadline_s, on_wait)
        if repeat and all_local(spine, run.target):  # an engine that is told no seed draws the same each time
            sampling = msgspec.structs.replace(self._asked.request.sampling, seed=self._options.seed)
            self._asked.request = msgspec.structs.replace(self._asked.request, sampling=sampling)
        self._error: AssayError | None = None

    async def row(self) -> ResultRow:
        """What came of it; a fault of the host leaves it unscored.

        Raises:
            WeightsError, ConfigError, BudgetExceeded: no sample can be asked.
            BatchWaiting: it comes with a batch.
        """
        result: Grade | None = None
        reason: str | None = None
        try:
            response = await self._asked.ask(self._spine, self._run.target, self._run.id, self._options)
            result = _marked(await self._graded(response), response)
            reason = result.unscored
        except (WeightsError, ConfigError, BudgetExceeded, BatchWaiting):
            raise  # not this sample's fault: no sample can be asked, or its answer is not there yet
        except ContextTooLong as error:  # no fault that heals: this model cannot do this sample
            result = failed("context", str(error))
        except AssayError as error:
            self._error = error
            reason = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whatever breaks one sample leaves that one unscored
            reason = f"unexpected {type(error).__name__}: {error}"
        return self._row(result, reason)

    async def _graded(self, response: Response) -> Grade:
        options = msgspec.structs.replace(self._options, desk=None, durable=True)  # a verdict is not worth another day
        judges = Judges(self._spine, options, self._run.id, self._sample.id, judged=self._run.target)
        return await grade(self._sample, response, request=self._asked.request, judges=judges)

    @property
    def pending(self) -> list[asyncio.Future[Any]]:
        """What its calls have written, on its way to the ledger."""
        return [written for trace in self._asked.traces for written in trace.pending]

    @property
    def answered(self) -> bool:
        """Whether the host has answered now, and not the cache."""
        return self._asked.response is not None and not self._asked.cached

    @property
    def turned_away(self) -> bool:
        """Whether a call was refused since there were too many, also if a later one was not."""
        records = (record for trace in self._asked.traces for record in trace.records)
        return any(isinstance(record.error, RateLimited) for record in records)

    @property
    def cut(self) -> bool:
        """Whether its deadline passed."""
        return isinstance(self._error, Timeout) and self._error.of_deadline

    @property
    def comes_again(self) -> bool:
        """Whether a rate limit, or waiting for others, left it without an answer, so that a later try may get one.

        What a batch has brought stays as it is.
        """
        if self._options.desk is not None:
            return False
        if isinstance(self._error, Timeout):
            return self.cut and (self.turned_away or not self._sent)
        return isinstance(self._error, RateLimited)

    @property
    def _sent(self) -> bool:
        """Whether the last call was sent: what was not is settled with nothing."""
        records = self._asked.traces[-1].records if self._asked.traces else []
        return bool(records) and records[-1].cost_basis != "none"

    @property
    def told_s(self) -> float | None:
        """When the host said to come back."""
        return getattr(self._error, "retry_after_s", None)

    def _row(self, result: Grade | None, unscored: str | None) -> ResultRow:
        asked = self._asked
        usd, basis = asked.worth
        return ResultRow(
            run_id=self._run.id,
            sample_id=self._sample.id,
            repeat=self._repeat,
            kind=self._sample.kind,
            request_id=asked.request_id,
            value=result.value if result is not None else None,
            unscored=unscored,
            scores=msgspec.json.encode(result.scores if result is not None else ()),
            answer=_shown(asked.response) if asked.response is not None else None,
            latency_s=asked.latency_s if self._options.desk is None else None,
            engine_s=asked.engine_s,
            cost_usd=usd,
            cost_basis=basis,
            cached=asked.cached,
            batched=asked.batched,
            created_at=time.time(),
            grading_usd=result.usd if result is not None else 0.0,
        )


def _marked(result: Grade, response: Response) -> Grade:
    """A wrong answer that is empty is told apart from one that says something wrong."""
    if result.value is None or result.value >= 1.0 or response.parts:
        return result
    scores = tuple(
        msgspec.structs.replace(score, explanation=f"the answer is empty; {score.explanation}".rstrip("; "))
        if score.value is not None and score.value < 1.0
        else score
        for score in result.scores
    )
    return msgspec.structs.replace(result, scores=scores)


def _shown(response: Response) -> str:
    """What a person is shown of an answer."""
    calls = [f"{call.name}({call.arguments})" for call in response.tool_calls]
    return "\n".join([response.text, *calls]) if calls else response.text
