"""The way to models that grade: through the same spine, on the ledger under the run and sample that they grade."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import msgspec

from assay.errors import EvalError, RateLimited
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import below
from assay.inference.spine import DEFAULT, Options, Spine
from assay.inference.trace import Trace, total_cost
from assay.ledger.rows import ResultRow, RunRow
from assay.types import Label, Request, Response

__all__ = ["KIND", "Judges", "same_models"]

KIND = "judge"
"""The kind of requests that ask for a verdict: a deployment may have a prompt and settings of its own for it."""

_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0)
"""Before each further try of a judge that is asked too often: the answer is paid for, and waits for its verdict."""
_LONGEST_TOLD_S = 60.0
_DRAWS_APART = 1_000_003
_in_words: WeakKeyDictionary[Spine, set[str]] = WeakKeyDictionary()
"""Targets that refused a JSON schema and took the same request without one."""

_given_up: WeakKeyDictionary[Spine, set[str]] = WeakKeyDictionary()
"""Targets whose rate limit did not heal while somebody waited."""


class Judges:
    """Asks models for verdicts on one answer, and adds up what that costs.

    Args:
        spine: what can be called; None = nothing, so that graders which ask models leave their samples unscored.
        options: seed, and whether identical calls are answered from the ledger.
        run_id: of the run whose answer is graded.
        sample_id: of the sample.
        judged: the deployments or routes whose answers are graded. What their routes declare private stays private
            here, and so does the answer of one that is not there any more.
    """

    def __init__(
        self,
        spine: Spine | None = None,
        options: Options = DEFAULT,
        run_id: str | None = None,
        sample_id: str | None = None,
        judged: str | tuple[str, ...] = (),
    ) -> None:
        self._spine = spine
        self._options = options
        self._run_id = run_id
        self._sample_id = sample_id
        self._judged = (judged,) if isinstance(judged, str) else judged
        self._shown = set(self._judged)
        self._traces: list[Trace] = []

    async def ask(self, request: Request, target: str, *, draw: int = 0) -> Response:
        """The answer of a deployment or route.

        Args:
            request: what it is asked.
            target: its name.
            draw: repeats of one request differ in it, so that none is answered with another's answer.

        Raises:
            AssayError: there is none; of a rate limit that does not heal after a minute, `RateLimited`.
        """
        given_up = _given_up.setdefault(self._open(), set())
        for wait_s in () if target in given_up else _WAITS_S:
            try:
                return await self._once(request, target, draw)
            except RateLimited as error:
                await asyncio.sleep(max(wait_s, min(error.retry_after_s or 0.0, _LONGEST_TOLD_S)))
        given_up.add(target)  # until it answers again, nobody else waits for it
        response = await self._once(request, target, draw)
        given_up.discard(target)
        return response

    async def _once(self, request: Request, target: str, draw: int) -> Response:
        spine = self._open()
        trace = Trace(run_id=self._run_id, sample_id=self._sample_id)
        self._traces.append(trace)
        options = (
            self._options
            if not draw
            else msgspec.structs.replace(self._options, seed=(self._options.seed or 0) + draw * _DRAWS_APART)
        )
        return await spine.answer(self._labelled(request, spine), target, trace, options)

    def show(self, target: str) -> None:
        """Judges are about to see an answer of this target too: what its route declares private stays so."""
        self._shown.add(target)

    async def answer_of(self, run_id: str, sample_id: str) -> ResultRow | None:
        """What another run, named by its id or the beginning of it, has for a sample; None if it has no answer.

        Judges may be shown it: see `show`.

        Raises:
            EvalError: there is no such run.
            LedgerError: the ledger cannot be read.
        """
        ledger = self._open().ledger
        runs = await ledger.rows(
            RunRow, "select * from runs where substr(id, 1, length(?1)) = ?1 order by id desc limit 1", (run_id,)
        )
        if not runs:
            raise EvalError(f"there is no run whose id begins with {run_id!r}; `assay compare` names runs by their ids")
        self.show(runs[0].target)
        found = await ledger.rows(
            ResultRow,
            "select * from results where run_id = ? and sample_id = ? and answer is not null order by repeat limit 1",
            (runs[0].id, sample_id),
        )
        return found[0] if found else None

    def takes_schema(self, target: str) -> bool:
        """Whether a target is not known to refuse JSON schemas."""
        return target not in _in_words.get(self._open(), ())

    def refuses_schema(self, target: str) -> None:
        """Remember that it does: it is not asked with one again."""
        _in_words.setdefault(self._open(), set()).add(target)

    @property
    def usd(self) -> float | None:
        """What has been spent; None = not known."""
        return total_cost(trace.worth for trace in self._traces)[0]

    def same_model(self, target: str) -> str | None:
        """The model that would judge itself if `target` judged; None if there is none, or it is not known."""
        if self._spine is None:
            return None
        known = [name for name in self._judged if name in self._spine.targets]
        same = {model for name in known for model in same_models(self._spine, name, target)}
        return min(same, default=None)

    def _open(self) -> Spine:
        if self._spine is None:
            raise EvalError("this grader asks a model, and none can be called from here")
        return self._spine

    def _labelled(self, request: Request, spine: Spine) -> Request:
        if not any(_private(spine, name) for name in self._shown):
            return request
        return msgspec.structs.replace(request, label=Label.PRIVATE_ONLY)


def same_models(spine: Spine, one: str, other: str) -> frozenset[str]:
    """The models, by catalogue id, that both targets call."""
    return _models(spine, one) & _models(spine, other)


def _models(spine: Spine, name: str) -> frozenset[str]:
    return frozenset(live.config.model for live in below(spine, name))


def _private(spine: Spine, name: str) -> bool:
    """Whether this route, or one below it, declares its requests private; what is not there any more may have."""
    if name not in spine.targets:
        return True
    if isinstance(spine.targets[name], LiveDeployment):
        return False
    route = spine.route(name)
    return route.label == Label.PRIVATE_ONLY or any(_private(spine, candidate) for candidate in route.candidates)
