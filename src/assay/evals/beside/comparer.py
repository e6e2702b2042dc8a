"""Compares the client's answer with that of another who was asked beside, and records what came of it.

A check decides where answers are closed; where they are open, a judge that the route names, asked in both orders. What
is recorded holds nothing of what was said, unless the route keeps bodies.
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from assay.checks.check import Check
from assay.checks.registry import make_check
from assay.config.schema import Config
from assay.errors import AssayError, BudgetExceeded, EvalError
from assay.evals.beside.agreement import agreement, by_check
from assay.evals.graders.judges import KIND, Judges
from assay.evals.graders.pairwise import Pairwise
from assay.evals.graders.registry import make_grader
from assay.evals.suites.readable import readable
from assay.evals.suites.sample import Sample
from assay.inference.bodies import Bodies
from assay.inference.pair import Pair
from assay.inference.spine import Spine
from assay.ledger.comparisons import add_comparison
from assay.ledger.rows import ComparisonRow, Preference, new_id
from assay.routing.options import check_spec
from assay.types import Request, Response

__all__ = ["Comparer"]

_MOST_CHARS = 400
"""Of words on a comparison that are kept."""


class _Finding(NamedTuple):
    """What came of comparing; `usd` is what the judge cost.

    `cause` is why a judge told nothing, in a word that holds nothing of what was said: `budget`, or `judge` where it
    failed.
    """

    verdict: Preference
    by: str
    why: str
    usd: float | None = 0.0
    cause: str = ""


class Comparer:
    """Compares pairs of one spine.

    Args:
        spine: whose pairs they are; its judges are asked, and its ledger is written.
        config: what may be kept.
    """

    def __init__(self, spine: Spine, config: Config) -> None:
        self._spine = spine
        self._config = config
        self._checks: dict[bytes, tuple[str, Check]] = {}

    async def __call__(self, pair: Pair) -> None:
        """Compare and record; durable when this returns.

        Raises:
            LedgerError: it cannot be recorded.
        """
        found = await self._finding(pair)
        own = pair.own.response.parts if pair.own.response is not None else ()
        other = pair.other.response.parts if pair.other.response is not None else ()
        kept = await asyncio.to_thread(self._bodies.other, pair.target, pair.request, own, other, found.why)
        why = (
            pair.why if pair.outcome in ("unasked", "uncompared") else kept.words
        )  # of money and places, nothing of what was said
        why = f"{found.cause}: {why}" if found.cause else why
        await add_comparison(
            self._spine.ledger,
            ComparisonRow(
                id=new_id(),
                created_at=time.time(),
                request_id=pair.request_id,
                route=pair.route,
                kind=pair.request.kind,
                label=pair.label.value,
                purpose=pair.purpose,
                own=pair.own.target,
                other=pair.other.target,
                verdict=found.verdict,
                decided_by=found.by,
                reason=why[:_MOST_CHARS],
                own_usd=pair.own.usd,
                other_usd=pair.other.usd,
                judge_usd=found.usd,
                own_s=pair.own.total_s,
                other_s=pair.other.total_s,
                answer=kept.answer,
            ),
        )

    @cached_property
    def _bodies(self) -> Bodies:
        return Bodies(self._spine.ledger, self._config, self._spine.targets)

    async def _finding(self, pair: Pair) -> _Finding:
        own, other, how = pair.own.response, pair.other.response, pair.how
        if pair.outcome == "uncompared":
            return _Finding("unjudged", "nobody", pair.why)
        if pair.outcome != "answered" or own is None or other is None:
            return _Finding("failed" if pair.outcome == "answered" else pair.outcome, "nobody", pair.why)
        try:
            if how.check is not None:
                name, check = self._check(how.check)
                found = await asyncio.to_thread(by_check, name, check, pair.request, own, other)
                return _Finding("same" if found.agree else "differs", found.by, found.why)
            closed = await asyncio.to_thread(agreement, pair.request, own, other)
            if closed is not None:
                return _Finding("same" if closed.agree else "differs", closed.by, closed.why)
            if how.judge is None:
                return _Finding("unjudged", "nobody", "both are open answers, and the route names no judge")
            return await self._judged(pair, how.judge, own, other)
        except EvalError as error:
            return _Finding("unjudged", "nobody", str(error))

    def _check(self, given: str | dict[str, Any]) -> tuple[str, Check]:
        key = msgspec.json.encode(given, order="sorted")
        if key not in self._checks:
            name, spec = check_spec(given)
            self._checks[key] = name, make_check(spec)
        return self._checks[key]

    async def _judged(self, pair: Pair, judge: str, own: Response, other: Response) -> _Finding:
        judges = _PairJudges(self._spine, pair)
        rubric = {"rubric": pair.how.rubric} if pair.how.rubric is not None else {}
        grader = make_grader({"grader": Pairwise.name, "model": judge, **rubric})
        request = msgspec.structs.replace(pair.request, label=pair.label, deadline_s=None, native=None)
        sample = Sample(
            id=pair.request_id, kind=request.kind or KIND, messages=request.messages,
            target="\n".join(readable(other.parts)), graders=(), split="heldout", label=pair.label,
        )  # fmt: skip
        try:
            score = await grader.grade(sample, request, own, judges)
        except AssayError as error:
            cause, why = "budget" if isinstance(error, BudgetExceeded) else "judge", f"{type(error).__name__}: {error}"
            return _Finding("unjudged", f"judge {judge}", why, judges.usd, cause)
        value = score.measure
        verdict: Preference = "own" if value == 1.0 else "other" if value == 0.0 else "equal"
        return _Finding(verdict, f"judge {judge}", score.explanation, judges.usd)


class _PairJudges(Judges):
    """Asks on the record of the pair's own request, within the money of its comparisons, and waits for nobody."""

    def __init__(self, spine: Spine, pair: Pair) -> None:
        super().__init__(spine, judged=(pair.own.target, pair.other.target))
        self._pair = pair
        self._spent: list[float | None] = []

    async def ask(self, request: Request, target: str, *, draw: int = 0) -> Response:
        asked = await self._pair.ask(self._labelled(request, self._open()), target)
        self._spent.append(asked.usd)
        return asked.response

    @property
    def usd(self) -> float | None:
        known = [usd for usd in self._spent if usd is not None]
        return sum(known) if len(known) == len(self._spent) else None
