"""A host that answers like OpenAI's, fast enough not to be what is measured: `python -m benchmarks.gateway.upstream`.

The model's name says how: `m` at once, `m-d50` after 50 ms, `m-i10` as a stream of 64 chunks, one each 10 ms. `m-f5` is
at once, or a stream of 64 chunks at once where one is asked for, and one request in twenty meets a fault.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

MARK = b"MOCKOK"
CHUNKS, PACE_S, DELAY_S = 64, 0.01, 0.05
_USAGE = b'"usage":{"prompt_tokens":210,"completion_tokens":64,"total_tokens":274}'
_ANSWER = (
    b'{"id":"chatcmpl-0123456789","object":"chat.completion","created":1795000000,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"MOCKOK %b"},"finish_reason":"stop"}],%b}' % (b"word " * 150, _USAGE)
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 0123\r\ncontent-length: %d\r\n\r\n"
WHOLE = _HEAD % len(_ANSWER) + _ANSWER
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(delta: bytes, finish: bytes = b"null", more: bytes = b"") -> bytes:
    event = (
        b'data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1795000000,"model":"m-i10",'
        b'"choices":[{"index":0,"delta":%b,"finish_reason":%b}]%b}\n\n' % (delta, finish, more)
    )
    return b"%x\r\n%b\r\n" % (len(event), event)


_FIRST = _chunk(b'{"role":"assistant","content":"MOCKOK"}')
_NEXT = _chunk(b'{"content":" word"}')
_DONE = b"data: [DONE]\n\n"
_LAST = _chunk(b"{}", b'"stop"', b"," + _USAGE) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(_DONE), _DONE)


_BUSY = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nretry-after: 0\r\ncontent-length: %d\r\n\r\n"
_BUSY_BODY = b'{"error":{"message":"not just now"}}'
FAULTS = ("500", "429", "cut", "hang")
_EVERY = 20


class Host(asyncio.Protocol):
    """One connection."""

    asked = 0  # of `m-f5`, over all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport: Any = transport
        self._buffer = bytearray()
        self._needed = 0

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        if not self._needed:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = bytes(self._buffer[:end]).lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._needed = end + 4 + int(length)
        if len(self._buffer) >= self._needed:
            body, self._needed = bytes(self._buffer), 0
            self._buffer.clear()
            self._answer(body)

    def _answer(self, asked: bytes) -> None:
        loop = asyncio.get_running_loop()
        if b'"m-i10"' in asked:
            self._transport.write(_STREAM)
            loop.call_later(PACE_S, self._tick, CHUNKS)
        elif b'"m-f5"' in asked:
            self._perhaps(asked)
        elif b'"m-d50"' in asked:
            loop.call_later(DELAY_S, self._transport.write, WHOLE)
        else:
            self._transport.write(WHOLE)

    def _perhaps(self, asked: bytes) -> None:
        """An answer, or the fault whose turn it is."""
        Host.asked += 1
        whole = _STREAM + _FIRST + _NEXT * (CHUNKS - 2) + _LAST if b'"stream"' in asked else WHOLE
        number, rest = divmod(Host.asked, _EVERY)
        if rest:
            self._transport.write(whole)
            return
        fault = FAULTS[number % len(FAULTS)]
        if fault == "cut":
            self._transport.write(whole[: len(whole) // 2])
            self._transport.close()
        elif fault == "hang":
            asyncio.get_running_loop().call_later(2.0, self._transport.close)
        else:
            status = b"500 Internal Server Error" if fault == "500" else b"429 Too Many Requests"
            self._transport.write(_BUSY % (status, len(_BUSY_BODY)) + _BUSY_BODY)

    def _tick(self, left: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(_FIRST if left == CHUNKS else _NEXT if left > 1 else _LAST)
        if left > 1:
            asyncio.get_running_loop().call_later(PACE_S, self._tick, left - 1)


async def serve(port: int, certificate: str | None) -> None:
    """Serve for ever.

    Args:
        port: on this machine only.
        certificate: PEM file with key, for TLS.
    """
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    await asyncio.get_running_loop().create_server(Host, "127.0.0.1", port, ssl=tls, backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
