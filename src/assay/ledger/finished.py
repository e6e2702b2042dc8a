"""Requests that are over, with their attempts: what is looked through, followed and exported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple

import msgspec

from assay.ledger.rows import Intent, RequestRow
from assay.ledger.store import Ledger

__all__ = [
    "MOST_ROWS",
    "AttemptRow",
    "Finished",
    "FinishedRow",
    "Following",
    "Wanted",
    "attempts",
    "pages",
    "requests_of",
    "unattempted",
]

_PAGE = 500
MOST_ROWS = 2**63 - 1
"""The largest number that SQLite can be given: who asks for more wants all."""


class AttemptRow(Intent, frozen=True, kw_only=True):
    """An attempt as it stands in the ledger, with the name that the client called."""

    session_id: str
    outcome: str
    cost_basis: str
    cost_usd: float | None = None
    total_s: float | None = None
    first_event_s: float | None = None
    error: str | None = None
    message: str | None = None
    status: int | None = None
    finish: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    engine_s: float | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None
    provider_request_id: str | None = None
    emulated: str | None = None
    worth_usd: float | None = None
    target: str | None = None


class FinishedRow(RequestRow, frozen=True, kw_only=True):
    """A finished request; `place` grows in the order in which requests ended."""

    place: int


class Wanted(NamedTuple):
    """Which attempts are meant; what is None, or 0, does not matter.

    Attributes:
        since, until: seconds since 1970, of their start.
        request_id, run_id: an id, or how it begins.
        target: the name that the client called; `route`: the one that called the deployment.
        slower_s: those that took longer.
        text: a part of the error's message, or of the reason for the call.
    """

    since: float = 0.0
    until: float | None = None
    request_id: str | None = None
    run_id: str | None = None
    kind: str | None = None
    deployment: str | None = None
    model: str | None = None
    target: str | None = None
    route: str | None = None
    key_id: str | None = None
    team: str | None = None
    outcome: str | None = None
    error: str | None = None
    purpose: str | None = None
    slower_s: float | None = None
    text: str | None = None

    def condition(self) -> tuple[str, list[object]]:
        """The condition on attempts `a` and their requests `r`, in SQL, with its values."""
        said: list[str] = []
        values: list[object] = []

        def add(condition: str, value: object) -> None:
            said.append(condition)
            values.append(value)

        if self.since > 0:  # ids begin with milliseconds: the index of ids is one of times. They may wait for an hour.
            add("a.id >= ?", f"{int(max(0.0, self.since - 3600) * 1000):012x}")
            add("a.started_at >= ?", self.since)
        if self.until is not None:
            add("a.started_at < ?", self.until)
        for column, begins in (("a.request_id", self.request_id), ("a.run_id", self.run_id)):
            if begins is not None:
                add(f"{column} >= ?", begins)
                add(f"{column} < ?", begins + "g")  # ids are hex digits: those that begin so
        equal: Mapping[str, object] = {
            "a.kind": self.kind, "a.deployment": self.deployment, "a.model": self.model,
            "r.target": self.target, "a.route": self.route, "a.key_id": self.key_id, "a.team": self.team,
            "a.outcome": self.outcome, "a.error": self.error, "a.purpose": self.purpose,
        }  # fmt: skip
        for column, value in equal.items():
            if value is not None:
                add(f"{column} = ?", value)
        if self.slower_s is not None:
            add("a.total_s > ?", self.slower_s)
        if self.text is not None:
            add("instr(lower(coalesce(a.message, '') || ' ' || coalesce(a.why, '')), lower(?)) > 0", self.text)
        return " and ".join(said) or "1", values


class Finished(NamedTuple):
    """What has come to an end since the last look."""

    requests: list[FinishedRow]
    attempts: list[AttemptRow]


async def attempts(ledger: Ledger, wanted: Wanted, limit: int) -> list[AttemptRow]:
    """The newest attempts that are meant, the newest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    condition, values = wanted.condition()
    return await ledger.rows(
        AttemptRow, _attempts_where(condition, "a.id desc limit ?"), (*values, min(limit, MOST_ROWS))
    )


async def pages(ledger: Ledger, wanted: Wanted) -> AsyncIterator[list[AttemptRow]]:
    """All attempts that are meant, oldest first, page by page: memory holds one page.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    condition, values = wanted.condition()
    last = ""
    while found := await ledger.rows(
        AttemptRow, _attempts_where(f"{condition} and a.id > ?", "a.id limit ?"), (*values, last, _PAGE)
    ):
        yield found
        last = found[-1].id


async def _finished(ledger: Ledger, after: int, limit: int = _PAGE) -> list[FinishedRow]:
    """Requests that ended after this place, in that order.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(
        FinishedRow, "select rowid as place, * from requests where rowid > ? order by rowid limit ?", (after, limit)
    )


async def requests_of(ledger: Ledger, ids: Iterable[str]) -> list[FinishedRow]:
    """The finished requests among these.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    named = msgspec.json.encode(sorted(set(ids))).decode()
    statement = "select rowid as place, * from requests where id in (select value from json_each(?)) order by rowid"
    return await ledger.rows(FinishedRow, statement, (named,))


async def unattempted(ledger: Ledger, begins: str, limit: int = 3) -> list[FinishedRow]:
    """The newest requests whose id begins so, and that ended without an attempt: refused, or answered by a guard.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = (
        "select rowid as place, * from requests where id >= ?1 and id < ?1 || 'g' "
        "and not exists (select 1 from attempts where request_id = requests.id) order by id desc limit ?2"
    )
    return await ledger.rows(FinishedRow, statement, (begins, limit))


class Following:
    """Follows what comes to an end.

    Args:
        ledger: which may be written by other processes.
        wanted: which attempts are told.

    Attributes:
        is_behind: the last look took as much as one does, and there may be more.
    """

    def __init__(self, ledger: Ledger, wanted: Wanted) -> None:
        self.is_behind = False
        self._ledger = ledger
        self._wanted = wanted
        self._place: int | None = None
        # Attempts that go on after their request has ended: shadows. They may even begin after it.
        self._late: set[str] = set()
        self._before: list[str] = []  # requests of the last look
        self._told: set[str] = set()  # attempts of the last look

    async def begin(self) -> None:
        """From now on.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        newest = await self._ledger.rows(
            FinishedRow, "select rowid as place, * from requests order by rowid desc limit 1", ()
        )
        self._place = newest[0].place if newest else 0

    async def look(self) -> Finished:
        """What has ended since the last look.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        if self._place is None:
            await self.begin()
        ended = await _finished(self._ledger, self._place or 0)
        self._place = ended[-1].place if ended else self._place
        self.is_behind = len(ended) == _PAGE
        ids = [request.id for request in ended]
        found = await self._attempts([*self._before, *ids], sorted(self._late))
        told = [one for one in found if one.outcome != "running" and one.id not in self._told]
        self._late = {one.id for one in found if one.outcome == "running"}
        self._before, self._told = ids, {one.id for one in told}
        return Finished(ended, told)

    async def _attempts(self, request_ids: list[str], ids: list[str]) -> list[AttemptRow]:
        """The attempts of these requests, and these, that are meant or still run."""
        condition, values = self._wanted.condition()
        theirs = "(a.request_id in (select value from json_each(?)) or a.id in (select value from json_each(?)))"
        statement = _attempts_where(f"(a.outcome = 'running' or {condition}) and {theirs}", "a.id")
        named = (msgspec.json.encode(one).decode() for one in (request_ids, ids))
        return await self._ledger.rows(AttemptRow, statement, (*values, *named))


def _attempts_where(condition: str, order: str) -> str:
    return (
        "select a.*, r.target from attempts a left join requests r on r.id = a.request_id "  # noqa: S608 - fixed names
        f"where {condition} order by {order}"
    )
