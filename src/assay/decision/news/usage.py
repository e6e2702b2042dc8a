"""What a configuration uses: models with their deployments, routes and pinned kinds, and how long they will last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from assay.catalog.days import days_until, ends_within
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import price_on
from assay.catalog.reach import reached, rented_from
from assay.catalog.use import terms_of
from assay.config.schema import Config, Deployment, Price
from assay.decision.lock import Lock
from assay.envelope.candidate import Candidate
from assay.envelope.permission import impermissible
from assay.numerals import plural
from assay.types import Value

__all__ = ["InUse", "candidate_of", "in_use"]


class InUse(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One deployment, JSON-able. `None` = not known.

    Attributes:
        model: its id in the catalogue, or as the configuration calls it.
        host: where it is rented.
        licence: of its weights.
        routes: that it is a candidate of, through others too.
        kinds: whose pin serves it, or a route with it.
        retires: the day on which its maker takes it away; `days_left` counts to the earliest day that it may mean.
        forbidden: the constraint that it breaks today.
        action: why somebody must do something; `None` = nobody must.
    """

    deployment: str
    model: str
    host: str | None
    licence: str | None
    routes: tuple[str, ...]
    kinds: tuple[str, ...]
    status: str | None
    retires: str | None
    days_left: int | None
    successor: str | None
    forbidden: str | None
    action: str | None


def in_use(config: Config, catalog: Catalog, lock: Lock | None, today: date, within_days: int) -> tuple[InUse, ...]:
    """Every deployment of a configuration, those first that somebody must do something about.

    Args:
        config: what is deployed and routed, and the limits.
        catalog: what is known of it.
        lock: the pins, if there are any.
        today: what days are counted from.
        within_days: an end in so many days or fewer asks for action.

    Raises:
        ConfigError: a deployment at a host cannot be reached as written.
    """
    pins = {kind: pin.target for kind, pin in lock.kinds.items()} if lock is not None else {}
    around = _Around(config, catalog, pins, today, max(within_days, config.constraints.days_to_retirement or 0))
    found = [_in_use(name, deployment, around) for name, deployment in config.deployments.items()]
    return tuple(sorted(found, key=lambda one: (one.action is None, one.days_left is None, one.days_left or 0)))


def candidate_of(name: str, deployment: Deployment, model: Model | None, catalog: Catalog, today: date) -> Candidate:
    """The deployment as the constraints look at it.

    Raises:
        ConfigError: it is at a host and cannot be reached as written.
    """
    if deployment.has_host:
        deployment = reached(deployment, model, catalog).deployment

    def price() -> Price | None:
        own = deployment.price_usd_per_mtok
        if own is not None or model is None:
            return own
        return price_on(model, today, host=deployment.host).price

    return Candidate(name, deployment, model, terms_of(model, catalog, rented_from(deployment, catalog)), price)


class _Around(NamedTuple):
    config: Config
    catalog: Catalog
    pins: Mapping[str, str]
    today: date
    within_days: int


def _in_use(name: str, deployment: Deployment, around: _Around) -> InUse:
    model = around.catalog.get(deployment.model)
    candidate = candidate_of(name, deployment, model, around.catalog, around.today)
    ends = model if model is not None and not candidate.deployment.is_private else None
    routes = tuple(route for route in around.config.routes if name in _below(route, around.config))
    # A limit on days is told as days that are left, not a second time as a broken constraint.
    limits = msgspec.structs.replace(around.config.constraints, days_to_retirement=None)
    one = InUse(
        deployment=name,
        model=model.id if model is not None else deployment.model,
        host=candidate.deployment.host,
        licence=model.licence if model is not None else None,
        routes=routes,
        kinds=tuple(kind for kind, target in around.pins.items() if target in (name, *routes)),
        status=ends.status if ends is not None else None,
        retires=ends.retires if ends is not None else None,
        days_left=days_until(ends.retires, around.today) if ends is not None and ends.retires else None,
        successor=ends.successor if ends is not None else None,
        forbidden=impermissible(candidate, limits, around.today),
        action=None,
    )
    return msgspec.structs.replace(one, action=_action(one, around))


def _action(one: InUse, around: _Around) -> str | None:
    instead = f"; its successor is {one.successor}" if one.successor else ""
    if one.status == "retired" or (one.retires is not None and ends_within(one.retires, 0, around.today)):
        return f"retired{f' on {one.retires}' if one.retires else ''}{instead}"
    if one.retires is not None and ends_within(one.retires, around.within_days, around.today):
        left = f", in {plural(one.days_left, 'day')}" if one.days_left is not None else ""
        return f"retires on {one.retires}{left}{instead}"
    return f"no longer permitted: {one.forbidden}" if one.forbidden is not None else None


def _below(name: str, config: Config) -> Iterator[str]:
    """All names below a route."""
    for candidate in config.routes[name].candidates if name in config.routes else ():
        yield candidate
        yield from _below(candidate, config)
