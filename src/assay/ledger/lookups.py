"""Answers of the cache by their key, read in the loop of whoever asks: a thread would cost ten times as much."""

from __future__ import annotations

import sqlite3

from assay.errors import LedgerError
from assay.ledger.rows import Replayed

_REPLY = (
    "select response, cost_usd, coalesce(cost_basis, 'unknown'), engine_s, batch_id is not null "
    "from replies left join attempts on attempts.id = replies.attempt_id where key = ?"
)


class Lookups:
    """Reads the cache.

    Args:
        connection: used for nothing else.
        path: of the ledger, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def find(self, key: str) -> Replayed | None:
        """The answer of this key; None if there is none.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        try:
            row = self._connection.execute(_REPLY, (key,)).fetchone()
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read the ledger {self._path}: {error}") from error
        if row is None:
            return None
        return Replayed(response=row[0], cost_usd=row[1], cost_basis=row[2], engine_s=row[3], batched=bool(row[4]))
