"""What a wire format must offer: reading clients' requests and providers' answers, and writing both.

A dialect does no I/O. The gateway uses the client's side (`Inbound`), the providers use the upstream's side
(`Outbound`); some formats have one side only. Reading and writing the same value must round-trip: what has no field in
`assay.types` is kept in `extra` and written back for the same dialect.

A new dialect is a class with these methods, registered as an entry point of the group `assay.dialects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from assay.dialects.capability import Rule
from assay.errors import AssayError, ProviderError
from assay.types import Event, Native, Request, Response


class WireRequest(msgspec.Struct, frozen=True):
    """A request ready to be sent.

    Attributes:
        path: appended to the deployment's base URL; may hold a query.
        headers: of the format itself; the key is not among them.
        body: JSON.
        emulated: features that are emulated, or left out with leave: `dialects.capability`.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    emulated: tuple[str, ...] = ()


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

    def passed(self, data: bytes) -> bytes:
        """Whole events from a host that speaks the client's format, as the client gets them; may be empty."""
        ...

    def close(self) -> bytes:
        """The bytes that end the stream well."""
        ...


class Inbound(Protocol):
    """What clients of a format need: their requests read, answers and errors written."""

    name: ClassVar[str]
    paths: ClassVar[tuple[str, ...]]
    """Paths, below `/v1`, under which a gateway offers this format."""
    carried_headers: ClassVar[tuple[str, ...]]
    """Headers of a client, in lower case, that belong to the format and go upstream with its raw bytes."""
    request_id_header: ClassVar[str]
    """The header under which clients of this format look for the id of their request."""

    def read_request(self, body: bytes) -> Request:
        """A client's request; `origin` and `native.dialect` are this format's name.

        Raises:
            RequestError: naming the field that is wrong.
        """
        ...

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer for a client of this format."""
        ...

    def encoder(self, request: Request) -> Encoder:
        """A new encoder for one streamed answer."""
        ...

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error for a client of this format: never a stack trace, never a key.

        Args:
            error: what went wrong.
            request_id: the id of the request, for formats that name it in the body.
        """
        ...


class Outbound(Protocol):
    """What upstreams of a format need: requests written, their answers and errors read."""

    name: ClassVar[str]
    takes_raw: ClassVar[frozenset[str]]
    """Names of the inbound formats whose bytes such an upstream takes as they are, but for the model's name."""
    capabilities: ClassVar[Mapping[str, Rule]]
    """What becomes of each feature that is not simply kept; a host's quirks may correct it."""

    def auth(self, key: str) -> dict[str, str]:
        """The header that carries a key."""
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

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """The client's raw bytes with only the model name (and a usage request on streams) exchanged.

        Args:
            native: what the client sent, read without an error by its format's `read_request`.
            model: the upstream's name of the model.
            quirks: as in `write_request`.

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


class Dialect(Inbound, Outbound, Protocol):
    """A format that both clients and upstreams speak."""

    name: ClassVar[str]
