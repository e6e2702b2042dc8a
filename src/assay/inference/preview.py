"""What a request would become on its way to each deployment of a route, without sending anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from assay.errors import AssayError
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.inference.targets import Targets
from assay.privacy.label import at_least
from assay.providers.provider import Wire
from assay.types import Label, Request


class Preview(NamedTuple):
    """One deployment that a route may call.

    Attributes:
        path: its name after those of the routes on the way to it, `support/small`.
        dialect: of its upstream.
        wire: what would be sent; None where nothing would.
        passed_through: the client's own bytes would go on, with the model's name exchanged.
        problem: why nothing would be sent.
    """

    path: str
    dialect: str
    wire: Wire | None = None
    passed_through: bool = False
    problem: str | None = None


def previews(targets: Targets, route: LiveRoute, request: Request, label: Label) -> list[Preview]:
    """A preview for each deployment of a route, in the route's order; its policy decides which are really called."""
    return list(_below(targets, route, request, label, ""))


def _below(targets: Targets, route: LiveRoute, request: Request, label: Label, above: str) -> Iterator[Preview]:
    removed = dict(targets.removed(route, request, label))
    for name in route.candidates:
        target, path = targets.by_name[name], f"{above}{name}"
        if isinstance(target, LiveRoute):
            yield from _below(targets, target, request, at_least(label, target.label), f"{path}/")
        elif name in removed:
            yield Preview(path, target.config.dialect, problem=removed[name])
        else:
            yield _preview(target, request, path)


def _preview(live: LiveDeployment, request: Request, path: str) -> Preview:
    dialect = live.config.dialect
    try:
        attempted = live.attempted(request, untouched=True)
        return Preview(path, dialect, live.provider.preview(attempted), attempted.raw is not None)
    except AssayError as error:
        return Preview(path, dialect, problem=f"{type(error).__name__}: {error}")
