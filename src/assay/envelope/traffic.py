"""The real work, as the ledger has it: requests a day, tokens, how much came from caches and batches, the busiest hour.

Counted is what a model answered, at once or with a batch; evaluations, answers from assay's own cache and calls for
comparison only are not. Of requests that were tried on several models, the answer that was given counts once; what all
of the tries did cost is in the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from assay.envelope.workload import DAYS_PER_MONTH, SECONDS_PER_DAY, Workload
from assay.ledger.rows import Row
from assay.types import Value

if TYPE_CHECKING:
    from assay.ledger.store import Ledger

__all__ = ["Traffic", "observed"]

HOURS = 24
_HOURLY = """
select coalesce(attempts.kind, '') as kind, cast(attempts.started_at / 3600 as integer) as hour,
  min(attempts.started_at) as first_at, attempts.batch_id is not null as batched, count(*) as requests,
  count(attempts.input_tokens + attempts.output_tokens) as counted,
  sum(case when attempts.output_tokens is not null then attempts.input_tokens end) as input,
  sum(case when attempts.input_tokens is not null then attempts.output_tokens end) as output,
  sum(attempts.cached_tokens) as cached, sum(attempts.cache_write_tokens) as written,
  sum(case when attempts.batch_id is null then requests.cost_usd else attempts.cost_usd end) as usd,
  sum(case when attempts.batch_id is null then requests.cost_usd else attempts.cost_usd end is null) as unpriced
from attempts left join requests on requests.id = attempts.request_id
where attempts.run_id is null and not attempts.shadow and attempts.outcome = 'ok' and attempts.started_at >= ?
  and (attempts.batch_id is not null
    or attempts.id = requests.answered_by and requests.outcome = 'answered' and not requests.cached)
group by 1, 2, 4 order by 2
"""


class _Hour(Row, frozen=True, kw_only=True):
    """Requests of one kind in one hour, batched ones apart."""

    kind: str
    hour: int
    first_at: float
    batched: int
    requests: int
    counted: int
    input: int | None
    output: int | None
    cached: int | None
    written: int | None
    usd: float | None
    unpriced: int


class Traffic(Value, frozen=True, kw_only=True):
    """What was asked in a time.

    Attributes:
        kind: of the requests; `None` = all kinds together.
        requests: so many.
        uncounted: those of them whose tokens nobody counted; the others stand for them.
        days: from the first of them until now, at least one.
        workload: the same as a mean day.
        usd_per_month: what they did cost, by the month; `None` where the price of some is not known.
    """

    kind: str | None
    requests: int
    uncounted: int
    days: float
    workload: Workload
    usd_per_month: float | None


async def observed(
    ledger: Ledger, now: float, since: float = 0.0, kinds: Sequence[str] = ()
) -> tuple[Traffic | None, tuple[Traffic, ...]]:
    """All traffic since a time, and that of each kind; `None` where there is none whose tokens are known.

    Args:
        ledger: where it is recorded.
        now: seconds since 1970.
        since: likewise; requests from then on.
        kinds: only these; default: all.
    """
    hours = [hour for hour in await ledger.rows(_Hour, _HOURLY, (since,)) if not kinds or hour.kind in kinds]
    if not hours:
        return None, ()
    days = max(1.0, (now - min(hour.first_at for hour in hours)) / SECONDS_PER_DAY)
    found = [_traffic(kind, [hour for hour in hours if hour.kind == kind], days) for kind in _kinds(hours)]
    return _traffic(None, hours, days), tuple(one for one in found if one is not None)


def _kinds(hours: Iterable[_Hour]) -> list[str]:
    return sorted({hour.kind for hour in hours})


def _traffic(kind: str | None, hours: list[_Hour], days: float) -> Traffic | None:
    total = _Total.of(hours)
    if not total.counted:
        return None
    fresh = max(1, total.input)
    return Traffic(
        kind=kind,
        requests=total.requests,
        uncounted=total.requests - total.counted,
        days=days,
        workload=Workload(
            requests_per_day=total.requests / days,
            input_tokens=total.input / total.counted,
            output_tokens=total.output / total.counted,
            cached_share=min(1.0, total.cached / fresh),
            written_share=min(total.written / fresh, 1.0 - min(1.0, total.cached / fresh)),
            batch_share=total.batched / total.requests,
            peak_factor=_peak_factor(hours, days),
        ),
        usd_per_month=total.usd / days * DAYS_PER_MONTH if not total.unpriced else None,
    )


class _Total(NamedTuple):
    """Sums over hours."""

    requests: int
    counted: int
    batched: int
    input: int
    output: int
    cached: int
    written: int
    usd: float
    unpriced: int

    @classmethod
    def of(cls, hours: Iterable[_Hour]) -> _Total:
        """The sums."""
        rows = [
            (
                hour.requests, hour.counted, hour.requests if hour.batched else 0, hour.input or 0, hour.output or 0,
                hour.cached or 0, hour.written or 0, hour.usd or 0.0, hour.unpriced,
            )
            for hour in hours
        ]  # fmt: skip
        return cls(*(sum(column) for column in zip(*rows, strict=True)))


def _peak_factor(hours: Iterable[_Hour], days: float) -> float:
    """The busiest hour by a mean one, of what did not come with a batch."""
    by_hour: dict[int, int] = {}
    for hour in hours:
        if not hour.batched:
            by_hour[hour.hour] = by_hour.get(hour.hour, 0) + hour.requests
    if not by_hour:
        return 1.0
    mean = sum(by_hour.values()) / (days * HOURS)
    return min(float(HOURS), max(1.0, max(by_hour.values()) / mean))
