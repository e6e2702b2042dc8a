"""A judge on trial: against people's labels, against itself, and against answers that answer nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from assay.evals.graders.grader import Grader, Score
from assay.evals.graders.identity import grader_digest
from assay.evals.graders.position import PositionBias, position_bias
from assay.evals.grading import graders_of, score_of
from assay.evals.judges import Judges
from assay.evals.labels import Labels
from assay.evals.probes import SWAPPED, probes_for
from assay.evals.suite import GraderSpec, Sample, Suite, shuffled
from assay.inference.spine import Options, Spine
from assay.ledger.audits import add_audit
from assay.ledger.rows import AuditRow, ResultRow, new_id
from assay.stats.agreement import kappa
from assay.stats.gamed import gamed
from assay.stats.intervals import Interval, clopper_pearson, wilson
from assay.stats.misjudged import Confusion
from assay.types import Response, Text, Value

__all__ = ["Agreement", "Audit", "Auditor", "Labelled", "Probe", "Steadiness", "labelled_answers"]

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
        samples: on which each was tried and judged.
        passed: answer -> samples on which it passed.
        fooled: `yes`, `no`, or `open` when so few samples cannot tell (`assay.stats.gamed`).
        worst: the one that passed most often, with exact limits of its share that hold for all at once.
    """

    samples: int
    passed: dict[str, int]
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
    """An answer to a sample, and what a person says of it."""

    sample: Sample
    answer: str
    right: bool


def labelled_answers(suite: Suite, rows: Iterable[ResultRow], labels: Labels) -> list[Labelled]:
    """The answers among some results that people have read; of equal answers to one sample only the first."""
    samples = {sample.id: sample for sample in suite.samples if sample.id in labels.by_sample}
    found: dict[tuple[str, str], Labelled] = {}
    for row in rows:
        value = labels.of(row) if row.sample_id in samples and row.answer is not None else None
        if value is not None and row.answer is not None:
            found.setdefault((row.sample_id, row.answer), Labelled(samples[row.sample_id], row.answer, value == 1))
    return list(found.values())


class _Asked(NamedTuple):
    """One verdict that is wanted; `draw` tells repeats apart."""

    sample: Sample
    answer: str
    draw: int = 0


class Auditor:
    """Audits graders that ask models.

    Args:
        spine: what can be called.
        suite: whose graders and samples they are.
        repeats: verdicts on each labelled answer (or, without labels, on each target).
        probes: samples on which constant answers are tried; 0 = none.
        concurrency: verdicts asked for at the same time.
        use_cache: take verdicts from the ledger that an interrupted audit has paid for.
        on_verdict: called after each.
    """

    def __init__(
        self,
        spine: Spine,
        suite: Suite,
        *,
        repeats: int = 2,
        probes: int = 50,
        concurrency: int = 8,
        use_cache: bool = True,
        on_verdict: Callable[[], None] = lambda: None,
    ) -> None:
        self._spine = spine
        self._suite = suite
        self._repeats = repeats
        self._probes = probes
        self._use_cache = use_cache
        self._on_verdict = on_verdict
        self._gate = asyncio.Semaphore(concurrency)

    def graders(self, model: str) -> list[tuple[GraderSpec, Grader]]:
        """The suite's graders that ask a model."""
        return [(spec, grader) for spec, grader in graders_of(self._suite.samples) if model in grader.models]

    async def audit(self, spec: GraderSpec, grader: Grader, labelled: Sequence[Labelled]) -> Audit:
        """Judge, and record what was found.

        Raises:
            BudgetExceeded, WeightsError: no further verdict can be paid for, or asked.
            LedgerError: it cannot be recorded.
        """
        samples = [sample for sample in shuffled(self._suite.samples, 0) if spec in sample.graders]
        own = [one for one in labelled if spec in one.sample.graders]
        usd: list[float | None] = []
        verdicts = await self._ask(spec, self._wanted(samples, own), usd)
        audit = Audit(
            judge=", ".join(grader.models),
            grader=grader.name,
            digest=await grader_digest(self._spine, grader),
            suite=self._suite.name,
            suite_digest=self._suite.digest,
            kinds=tuple(dict.fromkeys(sample.kind for sample in samples)),
            created_at=time.time(),
            people=_agreement(own, verdicts) if own else None,
            steadiness=self._steadiness(own, verdicts) if own and self._repeats > 1 else None,
            probe=_probe(self._tried(samples), verdicts),
            position=position_bias(verdicts.values()) if any(_orders(one) for one in verdicts.values()) else None,
            usd=None if None in usd else sum(one or 0.0 for one in usd),
        )
        body = msgspec.json.encode(audit)
        row = AuditRow(
            id=new_id(), created_at=audit.created_at, judge=audit.judge, judge_digest=audit.digest, body=body
        )
        await add_audit(self._spine.ledger, row)
        return audit

    def verdicts(self, spec: GraderSpec, labelled: Sequence[Labelled]) -> int:
        """How many verdicts an audit asks for."""
        samples = [sample for sample in shuffled(self._suite.samples, 0) if spec in sample.graders]
        return len(self._wanted(samples, [one for one in labelled if spec in one.sample.graders]))

    def _wanted(self, samples: Sequence[Sample], own: Sequence[Labelled]) -> list[_Asked]:
        asked = [_Asked(one.sample, one.answer, draw) for one in own for draw in range(self._repeats)]
        asked += [_Asked(sample, text) for sample, texts in self._tried(samples) for text in texts.values()]
        return list({(one.sample.id, one.answer, one.draw): one for one in asked}.values())

    def _tried(self, samples: Sequence[Sample]) -> list[tuple[Sample, dict[str, str]]]:
        """The samples on which constant answers are tried, with these."""
        if not self._probes:
            return []
        tried = ((sample, texts) for sample in samples if (texts := probes_for(sample, samples)) is not None)
        return list(islice(tried, self._probes))

    async def _ask(self, spec: GraderSpec, asked: Sequence[_Asked], usd: list[float | None]) -> _Verdicts:
        found: _Verdicts = {}

        async def one(wanted: _Asked) -> None:
            async with self._gate:
                judges = Judges(self._spine, Options(use_cache=self._use_cache, seed=wanted.draw))
                parts = (Text(text=wanted.answer),) if wanted.answer else ()
                response = Response(parts=parts)
                score = await score_of(spec, wanted.sample, wanted.sample.request(), response, judges)
            found[wanted.sample.id, wanted.answer, wanted.draw] = score
            usd.append(judges.usd)
            self._on_verdict()

        async with asyncio.TaskGroup() as group:
            for wanted in asked:
                group.create_task(one(wanted))
        return found

    def _steadiness(self, own: Sequence[Labelled], verdicts: _Verdicts) -> Steadiness:
        rounds = [[verdicts[one.sample.id, one.answer, draw].value for draw in range(self._repeats)] for one in own]
        whole = [values for values in rounds if None not in values]
        steady = sum(len(set(values)) == 1 for values in whole)
        return Steadiness(
            repeats=self._repeats,
            answers=len(whole),
            steady=steady,
            share=steady / len(whole) if whole else None,
            interval=_span(wilson(steady, len(whole))) if whole else None,
        )


_Verdicts = dict[tuple[str, str, int], Score]


def _orders(score: Score) -> bool:
    return bool(score.detail and "orders" in score.detail)


def _agreement(own: Sequence[Labelled], verdicts: _Verdicts) -> Agreement:
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


def _probe(tried: Sequence[tuple[Sample, dict[str, str]]], verdicts: _Verdicts) -> Probe | None:
    """Over the samples on which every constant answer got a verdict; the swapped ones where there are enough."""
    names = [name for name in dict.fromkeys(name for _, texts in tried for name in texts)]
    if SWAPPED in names and not all(SWAPPED in texts for _, texts in tried):
        names.remove(SWAPPED)
    whole: list[dict[str, float]] = []
    for sample, texts in tried:
        values = {name: verdicts[sample.id, texts[name], 0].value for name in names}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) == len(names):
            whole.append(known)
    if not whole:
        return None
    passed = {name: sum(values[name] >= 1.0 for values in whole) for name in names}
    found = gamed(passed, len(whole))
    return Probe(
        samples=len(whole), passed=passed, fooled=found.fooled.value, worst=found.worst, share=found.share,
        bounds=_span(found.bounds), tolerated=found.tolerated,
    )  # fmt: skip


def _exact(k: int, n: int) -> _Span | None:
    return _span(clopper_pearson(k, n)) if n else None


def _span(interval: Interval) -> _Span:
    return (interval.low, interval.high)
