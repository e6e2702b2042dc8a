"""How steady answers are: what the repeats of a kind's samples say."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Samples
from assay.stats.repeats import pass_all_of, pass_any_of, spread, steady
from assay.stats.shares import Share
from assay.types import Value

__all__ = ["Figure", "Steadiness", "steadiness"]


class Figure(Value, frozen=True, kw_only=True):
    """A share with its 95 % interval."""

    share: float
    interval: tuple[float, float]


class Steadiness(Value, frozen=True, kw_only=True):
    """What repeats say, of the samples whose repeats all have a score.

    Attributes:
        samples: how many these are.
        repeats: of each.
        steady: share of samples whose repeats all pass or all fail.
        any_of: by number of tries, the chance that at least one passes (pass@k).
        all_of: by number of tries, the chance that all pass (pass^k).
        within: variance of scores between repeats of a sample.
        between: variance of the samples' true means; None with one sample.
    """

    samples: int
    repeats: int
    steady: Figure
    any_of: dict[int, Figure]
    all_of: dict[int, Figure]
    within: float | None
    between: float | None


def steadiness(run: Run, samples: Samples) -> Steadiness | None:
    """The steadiness of some samples in a run; None where none has several answers."""
    if not isinstance(run.results, Outcomes) or not run.results.repeated:
        return None
    answers = {one: [answer.value for answer in run.results.answers(one)] for one in samples.ids}
    repeats = max(map(len, answers.values()), default=0)
    scores = {one: known for one, values in answers.items() if len(known := _known(values)) == repeats}
    if repeats < 2 or not scores:
        return None
    counts = [(sum(value >= 1.0 for value in values), repeats) for values in scores.values()]
    groups = [samples.group_of(one) for one in scores]
    alike = steady(counts, groups)
    apart = spread(list(scores.values()))
    return Steadiness(
        samples=len(scores),
        repeats=repeats,
        steady=_figure(alike),
        any_of={tries: _figure(pass_any_of(counts, tries, groups)) for tries in _tries(repeats)},
        all_of={tries: _figure(pass_all_of(counts, tries, groups)) for tries in _tries(repeats)},
        within=apart.within if apart else None,
        between=apart.between if apart else None,
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _tries(repeats: int) -> Sequence[int]:
    """2, 4, 8, ... and all of them."""
    return [*(1 << power for power in range(1, repeats.bit_length()) if 1 << power < repeats), repeats]


def _figure(found: Share | None) -> Figure:
    assert found is not None  # noqa: S101 - there are samples
    return Figure(share=found.value, interval=(found.interval.low, found.interval.high))
