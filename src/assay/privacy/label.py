"""The effective label of a request: the strictest that the client, the route or key, and the kind declare.

`public` and `private-only` are declarations; `unlabelled` on the request only says that the client declared nothing,
so a route or kind may still declare its data public. A route or kind that is itself configured as `unlabelled`
is stricter than `public`, and a request cannot talk it down. Nothing lowers `private-only`.
"""

from __future__ import annotations

import msgspec

from assay.types import Label, Request

__all__ = ["at_least", "effective_label", "labelled"]


def effective_label(request: Request, route_label: str | None = None, kind_label: str | None = None) -> Label:
    """Where the data of this request may go.

    Args:
        request: its own label counts as declared unless it is `unlabelled`.
        route_label: what the route or the client's key declares; `None` = nothing.
        kind_label: what the kind declares; `None` = nothing.

    Returns:
        The strictest declared label (public < unlabelled < private-only); `unlabelled` where nothing is declared,
        `private-only` where a label is not one that is known.
    """
    own = None if request.label == Label.UNLABELLED else request.label
    if own is None and route_label is None and kind_label is None:
        return Label.UNLABELLED
    return max(
        [_parse(label) for label in (own, route_label, kind_label) if label is not None], key=_STRICTNESS.__getitem__
    )


def at_least(label: Label, floor: str | None) -> Label:
    """An effective label raised to what a nested route declares (`None` = nothing); never lowered.

    A label or floor that is not one that is known counts as `private-only`.
    """
    known = _parse(label)
    return known if floor is None else max(known, _parse(floor), key=_STRICTNESS.__getitem__)


def labelled(request: Request, label: Label) -> Request:
    """The request with its effective label."""
    return request if request.label is label else msgspec.structs.replace(request, label=label)


_STRICTNESS = {Label.PUBLIC: 0, Label.UNLABELLED: 1, Label.PRIVATE_ONLY: 2}


def _parse(label: str) -> Label:
    """Fail closed: a label that nobody knows is the strictest."""
    try:
        return Label(label)
    except ValueError:
        return Label.PRIVATE_ONLY
