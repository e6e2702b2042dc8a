"""One client's call: through the spine, and back in the client's dialect as a whole answer."""

from __future__ import annotations

import msgspec

from assay.dialects.dialect import Inbound
from assay.errors import AssayError
from assay.gateway.headers import answer_lines
from assay.gateway.rate_headers import rate_lines
from assay.gateway.visit import Visit
from assay.inference.spine import Options, Spine
from assay.types import Request

__all__ = ["Call"]


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
        cycle = self.visit.cycle
        if cycle.flow.write_paused:
            await cycle.flow.drain()
        cycle.answer(200, self.head("application/json", complete=True), body)

    async def cut(self, error: AssayError) -> None:
        """End a call whose `serve` was cancelled: a stream that has begun gets the error as its last event.

        Raises:
            AssayError: `error`, where nothing has been sent yet.
        """
        raise error

    def head(self, content_type: str, *, complete: bool) -> bytes:
        """The lines of the head of an answer; `complete`: all of it is there."""
        own = f"content-type: {content_type}\r\n{self.dialect.request_id_header}: {self.visit.trace.request_id}\r\n"
        lines = own.encode() + answer_lines(self.visit.trace, complete=complete)
        return lines if self.visit.ticket is None else lines + rate_lines(self.visit.ticket, self.dialect)
