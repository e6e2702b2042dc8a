"""The dialect `openai`: OpenAI's chat completions and the many hosts that speak it.

Quirks of a host (the `quirks` of `write_request`), all optional:

| quirk | default | meaning |
|---|---|---|
| `max_tokens_field` | what the client used, else `max_tokens` | the name of the limit: `max_tokens` or `max_completion_tokens` |
| `seed_field` | `seed` | the name of the seed: `random_seed` (Mistral) |
| `grammar` | false | takes a GBNF `grammar` (llama.cpp) |
| `top_k` | false | takes `top_k` |
| `developer_role` | true | false: developer messages are written as system messages |
| `stream_options` | true | false: a stream is asked for without `stream_options`, so the host may not tell its usage |
| `reasoning_field` | none | where the reasoning of earlier turns goes that came in another format: `reasoning_content` or `reasoning` |
| `budget_field` | none | where a thinking budget in tokens goes: `thinking_budget`, or `reasoning.max_tokens` (OpenRouter) |
| `reasoning_details` | false | gives signatures back to the providers that made them (OpenRouter; Google's endpoint of this format) |
| `prefill_field` | none | the field that makes a last assistant message the answer's beginning: `prefix` (Mistral, DeepSeek) |
| `longest_call_id` | none | most characters of a tool call's id (OpenAI: 40) |
| `call_id_length` | none | ids of tool calls are exactly so many letters and digits (Mistral: 9) |
| `capabilities`, `ignore` | none | see `capability` |

What this format or the host cannot be told is emulated and noted, or raises `RequestError`; nothing is dropped silently.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.dialects import chat_answer, chat_request, chat_writer, embeddings, openai_errors, splice
from assay.dialects.capability import Rule
from assay.dialects.chat_parts import DIALECT
from assay.dialects.chat_skim import ChatSkim, skim_whole
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.dialect import Decoder, WireError, WireRequest
from assay.errors import AssayError, ProviderError, RequestError
from assay.types import Event, Native, Request, Response

__all__ = ["OpenAIChat"]


class OpenAIChat:
    """OpenAI chat completions, both directions; the methods are described in `dialect.Dialect`."""

    name: ClassVar[str] = DIALECT
    paths: ClassVar[tuple[str, ...]] = ("/chat/completions",)
    carried_headers: ClassVar[tuple[str, ...]] = ()
    request_id_header: ClassVar[str] = "x-request-id"
    takes_raw: ClassVar[frozenset[str]] = frozenset({DIALECT, embeddings.NAME})
    capabilities: ClassVar[Mapping[str, Rule]] = chat_request.CAPABILITIES

    def auth(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    read_request = staticmethod(chat_request.read_request)

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for a host; raises `RequestError` for what the host cannot be told."""
        if request.form == "embedding":
            return embeddings.write_request(request, model=model, quirks=quirks)
        if request.form != "chat":
            field, what = ("prompt", "a raw completion") if request.form == "completion" else ("messages", "a count")
            raise RequestError(f"{what} cannot be asked of a chat completion host", field=field)
        written = chat_request.write_request(request, model=model, stream=stream, quirks=quirks)
        return WireRequest(self.paths[0], {"content-type": "application/json"}, written.body, written.emulated)

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """The client's bytes with the model's name exchanged, and usage asked for where the host can be asked."""
        path = embeddings.PATH if native.dialect == embeddings.NAME else self.paths[0]
        usage = native.dialect == DIALECT and bool(quirks.get("stream_options", True))
        return WireRequest(path, native.headers, splice.splice_model(native.raw, model, usage=usage))

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole answer, a text or vectors; raises `MalformedReply`."""
        if embeddings.is_answer(body):
            return embeddings.read_response(body)
        return chat_answer.read_response(body)

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        return StreamDecoder(chat_answer.Reader("delta"))

    skim = staticmethod(ChatSkim)
    skim_whole = staticmethod(skim_whole)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of a host's answer with a status of 400 or more."""
        return openai_errors.read_error(status, headers, body)

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer."""
        return chat_writer.write_response(response, request)

    encoder = staticmethod(chat_writer.ChatEncoder)

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return openai_errors.write_error(error)
