"""How model-written Python is run by a check: the options that such checks share, and the room they ask for."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from assay.checks.check import Options
from assay.sandbox.python import Limits, PythonRoom

__all__ = ["RunOptions"]


class RunOptions(Options, frozen=True):
    """Limits of one run: CPU seconds, MiB of memory, and whether installed packages are importable."""

    time_s: Annotated[float, Meta(gt=0)] = 4.0
    memory_mib: Annotated[int, Meta(ge=64)] = 512
    packages: bool = False

    def room(self) -> PythonRoom:
        """A room with these limits. By the clock a run may take three times its CPU time: the machine may be busy.

        Raises:
            SandboxUnavailable: this machine has no walls to run it behind.
        """
        limits = Limits(wall_s=3 * self.time_s + 1, cpu_s=math.ceil(self.time_s), memory_bytes=self.memory_mib << 20)
        return PythonRoom(limits=limits, packages=self.packages)
