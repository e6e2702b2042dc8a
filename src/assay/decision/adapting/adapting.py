"""Each model judged with the prompt that suits it: the search for every candidate, under one number of answers.

A prompt that was written for one model biases the comparison with others. So each candidate gets the same number of dev
answers per kind to find its own, and what wins is a further candidate, decided beside the configured one on held-out
samples that no search and no prompt has seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assay.decision.adapting.adaptation import Adaptation, KindAdaptation
from assay.decision.adapting.practice import Practice, practice
from assay.decision.adapting.rewriting import Rewriter
from assay.decision.adapting.search import Search, Searching
from assay.decision.adapting.spending import Account
from assay.decision.adapting.unseen import Unseen
from assay.decision.adapting.variant import adapted_config, derived
from assay.errors import AssayError, BudgetExceeded, ConfigError, SuiteError
from assay.evals.runs.lanes import lanes
from assay.evals.runs.payable import check_judges, check_targets
from assay.evals.suites.suite import Sample, Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.privacy.label import effective_label

__all__ = ["ANSWERS", "Adapting", "adapted_name"]

ANSWERS = 64
"""Of each candidate and kind, unless told otherwise: eight variants on the eight samples that a dozen of dev leave."""


def adapted_name(candidate: str) -> str:
    """What a candidate is called with the prompts that were found for it."""
    return f"{candidate}+adapted"


@dataclass(slots=True)
class Adapting:
    """One call of `assay choose --adapt`, before the decision.

    Args:
        spine: what can be called; adapted candidates are in it afterwards.
        suite: whole.
        kinds: those that are decided.
        searching: how much is asked, and in which order.
        usd: what the searches may cost together; each candidate has the same share. None = no limit of its own.
        proposer: deployment or route that writes instructions; None = nobody.
        overall: one candidate is chosen for all kinds, so that an adapted one is a candidate for all.
        on_kind: told of each search that is done: kind, candidate, and what it came to.
    """

    spine: Spine
    suite: Suite
    kinds: Sequence[str]
    searching: Searching
    usd: float | None = None
    proposer: str | None = None
    overall: bool = False
    on_kind: Callable[[str, str, str], None] | None = None
    _unseen: dict[str, Unseen] = field(default_factory=dict)
    _purses: list[Purse] = field(default_factory=list)

    @property
    def spent_usd(self) -> float:
        """What the searches have taken of `usd`: an attempt whose cost nobody knows counts by its bound."""
        return sum(purse.spent_usd for purse in self._purses)

    async def adapt(self, candidates: Sequence[str]) -> tuple[Adaptation, ...]:
        """Search for each candidate, those of different hosts side by side. Whoever calls again asks nothing twice.

        What an earlier call found, and somebody has put into the configuration, is not adapted once more: it is the
        candidate that it was made of for which another prompt may be found now.

        Raises:
            SuiteError: no kind has dev samples.
            ConfigError: there is no such proposer; or `usd` is given, and nobody knows what a call costs at most.
            BudgetExceeded: the month's budget is spent; what was asked is kept and a further call continues.
        """
        self._check(candidates)
        candidates = [name for name in candidates if name not in set(map(adapted_name, candidates))]
        found: dict[str, Adaptation] = {}
        problems: list[AssayError] = []

        async def work(lane: Sequence[str]) -> None:
            for name in lane:
                try:
                    found[name] = await self._candidate(name, len(candidates))
                except AssayError as error:
                    problems.append(error)
                    return

        async with asyncio.TaskGroup() as group:
            for lane in lanes(self.spine, candidates):
                group.create_task(work(lane))
        if problems:
            raise problems[0]
        return tuple(found[name] for name in candidates)

    def _check(self, candidates: Sequence[str]) -> None:
        if not any(self.suite.of(kind, "dev") for kind in self.kinds):
            raise SuiteError(
                f"suite {self.suite.name!r} has no dev samples in {', '.join(self.kinds)}, and prompts are searched on "
                f"dev alone; make some with `assay suite split {self.suite.folder}`"
            )
        if self.proposer is not None:
            self.spine.route(self.proposer)
        if self.usd is not None:
            part = self.suite.only(tuple(self.kinds))
            check_targets(self.spine, candidates, part)
            check_judges(self.spine, part)

    # --------------------------------------------------------------------------------- one candidate

    async def _candidate(self, name: str, candidates: int) -> Adaptation:
        live = self.spine.targets[name]
        account = Account(self.spine.ledger, time.time())
        purse = self._purse(name, candidates)
        kinds: list[KindAdaptation] = []
        reason = ""
        if isinstance(live, LiveDeployment):
            try:
                for kind in self._kinds_of(live):
                    kinds.append(await self._kind(live, kind, account, purse))
                    self._tell(kind, name, kinds[-1].reason)
            except BudgetExceeded as error:
                if purse is None or not purse.refused:
                    raise
                reason = f"the search ended early: {error}"
            except ConfigError:
                raise
            except AssayError as error:  # its weights are not there, its host refuses: the decision says so too
                reason = f"the search ended early: {error}"
        else:
            reason = "a route is decided as it is; adapt the deployments below it"
        adapted = await self._add(live, kinds) if isinstance(live, LiveDeployment) else None
        return Adaptation(
            candidate=name,
            answers=self.searching.answers,
            spending=await account.spending(),
            kinds=tuple(kinds),
            adapted=adapted.name if adapted is not None else None,
            only_kinds=adapted.config.only_kinds if adapted is not None else None,
            reason=reason,
        )

    def _purse(self, name: str, candidates: int) -> Purse | None:
        """A candidate's share of the money."""
        if self.usd is None:
            return None
        self._purses.append(Purse(self.usd / candidates, f"--adapt-usd of {name}"))
        return self._purses[-1]

    def _tell(self, kind: str, candidate: str, reason: str) -> None:
        if self.on_kind is not None:
            self.on_kind(kind, candidate, reason)

    def _kinds_of(self, live: LiveDeployment) -> list[str]:
        """The kinds that it is a candidate for."""
        only = live.config.only_kinds
        return [kind for kind in self.kinds if only is None or kind in only]

    async def _kind(self, live: LiveDeployment, name: str, account: Account, purse: Purse | None) -> KindAdaptation:
        dev, unseen = self.suite.of(name, "dev"), self._unseen_of(name)
        divided = await practice(
            dev, unseen, lambda sample: self._removed(live.name, sample) is None,
            most=self.searching.answers, seed=self.searching.seed,
        )  # fmt: skip
        if not divided.samples and dev and (removed := self._removed(live.name, dev[0])) is not None:
            return KindAdaptation(kind=name, reason=f"kept as configured: {removed}", left_out=len(dev))
        return await self._search(live, name, divided, account, purse).search()

    def _search(
        self, live: LiveDeployment, kind: str, divided: Practice, account: Account, purse: Purse | None
    ) -> Search:
        rewriter = Rewriter(self.spine, self.proposer, self.searching.seed) if self.proposer is not None else None
        return Search(
            self.spine, self.suite, live, self.suite.kinds[kind], divided, self._unseen_of(kind), self.searching,
            account, purse, rewriter,
        )  # fmt: skip

    def _unseen_of(self, kind: str) -> Unseen:
        """The held-out samples of a kind, read once for all candidates."""
        if kind not in self._unseen:
            self._unseen[kind] = Unseen(self.suite, kind)
        return self._unseen[kind]

    def _removed(self, name: str, sample: Sample) -> str | None:
        """Why the candidate may not be sent a sample."""
        route, request = self.spine.route(name), sample.request()
        removed = self.spine.removed(route, request, effective_label(request, route.label))
        return "; ".join(reason for _, reason in removed) or None

    # ---------------------------------------------------------------------------- what becomes of it

    async def _add(self, live: LiveDeployment, kinds: Sequence[KindAdaptation]) -> LiveDeployment | None:
        """Make the adapted candidate callable; None where nothing won.

        It stands for the kinds that were won, and for the gates before them, which it answers as configured, from the
        cache.
        """
        won = {one.kind: one.settings for one in kinds if one.settings is not None}
        if not won:
            return None
        gates = [kind for kind in self._kinds_of(live) if self.suite.kinds[kind].gate]
        only = live.config.only_kinds if self.overall else tuple(dict.fromkeys((*won, *gates)))
        name = adapted_name(live.name)
        before = self.spine.targets.get(name)
        if isinstance(before, LiveDeployment) and before.provider is not live.provider:
            await before.provider.close()
        adapted = self.spine.targets[name] = derived(live, name, adapted_config(live.config, won, only))
        return adapted
