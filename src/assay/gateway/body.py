"""Reading the body of a request, within limits of size and time; compressed ones are unpacked on the way."""

from __future__ import annotations

import zlib

from assay.config.schema import Serve
from assay.errors import RequestError
from assay.gateway.visit import Visit

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def at_hand(visit: Visit, limit_bytes: int) -> bytes | None:
    """The whole body, where all of it has come and nothing is to be done with it, as mostly; else None.

    Raises:
        RequestError: it is too large (413).
        Disconnected: the client left.
    """
    cycle, headers = visit.cycle, visit.head.headers
    if not cycle.has_body or b"content-encoding" in headers or b"expect" in headers:
        return None
    body = cycle.taken()
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


async def read_body(visit: Visit, serve: Serve) -> bytes:
    """The whole body.

    Raises:
        RequestError: it is too large (413; before it is read, where its length is told), does not come in time (408),
            or is packed in a way that is not known (415), or badly.
        Disconnected: the client left.
    """
    limit, cycle = serve.max_body_bytes, visit.cycle
    whole = at_hand(visit, limit)
    if whole is not None:
        return whole
    if cycle.length.isdigit() and (len(cycle.length) > 18 or int(cycle.length) > limit):
        raise _too_large(limit)
    body = _body(visit.header("content-encoding"), limit)
    complete = False
    while not complete:
        piece = await cycle.take()
        complete = cycle.has_body
        if cycle.overdue and not complete:
            raise RequestError(
                f"the body did not come within {serve.body_timeout_s:g} s (serve.body_timeout_s)", status=408
            )
        body.add(piece)
    return body.end()


def _body(encoding: str | None, limit_bytes: int) -> _Plain:
    if encoding is None or encoding.lower() == "identity":
        return _Plain(limit_bytes)
    bits = _WINDOW_BITS.get(encoding.lower())
    if bits is None:
        known = ", ".join(_WINDOW_BITS)
        raise RequestError(f"content-encoding: {encoding!r} is not known here; known: {known}, identity", status=415)
    return _Packed(limit_bytes, bits)


class _Plain:
    """A body as it comes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._pieces.append(data)

    def end(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Packed(_Plain):
    """A body that is unpacked as it comes: never more of it than the limit and one byte."""

    def __init__(self, limit_bytes: int, window_bits: int) -> None:
        super().__init__(limit_bytes)
        self._unpacker = zlib.decompressobj(window_bits)

    def add(self, data: bytes) -> None:
        try:
            super().add(self._unpacker.decompress(data, self._limit - self._size + 1))
        except zlib.error as error:
            raise RequestError(f"the body cannot be unpacked: {error}") from error
        if self._unpacker.unused_data:
            raise RequestError("the body cannot be unpacked: something follows its end")

    def end(self) -> bytes:
        if not self._unpacker.eof:
            raise RequestError("the body cannot be unpacked: it is cut off")
        return super().end()


def _too_large(limit_bytes: int) -> RequestError:
    return RequestError(f"the body is larger than {limit_bytes} bytes (serve.max_body_bytes)", status=413)
