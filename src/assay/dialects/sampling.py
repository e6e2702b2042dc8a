"""The settings that chat and plain completions share: how tokens are drawn, and what a stream is asked for.

Notes in `extra`: `assay:max_tokens` = `max_completion_tokens` (the name that the client used), `assay:stop` =
`string` (one stop text, not a list), `assay:effort` = `reasoning` (said as OpenRouter's object, a budget too).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.dialects.capability import Fit
from assay.dialects.fields import MARK, Fields
from assay.errors import RequestError
from assay.types import Request, Sampling

__all__ = [
    "MAX_TOKENS_NOTE", "STOP_NOTE", "StreamWish", "read_sampling", "read_stream", "says_budget", "write_sampling",
    "write_stream",
]  # fmt: skip

MAX_TOKENS_NOTE = MARK + "max_tokens"
"""The name that the client used for the limit."""
STOP_NOTE = MARK + "stop"
"""Whether it said one stop text, or a list."""
_EFFORT = MARK + "effort"


class StreamWish(NamedTuple):
    """What a client wants of a stream."""

    stream: bool
    usage: bool


_PLAIN = ("temperature", "top_p", "seed", "n", "frequency_penalty", "presence_penalty", "logit_bias", "top_k")
_CHAT = ("logprobs", "top_logprobs", "reasoning_effort")
_FEATURE = {"top_logprobs": "logprobs"}  # where a setting is part of a feature of another name
_NOTHING = object()
_NEUTRAL: dict[str, object] = {
    "n": 1, "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False, "logit_bias": {},
}  # fmt: skip


def read_sampling(fields: Fields, notes: dict[str, Any], *, chat: bool = True) -> Sampling:
    """The sampling settings; what a reader must know to write them alike goes to `notes`."""
    most = fields.integer("max_completion_tokens", 0) if chat else None
    if most is not None:
        notes[MAX_TOKENS_NOTE] = "max_completion_tokens"
    else:
        most = fields.integer("max_tokens", 0)
    logprobs: bool | None
    if chat:
        logprobs, top_logprobs = fields.flag("logprobs"), fields.integer("top_logprobs", 0)
        effort, budget = _read_thinking(fields, notes)
    else:  # a plain completion says both in one number
        top_logprobs, effort, budget = fields.integer("logprobs", 0), None, None
        logprobs = None if top_logprobs is None else True
    return Sampling(
        max_tokens=most,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=_read_stop(fields, notes),
        seed=fields.integer("seed"),
        n=fields.integer("n", 1),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
        logit_bias=_read_bias(fields),
        reasoning_effort=effort,
        reasoning_tokens=budget,
    )


class _Thinking(NamedTuple):
    """How long to think, in one of two ways."""

    effort: str | None
    tokens: int | None = None


def _read_thinking(fields: Fields, notes: dict[str, Any]) -> _Thinking:
    """OpenAI's field, or OpenRouter's object where it says one thing only."""
    effort = fields.text("reasoning_effort")
    inner = fields.peek("reasoning")
    if effort is not None or not isinstance(inner, dict) or inner.keys() not in ({"effort"}, {"max_tokens"}):
        return _Thinking(effort)
    said = fields.inner("reasoning")
    found = _Thinking(said.text("effort"), said.integer("max_tokens", 0))
    notes[_EFFORT] = "reasoning" if found != _Thinking(None) else None
    return found


def says_budget(request: Request) -> bool:
    """Whether a client of this format has said how many tokens may be thought: its host is the judge of that."""
    return request.sampling.reasoning_tokens is not None and request.extra.get(_EFFORT) == "reasoning"


def _read_stop(fields: Fields, notes: dict[str, Any]) -> tuple[str, ...]:
    value = fields.peek("stop")
    if isinstance(value, str):
        notes[STOP_NOTE] = "string"
        fields.take("stop")
        return (value,)
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise fields.wrong("stop", "a string or a list of strings")
    fields.take("stop")
    return tuple(value)


def _read_bias(fields: Fields) -> dict[str, float] | None:
    bias = fields.mapping("logit_bias")
    for token, value in (bias or {}).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise fields.wrong("logit_bias", f"an object of numbers; that of {token!r} is none")
    return bias


def write_sampling(request: Request, quirks: Mapping[str, Any], fit: Fit, *, chat: bool = True) -> dict[str, Any]:
    """The fields for a request's sampling settings; only what is set.

    Raises:
        RequestError: naming a setting that the host does not take.
    """
    sampling = request.sampling
    wire: dict[str, Any] = {}
    for key in (*_PLAIN, *_CHAT):
        value = getattr(sampling, key)
        if value is not None and _takes(fit, _FEATURE.get(key, key), value):
            wire[key] = value
    if sampling.top_k == 1 and "top_k" not in wire:
        wire["temperature"] = 0.0  # the most probable token only
    if "reasoning_effort" in wire and request.extra.get(_EFFORT) == "reasoning":
        wire["reasoning"] = {"effort": wire.pop("reasoning_effort")}
    if sampling.reasoning_tokens is not None:
        field = "reasoning.max_tokens" if says_budget(request) else quirks.get("budget_field", "thinking_budget")
        outer, _, inner = str(field).partition(".")
        wire[outer] = {inner: sampling.reasoning_tokens} if inner else sampling.reasoning_tokens
    if "seed" in wire and "seed_field" in quirks:
        wire[quirks["seed_field"]] = wire.pop("seed")
    if sampling.max_tokens is not None and fit.takes("max_tokens", "max_tokens"):
        name = quirks.get("max_tokens_field") or request.extra.get(MAX_TOKENS_NOTE, "max_tokens")
        wire[name if chat else "max_tokens"] = sampling.max_tokens
    if sampling.stop and fit.takes("stop", "stop"):
        single = len(sampling.stop) == 1 and request.extra.get(STOP_NOTE) == "string"
        wire["stop"] = sampling.stop[0] if single else list(sampling.stop)
    if not chat:
        most = wire.pop("top_logprobs", None)
        if wire.pop("logprobs", None):
            wire["logprobs"] = most or 0
    return wire


def _takes(fit: Fit, feature: str, value: object) -> bool:
    """Whether to write a setting; one that changes nothing is not said to a host that does not take it."""
    if value == _NEUTRAL.get(feature, _NOTHING) and fit.rule(feature).verdict != "keep":
        return False
    return fit.takes(feature, feature)


def read_stream(fields: Fields, notes: dict[str, Any]) -> StreamWish:
    """Whether to stream, and whether the client wants usage in the stream; other options go to `notes`."""
    stream = fields.flag("stream") or False
    if fields.peek("stream_options") is None:
        return StreamWish(stream, usage=False)
    options = fields.inner("stream_options")
    usage = options.flag("include_usage") or False
    more = options.rest()
    if more:
        notes["stream_options"] = more
    return StreamWish(stream, usage)


def write_stream(request: Request, quirks: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that ask for a stream with usage.

    Raises:
        RequestError: the client set options of the stream and this host takes none.
    """
    options = request.extra.get("stream_options")
    more = {key: value for key, value in (options or {}).items() if key != "include_usage"}
    if quirks.get("stream_options", True):
        return {"stream": True, "stream_options": {"include_usage": True, **more}}
    if more:
        raise RequestError("stream_options: this host takes none", field="stream_options")
    return {"stream": True}
