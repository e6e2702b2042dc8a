"""Group commit: one thread writes, many wait for the same commit.

Operations that arrive while a transaction is being written share the next one. An operation is a function of
the connection; it runs inside a savepoint, so that one that raises takes nothing else with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from assay.errors import AssayError, LedgerError

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]

MAX_WAITING_BYTES = 64 * 1024 * 1024
RELAXED_FLUSH_S = 0.1


class Writer:
    """The thread that owns the writing connection.

    Args:
        connect: opens the connection (called in the thread).
        relaxed: writes that nobody waits for are gathered for up to 100 ms before they are committed.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, relaxed: bool = False) -> None:
        self._connect = connect
        self._relaxed = relaxed
        self._wake = threading.Condition()
        self._waiting: deque[tuple[Operation, Future[Any], int]] = deque()
        self._waiting_bytes = 0
        self._stopping = False
        self._urgent = False  # somebody waits for what was handed over
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()
        self._opened.result()

    def submit(
        self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256, *, urgent: bool = True
    ) -> Future[T]:
        """Hand an operation over; the future is done when its transaction is committed.

        Blocks while more than `MAX_WAITING_BYTES` wait (the disk does not keep up).

        Args:
            operation: runs in the writer's thread.
            size_bytes: about how much memory it holds while it waits.
            urgent: false: nobody waits for it, so a relaxed writer may gather more before it commits.

        Raises:
            LedgerError: the ledger is closed.
        """
        future: Future[T] = Future()
        with self._wake:
            while not self._stopping and self._waiting and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES:
                self._urgent = True
                self._wake.notify_all()
                self._wake.wait()
            if self._stopping:
                raise LedgerError("the ledger is closed")
            self._waiting.append((operation, future, size_bytes))
            self._waiting_bytes += size_bytes
            self._urgent = self._urgent or urgent
            self._wake.notify_all()
        return future

    async def write(self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256) -> T:
        """As `submit`, awaited. Cancelling the wait does not take the operation back."""
        return await awaitable(self.submit(operation, size_bytes))

    @property
    def waiting(self) -> int:
        """Operations that no transaction has taken yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join()

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
                self._commit(connection, batch)
        finally:
            connection.close()

    def _next_batch(self) -> list[tuple[Operation, Future[Any], int]]:
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            if self._relaxed and not self._stopping:
                self._wake.wait_for(lambda: self._stopping or self._urgent, timeout=RELAXED_FLUSH_S)
            batch = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._urgent = False
            self._wake.notify_all()
        return batch

    @staticmethod
    def _commit(connection: sqlite3.Connection, batch: list[tuple[Operation, Future[Any], int]]) -> None:
        done: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("begin immediate")
            for operation, future, _ in batch:
                connection.execute("savepoint one")
                try:
                    done.append((future, operation(connection), None))
                except Exception as error:  # whatever one operation raises is its caller's alone
                    if not connection.in_transaction:  # SQLite has undone everything: the disk is full, say
                        raise
                    connection.execute("rollback to one")
                    done.append((future, None, _as_ledger_error(error)))
                connection.execute("release one")
            connection.execute("commit")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("rollback")
            failure = _as_ledger_error(error)
            done = [(future, None, failure) for _, future, _ in batch]
        for future, result, problem in done:
            if not future.set_running_or_notify_cancel():
                continue  # written all the same; only its caller has left
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)


def awaitable(written: Future[T]) -> asyncio.Future[T]:
    """A write's result for the running loop. Cancelling it takes nothing back; a loop that ends first is not missed."""
    loop = asyncio.get_running_loop()
    here: asyncio.Future[T] = loop.create_future()

    def tell() -> None:
        if here.cancelled():
            return
        error = written.exception()
        if error is not None:
            here.set_exception(error)
        else:
            here.set_result(written.result())

    def when_written(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell)

    written.add_done_callback(when_written)
    return here


def _as_ledger_error(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.Error):
        return LedgerError(f"the ledger cannot be written: {error}; is the disk full, or the file locked or read-only?")
    if not isinstance(error, AssayError):  # a number or text that SQLite cannot hold
        return LedgerError(f"a row cannot be written to the ledger: {type(error).__name__}: {error}")
    return error
