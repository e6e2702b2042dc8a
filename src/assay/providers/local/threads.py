"""How many threads an engine gets."""

from __future__ import annotations

import asyncio
import time

from assay.envelope.surroundings import idle_s, named_threads, processors

LOOK_S = 0.2
LOOKS = 3
"""How long, and how often at most, the processors are watched before an engine starts. What is over within the
first look (our own start, an import, the end of other work) must not cost an engine half its speed for its life."""


async def threads_for(wanted: int | None) -> int:
    """Threads of an engine that starts now.

    `ASSAY_THREADS` wins, then the configuration; else as many as there are processors idle right now, and at least
    one: threads on busy processors wait for each other at every step. The load average is no guide here: it still
    shows, a minute later, work that is long done.

    Raises:
        ConfigError: `ASSAY_THREADS` is not a positive number.
    """
    named = named_threads()
    if named is not None:
        return named
    return wanted if wanted is not None else await _idle_processors()


async def _idle_processors() -> int:
    """The most idle of a few looks, rounded; the first quiet one is enough."""
    numbers = processors()
    most = 1
    for _ in range(LOOKS):
        most = max(most, round(await _idle_share(numbers)))
        if most >= len(numbers):
            break
    return min(most, len(numbers))


async def _idle_share(numbers: tuple[int, ...]) -> float:
    """How many of these processors are idle on average, during one look."""
    began, idle_before_s = time.monotonic(), idle_s(numbers)
    await asyncio.sleep(LOOK_S)
    return (idle_s(numbers) - idle_before_s) / (time.monotonic() - began)
