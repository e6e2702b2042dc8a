"""Which engines may be in memory at the same time.

An engine may be loaded when its need fits into the budget, and into what the machine has free. Otherwise idle engines
are unloaded, the longest unused first. Engines that serve, or that requests wait for, are never unloaded: a load that
needs their memory waits. Loads wait in the order in which they came, each for a limited time. Whoever is next and has
waited for `TURN_S` gets its turn: the engines in its way end what they have and take nothing new until it has
loaded, so that a busy engine shuts nobody out, and two that do not fit side by side take turns instead of being
exchanged for every request. A request holds one engine only, so no two wait for each other.

Everything happens on one event loop, between two awaits; there are no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from assay.envelope.hardware import GIB
from assay.envelope.surroundings import available_bytes, memory_bytes
from assay.errors import EngineCrashed, NoMemory
from assay.providers.local.need import Need, gib
from assay.providers.local.places import EngineState, Place, Tenant, Wait, doing, enough, held_bytes, last_use, worded
from assay.providers.provider import Meter

SHARE = 0.5
"""Of the machine's memory, where the configuration names no budget."""

TURN_S = 5.0
"""Long against a load (0.5 to 2 s), short against the patience of whoever waits."""

WATCH_S = 5.0
POLL_S = 0.5

_ADVICE = "raise local.memory_gib or local.load_timeout_s, or ask again when less is running"


class Memory:
    """The memory for local engines and who holds it.

    Args:
        limit_bytes: the budget; default: `SHARE` of the machine's memory.
        wait_s: longest wait for memory.
        available: bytes that the machine has free now.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        limit_bytes: int | None = None,
        *,
        wait_s: float = 120.0,
        available: Callable[[], int] = available_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        total = memory_bytes()
        self.limit_bytes = limit_bytes if limit_bytes is not None else int(total * SHARE)
        self.floor_bytes = min(GIB, total // 16)
        self._wait_s = wait_s
        self._available = available
        self._clock = clock
        self._places: dict[Tenant, Place] = {}
        self._measured: dict[Tenant, int] = {}
        self._waiting: list[Wait] = []
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def hold(self, tenant: Tenant, need: Need, meter: Meter) -> AsyncIterator[None]:
        """Be one of the users of an engine that may be in memory; while there are any, it is not unloaded.

        Args:
            tenant: the engine.
            need: what it needs when it is not running.
            meter: told what is waited for.

        Raises:
            NoMemory: it can never fit, or there was no room for it in time.
            EngineCrashed: it was closed meanwhile.
        """
        place = self._open(tenant)
        if place is None:
            place = await self._wait_for_room(tenant, need, meter)
        else:
            self._use(place)
        try:
            yield
        finally:
            self._leave(place)

    def state_of(self, tenant: Tenant, need_bytes: int | None) -> EngineState:
        """What an engine is doing."""
        place = self._places.get(tenant)
        waits = [wait for wait in self._waiting if wait.tenant is tenant]
        return EngineState(
            engine=tenant.name,
            state=doing(place, waits),
            requests=place.users if place is not None else 0,
            waiting=len(waits),
            waiting_s=round(self._clock() - waits[0].since, 3) if waits else None,
            need_bytes=need_bytes,
            measured_bytes=tenant.measured_bytes,
            limit_bytes=self.limit_bytes,
        )

    async def evict(self, tenant: Tenant) -> None:
        """The engine is being closed: let go of its memory, whoever uses it, and end the waits for it."""
        for wait in self._waiting:
            if wait.tenant is tenant and not wait.granted.done():
                wait.granted.set_exception(EngineCrashed("the local engine was closed"))
        place = self._places.get(tenant)
        if place is not None:
            await asyncio.shield(self._unload(place))

    # ------------------------------------------------------------------------------------------- users

    def _open(self, tenant: Tenant) -> Place | None:
        """The place of an engine that takes requests now."""
        place, head = self._places.get(tenant), self._head()
        if place is None or place.leaving is not None or (head is not None and tenant in head.displaces):
            return None
        return place

    def _head(self) -> Wait | None:
        """Who is next; those who were cancelled and are about to leave do not count."""
        return next((wait for wait in self._waiting if not wait.granted.done()), None)

    def _use(self, place: Place) -> None:
        place.users += 1
        place.used_at = self._clock()
        if place.idle is not None:
            place.idle.cancel()
            place.idle = None

    def _leave(self, place: Place) -> None:
        place.users -= 1
        place.used_at = self._clock()
        measured = place.tenant.measured_bytes
        if measured is not None:
            self._measured[place.tenant] = max(measured, self._measured.get(place.tenant, 0))
        if place.is_idle:
            if measured is None and not place.tenant.is_loading:
                self._unload(place)  # it did not start, or died: its memory is free
            else:
                place.idle = asyncio.get_running_loop().call_later(place.tenant.idle_s, self._unload_idle, place)
        self._settle()

    async def _wait_for_room(self, tenant: Tenant, need: Need, meter: Meter) -> Place:
        need_bytes = self._measured.get(tenant, need.total_bytes)
        if need_bytes > self.limit_bytes:
            measured = f"{gib(need_bytes)} GiB (measured)" if tenant in self._measured else str(need)
            raise NoMemory(
                f"{tenant.name} needs {measured}, and the memory for local engines is {gib(self.limit_bytes)} GiB: "
                f"raise local.memory_gib, or lower the deployment's engine.context_tokens or engine.slots"
            )
        wait = Wait(tenant, need_bytes, self._clock(), asyncio.get_running_loop().create_future())
        self._waiting.append(wait)
        self._settle()
        if not wait.granted.done():
            meter.waiting_for = f"{gib(need_bytes)} GiB of memory to load {tenant.name}: {self._holders()}"
        try:
            async with asyncio.timeout(self._wait_s):
                place = await self._granted(wait)
        except TimeoutError:
            waited_s = self._clock() - wait.since
            raise NoMemory(f"waited {waited_s:.1f} s for {meter.waiting_for}; {_ADVICE}") from None
        finally:
            if wait in self._waiting:
                self._waiting.remove(wait)
                self._settle()
        meter.waiting_for = None
        return place

    async def _granted(self, wait: Wait) -> Place:
        """The place once it is granted; a cancelled wait leaves nothing behind."""
        try:
            return await wait.granted
        except asyncio.CancelledError:
            granted = wait.granted
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._leave(granted.result())
            raise

    # -------------------------------------------------------------------------------------------- room

    def _settle(self) -> None:
        """Whatever has changed: let in who may enter, make room for who is next, free what is too much."""
        self._let_in()
        while (head := self._head()) is not None and head.tenant not in self._places and self._fits(head):
            self._places[head.tenant] = Place(head.tenant, head.need_bytes)
            self._let_in()
        self._relieve()
        self._look_again()

    def _let_in(self) -> None:
        """Grant every wait whose engine takes requests."""
        for wait in list(self._waiting):
            if wait.granted.done():  # cancelled, and about to leave
                continue
            place = self._open(wait.tenant)
            if place is not None:
                self._waiting.remove(wait)
                self._use(place)
                wait.granted.set_result(place)

    def _fits(self, head: Wait) -> bool:
        """Whether the first in line may load now; if not, room is made as far as that is allowed."""
        now = self._clock()
        if head.turn_at is None:
            head.turn_at = now + TURN_S
        lacking = self._lacking(head.need_bytes)
        if lacking <= 0:
            return True
        places = sorted(self._places.values(), key=last_use)
        idle = [place for place in places if place.is_idle]
        busy = [place for place in places if place.users]
        from_leaving = held_bytes(place for place in places if place.leaving is not None)
        is_turn = now >= head.turn_at and from_leaving + held_bytes(idle) + held_bytes(busy) >= lacking
        if is_turn or from_leaving + held_bytes(idle) >= lacking:
            for place in enough(idle, lacking - from_leaving):
                self._unload(place)
        if is_turn and head.displaces.isdisjoint(self._places):  # those of before are gone, and it was not enough
            in_the_way = enough(busy, lacking - from_leaving - held_bytes(idle))
            head.displaces = frozenset(place.tenant for place in in_the_way)
        return False

    def _lacking(self, need_bytes: int) -> int:
        """Bytes that must become free before this much fits into the budget and into the machine."""
        held = held_bytes(self._places.values())
        unseen = sum(place.unseen_bytes for place in self._places.values())
        free = self._available() - self.floor_bytes - unseen
        return need_bytes - min(self.limit_bytes - held, free)

    def _relieve(self) -> None:
        """Unload the longest unused engine while they hold more than the budget, or the machine runs short."""
        if any(place.leaving is not None for place in self._places.values()):
            return  # one at a time: what it frees is seen only afterwards
        idle = [place for place in self._places.values() if place.is_idle]
        if idle and self._lacking(0) > 0:
            self._unload(min(idle, key=last_use))

    def _unload_idle(self, place: Place) -> None:
        if place.is_idle:
            self._unload(place)

    def _unload(self, place: Place) -> asyncio.Task[None]:
        if place.idle is not None:
            place.idle.cancel()
            place.idle = None
        if place.leaving is None:
            place.leaving = asyncio.create_task(self._end(place))
        return place.leaving

    async def _end(self, place: Place) -> None:
        try:
            await place.tenant.unload()
        finally:
            del self._places[place.tenant]
            self._settle()

    def _look_again(self) -> None:
        """Memory that others take or give tells nobody: look now and then, while that can matter."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting or self._places:
            after_s = POLL_S if self._waiting else WATCH_S
            self._timer = asyncio.get_running_loop().call_later(after_s, self._settle)

    def _holders(self) -> str:
        """Who has the memory, for a message."""
        names = ", ".join(worded(place) for place in self._places.values()) or "no local engine"
        return (
            f"{gib(held_bytes(self._places.values()))} of {gib(self.limit_bytes)} GiB are held by {names}; "
            f"the machine has {gib(max(0, self._available()))} GiB free"
        )
