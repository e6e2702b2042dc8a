"""Every `assay.lock` that was put in place, newest first, and what came of proving it again."""

from __future__ import annotations

from msgspec.structs import astuple

from assay.ledger.rows import LockRow, LockVerdict
from assay.ledger.store import Ledger

__all__ = ["add_lock", "locks", "note_proof"]

_COLUMNS = LockRow.__struct_fields__
_INSERT = f"insert into locks ({', '.join(_COLUMNS)}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields
_NOTE = (
    "update locks set verdict = ?1, checked_at = ?2, proven_at = case ?1 when 'holds' then ?2 else proven_at end "
    "where id = ?3"
)


async def add_lock(ledger: Ledger, row: LockRow) -> None:
    """Record a lock that was written; returns when it is durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    await ledger.write(lambda connection: connection.execute(_INSERT, astuple(row)), 256 + len(row.body))


async def locks(ledger: Ledger, route: str | None = None) -> list[LockRow]:
    """The locks of a route that were kept, or of all routes, newest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(
        LockRow, "select * from locks where ?1 is null or route = ?1 order by created_at desc, id desc", (route,)
    )


async def note_proof(ledger: Ledger, lock_id: str, verdict: LockVerdict, at: float) -> None:
    """Record what proving a lock again came to, at a time in seconds since 1970.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    await ledger.write(lambda connection: connection.execute(_NOTE, (verdict, at, lock_id)))
