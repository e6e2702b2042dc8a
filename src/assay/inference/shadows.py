"""Calls for comparison only: they run beside the traffic, a bounded number of them, and nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from assay.errors import AssayError
from assay.inference.trace import Trace
from assay.types import Event

__all__ = ["Shadows"]

AT_ONCE = 8
LONGEST_S = 300.0

log = logging.getLogger("assay.inference")


class Shadows:
    """The shadows of one spine.

    Attributes:
        skipped: how many were not started because enough of them ran.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._running: set[asyncio.Task[None]] = set()

    def start(self, trace: Trace, open_stream: Callable[[], AsyncGenerator[Event, None]]) -> None:
        """Perform a call in the background; its attempts go into `trace` and the ledger, its answer nowhere."""
        if len(self._running) >= AT_ONCE:
            self.skipped += 1
            return
        task = asyncio.create_task(_perform(trace, open_stream))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def ended(self) -> None:
        """Wait until those that run now have ended."""
        await asyncio.gather(*self._running)

    async def close(self) -> None:
        """Cancel what runs; it is settled when this returns."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _perform(trace: Trace, open_stream: Callable[[], AsyncGenerator[Event, None]]) -> None:
    try:
        async with asyncio.timeout(LONGEST_S), aclosing(open_stream()) as events:
            async for _ in events:
                pass
    except TimeoutError:
        log.info("a shadow of request %s was cut after %g s", trace.request_id, LONGEST_S)
    except AssayError as error:  # the ledger has it
        log.debug("a shadow of request %s failed: %s", trace.request_id, error)
    except Exception:  # nobody else would hear of it
        log.exception("unexpected error in a shadow of request %s", trace.request_id)
    finally:
        await asyncio.gather(*trace.pending, return_exceptions=True)
