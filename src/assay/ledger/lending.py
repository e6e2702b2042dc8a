"""Giving back what others need: a session that has leased more than it uses looks now and then who waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from assay.errors import LedgerError
from assay.ledger import leases
from assay.ledger.accounts import Accounts
from assay.ledger.budgets import Line, period_of
from assay.ledger.turns import Turns

__all__ = ["Lending", "Write"]

T = TypeVar("T")

LOOK_S = 0.05
"""Between two looks at what other processes wait for."""
IDLE_S = 2.0
"""What nobody needed for about so long is given back unasked."""
_DELETE = "delete from leases where session_id = ? and pico = 0 and wanted_pico = 0"


class Write(Protocol):
    """Performs an operation in a transaction that also has all that was recorded before."""

    def __call__(self, operation: Callable[[sqlite3.Connection], T], *, small: bool = True) -> asyncio.Future[T]:
        """The operation is on its way when this returns; one that is not `small` is left to a thread."""
        ...


class Lending:
    """Gives back what a session has leased.

    Args:
        session: its id.
        write: performs an operation in a transaction.
        read: a connection of the loop's thread.
        accounts: the session's money.
        turns: who waits for it here.

    Attributes:
        leaving: what is being given back: it is free here no more, and may stand in the file yet.
    """

    def __init__(self, session: str, write: Write, read: sqlite3.Connection, accounts: Accounts, turns: Turns) -> None:
        self.leaving: Counter[Line] = Counter()
        self._lock = threading.Lock()  # the ledger may be closed by another thread
        self._closed = False
        self._session = session
        self._write = write
        self._read = read
        self._accounts = accounts
        self._turns = turns
        self._used_at: dict[Line, float] = {}
        self._was_free: dict[Line, int] = {}  # at the last look for what is idle
        self._next_idle_look = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._today = ""

    def leased(self, lines: Iterable[Line]) -> None:
        """Something was leased on these lines: look soon who waits for it."""
        self._used_at.update(dict.fromkeys(lines, time.monotonic()))
        self._look_soon()

    def look(self) -> None:
        """Give back what others have waited for longer than anybody here, and now and then what is idle."""
        self._timer = None
        wanted = self._wanted()
        if wanted is None:
            return
        now = time.monotonic()
        if not wanted and now < self._next_idle_look:  # nobody waits, which is the rule
            self._look_soon()
            return
        self._next_idle_look = now + IDLE_S / 4
        leased = self._accounts.leased()
        amounts = self._accounts.take_out(self._spare(leased, wanted, now))
        if amounts:
            self._give_back(amounts)
        if leased or self._accounts.runs:  # what runs now may leave something free, when nobody leases anything
            self._look_soon()
        self._forget()

    def stands(self, line: Line) -> leases.Standing | None:
        """How a line stands in the file; None = it is being closed.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._lock:
            if self._closed:
                return None
            try:
                return leases.standing(self._read, line, self._session, reads=True)
            except sqlite3.Error as error:
                raise LedgerError(f"cannot read how budget {line.scope!r} stands: {error}") from error

    def close(self) -> None:
        """Look no more: the session's leases end with it. When this returns, nobody reads the file here."""
        with self._lock:
            self._closed = True

    def _look_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(LOOK_S, self.look)

    def _wanted(self) -> Mapping[Line, leases.Wanted] | None:
        """What others wait for, as far as it can be read: who writes next is told why not. None = it is closed."""
        with self._lock:
            if self._closed:
                return None
            try:
                return leases.wanted(self._read, self._session, time.time())
            except sqlite3.Error:
                return {}

    def _spare(self, leased: Iterable[Line], wanted: Mapping[Line, leases.Wanted], now: float) -> dict[Line, int]:
        """What may be given back of each line, or more."""
        since = self._turns.since()
        spare: dict[Line, int] = {}
        used_at: dict[Line, float] = {}
        was_free, self._was_free = self._was_free, {}
        for line in leased:
            free, asked = self._accounts.free(line), wanted.get(line)
            self._was_free[line] = free
            is_used = (
                bool(self._accounts.held(line)) or line in self._accounts.short or free != was_free.get(line, free)
            )
            used_at[line] = now if is_used else self._used_at.get(line, now)
            if asked is not None and asked.since < since.get(line, float("inf")):
                spare[line] = max(asked.pico, free // 2)  # half: or it would ask for each of its requests
            elif now - used_at[line] > IDLE_S:
                spare[line] = free
        self._used_at = used_at
        return spare

    def _give_back(self, amounts: dict[Line, int]) -> None:
        """Less is free here first, then the lease in the file is smaller: at no time is anything free twice."""
        self.leaving.update(amounts)
        loop = asyncio.get_running_loop()

        def operation(connection: sqlite3.Connection) -> None:
            leases.lease(connection, self._session, {line: -pico for line, pico in amounts.items()})
            connection.execute(_DELETE, (self._session,))

        def told(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._accounts.add(amounts)
                self._look_soon()
                left()
            else:
                loop.call_soon(left)  # after all are told who have looked at the file before it was smaller there

        def left() -> None:
            self.leaving -= Counter(amounts)

        try:
            self._write(operation).add_done_callback(told)
        except LedgerError:  # closed: all is given back
            return

    def _forget(self) -> None:
        """Once a day: lines whose periods are over."""
        today = period_of(time.time(), "day")
        if today != self._today:
            self._today = today
            self._accounts.forget(today)
