"""One client's call: through the spine, and back in the client's dialect, streamed or whole."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from assay.dialects.chunk_encoder import ChunkEncoder, without_role
from assay.dialects.dialect import Encoder, Inbound
from assay.errors import AssayError, ConfigError, RequestError
from assay.gateway.headers import answer_lines, caching
from assay.gateway.rate_headers import rate_lines
from assay.gateway.visit import Visit
from assay.inference.bodies import Bodies
from assay.inference.spine import Options, Spine
from assay.inference.trace import Record
from assay.types import Event, Failed, Raw, Request

log = logging.getLogger("assay.gateway")


class Call:
    """Serves one request."""

    def __init__(self, spine: Spine, bodies: Bodies, dialect: Inbound, request: Request, visit: Visit) -> None:
        self._spine = spine
        self._bodies = bodies
        self._dialect = dialect
        self._request = request
        self._visit = visit
        self._cycle = visit.cycle
        self._trace = visit.trace
        self._caught_up = False
        self._encoder: Encoder | None = None  # of a stream that has begun and not ended

    async def serve(self) -> None:
        """Answer the client.

        Raises:
            AssayError: there is no answer, and nothing has been sent.
        """
        if not self._request.model:
            names = ", ".join(sorted(self._spine.targets))
            raise RequestError(f"model: the request names none; known: {names}", field="model")
        try:
            self._spine.route(self._request.model)
        except ConfigError as error:
            raise RequestError(str(error), field="model", status=404) from error
        self._visit.target = self._request.model
        keeper = self._bodies.keeper(self._request.model, self._request.form)
        options = Options(
            bodies=keeper, account=self._visit.account, bytes_only=keeper is None, caching=caching(self._visit)
        )
        if not self._request.stream:
            answer = await self._spine.whole(self._request, self._request.model, self._trace, options)
            body = answer if isinstance(answer, bytes) else self._dialect.write_response(answer, self._request)
            await self._visit.answer(200, self._head("application/json", complete=True), body)
            return
        async with aclosing(self._spine.generate(self._request, self._request.model, self._trace, options)) as events:
            await self._streamed(events)

    async def cut(self, error: AssayError) -> None:
        """End a call whose `serve` was cancelled: a stream that has begun gets the error as its last event.

        Raises:
            AssayError: `error`, where nothing has been sent yet.
        """
        if self._encoder is None:
            raise error
        failed = Failed(error=type(error).__name__, message=str(error))
        self._catch_up(self._encoder, failed)
        await self._cycle.say(self._encoder.encode(failed))
        self._cycle.end()

    @property
    def _passed_through(self) -> bool:
        return self._trace.answering is not None and self._trace.answering.passed_through

    def _catch_up(self, encoder: Encoder, event: Event) -> None:
        """Tell an encoder that takes over from raw bytes what the client has had: a cut answer goes on, or ends."""
        answering = self._trace.answering
        ending = isinstance(event, Failed)
        raw = answering if ending or answering is None else answering.continues
        if self._caught_up or raw is None or not raw.passed_through:
            return
        self._caught_up = True
        for had in raw.had:
            encoder.encode(had)

    def _head(self, content_type: str, *, complete: bool) -> bytes:
        own = f"content-type: {content_type}\r\n{self._dialect.request_id_header}: {self._trace.request_id}\r\n"
        return own.encode() + answer_lines(self._trace, complete=complete) + rate_lines(self._visit)

    async def _streamed(self, events: AsyncGenerator[Event, None]) -> None:
        """Once the status is out, a mistake of ours can only be told as the stream's last event."""
        try:
            await self._stream(events)
        except Exception:
            if self._encoder is None:
                raise
            log.exception("unexpected error inside the stream of request %s", self._trace.request_id)
            self._visit.outcome = "broken"
            await self.cut(AssayError("internal error; the gateway's log has more"))

    async def _stream(self, events: AsyncGenerator[Event, None]) -> None:
        """Nothing is sent before the first event, so that an error until then has its own status."""
        encoder = self._dialect.encoder(self._request)
        begun = False
        failed = False
        headed: Record | None = None  # whose head is out: another may answer
        async for event in events:
            if not begun:
                begun = True
                head = self._head(encoder.content_type, complete=False)
                self._visit.begin(200, head + b"cache-control: no-cache\r\n")
                self._encoder = encoder
            if isinstance(event, Raw):
                data = encoder.passed(event.data) if self._passed_through else b""
                if event.head and headed is not None:
                    continue
                if event.head:
                    headed = self._trace.answering
                    if isinstance(encoder, ChunkEncoder):  # other formats have no heads that go on by themselves
                        encoder.headed()
                elif headed is not None and headed is not self._trace.answering:
                    headed, data = self._trace.answering, without_role(data)
            else:
                self._catch_up(encoder, event)
                failed = failed or isinstance(event, Failed)
                data = b"" if self._passed_through and not isinstance(event, Failed) else encoder.encode(event)
            await self._cycle.say(data)
        if not self._passed_through and not failed:
            await self._cycle.say(encoder.close())
        if failed:
            self._visit.outcome = "failed"
        self._cycle.end()
