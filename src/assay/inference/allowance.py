"""The budgets that a request counts for: everybody's, and those of the routes that it passes through."""

from __future__ import annotations

from collections.abc import Mapping

from assay.config.budget import Limit
from assay.config.schema import Constraints
from assay.ledger.budgets import EVERYTHING, Budget

__all__ = ["Allowance"]


class Allowance:
    """What the configuration allows to be spent; budgets of keys and teams come with who asks (`Account.budgets`).

    Args:
        constraints: with the month's budget.
        limits: `[budgets]`, by name.

    Attributes:
        everything: the budgets that every request counts for.
        own: of routes and deployments that have some, by name.
        by_route: of these all that a request to them counts for.
    """

    def __init__(self, constraints: Constraints, limits: Mapping[str, Limit] | None = None) -> None:
        month = constraints.usd_per_month
        everything = [Budget(EVERYTHING, month)] if month is not None else []
        by_route: dict[str, list[Budget]] = {}
        for limit in (limits or {}).values():
            if limit.route is not None:
                by_route.setdefault(limit.route, []).append(Budget(f"route:{limit.route}", limit.usd, limit.per))
            elif limit.team is None:
                everything.append(Budget(EVERYTHING, limit.usd, limit.per))
        self.everything = tuple(everything)
        self.own = {name: tuple(budgets) for name, budgets in by_route.items()}
        self.by_route = {name: self.everything + budgets for name, budgets in self.own.items()}

    def of(self, name: str) -> tuple[Budget, ...]:
        """The budgets of a route or deployment; of routes inside each other, each one's count."""
        return self.own.get(name, ())
