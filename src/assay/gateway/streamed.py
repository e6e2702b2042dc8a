"""A streamed answer on its way to its client, in the client's dialect."""

from __future__ import annotations

from collections.abc import Callable

from assay.dialects.chunk_encoder import ChunkEncoder, without_role
from assay.dialects.dialect import Encoder
from assay.errors import AssayError
from assay.gateway.visit import Visit
from assay.inference.sink import Later
from assay.inference.trace import Record
from assay.types import Event, Failed, Raw

__all__ = ["Streamed"]


class Streamed:
    """Takes an answer as it comes (`Sink`).

    Nothing is sent before the first piece, so that an error until then has its own status.

    Args:
        encoder: of the client's format.
        visit: whose answer it is.
        begin: sends the head of the answer.

    Attributes:
        begun: so far is it.
    """

    def __init__(self, encoder: Encoder, visit: Visit, begin: Callable[[], None]) -> None:
        self.begun = False
        self._encoder = encoder
        self._visit = visit
        self._cycle = visit.cycle
        self._trace = visit.trace
        self._begin_answer = begin
        self._headed: Record | None = None  # whose head is out: another may answer
        self._caught_up = False
        self._failed = False

    def pass_head(self, data: bytes) -> Later | None:
        """See `Sink.pass_head`. The client gets one head, whoever answers in the end."""
        self._begin()
        if self._headed is not None:
            return None
        self._headed = self._trace.answering
        if isinstance(self._encoder, ChunkEncoder):  # other formats have no heads that go on by themselves
            self._encoder.headed()
        return self._cycle.put(self._encoder.passed(data))

    def pass_on(self, data: bytes) -> Later | None:
        """See `Sink.pass_on`."""
        if not self.begun:
            self._begin()
        data = self._encoder.passed(data)
        if self._headed is not None and self._headed is not self._trace.answering:
            self._headed, data = self._trace.answering, without_role(data)
        return self._cycle.put(data)

    def tell(self, event: Event) -> Later | None:
        """See `Sink.tell`."""
        self._begin()
        if isinstance(event, Raw):
            return self.pass_head(event.data) if event.head else self.pass_on(event.data)
        self._catch_up(event)
        self._failed = self._failed or isinstance(event, Failed)
        if self._passes and not isinstance(event, Failed):  # its bytes have said it
            return None
        return self._cycle.put(self._encoder.encode(event))

    async def close(self) -> None:
        """The answer is complete."""
        if self._failed:
            self._visit.outcome = "failed"
        elif not self._passes:
            await self._cycle.say(self._encoder.close())
        self._cycle.end()

    async def cut(self, error: AssayError) -> None:
        """End an answer that has begun with an error as its last event."""
        failed = Failed(error=type(error).__name__, message=str(error))
        self._catch_up(failed)
        await self._cycle.say(self._encoder.encode(failed))
        self._cycle.end()

    @property
    def _passes(self) -> bool:
        return self._trace.answering is not None and self._trace.answering.passed_through

    def _begin(self) -> None:
        if not self.begun:
            self._begin_answer()
            self.begun = True

    def _catch_up(self, event: Event) -> None:
        """Tell the encoder, when it takes over from bytes, what the client has had: a cut answer goes on, or ends."""
        answering = self._trace.answering
        ending = isinstance(event, Failed)
        passed = answering if ending or answering is None else answering.continues
        if self._caught_up or passed is None or not passed.passed_through:
            return
        self._caught_up = True
        for had in passed.had:
            self._encoder.encode(had)
