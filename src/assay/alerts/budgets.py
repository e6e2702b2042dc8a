"""Budgets of which a share is spent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.access.key import Key
from assay.alerts.alert import Alert
from assay.config.schema import Config
from assay.errors import BudgetExceeded
from assay.ledger.budgets import EVERYTHING, Budget, Line, period_of, pico_of, usd_of
from assay.numerals import digits, told_usd

__all__ = ["budget_alerts", "budgets_of", "refusal_alerts"]


def budgets_of(config: Config, keys: Iterable[Key] = (), now: float = 0.0) -> dict[Budget, str]:
    """Every budget that holds, with what people call it.

    Args:
        config: with the month's budget and `[budgets]`.
        keys: with budgets of their own.
        now: seconds since 1970; keys that do not hold any more count for nothing.
    """
    found: dict[Budget, str] = {}
    if config.constraints.usd_per_month is not None:
        found[Budget(EVERYTHING, config.constraints.usd_per_month)] = EVERYTHING
    for limit in config.budgets.values():
        if limit.team is not None:
            found[Budget(f"team:{limit.team}", limit.usd, limit.per)] = f"team {limit.team}"
        elif limit.route is not None:
            found[Budget(f"route:{limit.route}", limit.usd, limit.per)] = f"route {limit.route}"
        else:
            found[Budget(EVERYTHING, limit.usd, limit.per)] = EVERYTHING
    for key in keys:
        if key.terms.usd is not None and key.state(now) == "active":
            found[Budget(f"key:{key.account.key_id}", key.terms.usd, key.terms.per)] = f"key {key.name}"
    return found


def budget_alerts(
    budgets: Mapping[Budget, str], settled_pico: Mapping[Line, int], shares: Iterable[float], now: float
) -> list[Alert]:
    """Of each budget the highest share that is spent, if any is; 0 USD are spent from the beginning.

    Args:
        budgets: with their names.
        settled_pico: what has been spent on each line of the books, in picodollars.
        shares: that are told.
        now: seconds since 1970.
    """
    found = []
    for budget, name in budgets.items():
        period = period_of(now, budget.per)
        spent, limit = settled_pico.get(Line(budget.scope, period), 0), pico_of(budget.limit_usd)
        share = max((one for one in shares if spent >= one * limit), default=None)
        if share is not None and limit:
            what = f"{share:.0%} is spent"
            found.append(_alert(budget, name, period, what, f"{share:g}", usd_of(spent), share=share))
    return found


def refusal_alerts(budgets: Mapping[Budget, str], refused: Iterable[BudgetExceeded], now: float) -> list[Alert]:
    """The budgets of this period for which a request was refused.

    A bound is held before a request is sent, so that few budgets are ever spent to the last cent: this is their end.
    A request that all of a budget would not pay for says nothing of its end, and is another alert: one client that asks
    for a million answers must not use up the only word that the budget's owner gets.

    Args:
        budgets: with their names.
        refused: what the requests ended with.
        now: seconds since 1970.
    """
    return [
        _refusal(budget, name, error)
        for error in refused
        for budget, name in budgets.items()
        if (budget.scope, period_of(now, budget.per)) == (error.scope, error.period) and _refuses(budget, error)
    ]


def _refuses(budget: Budget, error: BudgetExceeded) -> bool:
    """Whether a request was refused for a budget too. Of several with one scope and period the least is told."""
    wanted = error.spent_usd + error.held_usd + error.need_usd
    return budget.limit_usd <= error.limit_usd or wanted > budget.limit_usd


def _refusal(budget: Budget, name: str, error: BudgetExceeded) -> Alert:
    """That a request was refused for a budget: at its end, or since it asks for more than all of it."""
    if error.need_usd > budget.limit_usd > 0:
        needs = f"a request was refused that may cost {told_usd(error.need_usd)}, more than all of it"
        return _alert(budget, name, error.period, needs, "oversized", error.spent_usd, error.held_usd)
    return _alert(budget, name, error.period, "a request was refused", "refused", error.spent_usd, error.held_usd)


def _alert(
    budget: Budget, name: str, period: str, what: str, mark: str, spent_usd: float, held_usd: float | None = None,
    *, share: float | None = None,
) -> Alert:  # fmt: skip
    """One alert of a budget; `mark` tells it from others of the same budget and period."""
    held = f" and {digits(held_usd)} held" if held_usd is not None else ""
    when = f"in {period}" if period else "in all"
    return Alert(
        what="budget",
        about=f"{budget.scope}:{budget.per}:{period}:{budget.limit_usd:g}:{mark}",
        text=f"budget of {name}: {what}: {digits(spent_usd)} spent{held} of {told_usd(budget.limit_usd)} {when}",
        facts={
            "budget": name,
            "per": budget.per,
            "period": period or None,
            "share": share,
            "refused": share is None,
            "spent_usd": spent_usd,
            "held_usd": held_usd,
            "limit_usd": budget.limit_usd,
        },
    )
