"""`assay watch --simulate`: what a number of canaries can find, and how soon, before they are paid for."""

from __future__ import annotations

from assay.cli.door import emit, note

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
    from assay.config.schema import Watch
    from assay.decision.table import table
    from assay.decision.watching.reading import BUDGET
    from assay.stats.change import days_between
    from assay.stats.detection import Delays, delays, even, false_alarms, fewer, lower, steady

    loaded = load_if_any(config)
    settings = loaded.config.watch if loaded is not None else Watch()
    items = canaries or settings.canaries_per_day or 50
    days = days_between(settings.alarms_per_year * BUDGET["scores"])
    note(f"  {items} canaries a day, a change after {_QUIET_DAYS} quiet days, {_RUNS} runs of each")
    found: list[dict[str, object]] = []
    for kind, rates_of, changed in (("wavering", even, lower), ("steady", steady, fewer)):
        for share in _SHARES:
            rates = rates_of(items, share)
            wrong = false_alarms(rates, simulated_days=365 * _YEARS, days=days) / _YEARS
            for drop in _DROPS:
                one: Delays = delays(
                    rates, changed(rates, drop), quiet_days=_QUIET_DAYS, most_days=_MOST_DAYS, days=days, runs=_RUNS
                )
                found.append({
                    "items": kind, "share": share, "drop": drop, "median_days": one.median_days,
                    "late_days": one.late_days, "false_per_year": wrong,
                })  # fmt: skip
    rows = [
        (str(one["items"]), f"{one['share']:.0%}", f"{one['drop']:.0%}", _days(one["median_days"]),
         _days(one["late_days"]), f"{one['false_per_year']:.1f}")
        for one in found
    ]  # fmt: skip
    head = ("items", "pass", "drop", "median days", "90 % within", "false a year")
    emit({"canaries": items, "rows": found}, as_json, "\n".join(table(head, rows)))
    return 0


def _days(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else f"over {_MOST_DAYS}"
