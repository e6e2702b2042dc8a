"""Money between processes: what of a budget each session has set aside, in the ledger's file.

A session holds and spends only what it has leased, so that in every line of the books settled + all leases <= limit,
whoever crashes. A charge moves money from its lease to what is settled, which changes no such sum. All functions run
inside a transaction; sums are whole picodollars.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from assay.errors import BudgetExceeded
from assay.ledger.budgets import EVERYTHING, Line, Lines, lines_on_record, period_of, pico_of, span_of, usd_of
from assay.ledger.rows import Intent

__all__ = ["BATCHES", "Charge", "Standing", "charge", "charge_of", "lease", "release", "standing"]

BATCHES = ""
"""The session of leases for answers that come with a batch: another process may settle them, days later."""

_ADD = (
    "insert into leases (scope, period, session_id, pico) values (?, ?, ?, ?) "
    "on conflict (scope, period, session_id) do update set pico = pico + excluded.pico"
)
_SETTLE = (
    "insert into spend (scope, period, settled_pico) values (?, ?, ?) "
    "on conflict (scope, period) do update set settled_pico = settled_pico + excluded.settled_pico"
)
_OWNERS = {
    "key": "key_id = :name",
    "team": "team = :name",
    "run": "run_id = :name",
    "route": "(route = :name or deployment = :name or request_id in (select id from requests where target = :name))",
}
"""Which attempts count for a scope that had no budget when they were made."""
SPENT = (
    "select coalesce((select settled_pico from spend where scope = :scope and period = :period), 0), "
    "(select coalesce(sum(cast(round(reserved_usd * 1e12) as integer)), 0) from attempts "
    "where outcome = 'running' and started_at >= :begin)"
)
_PICO = "cast(round({} * 1e12) as integer)"


class Standing(NamedTuple):
    """How a line of the books stands.

    Attributes:
        settled: what has been spent, as far as it is in the file.
        own: the lease of the session that asks; below 0 where it has spent without one.
        others: those of other sessions.
        batches: that of answers which come with batches.
    """

    settled: int
    own: int
    others: int
    batches: int

    @property
    def taken(self) -> int:
        """What is spent or set aside."""
        return self.settled + max(0, self.own) + self.others + self.batches


class Charge(NamedTuple):
    """What an attempt that has ended cost.

    Attributes:
        session_id: whose lease it is taken from; `BATCHES` where its answer came with one.
        started_at: of the attempt.
        scopes: of its row.
        pico: its cost; 0 where nothing was billed, or nobody knows.
    """

    session_id: str
    started_at: float
    scopes: str | None
    pico: int


def standing(connection: sqlite3.Connection, line: Line, session: str) -> Standing:
    """How a line stands. One that nobody has asked for yet begins with what its attempts on record have cost."""
    settled = _settled(connection, line)
    own = others = batches = 0
    for owner, pico in connection.execute("select session_id, pico from leases where scope = ? and period = ?", line):
        if owner == session:
            own = pico
        elif owner == BATCHES:
            batches = max(0, pico)
        else:
            others += max(0, pico)
    return Standing(settled, own, others, batches)


def hold(connection: sqlite3.Connection, session: str, intent: Intent, lines: Lines) -> None:
    """Lease an attempt's bound on all of its lines.

    Raises:
        BudgetExceeded: it does not fit into one of them.
    """
    pico = pico_of(intent.reserved_usd or 0.0)
    for line, limit in lines.limits:
        if limit is None:
            continue
        stands = standing(connection, line, session)
        if stands.taken + pico > limit:
            raise BudgetExceeded(
                line.scope, period=line.period, need_usd=usd_of(pico), spent_usd=usd_of(stands.settled),
                held_usd=usd_of(stands.taken - stands.settled), limit_usd=usd_of(limit),
            )  # fmt: skip
    if pico:
        lease(connection, session if intent.batch_id is None else BATCHES, {line: pico for line, _ in lines.limits})


def let_go(connection: sqlite3.Connection, held: Charge, cost_usd: float | None) -> None:
    """Give back what an attempt held and has not spent."""
    rest = held.pico - pico_of(cost_usd or 0.0)
    lease(connection, held.session_id, {line: -rest for line in lines_on_record(held.started_at, held.scopes)})


def lease(connection: sqlite3.Connection, session: str, amounts: Mapping[Line, int]) -> None:
    """Add to a session's leases."""
    connection.executemany(_ADD, [(*line, session, pico) for line, pico in amounts.items()])


def release(connection: sqlite3.Connection, session: str) -> None:
    """Give all of a session's leases back: nothing of it is running, and all that it spent has been charged."""
    connection.execute("delete from leases where session_id = ?", (session,))


def charge(connection: sqlite3.Connection, charges: Iterable[Charge]) -> None:
    """Move what attempts have cost from their leases to what is settled."""
    spent: Counter[Line] = Counter()
    leased: Counter[tuple[Line, str]] = Counter()
    for one in charges:
        if not one.pico:
            continue
        for line in lines_on_record(one.started_at, one.scopes):
            spent[line] += one.pico
            leased[line, one.session_id] += one.pico
    connection.executemany(_SETTLE, [(*line, pico) for line, pico in spent.items()])
    connection.executemany(_ADD, [(*line, session, -pico) for (line, session), pico in leased.items()])


def spent_values(now: float) -> dict[str, object]:
    """What `SPENT` asks for: this month."""
    period = period_of(now, "month")
    return {"scope": EVERYTHING, "period": period, "begin": span_of(period)[0]}


def charge_of(
    session_id: str, started_at: float, scopes: str | None, batch_id: str | None, usd: float | None
) -> Charge:
    """The charge of an attempt, from its row."""
    return Charge(session_id if batch_id is None else BATCHES, started_at, scopes, pico_of(usd or 0.0))


def _settled(connection: sqlite3.Connection, line: Line) -> int:
    found = connection.execute("select settled_pico from spend where scope = ? and period = ?", line).fetchone()
    if found is not None:
        return int(found[0])
    settled = _spent_before(connection, line)
    connection.execute(_SETTLE, (*line, settled))
    return settled


def _spent_before(connection: sqlite3.Connection, line: Line) -> int:
    """What attempts cost that were made before the line was there; those that still run, at their bound."""
    kind, _, name = line.scope.partition(":")
    if kind == EVERYTHING and len(line.period) == len("2026-11"):
        return 0  # always counted
    begin, end = span_of(line.period)
    (pico,) = connection.execute(
        f"select coalesce(sum({_PICO.format('case outcome when :running then reserved_usd else cost_usd end')}), 0) "  # noqa: S608 - fixed texts
        f"from attempts where started_at >= :begin and started_at < :end and {_OWNERS.get(kind, 'true')}",
        {"running": "running", "begin": begin, "end": end, "name": name},
    ).fetchone()
    return int(pico)
