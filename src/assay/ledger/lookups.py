"""Answers of the cache by their key, read in the loop of whoever asks: a thread would cost ten times as much."""

from __future__ import annotations

import sqlite3
import time

from assay.errors import LedgerError
from assay.ledger.rows import Replayed

_REPLY = (
    "select response, cost_usd, coalesce(cost_basis, 'unknown'), engine_s, batch_id is not null, created_at "
    "from replies left join attempts on attempts.id = replies.attempt_id "
    "where key = ?1 and (expires_at is null or expires_at > ?2)"
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
        """The answer of this key; None if there is none, or its time is over.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        try:
            row = self._connection.execute(_REPLY, (key, time.time())).fetchone()
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read the ledger {self._path}: {error}") from error
        if row is None:
            return None
        response, usd, basis, engine_s, batched, created_at = row
        return Replayed(
            response=response,
            cost_usd=usd,
            cost_basis=basis,
            engine_s=engine_s,
            batched=bool(batched),
            created_at=created_at,
        )
