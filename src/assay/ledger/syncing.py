"""Group sync: what is written while the disk is busy shares the next sync, for `durability = "fsync"`."""

from __future__ import annotations

import asyncio
import threading

from assay.errors import LedgerError
from assay.ledger.journal import Journal
from assay.ledger.transaction import Write, tell

__all__ = ["Syncing"]


class Syncing:
    """A thread that brings a journal to the disk for as long as somebody waits for it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._changed = threading.Condition()
        self._waiting: list[Write] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ledger sync", daemon=True)
        self._thread.start()

    def synced(self) -> asyncio.Future[None]:
        """Done when all that has been appended so far survives a loss of power."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._changed:
            self._waiting.append(Write(lambda connection: None, future, loop))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Sync for those who wait, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while waiting := self._taken():
            try:
                self._journal.sync()
            except LedgerError as error:
                for write in waiting:
                    write.error = error
            tell(waiting)

    def _taken(self) -> list[Write]:
        """Who waits now; nobody = it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            waiting, self._waiting = self._waiting, []
        return waiting
