"""The circuit breaker of one deployment: a host that fails again and again is left alone for a while.

    closed ──`failures` faults in a row within `window_s`──> open ──`open_s` later──> half-open
       ^                                                      ^                          │ one call tries
       └───────────────────── it succeeds ────────────────────┼──────────────────────────┤
                                                              └─────── it fails ─────────┘

A host that asks for a pause (429 or 503 with retry-after) gets it, and is then called as before. Only faults that
speak of the host count: never a client's mistake, our own deadline, or a client that left. Pure: the time is told.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from assay.config.schema import Breaker as Limits
from assay.errors import (
    AssayError,
    ConnectionFailed,
    EngineCrashed,
    MalformedReply,
    Overloaded,
    ProviderError,
    ProviderFault,
    RateLimited,
    Timeout,
)
from assay.routing.protocol import Health

__all__ = ["LEAVE", "WELL", "Breaker", "Pass", "speaks_of_host"]

WELL = Health("closed")
"""Nothing is noted against it."""

LONGEST_PAUSE_S = 300.0
"""A host that asks for a longer pause is tried again after this one."""

PROBE_S = 1.0
"""What is told while one call tries."""

_FAULTS = (ConnectionFailed, Overloaded, ProviderFault, MalformedReply, EngineCrashed, RateLimited)


class Pass(NamedTuple):
    """Leave to call; `left` gives it back. `probe`: it is the one call of a half-open state."""

    probe: bool


LEAVE = Pass(probe=False)
"""For a call of a host that nothing is noted against."""


def speaks_of_host(error: AssayError) -> bool:
    """Whether a failure says that the host is not well."""
    if isinstance(error, Timeout):
        return not error.of_deadline
    return isinstance(error, _FAULTS) and error.retryable


class Breaker:
    """Counts what came of the calls of one deployment. Times are seconds on one clock that only grows.

    Attributes:
        noted: something may be held against the host. While nothing is, `health` is `WELL`, `ask` gives `LEAVE`, and
            neither a success nor an end changes anything: nobody need call them.
    """

    def __init__(self, limits: Limits) -> None:
        self.noted = False
        self._limits = limits
        self._faults: tuple[float, ...] = ()  # in a row
        self._reason = ""
        self._open_until: float | None = None
        self._paused_until = 0.0
        self._probing = False

    def health(self, now: float) -> Health:
        """How it stands."""
        if not self._faults and self._open_until is None and now >= self._paused_until:
            self.noted = False  # a pause is over
            return WELL
        wait_s = self._wait_s(now)
        if wait_s > 0:
            return Health("open", len(self._faults), self._reason, wait_s)
        state: Literal["closed", "half-open"] = "half-open" if self._open_until is not None else "closed"
        return Health(state, len(self._faults), self._reason)

    def rest(self, now: float) -> ProviderError | None:
        """Why it is not called now; None = it is.

        `RateLimited` where its host only asked for a pause, which may be waited for; else `Overloaded`.
        """
        if self._open_until is None and now >= self._paused_until:
            return None
        wait_s = self._wait_s(now)
        if wait_s <= 0 and not self._probing:
            return None
        error: ProviderError
        if self._open_until is None:
            error = RateLimited(
                f"its host asked for a pause, for {wait_s:.1f} s more", retry_after_s=wait_s, status=429
            )
        else:
            wait_s = wait_s if wait_s > 0 else PROBE_S
            error = Overloaded(
                f"left alone for {wait_s:.1f} s: {len(self._faults)} in a row failed, the last with {self._reason}",
                retry_after_s=wait_s,
            )
            error.retryable = False
        error.resting = True
        return error

    def ask(self, now: float) -> Pass | None:
        """Leave for one call; None = not now."""
        if self._open_until is None:
            return LEAVE if now >= self._paused_until else None
        if self._wait_s(now) > 0:
            return None
        if self._probing:
            return None
        self._probing = True
        return Pass(probe=True)

    def succeeded(self) -> None:
        """A call was answered: whoever sent it, and whenever, the host is well."""
        self._faults, self._reason, self._open_until, self._probing = (), "", None, False

    def failed(self, leave: Pass, error: AssayError, now: float) -> None:
        """A call failed. What does not speak of the host does not count."""
        if not speaks_of_host(error):
            if isinstance(error, ProviderError) and error.status is not None:
                self.succeeded()  # it answered, if only that the client is wrong
            return
        self.noted = True
        if self._open_until is None or leave.probe:
            recent = tuple(at for at in self._faults if now - at < self._limits.window_s)
            self._faults, self._reason = (*recent, now), _brief(error)
        asked_s = error.retry_after_s if isinstance(error, ProviderError) else None
        if asked_s is not None and isinstance(error, RateLimited | Overloaded):
            self._paused_until = max(self._paused_until, now + min(asked_s, LONGEST_PAUSE_S))
        if leave.probe or (self._open_until is None and len(self._faults) >= self._limits.failures):
            self._open_until = now + self._limits.open_s

    def left(self, leave: Pass) -> None:
        """A call has ended, in whatever way."""
        if leave.probe:
            self._probing = False

    def _wait_s(self, now: float) -> float:
        return max(self._open_until or 0.0, self._paused_until) - now


def _brief(error: AssayError) -> str:
    """Without the host's words, which may be meant for one client only."""
    status = error.status if isinstance(error, ProviderError) else None
    return f"{type(error).__name__} ({status})" if status is not None else type(error).__name__
