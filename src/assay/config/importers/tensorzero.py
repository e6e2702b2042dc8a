"""TensorZero's `tensorzero.toml`: models with their providers, functions with their variants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.config.importers.draft import Draft
from assay.config.importers.settings import settings_of
from assay.config.importers.source import Source
from assay.config.importers.tensorzero_models import Way, read_models, shorthand, timeouts_of

__all__ = ["read"]

_TEMPLATE = "its variables are filled by clients; a prompt of assay is a whole text: set settings.system_file"
_WHY = {
    "tools": "clients send their tools with each request", "tool_choice": "clients say it with each request",
    "parallel_tool_calls": "clients say it with each request",
    "metrics": "what is right stands in a suite", "evaluations": "what is right stands in a suite",
    "rate_limiting": "assay has no limit per minute; concurrency limits the requests in flight",
    "clickhouse": "the ledger is SQLite", "postgres": "the ledger is SQLite", "object_storage": "the ledger is SQLite",
    "user_template": _TEMPLATE, "assistant_template": _TEMPLATE, "templates": _TEMPLATE,
    "system_schema": _TEMPLATE, "user_schema": _TEMPLATE, "assistant_schema": _TEMPLATE, "schemas": _TEMPLATE,
    "json_mode": "an answer follows settings.schema_file wherever there is one",
}  # fmt: skip
_PLAIN_TYPES = (None, "chat_completion")


def read(root: Mapping[Any, Any], draft: Draft, stem: str) -> None:
    """Carry a TensorZero configuration over into `draft`; everything has a name there, so that `stem` is not needed."""
    source = Source(root, "", draft)
    models = read_models(source.named("models"), draft) | read_models(source.named("embedding_models"), draft)
    functions = source.named("functions")
    if functions:
        draft.note("clients call a function by its own name: NAME instead of tensorzero::function_name::NAME")
    draft.reserve((*models, *functions))
    for name, ways in models.items():
        _chain(name, ways, {}, draft, public=True)
    for name, function in functions.items():
        _function(name, function, models, draft)
    gateway = source.table("gateway")
    _bind(gateway, draft)
    for table in (gateway, source):
        _leave(table)


def _chain(
    name: str, ways: list[Way], settings: Mapping[str, Any], draft: Draft, *, public: bool = False, **more: Any
) -> str:
    """A model with its settings, at each of its providers in turn; returns the name of the deployment or route."""
    tables = [{**way.keys, **more, "settings": dict(settings)} for way in ways]
    if len(ways) == 1:
        return draft.deployment(name, tables[0], public=public)
    made = [draft.deployment(f"{name}-{way.provider}", table) for way, table in zip(ways, tables, strict=True)]
    return draft.route(name, made, {"kind": "fallback"}, public=public)


def _function(name: str, function: Source, models: Mapping[str, list[Way]], draft: Draft) -> None:
    """A route whose kind of work is the function, over its variants."""
    function.take("type")
    schema = _file(function, "output_schema", draft)
    weights: dict[str, float] = {}
    made: dict[str, str] = {}
    for variant, source in function.named("variants").items():
        weight = source.number("weight")
        target = _variant(f"{name}-{variant}", source, schema, models, draft)
        if target is not None:
            made[variant], weights[variant] = target, weight or 0.0
    experiment = function.table("experimentation")
    shares, last = _experiment(experiment, draft) if experiment.keys else (weights, tuple(weights))
    arms = {made[variant]: share for variant, share in shares.items() if variant in made and share > 0}
    rest = [made[variant] for variant in last if variant in made and made[variant] not in arms]
    _leave(function)
    if not made:
        draft.leave(function.path, None, "none of its variants could be carried over")
    elif arms:
        _deal(name, arms, rest, draft)
    else:
        _deal(name, dict.fromkeys(rest or made.values(), 1.0), [], draft)


def _deal(name: str, arms: Mapping[str, float], rest: list[str], draft: Draft) -> None:
    """The function's route: a share for each arm, and the rest when all of them have failed."""
    if len(arms) == 1:
        draft.route(name, [*arms, *rest], {"kind": "fallback"}, public=True, kind=name)
        return
    split = {"kind": "split", "weights": dict(arms), "on_failure": "next"}
    if rest:
        draft.route(
            name, [draft.route(f"{name}-split", [*arms], split), *rest], {"kind": "fallback"}, public=True, kind=name
        )
    else:
        draft.route(name, [*arms], split, public=True, kind=name)


def _experiment(source: Source, draft: Draft) -> tuple[dict[str, float], tuple[str, ...]]:
    """Shares of the variants, and which of them are asked when those have failed."""
    kind = source.text("type")
    if kind not in (None, "uniform", "static", "static_weights"):
        draft.leave(source.at("type"), kind, "assay deals by fixed weights; a suite says which variant is better")
    shares: dict[str, float] = {}
    if isinstance(source.peek("candidate_variants"), Mapping):
        candidates = source.table("candidate_variants")
        shares = {name: candidates.number(name) or 0.0 for name in candidates.keys}
    elif source.has("candidate_variants"):
        shares = dict.fromkeys(source.texts("candidate_variants"), 1.0)
    last = source.texts("fallback_variants") if source.has("fallback_variants") else ()
    source.leave_rest()
    return shares, last


def _variant(
    name: str, source: Source, schema: Path | None, models: Mapping[str, list[Way]], draft: Draft
) -> str | None:
    kind, model = source.text("type"), source.text("model")
    if kind not in _PLAIN_TYPES or model is None:
        draft.leave(source.path, {"type": kind}, "only variants of type chat_completion are carried over")
        source.leave_rest("of a variant that is not carried over")
        return None
    ways = models.get(model) or shorthand(model)
    if ways is None:
        draft.leave(source.at("model"), model, "no model has this name")
        source.leave_rest("of a variant that is not carried over")
        return None
    settings = settings_of(source, stop="stop_sequences")
    if schema is not None:
        settings["schema_file"] = draft.relative(schema)
    place = source.at("system_template")
    prompt = _file(source, "system_template", draft)
    if prompt is not None and _is_plain(prompt):
        settings["system_file"] = draft.relative(prompt)
    elif prompt is not None:
        draft.leave(place, prompt.name, _TEMPLATE)
    more = _limits(source)
    _leave(source)
    return _chain(name, ways, settings, draft, **more)


def _file(source: Source, key: str, draft: Draft) -> Path | None:
    place, value = source.at(key), source.text(key)
    return draft.file(place, value) if value is not None else None


def _is_plain(prompt: Path) -> bool:
    """Whether a template has no variable to fill."""
    text = prompt.read_text(encoding="utf-8", errors="replace")
    return "{{" not in text and "{%" not in text


def _limits(source: Source) -> dict[str, Any]:
    """How often and how long a variant is tried."""
    retries = source.table("retries")
    limits = {"retries": retries.integer("num_retries")} if retries.has("num_retries") else {}
    retries.leave("max_delay_s", "the longest delay between two tries is fixed")
    retries.leave_rest()
    return {**limits, **timeouts_of(source)}


def _bind(gateway: Source, draft: Draft) -> None:
    place, address = gateway.at("bind_address"), gateway.text("bind_address")
    if address is None:
        return
    host, _, port = address.rpartition(":")
    if port.isdecimal() and int(port) <= 65535 and host:
        draft.serve |= {"host": host.strip("[]"), "port": int(port)}
        draft.note("an address that other machines reach is served with serve.api_key_env only: see docs/config.md")
    else:
        draft.leave(place, address, "is no address with a port")


def _leave(source: Source) -> None:
    for key, why in _WHY.items():
        source.leave(key, why)
    source.leave_rest()
