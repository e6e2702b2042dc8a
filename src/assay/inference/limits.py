"""How long one attempt may take: the request's deadline, the deployment's whole time, the wait for a first token."""

from __future__ import annotations

import asyncio

from assay.config.schema import Deployment
from assay.errors import Timeout
from assay.providers.provider import Meter
from assay.types import Begin, Event, Raw

_RESOLUTION_S = 1e-6  # timers may ring early by less than this
_LOOK_S = 0.05  # how often to look whether a local engine has loaded


class Limits:
    """Cuts an attempt in time: `async with limits.around():` around each wait, then `told` for each event.

    Args:
        config: the deployment's limits.
        deadline: of the request, on the event loop's clock; None = never.
        meter: says whether the attempt still waits for an engine to load, which is no waiting for a token.
    """

    def __init__(self, config: Deployment, deadline: float | None, meter: Meter) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._config = config
        self._deadline = deadline
        self._meter = meter
        total_s, first_s = config.total_timeout_s, config.first_token_timeout_s
        self._total_at = self._began + total_s if total_s is not None else None
        self._first_at = self._began + first_s if first_s is not None else None
        self._timer: asyncio.Timeout | None = None  # of the wait that is going on
        self._over = False
        self._looking: asyncio.TimerHandle | None = None
        if self._first_at is not None:
            self._looking = self._loop.call_at(self._first_at, self._look)

    def around(self) -> asyncio.Timeout:
        """The limit on the next wait; a context manager that raises TimeoutError."""
        whens = [when for when in (self._deadline, self._total_at) if when is not None]
        if self._over:
            whens.append(self._began)
        self._timer = asyncio.timeout_at(min(whens, default=None))
        return self._timer

    def told(self, event: Event) -> None:
        """Note an event: the wait for the first token is over when it is a piece of the answer."""
        self._timer = None
        if self._looking is not None and not isinstance(event, Raw | Begin):
            self.close()

    def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = self._first_at = None

    def error(self) -> Timeout:
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
            self._over = True
            if self._timer is not None:
                self._timer.reschedule(now)
