"""Pins of the old one moved to the new one, with the evidence of the migration."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from assay.decision.lock import VERSION, Lock, Pin
from assay.decision.migration.finding import Finding, Verdict
from assay.decision.migration.migration import Migration
from assay.errors import DecisionError
from assay.evals.graders.identity import judges_digest
from assay.evals.runs.run import joined
from assay.evals.runs.runner import Runner
from assay.evals.suites.digest import samples_digest
from assay.evals.suites.suite import Suite
from assay.inference.identity import target_facts
from assay.inference.spine import Spine

__all__ = ["moved_pins"]


async def moved_pins(spine: Spine, lock: Lock, found: Migration, suite: Suite) -> Lock:
    """The lock with the new one wherever the old one is pinned and the kind may move.

    A kind that may not move keeps its pin.

    Args:
        spine: what can be called.
        lock: in place now.
        found: the migration.
        suite: whole.

    Raises:
        DecisionError: the lock is of another suite, or nothing in it can be moved.
    """
    if lock.suite != found.suite:
        raise DecisionError(
            f"the lock is of suite {lock.suite!r}, the migration of {found.suite!r}; pin a choice of it"
        )
    may = {one.kind: one for one in found.findings if one.source == "suite" and one.verdict is Verdict.GO}
    moving = {kind: may[kind] for kind, pin in lock.kinds.items() if pin.target == found.old and kind in may}
    if not moving:
        pinned = ", ".join(f"{kind} by {pin.target}" for kind, pin in lock.kinds.items()) or "nothing"
        raise DecisionError(f"no kind that may move is pinned to {found.old!r} (pinned: {pinned})")
    rows = joined(await spine.ledger.results(found.runs["new"]), Runner(spine, suite).repeats)
    pins = dict(lock.kinds)
    for kind, finding in moving.items():
        values = {row.sample_id: row.value for row in rows.values() if row.kind == kind and row.value is not None}
        pins[kind] = await _pin(spine, lock.kinds[kind], finding, found, values, suite)
    return msgspec.structs.replace(
        lock,
        version=VERSION,
        suite_digest=found.suite_digest,
        pinned_at=datetime.now(UTC).isoformat(timespec="seconds"),
        kinds=pins,
    )


async def _pin(
    spine: Spine, before: Pin, finding: Finding, found: Migration, values: dict[str, float], suite: Suite
) -> Pin:
    kind, failed = finding.kind, tuple(sorted(sample for sample, value in values.items() if value < 1.0))
    samples = suite.of(kind).named(values)
    return Pin(
        target=found.new,
        bar=before.bar,
        passed=len(values) - len(failed),
        failed=failed,
        tolerated_regression=before.tolerated_regression,
        run=found.runs["new"],
        samples=tuple(sorted(values)),
        facts=await target_facts(spine, found.new, kind, fresh=True),
        made_up=finding.made_up,
        samples_sha256=samples_digest(samples, suite.kinds[kind]),
        judges_sha256=await judges_digest(spine, samples, (kind,)),
    )
