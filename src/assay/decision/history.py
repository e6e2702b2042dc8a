"""The history of `assay.lock`: each one that was put in place is kept, with why, and how proving it again ended.

The file comes first and the row after it: a process that dies between the two leaves a lock in place that nobody
kept, and the next command that touches the history finds it there and keeps it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from assay.decision.lock import READABLE, Lock, read_lock, write_lock
from assay.errors import ConfigError, DecisionError
from assay.ledger.locks import add_lock, locks, note_proof
from assay.ledger.rows import LockRow, LockVerdict, new_id
from assay.ledger.store import Ledger

__all__ = ["FOUND", "adopt", "keep", "kept", "lock_of", "note"]

FOUND = "found in place"
"""Why a lock is in the history that no command of this ledger wrote: it came with the checkout, say."""


async def keep(ledger: Ledger, path: Path, lock: Lock, why: str, *, was: LockRow | None = None) -> LockRow:
    """Put a lock in place, in one step, and keep it; what stood there before is kept too, if it can be read.

    Args:
        ledger: with the history.
        path: of `assay.lock`.
        lock: what is put there.
        why: `pin`, `migrate ...`, `rollback from ...`.
        was: the row that it goes back to; what is known of its proof stays true.

    Raises:
        LedgerError: the ledger cannot be written.
        DecisionError: the file cannot be written.
    """
    with suppress(DecisionError):  # none there, half a file, one of a later version: nothing to go back to
        await adopt(ledger, read_lock(path))
    write_lock(path, lock)
    row = _row(lock, why)
    if was is not None:
        row = msgspec.structs.replace(row, proven_at=was.proven_at, verdict=was.verdict, checked_at=was.checked_at)
    await add_lock(ledger, row)
    return row


async def adopt(ledger: Ledger, lock: Lock) -> LockRow:
    """The newest row of a lock that is in place; one that is not in the history is kept now.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    known = next((row for row in await locks(ledger, lock.route) if lock_of(row) == lock), None)
    if known is not None:
        return known
    row = _row(lock, FOUND)
    await add_lock(ledger, row)
    return row


async def note(ledger: Ledger, lock: Lock, verdict: LockVerdict) -> None:
    """Record how proving the lock that is in place ended, now.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    row = await adopt(ledger, lock)
    await note_proof(ledger, row.id, verdict, time.time())


async def kept(ledger: Ledger, id_begins: str, route: str | None = None) -> LockRow:
    """The kept lock whose id begins so.

    Raises:
        ConfigError: there is none, or more than one.
    """
    found = [row for row in await locks(ledger, route) if row.id.startswith(id_begins)]
    if len(found) != 1:
        how = f"{len(found)} kept locks have ids that begin" if found else "no kept lock has an id that begins"
        raise ConfigError(f"{how} with {id_begins!r}; `assay pin --history` lists them")
    return found[0]


def lock_of(row: LockRow) -> Lock | None:
    """The lock of a row; None where it cannot be read any more: a later assay wrote it, or it is damaged."""
    try:
        lock = msgspec.json.decode(row.body, type=Lock)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return lock if lock.version in READABLE else None


def _row(lock: Lock, why: str) -> LockRow:
    return LockRow(
        id=new_id(),
        created_at=time.time(),
        route=lock.route,
        body=msgspec.json.encode(lock),
        why=why,
        proven_at=_seconds(lock.pinned_at),
    )


def _seconds(moment: str) -> float | None:
    """Seconds since 1970 of a time in ISO 8601; None where it is none."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None
