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
from assay.dialects.gemini_thinking import write_thinking
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
    "system.later": Rule("emulate", "it joins the instructions in front"),
    "message.name": Rule("emulate", "a turn has a role and no name"),
    "reasoning": Rule("emulate", "only Gemini's own signatures go back"),
    "refusal": Rule("emulate", "it is sent as the text that it was"),
    "citations": Rule("emulate", "notes on texts have no place in a request"),
}
_COUNTED = ("contents", "systemInstruction", "tools", "generationConfig")
_MEMBERS = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "logprobs": "responseLogprobs",
}
"""Settings of `Sampling`, each a feature, and their members of `generationConfig`."""
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (None, 1), "stop": ((),), "presence_penalty": (None, 0), "frequency_penalty": (None, 0),
    "logprobs": (None, False),
}  # fmt: skip
"""Values that ask for nothing, beside `None`: they are left out."""
_MOST_STOPS = 5
_SEED_LIMIT = 1 << 31
"""Seeds have 32 bits with a sign; a larger one is left out, since repeating is best effort anyway."""


def write_generation(request: Request, *, model: str, quirks: Mapping[str, Any], fit: Fit) -> dict[str, Any]:
    """The body for generateContent.

    Raises:
        RequestError: naming what Gemini cannot be told.
    """
    if request.prompt is not None or request.suffix is not None:
        raise RequestError("prompt: a raw completion cannot be sent to Gemini", field="prompt")
    known = facts(model, quirks)
    thinking = write_thinking(request, fit, known)
    request = translated(request, NAME, fit)
    body = write_contents(request.messages, fit, known, ids=quirks.get("call_ids", True) is not False)
    body |= write_tools(request, fit, known)
    config = _sampling(request.sampling, fit) | thinking
    if request.output is not None:
        config |= _output(request.output, fit, known)
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
    more: dict[str, Any] = {}
    if request.dimensions is not None and fit.takes("dimensions", "dimensions"):
        more["outputDimensionality"] = request.dimensions
    requests = []
    for number, text in enumerate(request.inputs):
        if not isinstance(text, str):
            raise fit.reject(f"input[{number}]", CAPABILITIES["tokens"].why)
        requests.append(merge({"model": model, "content": {"parts": [{"text": text}]}, **more}, request.extra))
    return {"requests": requests}


def _sampling(sampling: Sampling, fit: Fit) -> dict[str, Any]:
    """The members of `generationConfig` for how tokens are drawn; neutral values are left out."""
    wire: dict[str, Any] = {}
    for feature, key in _MEMBERS.items():
        value = getattr(sampling, feature)
        if value not in _NEUTRAL.get(feature, (None,)) and fit.takes(feature, feature):
            wire[key] = value
    if not 0 <= wire.get("temperature", 0) <= 2:
        raise fit.reject("temperature", f"it is from 0 to 2, not {sampling.temperature}")
    if len(wire.get("stopSequences", ())) > _MOST_STOPS:
        raise fit.reject("stop", f"at most {_MOST_STOPS} texts, not {len(sampling.stop)}")
    if "seed" in wire and not -_SEED_LIMIT <= wire["seed"] < _SEED_LIMIT:
        fit.note("seed")
        del wire["seed"]
    if sampling.logit_bias:
        fit.takes("logit_bias", "logit_bias")
    if "responseLogprobs" in wire and sampling.top_logprobs:
        wire["logprobs"] = sampling.top_logprobs
    return wire


def _output(output: OutputFormat, fit: Fit, known: Facts) -> dict[str, Any]:
    field = "grammar" if output.kind == "grammar" else "response_format"
    if output.kind == "text" or not fit.takes(output.kind, field):
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
