"""Connecting: names to addresses, addresses in a race, and TLS on top."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from assay.errors import ConnectionFailed, Timeout
from assay.providers.address import Origin
from assay.providers.http1.connection import Connection, Owner
from assay.providers.http1.tls import tls_context, tls_failed

NAME_S = 60.0
"""So long an answer of DNS is used."""
MAX_NAMES = 256
HEAD_START_S = 0.25
"""So long an address has before the next one is tried as well (RFC 8305)."""
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))

_AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as getaddrinfo gives them


@dataclass(slots=True)
class _Name:
    """What DNS said of a host. The lock lets one request ask for all that wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    infos: list[_AddrInfo] = field(default_factory=list)
    until: float = 0.0


class Dialer:
    """Makes connections.

    Args:
        ca_file: as `tls_context`.
        owner: told of each connection.
    """

    def __init__(self, ca_file: str | None, owner: Owner) -> None:
        self._ca_file = ca_file
        self._owner = owner
        self._names: dict[tuple[str, int], _Name] = {}
        self._tls: ssl.SSLContext | None = None

    async def connect(self, origin: Origin, timeout_s: float) -> Connection:
        """A connection that stands, TLS included.

        Raises:
            ConnectionFailed: no such name, nobody listens, or the host is not who it should be.
            Timeout: it took longer than `timeout_s`.
        """
        place = f"{origin.host}:{origin.port}"
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connect(origin)
        except TimeoutError as error:
            raise Timeout(f"no connection to {place} within {timeout_s:g} s") from error
        except ssl.SSLError as error:
            raise tls_failed(error, place) from error
        except socket.gaierror as error:
            raise ConnectionFailed(f"no address is known of {origin.host!r} ({error.strerror})") from error
        except (OSError, RuntimeError) as error:  # uvloop says RuntimeError of some addresses
            self._names.pop((origin.host, origin.port), None)
            raise ConnectionFailed(f"no connection to {place}: {error}") from error

    async def _connect(self, origin: Origin) -> Connection:
        from aiohappyeyeballs import start_connection

        tls = self._context() if origin.scheme == "https" else None
        infos = await self._addresses(origin.host, origin.port)
        loop = asyncio.get_running_loop()
        sock = await start_connection(infos, happy_eyeballs_delay=HEAD_START_S)
        _keep_alive(sock)
        name = origin.host.partition("%")[0] if tls is not None else None
        connection = Connection(origin, self._owner)
        try:
            await loop.create_connection(lambda: connection, sock=sock, ssl=tls, server_hostname=name)
        except BaseException:
            # Who is cancelled just when it stands never gets it, and uvloop closes it without telling it so.
            connection.abort()
            self._owner.lost(connection)
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._ca_file)
        return self._tls

    async def _addresses(self, host: str, port: int) -> list[_AddrInfo]:
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        if len(self._names) >= MAX_NAMES:
            self._names.clear()
        name = self._names.setdefault((host, port), _Name())
        async with name.lock:
            if time.monotonic() >= name.until:
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
                name.infos = list(found)
                name.until = time.monotonic() + NAME_S
        return name.infos


def _literal(host: str, port: int) -> _AddrInfo | None:
    """The address that a host already is; None = it is a name."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *rest))
    return None


def _keep_alive(sock: socket.socket) -> None:
    """Let the system ask whether the host still lives: an answer that is thought about for minutes is silent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
