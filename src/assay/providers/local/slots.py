"""Who gets which slot of an engine, and when.

A slot keeps the state of the last prompt it worked on, and a prompt that begins alike costs only its rest. On a CPU
reading a prompt is most of the work (few-shot prompts: 400 tokens in, 10 out), so requests are steered to the slot
that knows their beginning. When that slot is busy, a request waits for it as long as reading its beginning once
more in another slot would take, then takes what is free (the ski-rental rule: at worst twice the better choice).

With `parallel` below the number of slots, fewer requests run than there are slots: the others only remember. With
one at a time each kind of work keeps its beginning in a slot of its own, and no answer depends on what else runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

READ_BYTES_PER_S = 400.0
"""Bytes of prompt that are read in a second: 100 tokens/s of 4 bytes, as measured on one core for 135 M weights."""

WORTH_WAITING_BYTES = 256
"""A shared beginning below this is not worth a wait."""

PASSES = 16
"""A request that was overtaken this often is next."""

_LOOK_AHEAD = 64
_COMPARE_BYTES = 256


@dataclass(slots=True)
class _Slot:
    number: int
    prompt: bytes = b""
    busy: bool = False
    used_at: float = 0.0


@dataclass(slots=True, eq=False)
class _Waiter:
    prompt: bytes
    since: float
    granted: asyncio.Future[int]
    passed: int = 0


class _Match(NamedTuple):
    shared: int
    waiter: _Waiter
    slot: _Slot


class Slots:
    """The slots of one engine process and the requests that wait for one.

    Args:
        count: how many slots there are.
        clock: seconds that only grow.
        parallel: requests that may run at the same time; default: as many as there are slots.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic, *, parallel: int | None = None) -> None:
        self._slots = [_Slot(number) for number in range(count)]
        self._parallel = count if parallel is None else parallel
        self._waiting: list[_Waiter] = []
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    async def take(self, prompt: bytes) -> int:
        """Wait for a slot; returns its number. A cancelled wait leaves nothing behind."""
        waiter = _Waiter(prompt, self._clock(), asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._assign()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self.give(waiter.granted.result(), known=False)
            else:
                self._waiting.remove(waiter)
            raise

    def give(self, number: int, *, known: bool = True) -> None:
        """Give a slot back; `known` = false when it did not work on the prompt it was taken for."""
        slot = self._slots[number]
        slot.busy = False
        slot.used_at = self._clock()
        if not known:
            slot.prompt = b""
        self._assign()

    def forget(self) -> None:
        """The process was replaced: no slot knows anything any more."""
        for slot in self._slots:
            slot.prompt = b""

    def _free(self) -> list[_Slot]:
        """The slots that a request may take now."""
        free = [slot for slot in self._slots if not slot.busy]
        return free if len(self._slots) - len(free) < self._parallel else []

    def _assign(self) -> None:
        while (match := self._best()) is not None:
            place = self._waiting.index(match.waiter)
            for overtaken in self._waiting[:place]:
                overtaken.passed += 1
            del self._waiting[place]
            match.slot.busy = True
            match.slot.prompt = match.waiter.prompt
            match.waiter.granted.set_result(match.slot.number)
        self._look_again()

    def _best(self) -> _Match | None:
        """The waiting request and free slot that share most; the older request wins a tie."""
        free = sorted(self._free(), key=lambda slot: slot.used_at)
        best: _Match | None = None
        for waiter in self._waiting[:_LOOK_AHEAD] if free else ():
            if waiter.granted.done():  # cancelled, and about to leave
                continue
            match = max((_Match(_kept(waiter.prompt, slot.prompt), waiter, slot) for slot in free), key=_by_shared)
            if self._patience_s(waiter, match.shared) > 0:
                continue
            if waiter.passed >= PASSES:
                return match
            if best is None or match.shared > best.shared:
                best = match
        return best

    def _patience_s(self, waiter: _Waiter, free_shares: int) -> float:
        """How much longer this request would rather wait for a busy slot than take a free one."""
        busy_shares = max((_kept(waiter.prompt, slot.prompt) for slot in self._slots if slot.busy), default=0)
        gain = busy_shares - free_shares
        if gain < WORTH_WAITING_BYTES:
            return 0.0
        return waiter.since + gain / READ_BYTES_PER_S - self._clock()

    def _look_again(self) -> None:
        """Wake when the first patient request has waited long enough."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        free = self._free()
        if not free or not self._waiting:
            return
        waits = (
            self._patience_s(waiter, max(_kept(waiter.prompt, slot.prompt) for slot in free))
            for waiter in self._waiting[:_LOOK_AHEAD]
        )
        self._timer = asyncio.get_running_loop().call_later(max(0.001, min(waits)), self._assign)


def _by_shared(match: _Match) -> int:
    return match.shared


def _kept(prompt: bytes, known: bytes) -> int:
    """What a slot's knowledge is worth to a prompt: nothing if more than half of it would be lost to others."""
    shared = _shared(prompt, known)
    return shared if 2 * shared >= len(known) else 0


def _shared(one: bytes, other: bytes) -> int:
    """Length of the common beginning."""
    end = min(len(one), len(other))
    at = 0
    while at < end and one[at : at + _COMPARE_BYTES] == other[at : at + _COMPARE_BYTES]:
        at += _COMPARE_BYTES
    while at < end and one[at] == other[at]:
        at += 1
    return min(at, end)
