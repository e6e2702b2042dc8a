"""Doing many things at once, but not too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from assay.errors import AssayError

__all__ = ["side_by_side"]

T = TypeVar("T")
R = TypeVar("R")


async def side_by_side(work: Callable[[T], Awaitable[R]], items: Sequence[T], at_once: int) -> list[R]:
    """The results of some work on each item, in their order.

    Raises:
        AssayError: the first one that the work raises; what was in flight is cancelled.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for place, item in waiting:
            results[place] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(worker())
    except* AssayError as problems:
        raise _first(problems) from None
    return [results[place] for place in range(len(items))]


def _first(problems: BaseExceptionGroup[AssayError]) -> AssayError:
    error: BaseException = problems
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, AssayError)  # noqa: S101 - `except* AssayError` holds nothing else
    return error
