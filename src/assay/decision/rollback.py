"""Going back: the newest kept lock before the present one that was proven, and that still describes what is here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from assay.decision.history import lock_of
from assay.decision.lock import Lock, Pin
from assay.decision.pin import broken_pins, changed_facts
from assay.inference.spine import Spine
from assay.ledger.rows import LockRow
from assay.types import Value

__all__ = ["KindChange", "PassedOver", "WayBack", "differences", "way_back"]


class KindChange(Value, frozen=True, kw_only=True):
    """What is different for one kind; None = the kind is refused. `facts` says what of the same target is another."""

    kind: str
    before: str | None
    after: str | None
    facts: tuple[str, ...] = ()


class PassedOver(Value, frozen=True, kw_only=True):
    """A kept lock that cannot be gone back to."""

    id: str
    created_at: float
    why: str
    reason: str


class WayBack(Value, frozen=True, kw_only=True):
    """What going back comes to. `to` is None where no kept lock is proven and still holds."""

    route: str
    to: str | None
    changes: tuple[KindChange, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 = there is a way back, 1 = there is none."""
        return 0 if self.to is not None else 1


async def way_back(
    spine: Spine, route: str, present: Lock | None, kept: Sequence[LockRow], to: LockRow | None = None
) -> WayBack:
    """Which kept lock a route can go back to.

    A lock counts as proven by the decision behind it, or by the last `assay check` of it. One that was found changed
    counts again when nothing is changed any more: that is looked at now.

    Args:
        spine: what is here to be served.
        route: of the lock.
        present: what is in place; None where that cannot be read.
        kept: all locks of the route, newest first.
        to: the one that is wanted; default: the newest from before the present one came.
    """
    passed_over: list[PassedOver] = []
    for row in [to] if to is not None else _earlier(kept, present):
        newest = next(one for one in kept if one.body == row.body)
        lock = lock_of(row)
        reason = await _obstacle(spine, lock, newest, present)
        if lock is not None and reason is None:
            changes = differences(present, lock)
            return WayBack(route=route, to=row.id, changes=changes, passed_over=tuple(passed_over))
        passed_over.append(PassedOver(id=row.id, created_at=row.created_at, why=row.why, reason=reason or ""))
    return WayBack(route=route, to=None, passed_over=tuple(passed_over))


def _earlier(kept: Sequence[LockRow], present: Lock | None) -> list[LockRow]:
    """Each different lock from before the present one was first put in place, newest first.

    Before it first was: who went back once, and goes back again, comes further back and not to what was left.
    """
    places = [place for place, row in enumerate(kept) if present is not None and lock_of(row) == present]
    earlier = kept[places[-1] + 1 :] if places else kept
    return list({row.body: row for row in reversed(earlier)}.values())[::-1]


async def _obstacle(spine: Spine, lock: Lock | None, row: LockRow, present: Lock | None) -> str | None:
    """Why a kept lock cannot be gone back to; None = it can."""
    if lock is None:
        return "it cannot be read any more"
    if row.verdict in ("regressed", "open"):
        said = "regressed" if row.verdict == "regressed" else "could not be told"
        return f"it {said} when it was last proved again, {_day(row.checked_at)}"
    if row.proven_at is None:
        return "it was never proved"
    if present is not None and not differences(present, lock):
        return "it serves what is served already"
    broken = await broken_pins(spine, lock, fresh=True)
    if broken:
        return "; ".join(f"its pin of {kind} does not hold now: {reason}" for kind, reason in broken.items())
    return None


def differences(before: Lock | None, after: Lock) -> tuple[KindChange, ...]:
    """What is served otherwise, by kind."""
    old: dict[str, Pin] = before.kinds if before is not None else {}
    changes = []
    for kind in dict.fromkeys((*old, *after.kinds)):
        was, now = old.get(kind), after.kinds.get(kind)
        same_target = was is not None and now is not None and was.target == now.target
        facts = changed_facts(was.facts, now.facts) if was is not None and now is not None and same_target else ()
        if not same_target or facts:
            targets = {"before": was.target if was else None, "after": now.target if now else None}
            changes.append(KindChange(kind=kind, facts=facts, **targets))
    return tuple(changes)


def _day(at: float | None) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at)) if at is not None else "at some time"
