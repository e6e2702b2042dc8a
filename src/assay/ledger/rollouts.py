"""Guarded rollouts: where each stands, and every move with its evidence. Of several who want to move it, one does."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec.structs import astuple

from assay.ledger.onlooker import Onlooker
from assay.ledger.rows import RolloutMoveRow, RolloutRow
from assay.ledger.store import Ledger

__all__ = ["RolloutReader", "add_rollout", "move_rollout", "newest_rollouts", "rollout_moves"]

_COLUMNS = RolloutRow.__struct_fields__
_MOVE_COLUMNS = RolloutMoveRow.__struct_fields__
_INSERT = f"insert into rollouts ({', '.join(_COLUMNS)}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields
_NOTE = f"insert into rollout_moves ({', '.join(_MOVE_COLUMNS)}) values ({', '.join('?' for _ in _MOVE_COLUMNS)})"  # noqa: S608
_OPEN = "select 1 from rollouts where route = ? and state in ('running', 'paused')"
_MOVE = (
    "update rollouts set state = ?, stage = ?, share = ?, moved_at = ? where id = ? and state = ? and stage = ? "
    "and moved_at = ?"
)
_NEWEST = (
    f"select {', '.join(_COLUMNS)} from rollouts where id in (select max(id) from rollouts group by route) "  # noqa: S608 - names of fields
    "and (?1 is null or route = ?1) order by route"
)


async def add_rollout(ledger: Ledger, row: RolloutRow, move: RolloutMoveRow) -> bool:
    """Begin a rollout; durable when this returns. False = another of this route is under way, and nothing was done.

    Raises:
        LedgerError: the ledger cannot be written.
    """

    def operation(connection: sqlite3.Connection) -> bool:
        if connection.execute(_OPEN, (row.route,)).fetchone() is not None:
            return False
        connection.execute(_INSERT, astuple(row))
        connection.execute(_NOTE, astuple(move))
        return True

    return await ledger.write(operation, 1024 + len(row.body))


async def move_rollout(ledger: Ledger, before: RolloutRow, after: RolloutRow, move: RolloutMoveRow) -> bool:
    """Move a rollout on from where it was seen; durable when this returns.

    Returns:
        False where it is no longer there: somebody else has moved it, and nothing was done.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    values = (after.state, after.stage, after.share, after.moved_at, before.id, before.state, before.stage,
              before.moved_at)  # fmt: skip

    def operation(connection: sqlite3.Connection) -> bool:
        if connection.execute(_MOVE, values).rowcount != 1:
            return False
        connection.execute(_NOTE, astuple(move))
        return True

    return await ledger.write(operation, 1024 + len(move.body))


async def newest_rollouts(ledger: Ledger, route: str | None = None) -> list[RolloutRow]:
    """The newest rollout of each route, or of one: older ones count for nothing.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(RolloutRow, _NEWEST, (route,))


async def rollout_moves(ledger: Ledger, rollout_id: str) -> list[RolloutMoveRow]:
    """What happened to a rollout, oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(
        RolloutMoveRow, "select * from rollout_moves where rollout_id = ? order by created_at, id", (rollout_id,)
    )


class RolloutReader(Onlooker):
    """The newest rollouts of a ledger file, looked at again and again."""

    def newest(self) -> list[RolloutRow]:
        """The newest rollout of each route.

        Raises:
            LedgerError: they cannot be read.
        """
        rows = self.read(_NEWEST, (None,))
        return [msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), RolloutRow, strict=False) for row in rows]
