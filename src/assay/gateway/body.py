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
    """The whole body; what `at_hand` does not have is waited for, or unpacked.

    Raises:
        RequestError: it is too large (413; before it is read, where its length is told), does not come in time (408),
            or is packed in a way that is not known (415), or badly.
        Disconnected: the client left.
    """
    limit, cycle = serve.max_body_bytes, visit.cycle
    if cycle.length.isdigit() and (len(cycle.length) > 18 or int(cycle.length) > limit):
        raise _too_large(limit)
    unpacker = _unpacker(visit) if b"content-encoding" in visit.head.headers else None
    pieces: list[bytes] = []
    left_bytes, complete = limit, False
    while not complete:
        piece = await cycle.take()
        complete = cycle.has_body
        if cycle.overdue and not complete:
            raise RequestError(
                f"the body did not come within {serve.body_timeout_s:g} s (serve.body_timeout_s)", status=408
            )
        if unpacker is not None:
            piece = unpacker.unpacked(piece, left_bytes + 1)
        left_bytes -= len(piece)
        if left_bytes < 0:
            raise _too_large(limit)
        pieces.append(piece)
    if unpacker is not None:
        unpacker.end()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _unpacker(visit: Visit) -> _Unpacker | None:
    encoding = visit.header("content-encoding")
    if encoding is None or encoding.lower() == "identity":
        return None
    bits = _WINDOW_BITS.get(encoding.lower())
    if bits is None:
        known = ", ".join(_WINDOW_BITS)
        raise RequestError(f"content-encoding: {encoding!r} is not known here; known: {known}, identity", status=415)
    return _Unpacker(bits)


class _Unpacker:
    """Unpacks a body as it comes."""

    def __init__(self, window_bits: int) -> None:
        self._zlib = zlib.decompressobj(window_bits)

    def unpacked(self, data: bytes, most_bytes: int) -> bytes:
        """What is in a piece, but no more of it than is wanted."""
        try:
            unpacked = self._zlib.decompress(data, most_bytes)
        except zlib.error as error:
            raise RequestError(f"the body cannot be unpacked: {error}") from error
        if self._zlib.unused_data:
            raise RequestError("the body cannot be unpacked: something follows its end")
        return unpacked

    def end(self) -> None:
        """Make sure that all has come."""
        if not self._zlib.eof:
            raise RequestError("the body cannot be unpacked: it is cut off")


def _too_large(limit_bytes: int) -> RequestError:
    return RequestError(f"the body is larger than {limit_bytes} bytes (serve.max_body_bytes)", status=413)
