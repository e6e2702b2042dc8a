"""Requests of OpenAI's Responses: both directions. The quirks of hosts are described in `responses`.

Notes in `extra` (see `fields`): `assay:neutral` = fields whose value says what is so anyway, which no other format
need be told. `verbosity` of `text` stands under that name, as chat completions have it; what else `text` and
`reasoning` hold and no field of ours does, under `text.` and `reasoning.` and its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.dialects.call_ids import CallIds
from assay.dialects.capability import Fit, Rule
from assay.dialects.chat_parts import DIALECT as CHAT
from assay.dialects.fields import MARK, Fields, merge, parse_object
from assay.dialects.foreign import is_foreign, note_thinking, translated
from assay.dialects.responses_content import NAME
from assay.dialects.responses_history import History
from assay.dialects.responses_items import INSTRUCTIONS, read_items
from assay.dialects.responses_marks import CUSTOM, ITEMS
from assay.dialects.responses_reasoning import is_foreign_id
from assay.dialects.responses_tools import (
    read_choice,
    read_format,
    read_tool,
    write_choice,
    write_format,
    write_tool,
)  # fmt: skip
from assay.dialects.thinking_budget import as_effort
from assay.types import Message, Native, OutputFormat, Request, Sampling, Text, ToolCall

__all__ = ["CAPABILITIES", "read_request", "rules", "write_request"]

_INPUT = MARK + "input"  # it was said as a string
_NEUTRAL_NOTE = MARK + "neutral"
_NEUTRAL = {"background": False, "truncation": "disabled", "top_logprobs": 0, "tools": []}
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_PLAIN = ("temperature", "top_p")
_ELSEWHERE = ("top_k", "stop", "seed", "n", "frequency_penalty", "presence_penalty", "logit_bias")
_COUNTED = frozenset({
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "truncation",
    "previous_response_id", "conversation",
})  # fmt: skip
_SHARED = (
    "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user",
    "verbosity",
)  # fmt: skip
_LONGEST_CALL_ID = 64

CAPABILITIES: dict[str, Rule] = {
    "top_k": Rule("reject", "the format has no top_k"),
    "stop": Rule("emulate", "the gateway cuts the answer where one begins"),
    "seed": Rule("emulate", "left out: it promises nothing"),
    "n": Rule("reject", "the format gives one answer"),
    "frequency_penalty": Rule("reject", "the format has no penalties"),
    "presence_penalty": Rule("reject", "the format has no penalties"),
    "logit_bias": Rule("reject", "the format has no logit_bias"),
    "grammar": Rule("reject", "the format has no GBNF grammars"),
    "tools.native": Rule("reject", "another provider's own tool"),
    "tool_result.error": Rule("emulate", "the text is sent without the mark"),
    "message.name": Rule("emulate", "left out: a message has no name"),
    "reasoning_tokens": Rule("emulate", "said as the effort that it comes to"),
    "audio": Rule("reject", "OpenAI takes no sounds here"),
    "video.data": Rule("reject", "the format takes no videos"),
    "video.url": Rule("reject", "the format takes no videos"),
}


# -------------------------------------------------------------------------------------------- reading


def read_request(body: bytes) -> Request:
    """A client's request.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(parse_object(body))
    notes: dict[str, Any] = {}
    _take_neutral(fields, notes)
    model = fields.text("model") or ""
    messages = (*_read_instructions(fields), *_read_input(fields))
    tools = tuple(read_tool(entry, f"tools[{n}]") for n, entry in enumerate(fields.array("tools") or ()))
    choice = read_choice(fields)
    parallel = fields.flag("parallel_tool_calls")
    output = _read_text(fields, notes)
    sampling = _read_sampling(fields, notes)
    stream = fields.flag("stream") or False
    return Request(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        sampling=sampling,
        stream=stream,
        stream_usage=stream,
        native=None if _has_foreign(messages) else Native(dialect=NAME, raw=body),
        origin=NAME,
        extra={**notes, **fields.rest()},
    )


def _take_neutral(fields: Fields, notes: dict[str, Any]) -> None:
    found = {key: value for key, value in _NEUTRAL.items() if fields.has(key) and fields.peek(key) == value}
    for key in found:
        fields.take(key)
    if found:
        notes[_NEUTRAL_NOTE] = found


def _read_instructions(fields: Fields) -> list[Message]:
    text = fields.text("instructions")
    return [] if text is None else [Message(role="system", parts=(Text(text=text),), extra={INSTRUCTIONS: True})]


def _read_input(fields: Fields) -> list[Message]:
    value = fields.peek("input")
    if value is None:
        # What is asked may stand at the provider.
        if any(fields.peek(key) is not None for key in ("previous_response_id", "conversation", "prompt")):
            return []
        raise fields.missing("input")
    if isinstance(value, str):
        fields.take("input")
        return [Message(role="user", parts=(Text(text=value),), extra={_INPUT: "string"})]
    entries = fields.array("input") or []
    if not entries and fields.peek("previous_response_id") is None and fields.peek("conversation") is None:
        raise fields.wrong("input", "a string or a list of at least one item")
    return read_items(entries, "input")


def _has_foreign(messages: tuple[Message, ...]) -> bool:
    """Whether it holds what an answer of another provider had, which a host of this format must not be sent."""
    for message in messages:
        for item in message.extra.get(ITEMS) or ():
            if is_foreign_id((item.get("rest") or {}).get("id")):
                return True
        if any(isinstance(part, ToolCall) and "extra_content" in part.extra for part in message.parts):
            return True
    return False


def _read_text(fields: Fields, notes: dict[str, Any]) -> OutputFormat | None:
    if fields.peek("text") is None:
        return None
    text = fields.inner("text")
    output = read_format(text)
    if text.has("verbosity"):
        notes["verbosity"] = text.take("verbosity")
    notes |= {f"text.{key}": value for key, value in text.rest().items()}
    return output


def _read_sampling(fields: Fields, notes: dict[str, Any]) -> Sampling:
    effort = None
    if fields.peek("reasoning") is not None:
        reasoning = fields.inner("reasoning")
        effort = reasoning.text("effort")
        notes |= {f"reasoning.{key}": value for key, value in reasoning.rest().items()}
    top = fields.integer("top_logprobs", 0)
    include = fields.peek("include")
    if not isinstance(include, list | None):
        raise fields.wrong("include", "a list of strings")
    wanted = include is not None and _LOGPROBS in include
    return Sampling(
        max_tokens=fields.integer("max_output_tokens", 1),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        logprobs=True if wanted or top else None,
        top_logprobs=top,
        reasoning_effort=effort,
    )


# -------------------------------------------------------------------------------------------- writing


def rules(request: Request) -> dict[str, Rule]:
    """The table for a request: of what a client of this format shows, its host is the judge."""
    if is_foreign(request, NAME):
        return CAPABILITIES
    return {feature: rule for feature, rule in CAPABILITIES.items() if feature != "audio"}


def write_request(request: Request, *, model: str, stream: bool, fit: Fit, quirks: Mapping[str, Any]) -> bytes:
    """The body of a request for a host.

    Raises:
        RequestError: naming what this format, or this host, cannot be told.
    """
    if request.form not in ("chat", "count"):
        field = "prompt" if request.form == "completion" else "input"
        raise fit.reject(field, f"it takes chats, no {request.form}")
    own = not is_foreign(request, NAME)
    custom = frozenset(
        part.id for message in request.messages for part in message.parts
        if isinstance(part, ToolCall) and part.extra.get("type") == CUSTOM
    )  # fmt: skip
    shared = {} if own else _shared(request)
    note_thinking(request, fit)
    request = as_effort(translated(_without(request, shared), NAME, fit), fit)
    request = msgspec.structs.replace(request, extra=request.extra | shared)
    ids = CallIds(None if own else _LONGEST_CALL_ID)
    body: dict[str, Any] = {"model": model}
    messages = request.messages
    if messages and INSTRUCTIONS in messages[0].extra:
        body["instructions"] = messages[0].text
        messages = messages[1:]
    if len(messages) == 1 and messages[0].extra.get(_INPUT) == "string" and _is_text(messages[0]):
        body["input"] = messages[0].text
    elif messages or not _stands_elsewhere(request):
        body["input"] = History(fit, own=own, custom=custom, ids=ids).write(messages)
    _put_tools(body, request, fit, own=own)
    _put_sampling(body, request.sampling, fit)
    _put_text(body, request, fit)
    _put_reasoning(body, request)
    _put_include(body, request, quirks, own=own)
    if stream:
        body["stream"] = True
    merge(body, _rest(request.extra))
    if not own:
        body.setdefault("store", False)  # whose client brings the whole conversation need not have it kept
    if request.form == "count":
        body = {key: value for key, value in body.items() if key in _COUNTED}
    return msgspec.json.encode(body)


def _shared(request: Request) -> dict[str, Any]:
    """What chat completions and this format call alike and mean alike."""
    known = request.extra if request.origin == CHAT else {}
    return {key: known[key] for key in _SHARED if known.get(key) is not None}


def _without(request: Request, fields: Mapping[str, Any]) -> Request:
    left = {key: value for key, value in request.extra.items() if key not in fields}
    return msgspec.structs.replace(request, extra=left)


def _is_text(message: Message) -> bool:
    return len(message.parts) == 1 and isinstance(message.parts[0], Text)


def _stands_elsewhere(request: Request) -> bool:
    return any(request.extra.get(key) is not None for key in ("previous_response_id", "conversation", "prompt"))


def _rest(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the client that stand as they are."""
    nested = ("text.", "reasoning.")
    left = {key: value for key, value in extra.items() if not key.startswith(nested) and key != "verbosity"}
    return left | (extra.get(_NEUTRAL_NOTE) or {})


def _put_tools(body: dict[str, Any], request: Request, fit: Fit, *, own: bool) -> None:
    if request.tools:
        body["tools"] = [write_tool(tool, f"tools[{n}]", fit, own=own) for n, tool in enumerate(request.tools)]
    if request.tool_choice is not None:
        custom = frozenset(wire["name"] for wire in body.get("tools", ()) if wire.get("type") == CUSTOM)
        choice = write_choice(request.tool_choice, custom, fit)
        if choice is not None:
            body["tool_choice"] = choice
    if request.parallel_tool_calls is not None and fit.takes("parallel_tool_calls", "parallel_tool_calls"):
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _put_sampling(body: dict[str, Any], sampling: Sampling, fit: Fit) -> None:
    for key in _PLAIN:
        value = getattr(sampling, key)
        if value is not None and fit.takes(key, key):
            body[key] = value
    if sampling.max_tokens is not None and fit.takes("max_tokens", "max_tokens"):
        body["max_output_tokens"] = sampling.max_tokens
    for key in _ELSEWHERE:
        value = getattr(sampling, key)
        if _says_something(key, value) and fit.takes(key, key):
            body[key] = value
    if sampling.logprobs and fit.takes("logprobs", "logprobs") and sampling.top_logprobs is not None:
        body["top_logprobs"] = sampling.top_logprobs


def _says_something(key: str, value: object) -> bool:
    """Whether a setting asks for anything: 0 penalties or one answer are what is given anyway."""
    return value is not None if key == "seed" else bool(value) and (key, value) != ("n", 1)


def _put_text(body: dict[str, Any], request: Request, fit: Fit) -> None:
    text = _nested(request.extra, "text.")
    if request.output is not None:
        form = write_format(request.output, fit)
        if form is not None:
            text["format"] = form
    if "verbosity" in request.extra:
        text["verbosity"] = request.extra["verbosity"]
    if text:
        body["text"] = text


def _put_reasoning(body: dict[str, Any], request: Request) -> None:
    reasoning = _nested(request.extra, "reasoning.")
    if request.sampling.reasoning_effort is not None:
        reasoning["effort"] = request.sampling.reasoning_effort
    if reasoning:
        body["reasoning"] = reasoning


def _nested(extra: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in extra.items() if key.startswith(prefix)}


def _put_include(body: dict[str, Any], request: Request, quirks: Mapping[str, Any], *, own: bool) -> None:
    include = list(request.extra.get("include") or ())
    if request.sampling.logprobs and _LOGPROBS not in include:
        include.append(_LOGPROBS)
    sent_back = any(item.get("type") == "reasoning" for item in body.get("input") or () if isinstance(item, dict))
    thinks = request.sampling.reasoning_effort not in (None, "none") or sent_back
    if not own and quirks.get("encrypted_reasoning", thinks):  # models that do not think refuse it
        include.append(_ENCRYPTED)
    if include:
        body["include"] = include
