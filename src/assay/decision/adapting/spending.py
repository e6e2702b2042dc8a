"""What a search has used: answers, tokens and money, read from its runs and from the ledger's attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.decision.adapting.adaptation import Spending
from assay.evals.runs.run import Run
from assay.inference.trace import Trace
from assay.ledger.rows import Row
from assay.ledger.store import Ledger
from assay.stats.known import known_sum

__all__ = ["Account"]


class _Tokens(Row, frozen=True, kw_only=True):
    """Of attempts: the sum of those that were told, and how many were not."""

    told: int
    untold: int


class Account:
    """Adds up what one candidate's search uses.

    Args:
        ledger: where the attempts stand.
        since: when this call began, in seconds since 1970: what is older was paid for by an earlier one.
    """

    def __init__(self, ledger: Ledger, since: float) -> None:
        self._ledger = ledger
        self._since = since
        self._runs: dict[str, Run] = {}
        self._traces: list[Trace] = []
        self._answers = 0

    def look(self, run: Run, answers: int) -> None:
        """So many more answers of a run are looked at, whoever paid for them."""
        self._runs[run.row.id] = run
        self._answers += answers

    def write(self, traces: Sequence[Trace]) -> None:
        """Requests to a proposer were made."""
        self._traces.extend(traces)

    async def spending(self) -> Spending:
        """All of it so far."""
        rows = [row for run in self._runs.values() for row in run.answers if row.created_at >= self._since]
        new = [row for row in rows if not row.cached]
        asked = [trace for trace in self._traces if not trace.cached]
        seconds = [row.engine_s for row in new] + [trace.engine_s for trace in asked]
        known_s = [one for one in seconds if one is not None]
        usd = [row.cost_usd for row in new] + [row.grading_usd for row in new] + [trace.cost[0] for trace in asked]
        return Spending(
            answers=self._answers,
            asked_now=len(new),
            tokens=await self._tokens([trace.request_id for trace in asked]),
            usd=known_sum(usd) if usd else 0.0,
            engine_s=sum(known_s) if known_s else None,
        )

    async def _tokens(self, requests: Sequence[str]) -> int | None:
        runs, written = _marks(self._runs), _marks(requests)
        found = await self._ledger.rows(
            _Tokens,
            "select coalesce(sum(input_tokens + output_tokens), 0) as told, "  # noqa: S608 - marks alone
            "coalesce(sum(input_tokens is null or output_tokens is null), 0) as untold from attempts "
            f"where started_at >= ? and outcome = 'ok' and (run_id in ({runs}) or request_id in ({written}))",
            (self._since, *self._runs, *requests),
        )
        return found[0].told if found and not found[0].untold else None


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
