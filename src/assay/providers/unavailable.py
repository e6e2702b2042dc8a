"""A deployment that cannot be reached from here: it says why when it is called, not when the config is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from assay.errors import AssayError
from assay.providers.provider import Attempted, Meter
from assay.types import Event


class Unavailable:
    """Raises `reason` on every use."""

    def __init__(self, reason: AssayError) -> None:
        self.reason = reason

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        nothing: tuple[Event, ...] = ()
        for event in nothing:
            yield event
        raise self.reason

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """See `Provider.identity`."""
        raise self.reason

    async def close(self) -> None:
        """Nothing is open."""
