"""What a report shows, as values: a page, a Markdown text and JSON are three ways to write the same view.

Everything here is computed; a template only lays it out. `None` is *not known*.
"""

from __future__ import annotations

from typing import Literal

from assay.decision.again import Effect
from assay.decision.changed import Change
from assay.evals.figures.more_tokens import MoreTokens
from assay.evals.runs.tokens import Tokens
from assay.report.shown import Passage
from assay.stats.latency import Quantile
from assay.types import Value

Side = Literal["own", "rent", "both", "unknown"]
"""Where the work is done: own machines and hosts declared private, rented hosts, both (a route), or not known."""

Span = tuple[float, float]


class Cost(Value, frozen=True, kw_only=True):
    """Mean cost of one answer: USD, or CPU seconds of a device without a rate.

    Attributes:
        basis: measured; expected (from prompts, limits and prices); mixed = measured on some kinds, expected on others.
    """

    value: float
    unit: Literal["usd", "s"]
    basis: Literal["measured", "expected", "mixed"]

    @classmethod
    def measured(cls, usd: float | None, engine_s: float | None) -> Cost | None:
        """USD where any were billed or no device of ours was used, else its seconds; None = neither is known."""
        if usd is not None and (usd > 0 or engine_s is None):
            return cls(value=usd, unit="usd", basis="measured")
        return cls(value=engine_s, unit="s", basis="measured") if engine_s is not None else None


class Measure(Value, frozen=True, kw_only=True):
    """What came of some samples.

    Attributes:
        total: samples there are; those neither passed, failed nor unscored were not asked.
        share: mean of the scores: passed / (passed + failed) where each is right or wrong.
        interval: 95 %, for new work of the same kind.
        groups: number of groups that the scored samples come in; None = each stands alone.
        bounds: share of all `total` samples if everything open is wrong, and if it is right.
        tokens: of one answer, over all its calls.
    """

    total: int
    passed: int = 0
    failed: int = 0
    unscored: int = 0
    share: float | None = None
    interval: Span | None = None
    groups: int | None = None
    bounds: Span | None = None
    cost: Cost | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    tokens: Tokens | None = None

    @property
    def asked(self) -> int:
        """Samples asked."""
        return self.passed + self.failed + self.unscored

    @property
    def scored(self) -> int:
        """Samples that have a score."""
        return self.passed + self.failed


class Standing(Value, frozen=True, kw_only=True):
    """One candidate for one kind.

    Attributes:
        letter: the candidate's mark, the same in the whole report.
        failure_bound: of a gate: exact one-sided 95 % upper bound of the failure rate.
        front: no candidate that costs less passes a larger share; `tokens_front`: none that writes less.
        early: samples were left out that could still turn the verdict: it rests on a test, with the decision's error.
    """

    letter: str
    name: str
    status: str
    reason: str
    measure: Measure
    failure_bound: float | None = None
    front: bool = False
    tokens_front: bool = False
    early: bool = False


class KindView(Value, frozen=True, kw_only=True):
    """One kind of work.

    Attributes:
        label: privacy label of the kind; None when the suite is not there to say.
        made_up: whether the samples that decide are synthetic; `left_out` are synthetic ones that do not.
        side: where the chosen candidate works; `none` = none passes, `open` = cannot be told.
        leader: the chosen candidate, else the one that came closest; None when nobody could be asked.
        more_tokens: candidates of one model beside each other: what more tokens an answer bought.
        other_side: why it is not done on the other side of the line between own and rent; None = it is not known.
    """

    name: str
    description: str
    label: str | None
    gate: bool
    bar: float
    needed: int
    total: int
    chosen: str | None
    side: Literal["own", "rent", "both", "unknown", "none", "open"]
    reason: str
    standings: tuple[Standing, ...]
    leader: Standing | None
    moves: tuple[str, ...] = ()
    made_up: bool = False
    left_out: int = 0
    more_tokens: tuple[MoreTokens, ...] = ()
    other_side: str | None = None


class PromptView(Value, frozen=True, kw_only=True):
    """The search for the prompt of one candidate and kind (`assay choose --adapt`).

    Attributes:
        won: what the adapted prompt changes; None = the configured one is kept, and `reason` says why.
        tried: prompts that were asked on dev.
        dev_passed, dev_scored: of the adapted one, on dev.
        samples: held-out samples that both answered; `configured` and `adapted` of them passed.
        difference: of those shares, adapted less configured, with its 95 % interval.
    """

    kind: str
    candidate: str
    won: str | None
    reason: str
    tried: int
    dev_passed: int | None
    dev_scored: int | None
    samples: int
    configured: int | None
    adapted: int | None
    difference: float | None
    interval: Span | None


class CandidateView(Value, frozen=True, kw_only=True):
    """One candidate over all kinds.

    Attributes:
        place: where its answers are made, in words.
        private: whether private-only data may be sent there; None = not known.
        quality: mean over the kinds (gates apart) of the share passed; counts are sums.
        asked_kinds: kinds that the mean is over, of `kinds`.
        latency: quantiles of all answers that its run holds of these kinds, cached ones apart: 50 and 95 %.
        model: that it is a configuration of; None = of several, or it was not recorded.
        usd, engine_s: what its evidence cost, altogether.
        grid: answers of the full grid: to all samples of the kinds that it may be asked.
        full_usd, full_engine_s: what these would cost, at the measured or else expected cost of each.
    """

    letter: str
    name: str
    side: Side
    place: str
    private: bool | None
    run: str
    wins: int
    kinds: int
    asked_kinds: int
    quality: Measure
    asked: int
    grid: int
    unscored: int
    usd: float | None
    engine_s: float | None
    full_usd: float | None
    full_engine_s: float | None
    latency: tuple[Quantile, Quantile] | None = None
    front: bool = False
    tokens_front: bool = False
    model: str | None = None


class Words(Value, frozen=True, kw_only=True):
    """What one grader said."""

    grader: str
    passed: bool | None
    text: str


class AnswerView(Value, frozen=True, kw_only=True):
    """One candidate's answer to a sample."""

    letter: str
    name: str
    outcome: Literal["passed", "failed", "unscored"]
    text: Passage
    words: tuple[Words, ...] = ()
    latency_s: float | None = None
    cached: bool = False


class TurnView(Value, frozen=True, kw_only=True):
    """One message of a sample."""

    role: str
    text: Passage


class SampleView(Value, frozen=True, kw_only=True):
    """A sample with all answers to it, those of equal outcome side by side."""

    id: str
    kind: str
    label: str
    turns: tuple[TurnView, ...]
    target: Passage | None
    answers: tuple[AnswerView, ...]


class Samples(Value, frozen=True, kw_only=True):
    """The samples that a report shows.

    Attributes:
        note: why there are none, or what to mind when reading them; empty when there is nothing to say.
        found: samples that could be shown; `shown` holds at most so many of each kind as was asked for.
        private: whether text of private-only samples is among them.
    """

    shown: tuple[SampleView, ...] = ()
    found: int = 0
    note: str = ""
    private: bool = False


class Source(Value, frozen=True, kw_only=True):
    """Where the figures come from."""

    what: Literal["decision", "run"]
    id: str
    created_at: float
    suite: str
    suite_version: str
    suite_digest: str
    suite_state: Literal["same", "changed", "missing"]
    config_digest: str
    config_changed: bool
    seed: int
    split: str | None
    versions: tuple[str, ...]


class AgainView(Value, frozen=True, kw_only=True):
    """What has changed since the decision that was made again.

    Attributes:
        of: its id; `created_at` its time.
        changes: None = one of the two does not say what it rested on.
        effects: kinds that somebody else does now.
    """

    of: str
    created_at: float
    changes: tuple[Change, ...] | None
    effects: tuple[Effect, ...]


class DecisionView(Value, frozen=True, kw_only=True, tag_field="view", tag="decision"):
    """A report of a decision.

    Attributes:
        asked_now, spent_usd, spent_engine_s: of the call that decided; the rest was known from earlier runs.
        unpriced: answers of the evidence whose cost nobody knows.
        prompts: searches for prompts that came before.
        again: the decision that was made again; None = it is the first, or that one is gone.
    """

    source: Source
    verdict: str
    details: tuple[str, ...]
    kinds: tuple[KindView, ...]
    candidates: tuple[CandidateView, ...]
    asked: int
    grid: int
    asked_now: int
    spent_usd: float | None
    spent_engine_s: float | None
    unpriced: int
    guarantee: str
    population: str
    samples: Samples
    prompts: tuple[PromptView, ...] = ()
    again: AgainView | None = None


class RunKind(Value, frozen=True, kw_only=True):
    """One kind in a run."""

    name: str
    description: str
    label: str | None
    gate: bool
    bar: float | None
    needed: int | None
    meets: bool | None
    measure: Measure
    failure_bound: float | None = None


class RunView(Value, frozen=True, kw_only=True, tag_field="view", tag="run"):
    """A report of a run.

    Attributes:
        finished: whether every sample of the suite has a score.
        unscored: reason -> samples.
    """

    source: Source
    verdict: str
    details: tuple[str, ...]
    target: str
    target_digest: str
    place: str
    private: bool | None
    finished: bool
    kinds: tuple[RunKind, ...]
    overall: Measure
    usd: float | None
    engine_s: float | None
    cached: int
    unscored: tuple[tuple[str, int], ...]
    samples: Samples


View = DecisionView | RunView
