"""What a wire format must offer: reading clients' requests and providers' answers, and writing both.

A dialect does no I/O. The gateway uses the client's side (`read_request`, `encoder`, `write_response`,
`write_error`), the providers use the upstream's side (`write_request`, `read_response`, `decoder`,
`read_error`). Reading and writing the same value must round-trip: what has no field in `assay.types` is kept
in `extra` and written back for the same dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from assay.errors import AssayError, ProviderError
from assay.types import Event, Request, Response


class WireRequest(NamedTuple):
    """A request ready to be sent: `path` is appended to the deployment's base URL."""

    path: str
    headers: dict[str, str]
    body: bytes


class WireError(NamedTuple):
    """An error in a client's own format."""

    status: int
    headers: dict[str, str]
    body: bytes


class Decoder(Protocol):
    """Turns the bytes of a streamed answer into events. Accepts any chunk border, LF or CRLF, comments."""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; returns the events that they complete."""
        ...

    def close(self) -> list[Event]:
        """The stream has ended.

        Raises:
            MalformedReply: the end marker of the format was not seen (a cut stream).
        """
        ...


class Encoder(Protocol):
    """Turns events into the bytes of a streamed answer in a client's format."""

    content_type: ClassVar[str]

    def encode(self, event: Event) -> bytes:
        """The bytes for one event; may be empty."""
        ...

    def close(self) -> bytes:
        """The bytes that end the stream well."""
        ...


class Dialect(Protocol):
    """One wire format, both directions."""

    name: ClassVar[str]
    paths: ClassVar[tuple[str, ...]]
    """Paths, below `/v1`, under which a gateway offers this format."""

    def read_request(self, body: bytes) -> Request:
        """A client's request.

        Raises:
            RequestError: naming the field that is wrong.
        """
        ...

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for an upstream of this format; `model` is the name the host knows.

        Args:
            request: what to send.
            model: the upstream's name of the model.
            stream: whether to ask for a stream (with usage).
            quirks: differences of this host, from its data: see the module of the dialect.

        Raises:
            RequestError: the request holds something that this format cannot express; names the field.
        """
        ...

    def splice_model(self, body: bytes, model: str, *, usage: bool = True) -> bytes:
        """The client's raw bytes with only the model name (and a usage request on streams) exchanged.

        Args:
            body: what the client sent, read without an error by `read_request`.
            model: the upstream's name of the model.
            usage: false for a host that takes no `stream_options`; then only the name is exchanged.

        Raises:
            RequestError: the body is not a JSON object.
        """
        ...

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole (not streamed) answer.

        Raises:
            MalformedReply: the body cannot be read.
        """
        ...

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of an upstream's answer with a status of 400 or more. Header names are lower case."""
        ...

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer for a client of this format."""
        ...

    def encoder(self, request: Request) -> Encoder:
        """A new encoder for one streamed answer."""
        ...

    def write_error(self, error: AssayError) -> WireError:
        """An error for a client of this format: never a stack trace, never a key."""
        ...
