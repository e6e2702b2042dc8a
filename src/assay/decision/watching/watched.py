"""Whom `assay watch` asks: hosted deployments that do the work, and the kinds of work that each does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.decision.decision import Decision
from assay.decision.lock import Lock
from assay.inference.reach import below
from assay.inference.spine import Spine

__all__ = ["kinds_done", "watched", "work_of"]


def watched(spine: Spine, work: Mapping[str, str]) -> tuple[str, ...]:
    """The deployments at hosts that some work leads to, in its order; engines on this machine are proved by digests.

    Args:
        spine: what can be called.
        work: kind -> the target that does it.
    """
    known = [target for target in work.values() if target in spine.targets]
    return tuple(
        dict.fromkeys(one.name for target in known for one in below(spine, target) if not one.config.runs_here)
    )


def kinds_done(spine: Spine, name: str, work: Mapping[str, str]) -> tuple[str, ...]:
    """The kinds that a deployment or route does; () = nothing says so, and all count."""
    return tuple(
        kind
        for kind, target in work.items()
        if target == name or (target in spine.targets and name in [one.name for one in below(spine, target)])
    )


def work_of(lock: Lock | None, decision: Decision | None) -> dict[str, str]:
    """Kind -> who does it: by the pins, else by the last decision."""
    if lock is not None:
        return {kind: pin.target for kind, pin in lock.kinds.items()}
    chosen: Sequence[tuple[str, str]] = [
        (kind, one.chosen)
        for one in (decision.kinds if decision is not None else ())
        if one.chosen
        for kind in one.kinds
    ]
    return dict(chosen)
