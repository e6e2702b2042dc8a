"""Proving pins again: digests first, then the pinned samples, uncached, until it is proven that the score holds.

Samples are asked in a random order that is drawn anew for each check, so that what one leaves out another asks. An
interrupted check is continued by the next one for some hours; answers that are older say nothing of now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from msgspec import structs

from assay.decision.lock import Lock, Pin
from assay.decision.pin import broken_pins, changed_evidence
from assay.decision.proof import PinProof
from assay.errors import AssayError, ConfigError, did_you_mean
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite, shuffled
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.ledger.rows import LockVerdict
from assay.numerals import plural
from assay.stats.certainty import Verdict
from assay.types import Value

__all__ = ["CheckReport", "Checking", "KindCheck"]

_UNCHANGED = "nothing that decides the answers has changed"
_EXACT = "; its engine gives equal requests equal answers, so on the machine of the evidence it scores as it did"
CONTINUES_S = 6 * 3600.0
"""So long an interrupted check may be continued."""


class KindCheck(Value, frozen=True, kw_only=True):
    """One pin proved again. `verdict`: holds, changed (digests), regressed, or open (cannot be told).

    Attributes:
        total: pinned samples; `asked` of them have been asked now, `passed` passed and `unscored` have no score.
        lost, gained: of the asked, those that passed only when they were pinned, and only now; None = the lock does not
            say which passed.
        tolerated: by so many of all samples the score may have fallen.
        passing: bounds of how many of all pinned samples pass now; each is wrong with a probability of `error`.
        error: probability of a wrong verdict; 0 = it is certain.
        took_s: wall time.
    """

    kind: str
    target: str
    verdict: LockVerdict
    reason: str
    pinned_passed: int
    total: int
    asked: int = 0
    passed: int | None = None
    unscored: int = 0
    lost: int | None = None
    gained: int | None = None
    tolerated: int | None = None
    passing: tuple[int, int] | None = None
    error: float = 0.0
    took_s: float = 0.0


class CheckReport(Value, frozen=True, kw_only=True):
    """All pins of a lock, or some kinds of them; `left_out` are the others.

    Attributes:
        asked: samples that were asked; `total` would be all that are pinned.
    """

    route: str
    kinds: tuple[KindCheck, ...]
    guarantee: str
    population: str
    asked: int = 0
    total: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def verdict(self) -> LockVerdict:
        """Of all: the worst one; changed or regressed goes before open."""
        verdicts = {one.verdict for one in self.kinds}
        order: tuple[LockVerdict, ...] = ("regressed", "changed", "open")
        return next((verdict for verdict in order if verdict in verdicts), "holds")

    @property
    def exit_code(self) -> int:
        """0 = all hold; 1 = one changed or regressed; 4 = cannot be told."""
        return {"holds": 0, "open": 4}.get(self.verdict, 1)


@dataclass(slots=True)
class Checking:
    """One call of `assay check`.

    Args:
        spine: what would be served now.
        lock: what was pinned.
        suite: whole; of the evidence, or grown since.
        runner: of that suite, without cache.
        error: probability of a wrong verdict on a pin, either way. Gates are proved without any.
        full: ask all pinned samples.
        digests_only: ask none.
        seed: of the order; default: another one for each check.
        on_kind: told of each kind that is done.
    """

    spine: Spine
    lock: Lock
    suite: Suite
    runner: Runner
    error: float = 0.05
    full: bool = False
    digests_only: bool = False
    seed: int | None = None
    on_kind: Callable[[KindCheck], None] | None = None
    _runs: dict[str, Run] = field(default_factory=dict)

    async def check(self, kinds: Collection[str] = ()) -> CheckReport:
        """Prove the pins of these kinds again; default: all.

        Raises:
            ConfigError: the lock has no such kind.
        """
        for kind in kinds:
            if kind not in self.lock.kinds:
                raise ConfigError(f"assay.lock pins no kind {kind!r}; {did_you_mean(kind, self.lock.kinds)}")
        wanted = {kind: pin for kind, pin in self.lock.kinds.items() if not kinds or kind in kinds}
        broken = await broken_pins(self.spine, structs.replace(self.lock, kinds=wanted), fresh=True)
        done = []
        for kind, pin in wanted.items():
            started = time.monotonic()
            found = await self._one(kind, pin, broken.get(kind))
            done.append(structs.replace(found, took_s=round(time.monotonic() - started, 3)))
            if self.on_kind is not None:
                self.on_kind(done[-1])
        await self._close(done)
        return self._report(done)

    async def _one(self, kind: str, pin: Pin, broken: str | None) -> KindCheck:
        if broken is not None:
            return _told(kind, pin, "changed", broken)
        try:
            changed = await changed_evidence(self.spine, self.lock, kind, self.suite)
            if changed is not None:
                return _told(kind, pin, "changed", changed)
            if self.digests_only:
                return _told(kind, pin, "holds", _UNCHANGED + (_EXACT if self._exact(pin.target) else ""))
            return await self._prove(kind, pin)
        except AssayError as error:  # what grades it, say, cannot be identified
            return _told(kind, pin, "open", str(error))

    def _exact(self, target: str) -> bool:
        """Whether equal requests get equal answers from it, by what it is."""
        return all(one.config.is_exact for one in below(self.spine, target))

    async def _prove(self, kind: str, pin: Pin) -> KindCheck:
        run = await self._open(pin.target)
        order = shuffled(self.suite.of(kind).named(pin.samples), self._order_seed(run))
        error, repeats = self._error(kind), self.runner.repeats(kind).times
        proof = PinProof(self.lock, pin, run, order, repeats, error, gate=self.suite.kinds[kind].gate)
        problem = None
        try:
            if self.full:
                await self.runner.evaluate(run, order)
            else:
                await self.runner.evaluate(run, order, proof.settled, most=proof.soonest)
        except AssayError as caught:  # what was answered before still counts
            problem = caught
        return _proven(kind, pin, run, proof, error, problem)

    def _error(self, kind: str) -> float:
        return 0.0 if self.full or self.suite.kinds[kind].gate else self.error

    def _order_seed(self, run: Run) -> int:
        """Of the run, so that a check that is continued goes on in the same order."""
        return self.seed if self.seed is not None else int(run.row.id[-8:], 16)

    async def _open(self, target: str) -> Run:
        """The run of this check against a target: that of an interrupted one is continued."""
        if target not in self._runs:
            run, known = await self.runner.would_open(target, purpose="check")
            young = run.row.created_at > time.time() - CONTINUES_S
            if not (known and young and run.row.finished_at is None):
                run = await self.runner.open(target, fresh=True, purpose="check")
            self._runs[target] = run
        return self._runs[target]

    async def _close(self, done: Collection[KindCheck]) -> None:
        """A check is over where it could be told; the next one begins anew."""
        waiting = {one.target for one in done if one.verdict == "open"}
        for target, run in self._runs.items():
            if target not in waiting:
                await self.spine.ledger.close_run(run.row.id)

    def _report(self, done: Collection[KindCheck]) -> CheckReport:
        total = sum(one.total for one in done)
        chosen = {one.kind for one in done}
        return CheckReport(
            route=self.lock.route,
            kinds=tuple(done),
            guarantee=self._guarantee(),
            population=f"the {plural(total, 'pinned sample')} of {plural(len(done), 'kind')} of suite "
            f"{self.lock.suite!r}, as they are answered now; of new work nothing is said",
            asked=sum(one.asked for one in done),
            total=total,
            left_out=tuple(kind for kind in self.lock.kinds if kind not in chosen),
        )

    def _guarantee(self) -> str:
        if self.digests_only:
            return "digests only: whatever is served has what decides its answers unchanged; no sample was asked"
        if self.full or not self.error:
            return "exact: each verdict is the one that all pinned samples give"
        return (
            f"each verdict is the one that all pinned samples would give, with an error of at most {self.error:.2g} "
            "either way, at whatever moment it fell; gates, and what is arithmetically certain, without any"
        )


_VERDICTS: dict[Verdict, LockVerdict] = {Verdict.PASS: "holds", Verdict.FAIL: "regressed", Verdict.OPEN: "open"}


def _told(kind: str, pin: Pin, verdict: LockVerdict, reason: str) -> KindCheck:
    """A verdict for which no sample was asked."""
    return KindCheck(
        kind=kind,
        target=pin.target,
        verdict=verdict,
        reason=reason,
        pinned_passed=pin.passed,
        total=len(pin.samples),
    )


def _proven(kind: str, pin: Pin, run: Run, proof: PinProof, error: float, problem: AssayError | None) -> KindCheck:
    rows = [run.results[sample] for sample in proof.answered]
    values = [row.value for row in rows]
    lacking = next((row.unscored for row in reversed(rows) if row.value is None), None)
    verdict, changes = proof.verdict(), proof.changes
    found = KindCheck(
        kind=kind,
        target=pin.target,
        verdict=_VERDICTS[verdict],
        reason="",
        pinned_passed=pin.passed,
        total=len(pin.samples),
        asked=len(values),
        passed=sum(value is not None and value >= 1.0 for value in values),
        unscored=values.count(None),
        lost=changes[0] if changes else None,
        gained=changes[1] if changes else None,
        tolerated=proof.tolerated,
        passing=proof.passes(),
        error=error,
    )
    told = _sentence(found, proof.passes(), lacking)
    return structs.replace(found, reason=f"{problem}; {told}" if problem and verdict is Verdict.OPEN else told)


def _sentence(found: KindCheck, passing: tuple[int, int], lacking: str | None) -> str:
    """What was asked and what it proves, with the interval of the whole, and why a sample has no score."""
    words = [f"{found.passed} of {found.asked} asked pass"]
    if found.lost or found.gained:
        words.append(f"{found.lost} lost and {found.gained} gained")
    if found.unscored:
        words.append(f"{found.unscored} are unscored" + (f" ({lacking})" if lacking else ""))
    low, high = passing
    span = str(low) if low == high else f"{low} to {high}"
    words.append(
        f"{span} of all {found.total} pass now, {found.pinned_passed} did when it was pinned, "
        f"at least {max(0, found.pinned_passed - (found.tolerated or 0))} are wanted"
    )
    return "; ".join(words)
