"""Boxes kept started and waiting, each for its one job."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from assay.errors import SandboxError
from assay.sandbox.box import Box

__all__ = ["Pool"]

_JOIN_S = 30.0
_HEAD_START_S = 0.01


class Pool:
    """Keeps up to `size` boxes ready. Any thread may call it.

    All are started by one thread that lives as long as the pool, because the kernel ends a box when the *thread*
    that started it ends. It waits a moment after a box was taken: a short job is done before its successor starts.
    """

    def __init__(self, start: Callable[[], Box], size: int) -> None:
        self._start, self._size = start, size
        self._boxes: deque[Box] = deque()
        self._changed = threading.Condition()
        self._wanted = True
        self._not_before_s = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._fill, name="assay-sandbox-pool", daemon=True)
        self._thread.start()

    def take(self) -> Box | None:
        """A ready box, which then belongs to the caller; `None` when there is none just now."""
        with self._changed:
            self._wanted = True
            self._not_before_s = time.monotonic() + _HEAD_START_S
            self._changed.notify_all()
            while self._boxes:
                box = self._boxes.popleft()
                if box.is_alive:
                    return box
                box.close()
            return None

    def wait(self, timeout_s: float) -> bool:
        """Wait until all boxes are ready; false if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._boxes) >= self._size, timeout_s)

    def close(self) -> None:
        """End the boxes that wait, and the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:  # the collector may call this in any thread, that one too
            self._thread.join(_JOIN_S)
        self._empty()

    def _empty(self) -> None:
        with self._changed:
            left, self._boxes = self._boxes, deque()
        for box in left:
            box.close()

    def _fill(self) -> None:
        while self._wait_for_work():
            try:
                box = self._start()
            except (SandboxError, OSError):  # whoever runs something will start a box himself and see why
                with self._changed:
                    self._wanted = False
                continue
            with self._changed:
                self._boxes.append(box)
                self._changed.notify_all()
        self._empty()

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._wanted and len(self._boxes) < self._size))
            self._changed.wait_for(lambda: self._closed, self._not_before_s - time.monotonic())
            return not self._closed
