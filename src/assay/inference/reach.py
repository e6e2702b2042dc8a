"""Which deployments a target may call."""

from __future__ import annotations

from collections.abc import Iterator

from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine

__all__ = ["all_local", "any_local", "below"]


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


def any_local(spine: Spine, name: str) -> bool:
    """Whether a local engine is among them."""
    return any(one.config.dialect == "local" for one in below(spine, name))


def all_local(spine: Spine, name: str) -> bool:
    """Whether they are local engines alone."""
    return all(one.config.dialect == "local" for one in below(spine, name))
