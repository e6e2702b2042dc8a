"""The view of a run: what one target made of a suite, as far as it has been asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from assay.config.schema import Config
from assay.evals.figures.scorecard import Metrics, metrics
from assay.evals.runs.tokens import RunTokens, Tokens
from assay.evals.suites.suite import Kind, Suite
from assay.ledger.rows import ResultRow, RunRow
from assay.numerals import plural
from assay.report.mask import WITHHELD, Mask
from assay.report.numbers import money, percent
from assay.report.places import place_of
from assay.report.shown import visible
from assay.report.verdict import run_details, run_verdict
from assay.report.view import Cost, Measure, RunKind, RunView, Samples, Source
from assay.stats.certainty import Verdict, certain, needed
from assay.stats.intervals import upper_bound
from assay.stats.known import known_sum

_REASON_CHARS = 300
"""What is shown of the reason why a sample has no score."""


def asked_part(suite: Suite, rows: Sequence[ResultRow]) -> Suite:
    """The suite cut to the split that the run asked: a run of held-out samples says nothing of the others."""
    asked = {row.sample_id for row in rows}
    splits = {sample.split for sample in suite.samples if sample.id in asked}
    return suite.only((), next(iter(splits))) if len(splits) == 1 else suite


def run_view(
    run: RunRow,
    rows: Sequence[ResultRow],
    config: Config,
    suite: Suite | None,
    mask: Mask | None,
    source: Source,
    samples: Samples,
    tokens: RunTokens | None = None,
) -> RunView:
    """The view of a run.

    Args:
        run: which.
        rows: its results.
        config: says where the target works; it may be newer than the run.
        suite: cut to what was asked; None = it is not there, and only what was asked is known.
        mask: withholds what must stay secret; None = nobody knows what must.
        source: where the figures come from.
        samples: the samples to show.
        tokens: of its answers; None = nobody asked the ledger.
    """
    made_up, every = None, rows
    if suite is not None:
        every = _within(rows, suite)
        made_up = replace(suite, samples=suite.samples.made_up(True))
        suite = replace(suite, samples=suite.samples.made_up(False))
        rows = _within(rows, suite)
    place = place_of(config, run.target)
    kinds = _kinds(rows, config, suite, tokens)
    group_of = suite.samples.group_of if suite is not None else None
    took = tokens.of(suite.samples) if tokens is not None and suite is not None else None
    overall = _measure(metrics(rows, sum(kind.measure.total for kind in kinds), group_of), took)
    usd, engine_s = known_sum([row.cost_usd for row in rows]), known_sum([row.engine_s for row in rows])
    unscored = Counter(_reason(row.unscored or "unknown", mask) for row in rows if row.value is None)
    return RunView(
        source=source,
        verdict=run_verdict(run.target, overall, kinds),
        details=(*run_details(overall, usd, engine_s), *_apart(run, every, made_up)),
        target=run.target,
        target_digest=run.target_digest,
        place=place.words,
        private=place.private,
        finished=run.finished_at is not None,
        kinds=kinds,
        overall=overall,
        usd=usd,
        engine_s=engine_s,
        cached=sum(row.cached for row in rows),
        unscored=tuple(unscored.most_common(8)),
        samples=samples,
    )


def _apart(run: RunRow, rows: Sequence[ResultRow], made_up: Suite | None) -> list[str]:
    """What must not be read like the rest: a public benchmark, samples that were made up, what judges cost."""
    lines = [f"A public benchmark, asked by {run.harness}: no work of one's own"] if run.harness is not None else []
    if made_up is not None and made_up.samples:
        found = metrics(_within(rows, made_up), len(made_up.samples), made_up.samples.group_of)
        counted = f"passes {found.passed:,} of {found.passed + found.failed:,} scored ones: {percent(found.share)}"
        lines.append(f"{plural(found.total, 'sample')} that were made up count in no other figure: {counted}")
    grading_usd = known_sum([row.grading_usd for row in rows])
    return [*lines, f"Grading its answers cost {money(grading_usd)} more"] if grading_usd else lines


def _within(rows: Sequence[ResultRow], suite: Suite) -> list[ResultRow]:
    return [row for row in rows if suite.samples.has(row.sample_id)]


def _reason(text: str, mask: Mask | None) -> str:
    """Why a sample has no score. An error may quote an answer: without a mask only its class is told."""
    if mask is None:
        return visible(text.partition(":")[0][:_REASON_CHARS])
    return WITHHELD if mask.hides(text) else visible(text[:_REASON_CHARS])


def _kinds(
    rows: Sequence[ResultRow], config: Config, suite: Suite | None, tokens: RunTokens | None
) -> tuple[RunKind, ...]:
    if suite is None:
        names = dict.fromkeys(row.kind for row in rows)
        found = [(name, [row for row in rows if row.kind == name]) for name in names]
        return tuple(RunKind(name=name, description="", label=None, gate=False, bar=None, needed=None, meets=None,
                             measure=_measure(metrics(mine, len(mine)))) for name, mine in found)  # fmt: skip
    return tuple(
        _kind(
            kind,
            metrics((row for row in rows if row.kind == kind.name), total, suite.samples.group_of),
            config,
            tokens.of(suite.of(kind.name)) if tokens is not None else None,
        )
        for kind in suite.kinds.values()
        if (total := len(suite.of(kind.name)))
    )


def _kind(kind: Kind, found: Metrics, config: Config, tokens: Tokens | None) -> RunKind:
    bar = kind.bar or (1.0 if kind.gate else config.decide.bar)
    verdict = certain(found.passed, found.failed, found.unscored, found.total, bar)
    scored = found.passed + found.failed
    return RunKind(
        name=kind.name,
        description=kind.description,
        label=kind.label.value,
        gate=kind.gate,
        bar=bar,
        needed=needed(found.total, bar),
        meets=None if verdict is Verdict.OPEN else verdict is Verdict.PASS,
        measure=_measure(found, tokens),
        failure_bound=upper_bound(found.failed, scored) if kind.gate and scored else None,
    )


def _measure(found: Metrics, tokens: Tokens | None = None) -> Measure:
    return Measure(
        total=found.total,
        passed=found.passed,
        failed=found.failed,
        unscored=found.unscored,
        share=found.share,
        interval=found.interval,
        groups=found.groups,
        bounds=found.bounds,
        cost=Cost.measured(found.usd, found.engine_s),
        p50_s=found.p50_s,
        p95_s=found.p95_s,
        tokens=tokens,
    )
