"""Jobs at hosts that answer later: which attempts wait for which job, over the life of several processes."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import astuple

from assay.ledger.finished import MOST_ROWS
from assay.ledger.rows import BatchRow, Row
from assay.ledger.store import Ledger

__all__ = ["UNSENT", "Batches", "OpenAttempt"]

UNSENT = ""
"""The `batch_id` of an attempt whose batch has not been sent."""

_AT_ONCE = 500
_INSERT = (
    f"insert into batches ({', '.join(BatchRow.__struct_fields__)}) "  # noqa: S608 - field names
    f"values ({', '.join('?' for _ in BatchRow.__struct_fields__)})"
)
_SIGN = (
    "update batches set session_id = (select session_id from attempts where batch_id = ?1 limit 1) where id = ?1 "
    "and exists (select 1 from attempts where batch_id = ?1)"
)
_END = "update batches set state = ?, message = ?, ended_at = ? where id = ? and state in ('sending', 'waiting')"
_OPEN = "select * from batches where state in ('sending', 'waiting') order by id"


class OpenAttempt(Row, frozen=True, kw_only=True):
    """An attempt that waits for its batch."""

    id: str
    started_at: float
    reserved_usd: float | None


class _Named(Row, frozen=True, kw_only=True):
    id: str


class Counts(Row, frozen=True, kw_only=True):
    """What came of a batch's attempts so far; `usd` is what those that have an end cost, None where one is unknown."""

    running: int
    ok: int
    error: int
    usd: float | None


class Batches:
    """The ledger's table `batches`, and the attempts that wait for them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def send(self, row: BatchRow, attempts: Sequence[str]) -> asyncio.Future[None]:
        """Record a batch that is about to be sent, with the attempts in it. Await it before the first byte."""

        def operation(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT, astuple(row))
            connection.executemany("update attempts set batch_id = ? where id = ?", [(row.id, one) for one in attempts])
            connection.execute(_SIGN, (row.id,))

        return self._ledger.write(operation, 256 + len(row.body))

    def acknowledged(self, batch_id: str, provider_batch_id: str) -> asyncio.Future[None]:
        """Record that its host has it, under a name of its own."""

        def operation(connection: sqlite3.Connection) -> None:
            connection.execute(
                "update batches set provider_batch_id = ?, state = 'waiting' where id = ? and state = 'sending'",
                (provider_batch_id, batch_id),
            )

        return self._ledger.write(operation)

    def ended(
        self, batch_id: str, state: Literal["done", "failed", "cancelled"], message: str | None = None
    ) -> asyncio.Future[None]:
        """Record that nothing more comes of it; all its attempts are settled."""

        def operation(connection: sqlite3.Connection) -> None:
            connection.execute(_END, (state, message, time.time(), batch_id))

        return self._ledger.write(operation)

    async def open(self) -> list[BatchRow]:
        """Those that have not ended, oldest first."""
        return await self._ledger.rows(BatchRow, _OPEN)

    async def newest(self, limit: int) -> list[BatchRow]:
        """The newest ones, newest first."""
        return await self._ledger.rows(
            BatchRow, "select * from batches order by id desc limit ?", (min(limit, MOST_ROWS),)
        )

    async def begin_with(self, batch_id: str) -> list[BatchRow]:
        """Those whose id begins so, two at most: more than one means that it is not clear which is meant."""
        return await self._ledger.rows(
            BatchRow, "select * from batches where substr(id, 1, length(?1)) = ?1 order by id desc limit 2", (batch_id,)
        )

    async def known_to_hosts(self) -> frozenset[str]:
        """The names that hosts have given to batches of ours."""
        found = await self._ledger.rows(
            _Named, "select provider_batch_id as id from batches where provider_batch_id is not null"
        )
        return frozenset(one.id for one in found)

    async def is_being_sent(self, row: BatchRow) -> bool:
        """Whether the process that began to send it still lives, as far as the ledger knows."""
        found = await self._ledger.rows(
            _Named, "select id from sessions where id = ? and closed_at is null", (row.session_id,)
        )
        return bool(found)

    async def waiting(self, batch_id: str) -> list[OpenAttempt]:
        """Its attempts that are not settled."""
        return await self._ledger.rows(
            OpenAttempt,
            "select id, started_at, reserved_usd from attempts where batch_id = ? and outcome = 'running'",
            (batch_id,),
        )

    async def counts(self, batch_id: str) -> Counts:
        """What came of its attempts so far."""
        [found] = await self._ledger.rows(
            Counts,
            "select coalesce(sum(outcome = 'running'), 0) as running, coalesce(sum(outcome = 'ok'), 0) as ok, "
            "coalesce(sum(outcome not in ('running', 'ok')), 0) as error, "
            "case when max(cost_basis = 'unknown') then null "
            "else coalesce(sum(cost_usd) filter (where outcome <> 'running'), 0) end as usd "
            "from attempts where batch_id = ?",
            (batch_id,),
        )
        return found
