"""How long both will be there: the old one's end is the deadline of the move, and the new one must not end soon."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from assay.catalog.days import days_until, last_day
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.config.schema import Deployment
from assay.errors import ConfigError
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.types import Value

__all__ = ["Retirement", "retirement_of", "successor_of"]

_UNFIT = re.compile(r"[^a-z0-9]+")


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


def successor_of(spine: Spine, catalog: Catalog, deployments: Mapping[str, Deployment], name: str) -> str:
    """The deployment that calls what the maker names as the successor.

    Args:
        spine: what can be called.
        catalog: of models.
        deployments: of the configuration, in its order.
        name: of the old deployment or route.

    Raises:
        ConfigError: the catalogue names no successor, or no deployment calls it; says what to do.
    """
    models = [live.model for live in below(spine, name) if live.model is not None]
    named = next((model for model in models if model.successor is not None), None)
    if named is None:
        known = (
            f"the catalogue names no successor of {models[0].id}"
            if models
            else f"the catalogue does not know what {name} calls"
        )
        raise ConfigError(f"the catalogue {known}; name what to move to: assay migrate {name} NEW")
    wanted = str(named.successor)
    found = next((other for other in deployments if _calls(spine, other, wanted)), None)
    if found is None:
        ids = [model.id for model in catalog.models if _is(model, wanted)]
        said = f"{wanted} ({ids[0]})" if ids else wanted
        table = f'[deployments.NAME] with model = "{ids[0]}"' if ids else "a deployment that calls it"
        raise ConfigError(
            f"the successor of {named.id} is {said}, and no deployment calls it; add {table} to assay.toml, or name "
            f"another: assay migrate {name} NEW"
        )
    return found


def _calls(spine: Spine, name: str, wanted: str) -> bool:
    target = spine.targets.get(name)
    return isinstance(target, LiveDeployment) and target.model is not None and _is(target.model, wanted)


def _is(model: Model, wanted: str) -> bool:
    """Whether a model is meant: makers write names, with spaces and capitals."""
    known = (model.id, model.id.rpartition("/")[2], model.name, *model.aliases)
    return _plain(wanted) in map(_plain, known)


def _plain(name: str) -> str:
    return _UNFIT.sub("-", name.lower()).strip("-")
