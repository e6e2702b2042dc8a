"""Where a candidate's answers are made, as the configuration says: the two sides of the line between own and rent."""

from __future__ import annotations

from typing import NamedTuple

from assay.config.schema import Config
from assay.report.view import Side


class Place(NamedTuple):
    """One candidate's place. `private` is None where the configuration does not know it any more."""

    side: Side
    words: str
    private: bool | None


UNKNOWN = Place("unknown", "not in the configuration any more", None)


def place_of(config: Config, name: str) -> Place:
    """The place of a deployment or route.

    A host that is declared private counts as the team's own; every other host is rented.
    """
    deployment = config.deployments.get(name)
    if deployment is not None:
        if deployment.runs_here:
            return Place("own", f"{deployment.model}, on this machine", deployment.is_private)
        kind = "private host" if deployment.is_private else "rented host"
        return Place("own" if deployment.is_private else "rent", f"{deployment.model}, {kind}", deployment.is_private)
    route = config.routes.get(name)
    if route is None:
        return UNKNOWN
    inner = [place_of(config, candidate) for candidate in route.candidates]
    sides = {one.side for one in inner}
    private = None if any(one.private is None for one in inner) else all(one.private for one in inner)
    side: Side = "unknown" if "unknown" in sides else inner[0].side if len(sides) == 1 else "both"
    return Place(side, f"{route.policy.get('kind', 'fallback')} over {', '.join(route.candidates)}", private)
