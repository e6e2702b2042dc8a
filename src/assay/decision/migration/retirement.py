"""How long both will be there: the old one's end is the deadline of the move, and the new one must not end soon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from assay.catalog.days import days_until, last_day
from assay.catalog.model import Model
from assay.config.schema import Deployment
from assay.errors import ConfigError
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.types import Value

__all__ = ["Retirement", "retirement_of", "successor_of"]


class Retirement(Value, frozen=True, kw_only=True, omit_defaults=False):
    """When a deployment's model is taken away by its maker; what a team runs itself has no such end.

    Attributes:
        days_left: to the earliest day that `retires` may mean; negative = past.
        gone: the day has certainly passed, or the maker says that it is retired.
    """

    deployment: str
    model: str
    retires: str | None
    days_left: int | None
    successor: str | None
    gone: bool


def retirement_of(spine: Spine, name: str, today: date) -> Retirement | None:
    """The first end among the deployments of a target; None where nobody has announced one.

    Raises:
        ConfigError: there is no such target.
    """
    ends = [end for live in below(spine, name) if (end := _end(live, today)) is not None]
    return min(ends, key=lambda end: (not end.gone, end.days_left is None, end.days_left or 0), default=None)


def _end(live: LiveDeployment, today: date) -> Retirement | None:
    model = live.model
    if model is None or live.config.is_private or (model.retires is None and model.status != "retired"):
        return None
    past = model.retires is not None and last_day(model.retires) < today
    return Retirement(
        deployment=live.name,
        model=model.id,
        retires=model.retires,
        days_left=days_until(model.retires, today) if model.retires is not None else None,
        successor=model.successor,
        gone=past or model.status == "retired",
    )


def successor_of(spine: Spine, deployments: Mapping[str, Deployment], name: str) -> str:
    """The deployment that calls what the maker names as the successor.

    Args:
        spine: what can be called.
        deployments: of the configuration, in its order.
        name: of the old deployment or route.

    Raises:
        ConfigError: the catalogue names no successor, or no deployment calls it; says what to do.
    """
    models = [live.model for live in below(spine, name) if live.model is not None]
    named = [model for model in models if model.successor is not None]
    if not named:
        known = f"the catalogue names no successor of {models[0].id}" if models else "the catalogue does not know it"
        raise ConfigError(f"{known}; name what to move to: assay migrate {name} NEW")
    wanted = str(named[0].successor)
    found = [other for other in deployments if _calls(spine, other, wanted)]
    if not found:
        raise ConfigError(
            f"the successor of {named[0].id} is {wanted}, and no deployment calls it; add "
            f'[deployments.NAME] with model = "{wanted}" to assay.toml, or name another: assay migrate {name} NEW'
        )
    return found[0]


def _calls(spine: Spine, name: str, model: str) -> bool:
    target = spine.targets.get(name)
    known: Model | None = target.model if isinstance(target, LiveDeployment) else None
    return known is not None and model.lower() in (known.id, *(alias.lower() for alias in known.aliases))
