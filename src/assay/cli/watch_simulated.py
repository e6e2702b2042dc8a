"""`assay watch --simulate`: what a number of canaries can find, and how soon, before they are paid for."""

from __future__ import annotations

from assay.cli.door import emit, note
from assay.numerals import plural
from assay.types import Value

__all__ = ["simulated"]

_RUNS = 40
_QUIET_DAYS = 60
_MOST_DAYS = 90
_YEARS = 3
_SHARES = (0.6, 0.85, 0.95)
_DROPS = (0.05, 0.1)


def simulated(canaries: int | None, config: str | None, as_json: bool) -> int:
    """Print delays and false alarms for so many canaries; None = as many as are configured."""
    from assay.config.load import load_if_any
    from assay.config.watch import Watch
    from assay.decision.table import table
    from assay.decision.watching.reading import BUDGET
    from assay.stats.change import days_between
    from assay.stats.detection import delays, even, false_alarms, fewer, lower, steady

    loaded = load_if_any(config)
    settings = loaded.config.watch if loaded is not None else Watch()
    items = canaries or settings.canaries_per_day or 50
    days = days_between(settings.alarms_per_year * BUDGET["scores"])
    note(f"  {plural(items, 'canary')} a day, a change after {_QUIET_DAYS} quiet days, {_RUNS} runs of each")
    wrong, rows = 0, []
    for kind, rates_of, changed in (("wavering", even, lower), ("steady", steady, fewer)):
        for share in _SHARES:
            rates = rates_of(items, share)
            wrong += false_alarms(rates, simulated_days=365 * _YEARS, days=days)
            for drop in _DROPS:
                one = delays(
                    rates, changed(rates, drop), quiet_days=_QUIET_DAYS, most_days=_MOST_DAYS, days=days, runs=_RUNS
                )
                rows.append(
                    Row(items=kind, share=share, drop=drop, median_days=one.median_days, late_days=one.late_days)
                )
    years = 2 * len(_SHARES) * _YEARS
    found = {"canaries": items, "rows": rows, "false_alarms": wrong, "years": years, "allowed_per_year": 365 / days}
    lines = table(("items", "pass", "drop", "median days", "90 % within"), [one.cells for one in rows])
    emit(
        found,
        as_json,
        "\n".join([*lines, f"{wrong} false alarms in {plural(years, 'year')}; {365 / days:.1f} a year are allowed"]),
    )
    return 0


class Row(Value, frozen=True, kw_only=True):
    """How long one drop takes to be found; None = it is not, within the days that were simulated."""

    items: str
    share: float
    drop: float
    median_days: float | None
    late_days: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """For people."""
        return self.items, f"{self.share:.0%}", f"{self.drop:.0%}", _days(self.median_days), _days(self.late_days)


def _days(value: float | None) -> str:
    return f"{value:g}" if value is not None else f"over {_MOST_DAYS}"
