"""Calls for comparison only: they run beside the traffic, a bounded number of them, and nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

from assay.errors import AssayError
from assay.inference.pair import Pair
from assay.inference.trace import Trace
from assay.numerals import plural

__all__ = ["Shadows"]

AT_ONCE = 8
LONGEST_S = 300.0
_GRACE_S = 1.0
_MOST_WAITING = 256
"""Pairs whose comparison has not ended: each holds two answers. Of as many more it is recorded that they are not
compared; beyond these they are only counted."""

log = logging.getLogger("assay.inference")


class Shadows:
    """What one spine asks beside the traffic.

    Attributes:
        asks: whether anybody is asked. Who ends with the answer, as a call at the command line does, says no: it would
            cut what it has begun, and pay for it.
        comparer: compares two answers and records what came of it; None = nothing is compared.
        left_out: how many calls were not made: there was no place (`busy`), no money (`budget`), or nobody may be sent
            the request (`barred`). `uncompared`: how many were made, and not compared, for too many others waited.
    """

    def __init__(self) -> None:
        self.asks = True
        self.comparer: Callable[[Pair], Awaitable[None]] | None = None
        self.left_out: Counter[Literal["busy", "budget", "barred", "uncompared"]] = Counter()
        self._asking: set[asyncio.Task[None]] = set()
        self._comparing: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)  # a judge may have clients of its own, who shall not stand in line

    @property
    def skipped(self) -> int:
        """How many were not started because there was no place for them."""
        return self.left_out["busy"]

    def start(self, trace: Trace, perform: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Perform a call in the background; its attempts go into `trace` and the ledger. False = too many run."""
        if len(self._asking) >= AT_ONCE:
            return False
        self._keep(self._asking, _guarded(trace.request_id, perform, trace))
        return True

    def compare(self, pair: Pair | None) -> None:
        """Have two answers compared in the background, where there are two and somebody compares."""
        comparer = self.comparer
        if pair is None or comparer is None:
            return
        if len(self._comparing) >= _MOST_WAITING:
            self._leave(pair, comparer)
            return

        async def perform() -> None:
            await comparer(pair)

        async def in_turn() -> None:
            async with self._places:
                await _guarded(pair.request_id, perform)

        self._keep(self._comparing, in_turn())

    def _leave(self, pair: Pair, comparer: Callable[[Pair], Awaitable[None]]) -> None:
        """Let go of two answers that nobody comes to compare. The other one is paid, so that it stays on record."""
        self.left_out["uncompared"] += 1
        if (count := self.left_out["uncompared"]).bit_count() == 1:  # now and then: 1, 2, 4 ...
            log.warning("%d pairs of answers were not compared: %d others wait; audit less", count, _MOST_WAITING)
        if len(self._comparing) < 2 * _MOST_WAITING:
            left = pair._replace(
                own=pair.own._replace(response=None), other=pair.other._replace(response=None),
                outcome="uncompared" if pair.outcome == "answered" else pair.outcome,
                why=pair.why or f"crowded: {plural(_MOST_WAITING, 'other pair')} waited to be compared",
            )  # fmt: skip
            self._keep(self._comparing, _guarded(pair.request_id, lambda: _awaited(comparer(left))))

    async def ended(self) -> None:
        """Wait until those that run now, and what they are compared for, have ended."""
        while running := (*self._asking, *self._comparing):
            await asyncio.gather(*running)

    async def close(self) -> None:
        """Cancel what is asked; it is settled when this returns. Two answers that are here are compared if quick."""
        await _cancelled(self._asking)
        if self._comparing:
            await asyncio.wait(self._comparing, timeout=_GRACE_S)
        await _cancelled(self._comparing)

    @staticmethod
    def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _cancelled(running: set[asyncio.Task[None]]) -> None:
    tasks = tuple(running)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _guarded(
    request_id: str, perform: Callable[[], Coroutine[Any, Any, None]], trace: Trace | None = None
) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            await perform()
    except TimeoutError:
        log.info("a shadow of request %s was cut after %g s", request_id, LONGEST_S)
    except AssayError as error:  # the ledger has it
        log.debug("a shadow of request %s failed: %s", request_id, error)
    except Exception:  # nobody else would hear of it
        log.exception("unexpected error in a shadow of request %s", request_id)
    finally:
        if trace is not None:
            await asyncio.gather(*trace.pending, return_exceptions=True)
