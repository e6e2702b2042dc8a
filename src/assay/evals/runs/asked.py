"""One sample asked of one target: the first turn, then what the user says after each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from assay.evals.suites.suite import Sample
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace, total_cost
from assay.ledger.rows import CostBasis
from assay.stats.known import known_sum
from assay.types import Message, Request, Response, Text, ToolResult

__all__ = ["AskedSample"]


class AskedSample:
    """The turns of one sample.

    Attributes:
        sample: what is asked.
        request: the last request that was sent, earlier answers in it.
        response: the last answer, which is graded; None before the last turn has been answered.
        traces: one per request; the figures below are over all of them.
    """

    def __init__(
        self, sample: Sample, deadline_s: float | None = None, on_wait: Callable[[], None] | None = None
    ) -> None:
        self.sample = sample
        self.request: Request = sample.request(deadline_s)
        self.response: Response | None = None
        self.traces: list[Trace] = []
        self._on_wait = on_wait

    async def ask(self, spine: Spine, target: str, run_id: str, options: Options) -> Response:
        """Ask every turn; each has the whole deadline.

        Raises:
            AssayError: there is no complete answer to a turn; what has been spent stands in the traces.
        """
        answer = await self._turn(spine, target, run_id, options)
        for said in self.sample.follow_ups:
            turns = (Message(role="assistant", parts=answer.parts), *_not_run(answer), said)
            self.request = msgspec.structs.replace(self.request, messages=(*self.request.messages, *turns))
            answer = await self._turn(spine, target, run_id, options)
        self.response = answer
        return answer

    async def _turn(self, spine: Spine, target: str, run_id: str, options: Options) -> Response:
        trace = Trace(run_id=run_id, sample_id=self.sample.id, on_wait=self._on_wait)
        self.traces.append(trace)
        return await spine.answer(self.request, target, trace, options)

    @property
    def request_id(self) -> str | None:
        """Id of the last request."""
        return self.traces[-1].request_id if self.traces else None

    @property
    def cached(self) -> bool:
        """Whether no model was called for any turn."""
        return bool(self.traces) and all(trace.cached for trace in self.traces)

    @property
    def batched(self) -> bool:
        """Whether the answer to a turn came with a batch, now or when it was made."""
        return any(trace.batched for trace in self.traces)

    @property
    def latency_s(self) -> float | None:
        """Seconds of all turns, without the start of a local engine; None when one came from the cache."""
        if any(trace.cached for trace in self.traces):
            return None
        return known_sum([trace.warm_s for trace in self.traces])

    @property
    def engine_s(self) -> float | None:
        """Engine seconds of all turns, those of answers from the cache as they were when they were made."""
        known = [trace.engine_worth_s for trace in self.traces if trace.engine_worth_s is not None]
        return sum(known) if known else None

    @property
    def worth(self) -> tuple[float | None, CostBasis]:
        """What all turns cost, or cost when their answers were made; unknown as soon as one is."""
        return total_cost(trace.worth for trace in self.traces)


def _not_run(answer: Response) -> Iterator[Message]:
    """Results for the calls of an answer that the user goes on after: hosts refuse a call that has none."""
    for call in answer.tool_calls:
        said = Text(text="This tool was not run.")
        yield Message(role="tool", parts=(ToolResult(call_id=call.id, name=call.name, parts=(said,), is_error=True),))
