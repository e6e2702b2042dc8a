"""How long one attempt may take: the request's deadline, the deployment's whole time, the wait for a first token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar, cast

from assay.config.schema import Deployment
from assay.errors import Timeout
from assay.providers.provider import Meter
from assay.providers.transport import Later
from assay.types import Begin, Event, Raw

_RESOLUTION_S = 1e-6  # timers may ring early by less than this
_LOOK_S = 0.05  # how often to look whether a local engine has loaded

_Came = TypeVar("_Came")


class Limits:
    """Cuts an attempt in time: `within` around each wait, then `told` for each event.

    Timers are set once and not for each wait: when one rings, the wait that goes on is cut, or else the next one.
    `within` raises the `Timeout` of the limit that was reached.

    Args:
        config: the deployment's limits.
        deadline: of the request, on the event loop's clock; None = never.
        meter: says whether the attempt still waits for an engine to load, which is no waiting for a token.
    """

    __slots__ = (
        "_began", "_config", "_cutting", "_deadline", "_first_at", "_looking", "_loop", "_meter", "_over", "_timer",
        "_total_at", "_waits",
    )  # fmt: skip

    def __init__(self, config: Deployment, deadline: float | None, meter: Meter) -> None:
        loop = self._loop = asyncio.get_running_loop()
        began = self._began = loop.time()
        self._config = config
        self._deadline = deadline
        self._meter = meter
        total_s, first_s = config.total_timeout_s, config.first_token_timeout_s
        self._total_at = began + total_s if total_s is not None else None
        self._first_at = began + first_s if first_s is not None else None
        self._waits: asyncio.Task[Any] | None = None  # the task whose wait goes on
        self._over = False
        self._cutting = False
        end = self._total_at
        if deadline is not None and (end is None or deadline < end):
            end = deadline
        self._timer = loop.call_at(end, self._cut) if end is not None else None
        self._looking = loop.call_at(self._first_at, self._look) if self._first_at is not None else None

    def within(self, wait: Awaitable[_Came]) -> Awaitable[_Came]:
        """A wait that is cut; the same one where nothing limits it."""
        return wait if self._timer is None and self._looking is None else self._within(wait)

    async def _within(self, wait: Awaitable[_Came]) -> _Came:
        task = self._waits = cast("asyncio.Task[Any]", asyncio.current_task())
        asked = task.cancelling()  # so often have others asked it to end
        if self._over:  # what has come already is still to be had
            self._loop.call_soon(self._cut)
        try:
            return await wait
        except asyncio.CancelledError:
            if self._cutting and task.cancelling() - 1 <= asked:
                raise self._error() from None
            raise
        finally:
            self._waits = None
            if self._cutting:
                self._cutting = False
                task.uncancel()

    def aside(self, late: Later) -> Later:
        """From now on, until this is done, nothing is cut: a client that is slow says nothing of the host."""
        waits, self._waits = self._waits, None
        return partial(self._aside, late, waits)

    async def _aside(self, late: Later, waits: asyncio.Task[Any] | None) -> None:
        try:
            await late()
        finally:
            self._waits = waits
            if self._over:  # what has come already is still to be had
                self._loop.call_soon(self._cut)

    def told(self, event: Event) -> None:
        """Note an event: the wait for the first token is over when it is a piece of the answer."""
        if self._looking is not None and not isinstance(event, Raw | Begin):
            self._look_away()

    def begun(self) -> None:
        """Note that the answer has begun."""
        if self._looking is not None:
            self._look_away()

    def close(self) -> None:
        """Stop both timers."""
        if self._looking is not None:
            self._look_away()
        if self._timer is not None:
            self._timer.cancel()

    def _look_away(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = self._first_at = None

    def _cut(self) -> None:
        """A limit is reached: end the wait that goes on."""
        self._over = True
        if self._waits is not None and not self._cutting:
            self._cutting = True
            self._waits.cancel()

    def _error(self) -> Timeout:
        """What to raise for the limit that was reached."""
        now = self._loop.time() + _RESOLUTION_S
        if self._deadline is not None and now >= self._deadline:
            waiting = f" while it waited for {self._meter.waiting_for}" if self._meter.waiting_for else ""
            error = Timeout(f"the deadline cut this attempt after {now - self._began:.2f} s{waiting}")
            error.of_deadline = True
            return error
        if self._total_at is not None and now >= self._total_at:
            return Timeout(f"no whole answer within {self._config.total_timeout_s:g} s (total_timeout_s)")
        error = Timeout(f"no first token within {self._config.first_token_timeout_s:g} s (first_token_timeout_s)")
        error.retryable = True
        return error

    def _look(self) -> None:
        """The time for the first token is over, unless an engine is still loading: then it begins anew."""
        now = self._loop.time()
        if self._meter.waiting_for is not None:
            self._first_at = now + (self._config.first_token_timeout_s or 0.0)
            self._looking = self._loop.call_at(now + _LOOK_S, self._look)
        elif self._first_at is not None and now < self._first_at:
            self._looking = self._loop.call_at(self._first_at, self._look)
        else:
            self._cut()


class _Unlimited(Limits):
    """Cuts nothing, as mostly."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def within(self, wait: Awaitable[_Came]) -> Awaitable[_Came]:
        """The wait."""
        return wait

    def aside(self, late: Later) -> Later:
        """The same."""
        return late

    def told(self, event: Event) -> None:
        """Nobody waits for it."""

    def begun(self) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """There is no timer."""


UNLIMITED = _Unlimited()
"""Of every attempt that has no deadline, at a deployment without limits (`LiveDeployment.is_timed`)."""
