"""A judge on trial: against people's labels, against itself, and against answers that answer nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from assay.evals.graders.grader import Grader, Score
from assay.evals.graders.grading import graders_of, score_of
from assay.evals.graders.identity import grader_digest
from assay.evals.graders.judges import Judges
from assay.evals.graders.position import position_bias
from assay.evals.judging.audited import Audit, Labelled, Tried, Verdicts, agreement, probe, steadiness
from assay.evals.judging.labels import Labels
from assay.evals.judging.probes import probes_for
from assay.evals.judging.side_by_side import side_by_side
from assay.evals.suites.suite import GraderSpec, Sample, Suite, shuffled
from assay.inference.purse import Purse
from assay.inference.spine import Options, Spine
from assay.ledger.audits import add_audit
from assay.ledger.rows import AuditRow, ResultRow, new_id
from assay.types import Response, Text

__all__ = ["Auditor", "labelled_answers"]

VERDICT_DEADLINE_S = 300.0
"""A verdict that takes longer is none."""


def labelled_answers(
    suite: Suite, rows: Iterable[ResultRow], labels: Labels, targets: Mapping[str, str] = MappingProxyType({})
) -> list[Labelled]:
    """The answers among some results that people have read; of equal answers to one sample only the first.

    Args:
        suite: what they are answers to.
        rows: the results.
        labels: what people say.
        targets: by run, who gave its answers.
    """
    samples = {sample.id: sample for sample in suite.samples if sample.id in labels.by_sample}
    found: dict[tuple[str, str], Labelled] = {}
    for row in rows:
        value = labels.of(row) if row.sample_id in samples and row.answer is not None else None
        if value is not None and row.answer is not None:
            one = Labelled(samples[row.sample_id], row.answer, value == 1, targets.get(row.run_id))
            found.setdefault((row.sample_id, row.answer), one)
    return list(found.values())


class _Asked(NamedTuple):
    """One verdict that is wanted, on an answer of `target`; `draw` tells repeats apart."""

    sample: Sample
    answer: str
    draw: int = 0
    target: str | None = None


class Auditor:
    """Audits graders that ask models.

    Args:
        spine: what can be called.
        suite: whose graders and samples they are.
        repeats: verdicts on each labelled answer.
        probes: samples on which constant answers are tried; 0 = none.
        concurrency: verdicts asked for at the same time.
        use_cache: take verdicts from the ledger that an interrupted audit has paid for.
        purse: what all verdicts may cost.
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
        purse: Purse | None = None,
        on_verdict: Callable[[], None] = lambda: None,
    ) -> None:
        self._spine = spine
        self._suite = suite
        self._repeats = repeats
        self._probes = probes
        self._options = Options(use_cache=use_cache, purse=purse)
        self._on_verdict = on_verdict
        self._concurrency = concurrency

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
            people=agreement(own, verdicts) if own else None,
            steadiness=steadiness(own, verdicts, self._repeats) if own and self._repeats > 1 else None,
            probe=probe(self._tried(samples), verdicts),
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
        asked = [_Asked(one.sample, one.answer, draw, one.target) for one in own for draw in range(self._repeats)]
        asked += [_Asked(sample, text) for sample, texts in self._tried(samples) for text in texts.values()]
        return list({(one.sample.id, one.answer, one.draw): one for one in asked}.values())

    def _tried(self, samples: Sequence[Sample]) -> list[Tried]:
        """The samples on which constant answers are tried, with these."""
        if not self._probes:
            return []
        tried = (Tried(sample, texts) for sample in samples if (texts := probes_for(sample, samples)) is not None)
        return list(islice(tried, self._probes))

    async def _ask(self, spec: GraderSpec, asked: Sequence[_Asked], usd: list[float | None]) -> Verdicts:
        async def one(wanted: _Asked) -> Score:
            options = msgspec.structs.replace(self._options, seed=wanted.draw)
            judges = Judges(self._spine, options, judged=(wanted.target,) if wanted.target is not None else ())
            response = Response(parts=(Text(text=wanted.answer),) if wanted.answer else ())
            request = wanted.sample.request(VERDICT_DEADLINE_S)
            score = await score_of(spec, wanted.sample, request, response, judges)
            usd.append(judges.usd)
            self._on_verdict()
            return score

        scores = await side_by_side(one, asked, self._concurrency)
        return {(one.sample.id, one.answer, one.draw): score for one, score in zip(asked, scores, strict=True)}


def _orders(score: Score) -> bool:
    return bool(score.detail and "orders" in score.detail)
