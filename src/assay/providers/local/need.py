"""How much memory an engine will need, from what its file of weights says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from assay.config.schema import Engine as Settings
from assay.envelope.file import facts_of
from assay.envelope.hardware import GIB
from assay.envelope.memory import plan_of
from assay.envelope.runtime import LOCAL


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

    The formula is that of `assay.envelope.memory`, with what the file's header says: what `assay fit` tells of it.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    facts = facts_of(weights)
    memory = plan_of(facts.shape, facts.sizes, LOCAL).memory(settings.context_tokens, settings.slots)
    return Need(
        weights_bytes=memory.weights,
        context_bytes=memory.cache,
        working_bytes=memory.compute + memory.overhead,
        what=f"{settings.slots} slots x {settings.context_tokens} tokens",
    )


def gib(count_bytes: int) -> str:
    """Bytes as GiB with two digits, without the unit."""
    return f"{count_bytes / GIB:.2f}"
