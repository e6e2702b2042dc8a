"""Two runs side by side before a judge: whose answers are better, asked in both orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from assay.evals.graders.grader import Score
from assay.evals.graders.grading import score_of
from assay.evals.graders.judges import Judges
from assay.evals.graders.position import PositionBias, position_bias
from assay.evals.judging.audit import VERDICT_DEADLINE_S
from assay.evals.judging.side_by_side import side_by_side
from assay.evals.suites.suite import GraderSpec, Sample
from assay.inference.purse import Purse
from assay.inference.spine import Options, Spine
from assay.ledger.rows import RunRow
from assay.stats.intervals import wilson
from assay.stats.paired import mcnemar_exact
from assay.types import Response, Text, Value

__all__ = ["Duel", "Met", "fight", "judge_pairs", "pairs_of"]

_ALPHA = 0.05


class Duel(Value, frozen=True, kw_only=True):
    """What a judge says of two runs.

    Attributes:
        samples: that both have an answer to and that got a verdict in both orders.
        ties: equal, or the two orders disagree (`position` tells how often).
        unscored: samples without a verdict.
        win_rate: of `a`, a tie is half a win; `interval` is Wilson's, 95 %.
        p_value: exact sign test over wins and defeats; ties say nothing.
        judges_itself: the judge is a model that gave answers.
        better: whose lead is established at 5 %; None = it cannot be told.
        usd: what the verdicts cost; None = not known.
    """

    a: str
    b: str
    judge: str
    samples: int
    wins_a: int
    wins_b: int
    ties: int
    unscored: int
    win_rate: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    better: str | None
    position: PositionBias
    judges_itself: bool
    usd: float | None


class Met(NamedTuple):
    """Two answers to one sample."""

    sample: Sample
    a: str
    b: str


async def pairs_of(spine: Spine, samples: Sequence[Sample], a: RunRow, b: RunRow) -> list[Met]:
    """The samples that both runs have an answer to, with the first answer of each.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    answers: list[dict[str, str]] = []
    for run in (a, b):
        rows = await spine.ledger.results(run.id)
        answers.append({row.sample_id: row.answer for row in reversed(rows) if row.answer is not None})
    own, other = answers
    return [Met(one, own[one.id], other[one.id]) for one in samples if one.id in own and one.id in other]


async def judge_pairs(
    spine: Spine,
    spec: GraderSpec,
    pairs: Sequence[Met],
    targets: tuple[str, str],
    *,
    concurrency: int = 8,
    purse: Purse | None = None,
    on_verdict: Callable[[], None] = lambda: None,
) -> tuple[list[Score], float | None]:
    """The scores of the first answers against the second ones, and what they cost.

    Args:
        spine: what can be called.
        spec: a grader `pairwise`, against the target: here the other answer.
        pairs: what is judged.
        targets: who gave the answers.
        concurrency: pairs in flight at the same time.
        purse: what all verdicts may cost.
        on_verdict: called after each.

    Raises:
        BudgetExceeded, WeightsError: no further verdict can be paid for, or asked.
    """

    async def one(met: Met) -> tuple[Score, float | None]:
        judges = Judges(spine, Options(use_cache=True, seed=0, purse=purse), judged=targets)
        opposed = msgspec.structs.replace(met.sample, target=met.b)
        response = Response(parts=(Text(text=met.a),) if met.a else ())
        score = await score_of(spec, opposed, met.sample.request(VERDICT_DEADLINE_S), response, judges)
        on_verdict()
        return score, judges.usd

    found = await side_by_side(one, pairs, concurrency)
    costs = [usd for _, usd in found]
    return [score for score, _ in found], None if None in costs else sum(usd or 0.0 for usd in costs)


def fight(a: str, b: str, judge: str, scores: Sequence[Score], usd: float | None) -> Duel:
    """What some scores come to: more than one half is a win of `a`, less is one of `b`."""
    measures = [score.measure for score in scores if score.value is not None and score.measure is not None]
    wins_a, wins_b = sum(one == 1.0 for one in measures), sum(one == 0.0 for one in measures)
    ties = len(measures) - wins_a - wins_b
    span = wilson(wins_a + ties / 2, len(measures)) if measures else None
    p_value = mcnemar_exact(wins_a, wins_b) if measures else None
    better = None
    if p_value is not None and p_value <= _ALPHA:
        better = a if wins_a > wins_b else b
    return Duel(
        a=a, b=b, judge=judge, samples=len(measures), wins_a=wins_a, wins_b=wins_b, ties=ties,
        unscored=len(scores) - len(measures), win_rate=(wins_a + ties / 2) / len(measures) if measures else None,
        interval=(span.low, span.high) if span is not None else None, p_value=p_value, better=better,
        position=position_bias(scores), usd=usd,
        judges_itself=any(score.detail is not None and "judges_itself" in score.detail for score in scores),
    )  # fmt: skip
