"""What the ledger does for other parts; `assay.ledger.store` does it with one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from assay.ledger.budgets import Budget
from assay.ledger.rows import (
    DecisionRow,
    Intent,
    Recovered,
    Replayed,
    Reply,
    RequestRow,
    ResultRow,
    Row,
    RunRow,
    Settlement,
    Spent,
)

__all__ = ["Ledger"]

T = TypeVar("T")
R = TypeVar("R", bound=Row)


class Ledger(Protocol):
    """Where attempts, money, runs and decisions are recorded."""

    recovered: Recovered

    def hold_now(self, intent: Intent, budgets: tuple[Budget, ...] = ()) -> bool:
        """As `hold`, where that needs no waiting: True = intent and hold are durable; False = nothing was done."""
        ...

    async def hold(self, intent: Intent, budgets: tuple[Budget, ...] = (), *, until: float | None = None) -> None:
        """Record an intent and hold its bound; returns when both are durable.

        Args:
            intent: the attempt; its `scopes` are filled in.
            budgets: all that it counts for.
            until: while only what others hold stands in the way, wait so long, on the running loop's clock; default:
                `WAIT_S` from now.

        Raises:
            BudgetExceeded: it does not fit into one of the budgets.
        """
        ...

    def shrink(self, attempt_id: str, bound_usd: float) -> None:
        """From now on a running attempt costs so much at most; what it held beyond that is free for others."""
        ...

    def left_usd(self, budgets: tuple[Budget, ...]) -> float | None:
        """About how much may still be held on the tightest of these budgets; None = there is none."""
        ...

    def settle(self, settlement: Settlement, reply: Reply | None = None) -> asyncio.Future[None]:
        """Record what came of an attempt and, in the same transaction, its answer for the cache.

        The write is on its way when this returns, also if nobody awaits the future.
        """
        ...

    def record(self, intent: Intent, settlement: Settlement) -> asyncio.Future[None]:
        """Record an attempt that needs no hold, for nothing is sent (an answer from the cache), in one transaction."""
        ...

    def close_request(self, row: RequestRow) -> asyncio.Future[None]:
        """Record a finished request; on its way when this returns."""
        ...

    def finish(self, settlement: Settlement, row: RequestRow) -> asyncio.Future[None] | None:
        """`settle` and `close_request` in one write; None = it is durable already."""
        ...

    async def cached_reply(self, key: str) -> Replayed | None:
        """The answer in the cache."""
        ...

    async def spent(self) -> Spent:
        """This month's settled and held USD."""
        ...

    async def touch(self) -> None:
        """Write a mark, to prove that rows can be written.

        Raises:
            LedgerError: they cannot.
        """
        ...

    @property
    def waiting(self) -> int:
        """Writes that have not been taken into a transaction yet."""
        ...

    async def open_run(self, row: RunRow) -> None:
        """Record a new run."""
        ...

    async def find_run(self, *, suite_digest: str, target: str, target_digest: str, seed: int) -> RunRow | None:
        """The newest run of this identity."""
        ...

    def add_result(self, row: ResultRow) -> asyncio.Future[None]:
        """Record a sample of a run; an equal key is replaced. On its way when this returns."""
        ...

    async def close_run(self, run_id: str) -> None:
        """Mark a run as complete."""
        ...

    async def results(self, run_id: str) -> list[ResultRow]:
        """The samples of a run, by id."""
        ...

    async def add_decision(self, row: DecisionRow) -> None:
        """Record a decision."""
        ...

    def write(self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256) -> asyncio.Future[T]:
        """Perform an operation in the next transaction; on its way when this returns, done when it is durable."""
        ...

    async def rows(self, kind: type[R], statement: str, values: Sequence[object] = ()) -> list[R]:
        """What a query finds, as rows of a kind."""
        ...

    async def close(self) -> None:
        """Write what waits and let go of the file."""
        ...
