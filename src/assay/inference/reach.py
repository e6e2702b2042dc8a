"""Which deployments a target may call."""

from __future__ import annotations

from collections.abc import Iterator

from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.providers.provider import Attempted
from assay.types import Request

__all__ = ["all_local", "any_local", "below", "calls_below"]


def below(spine: Spine, name: str) -> Iterator[LiveDeployment]:
    """Every deployment that a target may call.

    Raises:
        ConfigError: there is no such target.
    """
    target = spine.targets.get(name)
    if isinstance(target, LiveDeployment):
        yield target
        return
    for candidate in spine.route(name).candidates:
        yield from below(spine, candidate)


def calls_below(
    spine: Spine, name: str, request: Request, max_tokens: int | None = None
) -> Iterator[tuple[LiveDeployment, Attempted]]:
    """Every deployment that a target may call, with what it would get of a request that is the client's own.

    Args:
        spine: with the targets.
        name: of the target.
        request: what would be asked.
        max_tokens: longest answer where nobody has named one, as routes around the target say.

    Raises:
        ConfigError: there is no such target, or a file of a prompt cannot be read.
        BadRequest: a prompt cannot be applied to the request.
    """
    target = spine.targets.get(name)
    if isinstance(target, LiveDeployment):
        attempted = target.attempted(request, untouched=True)
        yield target, target.limited(attempted, max_tokens) if max_tokens is not None else attempted
        return
    route = spine.route(name)
    for candidate in route.candidates:
        yield from calls_below(spine, candidate, request, route.max_tokens or max_tokens)


def any_local(spine: Spine, name: str) -> bool:
    """Whether a local engine is among them."""
    return any(one.config.dialect == "local" for one in below(spine, name))


def all_local(spine: Spine, name: str) -> bool:
    """Whether they are local engines alone."""
    return all(one.config.dialect == "local" for one in below(spine, name))
