"""What every provider offers: a stream of events for one attempt."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from assay.types import Event, Request


class Attempted(NamedTuple):
    """One attempt as a provider sees it.

    Attributes:
        request: with the deployment's prompt and settings already applied.
        raw: the client's own bytes to be passed through, where dialects are equal and nothing was applied.
        stream: whether to ask the upstream for a stream.
    """

    request: Request
    raw: bytes | None = None
    stream: bool = True


@dataclass(slots=True)
class Meter:
    """What an attempt measured on its way; a provider fills it in while it streams.

    Attributes:
        sent_bytes: bytes of the request body handed to the upstream; 0 = nothing was sent.
        received_bytes: bytes of the answer.
        engine_s: CPU seconds (or GPU seconds) of the local engine that this attempt used.
        request_id: the upstream's id of the request.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    engine_s: float | None = None
    request_id: str | None = None
    started_at: float = field(default_factory=time.monotonic)


class Provider(Protocol):
    """One deployment's way to its model."""

    def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """The answer as events; closing the generator cancels the attempt upstream.

        Raises:
            ProviderError: the attempt failed, before or during the answer.
        """
        ...

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """What a pin freezes beside the config: weights digest, engine version, chat template digest.

        Args:
            fresh: read weights anew instead of trusting a digest remembered by file time.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...
