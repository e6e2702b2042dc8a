"""What a search has come to, as values: kept with the decision, and told."""

from __future__ import annotations

from assay.config.schema import Settings
from assay.evals.figures.scorecard import Comparison
from assay.types import Value

__all__ = ["Adaptation", "Gain", "KindAdaptation", "Spending", "Tried"]


class Spending(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a search has used, the proposer included.

    Attributes:
        answers: those that it looked at, also if they were known from an earlier call; the budget counts them.
        asked_now: of these, asked in this very call.
        tokens: of input and output, of what was asked now; None = a host did not say.
        usd, engine_s: of what was asked now; None = not known.
    """

    answers: int = 0
    asked_now: int = 0
    tokens: int | None = 0
    usd: float | None = 0.0
    engine_s: float | None = None


class Tried(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One variant on dev.

    Attributes:
        name: what it changes.
        passed: of `scored` samples; those without a score count for nothing.
        size_bytes: what it adds to every request.
    """

    name: str
    passed: int
    scored: int
    size_bytes: int


class Gain(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The adapted prompt beside the configured one, on all held-out samples of a kind.

    Attributes:
        adapted, configured: how many passed, of those that both have a score for.
        comparison: paired: `a` is the adapted one.
        optimism: share that passed on dev less that on held-out samples: what choosing the best of several adds.
    """

    adapted: int
    configured: int
    comparison: Comparison
    optimism: float | None = None


class KindAdaptation(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The search for one kind.

    Attributes:
        dev: samples that could be used; `shown` of them as examples, the others were scored.
        left_out: dev samples that held-out ones have too, or that the candidate may not be sent.
        tried: variants with what they passed, the configured prompt first.
        untried: variants that the number of answers did not allow.
        refused: variants that were not asked, with why.
        won: name of the variant that takes the place of the configured prompt; None = it is kept.
        settings: of that variant.
        reason: why it won, or why the configured prompt is kept.
        gain: on held-out samples; None where nothing won, or it could not be asked.
    """

    kind: str
    reason: str
    dev: int = 0
    shown: int = 0
    left_out: int = 0
    tried: tuple[Tried, ...] = ()
    untried: int = 0
    refused: dict[str, str] = {}
    won: str | None = None
    settings: Settings | None = None
    gain: Gain | None = None


class Adaptation(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The search for one candidate.

    Attributes:
        adapted: name of the adapted candidate; None where every configured prompt was kept.
        only_kinds: kinds that it is a candidate for; None = all.
        answers: that it might look at for each kind, as every other candidate.
        reason: why nothing was searched for it.
    """

    candidate: str
    answers: int
    spending: Spending
    kinds: tuple[KindAdaptation, ...] = ()
    adapted: str | None = None
    only_kinds: tuple[str, ...] | None = None
    reason: str = ""
