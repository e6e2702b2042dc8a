"""The search for one candidate and one kind: variants race on dev, and the best has to beat the configured prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from assay.decision.adapting.adaptation import KindAdaptation, Tried
from assay.decision.adapting.halving import affordable, halved, rounds
from assay.decision.adapting.luck import beyond_luck, chance
from assay.decision.adapting.practice import LEAST_DEV, Practice
from assay.decision.adapting.proposals import proposals
from assay.decision.adapting.rewriting import Rewriter
from assay.decision.adapting.spending import Account
from assay.decision.adapting.unseen import Unseen
from assay.decision.adapting.variant import CONFIGURED, Variant, adapted_config, configured, derived
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Progress, Runner
from assay.evals.suites.suite import Kind, Samples, Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.numerals import plural, verb

__all__ = ["Search", "Searching", "dev_suite"]


class Searching(NamedTuple):
    """How all searches of one call go.

    Attributes:
        answers: of each candidate and kind, at most.
        seed: of the order of samples, of each request and of the proposer.
        concurrency: samples in flight at the same time.
        on_result: told each answer.
    """

    answers: int
    seed: int = 0
    concurrency: int = 8
    on_result: Progress | None = None


@dataclass(slots=True)
class _Arm:
    """A variant that takes part."""

    variant: Variant
    run: Run
    order: int
    passed: int = 0
    scored: int = 0

    @property
    def rank(self) -> tuple[float, int, int]:
        """The smallest is the best: most passed, then what sends less, then the order of the proposals."""
        share = self.passed / self.scored if self.scored else -1.0
        return (-share, self.variant.size_bytes, self.order)

    def count(self, samples: Samples) -> None:
        rows = [row for one in samples.ids if (row := self.run.results.get(one)) is not None]
        values = [row.value for row in rows if row.value is not None]
        self.passed, self.scored = sum(value >= 1.0 for value in values), len(values)


class Search:
    """One candidate, one kind.

    Args:
        spine: what can be called; variants are in it for the time of the search.
        suite: that the kind is of, whole.
        live: the candidate.
        kind: of work.
        practice: its dev samples.
        unseen: its held-out samples, which no prompt may show.
        searching: how.
        account: what is used is noted there.
        purse: what pays for it; None = nothing limits it but the month's budget.
        rewriter: what writes instructions; None = nobody.
    """

    def __init__(
        self, spine: Spine, suite: Suite, live: LiveDeployment, kind: Kind, practice: Practice, unseen: Unseen,
        searching: Searching, account: Account, purse: Purse | None = None, rewriter: Rewriter | None = None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._live = live
        self._kind = kind
        self._practice = practice
        self._unseen = unseen
        self._answers = searching.answers // kind.repeats
        self._account = account
        self._purse = purse
        self._rewriter = rewriter
        self._refused: dict[str, str] = {}
        self._names: list[str] = []
        self._runner = Runner(
            spine, dev_suite(suite, kind.name), seed=searching.seed, concurrency=searching.concurrency, purse=purse,
            on_result=searching.on_result,
        )  # fmt: skip

    async def search(self) -> KindAdaptation:
        """Find the variant that takes the place of the configured prompt, if there is one.

        Raises:
            BudgetExceeded, ConfigError, WeightsError, LedgerError, RateLimited: no further sample can be asked; what
                was done is kept.
        """
        if self._practice.samples < LEAST_DEV:
            return self._kept(
                f"{self._practice.samples} dev samples can be used, and fewer than {LEAST_DEV} cannot tell two prompts "
                "apart"
            )
        try:
            return await self._search()
        finally:
            for name in self._names:
                self._spine.targets.pop(name, None)

    async def _search(self) -> KindAdaptation:
        plain = configured(self._live.config, self._kind.name)
        written = await self._rewritten(plain)
        variants = self._askable(proposals(self._live, self._kind, plain, self._practice, written))
        most = affordable(self._answers, len(self._practice.scored))
        if most < 2:
            few = f"{plural(self._answers, 'answer')} {verb(self._answers, 'is', 'are')} too few"
            return self._kept(f"{few} to try another prompt beside the configured one")
        if len(variants) < 2:
            return self._kept("there is no other prompt to try")
        arms = [await self._arm(variant, order) for order, variant in enumerate(variants[:most])]
        asked = self._practice.scored[: rounds(len(arms), len(self._practice.scored), self._answers)[-1].samples]
        return self._outcome(arms, await self._raced(arms), asked, len(variants) - len(arms))

    def _kept(self, reason: str) -> KindAdaptation:
        return KindAdaptation(
            kind=self._kind.name, reason=f"kept as configured: {reason}", dev=self._practice.samples,
            shown=len(self._practice.shown), left_out=self._practice.left_out, refused=self._refused,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------- what takes part

    async def _rewritten(self, plain: Variant) -> Sequence[str]:
        """Instructions by the proposer, who sees how the configured prompt does on the samples that may be shown."""
        shots = self._practice.shown
        if self._rewriter is None or not shots:
            return ()
        arm = await self._arm(plain, 0)
        samples = Samples.held([shot.sample for shot in shots])
        await self._ask(arm, samples, 0)
        self._answers -= len(samples)
        rows = await self._spine.ledger.results(arm.run.row.id)
        got = {row.sample_id: None if row.value >= 1.0 else row.answer or "" for row in rows if row.value is not None}
        found = await self._rewriter.rewrite(self._kind, plain.settings, shots, got, self._purse)
        self._account.write(found.traces)
        self._refused |= {f"rewritten ({number})": fault for number, fault in enumerate(found.faults, start=1)}
        return found.instructions

    def _askable(self, variants: Sequence[Variant]) -> list[Variant]:
        """Without those whose prompt shows a held-out sample. The configured one is measured as it is."""
        found: list[Variant] = []
        for variant in variants:
            shown = self._unseen.shown_by(variant.prompt) if variant.name != CONFIGURED else ()
            if shown:
                self._refused[variant.name] = f"its prompt holds held-out samples: {', '.join(shown[:5])}"
            else:
                found.append(variant)
        return found

    async def _arm(self, variant: Variant, order: int) -> _Arm:
        kind = self._kind.name
        name = f"{self._live.name}~{kind}~{variant.name}"
        config = adapted_config(self._live.config, {kind: variant.settings}, (kind,))
        if name not in self._spine.targets:
            self._spine.targets[name] = derived(self._live, name, config)
            self._names.append(name)
        return _Arm(variant, await self._runner.open(name), order)

    # --------------------------------------------------------------------------------------- the race

    async def _raced(self, arms: Sequence[_Arm]) -> list[_Arm]:
        """Those of the last round, the best first."""
        scored = self._practice.scored
        schedule = rounds(len(arms), len(scored), self._answers)
        ranked, done = list(arms), 0
        for round_ in schedule:
            ranked = halved(ranked, round_.variants, lambda arm: arm.order == 0)
            for arm in ranked:
                await self._ask(arm, scored[: round_.samples], done)
            ranked.sort(key=lambda arm: arm.rank)
            done = round_.samples
        return ranked

    async def _ask(self, arm: _Arm, samples: Samples, known: int) -> None:
        await self._runner.evaluate(arm.run, samples)
        self._account.look(arm.run, (len(samples) - known) * self._kind.repeats)
        arm.count(samples)

    def _outcome(self, arms: Sequence[_Arm], last: Sequence[_Arm], asked: Samples, untried: int) -> KindAdaptation:
        plain = next(arm for arm in last if arm.order == 0)
        best = next(arm for arm in last if arm.order != 0)
        wins, losses = _differences(best.run, plain.run, asked)
        won = beyond_luck(wins, losses)
        figures = f"{best.passed} of {best.scored} on dev, and {plain.passed} of {plain.scored} as configured"
        if won:
            reason = f"{best.variant.name}: {figures}"
        elif wins > losses:
            luck = f"two equal prompts show such a lead in {chance(wins, losses):.0%} of cases"
            reason = f"kept as configured: {best.variant.name} passes {figures}; {luck}"
        else:
            others = plural(len(arms) - 1, "other")
            reason = f"kept as configured: the best of {others}, {best.variant.name}, passes {figures}"
        return msgspec.structs.replace(
            self._kept(""),
            reason=reason,
            tried=tuple(Tried(name=arm.variant.name, passed=arm.passed, scored=arm.scored,
                              size_bytes=arm.variant.size_bytes) for arm in arms),
            untried=untried,
            won=best.variant.name if won else None,
            settings=best.variant.settings if won else None,
        )  # fmt: skip


def dev_suite(suite: Suite, kind: str) -> Suite:
    """The dev samples of a kind as a suite of their own: its runs never stand among those of the suite itself."""
    digest = hashlib.sha256(f"adapt\0{suite.digest}\0{kind}".encode()).hexdigest()
    return msgspec.structs.replace(suite.only((kind,), "dev"), name=f"{suite.name}/adapt", digest=digest)


def _differences(a: Run, b: Run, samples: Samples) -> tuple[int, int]:
    """Samples that only `a` passed, and that only `b` did, of those that both have a score for."""
    wins = losses = 0
    for one in samples.ids:
        left, right = a.results.get(one), b.results.get(one)
        if left is None or left.value is None or right is None or right.value is None:
            continue
        wins += left.value >= 1.0 > right.value
        losses += right.value >= 1.0 > left.value
    return wins, losses
