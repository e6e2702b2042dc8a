"""TensorZero's models: each may be had from several providers, which are asked in the order of `routing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.config.importers.draft import NOWHERE, Draft
from assay.config.importers.hosts import TENSORZERO_HOSTS, placed, through_litellm
from assay.config.importers.source import Source

__all__ = ["Way", "read_models", "shorthand", "timeouts_of"]

_LITELLM = ("aws_bedrock", "aws_sagemaker", "gcp_vertex_anthropic", "gcp_vertex_gemini")
_KEYLESS = ("sglang", "tgi", "vllm")
_FROM_ENVIRONMENT = ("region", "location", "project_id", "endpoint_name")
_DIRECTIONS = {
    "/usage/prompt_tokens": "input", "/usage/input_tokens": "input", "/usage/completion_tokens": "output",
    "/usage/output_tokens": "output",
}  # fmt: skip
_DEAREST_USD = 1e6
_ENVIRONMENT = "LiteLLM reads regions and projects from the environment: set them there"


class Way(NamedTuple):
    """One provider of a model: its name there, and the keys of a deployment."""

    provider: str
    keys: dict[str, Any]


def read_models(models: Mapping[str, Source], draft: Draft) -> dict[str, list[Way]]:
    """The ways to each model, in the order in which they are asked."""
    found: dict[str, list[Way]] = {}
    for name, model in models.items():
        routing, providers = model.texts("routing"), model.named("providers")
        limits = timeouts_of(model)
        ways = {at: _way(at, source, limits, draft) for at, source in providers.items()}
        for at in routing:
            if at not in ways:
                draft.leave(model.at("routing"), at, "no provider of the model has this name")
        ordered = [way for at in (routing or ways) if (way := ways.get(at)) is not None]
        for at in ways:
            if routing and at not in routing:
                draft.leave(f"{model.path}.providers.{at}", None, "routing does not name it, so that nobody asks it")
        model.leave_rest()
        if ordered:
            found[name] = ordered
        else:
            draft.leave(model.path, None, "none of its providers could be carried over")
    return found


def shorthand(model: str) -> list[Way] | None:
    """The way to `provider::model`, or `None` where it is no such name."""
    kind, separator, name = model.partition("::")
    if not separator or kind not in TENSORZERO_HOSTS:
        return None
    return [Way(kind, placed(TENSORZERO_HOSTS[kind], name))]


def timeouts_of(source: Source) -> dict[str, Any]:
    """The limits on one attempt; they are taken."""
    limits: dict[str, Any] = {}
    outer = source.table("timeouts")
    whole, streaming = outer.table("non_streaming"), outer.table("streaming")
    for table, key, ours in (
        (whole, "total_ms", "total_timeout_s"),
        (streaming, "total_ms", "total_timeout_s"),
        (streaming, "ttft_ms", "first_token_timeout_s"),
    ):
        if table.has(key) and (limit_s := table.seconds(key, 0.001)) is not None:
            limits[ours] = max(limit_s, limits.get(ours, 0.0))
    for table in (whole, streaming, outer):
        table.leave_rest()
    return limits


def _way(name: str, source: Source, limits: Mapping[str, Any], draft: Draft) -> Way | None:
    kind = source.text("type")
    model = source.text("model_name") or source.text("model_id") or source.text("deployment_id")
    base_url = source.address("api_base") or source.address("endpoint")
    if kind is None or (kind not in TENSORZERO_HOSTS and kind not in _LITELLM):
        draft.leave(source.path, {"type": kind}, "assay knows no host of this type")
        source.leave_rest("of a provider that is not carried over")
        return None
    keys: dict[str, Any]
    if kind in _LITELLM:
        draft.note("some deployments are reached through LiteLLM: pip install 'assay[litellm]'")
        keys = through_litellm(kind, model or "name-the-model")
    else:
        if kind == "azure" and base_url is None:
            base_url = NOWHERE.format("azure-resource")
        keys = placed(TENSORZERO_HOSTS[kind], model or "model", base_url)
    if source.peek("api_type") == "responses" and kind in ("openai", "azure"):
        source.take("api_type")
        keys["dialect"] = "openai-responses"
    more = {**_key(source, keys, draft), **timeouts_of(source), **_price(source, draft)}
    for option in _FROM_ENVIRONMENT if kind in _LITELLM else ():
        source.leave(option, _ENVIRONMENT)
    source.leave_rest()
    return Way(name, {**limits, **keys, **more})


def _price(source: Source, draft: Draft) -> dict[str, Any]:
    """USD per million tokens, where the costs are one for each direction."""
    place, costs = source.at("cost"), source.take("cost")
    if costs is None:
        return {}
    found: dict[str, float] = {}
    for cost in costs if isinstance(costs, list) else ():
        known = cost if isinstance(cost, Mapping) else {}
        direction, usd = _DIRECTIONS.get(str(known.get("pointer"))), known.get("cost_per_million")
        if direction is not None and isinstance(usd, (int, float)) and 0 <= usd <= _DEAREST_USD:
            found[direction] = float(usd)
    if len(found) == 2 and len(costs) == 2:
        return {"price_usd_per_mtok": found}
    draft.leave(place, costs, "a price is one for input and one for output tokens")
    return {}


def _key(source: Source, keys: dict[str, Any], draft: Draft) -> dict[str, Any]:
    place, value = source.at("api_key_location"), source.take("api_key_location")
    if isinstance(value, str) and value.startswith("env::"):
        return {"api_key_env": value.removeprefix("env::")}
    if value == "none" and keys.get("host") not in (None, *_KEYLESS):
        draft.leave(place, value, f"the host {keys['host']!r} is asked with the key of its usual variable")
    elif value not in (None, "none"):
        draft.leave(place, value, "a key is in an environment variable: set api_key_env")
    return {}
