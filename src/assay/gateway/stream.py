"""One client's call whose answer is streamed: it goes on to the client, in the client's dialect, as it comes."""

from __future__ import annotations

import logging

from assay.dialects.chunk_encoder import ChunkEncoder, without_role
from assay.dialects.dialect import Encoder
from assay.errors import AssayError, LedgerError
from assay.gateway.call import Call
from assay.inference.sink import Later, Take
from assay.inference.trace import Record
from assay.types import Event, Failed, Raw

__all__ = ["Stream"]

log = logging.getLogger("assay.gateway")


def _before_the_head(_data: bytes) -> None:
    raise RuntimeError("a stream goes on that has not begun")


class Stream(Call):
    """Serves one request with a stream; the spine gives it what comes (`Sink`).

    Nothing is sent before the first piece, so that an error until then has its own status.
    """

    pass_more: Take = _before_the_head
    _encoder: Encoder | None = None
    _begun: bool = False
    _headed: Record | None = None  # whose head is out: another may answer
    _caught_up: bool = False
    _failed: Failed | None = None

    async def serve(self) -> None:
        """Answer the client. Once the status is out, a mistake of ours can only be told as the stream's last event.

        Raises:
            AssayError: there is no answer, and nothing has been sent.
        """
        request, trace = self.request, self.visit.trace
        encoder = self._encoder = self.dialect.encoder(request)
        try:
            await self.spine.stream(self, request, request.model, trace, self.options)
            if self._failed is not None:
                self._note(self._failed)
            await self._end(b"" if self._failed is not None or self._passes else encoder.close())
        except AssayError as error:  # the end of its answer cannot be recorded, say
            if not self._begun:
                raise
            self.visit.failed(error)
            log.error("request %s: %s", trace.request_id, error)
            await self.cut(error)
        except Exception:
            if not self._begun:
                raise
            log.exception("unexpected error inside the stream of request %s", trace.request_id)
            self.visit.outcome = "broken"
            await self.cut(AssayError("internal error; the gateway's log has more"))

    async def cut(self, error: AssayError) -> None:
        """See `Call.cut`."""
        if self._encoder is None or not self._begun:
            raise error
        if self.visit.cycle.complete:
            return
        failed = Failed(error=type(error).__name__, message=str(error))
        self._catch_up(self._encoder, failed)
        await self._end(self._encoder.encode(failed))

    # ------------------------------------------------------------------------------- as `Sink` says

    def pass_head(self, data: bytes) -> Later | None:
        """See `Sink.pass_head`. The client gets one head, whoever answers in the end."""
        encoder, answering = self._writer(), self.visit.trace.answering
        if self._headed is not None and self._headed is not answering:
            return None
        self._headed = answering  # who may say it in several events
        if isinstance(encoder, ChunkEncoder):  # other formats have no heads that go on by themselves
            encoder.headed()
        return self.visit.cycle.put(data)

    def pass_on(self, data: bytes) -> Later | None:
        """See `Sink.pass_on`."""
        encoder = self._writer()
        data = encoder.passed(data)
        if self._headed is not None and self._headed is not self.visit.trace.answering:
            self._headed, data = self.visit.trace.answering, without_role(data)
        return self.visit.cycle.put(data)

    def tell(self, event: Event) -> Later | None:
        """See `Sink.tell`."""
        if isinstance(event, Raw):
            return self.pass_head(event.data) if event.head else self.pass_on(event.data)
        encoder = self._writer()
        self._catch_up(encoder, event)
        if isinstance(event, Failed):
            self._failed = event
        if self._passes and not isinstance(event, Failed):  # its bytes have said it
            return None
        return self.visit.cycle.put(encoder.encode(event))

    # -------------------------------------------------------------------------------------- state

    def _note(self, failed: Failed) -> None:
        """Note what has ended the stream; of what the client is not told, the log has the words."""
        if failed.error == LedgerError.__name__:
            self.visit.outcome = "broken"
            log.error("request %s: %s", self.visit.trace.request_id, failed.message)
        else:
            self.visit.outcome = "failed"

    def _writer(self) -> Encoder:
        """What writes the answer, whose head is out from now on."""
        encoder = self._encoder
        assert encoder is not None  # noqa: S101 - `serve` has made it
        if not self._begun:
            self._begun = True
            head = self.head(encoder.content_type, complete=False)
            self.visit.cycle.begin(200, head + b"cache-control: no-cache\r\n")
            self.pass_more = self.visit.cycle.put
        return encoder

    async def _end(self, data: bytes) -> None:
        """The last piece of the body, where there is one more."""
        cycle = self.visit.cycle
        if cycle.flow.write_paused:
            await cycle.flow.drain()
        cycle.end(data)

    @property
    def _passes(self) -> bool:
        answering = self.visit.trace.answering
        return answering is not None and answering.passed_through

    def _catch_up(self, encoder: Encoder, event: Event) -> None:
        """Tell an encoder that takes over from bytes what the client has had: a cut answer goes on, or ends."""
        answering = self.visit.trace.answering
        ending = isinstance(event, Failed)
        passed = answering if ending or answering is None else answering.continues
        if self._caught_up or passed is None or not passed.passed_through:
            return
        self._caught_up = True
        for had in passed.had:
            encoder.encode(had)
