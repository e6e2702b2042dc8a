"""One guard before cases that people have decided: shares with exact intervals, time and cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import msgspec

from assay.evals.guarding.cases import Case
from assay.inference.guards import LiveGuard
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace, total_cost
from assay.routing.protocol import Looked
from assay.stats.intervals import Interval, clopper_pearson
from assay.types import Request, Response

__all__ = ["Share", "Trial", "try_guard"]

AT_ONCE = 8


class Share(msgspec.Struct, frozen=True):
    """So many of so many, with the exact interval of 95 %; None = of none."""

    count: int
    of: int
    interval: Interval | None

    @classmethod
    def made(cls, count: int, of: int) -> Share:
        """The share with its interval (Clopper and Pearson 1934)."""
        return cls(count, of, clopper_pearson(count, of) if of else None)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        caught: of the cases that it should stop, those that it refused or revised.
        false_alarms: of the others, those that it refused or revised all the same.
        revised: cases that it revised.
        undecided: numbers of cases on which it could not do its work; they are in neither share.
        missed, alarmed: numbers of the cases that it got wrong, from 1.
        median_s: of a look.
        asked: how often a model was.
        usd: what that cost; None = not known.
    """

    guard: str
    caught: Share
    false_alarms: Share
    revised: int
    undecided: tuple[int, ...]
    missed: tuple[int, ...]
    alarmed: tuple[int, ...]
    median_s: float
    asked: int
    usd: float | None
    reasons: dict[int, str]


class _Looks:
    """Has the guard look, a few cases at the same time."""

    def __init__(self, guard: LiveGuard, spine: Spine) -> None:
        self.traces: list[Trace] = []
        self.seconds: list[float] = []
        self._guard = guard
        self._spine = spine
        self._places = asyncio.Semaphore(AT_ONCE)

    async def look(self, case: Case) -> Looked:
        async with self._places:
            began = time.monotonic()
            found = await self._guard.look(case.request, case.response, self._ask)
            self.seconds.append(time.monotonic() - began)
        return found.looked

    async def _ask(self, model: str, question: Request) -> Response:
        trace = Trace()
        self.traces.append(trace)
        return await self._spine.answer(question, model, trace, Options(purpose="guard"))


async def try_guard(guard: LiveGuard, spine: Spine, cases: Sequence[Case]) -> Trial:
    """Have a guard look at each case, the way it does at traffic; the ledger has what its model was asked."""
    looks = _Looks(guard, spine)
    said = list(enumerate(await asyncio.gather(*map(looks.look, cases)), 1))
    decided = [
        (number, looked.verdict != "allow", cases[number - 1].catch) for number, looked in said if not looked.broken
    ]
    to_catch = [stopped for _, stopped, catch in decided if catch]
    harmless = [stopped for _, stopped, catch in decided if not catch]
    wrong = {number for number, stopped, catch in decided if stopped is not catch}
    return Trial(
        guard=guard.name,
        caught=Share.made(sum(to_catch), len(to_catch)),
        false_alarms=Share.made(sum(harmless), len(harmless)),
        revised=sum(looked.verdict == "revise" for _, looked in said),
        undecided=tuple(number for number, looked in said if looked.broken),
        missed=tuple(sorted(number for number in wrong if cases[number - 1].catch)),
        alarmed=tuple(sorted(number for number in wrong if not cases[number - 1].catch)),
        median_s=median(looks.seconds),
        asked=len(looks.traces),
        usd=total_cost(trace.cost for trace in looks.traces)[0] if looks.traces else 0.0,
        reasons={n: looked.words or looked.explanation for n, looked in said if n in wrong or looked.broken},
    )
