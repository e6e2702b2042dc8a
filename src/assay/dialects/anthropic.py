"""The dialects `anthropic`, Anthropic's Messages, and `anthropic-count`, the number of tokens that a request has.

Quirks of a host (the `quirks` of `write_request`), all optional, beside `capabilities` and `ignore` of `capability`:

| quirk | default | meaning |
|---|---|---|
| `default_max_tokens` | the catalogue's, else 32,000 | the limit where nobody named one: the format demands it |
| `thinking` | by the model's name | how an effort is told: `adaptive`, a `budget` of tokens, or `none` (left out) |

Table `CAPABILITIES` in `anthropic_upstream`: what is emulated or rejected. A host that holds no schemas says
`capabilities = {json_schema = "emulate"}`: they are then asked for in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from assay.dialects import (
    anthropic_answer,
    anthropic_errors,
    anthropic_request,
    anthropic_upstream,
    anthropic_writer,
    openai_errors,
    splice,
)
from assay.dialects.anthropic_blocks import DIALECT
from assay.dialects.anthropic_encoder import MessageEncoder
from assay.dialects.anthropic_request import COUNT
from assay.dialects.anthropic_skim import MessageSkim
from assay.dialects.capability import Rule
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.dialect import Decoder, Encoder, WireError, WireRequest
from assay.dialects.fields import HEADERS
from assay.dialects.foreign import is_foreign
from assay.errors import AssayError, MalformedReply, ProviderError, RequestError
from assay.types import Event, Native, Request, Response

__all__ = ["Anthropic", "AnthropicCount"]

_VERSION = {"anthropic-version": "2023-06-01"}
_CARRIED = ("anthropic-beta", "anthropic-version")
_COUNT_PATH = "/messages/count_tokens"


class Anthropic:
    """Anthropic's Messages, both directions; the methods are described in `dialect.Dialect`."""

    name: ClassVar[str] = DIALECT
    paths: ClassVar[tuple[str, ...]] = ("/messages",)
    carried_headers: ClassVar[tuple[str, ...]] = _CARRIED
    request_id_header: ClassVar[str] = "request-id"
    takes_raw: ClassVar[frozenset[str]] = frozenset({DIALECT, COUNT})
    capabilities: ClassVar[Mapping[str, Rule]] = anthropic_upstream.CAPABILITIES

    def auth(self, key: str) -> dict[str, str]:
        """The key in `x-api-key`."""
        return {"x-api-key": key}

    def read_request(self, body: bytes) -> Request:
        """A client's request; raises `RequestError` naming the field that is wrong."""
        return anthropic_request.read_request(body)

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for a host; raises `RequestError` for what the host cannot be told."""
        written = anthropic_upstream.write_request(request, model=model, stream=stream, quirks=quirks)
        carried = {} if is_foreign(request, DIALECT) else request.extra.get(HEADERS, {})
        headers = {"content-type": "application/json", **_VERSION, **carried}
        path = _COUNT_PATH if request.form == "count" else self.paths[0]
        return WireRequest(path, headers, written.body, written.emulated)

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """The client's bytes with the model's name exchanged."""
        path = _COUNT_PATH if native.dialect == COUNT else self.paths[0]
        return WireRequest(path, {**_VERSION, **native.headers}, splice.splice_model(native.raw, model, usage=False))

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole answer or a count; raises `MalformedReply`."""
        return anthropic_answer.read_response(body)

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        return StreamDecoder(anthropic_answer.Reader())

    skim = staticmethod(MessageSkim)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of a host's answer with a status of 400 or more."""
        return openai_errors.read_error(status, headers, body)

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer."""
        return anthropic_writer.write_response(response, request)

    def encoder(self, request: Request) -> Encoder:
        """A new encoder for one streamed answer."""
        return MessageEncoder(request)

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return anthropic_errors.write_error(error, request_id)


class AnthropicCount:
    """Counting the tokens of a request, for clients; upstreams of `anthropic` are asked for it."""

    name: ClassVar[str] = COUNT
    paths: ClassVar[tuple[str, ...]] = (_COUNT_PATH,)
    carried_headers: ClassVar[tuple[str, ...]] = _CARRIED
    request_id_header: ClassVar[str] = "request-id"

    def read_request(self, body: bytes) -> Request:
        """A client's request; raises `RequestError` naming the field that is wrong. `extra` speaks as Messages do."""
        return anthropic_request.read_request(body, "count")

    def write_response(self, response: Response, request: Request) -> bytes:
        """The number of tokens; raises `MalformedReply` if the upstream did not say it."""
        tokens = response.usage.input if response.usage is not None else None
        if tokens is None:
            raise MalformedReply("the upstream did not say how many tokens the request has")
        return msgspec.json.encode({"input_tokens": tokens})

    def encoder(self, request: Request) -> Encoder:
        """There is none; raises `RequestError`."""
        raise RequestError("stream: a count of tokens is not streamed", field="stream")

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return anthropic_errors.write_error(error, request_id)
