"""Holding money for attempts: at once where what is leased suffices, else by leasing more, else in turn.

Who lacks money waits while only what others hold stands in the way, first come, first served on each line; who lacks
none is not held up by them. What processes do not need they give back when another asks, or when they are idle.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeVar, cast

from assay.errors import BudgetExceeded, LedgerError
from assay.ledger import leases
from assay.ledger.accounts import Accounts
from assay.ledger.budgets import Line, Lines, period_of, pico_of, usd_of
from assay.ledger.leases import Ask, Standing

__all__ = ["WAIT_S", "Holding"]

T = TypeVar("T")
R = TypeVar("R")

WAIT_S = 30.0
"""How long to wait for what others hold, where nobody says."""
_POLL_S = 0.03  # between two looks of who waits at what other processes hold
_LOOK_S = 0.05  # between two looks at what other processes wait for
_IDLE_S = 2.0  # a lease that nobody needed for so long is given back
_RECOVER_S = 1.0  # between two looks whether a process that holds something has died
_HOPELESS = "ask for a shorter answer (max_tokens), raise the limit, or wait for the next period"
_BATCHED = "what comes with a batch is not waited for; raise the limit, or ask when the batch is there"
_LATE = "ask again, or raise constraints.budget_wait_s"
_SEEN_S = 1.0  # so old may be what is told of a budget
_SHRINK = "update attempts set reserved_usd = ? where id = ? and outcome = 'running'"
_UNASK = "update leases set wanted_pico = 0 where scope = ? and period = ? and session_id = ? and wanted_pico > 0"
_DELETE = "delete from leases where session_id = ? and pico = 0 and wanted_pico = 0"


class Write(Protocol):
    """Performs an operation in a transaction that also has all that was recorded before."""

    def __call__(self, operation: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]: ...


class _Waiter:
    """Who waits for money."""

    __slots__ = ("attempt_id", "changed", "first", "granted", "lines", "loop", "pico", "since")

    def __init__(self, attempt_id: str, lines: Lines, pico: int) -> None:
        self.attempt_id = attempt_id
        self.lines = lines
        self.pico = pico
        self.loop = asyncio.get_running_loop()
        self.changed = asyncio.Event()
        self.since = time.time()
        self.granted = False
        self.first = False  # nobody before it waits for the same line, so that it looks at the file for all of them

    @property
    def waited_s(self) -> float:
        """How long it has waited."""
        return max(0.0, time.time() - self.since)

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is closed: it waits no more
            self.loop.call_soon_threadsafe(self.changed.set)


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
        self._read = read
        self._recover = recover
        self._accounts = Accounts()
        self._turn = threading.RLock()  # whoever settles in another thread
        self._waiting: list[_Waiter] = []  # as they came
        self._short: set[Line] = set()  # lines on which somebody waits
        self._used_at: dict[Line, float] = {}
        self._unleased: dict[Line, tuple[float, int]] = {}  # when it was seen; what no session had leased
        self._looking: asyncio.TimerHandle | None = None
        self._looks_for: asyncio.AbstractEventLoop | None = None
        self._performing = 0
        self._recovered_at = 0.0
        self._today = ""

    def hold_now(self, attempt_id: str, lines: Lines, pico: int) -> bool:
        """Hold what is leased already; False = nothing was done: it must be leased, or waited for."""
        if self._short and any(line in self._short for line, limit in lines.limits if limit is not None):
            return False
        return self._accounts.hold(attempt_id, lines, pico)

    async def hold(self, attempt_id: str, lines: Lines, pico: int, until: float, *, patient: bool = True) -> None:
        """Hold a bound, when there is money for it.

        Args:
            attempt_id: whose.
            lines: that it counts for.
            pico: the bound.
            until: wait so long, on the running loop's clock.
            patient: false: what running requests hold is not waited for.

        Raises:
            BudgetExceeded: it does not fit into one of the budgets: never, or not in time.
            LedgerError: the file cannot be written.
        """
        if self.hold_now(attempt_id, lines, pico):
            return
        waiter = _Waiter(attempt_id, lines, pico)
        with self._turn:
            self._waiting.append(waiter)
        try:
            while not self._grants(waiter):
                looked = await self._look(waiter)
                if self._grants(waiter):
                    break
                left_s = until - waiter.loop.time()
                self._check(waiter, looked, late=left_s <= 0 or not patient)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, _POLL_S) if waiter.first else left_s):
                        await waiter.changed.wait()
                waiter.changed.clear()
        except BaseException:
            if waiter.granted:
                self._accounts.settle(attempt_id, 0)
            raise
        finally:
            self._leave(waiter)

    def _leave(self, waiter: _Waiter) -> None:
        """It waits no more; who stood behind it may be next."""
        with self._turn:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._take_back(waiter)
        self._grant()

    def settle(self, attempt_id: str, cost_usd: float | None) -> None:
        """An attempt has ended, which is on record; what it held beyond its cost is free."""
        if self._accounts.settle(attempt_id, pico_of(cost_usd or 0.0)) and self._waiting:
            self._grant()

    def give_away(self, attempt_id: str) -> None:
        """The attempt's answer comes with a batch: what it holds is taken off this session's lease in the file."""
        self._accounts.give_away(attempt_id)

    def shrink(self, attempt_id: str, bound_usd: float) -> None:
        """From now on a running attempt costs so much at most."""
        self._accounts.shrink(attempt_id, pico_of(bound_usd))
        if self._waiting:
            for waiter in self._waiting:
                if waiter.first:
                    waiter.wake()

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
        try:
            return limit - leases.standing(self._read, line, self._session, reads=True).taken
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read what is left of budget {line.scope!r}: {error}") from error

    # ------------------------------------------------------------------------------------ in turn

    def _grants(self, waiter: _Waiter) -> bool:
        """Whether it has the money, after a look at what there is."""
        if not waiter.granted:
            self._grant()
        return waiter.granted

    def _grant(self) -> None:
        """Hold for those that wait what there is now, in the order in which they came."""
        with self._turn:
            short: set[Line] = set()
            for waiter in list(self._waiting):
                lacks = self._accounts.lacks(waiter.lines, waiter.pico)
                queues = any(line in short for line, limit in waiter.lines.limits if limit is not None)
                if not queues and self._accounts.hold(waiter.attempt_id, waiter.lines, waiter.pico):
                    waiter.granted = True
                    self._waiting.remove(waiter)
                    waiter.wake()
                    continue
                first = any(line not in short for line in lacks)
                if first and not waiter.first:
                    waiter.wake()
                waiter.first = first
                short.update(lacks)
            self._short = short

    def _check(self, waiter: _Waiter, looked: Mapping[Line, _Look], *, late: bool) -> None:
        """Whether it is worth waiting on.

        Raises:
            BudgetExceeded: it can never fit, or it is too late.
        """
        for line, look in looked.items():
            if look.spent + waiter.pico > look.limit:
                raise self._exceeded(waiter, line, look, _HOPELESS)
            if look.spent + look.stood.batches + waiter.pico > look.limit:
                raise self._exceeded(waiter, line, look, _BATCHED)
        if late:
            lacks = self._accounts.lacks(waiter.lines, waiter.pico)
            line = next((line for line in looked if line in lacks), next(iter(looked)))
            waited = f"running requests held the rest for {waiter.waited_s:.1f} s"
            raise self._exceeded(waiter, line, looked[line], f"{waited}; {_LATE}")

    def _exceeded(self, waiter: _Waiter, line: Line, look: _Look, advice: str) -> BudgetExceeded:
        held = self._accounts.held(line) + look.stood.others + look.stood.batches
        return BudgetExceeded(
            line.scope, period=line.period, need_usd=usd_of(waiter.pico), spent_usd=usd_of(look.spent),
            held_usd=usd_of(held), limit_usd=usd_of(look.limit), advice=advice,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------ the file

    async def _look(self, waiter: _Waiter) -> dict[Line, _Look]:
        """Lease what a waiter lacks, as far as there is any; how its limited lines stood."""
        lacks = self._accounts.lacks(waiter.lines, waiter.pico)
        smaller = self._accounts.shrunk(lacks)
        if smaller:
            await self._perform(
                lambda connection: _write_bounds(connection, smaller), lambda _: self._accounts.apply(smaller)
            )
            lacks = self._accounts.lacks(waiter.lines, waiter.pico)
        now = time.time()
        recovers = waiter.first and now - self._recovered_at > _RECOVER_S
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

        return await self._perform(operation, self._leased)

    async def _perform(self, operation: Callable[[sqlite3.Connection], T], then: Callable[[T], R]) -> R:
        """Write to the file, then to memory, also where nobody waits for it any more."""
        written = self._write(operation)
        outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._performing += 1

        def told(done: asyncio.Future[T]) -> None:
            self._performing -= 1
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
        self._used_at.update(dict.fromkeys(looked, time.monotonic()))
        self._keep_looking()
        return {line: look._replace(uncharged=self._uncharged(line, look)) for line, look in looked.items()}

    def _uncharged(self, line: Line, look: _Look) -> int:
        lease = look.stood.own + look.leased
        return max(0, lease - self._accounts.free(line) - self._accounts.held(line))

    # ----------------------------------------------------------------------------------- for others

    def _keep_looking(self) -> None:
        """Look soon whether others wait for what is free here."""
        loop = asyncio.get_running_loop()
        if self._looking is None or self._looks_for is not loop or self._looking.cancelled():
            self._looks_for = loop
            self._looking = loop.call_later(_LOOK_S, self._look_around)

    def _look_around(self) -> None:
        self._looking = None
        if self._performing:  # file and memory are about to be compared
            self._keep_looking()
            return
        leased = self._accounts.leased()
        try:
            asked = {one.line: one for one in leases.wanted(self._read, self._session, time.time())}
        except sqlite3.Error:  # the file is being closed, or is gone: who writes next is told
            return
        now = time.monotonic()
        oldest = {line: waiter.since for waiter in reversed(self._waiting) for line, _ in waiter.lines.limits}
        amounts: dict[Line, int] = {}
        for line in leased:
            free = self._accounts.free(line)
            one = asked.get(line)
            if self._accounts.held(line):
                self._used_at[line] = now
            if one is not None and one.since < oldest.get(line, float("inf")):
                amounts[line] = max(one.pico, free // 2)
            elif line not in self._short and now - self._used_at.get(line, now) > _IDLE_S:
                amounts[line] = free
        if amounts:
            self._give_back(self._accounts.take_out(amounts))
        if leased:
            self._keep_looking()
        today = period_of(time.time(), "day")
        if today != self._today:
            self._today = today
            self._accounts.forget(today)

    def _give_back(self, amounts: dict[Line, int]) -> None:
        """Less is free here first, then the lease in the file is smaller: at no time is anything free twice."""

        def operation(connection: sqlite3.Connection) -> None:
            leases.lease(connection, self._session, {line: -pico for line, pico in amounts.items()})
            connection.execute(_DELETE, (self._session,))

        try:
            written = self._write(operation)
        except LedgerError:  # closed: all is given back
            return

        def told(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._accounts.add(amounts)

        written.add_done_callback(told)

    def _take_back(self, waiter: _Waiter) -> None:
        """What was asked of others for it is wanted no more."""
        lines = [(*line, self._session) for line, limit in waiter.lines.limits if limit is not None]
        with suppress(LedgerError, RuntimeError):  # closed: nobody asks for anything
            self._write(lambda connection: connection.executemany(_UNASK, lines))

    def close(self) -> None:
        """Look no more at what others wait for: the session's leases end with it."""
        if self._looking is not None:
            self._looking.cancel()


def _write_bounds(connection: sqlite3.Connection, bounds: Mapping[str, int]) -> None:
    connection.executemany(_SHRINK, [(usd_of(pico), attempt) for attempt, pico in bounds.items()])
