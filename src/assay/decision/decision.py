"""A decision as a value: for each kind of work who does it, on what evidence, and why not the others."""

from __future__ import annotations

from enum import StrEnum

from assay.decision.adapting.adaptation import Adaptation
from assay.decision.basis import Basis, Ground
from assay.decision.question import Question
from assay.evals.figures.more_tokens import MoreTokens
from assay.evals.runs.tokens import Tokens
from assay.evals.suites.suite_table import Reducer
from assay.types import Value


class Status(StrEnum):
    """What became of a candidate for one kind.

    - chosen: the cheapest that passes, by a verdict that holds as the decision's guarantee says.
    - failed: below the bar, by such a verdict, or above the latency limit.
    - gated: failed a gate that stands before this kind.
    - excluded: a hard constraint forbids it.
    - unproven: it could not be called from here (no key, no weights), so nothing is claimed of it.
    - open: all samples were asked and the unscored ones decide; cannot be told.
    - not-needed: a cheaper candidate passed first.
    """

    CHOSEN = "chosen"
    FAILED = "failed"
    GATED = "gated"
    EXCLUDED = "excluded"
    UNPROVEN = "unproven"
    OPEN = "open"
    NOT_NEEDED = "not-needed"


class CandidateResult(Value, frozen=True, kw_only=True):
    """One candidate for one kind.

    Attributes:
        passed, failed, unscored: of the samples asked so far; the rest was not needed for a certain verdict.
        interval: 95 %, for new work of the same kind: Wilson's where all samples were asked, else one that holds
            whenever one stops (`assay.stats.anytime`).
        early: samples were left out that could still turn the verdict: it rests on a test, with the decision's error.
        failure_bound: of a gate: exact one-sided 95 % upper bound of its failure rate (Clopper-Pearson).
        usd, engine_s: measured mean of one answer.
        expected: predicted cost of one answer that the order came from, in `expected_unit`.
        tokens: of one answer, over all its calls; None = not known.
    """

    name: str
    status: Status
    reason: str
    passed: int = 0
    failed: int = 0
    unscored: int = 0
    interval: tuple[float, float] | None = None
    early: bool = False
    failure_bound: float | None = None
    p95_s: float | None = None
    usd: float | None = None
    engine_s: float | None = None
    expected: float | None = None
    expected_unit: str | None = None
    tokens: Tokens | None = None

    @property
    def may_be_asked(self) -> bool:
        """Whether it could be asked: what nobody could have asked is not saved either."""
        out_of_reach = self.status in (Status.EXCLUDED, Status.UNPROVEN)
        return not out_of_reach or bool(self.passed + self.failed + self.unscored)


class KindDecision(Value, frozen=True, kw_only=True):
    """One kind of work (or, with `--overall`, all of them together).

    Attributes:
        total: samples that decide; `needed` of them must pass to meet `bar`.
        made_up: whether those are synthetic, for want of any that were met in real work.
        left_out: synthetic samples that decide nothing, since there are real ones.
        chosen: the candidate; None when none passes or it cannot be told.
        evidence: ids of the samples on which the chosen one was proven.
        moves: what is left to do when none passes.
        reducers: of the kinds whose samples are asked several times: what the values of one sample come to.
        more_tokens: candidates of one model beside each other: what more tokens an answer bought.
    """

    name: str
    kinds: tuple[str, ...]
    gate: bool
    bar: float
    total: int
    needed: int
    chosen: str | None
    reason: str
    candidates: tuple[CandidateResult, ...]
    evidence: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    reducers: dict[str, Reducer] = {}
    made_up: bool = False
    left_out: int = 0
    more_tokens: tuple[MoreTokens, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it cannot be told with this evidence: unscored samples decide, or nobody could be asked at all."""
        if self.chosen is not None:
            return False
        states = {one.status for one in self.candidates}
        return Status.OPEN in states or (Status.UNPROVEN in states and not states & {Status.FAILED, Status.GATED})


class Decision(Value, frozen=True, kw_only=True):
    """What `assay choose` found.

    Attributes:
        asked: samples that the evidence rests on; `grid` would be every candidate on every sample that it may be asked.
        asked_now: of these, asked in this very call; the rest was known from earlier runs.
        replayed_now: of `asked_now`, what the ledger's cache answered: nothing was sent.
        spent_usd, spent_engine_s: of what was asked now; None = not known.
        tolerance: whoever misses the bar by no more may be chosen.
        error: the probability of a wrong choice, per kind, is no larger; 0 = only what is certain counts.
        runs: candidate -> run that holds its results.
        basis: candidate -> what it was, and on what conditions it was had.
        models: candidate -> the model that it is a configuration of; those of several models are not in it.
        ground: the samples, limits and judges that all candidates have in common; None = it was not recorded.
        question: what was said on the command line; None = it was not recorded.
        again_of: the decision that was made again.
        adaptations: candidates whose prompts were searched before, with what that came to.
    """

    id: str
    created_at: float
    suite: str
    suite_version: str
    suite_digest: str
    config_digest: str
    seed: int
    split: str | None
    kinds: tuple[KindDecision, ...]
    asked: int
    asked_now: int
    grid: int
    spent_usd: float | None
    spent_engine_s: float | None
    runs: dict[str, str]
    guarantee: str
    population: str
    tolerance: float = 0.0
    error: float = 0.0
    replayed_now: int = 0
    basis: dict[str, Basis] = {}
    models: dict[str, str] = {}
    ground: Ground | None = None
    question: Question | None = None
    again_of: str | None = None
    adaptations: tuple[Adaptation, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 = a candidate for every kind; 1 = none passes some kind; 4 = cannot be told."""
        if all(kind.chosen is not None for kind in self.kinds):
            return 0
        return 1 if any(kind.chosen is None and not kind.open for kind in self.kinds) else 4
