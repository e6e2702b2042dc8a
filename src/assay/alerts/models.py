"""Models that fail, drift or retire."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date

from assay.alerts.alert import Alert
from assay.catalog.days import days_until
from assay.errors import Overloaded
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.ledger.rows import AlarmRow
from assay.numerals import plural

__all__ = ["breaker_alert", "drift_alert", "open_breakers", "retirement_alerts"]

_QUIET_S = 600.0
"""A breaker that opens again, or in another process that serves, is not told again within this time."""

Targets = Mapping[str, LiveDeployment | LiveRoute]


def open_breakers(targets: Targets, now: float) -> dict[str, str]:
    """The deployments that are left alone because they failed, with the reason; a pause that a host asked for is none.

    Args:
        targets: by name.
        now: on the clock of breakers, `time.monotonic`.
    """
    rests = {name: one.breaker.rest(now) for name, one in targets.items() if isinstance(one, LiveDeployment)}
    return {name: str(error) for name, error in rests.items() if isinstance(error, Overloaded)}


def breaker_alert(name: str, reason: str) -> Alert:
    """That a deployment is left alone."""
    return Alert("breaker", name, f"{name} is {reason}", {"deployment": name, "reason": reason}, _QUIET_S)


def drift_alert(alarm: AlarmRow) -> Alert:
    """That `assay watch` has found a change."""
    since = _day(alarm.since)
    when = f", probably since {since}" if since is not None else ""
    what = "answers to border inputs" if alarm.what == "border" else "scores of canaries"
    return Alert(
        what="drift",
        about=alarm.id,
        text=f"{alarm.target} answers differently: {what} have changed{when}; `assay watch --status` has the evidence",
        facts={"target": alarm.target, "seen_by": alarm.what, "since": since, "found": _day(alarm.created_at)},
    )


def retirement_alerts(targets: Targets, within_days: int, today: date) -> list[Alert]:
    """The rented models that are configured and retire so soon, or have; each with the deployments that call it."""
    users: dict[str, list[str]] = {}
    ends: dict[str, tuple[str, str | None]] = {}
    for name, target in targets.items():
        model = target.model if isinstance(target, LiveDeployment) and not target.config.is_private else None
        if model is None or model.retires is None or days_until(model.retires, today) > within_days:
            continue
        users.setdefault(model.id, []).append(name)
        ends[model.id] = (model.retires, model.successor)
    return [_retirement(model, *ends[model], names, today) for model, names in users.items()]


def _retirement(model: str, retires: str, successor: str | None, names: Iterable[str], today: date) -> Alert:
    left = days_until(retires, today)
    how = f"retires {retires}, in {plural(left, 'day')}" if left > 0 else f"has been due to retire since {retires}"
    advice = f"; its maker names {successor} as its successor" if successor is not None else ""
    return Alert(
        what="retirement",
        about=f"{model}:{retires}",
        text=f"{model} {how}{advice}; called by {', '.join(names)} (`assay migrate` makes the move)",
        facts={"model": model, "retires": retires, "successor": successor, "deployments": list(names)},
    )


def _day(at: float | None) -> str | None:
    return time.strftime("%Y-%m-%d", time.gmtime(at)) if at is not None else None
