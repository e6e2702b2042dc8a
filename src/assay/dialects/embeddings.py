"""The dialect `embeddings`: OpenAI's `/embeddings`, for clients; hosts of the dialect `openai` have the same.

Vectors come and go as lists of numbers or, with `encoding_format = "base64"`, as little-endian 32-bit floats. What
hosts add (`input_type`, `truncate` ...) stays in `extra`.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from assay.dialects import openai_errors
from assay.dialects.capability import Fit
from assay.dialects.chat_usage import read_usage, write_usage
from assay.dialects.dialect import Encoder, WireError, WireRequest
from assay.dialects.fields import Fields, merge, parse_object, unmarked
from assay.dialects.foreign import translated
from assay.errors import AssayError, MalformedReply, RequestError
from assay.types import Begin, Embedded, Event, Folder, Native, Request, Response, UsageReport

__all__ = ["NAME", "PATH", "Embeddings", "is_answer", "read_response", "write_request"]

NAME = "embeddings"
PATH = "/embeddings"
_FORMAT = "encoding_format"
_KNOWN = {"object", "data", "model", "usage", "id", "created"}


class Embeddings:
    """Embeddings for clients; the methods are described in `dialect.Inbound`."""

    name: ClassVar[str] = NAME
    paths: ClassVar[tuple[str, ...]] = (PATH,)
    carried_headers: ClassVar[tuple[str, ...]] = ()
    request_id_header: ClassVar[str] = "x-request-id"

    def read_request(self, body: bytes) -> Request:
        """A client's request; raises `RequestError` naming the field that is wrong."""
        fields = Fields(parse_object(body))
        if fields.flag("stream"):
            raise fields.wrong("stream", "false: vectors are not streamed")
        if fields.peek(_FORMAT) not in (None, "float", "base64"):
            raise fields.wrong(_FORMAT, "float or base64")
        inputs = _read_inputs(fields)
        return Request(
            form="embedding",
            model=fields.text("model") or "",
            inputs=inputs,
            dimensions=fields.integer("dimensions", 1),
            native=Native(dialect=NAME, raw=body),
            origin=NAME,
            extra=fields.rest(),
        )

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer, in the encoding that the client asked for."""
        packed = request.extra.get(_FORMAT) == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _pack(vector) if packed else vector}
            for index, vector in enumerate(response.embeddings)
        ]
        body: dict[str, Any] = {"object": "list", "data": data, "model": response.model or request.model}
        usage = write_usage(response.usage) if response.usage is not None else {}
        body["usage"] = {key: value for key, value in usage.items() if key != "completion_tokens"}
        return msgspec.json.encode(merge(body, response.extra))

    def encoder(self, request: Request) -> Encoder:
        """A whole answer at the end: vectors are not streamed."""
        return _Whole(self, request)

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return openai_errors.write_error(error)


class _Whole:
    """Collects the events of an answer and writes it when it is complete."""

    content_type: ClassVar[str] = "application/json"

    def __init__(self, dialect: Embeddings, request: Request) -> None:
        self._dialect = dialect
        self._request = request
        self._folder = Folder()

    def encode(self, event: Event) -> bytes:
        """Nothing yet."""
        self._folder.add(event)
        return b""

    def passed(self, data: bytes) -> bytes:
        """The bytes as they are."""
        return data

    def close(self) -> bytes:
        """The answer, or the error it ended with."""
        failed = self._folder.failed
        if failed is not None:
            return msgspec.json.encode({"error": openai_errors.write_failed(failed)})
        return self._dialect.write_response(self._folder.response(), self._request)


def _read_inputs(fields: Fields) -> tuple[str | tuple[int, ...], ...]:
    """One text, several, the tokens of one, or the tokens of several."""
    value = fields.peek("input")
    if value is None:
        raise fields.missing("input")
    if isinstance(value, str):
        return (fields.need_text("input"),)
    wrong = fields.wrong("input", "a string, or a list of strings or token numbers that is not empty")
    if not isinstance(value, list) or not value:
        raise wrong
    fields.take("input")
    if all(_is_token(entry) for entry in value):
        return (tuple(value),)
    if all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if all(isinstance(entry, list) and entry and all(map(_is_token, entry)) for entry in value):
        return tuple(tuple(entry) for entry in value)
    raise wrong


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


# ------------------------------------------------------------------------------------------ upstreams


def write_request(request: Request, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
    """The request for a host.

    Raises:
        RequestError: naming what the host cannot be told.
    """
    if not request.inputs:
        raise RequestError("input is missing", field="input")
    fit = Fit({}, quirks, "the embedding host")
    request = translated(request, NAME, fit)
    inputs = request.inputs
    body: dict[str, Any] = {"model": model, "input": inputs[0] if len(inputs) == 1 else list(inputs)}
    if not all(isinstance(entry, str) for entry in inputs) and not fit.takes("tokens", "input"):
        raise fit.reject("input", "token numbers cannot be left out")
    if request.dimensions is not None and fit.takes("dimensions", "dimensions"):
        body["dimensions"] = request.dimensions
    merge(body, request.extra)
    return WireRequest(PATH, {"content-type": "application/json"}, msgspec.json.encode(body), fit.emulated)


def is_answer(body: bytes) -> bool:
    """Whether a host's whole answer holds vectors and not a text."""
    return b'"embedding"' in body and b'"choices"' not in body


def read_response(body: bytes) -> list[Event]:
    """The events of a whole answer.

    Raises:
        MalformedReply: not JSON, or not vectors.
    """
    try:
        answer = msgspec.json.decode(body)
        if answer.get("error"):
            return [openai_errors.failed(answer["error"])]
        found = [_vector(entry, place) for place, entry in enumerate(answer["data"])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, TypeError, LookupError) as error:
        raise MalformedReply("the vectors have an unexpected form", body=body[:2000]) from error
    except AttributeError as error:
        raise MalformedReply("the answer is not a JSON object", body=body[:2000]) from error
    extra = {key: value for key, value in unmarked(answer).items() if key not in _KNOWN}
    model, usage = answer.get("model"), answer.get("usage")
    events: list[Event] = [Begin(model=model if isinstance(model, str) else None, extra=extra), *found]
    return [*events, UsageReport(usage=read_usage(usage))] if isinstance(usage, dict) else events


def _vector(entry: dict[str, Any], place: int) -> Embedded:
    index, vector = entry.get("index"), entry["embedding"]
    numbers = _unpack(vector) if isinstance(vector, str) else tuple(float(number) for number in vector)
    return Embedded(index=index if isinstance(index, int) else place, vector=numbers)


def _pack(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _unpack(text: str) -> tuple[float, ...]:
    data = base64.b64decode(text, validate=True)
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are no 32-bit floats")
    return struct.unpack(f"<{len(data) // 4}f", data)
