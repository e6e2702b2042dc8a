"""The dialect `openai-responses`: OpenAI's Responses, and the hosts and servers that speak them.

Quirks of a host (the `quirks` of `write_request`), all optional:

| quirk | default | meaning |
|---|---|---|
| `encrypted_reasoning` | whether the request asks for reasoning | for clients of other formats: have reasoning come along, so that it can be sent back; models that do not reason refuse to be asked |
| `capabilities`, `ignore` | none | see `capability`; the table is `responses_request.CAPABILITIES` |

State that a provider keeps (`previous_response_id`, `conversation`, `prompt`, `background`) goes to upstreams of this
format only. For clients of other formats nothing is stored at the provider.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.dialects import openai_errors, responses_answer, responses_request, responses_writer, splice
from assay.dialects.capability import Fit, Rule
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.dialect import Decoder, Encoder, WireError, WireRequest
from assay.dialects.responses_content import NAME
from assay.errors import AssayError, ProviderError
from assay.types import Event, Native, Request, Response

__all__ = ["Responses"]

_COUNT = "/responses/input_tokens"


class Responses:
    """OpenAI's Responses, both directions; the methods are described in `dialect.Dialect`."""

    name: ClassVar[str] = NAME
    paths: ClassVar[tuple[str, ...]] = ("/responses",)
    carried_headers: ClassVar[tuple[str, ...]] = ("openai-beta",)
    request_id_header: ClassVar[str] = "x-request-id"
    takes_raw: ClassVar[frozenset[str]] = frozenset({NAME})
    capabilities: ClassVar[Mapping[str, Rule]] = responses_request.CAPABILITIES

    def auth(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def read_request(self, body: bytes) -> Request:
        """A client's request; raises `RequestError` naming the field that is wrong."""
        return responses_request.read_request(body)

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for a host; raises `RequestError` for what the host cannot be told."""
        fit = Fit(responses_request.rules(request), quirks, "the Responses host")
        body = responses_request.write_request(request, model=model, stream=stream, fit=fit, quirks=quirks)
        path = _COUNT if request.form == "count" else self.paths[0]
        return WireRequest(path, {"content-type": "application/json"}, body, fit.emulated)

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """The client's bytes with the model's name exchanged; usage is told without asking."""
        return WireRequest(self.paths[0], native.headers, splice.splice_model(native.raw, model, usage=False))

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole answer; raises `MalformedReply`."""
        return responses_answer.read_response(body)

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        return StreamDecoder(responses_answer.Reader())

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of a host's answer with a status of 400 or more."""
        return openai_errors.read_error(status, headers, body)

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer."""
        return responses_writer.write_response(response, request)

    def encoder(self, request: Request) -> Encoder:
        """A new encoder for one streamed answer."""
        return responses_writer.ResponsesEncoder(request)

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return openai_errors.write_error(error)
