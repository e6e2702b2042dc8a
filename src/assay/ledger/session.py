"""Which process writes, and whether it still lives: what a crashed one left open is charged at its bound."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from pathlib import Path

from assay.ledger import leases
from assay.ledger.budgets import usd_of
from assay.ledger.folding import fold_left
from assay.ledger.journal import is_being_written, sessions_of
from assay.ledger.rows import Recovered, new_id

_OPEN = "session_id = ? and outcome = 'running' and (batch_id is null or batch_id = '')"
"""Attempts of a session that nobody will settle any more."""
_LOST = f"select started_at, scopes, batch_id, reserved_usd from attempts where {_OPEN}"  # noqa: S608 - a constant
_LOSE = (
    "update attempts set outcome = 'lost', cost_usd = case when batch_id is null then reserved_usd else 0 end, "  # noqa: S608 - a constant
    "cost_basis = case when batch_id is not null then 'none' when reserved_usd is null then 'unknown' else 'bound' end "
    f"where {_OPEN}"
)
_SAME_PROCESS_S = 1.0  # start times of one process, read twice, differ by less than this


def open_session(connection: sqlite3.Connection) -> str:
    """Note this process as a writer and return its session id. Runs inside a transaction."""
    session = new_id()
    connection.execute(
        "insert into sessions (id, host, pid, process_started_at, started_at) values (?, ?, ?, ?, ?)",
        (session, socket.gethostname(), os.getpid(), _process_start(), time.time()),
    )
    return session


def close_session(connection: sqlite3.Connection, session: str) -> None:
    """Note that the session ended; what is still open of it counts as lost. Runs inside a transaction."""
    _charge(connection, session)
    connection.execute("update sessions set closed_at = ?, ended = 'closed' where id = ?", (time.time(), session))


def recover(connection: sqlite3.Connection, ledger: Path) -> tuple[Recovered, list[Path]]:
    """Fold the journals of dead processes and charge at their bound the attempts that they left open.

    Runs inside a transaction. A process on another host cannot be looked at, so its attempts stay held. Returns also
    the files that may go once the transaction is committed.

    Raises:
        LedgerError: a journal cannot be read.
    """
    files = [path for closed in _left_by_closed(connection, ledger) for path in fold_left(connection, ledger, closed)]
    attempts, unknown, charged = 0, 0, 0.0
    for session in _dead(connection, ledger):
        lost, left = end_crashed(connection, ledger, session)
        files += left
        attempts, charged, unknown = attempts + lost.attempts, charged + lost.charged_usd, unknown + lost.unknown
    return Recovered(attempts=attempts, charged_usd=charged, unknown=unknown), files


def end_crashed(connection: sqlite3.Connection, ledger: Path, session: str) -> tuple[Recovered, list[Path]]:
    """Fold what a dead process has left, and charge at their bound the attempts that it left open.

    Runs inside a transaction. Returns also the files that may go once that is committed.

    Raises:
        LedgerError: a journal cannot be read.
    """
    files = fold_left(connection, ledger, session)
    lost = _charge(connection, session)
    connection.execute("update sessions set closed_at = ?, ended = 'crashed' where id = ?", (time.time(), session))
    return lost, files


def _dead(connection: sqlite3.Connection, ledger: Path) -> list[str]:
    """Sessions of this host that nobody has closed, and whose process is gone."""
    rows = connection.execute(
        "select id, pid, process_started_at from sessions where closed_at is null and host = ?", (socket.gethostname(),)
    ).fetchall()
    return [id for id, pid, started_at in rows if not _alive(pid, started_at) and not is_being_written(ledger, id)]


def _left_by_closed(connection: sqlite3.Connection, ledger: Path) -> list[str]:
    """Sessions whose files lie there though they are closed: somebody died before he could delete them."""
    closed = "select 1 from sessions where id = ? and closed_at is not null"
    return [
        session
        for session in sessions_of(ledger)
        if connection.execute(closed, (session,)).fetchone() and not is_being_written(ledger, session)
    ]


def _charge(connection: sqlite3.Connection, session: str) -> Recovered:
    """Mark a session's open attempts as lost and charge their bounds.

    What a batch was to bring costs nothing where that was never sent, and stays held where it was: another process
    will fetch it.
    """
    attempts, unknown, charged = 0, 0, 0
    for started_at, scopes, batch_id, reserved_usd in connection.execute(_LOST, (session,)).fetchall():
        if batch_id is not None:
            continue
        bound = leases.charge_of(session, started_at, scopes, batch_id, reserved_usd)
        leases.charge(connection, [bound])
        attempts, charged, unknown = attempts + 1, charged + bound.pico, unknown + (reserved_usd is None)
    connection.execute(_LOSE, (session,))
    leases.release(connection, session)
    return Recovered(attempts=attempts, charged_usd=usd_of(charged), unknown=unknown)


def _process_start() -> float:
    """When this process started, in seconds since 1970, as psutil tells it of others.

    On Linux it is read here: psutil takes longer to import than the whole ledger, and a first process needs no more.
    """
    if not Path("/proc/self/stat").exists():
        import psutil

        return psutil.Process().create_time()
    after_name = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    ticks = int(after_name[19])  # proc_pid_stat(5): field 22, starttime
    boot = next(line for line in Path("/proc/stat").read_text("utf-8").splitlines() if line.startswith("btime "))
    return ticks / os.sysconf("SC_CLK_TCK") + float(boot.split()[1])


def _alive(pid: int, started_at: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started_at) < _SAME_PROCESS_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
