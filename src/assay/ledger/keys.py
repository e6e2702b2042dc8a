"""Virtual keys in the ledger: rows are added and marked as revoked, never changed otherwise and never deleted."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec.structs import astuple

from assay.ledger.onlooker import Onlooker
from assay.ledger.rows import KeyRow
from assay.ledger.store import Ledger

__all__ = ["KeyReader", "add_key", "keys", "revoke_key"]

_COLUMNS = KeyRow.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_INSERT = f"insert into keys ({_NAMES}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields
_HELD = "select 1 from keys where name = ? and revoked_at is null"
_NEW = f"select rowid, {_NAMES} from keys where rowid > ? order by rowid"  # noqa: S608 - names of fields
_REVOKED = "select hash, revoked_at from keys indexed by keys_revoked where revoked_at is not null"
_MARK = (
    "select (select max(rowid) from keys), "
    "(select count(*) from keys indexed by keys_revoked where revoked_at is not null)"
)

Mark = tuple[int | None, int]
"""Tells one state of the table from another: the last row, and how many are revoked. It needs no clock."""


async def add_key(ledger: Ledger, row: KeyRow) -> bool:
    """Record a key; returns when it is durable. False: a key of this name is held already, and nothing was done.

    Raises:
        LedgerError: the ledger cannot be written.
    """

    def operation(connection: sqlite3.Connection) -> bool:
        if connection.execute(_HELD, (row.name,)).fetchone() is not None:
            return False
        connection.execute(_INSERT, astuple(row))
        return True

    return await ledger.write(operation, 512 + len(row.body))


async def revoke_key(ledger: Ledger, key_id: str, at: float) -> bool:
    """Revoke a key, for good, at a time in seconds since 1970. False: it was not there, or revoked before.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    statement = "update keys set revoked_at = ? where id = ? and revoked_at is null"
    return await ledger.write(lambda connection: connection.execute(statement, (at, key_id)).rowcount == 1)


async def keys(ledger: Ledger) -> list[KeyRow]:
    """All keys that were ever made, oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(KeyRow, "select * from keys order by created_at, id")


class KeyReader(Onlooker):
    """The keys of a ledger file, looked at again and again."""

    def mark(self) -> Mark:
        """The state of the table.

        Raises:
            LedgerError: it cannot be read.
        """
        ((last, revoked),) = self.read(_MARK)
        return last, revoked

    def rows(self, after: int = 0) -> list[tuple[int, KeyRow]]:
        """The keys that were added after one, each with the small number that only it has.

        Raises:
            LedgerError: they cannot be read.
        """
        return [
            (number, msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), KeyRow, strict=False))
            for number, *row in self.read(_NEW, (after,))
        ]

    def revoked(self) -> dict[str, float]:
        """When each key that was revoked was, by its hash.

        Raises:
            LedgerError: they cannot be read.
        """
        return dict(self.read(_REVOKED))
