"""What an audit of a judge found, worked out from verdicts; nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assay.evals.graders.grader import Score
from assay.evals.graders.position import PositionBias
from assay.evals.judging.probes import SWAPPED
from assay.evals.suites.suite import Sample
from assay.stats.agreement import kappa
from assay.stats.gamed import Fooled, gamed
from assay.stats.intervals import Interval, clopper_pearson, wilson
from assay.stats.misjudged import Confusion
from assay.types import Value

__all__ = [
    "Agreement", "Audit", "Labelled", "Probe", "Steadiness", "Tried", "Verdicts", "agreement", "probe", "steadiness",
]  # fmt: skip

_Span = tuple[float, float]


class Agreement(Value, frozen=True, kw_only=True):
    """A judge beside people.

    Attributes:
        answers: that both have seen; the four counts are of these.
        unscored: labelled answers on which the judge gave no verdict.
        agreed, agreed_interval: share of equal verdicts, exact 95 % (Clopper and Pearson), as all intervals here but
            that of kappa.
        kappa, kappa_interval: Cohen's, which takes off what chance would do.
        sensitivity: share of what people call right that the judge passes; None if there is none.
        specificity: share of what people call wrong that the judge fails; None if there is none.
    """

    answers: int
    unscored: int
    hits: int
    misses: int
    false_alarms: int
    rejections: int
    agreed: float | None
    agreed_interval: _Span | None
    kappa: float | None
    kappa_interval: _Span | None
    sensitivity: float | None
    sensitivity_interval: _Span | None
    specificity: float | None
    specificity_interval: _Span | None


class Steadiness(Value, frozen=True, kw_only=True):
    """How often a judge says the same when it is asked again.

    Attributes:
        answers: that were judged `repeats` times, each with a verdict.
        share, interval: of those with one verdict throughout; Wilson 95 %.
    """

    repeats: int
    answers: int
    steady: int
    share: float | None
    interval: _Span | None


class Probe(Value, frozen=True, kw_only=True):
    """What a judge passed of answers that answer nothing.

    Attributes:
        samples: on which each was tried.
        passed: answer -> samples on which it passed.
        unscored: verdicts that could not be had, over all answers.
        fooled: `yes`, `no`, or `open` when so few samples cannot tell (`assay.stats.gamed`).
        worst: the one that passed most often, with exact limits of its share that hold for all at once.
    """

    samples: int
    passed: dict[str, int]
    unscored: int = 0
    fooled: str
    worst: str
    share: float
    bounds: _Span
    tolerated: float


class Audit(Value, frozen=True, kw_only=True):
    """What was found about one grader that asks models.

    Attributes:
        judge: the models that it asks.
        digest: of settings and models; an audit speaks of no other.
        kinds: of the suite, in which it grades.
        position: of a grader that compares two answers.
        usd: what the audit cost; None = not known.
    """

    judge: str
    grader: str
    digest: str
    suite: str
    suite_digest: str
    kinds: tuple[str, ...]
    created_at: float
    people: Agreement | None
    steadiness: Steadiness | None
    probe: Probe | None
    position: PositionBias | None
    usd: float | None

    @property
    def flagged(self) -> bool:
        """Whether a constant answer certainly fools it."""
        return self.probe is not None and self.probe.fooled == "yes"


class Labelled(NamedTuple):
    """An answer to a sample, and what a person says of it; `target`: who gave it, None = nobody's route."""

    sample: Sample
    answer: str
    right: bool
    target: str | None = None


class Tried(NamedTuple):
    """A sample, and the answers that were tried on it, by name."""

    sample: Sample
    answers: dict[str, str]


Verdicts = Mapping[tuple[str, str, int], Score]
"""By id of the sample, answer, and how often it had been asked before."""


def agreement(own: Sequence[Labelled], verdicts: Verdicts) -> Agreement:
    """The first verdict on each labelled answer beside the label."""
    pairs = [(verdicts[one.sample.id, one.answer, 0].value, float(one.right)) for one in own]
    judged = [(value, right) for value, right in pairs if value is not None]
    seen = Confusion.of([value for value, _ in judged], [right for _, right in judged])
    same, right, wrong = seen.hits + seen.rejections, seen.hits + seen.misses, seen.false_alarms + seen.rejections
    beyond = kappa(seen)
    return Agreement(
        answers=len(judged),
        unscored=len(pairs) - len(judged),
        **seen._asdict(),
        agreed=same / len(judged) if judged else None,
        agreed_interval=_exact(same, len(judged)),
        kappa=beyond.value if beyond is not None else None,
        kappa_interval=_span(beyond.interval) if beyond is not None else None,
        sensitivity=seen.sensitivity,
        sensitivity_interval=_exact(seen.hits, right),
        specificity=seen.specificity,
        specificity_interval=_exact(seen.rejections, wrong),
    )


def steadiness(own: Sequence[Labelled], verdicts: Verdicts, repeats: int) -> Steadiness:
    """Over the answers that got a verdict each time."""
    rounds = [[verdicts[one.sample.id, one.answer, draw].value for draw in range(repeats)] for one in own]
    whole = [values for values in rounds if None not in values]
    steady = sum(len(set(values)) == 1 for values in whole)
    return Steadiness(
        repeats=repeats,
        answers=len(whole),
        steady=steady,
        share=steady / len(whole) if whole else None,
        interval=_span(wilson(steady, len(whole))) if whole else None,
    )


def probe(tried: Sequence[Tried], verdicts: Verdicts) -> Probe | None:
    """Over all constant answers; those of other samples only if every sample had one. None: there is no verdict.

    A verdict that is missing counts against both conclusions: as a failure before the judge is flagged, as a pass
    before it is cleared.
    """
    names = [name for name in dict.fromkeys(name for one in tried for name in one.answers)]
    if SWAPPED in names and not all(SWAPPED in one.answers for one in tried):
        names.remove(SWAPPED)
    values = {name: [verdicts[one.sample.id, one.answers[name], 0].value for one in tried] for name in names}
    missing = {name: found.count(None) for name, found in values.items()}
    if sum(missing.values()) == len(tried) * len(names):
        return None
    passed = {name: sum(value is not None and value >= 1.0 for value in found) for name, found in values.items()}
    least = gamed(passed, len(tried))
    most = gamed({name: count + missing[name] for name, count in passed.items()}, len(tried))
    shown = least if least.fooled == Fooled.YES else most
    return Probe(
        samples=len(tried),
        passed=passed,
        unscored=sum(missing.values()),
        fooled=shown.fooled.value if shown.fooled != Fooled.YES or shown is least else Fooled.OPEN.value,
        worst=shown.worst,
        share=passed[shown.worst] / len(tried),
        bounds=_span(shown.bounds),
        tolerated=shown.tolerated,
    )


def _exact(k: int, n: int) -> _Span | None:
    return _span(clopper_pearson(k, n)) if n else None


def _span(interval: Interval) -> _Span:
    return (interval.low, interval.high)
