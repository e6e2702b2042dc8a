"""What carries requests to hosts: bytes in, bytes out, failures of the network as `ProviderError`s.

Nothing here knows a dialect. Two transports keep to this: `http1.client` (the default) and `aiohttp_transport`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from assay.errors import MalformedReply

MAX_ERROR_BYTES = 64 * 1024

Later = Callable[[], Awaitable[None]]
"""Something that has to be done first."""
Take = Callable[[bytes], Later | None]
"""Takes a piece of a body; what it returns must be done before it is given more."""


class Sent(Protocol):
    """Counts what is sent; an attempt's `Meter` is one.

    Attributes:
        sent_bytes: so much of the body has been handed to the connection.
    """

    sent_bytes: int


class Reply(msgspec.Struct, eq=False, kw_only=True):
    """The head of an answer and its body as it comes, unpacked.

    Attributes:
        status: of HTTP.
        headers: by lower-case name.
        at_once: all of the body, where it came with the head; `piece` gives it as well. None = it has yet to come.
    """

    status: int = 0
    headers: dict[str, str] = {}
    at_once: bytes | None = None
    __repr__ = object.__repr__  # the fields may hold keys

    async def piece(self) -> bytes:
        """What comes next of the body; empty at its end, and from then on.

        Raises:
            Timeout, ConnectionFailed, MalformedReply: as `chunks`.
        """
        raise NotImplementedError

    async def pour(self, take: Take) -> None:
        """Give the body to `take` as it comes, until its end.

        Raises:
            Timeout, ConnectionFailed, MalformedReply: as `chunks`.
        """
        while data := await self.piece():
            if (late := take(data)) is not None:
                await late()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces, as they arrive; what came while nobody read comes as one.

        Raises:
            Timeout: nothing came for the time that the request allows.
            ConnectionFailed: the connection broke.
            MalformedReply: the body does not keep to its framing, or cannot be unpacked.
        """
        while data := await self.piece():
            yield data

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body.

        Raises:
            MalformedReply: it is larger than `limit_bytes`; asking again would not make it smaller.
        """
        body = await self.start(limit_bytes + 1)
        if len(body) > limit_bytes:
            error = MalformedReply(f"the answer is larger than {limit_bytes} bytes")
            error.retryable = False
            raise error
        return body

    async def start(self, limit_bytes: int) -> bytes:
        """The first `limit_bytes` of the body, or all of it."""
        pieces: list[bytes] = []
        size = 0
        while size < limit_bytes and (data := await self.piece()):
            pieces.append(data)
            size += len(data)
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return body[:limit_bytes]


Ask = Callable[[bytes | None, Sent | None], AbstractAsyncContextManager[Reply]]
"""Sends a body to a place, with the header fields that both were prepared with (`Transport.prepare`)."""


class Transport(Protocol):
    """Connections that are kept alive and shared by requests, which share nothing else."""

    def prepare(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout_s: float = 10.0,
        idle_timeout_s: float = 120.0,
        first_byte_timeout_s: float | None = None,
    ) -> Ask:
        """What sends requests that differ in their bodies only: the rest is checked and written once. See `request`."""
        ...

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        sent: Sent | None = None,
        connect_timeout_s: float = 10.0,
        idle_timeout_s: float = 120.0,
        first_byte_timeout_s: float | None = None,
    ) -> AbstractAsyncContextManager[Reply]:
        """Send a request and give its answer; leaving the block before the end cancels it: the host sees it at once.

        Redirects are not followed, and nothing is sent twice.

        Args:
            method: HTTP method.
            url: absolute address. A user and password in it are sent as basic authorization.
            headers: sent beside `host`, `content-length` and what else belongs to the connection.
            body: sent as it is.
            sent: counts the bytes of the body that are handed to the connection.
            connect_timeout_s: until the connection stands, TLS included.
            idle_timeout_s: longest silence: while the host takes nothing of the request, before the head, and between
                two pieces of the body.
            first_byte_timeout_s: longest wait for the head; None = `idle_timeout_s`.

        Raises:
            ConnectionFailed: no connection, or it broke.
            Timeout: a limit was reached.
            MalformedReply: the answer is not what HTTP/1.1 allows.
            BadRequest: a header or the address holds what none may hold.
            AuthFailed: the address holds a password, and a header holds a key.
        """
        ask = self.prepare(
            method,
            url,
            headers=headers,
            connect_timeout_s=connect_timeout_s,
            idle_timeout_s=idle_timeout_s,
            first_byte_timeout_s=first_byte_timeout_s,
        )
        return ask(body, sent)

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        ...
