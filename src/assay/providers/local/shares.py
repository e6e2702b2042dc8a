"""Whose CPU seconds were they: the time of one engine process, shared out among the attempts it serves."""

from __future__ import annotations

from collections.abc import Callable


class Share:
    """What one attempt has used so far, in CPU seconds."""

    __slots__ = ("cpu_s",)

    def __init__(self) -> None:
        self.cpu_s = 0.0


class Shares:
    """Distributes the CPU seconds of a process equally among the attempts in flight, from event to event.

    An event is the start or the end of an attempt. The shares of all attempts add up to what the process used
    while it served at least one; what it uses while it serves none (loading, keeping warm) is nobody's.

    Args:
        read_cpu_s: the process's CPU seconds so far; never decreases.
    """

    def __init__(self, read_cpu_s: Callable[[], float]) -> None:
        self._read_cpu_s = read_cpu_s
        self._seen_s = read_cpu_s()
        self._active: set[Share] = set()

    def enter(self) -> Share:
        """An attempt begins."""
        self._distribute()
        share = Share()
        self._active.add(share)
        return share

    def leave(self, share: Share) -> float:
        """An attempt ends; returns its CPU seconds."""
        self._distribute()
        self._active.discard(share)
        return share.cpu_s

    def _distribute(self) -> None:
        now_s = max(self._seen_s, self._read_cpu_s())
        spent_s, self._seen_s = now_s - self._seen_s, now_s
        for share in self._active:
            share.cpu_s += spent_s / len(self._active)
