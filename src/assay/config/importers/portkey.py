"""Portkey's configs: nested targets with a strategy over them, as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assay.config.importers.draft import NOWHERE, Draft
from assay.config.importers.hosts import PORTKEY_HOSTS, maker_of, placed, through_litellm
from assay.config.importers.settings import settings_of
from assay.config.importers.source import Source

__all__ = ["read"]

_UNNAMED = "name-the-model"
_BY_ERROR = "assay decides by the kind of error: what may heal is tried again, any failure falls back"
_GUARD = "an answer is checked by a cascade's check, with tools of the team's own"
_STORED = "a key or provider that is stored with Portkey: set host and api_key_env"
_ENVIRONMENT = "LiteLLM reads it from the environment: set it there"
_WHY = {
    "aws_access_key_id": _ENVIRONMENT, "aws_secret_access_key": _ENVIRONMENT, "aws_session_token": _ENVIRONMENT,
    "aws_region": _ENVIRONMENT, "vertex_project_id": _ENVIRONMENT, "vertex_region": _ENVIRONMENT,
    "cache": "answers for live traffic are not kept for others; evals use theirs again by themselves",
    "api_version": "the v1 API of Azure needs none", "on_status_codes": _BY_ERROR,
    "forward_headers": "a client's headers stay here",
    "input_guardrails": _GUARD, "output_guardrails": _GUARD, "before_request_hooks": _GUARD,
    "after_request_hooks": _GUARD,
}  # fmt: skip
_VERBATIM = ("query", "metadata", "custom_headers")
"""Tables whose keys are somebody else's words."""
_CONDITION = "a rule of assay looks at kind, label, session and form of a request, not at this: write policy rules"


def read(root: Mapping[Any, Any], draft: Draft, stem: str) -> None:
    """Carry a Portkey config over into `draft`; `stem` is what its route is called."""
    draft.reserve((stem,))
    _target(Source(_snake(root), "", draft), stem, {}, draft, public=True)


def _snake(value: Any) -> Any:
    """Keys as `snake_case`: Portkey takes `camelCase`, too."""
    if isinstance(value, list):
        return [_snake(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(key)).lower()
        # Of two spellings of one key the second keeps its own, and is told as unknown.
        found[str(key) if name in found else name] = item if name in _VERBATIM else _snake(item)
    return found


def _target(source: Source, wanted: str, around: Mapping[str, Any], draft: Draft, *, public: bool = False) -> str:
    """The deployment or route of a target; returns its name."""
    inherited = _inherit(source, around, draft)
    strategy, targets = source.table("strategy"), source.tables("targets")
    if not targets:
        if (mode := strategy.text("mode")) not in (None, "single"):
            draft.leave(strategy.at("mode"), mode, "there are no targets")
        strategy.leave_rest()
        return _leaf(source, wanted, inherited, draft, public=public)
    if isinstance(source.peek("override_params"), Mapping):
        shared = source.take("override_params")
        for target in targets:
            target.fill("override_params", shared)
    weights = [target.number("weight") for target in targets]
    names = [target.text("name") for target in targets]
    made = [
        _target(target, f"{wanted}-{name or number}", inherited, draft)
        for number, (target, name) in enumerate(zip(targets, names, strict=True), start=1)
    ]
    named = {name: target for name, target in zip(names, made, strict=True) if name}
    policy = _policy(strategy, made, weights, named, draft)
    _leave(source, strategy)
    return draft.route(wanted, list(dict.fromkeys(made)), policy, public=public)


def _inherit(source: Source, around: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    inherited = dict(around)
    retry = source.table("retry")
    if (attempts := retry.integer("attempts")) is not None:
        inherited["retries"] = attempts
    if retry.flag("use_retry_after_header") is False:
        draft.leave(retry.at("use_retry_after_header"), False, "a provider's wish to wait is always heard")
    retry.leave("on_status_codes", _BY_ERROR)
    retry.leave_rest()
    if (limit_s := source.seconds("request_timeout", 0.001)) is not None:
        inherited["total_timeout_s"] = limit_s
    return inherited


def _policy(
    strategy: Source, made: list[str], weights: list[float | None], named: Mapping[str, str], draft: Draft
) -> dict[str, Any]:
    mode = strategy.text("mode") or "single"
    if mode == "fallback":
        return {"kind": "fallback"}
    if mode == "loadbalance":
        shares = {name: 1.0 if weight is None else weight for name, weight in zip(made, weights, strict=True)}
        usable = shares if sum(shares.values()) > 0 else dict.fromkeys(shares, 1.0)
        return {"kind": "split", "weights": usable}
    if mode == "conditional":
        return _conditional(strategy, made, named, draft)
    if mode != "single":
        draft.leave(strategy.at("mode"), mode, "assay has no such strategy; the first target is asked")
    return {"kind": "fixed"}


def _conditional(strategy: Source, made: list[str], named: Mapping[str, str], draft: Draft) -> dict[str, Any]:
    for condition in strategy.tables("conditions"):
        query, target = condition.peek("query"), named.get(str(condition.peek("then")))
        model = _asked_model(query)
        if model is not None and target is not None:
            draft.route(model, [target], {"kind": "fixed"}, public=True)
        else:
            draft.leave(condition.path, {key: condition.take(key) for key in condition.keys}, _CONDITION)
    default = strategy.text("default")
    if default is not None and default not in named:
        draft.leave(strategy.at("default"), default, "no target has this name; the first one is asked")
    first = named.get(default or "", made[0])
    made.sort(key=lambda name: name != first)
    return {"kind": "fixed"}


def _asked_model(query: object) -> str | None:
    """The model that clients call for a condition to hold, where it asks for nothing else: here that is a route."""
    if not isinstance(query, Mapping) or len(query) != 1:
        return None
    wanted = query.get("params.model")
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        wanted = wanted.get("$eq")
    return wanted if isinstance(wanted, str) and wanted.strip() else None


def _leaf(source: Source, wanted: str, inherited: Mapping[str, Any], draft: Draft, *, public: bool) -> str:
    override = source.table("override_params")
    keys = {**inherited, **_reached(source, override, draft)}
    keys["api_key_env"] = _key(source, wanted, keys, draft)
    keys["settings"] = settings_of(override)
    override.leave_rest("a parameter that a deployment does not set; clients may send it")
    _leave(source)
    return draft.deployment(wanted, keys, public=public)


def _reached(source: Source, override: Source, draft: Draft) -> dict[str, Any]:
    """Provider, model and address, as far as the target says them."""
    provider, model = _provider(source, draft), _model(source, override, draft)
    host = PORTKEY_HOSTS.get(provider) if provider is not None else maker_of(model)
    base_url = source.address("custom_host")
    if host == "azure" and base_url is None:
        resource = source.text("azure_resource_name") or source.text("resource_name")
        known = resource is not None and resource.replace("-", "").isalnum()
        base_url = f"https://{resource}.openai.azure.com" if known else NOWHERE.format("azure-resource")
    if host is not None:
        return placed(host, model, base_url)
    if base_url is not None:
        return placed("openai", model, base_url)
    if provider is not None:
        draft.note("some deployments are reached through LiteLLM: pip install 'assay[litellm]'")
        return through_litellm(provider, model)
    draft.leave(source.at("provider"), None, "no provider is named: set host")
    return placed("openai", model, NOWHERE.format("provider"))


def _provider(source: Source, draft: Draft) -> str | None:
    provider = source.text("provider")
    if provider is None or not provider.startswith("@"):
        return provider
    draft.leave(source.at("provider"), provider, _STORED)
    return None


def _model(source: Source, override: Source, draft: Draft) -> str:
    model = source.text("deployment_id") or source.text("azure_deployment_id") or override.text("model")
    if model is None:
        draft.leave(override.at("model"), None, "clients named the model; here a deployment does: set upstream_model")
        return _UNNAMED
    if model.startswith("@") and "/" in model:
        stored, _, model = model.partition("/")
        draft.leave(override.at("model"), stored, _STORED)
    return model


def _key(source: Source, wanted: str, keys: Mapping[str, Any], draft: Draft) -> str | None:
    source.leave("virtual_key", _STORED)
    key = source.text("api_key")
    return draft.variable(source.at("api_key"), key, f"{keys.get('host') or wanted}_API_KEY") if key else None


def _leave(*sources: Source) -> None:
    for source in sources:
        for key, why in _WHY.items():
            source.leave(key, why)
        source.leave_rest()
