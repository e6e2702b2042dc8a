"""Writes that share a transaction, and none of which takes another with it.

An operation is a function of the connection. Where one that raises had written something before, the transaction
is begun anew and each operation gets a savepoint, so that operations may be performed twice, but count once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Literal

from assay.errors import AssayError, LedgerError

__all__ = ["Loop", "Operation", "Outcome", "Write", "need_not_tell", "perform", "tell"]

Operation = Callable[[sqlite3.Connection], Any]
Outcome = Literal["committed", "failed", "busy"]
Loop = asyncio.AbstractEventLoop


class Write:
    """An operation on its way, what came of it, and whom to tell: a loop's future, or one of threads.

    `committed` is called when the operation stands, also if nobody waits for it any more.
    """

    __slots__ = ("committed", "error", "future", "loop", "operation", "result")

    def __init__(
        self,
        operation: Operation,
        future: asyncio.Future[Any] | Future[Any],
        loop: Loop | None,
        committed: Callable[[], None] | None = None,
    ) -> None:
        self.committed = committed
        self.operation = operation
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None

    def perform(self, connection: sqlite3.Connection) -> None:
        """Perform it; what is raised is raised.

        A cursor is no result: when the thread that gets it lets go of it, it resets its statement, which this thread
        may be stepping again by then.
        """
        self.error = None
        result = self.operation(connection)
        self.result = None if isinstance(result, sqlite3.Cursor) else result

    def tell(self) -> None:
        """In the thread of the loop. Who has cancelled his future is not told; the row is written all the same."""
        future = self.future
        if self.committed is not None and self.error is None:
            self.committed()
        if future.cancelled() or (isinstance(future, Future) and not future.set_running_or_notify_cancel()):
            return
        if self.error is None:
            future.set_result(self.result)
        else:
            future.set_exception(self.error)


def perform(
    connection: sqlite3.Connection, batch: Sequence[Write], *, first: Operation | None = None, patient: bool = True
) -> Outcome:
    """Perform all in one transaction; what came of each then stands in it.

    Args:
        connection: in autocommit mode.
        batch: in this order.
        first: before them all; where it raises, none of them is performed, and each has its error.
        patient: false: another process may be writing. Then nothing is performed, and this gives `busy`.
    """
    try:
        _begin(connection, first)
        if not _together(connection, batch):
            connection.execute("rollback")
            _begin(connection, first)
            _apart(connection, batch)
        connection.execute("commit")
    except Exception as error:  # noqa: BLE001 - of SQLite or of `first`: all who share the transaction are told
        if connection.in_transaction:
            connection.execute("rollback")
        elif not patient and _is_busy(error):
            return "busy"
        for write in batch:
            write.error = _as_ledger_error(error)
        return "failed"
    return "committed"


def _begin(connection: sqlite3.Connection, first: Operation | None) -> None:
    connection.execute("begin immediate")
    if first is not None:
        first(connection)


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY  # the rest of the code says why


def _together(connection: sqlite3.Connection, batch: Sequence[Write]) -> bool:
    """Perform one after the other; False = one has failed half-way, so that all must be undone."""
    for write in batch:
        changes = connection.total_changes
        try:
            write.perform(connection)
        except Exception as error:  # whatever one operation raises is its caller's alone
            if not connection.in_transaction:  # SQLite has undone everything: the disk is full, say
                raise
            if connection.total_changes != changes:
                return False
            write.error = _as_ledger_error(error)
    return True


def _apart(connection: sqlite3.Connection, batch: Sequence[Write]) -> None:
    """Perform each within a savepoint, so that what a failed one has written is undone, and nothing else."""
    for write in batch:
        connection.execute("savepoint one")
        try:
            write.perform(connection)
        except Exception as error:  # whatever one operation raises is its caller's alone
            if not connection.in_transaction:
                raise
            connection.execute("rollback to one")
            write.error = _as_ledger_error(error)
        connection.execute("release one")


def _as_ledger_error(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.Error):
        return LedgerError(f"the ledger cannot be written: {error}; is the disk full, or the file locked or read-only?")
    if isinstance(error, OSError):
        return LedgerError(f"the ledger's journal cannot be read: {error}")
    if not isinstance(error, AssayError):  # a number or text that SQLite cannot hold
        return LedgerError(f"a row cannot be written to the ledger: {type(error).__name__}: {error}")
    return error


def tell(batch: Sequence[Write], here: Loop | None = None) -> None:
    """Tell each loop once of all its writes that have been committed, or have failed; `here` = the running one."""
    by_loop: dict[Loop, list[Write]] = {}
    for write in batch:
        if write.loop is None or write.loop is here:
            write.tell()
        else:
            by_loop.setdefault(write.loop, []).append(write)
    for loop, writes in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell_each, writes)


def _tell_each(writes: Sequence[Write]) -> None:
    for write in writes:
        write.tell()


def need_not_tell(written: asyncio.Future[Any]) -> None:
    """Nobody has to hear that this write failed: asyncio would log it, where nobody waits for it."""
    written.add_done_callback(_hear)


def _hear(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
