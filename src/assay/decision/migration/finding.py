"""What was found of one kind of work: may it move, on what evidence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from assay.evals.figures.metrics import Metrics
from assay.types import Value

__all__ = ["Agreement", "Finding", "Footing", "Verdict", "worst"]


class Verdict(StrEnum):
    """Whether work may move."""

    GO = "go"
    NO_GO = "no-go"
    OPEN = "cannot-tell"


class Footing(StrEnum):
    """What a verdict rests on.

    - paired: both on the same samples.
    - gate: the new one alone, on all samples of a gate.
    - bar: the new one alone against the bar of the kind, for the old one is gone.
    - barred: nothing was asked: a constraint or a gate stands before it.
    - none: nothing could be asked, or nothing can grade it.
    """

    PAIRED = "paired"
    GATE = "gate"
    BAR = "bar"
    BARRED = "barred"
    NONE = "none"


class Finding(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One kind, on the samples of a suite or on real requests.

    Attributes:
        source: `suite` or `traffic`.
        total: samples that there are; `seen` of them were compared, in an order drawn before.
        gained, lost: of those that both have a score for, what only the new one passed, and only the old one.
        unscored: of those seen, where a score is missing: they count as the worst and as the best.
        difference: share of the new one less that of the old one, where both have a score.
        interval: of the difference in new work of the same kind, whatever the unscored ones would have been.
        failure_bound: of a gate: exact one-sided 95 % upper bound of the failure rate (Clopper-Pearson).
        early: the verdict came before all samples were asked.
        more: about so many more samples would give a verdict; None where there is one, or none would.
        made_up: the samples are synthetic, for want of any that were met in real work.
        withheld: real requests that the new one could not be sent, by the reason.
    """

    kind: str
    source: str
    basis: Footing
    verdict: Verdict
    reason: str
    total: int
    seen: int = 0
    gained: int = 0
    lost: int = 0
    unscored: int = 0
    difference: float | None = None
    interval: tuple[float, float] | None = None
    failure_bound: float | None = None
    early: bool = False
    more: int | None = None
    made_up: bool = False
    old: Metrics | None = None
    new: Metrics | None = None
    withheld: dict[str, int] = {}


class Agreement(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How often answers to real requests say what the answers said that were given. It decides nothing.

    Another answer may be as good. `again`: the old one asked again, which tells what chance alone changes; None = it
    could not be asked.
    """

    kind: str
    requests: int
    again: Metrics | None
    new: Metrics


_SEVERITY = (Verdict.NO_GO, Verdict.OPEN, Verdict.GO)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some: a no stands before what cannot be told, and of nothing nothing can be told."""
    given = set(verdicts)
    return next((one for one in _SEVERITY if one in given), Verdict.OPEN)
