"""The pace of this machine's processors just now.

A processor whose core is shared with other work, of this machine or of a neighbour on the same host, reckons at half
its pace while it has all of its time: no counter of CPU seconds shows that. A fixed multiplication does.
"""

from __future__ import annotations

import time

__all__ = ["read_pace"]

_FACTOR = 3**40_000
"""Some 8 kB: the multiplication stays in the first cache, and nothing but reckoning counts."""
_TIMES = 20


def read_pace() -> float:
    """Multiplications of two long numbers a CPU second, in some 20 ms."""
    began = time.thread_time()
    for _ in range(_TIMES):
        _FACTOR * _FACTOR
    return _TIMES / max(1e-9, time.thread_time() - began)
