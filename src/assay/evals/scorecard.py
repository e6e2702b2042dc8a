"""What a run comes to: per kind and overall, each figure with its interval, nothing dropped silently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.evals.runner import Run
from assay.evals.suite import Suite
from assay.ledger.rows import ResultRow
from assay.stats.certainty import bounds
from assay.stats.intervals import wilson
from assay.stats.latency import quantile
from assay.stats.paired import mcnemar_exact, paired_difference
from assay.types import Value


class Metrics(Value, frozen=True, kw_only=True):
    """Counts and figures of some samples.

    Attributes:
        total: samples asked for; passed + failed + unscored may be less when an evaluation stopped early.
        share: passed / (passed + failed); None when nothing is scored.
        interval: Wilson, 95 %: for new work of the same kind.
        bounds: share of all samples if everything open is wrong, and if it is right.
        p50_s, p95_s: latency of answers that did not come from the cache, without the start of a local engine; None
            when there are none.
        usd: mean cost of one answer; None = not known.
        engine_s: mean CPU seconds of one answer on a local engine.
    """

    total: int
    passed: int
    failed: int
    unscored: int
    cached: int
    share: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None
    p50_s: float | None
    p95_s: float | None
    usd: float | None
    engine_s: float | None


class Scorecard(Value, frozen=True, kw_only=True):
    """One run."""

    run: str
    suite: str
    suite_digest: str
    target: str
    target_digest: str
    seed: int
    overall: Metrics
    kinds: dict[str, Metrics]
    unscored: dict[str, int]


class Comparison(Value, frozen=True, kw_only=True):
    """Two runs on the samples that both have scored.

    Attributes:
        difference: share of `a` minus share of `b`, with Newcombe's 95 % interval.
        p_value: McNemar's exact test.
    """

    a: str
    b: str
    samples: int
    only_a: int
    only_b: int
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None


def metrics(rows: Iterable[ResultRow], total: int) -> Metrics:
    """The figures of some results, of which there could be `total`."""
    known = list(rows)
    values = [row.value for row in known if row.value is not None]
    passed = sum(value >= 1.0 for value in values)
    failed = len(values) - passed
    unscored = len(known) - len(values)
    latencies = [row.latency_s for row in known if row.latency_s is not None]
    span = wilson(passed, len(values)) if values else None
    limits = bounds(passed, failed, unscored, total) if total else None
    return Metrics(
        total=total,
        passed=passed,
        failed=failed,
        unscored=unscored,
        cached=sum(row.cached for row in known),
        share=passed / len(values) if values else None,
        interval=(span.low, span.high) if span else None,
        bounds=(limits.low, limits.high) if limits else None,
        p50_s=quantile(latencies, 0.5).value,
        p95_s=quantile(latencies, 0.95).value,
        usd=_mean([row.cost_usd for row in known]),
        engine_s=_mean([row.engine_s for row in known]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; not known as soon as one value is not."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def scorecard(run: Run, suite: Suite) -> Scorecard:
    """The figures of a run over the samples of `suite`."""
    wanted = {sample.id for sample in suite.samples}
    rows = [row for row in run.results.values() if row.sample_id in wanted]
    reasons: dict[str, int] = {}
    for row in rows:
        if row.value is None:
            reasons[row.unscored or "unknown"] = reasons.get(row.unscored or "unknown", 0) + 1
    return Scorecard(
        run=run.row.id,
        suite=suite.name,
        suite_digest=suite.digest,
        target=run.row.target,
        target_digest=run.row.target_digest,
        seed=run.row.seed,
        overall=metrics(rows, len(wanted)),
        kinds={kind: metrics((row for row in rows if row.kind == kind), len(suite.of(kind))) for kind in suite.kinds},
        unscored=reasons,
    )


def compare(a: Run, b: Run) -> Comparison:
    """Paired comparison of two runs of one suite."""
    pairs = [
        (row.value, other.value)
        for sample, row in a.results.items()
        if row.value is not None and (other := b.results.get(sample)) is not None and other.value is not None
    ]
    both = sum(x >= 1 and y >= 1 for x, y in pairs)
    only_a = sum(x >= 1 > y for x, y in pairs)
    only_b = sum(y >= 1 > x for x, y in pairs)
    found = paired_difference(both, only_a, only_b, len(pairs) - both - only_a - only_b)
    return Comparison(
        a=a.row.target,
        b=b.row.target,
        samples=len(pairs),
        only_a=only_a,
        only_b=only_b,
        difference=found.value if found else None,
        interval=(found.interval.low, found.interval.high) if found else None,
        p_value=mcnemar_exact(only_a, only_b) if pairs else None,
    )
