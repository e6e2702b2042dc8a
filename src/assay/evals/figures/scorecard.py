"""What a run comes to: per kind and overall, each figure with its interval, nothing dropped silently."""

from __future__ import annotations

from collections import Counter

import msgspec

from assay.evals.figures.correction import Correction
from assay.evals.figures.metrics import GroupOf, Metrics, Tally, metrics
from assay.evals.figures.steadiness import Steadiness, steadiness
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Samples, Suite
from assay.ledger.rows import Outcome
from assay.stats.matched import matched
from assay.types import Value

__all__ = ["Comparison", "Metrics", "Scorecard", "compare", "metrics", "scorecard", "with_tokens"]


class Scorecard(Value, frozen=True, kw_only=True):
    """One run.

    Attributes:
        overall, kinds: of samples that were met in real work.
        unscored: why samples have no score, and how many.
        synthetic: the same figures of samples that were made up, by kind; `synthetic_overall` of all of them.
        steadiness: of kinds whose samples were asked several times.
        public: the harness that asked, of a public benchmark; None for a team's own work.
        corrected: the overall share as people see it, where they have read some answers.
    """

    run: str
    suite: str
    suite_digest: str
    target: str
    target_digest: str
    seed: int
    overall: Metrics
    kinds: dict[str, Metrics]
    unscored: dict[str, int]
    synthetic_overall: Metrics | None = None
    synthetic: dict[str, Metrics] = {}
    steadiness: dict[str, Steadiness] = {}
    public: str | None = None
    corrected: Correction | None = None


class Comparison(Value, frozen=True, kw_only=True):
    """Two runs on the samples that both have scored.

    Attributes:
        only_a, only_b: samples that one passed and the other did not.
        difference: share of `a` minus share of `b`, with its 95 % interval (`assay.stats.matched`).
        p_value: McNemar's exact test, or for groups and fractions the one that it is a case of.
        groups: number of groups that the samples come in; None = each stands alone.
        discordant: mean square of a sample's difference: the share that only one passed, where each passed or failed.
        design_effect: so many times as many samples are needed as if each stood alone.
    """

    a: str
    b: str
    samples: int
    only_a: int
    only_b: int
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    groups: int | None = None
    discordant: float | None = None
    design_effect: float = 1.0


def scorecard(run: Run, suite: Suite, corrected: Correction | None = None) -> Scorecard:
    """The figures of a run over the samples of `suite`.

    Args:
        run: its results.
        suite: may be cut to some kinds or a split.
        corrected: see `Scorecard`.
    """
    made_up = suite.samples.made_up(True)
    real, other = _Tallies(suite.samples.group_of), _Tallies(suite.samples.group_of)
    reasons: Counter[str] = Counter()
    for row in run.results.values():
        if not suite.samples.has(row.sample_id):
            continue
        (other if made_up.has(row.sample_id) else real).add(row)
        if row.value is None:
            reasons[row.unscored or "unknown"] += 1
    synthetic = {kind: len(made_up.only((kind,))) for kind in suite.kinds} if made_up else {}
    steady = {kind: steadiness(run, suite.of(kind)) for kind in suite.kinds}
    real_ones = suite.samples.made_up(False) if made_up else suite.samples
    kinds = {kind: real.of(kind).metrics(len(suite.of(kind)) - synthetic.get(kind, 0)) for kind in suite.kinds}
    return Scorecard(
        run=run.row.id,
        suite=suite.name,
        suite_digest=suite.digest,
        target=run.row.target,
        target_digest=run.row.target_digest,
        seed=run.row.seed,
        overall=with_tokens(real.all.metrics(len(suite.samples) - len(made_up)), run, real_ones),
        kinds={kind: with_tokens(one, run, real_ones.only((kind,))) for kind, one in kinds.items()},
        unscored=dict(reasons),
        synthetic_overall=other.all.metrics(len(made_up)) if made_up else None,
        synthetic={kind: other.of(kind).metrics(count) for kind, count in synthetic.items() if count},
        steadiness={kind: found for kind, found in steady.items() if found is not None},
        public=run.row.harness,
        corrected=corrected,
    )


def with_tokens(found: Metrics, run: Run, samples: Samples) -> Metrics:
    """The figures with the tokens of an answer to these samples, as far as they were read with the run."""
    return msgspec.structs.replace(found, tokens=run.tokens.of(samples))


class _Tallies:
    """Outcomes added up, all together and by kind."""

    def __init__(self, group_of: GroupOf) -> None:
        self._group_of = group_of
        self.all = Tally(group_of)
        self._kinds: dict[str, Tally] = {}

    def add(self, row: Outcome) -> None:
        self.all.add(row)
        self.of(row.kind).add(row)

    def of(self, kind: str) -> Tally:
        return self._kinds.setdefault(kind, Tally(self._group_of))


def compare(a: Run, b: Run, samples: Samples | None = None) -> Comparison:
    """Paired comparison of two runs of one suite, on the samples that both have scored.

    Args:
        a: one run.
        b: the other.
        samples: those that count, with their groups; default: all, none of them in a group.
    """
    pairs: list[tuple[float, float]] = []
    groups: list[str | None] = []
    kept: dict[tuple[float, float], tuple[float, float]] = {}  # equal pairs are kept once: there may be very many
    for one in samples.ids if samples is not None else a.results:
        left, right = a.results.get(one), b.results.get(one)
        if left is None or left.value is None or right is None or right.value is None:
            continue
        pair = (left.value, right.value)
        pairs.append(kept.setdefault(pair, pair))
        groups.append(samples.group_of(one) if samples is not None else None)
    grouped = any(group is not None for group in groups)
    found = matched(pairs, groups if grouped else None)
    return Comparison(
        a=a.row.target,
        b=b.row.target,
        samples=len(pairs),
        only_a=sum(x >= 1 > y for x, y in pairs),
        only_b=sum(y >= 1 > x for x, y in pairs),
        difference=found.value if found else None,
        interval=(found.interval.low, found.interval.high) if found else None,
        p_value=found.p_value if found else None,
        groups=found.groups if found and grouped else None,
        discordant=found.discordant if found else None,
        design_effect=found.design_effect if found else 1.0,
    )
