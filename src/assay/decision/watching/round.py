"""One round: what has not been answered today is asked, uncached, and each answer is recorded as it comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal

from assay.decision.watching.borders import KIND, Said, question, say
from assay.decision.watching.panel import Border, Panel
from assay.decision.watching.reading import day_of
from assay.errors import AssayError, BudgetExceeded
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.ledger.observations import add_observations, observations
from assay.ledger.rows import ObservationRow, ResultRow, new_id
from assay.types import Request, Value

__all__ = ["ENOUGH_DAYS", "Asked", "Round"]

ENOUGH_DAYS = 7
"""With an answer of an item, before it is said that all is quiet. An alarm may come sooner."""


class Asked(Value, frozen=True, kw_only=True):
    """What a round came to.

    Attributes:
        answered: canaries and border inputs that were asked in it, and had an answer.
        unanswered: that had none: no news of the model.
        problem: why, of the last one that had none.
        usd: what they cost, graders included; None = not known.
    """

    answered: int = 0
    unanswered: int = 0
    problem: str | None = None
    usd: float | None = 0.0


class Round:
    """Asks one panel.

    Args:
        spine: where it is asked.
        panel: what is asked.
        suite: with the canaries; None = there are none.
        clock: seconds since 1970.
        purse: what it may cost.
        concurrency: requests in flight.
        config_digest: kept with the run.
        on_answer: told after each.
    """

    def __init__(
        self, spine: Spine, panel: Panel, suite: Suite | None, clock: Callable[[], float], *,
        purse: Purse | None = None, concurrency: int = 8, config_digest: str = "",
        on_answer: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._panel = panel
        self._suite = suite
        self._clock = clock
        self._purse = purse
        self._concurrency = concurrency
        self._config_digest = config_digest
        self._on_answer = on_answer
        self._writing: list[asyncio.Task[None]] = []
        self._answered = self._unanswered = 0
        self._usd: float | None = 0.0
        self._problem: str | None = None

    async def missing(self) -> tuple[list[str], list[Border]]:
        """Canaries and border inputs that had no answer today."""
        rows = await observations(self._spine.ledger, self._panel.digest)
        today = day_of(self._clock())
        had = {(row.what, row.item) for row in rows if day_of(row.created_at) == today}
        canaries = [one for one in self._panel.canaries if ("canary", one) not in had]
        return canaries, [one for one in self._panel.borders if ("border", one.id) not in had]

    async def requests(self) -> list[Request]:
        """All that `ask` would ask."""
        canaries, borders = await self.missing()
        samples = self._suite.samples.named(canaries) if self._suite is not None else ()
        return [*(one.request() for one in samples), *(question(one.prompt) for one in borders)]

    async def ask(self) -> Asked:
        """Ask what had no answer today. A fault of the host leaves an answer out; the next round asks again.

        Raises:
            ConfigError, WeightsError: nothing can be asked.
            BudgetExceeded: the money does not suffice; what came is kept.
            LedgerError: answers cannot be kept.
        """
        canaries, borders = await self.missing()
        try:
            await self._canaries(canaries)
            await self._borders(borders)
        finally:
            if self._writing:
                await asyncio.wait(self._writing)
        for one in self._writing:
            one.result()
        return Asked(answered=self._answered, unanswered=self._unanswered, problem=self._problem, usd=self._usd)

    async def _canaries(self, ids: Sequence[str]) -> None:
        """As an evaluation asks its samples, so that pace, deadlines and graders are the same."""
        if self._suite is None or not ids:
            return
        runner = Runner(
            self._spine, self._suite, config_digest=self._config_digest, concurrency=self._concurrency,
            use_cache=False, repeats=1, purse=self._purse, on_result=lambda _, row: self._graded(row),
        )  # fmt: skip
        run = await runner.open(self._panel.target, fresh=True, purpose="watch")
        await runner.evaluate(run, self._suite.samples.named(ids).shuffled(int(self._clock())))

    def _graded(self, row: ResultRow) -> None:
        if row.answer is None and row.value is None:
            self._pay(row.cost_usd or 0.0)  # a call that failed and has no price cost nothing
            self._lacks(row.unscored or "no answer")
            return
        self._pay(row.cost_usd)
        self._pay(row.grading_usd)
        self._keep(row.sample_id, row.kind, "canary", row.value, row.answer, row.request_id)

    async def _borders(self, borders: Sequence[Border]) -> None:
        gate = asyncio.Semaphore(1 if self._spine.one_at_a_time(self._panel.target) else self._concurrency)
        spent: list[BudgetExceeded] = []

        async def ask(border: Border) -> None:
            async with gate:
                try:
                    said: Said = await say(self._spine, self._panel.target, border.prompt, self._purse)
                except BudgetExceeded as error:
                    spent.append(error)
                    return
                except AssayError as error:
                    self._lacks(f"{type(error).__name__}: {error}")
                    return
            self._pay(said.usd)
            value = float(said.text == border.usual)
            self._keep(border.id, KIND, "border", value, said.text, said.request_id)

        order = random.Random(self._clock()).sample(borders, len(borders))  # noqa: S311 - an order, no secret
        await asyncio.gather(*map(ask, order))
        if spent:
            raise spent[0]

    def _pay(self, usd: float | None) -> None:
        self._usd = self._usd + usd if self._usd is not None and usd is not None else None

    def _lacks(self, problem: str) -> None:
        self._unanswered += 1
        self._problem = problem
        self._on_answer()

    def _keep(
        self, item: str, kind: str, what: Literal["canary", "border"], value: float | None, answer: str | None,
        request_id: str | None,
    ) -> None:  # fmt: skip
        row = ObservationRow(
            id=new_id(),
            created_at=self._clock(),
            target=self._panel.target,
            watch=self._panel.digest,
            item=item,
            kind=kind,
            what=what,
            value=value,
            answer_sha256=_digest(answer) if answer is not None else None,
            request_id=request_id,
        )
        self._writing.append(asyncio.ensure_future(add_observations(self._spine.ledger, [row])))
        self._answered += 1
        self._on_answer()


def _digest(answer: str) -> str:
    return sha256(answer.strip().encode("utf-8", "surrogatepass")).hexdigest()
