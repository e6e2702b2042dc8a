"""The `model_list` of LiteLLM's proxy: each entry is a deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.config.importers.draft import NOWHERE, Draft, is_secret
from assay.config.importers.hosts import LITELLM_HOSTS, maker_of, placed, through_litellm
from assay.config.importers.settings import settings_of
from assay.config.importers.source import Source

__all__ = ["REFERENCE", "Member", "read_models"]

REFERENCE = "os.environ/"
_PRICES = {
    "input_cost_per_token": "input", "output_cost_per_token": "output", "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
}  # fmt: skip
_LIMITS = {
    "timeout": "total_timeout_s", "stream_timeout": "idle_timeout_s", "max_retries": "retries",
    "num_retries": "retries", "max_parallel_requests": "concurrency",
}  # fmt: skip
_DEAREST_USD = 1e6
_NO_KEY = ("none", "empty", "not-needed")
_PER_MINUTE = "assay has no limit per minute; concurrency limits the requests in flight"
_FROM_ENVIRONMENT = ("aws_", "vertex_", "watsonx_", "azure_", "s3_")
_ENVIRONMENT = "LiteLLM reads it from the environment, too: set it there"
_WRITTEN_OUT = "headers are written out, and a secret is not: use api_key_env and quirks.auth"
_WHY = {
    "rpm": _PER_MINUTE, "tpm": _PER_MINUTE, "rpd": _PER_MINUTE, "tpd": _PER_MINUTE,
    "api_version": "the v1 API of Azure needs none",
    "drop_params": "nothing is dropped: quirks.ignore of a deployment names what may be left out",
    "max_budget": "assay has one budget for all: constraints.usd_per_month",
    "budget_duration": "assay has one budget for all: constraints.usd_per_month",
}  # fmt: skip


class Member(NamedTuple):
    """A deployment of a group of equal name.

    Attributes:
        keys: of the deployment.
        weight: its share; `None` = like the others.
        order: those with the lowest are asked first; `None` = last.
    """

    keys: dict[str, Any]
    weight: float | None
    order: int | None


def read_models(models: list[Source], shared: Mapping[str, Any], draft: Draft) -> dict[str, list[Member]]:
    """The members of each group, by the name that clients call.

    Args:
        models: the entries.
        shared: keys of every deployment that says nothing else.
        draft: hears of what is not carried over.
    """
    groups: dict[str, list[Member]] = {}
    for entry in models:
        name, parameters, info = entry.text("model_name"), entry.table("litellm_params"), entry.table("model_info")
        model = parameters.text("model")
        if name is None or model is None:
            draft.leave(entry.path, {"model_name": name}, "an entry needs a model_name and a litellm_params.model")
            parameters.leave_rest("of an entry without a name or a model")
        elif "*" in name or "*" in model:
            draft.leave(entry.path, {"model_name": name, "model": model}, "a deployment is one model: name each")
            parameters.leave_rest("of an entry that stands for many models")
        else:
            groups.setdefault(name, []).append(_member(name, model, parameters, info, shared, draft))
        info.leave_rest()
        entry.leave_rest()
    return groups


def _member(name: str, model: str, parameters: Source, info: Source, shared: Mapping[str, Any], draft: Draft) -> Member:
    provider = parameters.text("custom_llm_provider")
    if provider is None and "/" in model:
        provider, _, model = model.partition("/")
    keys = {**shared, **_reached(provider, model, _address(parameters, draft), draft)}
    keys["api_key_env"] = _key(name, keys, parameters, draft)
    keys["headers"] = _headers(parameters, draft)
    keys["price_usd_per_mtok"] = _price(parameters, info, draft)
    keys["settings"] = settings_of(parameters)
    for theirs, ours in _LIMITS.items():
        read = parameters.seconds if ours.endswith("_s") else parameters.integer
        if parameters.has(theirs) and (value := read(theirs)) is not None:
            keys[ours] = value
    if keys.get("concurrency") == 0:
        del keys["concurrency"]
    member = Member(keys, parameters.number("weight"), parameters.integer("order"))
    for key, why in _WHY.items():
        parameters.leave(key, why)
    for key in parameters.keys if keys.get("dialect") == "litellm" else ():
        if key.startswith(_FROM_ENVIRONMENT):
            parameters.leave(key, _ENVIRONMENT)
    parameters.leave_rest()
    return member


def _reached(provider: str | None, model: str, base_url: str | None, draft: Draft) -> dict[str, Any]:
    host = LITELLM_HOSTS.get(provider) if provider is not None else maker_of(model)
    if host == "azure" and base_url is None:
        base_url = NOWHERE.format("azure-resource")
    if host is not None:
        keys = placed(host, model, base_url)
        return {**keys, "dialect": "completions"} if provider == "text-completion-openai" else keys
    draft.note("some deployments are reached through LiteLLM: pip install 'assay[litellm]'")
    return through_litellm(provider or "", model, {"base_url": base_url})


def _address(parameters: Source, draft: Draft) -> str | None:
    """Where the model is. A reference is resolved where it can be, for `base_url` is no place for one."""
    for key in ("api_base", "base_url"):
        place = parameters.at(key)
        variable = _variable(parameters.peek(key))
        known = os.environ.get(variable, "").strip() if variable else ""
        if known:
            parameters.put(key, known)
            draft.note(f"{place}: the address that {variable} holds now was written")
        if (address := parameters.address(key)) is not None:
            return address
    return None


def _variable(value: object) -> str | None:
    """The variable that a reference names."""
    if not isinstance(value, str) or not value.startswith(REFERENCE):
        return None
    return value.removeprefix(REFERENCE).strip() or None


def _key(name: str, keys: Mapping[str, Any], parameters: Source, draft: Draft) -> str | None:
    place, value = parameters.at("api_key"), parameters.text("api_key")
    if value is None or value.lower() in _NO_KEY:
        return None
    if value.startswith(REFERENCE):
        return _variable(value)
    return draft.variable(place, value, f"{keys.get('host') or name}_API_KEY")


def _headers(parameters: Source, draft: Draft) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key in ("extra_headers", "headers"):
        table = parameters.table(key)
        for name in table.keys:
            place, value = table.at(name), table.take(name)
            if not isinstance(value, str) or value.startswith(REFERENCE) or is_secret(name, value):
                draft.leave(place, value, _WRITTEN_OUT)
            else:
                headers[name] = value
    organization = parameters.text("organization")
    if organization is not None and organization.startswith(REFERENCE):
        draft.leave(parameters.at("organization"), organization, "a header is written out: headers.openai-organization")
    elif organization is not None:
        headers["openai-organization"] = organization
    return headers


def _price(parameters: Source, info: Source, draft: Draft) -> dict[str, float] | None:
    """USD per million tokens, where both directions have one."""
    found: dict[str, float] = {}
    for theirs, ours in _PRICES.items():
        for source in (info, parameters):
            if source.has(theirs) and (rate := source.number(theirs)) is not None:
                found[ours] = round(rate * 1e6, 9)
    if found and not ({"input", "output"} <= set(found) and max(found.values()) <= _DEAREST_USD):
        draft.leave(f"{parameters.path}.price", found, "a price needs input and output, in USD")
        return None
    return found or None
