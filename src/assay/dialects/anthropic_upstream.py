"""Messages requests, written for a host; its quirks are described in `anthropic`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from assay.dialects.anthropic_blocks import DIALECT
from assay.dialects.anthropic_model import draws_by_itself, lacks_schemas, takes_later_system, takes_one_sampler
from assay.dialects.anthropic_output import put_output
from assay.dialects.anthropic_request import EMPTY, OUTPUT, THINKING
from assay.dialects.anthropic_thinking import put_thinking
from assay.dialects.anthropic_tools import write_tools
from assay.dialects.anthropic_turns import write_conversation
from assay.dialects.capability import Fit, Rule
from assay.dialects.fields import merge
from assay.dialects.foreign import is_foreign, translated
from assay.errors import RequestError
from assay.types import Request, Sampling

__all__ = ["CAPABILITIES", "DEFAULT_MAX_TOKENS", "Written", "write_request"]

DEFAULT_MAX_TOKENS = 32_000
"""The format demands a limit. This one, which each model that Anthropic offers can write, holds where neither request,
deployment nor catalogue has one; that is noted."""

CAPABILITIES: dict[str, Rule] = {
    "seed": Rule("emulate", "left out: best effort by its definition"),
    "n": Rule("reject", "one request has one answer"),
    "frequency_penalty": Rule("reject", "there are no penalties"),
    "presence_penalty": Rule("reject", "there are no penalties"),
    "logprobs": Rule("emulate", "left out: none are told; the answer is the same without them"),
    "logit_bias": Rule("reject", "tokens cannot be weighed"),
    "grammar": Rule("reject", "an answer follows a JSON schema or nothing"),
    "json": Rule("emulate", "the prompt says it: who asks for some JSON must ask for it in words, too"),
    "tool_choice.allowed": Rule("emulate", "the other tools are not sent"),
    "refusal": Rule("emulate", "sent as the text that it is"),
    "message.name": Rule("emulate", "left out: turns have roles, not names"),
    "image.detail": Rule("emulate", "left out: each image is looked at alike"),
    "audio": Rule("reject", "no model hears"),
    "video.data": Rule("reject", "no model sees videos"),
    "video.url": Rule("reject", "no model sees videos"),
}
"""What Anthropic cannot be told; what is not here is kept."""
_OF_OLD_MODELS = {
    "json_schema": Rule("emulate", "asked for in words: the model is not held to schemas"),
    "tools.strict": Rule("emulate", "left out: the model is not held to schemas"),
}
_OF_NEW_MODELS = dict.fromkeys(
    ("temperature", "top_p", "top_k"),
    Rule("emulate", "left out: the model draws by itself and refuses to be told"),
)
_FOREIGN = {
    "document.id": Rule("reject", "the file is stored at another provider"),
    "tools.native": Rule("reject", "the tool is another provider's own"),
}
_WARMEST = _NEUTRAL = 1.0
_SHARED = frozenset({"cache_control"})  # on parts and tools, as OpenRouter made it known for chats
_USERS = ("user", "safety_identifier")


class Written(NamedTuple):
    """A body, and what of the request is emulated in it."""

    body: bytes
    emulated: tuple[str, ...]


def write_request(request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> Written:
    """The body of a request for an answer, or for the number of its tokens.

    Raises:
        RequestError: naming what this format, or this host, cannot express.
    """
    if request.form not in ("chat", "count"):
        raise RequestError(f"a request of the form {request.form!r} cannot be sent to Anthropic", field="model")
    foreign = is_foreign(request, DIALECT)
    fit = Fit(_table(model, foreign=foreign), quirks, "Anthropic", _SHARED)
    body: dict[str, Any] = {"model": model}
    if foreign:
        body |= _metadata(request)
        request = _in_our_words(request, fit)
    told = write_conversation(request.messages, fit, foreign=foreign)
    if told.system is not None:
        body["system"] = told.system
    body["messages"] = told.turns
    body |= write_tools(request, fit, foreign=foreign)
    if request.form == "chat":
        body |= _sampling_wire(request.sampling, fit, quirks)
        if foreign and takes_one_sampler(model):
            _keep_one_sampler(body, fit)
        if stream:
            body["stream"] = True
    body["output_config"] = dict(request.extra.get("output_config") or {})
    put_output(body, request.output, fit, foreign=foreign, old=OUTPUT in request.extra)
    put_thinking(body, request, fit, model=model, quirks=quirks)
    if not body["output_config"]:
        del body["output_config"]
    merge(body, dict.fromkeys(request.extra.get(EMPTY, ()), ()))
    return Written(msgspec.json.encode(merge(body, request.extra)), fit.emulated)


def _table(model: str, *, foreign: bool) -> dict[str, Rule]:
    table = dict(CAPABILITIES)
    if not takes_later_system(model):
        table["system.later"] = Rule("emulate", "put behind the first system text: the model takes no system turns")
    if lacks_schemas(model):
        table |= _OF_OLD_MODELS
    if foreign:
        table |= _FOREIGN
        table |= _OF_NEW_MODELS if draws_by_itself(model) else {}
    return table


def _metadata(request: Request) -> dict[str, Any]:
    """Who the user is, where another format says it at the top."""
    user = next((name for key in _USERS if isinstance(name := request.extra.get(key), str) and name), None)
    return {} if user is None else {"metadata": {"user_id": user}}


def _in_our_words(request: Request, fit: Fit) -> Request:
    """The request without what only another format knows, and with the `thinking` that chats have as we do."""
    thinking = request.extra.get("thinking")
    said = thinking if isinstance(thinking, dict) else {}
    ours = said.get("type") in ("adaptive", "disabled") or (said.get("type") == "enabled" and "budget_tokens" in said)
    known = (*_USERS, "thinking") if ours else _USERS
    rest = {key: value for key, value in request.extra.items() if key not in known}
    translation = translated(msgspec.structs.replace(request, extra=rest), DIALECT, fit)
    return msgspec.structs.replace(translation, extra={THINKING: thinking}) if ours else translation


def _sampling_wire(sampling: Sampling, fit: Fit, quirks: Mapping[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = {"max_tokens": _max_tokens(sampling, fit, quirks)}
    for key in ("temperature", "top_p", "top_k"):
        value = getattr(sampling, key)
        neutral = value == _NEUTRAL and fit.rule(key).verdict != "keep"
        if value is not None and not neutral and fit.takes(key, key):
            wire[key] = value
    if wire.get("temperature", 0) > _WARMEST:
        raise fit.reject("temperature", f"its range is 0 to 1, not {sampling.temperature}")
    if sampling.stop and fit.takes("stop", "stop"):
        wire["stop_sequences"] = list(sampling.stop)
    for key, feature, wanted in (
        ("seed", "seed", sampling.seed is not None),
        ("n", "n", sampling.n not in (None, 1)),
        ("frequency_penalty", "frequency_penalty", bool(sampling.frequency_penalty)),
        ("presence_penalty", "presence_penalty", bool(sampling.presence_penalty)),
        ("logprobs", "logprobs", bool(sampling.logprobs)),
        ("top_logprobs", "logprobs", bool(sampling.top_logprobs)),
        ("logit_bias", "logit_bias", bool(sampling.logit_bias)),
    ):
        if wanted and fit.takes(feature, key):
            wire[key] = getattr(sampling, key)
    return wire


def _keep_one_sampler(body: dict[str, Any], fit: Fit) -> None:
    """Of a temperature and a share of the probability the temperature: both together are refused."""
    if "temperature" in body and "top_p" in body and body.pop("top_p") != _NEUTRAL:
        fit.note("top_p")


def _max_tokens(sampling: Sampling, fit: Fit, quirks: Mapping[str, Any]) -> int:
    if sampling.max_tokens is not None:
        return sampling.max_tokens
    most = quirks.get("default_max_tokens")
    if most is not None:
        return int(most)
    fit.note("max_tokens")
    return DEFAULT_MAX_TOKENS
