"""The history of `assay.lock` as text: what was put in place when and why, and what two of them serve otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from assay.cli.door import emit, note

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.lock import Lock
    from assay.decision.rollback import KindChange
    from assay.ledger.rows import LockRow

__all__ = ["SHORT", "changes_of", "moment_of", "show", "show_difference"]

SHORT = 16
"""Letters of an id that are shown: its time and some that chance drew, for two may be of one millisecond."""

PRESENT = "present"
"""Stands for the lock that is in place."""


async def show(config: str | None, as_json: bool) -> None:
    """Print the history of all routes, newest first."""
    from assay.app import open_app
    from assay.decision.history import adopt, lock_of
    from assay.decision.lock import read_lock
    from assay.errors import DecisionError
    from assay.ledger.locks import locks

    async with open_app(config) as app:
        if app.lock_path.exists():
            try:
                await adopt(app.ledger, read_lock(app.lock_path))
            except DecisionError as error:  # the history is what one goes back by
                note(f"assay: {error}")
        rows = await locks(app.ledger)
    told = [_told(row, lock_of(row)) for row in rows]
    emit(told, as_json, _table(rows, [lock_of(row) for row in rows]) if rows else "no lock was put in place yet")


def _told(row: LockRow, lock: Lock | None) -> dict[str, object]:
    facts = ("id", "created_at", "route", "why", "proven_at", "verdict", "checked_at")
    known = {"decision": lock.decision, "kinds": {kind: pin.target for kind, pin in lock.kinds.items()}} if lock else {}
    return {**{fact: getattr(row, fact) for fact in facts}, **known}


def _table(rows: Sequence[LockRow], kept: Sequence[Lock | None]) -> str:
    from assay.decision.table import MOST, table

    cells = [
        (
            row.id[:SHORT],
            moment_of(row.created_at),
            row.why,
            lock.decision[:SHORT] if lock else "?",
            _proof(row),
            ", ".join(f"{kind}: {pin.target}" for kind, pin in lock.kinds.items()) if lock else "it cannot be read",
        )
        for row, lock in zip(rows, kept, strict=True)
    ]
    return "\n".join(table(("id", "put in place", "why", "decision", "last proof", "served by"), cells, most=MOST))


def _proof(row: LockRow) -> str:
    if row.verdict is not None:
        return f"{row.verdict}, {moment_of(row.checked_at)}"
    return f"decided, {moment_of(row.proven_at)}" if row.proven_at is not None else "-"


async def show_difference(names: tuple[str, str], config: str | None, as_json: bool) -> None:
    """Print what two locks serve otherwise."""
    from assay.app import open_app
    from assay.decision.rollback import differences

    async with open_app(config) as app:
        before, after = [await _named(app, name) for name in names]
    changes = differences(before, after)
    emit(changes, as_json, changes_of(changes) if changes else "both serve the same")


async def _named(app: App, name: str) -> Lock:
    from assay.decision.history import kept, lock_of
    from assay.decision.lock import read_lock
    from assay.errors import DecisionError

    if name == PRESENT:
        return read_lock(app.lock_path)
    row = await kept(app.ledger, name)
    lock = lock_of(row)
    if lock is None:
        raise DecisionError(f"the kept lock {row.id[:SHORT]} cannot be read any more")
    return lock


def changes_of(changes: Iterable[KindChange], nobody: str = "(refused)") -> str:
    """Changes as text, a line for each kind; `nobody` stands where nothing served it before."""
    from assay.decision.table import table

    rows = [
        (one.kind, one.before or nobody, one.after or "(refused)", "; ".join(one.facts) or "another target")
        for one in changes
    ]
    return "\n".join(table(("kind", "from", "to", "what"), rows, indent="  "))


def moment_of(at: float | None) -> str:
    """A time in seconds since 1970, to the minute, where this machine is."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M") if at is not None else "-"
