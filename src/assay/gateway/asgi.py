"""The gateway as a bare ASGI application: paths, bodies, errors, disconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

import msgspec

from assay import __version__, plugins
from assay.config.schema import Serve
from assay.dialects.dialect import Inbound
from assay.errors import AssayError, Overloaded, RequestError
from assay.gateway.call import Call
from assay.gateway.headers import read_headers
from assay.inference.spine import Spine

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

log = logging.getLogger("assay.gateway")


class Disconnected(Exception):
    """The client has gone."""


class Gateway:
    """One endpoint before all targets of a spine.

    Args:
        spine: what answers.
        serve: limits.
        default_target: target of requests that name none that exists? None: an unknown model is an error.
    """

    def __init__(self, spine: Spine, serve: Serve) -> None:
        self._spine = spine
        self._serve = serve
        self._dialects: dict[str, Inbound] = {}
        for name in plugins.names("assay.dialects"):
            dialect = cast(Inbound, plugins.load("assay.dialects", name)())
            for path in getattr(dialect, "paths", ()):  # some formats have no clients, only upstreams
                self._dialects[f"/v1{path}"] = dialect
        self._plain = cast(Inbound, plugins.load("assay.dialects", "openai")())  # the form of errors of no dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"].rstrip("/") or "/", scope["method"]
        dialect = self._dialects.get(path)
        try:
            if dialect is not None:
                _require(method, "POST", path)
                await self._call(dialect, scope, receive, send)
            elif path == "/v1/models":
                _require(method, "GET", path)
                await _json(send, 200, self._models())
            elif path in ("/", "/healthz"):
                _require(method, "GET", path)
                health = {"status": "ok", "version": __version__, "engines": self._spine.engines()}
                await _json(send, 200, health)
            else:
                raise RequestError(f"there is nothing at {path}", status=404)
        except Disconnected:
            log.debug("client left: %s %s", method, path)
        except AssayError as error:
            await self._error(dialect or self._plain, send, error)
        except Exception:
            log.exception("unexpected error at %s %s", method, path)
            await self._error(dialect or self._plain, send, AssayError("internal error; the gateway's log has more"))

    async def _call(self, dialect: Inbound, scope: Scope, receive: Receive, send: Send) -> None:
        request = read_headers(scope["headers"], dialect.read_request(await self._body(scope, receive)), dialect)
        call = Call(self._spine, dialect, request, send)
        work = asyncio.create_task(call.serve())
        gone = asyncio.create_task(_gone(receive))
        stopping = False
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Disconnected
            work.result()
        except asyncio.CancelledError:  # the server stops and has waited long enough
            stopping = True
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        if stopping:
            await call.cut(Overloaded("the gateway is stopping; ask again"))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._serve.max_body_bytes
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise RequestError(f"the body is larger than {limit} bytes (serve.max_body_bytes)", status=413)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    def _models(self) -> dict[str, object]:
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": "assay"} for name in self._spine.targets]
        return {"object": "list", "data": entries}

    async def _error(self, dialect: Inbound, send: Send, error: AssayError) -> None:
        wire = dialect.write_error(error)
        headers = [(name.encode(), value.encode()) for name, value in wire.headers.items()]
        await respond(send, wire.status, headers, wire.body)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _require(method: str, wanted: str, path: str) -> None:
    if method != wanted:
        raise RequestError(f"{path} takes {wanted}, not {method}", status=405)


async def _json(send: Send, status: int, value: object) -> None:
    await respond(send, status, [(b"content-type", b"application/json")], msgspec.json.encode(value))


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """A whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
