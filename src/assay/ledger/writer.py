"""Group commit: one thread writes, many wait for the same commit.

Operations that arrive while a transaction is being written share the next one. An operation is a function of
the connection. One that raises takes nothing else with it: where it had written something before, the transaction
is begun anew and each operation gets a savepoint, so that operations may be performed twice, but count once.

What one turn of an event loop hands over wakes the thread once, and what a transaction has written is told to a
loop in one call: with many requests in flight the hops between the threads cost more than the rows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from assay.errors import AssayError, LedgerError

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]
Loop = asyncio.AbstractEventLoop

MAX_WAITING_BYTES = 64 * 1024 * 1024
RELAXED_FLUSH_S = 0.1


class _Write:
    """An operation on its way, what came of it, and whom to tell: a loop's future, or one of threads."""

    __slots__ = ("_future", "error", "loop", "operation", "result")

    def __init__(self, operation: Operation, future: asyncio.Future[Any] | Future[Any], loop: Loop | None) -> None:
        self.operation = operation
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None
        self._future = future

    def perform(self, connection: sqlite3.Connection) -> None:
        self.error = None
        self.result = self.operation(connection)

    def tell(self) -> None:
        """In the thread of the loop. Who has cancelled his future is not told; the row is written all the same."""
        future = self._future
        if future.cancelled() or (isinstance(future, Future) and not future.set_running_or_notify_cancel()):
            return
        if self.error is None:
            future.set_result(self.result)
        else:
            future.set_exception(self.error)


class Writer:
    """The thread that owns the writing connection.

    Args:
        connect: opens the connection (called in the thread).
        relaxed: writes that nobody waits for are gathered for up to 100 ms before they are committed.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, relaxed: bool = False) -> None:
        self._connect = connect
        self._relaxed = relaxed
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[_Write] = []
        self._waiting_bytes = 0
        self._stopping = False
        self._urgent = False  # somebody waits for what was handed over
        self._waking: Loop | None = None  # that will wake the thread at the end of its turn
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()
        self._opened.result()

    def submit(
        self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256, *, urgent: bool = True
    ) -> Future[T]:
        """Hand an operation over from any thread; the future is done when its transaction is committed.

        Blocks while more than `MAX_WAITING_BYTES` wait (the disk does not keep up).

        Args:
            operation: runs in the writer's thread.
            size_bytes: about how much memory it holds while it waits.
            urgent: false: nobody waits for it, so a relaxed writer may gather more before it commits.

        Raises:
            LedgerError: the ledger is closed.
        """
        future: Future[T] = Future()
        self._put(_Write(operation, future, None), size_bytes, urgent=urgent)
        self._wake()
        return future

    def write(self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256) -> asyncio.Future[T]:
        """As `submit`, with a future of the running loop. Cancelling it does not take the operation back.

        A loop that ends before is not missed: the operation is performed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Write(operation, future, loop), size_bytes, urgent=True)
        if self._waking is not loop:
            self._waking = loop
            loop.call_soon(self._wake)
        return future

    @property
    def waiting(self) -> int:
        """Operations that no transaction has taken yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _put(self, write: _Write, size_bytes: int, *, urgent: bool) -> None:
        with self._lock:
            while not self._stopping and self._waiting and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES:
                self._urgent = True
                self._changed.notify_all()
                self._changed.wait()
            if self._stopping:
                raise LedgerError("the ledger is closed")
            self._waiting.append(write)
            self._waiting_bytes += size_bytes
            self._urgent = self._urgent or urgent

    def _wake(self) -> None:
        self._waking = None
        with self._lock:
            self._changed.notify_all()

    # ------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # noqa: BLE001 - handed to whoever opens the ledger
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while batch := self._next_batch():
                _commit(connection, batch)
                _tell(batch)
        finally:
            connection.close()

    def _next_batch(self) -> list[_Write]:
        with self._lock:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            if self._relaxed and not self._stopping:
                self._changed.wait_for(lambda: self._stopping or self._urgent, timeout=RELAXED_FLUSH_S)
            batch, self._waiting = self._waiting, []
            self._waiting_bytes = 0
            self._urgent = False
            self._changed.notify_all()  # there is room again
        return batch


def _commit(connection: sqlite3.Connection, batch: list[_Write]) -> None:
    """Perform all in one transaction."""
    try:
        connection.execute("begin immediate")
        if not _perform_together(connection, batch):
            connection.execute("rollback")
            connection.execute("begin immediate")
            _perform_apart(connection, batch)
        connection.execute("commit")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("rollback")
        for write in batch:
            write.error = _as_ledger_error(error)


def _perform_together(connection: sqlite3.Connection, batch: list[_Write]) -> bool:
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


def _perform_apart(connection: sqlite3.Connection, batch: list[_Write]) -> None:
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


def _tell(batch: list[_Write]) -> None:
    """Tell each loop once of all its writes that have been committed, or have failed."""
    by_loop: dict[Loop, list[_Write]] = {}
    for write in batch:
        if write.loop is None:
            write.tell()
        else:
            by_loop.setdefault(write.loop, []).append(write)
    for loop, writes in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell_here, writes)


def _tell_here(writes: list[_Write]) -> None:
    for write in writes:
        write.tell()


def _as_ledger_error(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.Error):
        return LedgerError(f"the ledger cannot be written: {error}; is the disk full, or the file locked or read-only?")
    if not isinstance(error, AssayError):  # a number or text that SQLite cannot hold
        return LedgerError(f"a row cannot be written to the ledger: {type(error).__name__}: {error}")
    return error
