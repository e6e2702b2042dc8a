"""The way in to a deployment: a place among its requests in flight, and its breaker's leave to call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from assay.errors import AssayError, Overloaded, RateLimited, Timeout
from assay.inference.breaker import LEAVE, Pass
from assay.inference.deployment import LiveDeployment
from assay.inference.place import Place

__all__ = ["check_deadline", "enter", "enter_now"]

_PATIENCE_S = 0.25  # between two looks at a breaker


def enter_now(live: LiveDeployment, place: Place) -> Pass | None:
    """Both, where nobody need wait; None = see `enter`. Who has them gives back the place (`gate`) and the leave.

    Raises:
        Timeout: the deadline passed.
    """
    if place.deadline is not None:
        check_deadline(place, "before anything was sent")
    if not live.gate.take():
        return None
    breaker = live.breaker
    leave = breaker.ask(time.monotonic()) if breaker.noted else LEAVE
    if leave is None:
        live.gate.release()
    return leave


async def enter(live: LiveDeployment, place: Place, left_alone: Callable[[AssayError], None]) -> Pass:
    """Wait for both, where `enter_now` gives none.

    Args:
        live: who is to be called.
        place: where the attempt stands.
        left_alone: told why the breaker gives no leave, before that is raised.

    Raises:
        Overloaded, RateLimited: it is left alone at the moment. A run asks all the same, for each of its samples must
            be answered or fail by itself; it only waits where the host asked for a pause.
        Timeout: the deadline passed.
    """
    if not live.gate.locked():
        _check_rest(live, place, left_alone)
    elif place.purpose in ("shadow", "audit"):  # who waits for an answer shall not wait for a comparison
        busy = Overloaded("it has no place to spare")
        busy.resting = True
        raise busy
    place.trace.waits()
    try:
        async with asyncio.timeout_at(place.deadline):
            while True:
                _check_rest(live, place, left_alone)
                await live.gate.acquire()
                leave = _leave(live, place)
                if leave is not None:
                    return leave
                live.gate.release()
                if place.trace.run_id is not None:
                    await asyncio.sleep(_PATIENCE_S)
    except TimeoutError:
        raise _late("the deadline passed while waiting for other requests to this deployment") from None


def check_deadline(place: Place, when: str) -> None:
    """Make sure that there is time left.

    Raises:
        Timeout: there is none.
    """
    deadline = place.deadline
    if deadline is not None and asyncio.get_running_loop().time() >= deadline:
        raise _late(f"the deadline passed {when}")


def _leave(live: LiveDeployment, place: Place) -> Pass | None:
    now = time.monotonic()
    leave = live.breaker.ask(now)
    if leave is None and place.trace.run_id is not None:
        pause = isinstance(live.breaker.rest(now), RateLimited)
        return None if pause else Pass(probe=False)
    return leave


def _check_rest(live: LiveDeployment, place: Place, left_alone: Callable[[AssayError], None]) -> None:
    """Fail at once where the breaker gives no leave.

    Raises:
        Overloaded, RateLimited: see `Breaker.rest`.
    """
    rest = live.breaker.rest(time.monotonic())
    if rest is not None and place.trace.run_id is None:
        left_alone(rest)
        raise rest


def _late(message: str) -> Timeout:
    error = Timeout(message)
    error.of_deadline = True
    return error
