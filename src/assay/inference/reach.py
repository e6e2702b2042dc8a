"""Which deployments a target may call."""

from __future__ import annotations

from collections.abc import Iterator

from assay.inference.bounds import Bound, reserve
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.providers.provider import Attempted
from assay.types import Request

__all__ = ["all_local", "any_local", "below", "bounds_below", "calls_below"]


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


def bounds_below(
    spine: Spine, name: str, request: Request, *, max_tokens: int | None = None, budgeted: bool = False
) -> Iterator[Bound]:
    """What each deployment that a target may call would cost at most, as it is held when the request is sent.

    Args:
        spine: with the targets, and the budgets that count: everybody's, and those of the targets on the way.
        name: of the target.
        request: what would be asked, for no key.
        max_tokens: as `calls_below`.
        budgeted: whether a budget of who calls the target pays for it.

    Raises:
        ConfigError, BadRequest: as `calls_below`.
        ConstraintError: a budget pays for a call, and nothing bounds what it may cost.
    """
    budgeted = budgeted or bool(spine.allowance.everything) or bool(spine.allowance.of(name))
    if isinstance(spine.targets.get(name), LiveDeployment):
        for live, attempted in calls_below(spine, name, request, max_tokens):
            yield reserve(live, spine.constraints, attempted, budgeted=budgeted)
        return
    route = spine.route(name)
    for candidate in route.candidates:
        longest = route.max_tokens or max_tokens
        yield from bounds_below(spine, candidate, request, max_tokens=longest, budgeted=budgeted)


def any_local(spine: Spine, name: str) -> bool:
    """Whether a local engine is among them."""
    return any(one.config.dialect == "local" for one in below(spine, name))


def all_local(spine: Spine, name: str) -> bool:
    """Whether they are local engines alone."""
    return all(one.config.dialect == "local" for one in below(spine, name))
