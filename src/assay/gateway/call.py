"""One client's call: through the spine, and back in the client's dialect, streamed or whole."""

from __future__ import annotations

import logging
from functools import partial

from assay.dialects.dialect import Inbound
from assay.errors import AssayError, ConfigError, RequestError
from assay.gateway.headers import answer_lines, caching
from assay.gateway.rate_headers import rate_lines
from assay.gateway.streamed import Streamed
from assay.gateway.visit import Visit
from assay.inference.bodies import Bodies
from assay.inference.spine import Options, Spine
from assay.types import Request

log = logging.getLogger("assay.gateway")


class Call:
    """Serves one request."""

    def __init__(self, spine: Spine, bodies: Bodies, dialect: Inbound, request: Request, visit: Visit) -> None:
        self._spine = spine
        self._bodies = bodies
        self._dialect = dialect
        self._request = request
        self._visit = visit
        self._trace = visit.trace
        self._streamed: Streamed | None = None

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
        await self._stream(options)

    async def cut(self, error: AssayError) -> None:
        """End a call whose `serve` was cancelled: a stream that has begun gets the error as its last event.

        Raises:
            AssayError: `error`, where nothing has been sent yet.
        """
        if self._streamed is None or not self._streamed.begun:
            raise error
        await self._streamed.cut(error)

    def _head(self, content_type: str, *, complete: bool) -> bytes:
        own = f"content-type: {content_type}\r\n{self._dialect.request_id_header}: {self._trace.request_id}\r\n"
        return own.encode() + answer_lines(self._trace, complete=complete) + rate_lines(self._visit)

    def _begin(self, content_type: str) -> None:
        head = self._head(content_type, complete=False)
        self._visit.begin(200, head + b"cache-control: no-cache\r\n")

    async def _stream(self, options: Options) -> None:
        """Once the status is out, a mistake of ours can only be told as the stream's last event."""
        encoder = self._dialect.encoder(self._request)
        streamed = self._streamed = Streamed(encoder, self._visit, partial(self._begin, encoder.content_type))
        try:
            await self._spine.stream(streamed, self._request, self._request.model, self._trace, options)
            await streamed.close()
        except Exception:
            if not streamed.begun:
                raise
            log.exception("unexpected error inside the stream of request %s", self._trace.request_id)
            self._visit.outcome = "broken"
            await streamed.cut(AssayError("internal error; the gateway's log has more"))
