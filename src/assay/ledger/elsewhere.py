"""Sessions of other hosts that nobody has closed: whether their processes live cannot be seen from here.

A container that comes back has another name, and so is another host to what it left behind: what that had set aside and
had in flight would stay in the books for ever. Only a person knows that it is gone, and says so by its id. Who writes a
journal lives, whatever its host is called: the system's lock tells that much where both are on one machine.
"""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

from assay.errors import LedgerError
from assay.ledger.budgets import usd_of
from assay.ledger.journal import is_being_written
from assay.ledger.rows import Recovered, Row
from assay.ledger.session import end_crashed
from assay.ledger.store import Ledger

__all__ = ["Elsewhere", "find_elsewhere", "free", "sessions_elsewhere"]

_OPEN = "select id, host, pid, started_at from sessions where closed_at is null and host <> ? order by id"
_STILL_OPEN = "select 1 from sessions where id = ? and closed_at is null"
_NOTHING = Recovered(attempts=0, charged_usd=0.0, unknown=0)
_LEASED = "select coalesce(max(pico), 0) from leases where session_id = ?"


class Elsewhere(Row, frozen=True, kw_only=True):
    """A session of another host.

    Attributes:
        lives: its journal is being written.
        leased_usd: the most that it has set aside of any one budget; it can be used again once the session is freed.
        lost: what would be charged then: calls in flight, at their bounds.
    """

    id: str
    host: str
    pid: int
    started_at: float
    lives: bool
    leased_usd: float
    lost: Recovered

    @property
    def holds(self) -> bool:
        """Whether anything of it stays in the books."""
        return bool(self.leased_usd or self.lost.attempts)


async def sessions_elsewhere(ledger: Ledger, path: Path) -> list[Elsewhere]:
    """All of them, oldest first.

    Raises:
        LedgerError: the ledger or a journal cannot be read.
    """
    return await ledger.write(lambda connection: _look(connection, path))


async def find_elsewhere(ledger: Ledger, path: Path, begins: str) -> Elsewhere:
    """The session whose id begins so.

    Raises:
        LedgerError: there is none, or several.
    """
    found = [one for one in await sessions_elsewhere(ledger, path) if one.id.startswith(begins)]
    if len(found) != 1:
        how = "several open sessions" if found else "no open session"
        raise LedgerError(f"{how} of other hosts: ids that begin with {begins!r}; `assay ledger sessions` shows all")
    return found[0]


async def free(ledger: Ledger, path: Path, session: Elsewhere) -> Recovered:
    """Charge at their bounds the calls that a session had in flight, and give back what it had set aside.

    Should its process live after all, what it goes on to spend is counted, but no longer held within the limits.

    Raises:
        LedgerError: its process lives, or somebody else has closed it.
    """

    def operation(connection: sqlite3.Connection) -> tuple[Recovered, list[Path]]:
        if is_being_written(path, session.id):
            raise LedgerError(f"session {session.id} of {session.host} lives: its journal is being written")
        if not connection.execute(_STILL_OPEN, (session.id,)).fetchone():
            raise LedgerError(f"session {session.id} was closed meanwhile")
        return end_crashed(connection, path, session.id)

    lost, files = await ledger.write(operation)
    for file in files:
        file.unlink(missing_ok=True)
    return lost


def _look(connection: sqlite3.Connection, path: Path) -> list[Elsewhere]:
    found = []
    for session, host, pid, started_at in connection.execute(_OPEN, (socket.gethostname(),)).fetchall():
        lives = is_being_written(path, session)
        (leased,) = connection.execute(_LEASED, (session,)).fetchone()
        found.append(Elsewhere(
            id=session, host=host, pid=pid, started_at=started_at, lives=lives, leased_usd=usd_of(max(0, leased)),
            lost=_NOTHING if lives else _lost(connection, path, session),
        ))  # fmt: skip
    return found


def _lost(connection: sqlite3.Connection, path: Path, session: str) -> Recovered:
    """What would be charged: it is done, and undone."""
    connection.execute("savepoint elsewhere")
    try:
        return end_crashed(connection, path, session)[0]
    finally:
        connection.execute("rollback to elsewhere")
        connection.execute("release elsewhere")
