"""The dialect `completions`: OpenAI's plain text completions, which vLLM, llama.cpp and others offer too.

A prompt that is one string is translated. Any other prompt (several strings, token numbers) stays in
`Request.extra["prompt"]` and is passed to a host of this dialect; another format cannot take it. `echo`,
`best_of` and what a host invented stay in `extra`, too. Quirks: `top_k` and `stream_options` as in `openai_chat`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from assay.dialects import openai_errors, splice
from assay.dialects.capability import Fit, Rule
from assay.dialects.chat_answer import CHOICE, Choice, Reader
from assay.dialects.chat_usage import write_usage
from assay.dialects.chunk_encoder import ChunkEncoder, choice_notes, finish_wire, new_id
from assay.dialects.chunk_stream import StreamDecoder, read_answer
from assay.dialects.dialect import Decoder, Encoder, WireError, WireRequest
from assay.dialects.fields import MARK, Fields, merge, parse_object
from assay.dialects.foreign import translated
from assay.dialects.sampling import read_sampling, read_stream, write_sampling, write_stream
from assay.dialects.thinking_budget import as_effort
from assay.errors import AssayError, ProviderError, RequestError
from assay.types import (
    Event,
    Finished,
    Logprobs,
    Native,
    Part,
    Reasoning,
    ReasoningDelta,
    Request,
    Response,
    Text,
    TextDelta,
)  # fmt: skip

__all__ = ["CAPABILITIES", "Completions"]

_NAME = "completions"
_PROMPT = MARK + "prompt"


CAPABILITIES: dict[str, Rule] = {
    "tools": Rule("reject", "a plain completion calls no tools"),
    "json": Rule("reject", "a plain completion has no output format"),
    "json_schema": Rule("reject", "a plain completion has no output format"),
    "grammar": Rule("reject", "a plain completion has no output format"),
    "reasoning_effort": Rule("reject", "a plain completion does not think"),
    "reasoning_tokens": Rule("reject", "a plain completion does not think"),
    "top_k": Rule("reject", "OpenAI's format has no top_k; hosts that take it say so in their quirks"),
}


class Completions:
    """Plain completions, both directions; the methods are described in `dialect.Dialect`."""

    name: ClassVar[str] = _NAME
    paths: ClassVar[tuple[str, ...]] = ("/completions",)
    carried_headers: ClassVar[tuple[str, ...]] = ()
    request_id_header: ClassVar[str] = "x-request-id"
    takes_raw: ClassVar[frozenset[str]] = frozenset({_NAME})
    capabilities: ClassVar[Mapping[str, Rule]] = CAPABILITIES

    def auth(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def read_request(self, body: bytes) -> Request:
        """A client's request; raises `RequestError` naming the field that is wrong."""
        fields = Fields(parse_object(body))
        notes: dict[str, Any] = {}
        prompt = _read_prompt(fields, notes)
        model, suffix = fields.text("model") or "", fields.text("suffix")
        sampling = read_sampling(fields, notes, chat=False)
        stream, usage = read_stream(fields, notes)
        return Request(
            form="completion",
            model=model,
            prompt=prompt,
            suffix=suffix,
            sampling=sampling,
            stream=stream,
            stream_usage=usage,
            native=Native(dialect=_NAME, raw=body),
            origin=_NAME,
            extra={**notes, **fields.rest()},
        )

    def write_request(self, request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> WireRequest:
        """The request for a host; raises `RequestError` for what the format or the host cannot be told."""
        fit = Fit(_table(quirks), quirks, "the completion host")
        body: dict[str, Any] = {"model": model, "prompt": _prompt_wire(request, fit)}
        request = translated(request, _NAME, fit)
        if request.suffix is not None:
            body["suffix"] = request.suffix
        body |= write_sampling(as_effort(request, fit), quirks, fit, chat=False)
        if stream:
            body |= write_stream(request, quirks)
        merge(body, {key: value for key, value in request.extra.items() if key != "stream_options"})
        return WireRequest(self.paths[0], {"content-type": "application/json"}, msgspec.json.encode(body), fit.emulated)

    def pass_request(self, native: Native, *, model: str, quirks: Mapping[str, Any]) -> WireRequest:
        """The client's bytes with the model's name exchanged, and usage asked for where the host can be asked."""
        usage = bool(quirks.get("stream_options", True))
        return WireRequest(self.paths[0], native.headers, splice.splice_model(native.raw, model, usage=usage))

    def read_response(self, body: bytes) -> list[Event]:
        """The events of a whole answer; raises `MalformedReply`."""
        return read_answer(body, _TextReader("message"))

    def decoder(self) -> Decoder:
        """A new decoder for one streamed answer."""
        return StreamDecoder(_TextReader("delta"))

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The typed error of a host's answer with a status of 400 or more."""
        return openai_errors.read_error(status, headers, body)

    def write_response(self, response: Response, request: Request) -> bytes:
        """A whole answer. Reasoning, which has no place in this format, stands under `reasoning_content`."""
        choices = [_choice_wire(one, index) for index, one in enumerate((response, *response.alternatives))]
        body: dict[str, Any] = {
            "id": response.id or new_id("cmpl"),
            "object": "text_completion",
            "created": int(time.time()) if response.created is None else response.created,
            "model": response.model or request.model,
            "choices": choices,
        }
        if response.usage is not None:
            body["usage"] = write_usage(response.usage)
        return msgspec.json.encode(merge(body, response.extra))

    def encoder(self, request: Request) -> Encoder:
        """A new encoder for one streamed answer."""
        return TextEncoder(request)

    def write_error(self, error: AssayError, request_id: str | None = None) -> WireError:
        """An error object; never internals, never a key."""
        return openai_errors.write_error(error)


# ------------------------------------------------------------------------------------------- requests


def _read_prompt(fields: Fields, notes: dict[str, Any]) -> str | None:
    value = fields.peek("prompt")
    if value is None:
        raise fields.missing("prompt")
    if isinstance(value, str):
        return fields.text("prompt")
    if not isinstance(value, list) or not value:
        raise fields.wrong("prompt", "a string, or a list of strings or token numbers that is not empty")
    if len(value) == 1 and isinstance(value[0], str):
        fields.take("prompt")
        notes[_PROMPT] = "list"
        return value[0]
    kinds = {type(entry) for entry in value}
    if kinds not in ({str}, {int}, {list}):
        raise fields.wrong("prompt", "a list of strings, of token numbers or of lists of token numbers")
    return None


"""What the format itself cannot be told."""
_FORMS = {
    "chat": ("messages", "a chat"), "embedding": ("input", "an embedding"), "count": ("messages", "a count of tokens"),
}  # fmt: skip


def _table(quirks: Mapping[str, Any]) -> Mapping[str, Rule]:
    return CAPABILITIES | {"top_k": Rule("keep")} if quirks.get("top_k") is True else CAPABILITIES


def _prompt_wire(request: Request, fit: Fit) -> Any:
    """The prompt, of a request that has what a plain completion can be told."""
    if request.form != "completion":
        field, what = _FORMS[request.form]
        raise RequestError(f"{what} cannot be sent to a plain completion", field=field)
    if request.messages:
        raise RequestError("messages cannot be sent to a plain completion", field="messages")
    for key in ("tools", "tool_choice", "parallel_tool_calls"):
        if getattr(request, key) not in (None, ()):
            fit.takes("tools", key)
    if request.output is not None and request.output.kind != "text":
        fit.takes(request.output.kind, "response_format")
    if request.prompt is not None:
        return [request.prompt] if request.extra.get(_PROMPT) == "list" else request.prompt
    if request.extra.get("prompt") is None:
        raise RequestError("prompt is missing", field="prompt")
    return request.extra["prompt"]


# -------------------------------------------------------------------------------------------- answers


class _TextReader(Reader):
    """Chunks of plain completions to events; a whole answer has the same form as a chunk."""

    choice_keys: ClassVar[frozenset[str]] = frozenset({"index", "text", "finish_reason", "logprobs"})

    def _take_body(self, choice: Choice, entry: dict[str, Any], out: list[Event]) -> None:
        text = entry.get("text")
        if text:
            if not isinstance(text, str):
                raise TypeError("the text of a choice is not a string")
            out.append(TextDelta(text=text, choice=choice.index))


def _choice_wire(response: Response, index: int) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "text": response.text,
        "index": index,
        "logprobs": response.logprobs,
        **finish_wire(response.finish),
    }
    for part in response.parts:
        if not isinstance(part, Text):
            _put_foreign(choice, part)
    return choice | choice_notes(response.extra, CHOICE)


def _put_foreign(choice: dict[str, Any], part: Part) -> None:
    if isinstance(part, Reasoning):
        choice["reasoning_content"] = choice.get("reasoning_content", "") + part.text
    else:
        choice.setdefault("native_parts", []).append(msgspec.to_builtins(part))


class TextEncoder(ChunkEncoder):
    """Turns events into the chunks of a streamed plain completion."""

    prefix: ClassVar[str] = "cmpl"
    object: ClassVar[str] = "text_completion"

    def _finish(self, event: Finished) -> dict[str, Any]:
        choice = {"text": "", "index": event.choice, "logprobs": None, **finish_wire(event.finish)}
        return choice | choice_notes(event.extra, CHOICE)

    def _logprobs(self, event: Logprobs) -> dict[str, Any]:
        return {"text": "", "index": event.choice, "logprobs": event.data, "finish_reason": None}

    def _delta(self, event: Event) -> dict[str, Any] | None:
        text = event.text if isinstance(event, TextDelta) else ""
        choice = {"text": text, "index": getattr(event, "choice", 0), "logprobs": None, "finish_reason": None}
        if isinstance(event, ReasoningDelta):
            choice["reasoning_content"] = event.text
        elif not isinstance(event, TextDelta):
            choice["native_parts"] = [msgspec.to_builtins(event)]
        return choice
