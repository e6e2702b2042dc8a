"""What answers of both cost and how long they took, on the samples that both answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.evals.figures.metrics import metrics
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite
from assay.ledger.rows import Outcome, Row
from assay.ledger.store import Ledger
from assay.types import Value

__all__ = ["Expense", "expenses"]


class Expense(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One of the two.

    Attributes:
        answers: that the figures are means of: those to samples that both have answered.
        usd: really billed for one answer; None = not known.
        engine_s: CPU seconds of one answer on a local engine.
        p50_s, p95_s: latency, without answers from the cache.
        input_tokens, output_tokens: of one answer that this run asked for, as its host counted them.
    """

    name: str
    answers: int
    usd: float | None
    engine_s: float | None
    p50_s: float | None
    p95_s: float | None
    input_tokens: float | None
    output_tokens: float | None


class _Taken(Row, frozen=True, kw_only=True):
    """Mean tokens of a run's answers; None = no host told any."""

    input: float | None
    output: float | None


# Ids sort by time, so that a run's requests are those after its own; `requests` has no index by run.
_TAKEN = """
  select 1.0 * sum(input_tokens) / count(distinct requests.id) as input,
    1.0 * sum(output_tokens) / count(distinct requests.id) as output
  from requests join attempts on attempts.request_id = requests.id
  where requests.id > ?1 and requests.run_id = ?1 and requests.cached = 0 and requests.outcome = 'answered'
    and requests.target = (select target from runs where id = ?1)
"""


async def expenses(ledger: Ledger, suite: Suite, runs: Sequence[Run]) -> tuple[Expense, ...]:
    """Both side by side; empty where they share no answer."""
    if len(runs) < 2:
        return ()
    shared = set(runs[0].results) & set(runs[1].results)
    wanted = {one for one in suite.samples.ids if one in shared}
    if not wanted:
        return ()
    return tuple([await _expense(ledger, suite, run, wanted) for run in runs])


async def _expense(ledger: Ledger, suite: Suite, run: Run, wanted: set[str]) -> Expense:
    found = metrics(_of(run.results.values(), wanted), len(wanted))
    (took,) = await ledger.rows(_Taken, _TAKEN, (run.row.id,))
    return Expense(
        name=run.row.target,
        answers=len(wanted),
        usd=found.usd,
        engine_s=found.engine_s,
        p50_s=found.p50_s,
        p95_s=found.p95_s,
        input_tokens=took.input,
        output_tokens=took.output,
    )


def _of(rows: Iterable[Outcome], wanted: set[str]) -> Iterable[Outcome]:
    return (row for row in rows if row.sample_id in wanted)
