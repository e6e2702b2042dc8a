"""What was spent, by whom, on what: sums over the attempts of a ledger.

Sums are taken in whole picodollars (1e-12 USD), so that groups add up to the total to the last digit.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from assay.ledger.budgets import Line, usd_of
from assay.ledger.leases import standing
from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["BY", "By", "SpendRow", "Window", "held_on", "pico_sum", "settled_on", "spend_by"]

By = Literal["key", "team", "route", "model", "deployment", "kind", "day", "purpose"]
BY: tuple[By, ...] = get_args(By)
_PURPOSE = "coalesce(purpose, case when shadow then 'shadow' when run_id is not null then 'eval' else 'answer' end)"
_COLUMNS: dict[By, str] = {
    "key": "key_id",
    "team": "team",
    "route": "route",
    "model": "model",
    "deployment": "deployment",
    "kind": "kind",
    "day": "date(started_at, 'unixepoch')",
    "purpose": _PURPOSE,
}


def pico_sum(usd: str, where: str = "true") -> str:
    """SQL for the sum of a column in whole picodollars, of whatever size.

    SQLite's numbers end at 9.2 million USD of them: what is above a millionth of a dollar is summed apart from the
    rest, and both together are a text of digits.
    """
    above, rest = (
        f"coalesce(sum(cast(round({usd} * 1e12) as integer) {part} 1000000) filter (where {where}), 0)" for part in "/%"
    )
    return f"coalesce(nullif(ltrim(printf('%d%06d', {above} + {rest} / 1000000, {rest} % 1000000), '0'), ''), '0')"


_SPEND = f"""
select {{column}} as what, count(*) as attempts,
  {pico_sum("cost_usd", "cost_basis = 'measured'")} as measured_pico,
  {pico_sum("cost_usd", "cost_basis = 'bound'")} as bound_pico,
  {pico_sum("reserved_usd", "outcome = 'running'")} as held_pico,
  count(*) filter (where cost_basis = 'bound') as bounds,
  count(*) filter (where cost_basis = 'unknown') as unknown,
  count(*) filter (where outcome = 'running') as running,
  coalesce(sum(input_tokens) filter (where outcome <> 'cached'), 0) as input_tokens,
  coalesce(sum(cached_tokens) filter (where outcome <> 'cached'), 0) as cached_tokens,
  coalesce(sum(output_tokens) filter (where outcome <> 'cached'), 0) as output_tokens,
  sum(engine_s) as engine_s
from attempts where started_at >= ? and started_at < ? group by 1
"""  # noqa: S608 - fixed texts
_NAMED = "select id as what, name from keys"
_HELD = f"""
select {pico_sum("reserved_usd")} as pico from attempts
where outcome = 'running' and (
  (?1 = 'everything' and length(?2) = 7 and strftime('%Y-%m', started_at, 'unixepoch') = ?2)
  or exists (select 1 from json_each(scopes) where value = json_array(?1, ?2)))
"""  # noqa: S608 - fixed texts
_EVER_S = 1e11


class Window(NamedTuple):
    """A time, in seconds since 1970: from `since` on and before `until`."""

    since: float = 0.0
    until: float = _EVER_S


class SpendRow(Row, frozen=True, kw_only=True):
    """Sums over the attempts of one group.

    Attributes:
        what: the group; None = those that have none.
        name: what people call it, where that is another word: of a key.
        attempts: how many, with those that failed, lost a race or were answered from the cache.
        measured_pico: cost by the hosts' counts, in picodollars.
        bound_pico: cost of those that are charged at their bound, for nobody has counted.
        held_pico: bounds of those that are running.
        bounds, unknown, running: how many were charged at the bound, cost nobody knows what, are running.
        input_tokens, cached_tokens, output_tokens: as the hosts counted; input includes cached ones.
        engine_s: seconds of local engines; None = none were used.
    """

    what: str | None
    name: str | None = None
    attempts: int
    measured_pico: int
    bound_pico: int
    held_pico: int
    bounds: int
    unknown: int
    running: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    engine_s: float | None = None

    @property
    def usd(self) -> float:
        """What is known to have been spent, bounds included."""
        return usd_of(self.measured_pico + self.bound_pico)


class _Name(Row, frozen=True, kw_only=True):
    what: str
    name: str


class _Held(Row, frozen=True, kw_only=True):
    pico: int


async def spend_by(ledger: Ledger, by: By, window: Window = Window()) -> list[SpendRow]:  # noqa: B008 - immutable
    """The spend of a time by one thing, the dearest first; days in their order.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = await ledger.rows(SpendRow, _SPEND.format(column=_COLUMNS[by]), window)
    if by == "day":
        return sorted(rows, key=lambda row: row.what or "")
    rows = sorted(rows, key=lambda row: (-row.measured_pico - row.bound_pico, -row.attempts, row.what or ""))
    return await _named(ledger, rows) if by == "key" else rows


async def settled_on(ledger: Ledger, line: Line) -> float:
    """What has been spent of a budget, in USD, before it was written down as well.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    return usd_of((await ledger.write(lambda connection: standing(connection, line, ""))).settled)


async def held_on(ledger: Ledger, line: Line) -> float:
    """What running attempts hold of a budget, in USD.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return usd_of(sum(row.pico for row in await ledger.rows(_Held, _HELD, line)))


async def _named(ledger: Ledger, rows: list[SpendRow]) -> list[SpendRow]:
    from msgspec.structs import replace

    names = {row.what: row.name for row in await ledger.rows(_Name, _NAMED)}
    return [replace(row, name=names.get(row.what)) if row.what is not None else row for row in rows]
