"""Engines in memory and requests that wait for room: what `memory` reckons with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from assay.providers.local.need import gib

State = Literal["unloaded", "waiting", "loading", "running", "unloading"]


class EngineState(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine is doing, for people and monitors.

    Attributes:
        engine: its file of weights, slots and context.
        state: `waiting` is for memory, `running` is loaded, whether it serves or not.
        requests: that hold it, those in line for a slot included.
        waiting: requests that wait for memory to load it.
        waiting_s: how long the first of them has waited.
        need_bytes: the estimate; None = it was not looked at yet.
        measured_bytes: resident memory of the running engine.
        limit_bytes: what all engines may hold together.
    """

    engine: str
    state: State
    requests: int = 0
    waiting: int = 0
    waiting_s: float | None = None
    need_bytes: int | None = None
    measured_bytes: int | None = None
    limit_bytes: int


class Tenant(Protocol):
    """An engine, as far as memory is concerned."""

    name: str
    idle_s: float

    @property
    def is_loading(self) -> bool:
        """Whether a start is under way."""
        ...

    @property
    def measured_bytes(self) -> int | None:
        """Resident memory; None when it is not running."""
        ...

    async def unload(self) -> None:
        """Stop it; it may be loaded again."""
        ...


@dataclass(slots=True, eq=False)
class Place:
    """An engine that may be in memory."""

    tenant: Tenant
    need_bytes: int
    users: int = 0
    used_at: float = 0.0
    idle: asyncio.TimerHandle | None = None
    leaving: asyncio.Task[None] | None = None

    @property
    def held_bytes(self) -> int:
        """Measured where it runs, else what was estimated."""
        measured = self.tenant.measured_bytes
        return self.need_bytes if measured is None else measured

    @property
    def unseen_bytes(self) -> int:
        """What it will still take of the machine."""
        return self.need_bytes if self.tenant.measured_bytes is None else 0

    @property
    def is_idle(self) -> bool:
        """Whether it may be unloaded."""
        return not self.users and self.leaving is None


@dataclass(slots=True, eq=False)
class Wait:
    """A request that waits until its engine may be in memory."""

    tenant: Tenant
    need_bytes: int
    since: float
    granted: asyncio.Future[Place]
    turn_at: float | None = None  # set once it is the first in line
    displaces: frozenset[Tenant] = field(default_factory=frozenset)


def worded(place: Place) -> str:
    """Who it is, what it holds and for whom, for a message."""
    doing = f"{place.users} request{'s' * (place.users > 1)}" if place.users else "idle"
    return f"{place.tenant.name} ({gib(place.held_bytes)} GiB, {doing})"


def held_bytes(places: Iterable[Place]) -> int:
    """What they hold together."""
    return sum(place.held_bytes for place in places)


def last_use(place: Place) -> float:
    """To sort by: the longest unused first."""
    return place.used_at


def enough(places: Iterable[Place], wanted_bytes: int) -> list[Place]:
    """The first of these places that together hold as much as is wanted, or all of them."""
    taken: list[Place] = []
    for place in places:
        if wanted_bytes <= 0:
            break
        taken.append(place)
        wanted_bytes -= place.held_bytes
    return taken


def doing(place: Place | None, waits: list[Wait]) -> State:
    """The state of an engine with this place and these waits."""
    if place is None:
        return "waiting" if waits else "unloaded"
    if place.leaving is not None:
        return "unloading"
    return "running" if place.tenant.measured_bytes is not None else "loading"
