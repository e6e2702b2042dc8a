"""What more tokens bought: candidates of one model side by side, from the one that writes least upwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from assay.evals.figures.points import told_points
from assay.evals.figures.scorecard import compare
from assay.evals.runs.run import Run
from assay.evals.runs.tokens import Tokens
from assay.evals.suites.index import Samples
from assay.numerals import plural
from assay.types import Value

__all__ = ["MoreTokens", "more_tokens", "told_more", "told_steps"]

SHOWN = 4
"""Steps that a text shows where most of them tell nothing; the JSON has all."""


class MoreTokens(Value, frozen=True, kw_only=True):
    """Two candidates of one model, on the samples that both have a score for.

    Attributes:
        fewer, more: who writes fewer tokens an answer, and who more; `fewer_tokens` and `more_tokens` are their means.
        difference: share of `more` minus share of `fewer`, with its 95 % interval.
        pays: whether more tokens passed more samples; None = it cannot be told.
    """

    fewer: str
    more: str
    fewer_tokens: float
    more_tokens: float
    samples: int
    difference: float
    interval: tuple[float, float]

    @property
    def pays(self) -> bool | None:
        """`True` above 0 for sure (95 %), `False` below."""
        low, high = self.interval
        return True if low > 0 else False if high < 0 else None

    @property
    def writes_more(self) -> bool:
        """Whether whole tokens, as they are told, are more at all: else what differs is something else."""
        return round(self.fewer_tokens) < round(self.more_tokens)


def more_tokens(
    models: Mapping[str, str], runs: Mapping[str, Run], tokens: Mapping[str, Tokens | None], samples: Samples
) -> tuple[MoreTokens, ...]:
    """Of each model's candidates, from few tokens to many: each one beside the next.

    Args:
        models: candidate -> the model that it is of; those of several models are left out.
        runs: candidate -> what came of it.
        tokens: candidate -> what its answers take.
        samples: that are looked at.
    """
    families: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name, model in models.items():
        if (known := tokens.get(name)) is not None and name in runs:
            families[model].append((known.output, name))
    return tuple(
        step
        for family in families.values()
        for fewer, more in pairwise(sorted(family))
        if (step := _step(fewer, more, runs, samples)) is not None
    )


def _step(
    fewer: tuple[float, str], more: tuple[float, str], runs: Mapping[str, Run], samples: Samples
) -> MoreTokens | None:
    found = compare(runs[more[1]], runs[fewer[1]], samples)
    if found.difference is None or found.interval is None:
        return None
    return MoreTokens(
        fewer=fewer[1],
        more=more[1],
        fewer_tokens=fewer[0],
        more_tokens=more[0],
        samples=found.samples,
        difference=found.difference,
        interval=found.interval,
    )


_VERDICTS = {
    True: "it pays", False: "it costs right answers", None: "whether it pays cannot be told",
}  # fmt: skip


def told_more(one: MoreTokens) -> str:
    """What more tokens bought, in a sentence."""
    return (
        f"{one.more} writes {one.more_tokens:,.0f} tokens an answer, {one.fewer} {one.fewer_tokens:,.0f}: "
        f"{told_points(one.difference, one.interval)} on {plural(one.samples, 'sample')}; {_VERDICTS[one.pays]}"
    )


def told_steps(steps: Sequence[MoreTokens], most: int = SHOWN) -> list[str]:
    """What more tokens bought, step by step: what can be told, of the rest the first and how many there are.

    Steps that write equally many are left out: () where no others are.
    """
    steps = [one for one in steps if one.writes_more]
    told = [one for one in steps if one.pays is not None]
    untold = [one for one in steps if one.pays is None]
    shown = untold[: max(0, most - len(told))]
    lines = [told_more(one) for one in steps if one in told or one in shown]
    left = len(untold) - len(shown)
    return lines + ([f"of {plural(left, 'more such step')} it cannot be told whether they pay"] if left else [])
