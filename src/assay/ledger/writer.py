"""Group commit: what is handed over before a transaction begins shares it.

What one turn of an event loop writes is committed at its end, in the loop's own thread: SQLite needs less time for some
rows than two threads need to hand them over and back while both want the interpreter. What may take long, must wait for
another process or for a disk, is left to a thread that does nothing else. The order is one, whoever writes: what the
journal has is folded first in every transaction, and by the thread in time where there is no other.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from assay.errors import LedgerError
from assay.ledger.folding import Folding
from assay.ledger.transaction import Loop, Outcome, Write, perform, tell

T = TypeVar("T")
Connect = Callable[[], sqlite3.Connection]

MAX_WAITING_BYTES = 64 * 1024 * 1024
GATHER_S = 0.1
"""So long is gathered what nobody waits for, but what is not durable yet: relaxed writes."""
FOLD_S = 0.25
"""So long is gathered what is durable in the journal, unless it becomes much before: a transaction costs as much as ten
requests in it."""
RETRY_S = 1.0
"""After a failure that nobody was told of, for there was only folding to do."""
SMALL_BYTES = 64 * 1024
"""A larger write is left to the thread."""
CHECKPOINT_BYTES = 16 * 1024 * 1024
"""About so much stands in the write-ahead log before the thread brings it into the file."""
_LOGGED_BYTES = 3 * 4096  # of a write beside what it was given: the pages that it changes
_FOLDED_BYTES = 8 * 4096  # of folding, likewise; the indexes of a row take twice its own room


class Writer:
    """Writes through two connections, one of the loop's thread and one of a thread of its own.

    Args:
        connect: opens a connection.
        here: small writes are performed in the loop's thread, which must then not wait for a disk.
        journalled: what nobody waits for is durable in the journal already.

    Attributes:
        folding: of this process's journal; None = it has none yet.
    """

    def __init__(self, connect: Connect, *, here: bool = False, journalled: bool = False) -> None:
        self.folding: Folding | None = None
        self._connect = connect
        self._journalled = journalled
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # what the thread waits for
        self._room = threading.Condition(self._lock)  # what those wait for who hand over too much
        self._waiting: list[Write] = []
        self._waiting_bytes = 0
        self._stopping = False
        self._called = False  # the thread has something to do
        self._urgent = False  # somebody waits for what was handed over
        self._long = False  # something that waits may take long
        self._logged_bytes = 0  # since the last checkpoint
        self._has_failed = False  # to fold what nobody waits for
        self._waking: Loop | None = None  # that will see to what waits at the end of its turn
        self._writing = threading.Lock()  # who holds it takes what waits, and performs it
        self._here = _opened(connect, patient=False) if here else None
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._close_here()
            raise

    def submit(
        self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256, *, urgent: bool = True
    ) -> Future[T]:
        """Hand an operation over from any thread; the future is done when its transaction is committed.

        Blocks while more than `MAX_WAITING_BYTES` wait (the disk does not keep up).

        Args:
            operation: runs in the writer's thread.
            size_bytes: about how much memory it holds while it waits.
            urgent: false: nobody waits for it, so that more may be gathered before it is committed.

        Raises:
            LedgerError: the ledger is closed.
        """
        future: Future[T] = Future()
        self._put(Write(operation, future, None), size_bytes, urgent=urgent, small=False)
        self.call()
        return future

    def write(
        self,
        operation: Callable[[sqlite3.Connection], T],
        size_bytes: int = 256,
        *,
        small: bool = False,
        committed: Callable[[], None] | None = None,
    ) -> asyncio.Future[T]:
        """As `submit`, with a future of the running loop. Cancelling it does not take the operation back.

        A loop that ends before is not missed: the operation is performed.

        Args:
            operation: see `submit`.
            size_bytes: see `submit`.
            small: it changes some rows that it names by their keys, so that the loop may perform it.
            committed: called in the loop when it is durable, also if nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        write = Write(operation, future, loop, committed)
        self._put(write, size_bytes, urgent=True, small=small and size_bytes <= SMALL_BYTES)
        if self._waking is not loop:
            self._waking = loop
            loop.call_soon(self._end_turn, loop)
        return future

    def call(self) -> None:
        """There is something to do, soon or at once."""
        with self._lock:
            self._called = True
            self._changed.notify_all()

    def grown(self) -> None:
        """There is more to fold. The thread is woken only if it rests, or is to fold at once."""
        if not self._called or self._must():
            self.call()

    @property
    def waiting(self) -> int:
        """Operations that no transaction has taken yet."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether something waits, or is being performed."""
        return bool(self._waiting) or self._writing.locked()

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
            self._room.notify_all()
        self._thread.join()
        self._close_here()

    def _close_here(self) -> None:
        if self._here is not None:
            self._here.close()

    def _put(self, write: Write, size_bytes: int, *, urgent: bool, small: bool) -> None:
        with self._lock:
            while not self._stopping and self._waiting and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES:
                self._urgent = self._called = True
                self._changed.notify_all()
                self._room.wait()
            if self._stopping:
                raise LedgerError("the ledger is closed")
            self._waiting.append(write)
            self._waiting_bytes += size_bytes
            self._urgent = self._urgent or urgent
            self._long = self._long or not small

    def _take(self) -> tuple[list[Write], int]:
        """All that waits, and about how large it is."""
        with self._lock:
            batch, self._waiting = self._waiting, []
            size_bytes, self._waiting_bytes = self._waiting_bytes, 0
            self._urgent = self._long = False
            self._logged_bytes += size_bytes + _LOGGED_BYTES * len(batch)
            self._room.notify_all()
        return batch, size_bytes

    def _put_back(self, batch: list[Write], size_bytes: int) -> None:
        """Leave to the thread what was taken, before all that has come since."""
        with self._lock:
            self._waiting = [*batch, *self._waiting]
            self._waiting_bytes += size_bytes
            self._urgent = self._long = True

    # --------------------------------------------------------------------------- in the loop's thread

    def _end_turn(self, loop: Loop) -> None:
        """Perform what this turn has written, or have it performed."""
        self._waking = None
        here = self._here
        if here is not None and not self._long and self._is_little and self._writing.acquire(blocking=False):
            try:
                self._perform_here(here, loop)
            finally:
                self._writing.release()
        if self._waiting or (self._here is not None and self._logged_bytes >= CHECKPOINT_BYTES):
            self.call()

    @property
    def _is_little(self) -> bool:
        """Whether what must be folded first does not take long."""
        return self.folding is None or self.folding.waiting_bytes <= SMALL_BYTES

    def _perform_here(self, connection: sqlite3.Connection, loop: Loop) -> None:
        batch, size_bytes = self._take()
        if not batch:
            return
        if self._perform(connection, batch, patient=False) == "busy":
            self._put_back(batch, size_bytes)
        else:
            tell(batch, loop)

    # ------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        try:
            connection = _opened(self._connect, patient=True) if self._here is not None else self._connect()
        except BaseException as error:  # noqa: BLE001 - handed to whoever opens the ledger
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        try:
            while self._has_work():
                self._work(connection)
        finally:
            connection.close()

    def _has_work(self) -> bool:
        """Wait for some; False = it is over."""
        with self._lock:
            self._changed.wait_for(self._may, timeout=RETRY_S if self._has_failed else None)
            self._changed.wait_for(self._must, timeout=FOLD_S if self._journalled else GATHER_S)
            self._called = self._has_failed = False
            return bool(self._waiting) or not self._stopping

    def _may(self) -> bool:
        return self._stopping or self._called

    def _must(self) -> bool:
        return self._stopping or self._urgent or (self.folding is not None and self.folding.has_much)

    def _work(self, connection: sqlite3.Connection) -> None:
        with self._writing:
            batch, _ = self._take()
            folds = self.folding is not None and self.folding.waiting_bytes > 0
            if batch:
                self._perform(connection, batch)
            elif folds:
                self._fold(connection)
            tell(batch)  # before anybody performs, and tells of, what came later
        if folds and not self._has_failed:  # more will come: to be woken for it would hold up who writes it
            self.call()
        if self._here is not None and self._logged_bytes >= CHECKPOINT_BYTES:
            self._check_point(connection)

    # ------------------------------------------------------------------- by whoever holds `_writing`

    def _fold(self, connection: sqlite3.Connection) -> None:
        """Nobody waits for it: it is done in short transactions, and tried again later when it fails."""
        nothing = Write(lambda connection: None, Future(), None)
        self._has_failed = self._perform(connection, [nothing], whole=False) != "committed"
        if nothing.error is not None:
            logging.getLogger("assay.ledger").error("%s; it is tried again", nothing.error)

    def _perform(
        self, connection: sqlite3.Connection, batch: list[Write], *, whole: bool = True, patient: bool = True
    ) -> Outcome:
        """Fold, and perform a batch, in one transaction; `whole`: what is in it may rest on any row before it."""
        folding = self.folding
        if folding is None or not folding.waiting_bytes:
            return perform(connection, batch, patient=patient)
        outcome = perform(connection, batch, first=lambda one: folding.perform(one, whole=whole), patient=patient)
        if outcome == "committed":
            self._logged_bytes += _FOLDED_BYTES + 3 * folding.committed()
        return outcome

    def _check_point(self, connection: sqlite3.Connection) -> None:
        """Bring the log into the file: most of it while others write, then the rest, so that the log begins anew."""
        self._logged_bytes = 0
        with suppress(sqlite3.Error):  # nothing is lost: it stands in the log, and is tried again
            connection.execute("pragma wal_checkpoint(passive)").fetchall()
            with self._writing:
                connection.execute("pragma wal_checkpoint(passive)").fetchall()


def _opened(connect: Connect, *, patient: bool) -> sqlite3.Connection:
    """A connection that leaves checkpoints to the thread, and waits for other processes only if it is patient."""
    connection = connect()
    connection.execute("pragma wal_autocheckpoint = 0")
    if not patient:
        connection.execute("pragma busy_timeout = 0")
    return connection
