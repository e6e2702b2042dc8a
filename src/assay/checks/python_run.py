"""How model-written Python is run by a check: the options that such checks share, and the room they ask for."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from assay.checks.check import Options
from assay.sandbox.python import Limits, PythonRoom

__all__ = ["RunOptions"]

MIN_WALL_S = 30.0
"""The least time by the clock that a run may take: a verdict must not depend on what else the machine does."""


class RunOptions(Options, frozen=True):
    """Limits of one run: CPU seconds, MiB of memory, and whether installed packages are importable."""

    time_s: Annotated[float, Meta(gt=0)] = 10.0
    memory_mib: Annotated[int, Meta(ge=64)] = 512
    packages: bool = False

    def room(self) -> PythonRoom:
        """A room with these limits. Code that computes nothing, or on a busy machine, is left more time by the clock.

        Raises:
            SandboxUnavailable: this machine has no walls to run it behind.
        """
        wall_s = max(MIN_WALL_S, 3 * self.time_s)
        limits = Limits(wall_s=wall_s, cpu_s=math.ceil(self.time_s), memory_bytes=self.memory_mib << 20)
        return PythonRoom(limits=limits, packages=self.packages)
