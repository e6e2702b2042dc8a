"""Bodies that a host packed although nobody asked for it: unpacked piece by piece, and never without bound."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterator

from assay.errors import MalformedReply

PIECE_BYTES = 128 * 1024
FREE_BYTES = 1024 * 1024
MAX_RATIO = 200
"""So much more than came may come out, beyond `FREE_BYTES`. Text packs to a tenth, a bomb to a thousandth."""
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's names for the forms


def unpacking(coding: str | None) -> Unpacking | None:
    """What reads a body with this `content-encoding`; None = it is not packed.

    Raises:
        MalformedReply: nobody here can read it.
    """
    match (coding or "").strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return Unpacking(_GZIP)
        case "deflate":
            return Unpacking(None)
    error = MalformedReply(
        f"the answer is packed as {(coding or '')[:40]!r}, though it was asked for as it is; "
        "the host, or a proxy before it, must not do that (gzip and deflate can be read)"
    )
    error.retryable = False
    raise error


class Unpacking:
    """One body. `deflate` means zlib's form to some hosts and the bare one to others: its first byte tells."""

    def __init__(self, form: int | None) -> None:
        self._form = form
        self._zlib = zlib.decompressobj(form) if form is not None else None
        self._in_bytes = 0
        self._out_bytes = 0
        self._pieces: Iterator[bytes] = iter(())

    async def piece(self, packed: Callable[[], Awaitable[bytes]]) -> bytes:
        """The body's next piece, unpacked; empty at its end.

        Args:
            packed: what gives the next piece as it came; empty at the end.

        Raises:
            MalformedReply: see `feed` and `end`.
        """
        while not (piece := next(self._pieces, b"")):
            came = await packed()
            if not came:
                self.end()
                return b""
            self._pieces = self.feed(came)
        return piece

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, all of it and at once, in pieces of `PIECE_BYTES` at most.

        Raises:
            MalformedReply: they do not unpack, or to far too much.
        """
        self._in_bytes += len(data)
        full = False  # more may be behind a full piece, though all input is taken
        while data or full:
            if self._zlib is None or self._zlib.eof:  # the beginning, or another member after the first
                self._form = self._form or (_ZLIB if data[0] & 0x0F == 8 else _RAW)
                self._zlib = zlib.decompressobj(self._form)
            try:
                piece = self._zlib.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise MalformedReply(f"the packed answer cannot be unpacked ({error})") from error
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            full = len(piece) == PIECE_BYTES and not self._zlib.eof
            self._check(len(piece))
            if piece:
                yield piece

    def end(self) -> None:
        """The body has ended.

        Raises:
            MalformedReply: what was packed had not.
        """
        if self._in_bytes and (self._zlib is None or not self._zlib.eof):
            raise MalformedReply("the packed answer ends in its middle")

    def _check(self, size: int) -> None:
        self._out_bytes += size
        if self._out_bytes > FREE_BYTES + MAX_RATIO * self._in_bytes:
            error = MalformedReply(f"the answer unpacks to more than {MAX_RATIO} times its size")
            error.retryable = False
            raise error
