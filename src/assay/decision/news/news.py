"""The news: what I use and how long it lasts, what changed of it, and the new models that I may use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.config.schema import Constraints, Deployment
from assay.decision.news.changes import Change, changes
from assay.decision.news.look import Look
from assay.decision.news.usage import InUse, candidate_of
from assay.envelope.permission import impermissible
from assay.types import Value

__all__ = ["NewModel", "News", "news", "remembered"]


class NewModel(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A model that the last look did not have and that the constraints permit, JSON-able. `None` = not known."""

    model: str
    released: str | None
    licence: str | None
    context_tokens: int | None
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None


class News(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What is new, JSON-able.

    Attributes:
        since: day of the look that it is compared with; `None` = this is the first.
        today: day of this look.
        used: every deployment, those first that ask for action.
        changes: of models that are used, of their licences and of their hosts.
        new_models: those that the constraints permit.
        others: all other changes.
    """

    since: str | None
    today: str
    used: tuple[InUse, ...]
    changes: tuple[Change, ...]
    new_models: tuple[NewModel, ...]
    others: tuple[Change, ...]

    @property
    def needs_action(self) -> bool:
        """Whether somebody must do something about what is used."""
        return any(one.action is not None for one in self.used)

    @property
    def others_by_kind(self) -> dict[str, int]:
        """How many other changes there are of each kind."""
        return dict(sorted(Counter(one.kind for one in self.others).items()))


def news(
    catalog: Catalog,
    before: Look | None,
    after: Look,
    used: Sequence[InUse],
    constraints: Constraints,
    *,
    fits: Callable[[Model], bool] = lambda _: True,
) -> News:
    """What is new between two looks.

    Args:
        catalog: today's.
        before: the last look; `None` = there was none, so nothing is new.
        after: today's.
        used: what the configuration uses.
        constraints: what new models must keep to.
        fits: whether open weights that no host offers can be run here.
    """
    found = changes(before, after) if before is not None else []
    mine = [_of(one, used) for one in found]
    today = date.fromisoformat(after.day)
    new = [catalog.find(one.subject) for one in found if one.kind == "new model"]
    return News(
        since=before.day if before is not None else None,
        today=after.day,
        used=_marked(used, mine),
        changes=tuple(one for one in mine if one.used_by),
        new_models=tuple(_new(model, after) for model in new if _may_be_used(model, catalog, constraints, today, fits)),
        others=tuple(one for one in mine if not one.used_by),
    )


def remembered(before: Look | None, after: Look, used: Iterable[InUse]) -> Look:
    """The look to be kept: with what is used and left the catalogue, so that it is told until it is used no longer."""
    if before is None:
        return after
    wanted = {one.model.lower() for one in used}
    kept = {name: seen for name, seen in before.models.items() if name not in after.models and name.lower() in wanted}
    return msgspec.structs.replace(after, models={**kept, **after.models})


def _marked(used: Iterable[InUse], found: Iterable[Change]) -> tuple[InUse, ...]:
    """What is used, with an action where the model is gone; those first that ask for action."""
    gone = {name for one in found if one.kind == "gone" for name in one.used_by}
    why = "left the catalogue, nothing tells its price or end; use another, or describe it in a catalog_files file"
    marked = [
        msgspec.structs.replace(one, action=why) if one.deployment in gone and one.action is None else one
        for one in used
    ]
    return tuple(sorted(marked, key=lambda one: one.action is None))


def _of(change: Change, used: Iterable[InUse]) -> Change:
    """The change with the deployments that it concerns."""
    facts = {"terms": "licence", "data policy": "host"}
    fact = facts.get(change.kind, "model")
    names = (one.deployment for one in used if str(getattr(one, fact) or "").lower() == change.subject.lower())
    return msgspec.structs.replace(change, used_by=tuple(names))


def _may_be_used(
    model: Model, catalog: Catalog, constraints: Constraints, today: date, fits: Callable[[Model], bool]
) -> bool:
    """At one of its hosts, or on a device of one's own."""
    hosts = {offer.host: catalog.host(offer.host) for offer in model.hosts}
    ways = [
        Deployment(model=model.id, host=key, base_url=host.base_url or "", dialect=host.dialect)
        for key, host in hosts.items()
    ]
    if model.ecosystem == "open-weight" and fits(model):
        ways.append(Deployment(model=model.id, dialect="local"))
    candidates = (candidate_of(model.id, way, model, catalog, today) for way in ways)
    return any(impermissible(one, constraints, today) is None for one in candidates)


def _new(model: Model, after: Look) -> NewModel:
    seen = after.models[model.id]
    return NewModel(
        model=model.id,
        released=model.released,
        licence=model.licence,
        context_tokens=model.context_tokens,
        input_usd_per_mtok=seen.input_usd_per_mtok,
        output_usd_per_mtok=seen.output_usd_per_mtok,
    )
