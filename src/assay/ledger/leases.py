"""Money between processes: what of a budget each session has set aside, in the ledger's file.

A session holds and spends only what it has leased, so that in every line of the books settled + all leases <= limit,
whoever crashes. A charge moves money from its lease to what is settled, which changes no such sum. Attempts whose
answers come with a batch outlive their session: what they hold is read off their rows. All functions run inside a
transaction; sums are whole picodollars.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from assay.ledger.budgets import EVERYTHING, Line, lines_on_record, period_of, pico_of, span_of

__all__ = [
    "BATCHES", "SPENT", "Ask", "Charge", "Standing", "Wanted", "charge", "lease", "release", "spent_values", "standing",
    "take", "wanted",
]  # fmt: skip

BATCHES = ""
"""Whose money answers are paid from that come with a batch: no session's, for another process may settle them."""
ASKING_S = 2.0
"""Who has not asked again within this time waits no more: it may have died."""

_MOST = 2**62
"""Picodollars, 4.6 million USD: what a column can hold, and more than anybody leases at a time."""
_ADD = (
    "insert into leases (scope, period, session_id, pico) values (?, ?, ?, ?) "  # noqa: S608 - a number
    f"on conflict (scope, period, session_id) do update set pico = max(-{_MOST}, min({_MOST}, pico + excluded.pico))"
)
_WANT = (
    "insert into leases (scope, period, session_id, wanted_pico, wanted_at, asked_at) values (?, ?, ?, ?, ?, ?) "
    "on conflict (scope, period, session_id) do update set wanted_pico = max(wanted_pico, excluded.wanted_pico), "
    "wanted_at = case when wanted_pico > 0 then min(wanted_at, excluded.wanted_at) else excluded.wanted_at end, "
    "asked_at = excluded.asked_at"
)
_WANTED = (
    "select scope, period, sum(wanted_pico) as pico, min(wanted_at) as since "
    "from leases indexed by leases_wanted where session_id <> ? and wanted_pico > 0 and asked_at > ? group by 1, 2"
)
_SETTLE = (
    "insert into spend (scope, period, settled_pico) values (?, ?, ?) "  # noqa: S608 - a number
    f"on conflict (scope, period) do update set settled_pico = min({_MOST}, settled_pico + excluded.settled_pico)"
)
_OWNERS = {
    EVERYTHING: "true",
    "key": "key_id = :name",
    "team": "team = :name",
    "run": "run_id = :name",
    "route": "(route = :name or deployment = :name or request_id in (select id from requests where target = :name))",
    "shadow": "shadow = 1 and route = :name and purpose in ('shadow', 'judge') and ('.' || path) like '%.s%'",
    "audit": "shadow = 1 and route = :name and purpose in ('audit', 'judge') and ('.' || path) like '%.a%'",
}
"""Which attempts count for a scope that had no budget when they were made."""
_BATCHED = (
    "select coalesce(sum(cast(round(reserved_usd * 1e12) as integer)), 0) "
    "from attempts indexed by attempts_open where outcome = 'running' and batch_id is not null and "
)
_OF_MONTH = "strftime('%Y-%m', started_at, 'unixepoch') = ?2 and ?1 = ?1"
_ON_RECORD = "exists (select 1 from json_each(scopes) where value = json_array(?1, ?2))"
SPENT = (
    "select coalesce((select settled_pico from spend where scope = ? and period = ?), 0), "
    "(select coalesce(sum(cast(round(reserved_usd * 1e12) as integer)), 0) from attempts indexed by attempts_open "
    "where outcome = 'running' and started_at >= ?)"
)
"""What is settled and what running attempts hold, with `spent_values`."""


class Standing(NamedTuple):
    """How a line of the books stands.

    Attributes:
        settled: what has been spent, as far as it is in the file.
        own: the lease of the session that asks; below 0 where it has spent without one.
        others: those of other sessions.
        batches: held for answers that come with a batch.
        sharing: how many other sessions have leased something, or wait for it.
        waiting: what those wait for that have waited longer.
    """

    settled: int
    own: int
    others: int
    batches: int
    sharing: int = 0
    waiting: int = 0

    @property
    def taken(self) -> int:
        """What is spent or set aside."""
        return self.settled + max(0, self.own) + self.others + self.batches


class Ask(NamedTuple):
    """What a session lacks on a line.

    Attributes:
        limit: of the line.
        pico: so much more than it has leased; 0 = nothing.
        since: when it began to wait, in seconds since 1970.
    """

    limit: int
    pico: int
    since: float


class Wanted(NamedTuple):
    """What other sessions wait for on a line: how much, and since when the first of them."""

    pico: int
    since: float


class Charge(NamedTuple):
    """What attempts that have ended cost.

    Attributes:
        session_id: whose lease it is taken from, or `BATCHES`.
        started_at: when they began, to the day.
        scopes: of their rows.
        pico: their cost; 0 where nothing was billed, or nobody knows.
    """

    session_id: str
    started_at: float
    scopes: str | None
    pico: int


def standing(
    connection: sqlite3.Connection,
    line: Line,
    session: str,
    since: float = 0.0,
    now: float = 0.0,
    *,
    reads: bool = False,
) -> Standing:
    """How a line stands. One that nobody has asked for yet begins with what its attempts on record have cost.

    Args:
        connection: of the transaction.
        line: which.
        session: who asks.
        since: when it began to wait; a wish that it has on record may be older.
        now: in seconds since 1970.
        reads: nothing is to be written, for there may be no transaction; a line that is new then shows nothing spent.
    """
    settled = _settled(connection, line, reads=reads)
    own = others = sharing = 0
    asking: list[tuple[float, int]] = []
    leases = "select session_id, pico, wanted_pico, wanted_at, asked_at from leases where scope = ? and period = ?"
    for owner, pico, wanted_pico, wanted_at, asked_at in connection.execute(leases, line):
        if owner == session:
            own = pico
            if wanted_pico > 0:  # each compares what the others see, or two might wait for each other
                since = min(since, wanted_at)
            continue
        others += max(0, pico)
        waits = wanted_pico > 0 and asked_at > now - ASKING_S
        sharing += pico > 0 or waits
        if waits:
            asking.append((wanted_at, wanted_pico))
    waiting = sum(wanted_pico for wanted_at, wanted_pico in asking if wanted_at < since)
    return Standing(settled, own, others, _batched(connection, line), sharing, waiting)


def take(connection: sqlite3.Connection, session: str, line: Line, ask: Ask, now: float) -> tuple[int, Standing]:
    """Lease what a session lacks, and of what is left its share; or note that it waits.

    Who has waited longer comes first. Alone it takes all there is: others ask for what they need (`wanted`).

    Returns:
        How much was leased, and how the line stood before.
    """
    stands = standing(connection, line, session, ask.since, now)
    if ask.pico <= 0:
        return 0, stands
    below = max(0, -stands.own)  # spent without a lease: it is settled already, and to be made good before the rest
    left = ask.limit - stands.taken - stands.waiting
    lack = ask.pico - below
    if lack > left:
        connection.execute(_WANT, (*line, session, min(ask.pico, _MOST >> 6), ask.since, now))
        return 0, stands
    leased = ask.pico + min(_MOST // 4, (left - lack) // (1 + stands.sharing))
    lease(connection, session, {line: leased})
    connection.execute(
        "update leases set wanted_pico = 0 where scope = ? and period = ? and session_id = ? and wanted_pico > 0",
        (*line, session),
    )
    return leased, stands


def wanted(connection: sqlite3.Connection, session: str, now: float) -> Mapping[Line, Wanted]:
    """What others wait for on each line; needs no transaction."""
    found = connection.execute(_WANTED, (session, now - ASKING_S)).fetchall()
    return {Line(scope, period): Wanted(pico, since) for scope, period, pico, since in found} if found else {}


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
            if one.session_id != BATCHES:
                leased[line, one.session_id] -= one.pico
    connection.executemany(_SETTLE, [(*line, min(pico, _MOST)) for line, pico in spent.items()])
    connection.executemany(_ADD, [(*line, session, max(pico, -_MOST)) for (line, session), pico in leased.items()])


def charge_of(
    session_id: str, started_at: float, scopes: str | None, batch_id: str | None, usd: float | None
) -> Charge:
    """The charge of an attempt, from its row."""
    return Charge(session_id if batch_id is None else BATCHES, started_at, scopes, pico_of(usd or 0.0))


def spent_values(now: float) -> tuple[str, str, float]:
    """What `SPENT` asks for: everything of this month."""
    period = period_of(now, "month")
    return EVERYTHING, period, span_of(period)[0]


def _settled(connection: sqlite3.Connection, line: Line, *, reads: bool) -> int:
    found = connection.execute("select settled_pico from spend where scope = ? and period = ?", line).fetchone()
    if found is not None:
        return int(found[0])
    if reads:
        return 0
    settled = _spent_before(connection, line)
    connection.execute(_SETTLE, (*line, settled))
    return settled


def _batched(connection: sqlite3.Connection, line: Line) -> int:
    (pico,) = connection.execute(_BATCHED + (_OF_MONTH if _is_month(line) else _ON_RECORD), line).fetchone()
    return int(pico)


def _spent_before(connection: sqlite3.Connection, line: Line) -> int:
    """What attempts cost that were made before the line was there; those that still run, at their bound."""
    if _is_month(line):
        return 0  # always counted
    kind, _, name = line.scope.partition(":")
    begin, end = span_of(line.period)
    if kind == "key":  # it has spent nothing before it was made: most lines of keys begin with nothing to look through
        (made_at,) = connection.execute("select max(created_at) from keys where id = ?", (name,)).fetchone()
        begin = max(begin, made_at or 0.0)
    (pico,) = connection.execute(
        "select coalesce(sum(cast(round(case outcome when 'running' then reserved_usd else cost_usd end * 1e12) "  # noqa: S608 - fixed texts
        "as integer)), 0) from attempts where started_at >= :begin and started_at < :end "
        f"and {_OWNERS.get(kind, 'false')}",
        {"begin": begin, "end": end, "name": name},
    ).fetchone()
    return int(pico)


def _is_month(line: Line) -> bool:
    """Whether it is the line that every attempt counts for, which no row's `scopes` name."""
    return line.scope == EVERYTHING and len(line.period) == len("2026-11")
