"""A look at the catalogue: what can change under one's feet, on one day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from assay.catalog.days import last_day
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice, prices_of
from assay.catalog.terms import DataPolicy, Licence
from assay.errors import DecisionError
from assay.types import Value
from assay.whole_file import write_whole

__all__ = ["Look", "Seen", "look", "look_back", "read_look", "write_look"]


class Seen(Value, frozen=True, kw_only=True):
    """What was seen of one model. `None` = not known; prices are USD per million tokens."""

    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    status: str | None = None
    deprecated: str | None = None
    retires: str | None = None
    successor: str | None = None
    licence: str | None = None


class Look(Value, frozen=True, kw_only=True):
    """Everything that was seen on one day (`YYYY-MM-DD`, UTC): models by id, terms by licence, policies by host."""

    day: str
    models: dict[str, Seen]
    licences: dict[str, dict[str, Any]]
    policies: dict[str, dict[str, Any]]


def look(catalog: Catalog, day: date) -> Look:
    """What is to be seen today."""
    prices = prices_of(catalog.models, day)
    policies = {host: policy for host in catalog.hosts if (policy := catalog.policy(host)) is not None}
    return Look(
        day=day.isoformat(),
        models={model.id: _seen(model, prices[model.id]) for model in catalog.models},
        licences={key: _facts(licence) for key, licence in catalog.licences.items()},
        policies={host: _facts(policy) for host, policy in policies.items()},
    )


def look_back(catalog: Catalog, day: date) -> Look:
    """What would have been seen on an earlier day, as far as today's catalogue remembers.

    Prices have a history, models their days of release and deprecation. Terms and policies have none: they count as
    unchanged.
    """
    then = look(catalog, day)
    there = {model.id: model for model in catalog.models if model.released is None or last_day(model.released) <= day}
    models = {name: _before(seen, there[name], day) for name, seen in then.models.items() if name in there}
    return msgspec.structs.replace(then, models=models)


def read_look(path: Path) -> Look | None:
    """The look that was kept in a file; `None` if there is none yet.

    Raises:
        DecisionError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Look)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise DecisionError(f"the last look in {path} cannot be read ({error}); delete it to begin anew") from error


def write_look(path: Path, seen: Look) -> None:
    """Keep a look in place of the last one, in one step.

    Raises:
        DecisionError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(seen, order="sorted"), indent=1))
    except OSError as error:
        raise DecisionError(f"this look cannot be kept in {path}: {error.strerror} (--no-save keeps none)") from error


def _seen(model: Model, found: CatalogPrice) -> Seen:
    price = found.price
    return Seen(
        input_usd_per_mtok=price.input if price else None,
        output_usd_per_mtok=price.output if price else None,
        cached_input_usd_per_mtok=price.cached_input if price else None,
        status=model.status,
        deprecated=model.deprecated,
        retires=model.retires,
        successor=model.successor,
        licence=model.licence,
    )


def _before(seen: Seen, model: Model, day: date) -> Seen:
    """Without an end that was announced later."""
    if model.deprecated is None or last_day(model.deprecated) <= day:
        return seen
    return msgspec.structs.replace(seen, status=None, deprecated=None, retires=None, successor=None)


def _facts(entry: Licence | DataPolicy) -> dict[str, Any]:
    """As JSON gives them back, so that a look is equal to the same one that was kept."""
    found = {fact: getattr(entry, fact) for fact in entry.FACTS}
    return {fact: list(value) if isinstance(value, tuple) else value for fact, value in found.items()}
