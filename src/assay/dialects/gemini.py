"""The dialect `gemini`: Google's generateContent, as an upstream only.

Quirks of a host (the `quirks` of `write_request`), all optional; `capabilities` and `ignore` as everywhere:

| quirk | default | meaning |
|---|---|---|
| `schema_dialect` | by the model's name | `json-schema`, or `openapi` for Google's own subset |
| `thinking` | by the model's name | how effort is said: `budget`, `level`, or `none` for models that do not think |
| `sign_calls` | by the model's name | whether a call of another model gets Google's stand-in for a signature |
| `call_ids` | true | false: calls and tools' answers are sent without ids |
| `count_form` | `nested` | `flat`: tokens are counted in Vertex's form |

Vertex AI speaks the same format: its `base_url` ends with `/publishers/google` and its key goes with `auth = "bearer"`;
it has no embeddings in this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from assay.dialects import gemini_answer, gemini_errors, gemini_request
from assay.dialects.capability import Fit, Rule
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.dialect import Decoder, WireRequest
from assay.dialects.gemini_candidate import NAME
from assay.dialects.gemini_stream import GeminiParser
from assay.errors import ProviderError, RequestError
from assay.types import Event, Native, Request

__all__ = ["Gemini"]

_COLLECTIONS = ("models", "tunedModels")


class Gemini:
    """Gemini as an upstream; the methods are described in `dialect.Outbound`."""

    name: ClassVar[str] = NAME
    takes_raw: ClassVar[frozenset[str]] = frozenset()
    capabilities: ClassVar[Mapping[str, Rule]] = gemini_request.CAPABILITIES

    def auth(self, key: str) -> dict[str, str]:
        """Google's own header for keys."""
        return {"x-goog-api-key": key}

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for Gemini; raises `RequestError` for what it cannot be told."""
        fit = Fit(gemini_request.CAPABILITIES, quirks, "Gemini")
        name = _resource(model)
        match request.form:
            case "chat":
                method = "streamGenerateContent?alt=sse" if stream else "generateContent"
                body = gemini_request.write_generation(request, model=model, quirks=quirks, fit=fit)
            case "count":
                method, body = "countTokens", gemini_request.write_count(request, model=name, quirks=quirks, fit=fit)
            case "embedding":
                method, body = "batchEmbedContents", gemini_request.write_embedding(request, model=name, fit=fit)
            case _:
                raise RequestError("prompt: a raw completion cannot be sent to Gemini", field="prompt")
        headers = {"content-type": "application/json"}
        return WireRequest(f"/{_escaped(name)}:{method}", headers, msgspec.json.encode(body), fit.emulated)

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """No client of the gateway speaks this format; raises `RequestError`."""
        raise RequestError(f"a request of the format {native.dialect!r} cannot be passed to Gemini as it is")

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole answer; raises `MalformedReply`."""
        return gemini_answer.read_response(body)

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        return StreamDecoder(gemini_answer.Reader(), GeminiParser())

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of an answer with a status of 400 or more."""
        return gemini_errors.read_error(status, headers, body)


def _resource(model: str) -> str:
    """The model's name with its collection, as Google writes it."""
    return model if model.startswith(tuple(f"{name}/" for name in _COLLECTIONS)) else f"models/{model}"


def _escaped(resource: str) -> str:
    """The name as two segments of a path, whatever the second one holds."""
    collection, _, model = resource.partition("/")
    return f"{collection}/{quote(model, safe='')}"
