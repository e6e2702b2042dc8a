"""Folding: rows that a journal has made durable become rows of SQLite, many at a time and each exactly once.

How far a session's journal has been folded stands in the session's row and is written by the transaction that folds:
whenever a process dies, what was folded is not folded again. An attempt whose beginning and end are both there becomes
one insert. Many rows share one statement, which SQLite performs without holding the interpreter.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, compress, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import LedgerError
from assay.ledger import leases
from assay.ledger.budgets import DAY_S, pico_of
from assay.ledger.journal import Journal, paths_of, segments_of
from assay.ledger.segment import Entry, Head, Reached, Segment

__all__ = ["Folding", "fold", "fold_left"]

_Values = tuple[Any, ...]
_AT_ONCE = (32, 16, 8, 4, 2, 1)
"""Rows of one statement: few numbers, so that SQLite keeps the statements prepared, and any count takes few of them."""
_BEYOND = 2**63  # integers of SQLite are smaller
_log = logging.getLogger("assay.ledger")


class Folding:
    """Brings the journal of this process into SQLite.

    Args:
        journal: of this process.
        session: its session.
    """

    def __init__(self, journal: Journal, session: str) -> None:
        self._journal = journal
        self._session = session
        self._reached: list[Reached] = []

    @property
    def waiting_bytes(self) -> int:
        """About so much has not been folded."""
        return self._journal.unfolded_bytes

    @property
    def has_much(self) -> bool:
        """See `Journal.has_much`."""
        return self._journal.has_much

    def perform(self, connection: sqlite3.Connection, *, whole: bool = True) -> None:
        """Fold inside a transaction.

        Args:
            connection: of the transaction.
            whole: all there is; false: one file of it, so that the transaction is short.

        Raises:
            LedgerError: the journal cannot be written or read.
            OSError: it cannot be read.
        """
        self._journal.flush()
        segments = self._journal.segments()
        self._reached = fold(connection, self._session, segments if whole else segments[:1])

    def committed(self) -> int:
        """The transaction stands: what it has folded may go. Returns how many bytes that was."""
        folded_bytes = self._journal.folded(self._reached)
        self._reached = []
        return folded_bytes


def fold(connection: sqlite3.Connection, session: str, segments: Sequence[Segment]) -> list[Reached]:
    """Write what nobody has folded of a session's files. Runs inside a transaction.

    Raises:
        LedgerError: a file has entries that are none.
        OSError: a file cannot be read.
    """
    if not segments:
        return []
    known = _folded(connection, session)
    reached: list[Reached] = []
    entries: list[Entry] = []
    for segment in segments:
        ahead, read = segment.ahead()
        entries += ahead[max(0, known - segment.number) :]
        reached.append(Reached(segment, read, segment.number + len(ahead)))
    if entries:
        _write(connection, session, segments[0].head, entries)
        connection.execute("update sessions set folded = ? where id = ?", (reached[-1].number, session))
    return reached


def fold_left(connection: sqlite3.Connection, ledger: Path, session: str) -> list[Path]:
    """Fold what a process that has ended left behind. Runs inside a transaction.

    Returns the files that may go once it is committed.

    Raises:
        LedgerError: a file cannot be read.
    """
    try:
        segments = segments_of(ledger, session)
        try:
            for segment in segments:  # one after the other: a journal may be longer than memory should be
                fold(connection, session, [segment])
        finally:
            for segment in segments:
                segment.close()
    except OSError as error:
        raise LedgerError(f"the journal of a process that died cannot be read: {error}") from error
    return list(paths_of(ledger, session))


def _folded(connection: sqlite3.Connection, session: str) -> int:
    found = connection.execute("select folded from sessions where id = ?", (session,)).fetchone()
    if found is None:
        raise LedgerError(
            f"the ledger has no session {session}, whose journal lies beside it; was the ledger replaced?"
        )
    return int(found[0])


# ---------------------------------------------------------------------------------------------- rows


class _Rows(NamedTuple):
    """Attempts that are over, attempts that still run, ends of attempts that are in SQLite already, and requests."""

    over: list[_Values]
    running: list[_Values]
    ends: list[_Values]
    requests: list[_Values]


def _sorted(entries: Iterable[Entry]) -> _Rows:
    over: list[_Values] = []
    ends: list[_Values] = []
    requests: list[_Values] = []
    running: dict[str, _Values] = {}
    for entry in entries:
        intent, settlement, request = entry.intent, entry.settlement, entry.request
        if intent is not None:
            running[intent[0]] = intent
        if settlement is not None:
            begun = running.pop(settlement[0], None)
            if begun is None:
                ends.append(settlement)
            else:
                over.append((*begun, *settlement[1:]))
        if request is not None:
            requests.append(request)
    return _Rows(over, [(*one, "running", "held") for one in running.values()], ends, requests)


def _write(connection: sqlite3.Connection, session: str, head: Head, entries: Iterable[Entry]) -> None:
    rows = _sorted(entries)
    over = (*head.intent, *head.settlement[1:])
    begun = (*head.intent, "outcome", "cost_basis")
    tables = [
        _Table("attempts", over, rows.over),
        _Table("attempts", begun, rows.running),
        _Table("requests", head.request, rows.requests),
    ]
    _insert(connection, session, tables)
    needed = itemgetter(*(over.index(name) for name in ("started_at", "scopes", "batch_id", "cost_usd")))
    ended = chain(map(needed, rows.over), _end(connection, head.settlement, rows.ends))
    leases.charge(connection, _charges(session, ended))


def _charges(session: str, ended: Iterable[_Values]) -> Iterator[leases.Charge]:
    """What attempts cost, in few sums: those of a day count for the same periods."""
    sums: Counter[tuple[int, str | None, str | None]] = Counter()
    for started_at, scopes, batch_id, cost_usd in ended:
        if cost_usd:
            sums[int(started_at // DAY_S), scopes, batch_id] += pico_of(cost_usd)
    for (day, scopes, batch_id), pico in sums.items():
        yield leases.Charge(session if batch_id is None else leases.BATCHES, day * DAY_S, scopes, pico)


def _end(connection: sqlite3.Connection, columns: Sequence[str], ends: Iterable[_Values]) -> list[_Values]:
    """Settle attempts that are in SQLite already; what is needed of each to charge it."""
    changes = ", ".join(f"{name} = ?{n}" for n, name in enumerate(columns, 1) if name != "id")
    statement = (
        f"update attempts set {changes} where id = ?1 and outcome = 'running' "  # noqa: S608 - names of columns
        "returning started_at, scopes, batch_id, cost_usd"
    )
    found: list[_Values] = []
    for values in ends:
        try:
            rows = connection.execute(statement, tuple(map(_holdable, values))).fetchall()
        except _REFUSED as error:
            _refused("the end of an attempt", values, error)
            continue
        if not rows:
            _log.error("attempt %s is not open; it can be settled once", values[0])
        found += rows
    return found


_REFUSED = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError, ValueError)
"""A row that can never be written; the others must not wait for it."""


class _Table(NamedTuple):
    """Rows for a table, and their columns but the session's."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[_Values]


def _insert(connection: sqlite3.Connection, session: str, tables: Sequence[_Table]) -> None:
    """Insert rows of a session, many by one statement.

    One that SQLite refuses is told in the log, and takes no other with it.
    """
    connection.execute("savepoint many")
    try:
        for table in tables:
            _insert_many(connection, session, table)
    except _REFUSED:
        connection.execute("rollback to many")
        for table in tables:
            _insert_each(connection, session, table)
    connection.execute("release many")


def _insert_many(connection: sqlite3.Connection, session: str, table: _Table) -> None:
    # Python takes ten times longer to bind a NULL or a truth value than a number, and half of an attempt is NULL.
    shapes: defaultdict[tuple[type, ...], list[_Values]] = defaultdict(list)
    for row in table.rows:
        shapes[tuple(map(type, row))].append(row)
    for shape, alike in shapes.items():
        known = tuple(kind is not type(None) for kind in shape)
        names = tuple(compress(table.columns, known))
        truths = [place for place, kind in enumerate(compress(shape, known), 1) if kind is bool]
        at = 0
        for count in _AT_ONCE:
            statement = _insertion(table.name, names, count)
            while at + count <= len(alike):
                values = [session, *chain.from_iterable(map(compress, alike[at : at + count], repeat(known)))]
                for place in truths:
                    values[place :: len(names)] = map(int, values[place :: len(names)])
                connection.execute(statement, values)
                at += count


def _insert_each(connection: sqlite3.Connection, session: str, table: _Table) -> None:
    statement = _insertion(table.name, table.columns, 1)
    for row in table.rows:
        try:
            connection.execute(statement, (session, *map(_holdable, row)))
        except _REFUSED as error:
            _refused(table.name, row, error)


def _holdable(value: object) -> object:
    """A number that a provider made up, of more than 63 bits, is not known; the rest of its row is."""
    return None if isinstance(value, int) and abs(value) >= _BEYOND else value


def _refused(what: str, values: _Values, error: Exception) -> None:
    _log.error("the ledger refuses a row of the journal (%s): %s: %r", what, error, values)


@lru_cache(maxsize=256)
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    one = f"(?1{', ?' * len(columns)})"  # the session's id is bound once
    names = ", ".join(("session_id", *columns))
    return f"insert into {table} ({names}) values {', '.join([one] * rows)}"  # noqa: S608 - names of columns
