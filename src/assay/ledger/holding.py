"""Holding money for attempts: at once where what is leased suffices, else by leasing more, else in turn.

Who lacks money waits while only what others hold stands in the way (`assay.ledger.turns`). What a process does not need
it gives back when another asks, or when it is idle (`assay.ledger.lending`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, TypeVar, cast

from assay.errors import BudgetExceeded, LedgerError
from assay.ledger import leases
from assay.ledger.accounts import Accounts
from assay.ledger.budgets import Line, Lines, pico_of, usd_of
from assay.ledger.leases import Ask, Standing
from assay.ledger.lending import Lending, Write
from assay.ledger.transaction import need_not_tell
from assay.ledger.turns import Turns, Waiter

__all__ = ["WAIT_S", "Holding"]

T = TypeVar("T")
R = TypeVar("R")

WAIT_S = 30.0
"""How long to wait for what others hold, where nobody says."""
_POLL_S = 0.03  # between two looks of who waits at what other processes hold
_RECOVER_S = 1.0  # between two looks whether a process that holds something has died
_BATCHED = "what comes with a batch is not waited for; raise the limit, or ask when the batch is there"
_LATE = "ask again, or raise constraints.budget_wait_s"
_MOST_BEGUN = 10_000  # lines that are remembered to stand in the file
_SEEN_S = 1.0  # so old may be what is told of a budget
_SHRINK = "update attempts set reserved_usd = ? where id = ? and outcome = 'running'"
_UNASK = "update leases set wanted_pico = 0 where scope = ? and period = ? and session_id = ? and wanted_pico > 0"


class _Look(NamedTuple):
    """A look at a line in the file.

    Attributes:
        limit: of the line.
        leased: what was leased now.
        stood: how it stood before.
        uncharged: what this session has spent that SQLite has not charged.
    """

    limit: int
    leased: int
    stood: Standing
    uncharged: int = 0

    @property
    def spent(self) -> int:
        """By everybody, as far as it is known here."""
        return self.stood.settled + self.uncharged


class Holding:
    """The money of one session.

    Args:
        session: its id.
        write: performs an operation in a transaction.
        read: a connection of the loop's thread, to look at what others wait for.
        recover: charges what dead processes left open; runs inside a transaction.

    Attributes:
        hold_now: holds what is leased already; False = nothing was done: it must be leased, or waited for.
        settle: an attempt has ended, which is on record, and cost so much; what it held beyond that is free.
    """

    def __init__(
        self,
        session: str,
        write: Write,
        read: sqlite3.Connection,
        recover: Callable[[sqlite3.Connection], object] = lambda connection: None,
    ) -> None:
        self._session = session
        self._write = write
        self._recover = recover
        self._accounts = Accounts()
        self.hold_now = self._accounts.hold
        self.settle = self._accounts.settle
        self._turns = Turns(self._accounts)
        self._lending = Lending(session, write, read, self._accounts, self._turns)
        self._unleased: dict[Line, tuple[float, int]] = {}  # when it was seen; what no session had leased
        self._begun: set[Line] = set()  # lines that stand in the file; what was spent before is summed there once
        self._others_hold = False  # as far as was seen
        self._recovered_at = 0.0

    async def hold(self, attempt_id: str, lines: Lines, pico: int, until: float) -> None:
        """Hold a bound, when there is money for it.

        Args:
            attempt_id: whose.
            lines: that it counts for.
            pico: the bound.
            until: wait so long, on the running loop's clock.

        Raises:
            BudgetExceeded: it does not fit into one of the budgets: never, or not in time.
            LedgerError: the file cannot be written.
        """
        if self.hold_now(attempt_id, lines, pico):
            return
        waiter = Waiter(attempt_id, lines, pico)
        self._turns.come(waiter)
        try:
            while not self._grants(waiter):
                looked = await self._look(waiter)
                if self._grants(waiter):
                    break
                left_s = until - waiter.loop.time()
                self._check(waiter, looked, late=left_s <= 0)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, _POLL_S) if waiter.first else left_s):
                        await waiter.changed.wait()
                waiter.changed.clear()
        except BaseException:
            if waiter.granted:
                self._accounts.settle(attempt_id, 0)
            raise
        finally:
            if self._turns.leave(waiter):
                self._take_back(waiter)
            self._turns.grant()

    def give_away(self, attempt_id: str) -> None:
        """The attempt's answer comes with a batch: what it holds is taken off this session's lease in the file."""
        self._accounts.give_away(attempt_id)

    def shrink(self, attempt_id: str, bound_usd: float) -> None:
        """From now on a running attempt costs so much at most."""
        self._accounts.shrink(attempt_id, pico_of(bound_usd))
        if self._turns.waiting:
            self._turns.look_again()

    def left_usd(self, lines: Lines) -> float | None:
        """About how much may still be held on the tightest of some lines; None = none has a limit.

        What other sessions have set aside counts as gone, and is looked at once a second.

        Raises:
            LedgerError: the file cannot be read.
        """
        now, left = time.monotonic(), []
        for line, limit in lines.limits:
            if limit is None:
                continue
            seen_at, unleased = self._unleased.get(line, (-_SEEN_S, 0))
            if now - seen_at >= _SEEN_S:
                unleased = self._seen(line, limit)
                self._unleased[line] = (now, unleased)
            left.append(unleased + self._accounts.free(line))
        return usd_of(min(left)) if left else None

    def _seen(self, line: Line, limit: int) -> int:
        stood = self._lending.stands(line)
        return limit - stood.taken if stood is not None else 0

    def close(self) -> None:
        """The session's leases end with it."""
        self._lending.close()

    # ------------------------------------------------------------------------------------ in turn

    def _grants(self, waiter: Waiter) -> bool:
        """Whether it has the money, after a look at what there is here."""
        if not waiter.granted:
            self._turns.grant()
        return waiter.granted

    def _check(self, waiter: Waiter, looked: Mapping[Line, _Look], *, late: bool) -> None:
        """Whether it is worth waiting on.

        Raises:
            BudgetExceeded: it can never fit, or it is too late.
        """
        for line, look in looked.items():
            if look.spent + waiter.pico > look.limit:
                raise self._exceeded(waiter, line, look, _ways_out(waiter.pico, line, look))
            if look.spent + look.stood.batches + waiter.pico > look.limit:
                raise self._exceeded(waiter, line, look, _BATCHED)
        if late:
            lacks = self._accounts.lacks(waiter.lines, waiter.pico)
            line = next((line for line in looked if line in lacks), next(iter(looked)))
            waited = f"running requests held the rest for {waiter.waited_s:.1f} s"
            raise self._exceeded(waiter, line, looked[line], f"{waited}; {_LATE}")

    def _exceeded(self, waiter: Waiter, line: Line, look: _Look, advice: str) -> BudgetExceeded:
        held = self._accounts.held(line) + look.stood.others + look.stood.batches
        return BudgetExceeded(
            line.scope, period=line.period, need_usd=usd_of(waiter.pico), spent_usd=usd_of(look.spent),
            held_usd=usd_of(held), limit_usd=usd_of(look.limit), advice=advice,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------ the file

    async def _look(self, waiter: Waiter) -> dict[Line, _Look]:
        """Lease what a waiter lacks, as far as there is any; how its limited lines stood."""
        lacks = self._accounts.lacks(waiter.lines, waiter.pico)
        smaller = self._accounts.shrunk(lacks)
        if smaller:
            await self._perform(
                lambda connection: _write_bounds(connection, smaller), lambda _: self._accounts.apply(smaller)
            )
            lacks = self._accounts.lacks(waiter.lines, waiter.pico)
        now = time.time()
        recovers = waiter.first and self._others_hold and now - self._recovered_at > _RECOVER_S
        if recovers:
            self._recovered_at = now

        def operation(connection: sqlite3.Connection) -> dict[Line, _Look]:
            if recovers:
                self._recover(connection)
            looked: dict[Line, _Look] = {}
            for line, limit in waiter.lines.limits:
                if limit is not None:
                    ask = Ask(limit, lacks.get(line, 0), waiter.since)
                    looked[line] = _Look(limit, *leases.take(connection, self._session, line, ask, now))
            return looked

        new = not self._begun.issuperset(line for line, limit in waiter.lines.limits if limit is not None)
        return await self._perform(operation, self._leased, small=not new)

    async def _perform(
        self, operation: Callable[[sqlite3.Connection], T], then: Callable[[T], R], *, small: bool = True
    ) -> R:
        """Write to the file, then to memory, also where nobody waits for it any more."""
        written = self._write(operation, small=small)
        outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()

        def told(done: asyncio.Future[T]) -> None:
            error = done.exception()
            result = then(done.result()) if error is None else None
            if outcome.done():  # whoever asked has left
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(cast(R, result))

        written.add_done_callback(told)
        return await outcome

    def _leased(self, looked: Mapping[Line, _Look]) -> dict[Line, _Look]:
        """Add what was leased, and reckon what this session has spent: here file and memory are of one moment."""
        self._accounts.add({line: look.leased for line, look in looked.items()})
        for line in looked:
            self._unleased.pop(line, None)
        if len(self._begun) > _MOST_BEGUN:
            self._begun.clear()
        self._begun.update(looked)
        self._lending.leased(looked)
        self._others_hold = any(look.stood.others for look in looked.values())
        return {line: look._replace(uncharged=self._uncharged(line, look)) for line, look in looked.items()}

    def _uncharged(self, line: Line, look: _Look) -> int:
        lease = look.stood.own + look.leased
        return max(0, lease - self._accounts.free(line) - self._accounts.held(line) - self._lending.leaving[line])

    def _take_back(self, waiter: Waiter) -> None:
        """What was asked of others for it is wanted no more."""
        lines = [(*line, self._session) for line, limit in waiter.lines.limits if limit is not None]
        with suppress(LedgerError, RuntimeError):  # closed: nobody asks for anything
            # One that fails harms nobody: who does not ask again is forgotten (`leases.ASKING_S`).
            need_not_tell(self._write(lambda connection: connection.executemany(_UNASK, lines)))


def _ways_out(pico: int, line: Line, look: _Look) -> str:
    """What helps where a bound does not fit beside what is spent: only what can."""
    ways = ["raise the limit"]
    if look.spent < look.limit:
        ways.insert(0, "ask for a shorter answer (max_tokens)")
    if line.period and pico <= look.limit:
        ways.append("wait for the next period")
    return " or ".join(ways) if len(ways) < 3 else f"{ways[0]}, {ways[1]}, or {ways[2]}"


def _write_bounds(connection: sqlite3.Connection, bounds: Mapping[str, int]) -> None:
    connection.executemany(_SHRINK, [(usd_of(pico), attempt) for attempt, pico in bounds.items()])
