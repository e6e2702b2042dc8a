"""One client's call: through the spine, and back in the client's dialect, streamed or whole."""

from __future__ import annotations

import logging

import msgspec

from assay.dialects.chunk_encoder import ChunkEncoder, without_role
from assay.dialects.dialect import Encoder, Inbound
from assay.errors import AssayError
from assay.gateway.headers import answer_lines
from assay.gateway.rate_headers import rate_lines
from assay.gateway.visit import Visit
from assay.inference.spine import Options, Spine
from assay.inference.trace import Record
from assay.types import Event, Failed, Raw, Request

log = logging.getLogger("assay.gateway")


class Call(msgspec.Struct, eq=False):
    """Serves one request with a whole answer."""

    spine: Spine
    dialect: Inbound
    request: Request
    visit: Visit
    options: Options

    async def serve(self) -> None:
        """Answer the client.

        Raises:
            AssayError: there is no answer, and nothing has been sent.
        """
        request = self.request
        answer = await self.spine.whole(request, request.model, self.visit.trace, self.options)
        body = answer if isinstance(answer, bytes) else self.dialect.write_response(answer, request)
        await self.visit.cycle.answer(200, self._head("application/json", complete=True), body)

    async def cut(self, error: AssayError) -> None:
        """End a call whose `serve` was cancelled: a stream that has begun gets the error as its last event.

        Raises:
            AssayError: `error`, where nothing has been sent yet.
        """
        raise error

    def _head(self, content_type: str, *, complete: bool) -> bytes:
        own = f"content-type: {content_type}\r\n{self.dialect.request_id_header}: {self.visit.trace.request_id}\r\n"
        lines = own.encode() + answer_lines(self.visit.trace, complete=complete)
        return lines if self.visit.ticket is None else lines + rate_lines(self.visit.ticket, self.dialect)


class Stream(Call):
    """Serves one request with a stream."""

    _caught_up: bool = False
    _encoder: Encoder | None = None  # of a stream that has begun and not ended

    async def serve(self) -> None:
        """Answer the client. Once the status is out, a mistake of ours can only be told as the stream's last event.

        Nothing is sent before the first event, so that an error until then has its own status.

        Raises:
            AssayError: there is no answer, and nothing has been sent.
        """
        request, trace, cycle = self.request, self.visit.trace, self.visit.cycle
        flow = cycle.flow
        failed = False
        headed: Record | None = None  # whose head is out: another may answer
        events = self.spine.generate(request, request.model, trace, self.options)
        try:
            encoder = self.dialect.encoder(request)
            async for event in events:
                if self._encoder is None:
                    head = self._head(encoder.content_type, complete=False)
                    cycle.begin(200, head + b"cache-control: no-cache\r\n")
                    self._encoder = encoder
                answering = trace.answering
                passing = answering is not None and answering.passed_through
                if isinstance(event, Raw):
                    data = encoder.passed(event.data) if passing else b""
                    if event.head and headed is not None:
                        continue
                    if event.head:
                        headed = answering
                        if isinstance(encoder, ChunkEncoder):  # other formats have no heads that go on by themselves
                            encoder.headed()
                    elif headed is not None and headed is not answering:
                        headed, data = answering, without_role(data)
                else:
                    self._catch_up(encoder, event)
                    failed = failed or isinstance(event, Failed)
                    data = b"" if passing and not isinstance(event, Failed) else encoder.encode(event)
                if flow.write_paused:
                    await flow.drain()
                cycle.say(data)
            if failed:
                self.visit.outcome = "failed"
            await self._end(b"" if failed or self._passed_through else encoder.close())
        except Exception:
            if self._encoder is None:
                raise
            log.exception("unexpected error inside the stream of request %s", trace.request_id)
            self.visit.outcome = "broken"
            await self.cut(AssayError("internal error; the gateway's log has more"))
        finally:
            await events.aclose()

    async def cut(self, error: AssayError) -> None:
        """See `Call.cut`."""
        if self._encoder is None:
            raise error
        if self.visit.cycle.complete:
            return
        failed = Failed(error=type(error).__name__, message=str(error))
        self._catch_up(self._encoder, failed)
        await self._end(self._encoder.encode(failed))

    async def _end(self, data: bytes) -> None:
        """The last piece of the body, where there is one more."""
        if self.visit.cycle.flow.write_paused:
            await self.visit.cycle.flow.drain()
        self.visit.cycle.end(data)

    @property
    def _passed_through(self) -> bool:
        return self.visit.trace.answering is not None and self.visit.trace.answering.passed_through

    def _catch_up(self, encoder: Encoder, event: Event) -> None:
        """Tell an encoder that takes over from raw bytes what the client has had: a cut answer goes on, or ends."""
        answering = self.visit.trace.answering
        ending = isinstance(event, Failed)
        raw = answering if ending or answering is None else answering.continues
        if self._caught_up or raw is None or not raw.passed_through:
            return
        self._caught_up = True
        for had in raw.had:
            encoder.encode(had)
