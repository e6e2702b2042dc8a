"""Proving pins again: digests first, then the pinned samples, uncached."""

from __future__ import annotations

from collections.abc import Callable

from assay.decision.lock import Lock, Pin
from assay.decision.pin import broken_pins
from assay.errors import AssayError
from assay.evals.figures.scorecard import metrics
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine
from assay.stats.certainty import Verdict, certain
from assay.types import Value


class KindCheck(Value, frozen=True, kw_only=True):
    """One pin proved again. `verdict`: holds, changed (digests), regressed, or open (cannot be told)."""

    kind: str
    target: str
    verdict: str
    reason: str
    pinned_passed: int
    passed: int | None = None
    total: int | None = None


class CheckReport(Value, frozen=True, kw_only=True):
    """All pins of a lock."""

    route: str
    kinds: tuple[KindCheck, ...]

    @property
    def exit_code(self) -> int:
        """0 = all hold; 1 = one changed or regressed; 4 = cannot be told."""
        verdicts = {one.verdict for one in self.kinds}
        if verdicts & {"changed", "regressed"}:
            return 1
        return 4 if "open" in verdicts else 0


async def check(
    spine: Spine,
    lock: Lock,
    suite: Suite,
    runner: Runner,
    *,
    digests_only: bool = False,
    on_kind: Callable[[KindCheck], None] | None = None,
) -> CheckReport:
    """Prove every pin of a lock again.

    Args:
        spine: what would be served now.
        lock: what was pinned.
        suite: whole; must be the one of the evidence.
        runner: of that suite, without cache.
        digests_only: do not ask any sample.
        on_kind: told of each kind that is done.
    """
    broken = await broken_pins(spine, lock, fresh=True)
    checks: list[KindCheck] = []
    for kind, pin in lock.kinds.items():
        if kind in broken:
            done = _told(kind, pin, "changed", broken[kind])
        elif suite.digest != lock.suite_digest:
            done = _told(kind, pin, "changed", "the suite is not the one of the evidence any more; choose again")
        elif digests_only:
            done = _told(kind, pin, "holds", "nothing that decides the answers has changed")
        else:
            done = await _prove(kind, pin, suite, runner)
        checks.append(done)
        if on_kind is not None:
            on_kind(done)
    return CheckReport(route=lock.route, kinds=tuple(checks))


async def _prove(kind: str, pin: Pin, suite: Suite, runner: Runner) -> KindCheck:
    wanted = set(pin.samples)
    samples = [sample for sample in suite.of(kind) if sample.id in wanted]
    if len(samples) < len(wanted):
        return _told(kind, pin, "open", f"{len(wanted) - len(samples)} pinned samples are not in the suite any more")
    try:
        run = await runner.open(pin.target, fresh=True, purpose="check")
        await runner.evaluate(run, samples)
    except AssayError as error:
        return _told(kind, pin, "open", str(error))
    found = metrics(run.results.values(), len(samples))
    least = max(0.0, pin.passed / len(samples) - pin.tolerated_regression)
    verdict = certain(found.passed, found.failed, found.unscored, found.total, round(least, 9))
    words = f"{found.passed} of {found.total} pass, {pin.passed} did when it was pinned"
    if verdict is Verdict.PASS:
        return _told(kind, pin, "holds", words, found.passed, found.total)
    if verdict is Verdict.FAIL:
        return _told(
            kind,
            pin,
            "regressed",
            f"{words} (tolerated: {pin.tolerated_regression:.0%} less)",
            found.passed,
            found.total,
        )
    return _told(kind, pin, "open", f"{words}, {found.unscored} are unscored", found.passed, found.total)


def _told(
    kind: str, pin: Pin, verdict: str, reason: str, passed: int | None = None, total: int | None = None
) -> KindCheck:
    return KindCheck(
        kind=kind,
        target=pin.target,
        verdict=verdict,
        reason=reason,
        pinned_passed=pin.passed,
        passed=passed,
        total=total,
    )
