"""Answers of the cache by their key: what one turn of an event loop asks for is read at once.

A connection reads anew whatever others have written since its last transaction. With many requests in flight, one
transaction for all of them costs a fraction of one for each, and a thread would cost ten times as much.
"""

from __future__ import annotations

import asyncio
import sqlite3

from assay.errors import LedgerError
from assay.ledger.rows import Replayed

_REPLY = (
    "select response, cost_usd, coalesce(cost_basis, 'unknown'), engine_s, batch_id is not null "
    "from replies left join attempts on attempts.id = replies.attempt_id where key = ?"
)

_Asked = list[tuple[str, asyncio.Future[Replayed | None]]]


class Lookups:
    """Reads the cache in the loop of whoever asks.

    Args:
        connection: used for nothing else.
        path: of the ledger, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._asked: dict[asyncio.AbstractEventLoop, _Asked] = {}

    def find(self, key: str) -> asyncio.Future[Replayed | None]:
        """The answer of this key, at the end of this turn of the loop; None if there is none.

        The future raises a `LedgerError` where the ledger cannot be read.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Replayed | None] = loop.create_future()
        asked = self._asked.setdefault(loop, [])
        if not asked:
            loop.call_soon(self._read, loop)
        asked.append((key, future))
        return future

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = [(key, future) for key, future in self._asked.pop(loop) if not future.cancelled()]
        try:
            found = self._found([key for key, _ in waiting])
        except sqlite3.Error as error:
            for _, future in waiting:
                future.set_exception(LedgerError(f"cannot read the ledger {self._path}: {error}"))
            return
        for (_, future), reply in zip(waiting, found, strict=True):
            future.set_result(reply)

    def _found(self, keys: list[str]) -> list[Replayed | None]:
        self._connection.execute("begin")
        try:
            return [self._one(key) for key in keys]
        finally:
            if self._connection.in_transaction:
                self._connection.execute("commit")

    def _one(self, key: str) -> Replayed | None:
        row = self._connection.execute(_REPLY, (key,)).fetchone()
        if row is None:
            return None
        return Replayed(response=row[0], cost_usd=row[1], cost_basis=row[2], engine_s=row[3], batched=bool(row[4]))
