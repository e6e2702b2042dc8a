"""A deployment that cannot be reached from here: it says why when it is called, not when the config is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from copy import copy

from assay.errors import AssayError
from assay.providers.provider import Attempted, Meter, Wire
from assay.types import Event


class Unavailable:
    """Raises a copy of `reason` on every use: an error that is raised again and again gathers traces and notes."""

    def __init__(self, reason: AssayError) -> None:
        self.reason = reason

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        nothing: tuple[Event, ...] = ()
        for event in nothing:
            yield event
        raise copy(self.reason)

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`."""
        raise copy(self.reason)

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """See `Provider.identity`."""
        raise copy(self.reason)

    async def close(self) -> None:
        """Nothing is open."""
