"""What an evaluation would ask, and what it would cost at most, told before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable

from assay.errors import AssayError
from assay.evals.graders.grading import models_of
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite
from assay.inference.reach import bounds_below
from assay.inference.spine import Spine
from assay.types import Request, Value

__all__ = ["Asked", "Forecast", "forecast"]


class Asked(Value, frozen=True, kw_only=True):
    """What one kind would ask of one target.

    Attributes:
        samples: of the kind.
        repeats: answers to each.
        missing: answers without a score, which would be asked for; some may come from the cache.
        bound_usd: what they cost at most, judges apart; None = not known, or paid in seconds of a local engine.
        judges: models that its graders ask. What they cost is bounded by nothing that is known before: they read the
            answers. `--max-usd` holds it in.
    """

    samples: int
    repeats: int
    missing: int
    bound_usd: float | None
    judges: tuple[str, ...]


class Forecast(Value, frozen=True, kw_only=True):
    """One target.

    Attributes:
        run: that would be continued; None = a new one.
        judges: models that graders ask; what they cost is not in the bound.
        problem: why the bound is not known, or nothing can be asked.
    """

    target: str
    run: str | None
    kinds: dict[str, Asked]
    missing: int
    bound_usd: float | None
    judges: tuple[str, ...]
    problem: str | None


def forecast(spine: Spine, runner: Runner, run: Run, part: Suite, *, known: bool) -> Forecast:
    """What `Runner.complete` would ask for a run.

    The bound counts each deployment below a target once for every answer, with all that it may write; a retry after an
    answer that broke off may come on top.

    Args:
        spine: with the deployments.
        runner: with the repeats.
        run: as it is now.
        part: what would be asked.
        known: whether the run is one that would be continued.
    """
    asked: dict[str, Asked] = {}
    problems: list[str] = []
    for kind in part.kinds:
        samples = part.of(kind)
        missing = [number for number, _ in runner.missing(run, samples)]
        bounds = [
            _bound(spine, run.row.target, samples[number].request(runner.deadline_s), problems) for number in missing
        ]
        asked[kind] = Asked(
            samples=len(samples),
            repeats=runner.repeats(kind).times,
            missing=len(missing),
            bound_usd=_sum(bounds),
            judges=models_of(samples.specimens()),
        )
    return Forecast(
        target=run.row.target,
        run=run.row.id if known else None,
        kinds=asked,
        missing=sum(one.missing for one in asked.values()),
        bound_usd=_sum(one.bound_usd for one in asked.values()),
        judges=models_of(part.samples.specimens()),
        problem=problems[0] if problems else None,
    )


def _bound(spine: Spine, target: str, request: Request, problems: list[str]) -> float | None:
    """Of one answer; None = not known."""
    bounds: list[float | None] = []
    try:
        bounds.extend(bound.usd for bound in bounds_below(spine, target, request))
    except AssayError as error:
        problems.append(str(error))
        return None
    return _sum(bounds)


def _sum(bounds: Iterable[float | None]) -> float | None:
    """The sum; not known as soon as one is not."""
    total = 0.0
    for one in bounds:
        if one is None:
            return None
        total += one
    return total
