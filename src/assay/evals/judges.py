"""The way to models that grade: through the same spine, on the ledger under the run and sample that they grade."""

from __future__ import annotations

from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace, total_cost
from assay.types import Request, Response

__all__ = ["Judges"]


class Judges:
    """Asks models for verdicts on one answer, and adds up what that costs.

    Args:
        spine: what can be called.
        options: seed, and whether identical calls are answered from the ledger.
        run_id: of the run whose answer is graded.
        sample_id: of the sample.
    """

    def __init__(self, spine: Spine, options: Options, run_id: str | None = None, sample_id: str | None = None) -> None:
        self._spine = spine
        self._options = options
        self._run_id = run_id
        self._sample_id = sample_id
        self._traces: list[Trace] = []

    async def ask(self, request: Request, target: str) -> Response:
        """The answer of a deployment or route.

        Raises:
            AssayError: there is none.
        """
        trace = Trace(run_id=self._run_id, sample_id=self._sample_id)
        self._traces.append(trace)
        return await self._spine.answer(request, target, trace, self._options)

    @property
    def usd(self) -> float | None:
        """What has been spent; None = not known."""
        return total_cost(trace.worth for trace in self._traces)[0]
