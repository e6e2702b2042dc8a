"""What every provider offers: a stream of events for one attempt."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

import msgspec
from msgspec import field

from assay.types import Event, Native, Request


class Attempted(msgspec.Struct, frozen=True):
    """One attempt as a provider sees it.

    Attributes:
        request: with the deployment's prompt and settings already applied.
        raw: the client's own bytes to be passed through, where dialects are equal and nothing was applied.
        stream: whether to ask the upstream for a stream.
    """

    request: Request
    raw: Native | None = None
    stream: bool = True


class Wire(NamedTuple):
    """A request in the form that its upstream gets. Headers are left out, for one of them is the key."""

    url: str
    body: bytes


class Exchange(msgspec.Struct, kw_only=True):
    """What went over the wire in one attempt, verbatim; kept for a person who asked to see it.

    Attributes:
        sent: None until a request was made.
        received: the answer's body as far as it came.
    """

    sent: Wire | None = None
    received: bytearray = field(default_factory=bytearray)


class Meter(msgspec.Struct, kw_only=True):
    """What an attempt measured on its way; a provider fills it in while it streams.

    Attributes:
        sent_bytes: bytes of the request body handed to the upstream; 0 = nothing was sent.
        received_bytes: bytes of the answer.
        engine_s: CPU seconds (or GPU seconds) of the local engine that this attempt used.
        load_s: seconds that this attempt waited until a local engine had started; None = it was running.
        waiting_for: what this attempt waits for before a local engine can begin; None = nothing.
        request_id: the upstream's id of the request.
        emulated: features that the upstream was not told as the client said them: `dialects.capability`.
        exchange: filled in where somebody wants to see the bytes; None = they are not kept.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    engine_s: float | None = None
    load_s: float | None = None
    waiting_for: str | None = None
    request_id: str | None = None
    emulated: tuple[str, ...] = ()
    exchange: Exchange | None = None
    started_at: float = field(default_factory=time.monotonic)

    def send(self, wire: Wire) -> None:
        """Note the request; `sent_bytes` counts what was really handed over."""
        if self.exchange is not None:
            self.exchange.sent = wire

    def receive(self, data: bytes) -> int:
        """Count, and keep where that is wanted, bytes of the answer; gives how many have come."""
        if self.exchange is not None:
            self.exchange.received += data
        self.received_bytes += len(data)
        return self.received_bytes


class Provider(Protocol):
    """One deployment's way to its model."""

    def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """The answer as events; closing the generator cancels the attempt upstream.

        Raises:
            ProviderError: the attempt failed, before or during the answer.
        """
        ...

    def preview(self, attempt: Attempted) -> Wire:
        """What `stream` would send; nothing is sent.

        Raises:
            RequestError, ProviderError: this upstream cannot be told what the request says.
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
