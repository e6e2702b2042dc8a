"""How much memory an engine will need, from what its file of weights says of itself."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from assay.config.schema import Engine as Settings
from assay.envelope.memory import Plan, plan_of
from assay.envelope.runtime import LOCAL
from assay.envelope.shape import shape_in
from assay.envelope.sizes import sizes_in
from assay.weights.gguf import read_header

GIB = 1 << 30


class Need(NamedTuple):
    """Bytes that an engine needs, by what for; `what` words the context's part."""

    weights_bytes: int
    context_bytes: int
    working_bytes: int
    what: str

    @property
    def total_bytes(self) -> int:
        """All together."""
        return self.weights_bytes + self.context_bytes + self.working_bytes

    def __str__(self) -> str:
        weights, context, working = (gib(part) for part in self[:3])
        return f"{gib(self.total_bytes)} GiB (weights {weights}, context {context} for {self.what}, working {working})"


def need_of(weights: Path, settings: Settings) -> Need:
    """The estimate for a file of weights with these settings; a measurement of the running engine replaces it.

    The formula is that of `assay.envelope.memory`, with what the file's header says.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        stat = weights.stat()
        plan = _plan(weights, stat.st_size, stat.st_mtime_ns)
    except OSError:
        plan = _plan_in(weights)  # its error says what is wrong with the file
    memory = plan.memory(settings.context_tokens, settings.slots)
    return Need(
        weights_bytes=memory.weights,
        context_bytes=memory.cache,
        working_bytes=memory.compute + memory.overhead,
        what=f"{settings.slots} slots x {settings.context_tokens} tokens",
    )


def gib(count_bytes: int) -> str:
    """Bytes as GiB with two digits, without the unit."""
    return f"{count_bytes / GIB:.2f}"


@lru_cache(maxsize=64)
def _plan(weights: Path, _size: int, _mtime_ns: int) -> Plan:
    """Remembered while the file stays as it is: reading a large vocabulary takes half a second."""
    return _plan_in(weights)


def _plan_in(weights: Path) -> Plan:
    header = read_header(weights)
    return plan_of(shape_in(header), sizes_in(header), LOCAL)
