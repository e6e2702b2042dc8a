"""Requests to Gemini: generateContent, and the bodies for counting tokens and for embeddings.

What an operator sets in `extra` without another format's words (`safetySettings`, `cachedContent`, members of
`generationConfig`) is added; what the request itself says wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.capability import Fit, Rule
from assay.dialects.fields import merge
from assay.dialects.foreign import translated
from assay.dialects.gemini_candidate import NAME
from assay.dialects.gemini_contents import write_contents
from assay.dialects.gemini_model import Facts, facts
from assay.dialects.gemini_schema import to_openapi
from assay.dialects.gemini_tools import write_tools
from assay.errors import RequestError
from assay.types import OutputFormat, Request, Sampling

__all__ = ["CAPABILITIES", "write_count", "write_embedding", "write_generation"]

_FETCHES = "Gemini fetches only its own files, gs:// and YouTube; send the data"
CAPABILITIES: dict[str, Rule] = {
    "logit_bias": Rule("reject", "no single token can be raised or lowered"),
    "grammar": Rule("reject", "only JSON schemas limit the answer"),
    "image.url": Rule("reject", _FETCHES),
    "video.url": Rule("reject", _FETCHES),
    "document.url": Rule("reject", _FETCHES),
    "document.id": Rule("reject", "the id is another provider's"),
    "tools.native": Rule("reject", "the tool, or what it said, is another provider's own"),
    "tokens": Rule("reject", "inputs are texts"),
    "image.detail": Rule("emulate", "the model chooses how closely it looks"),
    "parallel_tool_calls": Rule("emulate", "it cannot be kept from calling several at once"),
    "tools.strict": Rule("emulate", "arguments are made by the schema, without a promise"),
    "json_schema.strict": Rule("emulate", "what Google's subset of schemas cannot say is left out"),
    "tool_choice.allowed": Rule("keep"),
    "tool_result.media": Rule("keep"),
    "system.later": Rule("emulate", "it joins the instructions in front"),
    "message.name": Rule("emulate", "a turn has a role and no name"),
    "reasoning": Rule("emulate", "only Gemini's own signatures go back"),
    "refusal": Rule("emulate", "it is sent as the text that it was"),
    "citations": Rule("emulate", "notes on texts have no place in a request"),
}
_COUNTED = ("contents", "systemInstruction", "tools", "generationConfig")
_MOST_STOPS = 5
_SEED_LIMIT = 1 << 31
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens of thinking, as Google's OpenAI-compatible endpoint translates `reasoning_effort`."""
_LEAST_BUDGET = 128
"""Tokens that a large model of generation 2.5 thinks at least."""
_LEVELS = ("minimal", "low", "medium", "high")
_BEYOND = ("xhigh", "max")


def write_generation(request: Request, *, model: str, quirks: Mapping[str, Any], fit: Fit) -> dict[str, Any]:
    """The body for generateContent.

    Raises:
        RequestError: naming what Gemini cannot be told.
    """
    if request.prompt is not None or request.suffix is not None:
        raise RequestError("prompt: a raw completion cannot be sent to Gemini", field="prompt")
    request, known = translated(request, NAME, fit), facts(model, quirks)
    body = write_contents(request.messages, fit, known, ids=quirks.get("call_ids", True) is not False)
    body |= write_tools(request, fit, known)
    config = _sampling(request.sampling, fit)
    if request.output is not None:
        config |= _output(request.output, fit, known)
    effort = request.sampling.reasoning_effort
    if effort is not None:
        config |= _thinking(effort, fit, known)
    more = request.extra.get("generationConfig")
    if isinstance(more, dict):
        merge(config, more)
    if config:
        body["generationConfig"] = config
    return merge(body, request.extra)


def write_count(request: Request, *, model: str, quirks: Mapping[str, Any], fit: Fit) -> dict[str, Any]:
    """The body for countTokens: the whole request inside; with the quirk `count_form = "flat"` what Vertex takes."""
    body = write_generation(request, model=model, quirks=quirks, fit=fit)
    if quirks.get("count_form") == "flat":
        return {key: value for key, value in body.items() if key in _COUNTED}
    return {"generateContentRequest": {"model": model, **body}}


def write_embedding(request: Request, *, model: str, fit: Fit) -> dict[str, Any]:
    """The body for batchEmbedContents.

    Raises:
        RequestError: an input is given as token numbers.
    """
    request = translated(request, NAME, fit)
    more: dict[str, Any] = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
    texts: list[str] = []
    for number, text in enumerate(request.inputs):
        if not isinstance(text, str):
            raise fit.reject(f"input[{number}]", CAPABILITIES["tokens"].why)
        texts.append(text)
    return {
        "requests": [
            merge({"model": model, "content": {"parts": [{"text": text}]}, **more}, request.extra) for text in texts
        ]
    }


def _sampling(sampling: Sampling, fit: Fit) -> dict[str, Any]:
    """The members of `generationConfig` for how tokens are drawn; neutral values are left out."""
    if sampling.temperature is not None and not 0 <= sampling.temperature <= 2:
        raise fit.reject("temperature", f"it is from 0 to 2, not {sampling.temperature}")
    if len(sampling.stop) > _MOST_STOPS:
        raise fit.reject("stop", f"at most {_MOST_STOPS} texts, not {len(sampling.stop)}")
    if sampling.logit_bias:
        fit.takes("logit_bias", "logit_bias")
    wire: dict[str, Any] = {
        "maxOutputTokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "stopSequences": list(sampling.stop) or None,
        "candidateCount": sampling.n if sampling.n != 1 else None,
        "presencePenalty": sampling.presence_penalty or None,
        "frequencyPenalty": sampling.frequency_penalty or None,
        "seed": _seed(sampling.seed, fit),
    }
    if sampling.logprobs:
        wire |= {"responseLogprobs": True, "logprobs": sampling.top_logprobs or None}
    return {key: value for key, value in wire.items() if value is not None}


def _seed(seed: int | None, fit: Fit) -> int | None:
    """A seed of 32 bits with a sign; a larger one is left out, since repeating is best effort anyway."""
    if seed is None or -_SEED_LIMIT <= seed < _SEED_LIMIT:
        return seed
    fit.note("seed")
    return None


def _output(output: OutputFormat, fit: Fit, known: Facts) -> dict[str, Any]:
    if output.kind == "grammar":
        fit.takes("grammar", "grammar")
        return {}
    if output.kind == "text":
        return {}
    wire: dict[str, Any] = {"responseMimeType": "application/json"}
    if output.schema is None:
        return wire
    named = {"title": output.name, "description": output.description}
    schema = {key: value for key, value in named.items() if value is not None} | output.schema
    if known.schemas == "json-schema":
        return wire | {"responseJsonSchema": schema}
    converted = to_openapi(schema, "response_format")
    if converted.loosened:
        fit.takes("json_schema.strict", converted.loosened[0])
    return wire | {"responseSchema": converted.schema}


def _thinking(effort: str, fit: Fit, known: Facts) -> dict[str, Any]:
    """How much to think, and that the thoughts be shown; the nearest that the model knows is noted."""
    if effort not in _BUDGETS and effort not in _BEYOND:
        words = ", ".join((*_BUDGETS, *_BEYOND))
        raise RequestError(f"reasoning_effort must be one of {words}, not {effort!r}", field="reasoning_effort")
    if known.thinking == "none":
        if effort != "none":
            fit.note("reasoning_effort")
        return {}
    if effort in _BEYOND:
        fit.note("reasoning_effort")
        effort = "high"
    config = _budget(effort, fit, known) if known.thinking == "budget" else _level(effort, fit, known)
    return {"thinkingConfig": config if effort == "none" else config | {"includeThoughts": True}}


def _budget(effort: str, fit: Fit, known: Facts) -> dict[str, Any]:
    budget = _BUDGETS[effort]
    if budget == 0 and known.is_large:
        fit.note("reasoning_effort")
        budget = _LEAST_BUDGET
    return {"thinkingBudget": budget}


def _level(effort: str, fit: Fit, known: Facts) -> dict[str, Any]:
    least = "low" if known.is_large else "minimal"
    level = effort if effort in _LEVELS[_LEVELS.index(least) :] else least
    if level != effort:
        fit.note("reasoning_effort")
    return {"thinkingLevel": level}
