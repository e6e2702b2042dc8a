"""The configuration of LiteLLM's proxy: groups of models, fallbacks between them, and the settings beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.config.importers.draft import Draft
from assay.config.importers.litellm_models import REFERENCE, Member, read_models
from assay.config.importers.source import Source

__all__ = ["read"]

_BY_WEIGHT = "requests are dealt by weight: nobody looks at load, latency or price"
_FEWER = "assay falls back after any failure; name the targets under fallbacks"
_MEMORY = "assay needs no such server: one process, one ledger"
_DROP = "nothing is dropped: quirks.ignore of a deployment names what may be left out"
_CACHE = "answers for live traffic are not kept for others; evals use theirs again by themselves"
_HOOKS = "nothing is sent anywhere: the ledger has every attempt"
_MONTHS = ("30d", "31d", "1mo")
_WHY = {
    "context_window_fallbacks": _FEWER, "content_policy_fallbacks": _FEWER, "drop_params": _DROP, "cache": _CACHE,
    "cache_params": _CACHE, "callbacks": _HOOKS, "success_callback": _HOOKS, "failure_callback": _HOOKS,
    "redis_host": _MEMORY, "redis_port": _MEMORY, "redis_password": _MEMORY, "redis_url": _MEMORY,
    "database_url": _MEMORY,
}  # fmt: skip


def read(root: Mapping[Any, Any], draft: Draft, stem: str) -> None:
    """Carry a LiteLLM configuration over into `draft`; everything has a name there, so that `stem` is not needed."""
    source = Source(root, "", draft)
    models, general = source.tables("model_list"), source.table("general_settings")
    router, settings = source.table("router_settings"), source.table("litellm_settings")
    groups = read_models(models, _shared(router, settings), draft)
    chains = _chains(groups, (router, settings), draft)
    aliases = router.table("model_group_alias")
    draft.reserve((*groups, *aliases.keys))
    _balance(router, draft)
    own = {name: _own(name, members, draft, public=name not in chains) for name, members in groups.items()}
    for name, targets in chains.items():
        candidates = list(dict.fromkeys(own[target] for target in (name, *targets)))
        draft.route(name, candidates, {"kind": "fallback"}, public=True)
    _aliases(aliases, draft)
    _serve(general, draft)
    _budget(settings, draft)
    source.table("environment_variables").leave_rest("set it in the environment of assay")
    for table in (router, settings, general):
        for key, why in _WHY.items():
            table.leave(key, why)
        table.leave_rest()
    source.leave_rest()


def _shared(router: Source, settings: Source) -> dict[str, Any]:
    """What holds for every deployment that says nothing else."""
    shared: dict[str, Any] = {}
    for source, timeout in ((settings, "request_timeout"), (router, "timeout")):
        if (tries := source.integer("num_retries")) is not None:
            shared["retries"] = tries
        if (limit := source.seconds(timeout)) is not None:
            shared["total_timeout_s"] = limit
    fails, cooldown_s = router.integer("allowed_fails"), router.seconds("cooldown_time")
    breaker: dict[str, Any] = {}
    if fails is not None:
        breaker |= {"failures": fails + 1, "window_s": 60.0}  # LiteLLM counts by the minute, and allows so many
    if cooldown_s is not None:
        breaker["open_s"] = cooldown_s
    return {**shared, "breaker": breaker} if breaker else shared


def _chains(groups: Iterable[str], sources: Iterable[Source], draft: Draft) -> dict[str, list[str]]:
    """For each group the groups that are asked after it."""
    known, chains, default = tuple(groups), dict[str, list[str]](), list[str]()
    for source in sources:
        for entry in source.tables("fallbacks"):
            for name in entry.keys:
                place, targets = entry.at(name), entry.take(name)
                found = _known(targets if isinstance(targets, list) else [targets], known, place, draft)
                if name == "*":
                    default += found
                elif name in known:
                    chains.setdefault(name, []).extend(found)
                else:
                    draft.leave(place, targets, f"no entry of the model_list is called {name!r}")
        place = source.at("default_fallbacks")
        default += _known(list(source.texts("default_fallbacks")), known, place, draft)
    for name in known if default else ():
        chains.setdefault(name, []).extend(default)
    return {name: targets for name, targets in chains.items() if set(targets) - {name}}


def _known(targets: list[Any], known: tuple[str, ...], place: str, draft: Draft) -> list[str]:
    found = []
    for target in targets:
        if isinstance(target, str) and target in known:
            found.append(target)
        else:
            draft.leave(place, target, "a fallback is the name of an entry of the model_list")
    return found


def _balance(router: Source, draft: Draft) -> None:
    strategy = router.take("routing_strategy")
    if strategy not in (None, "simple-shuffle"):
        draft.leave(router.at("routing_strategy"), strategy, _BY_WEIGHT)


def _own(name: str, members: list[Member], draft: Draft, *, public: bool) -> str:
    """The deployment or route that is a group without its fallbacks; returns its name, the group's own if public."""
    if len(members) == 1:
        return draft.deployment(name if public else f"{name}-1", members[0].keys, public=public)
    levels: dict[float, dict[str, float]] = {}
    for number, member in enumerate(members, start=1):
        level = levels.setdefault(member.order if member.order is not None else float("inf"), {})
        level[draft.deployment(f"{name}-{number}", member.keys)] = 1.0 if member.weight is None else member.weight
    ordered = [levels[order] for order in sorted(levels)]
    wanted = name if public else f"{name}-own"
    if len(ordered) == 1:
        return _split(wanted, ordered[0], draft, public=public)
    candidates = [
        next(iter(level)) if len(level) == 1 else _split(f"{name}-order-{number}", level, draft)
        for number, level in enumerate(ordered, start=1)
    ]
    return draft.route(wanted, candidates, {"kind": "fallback"}, public=public)


def _split(wanted: str, weights: Mapping[str, float], draft: Draft, *, public: bool = False) -> str:
    usable = dict(weights) if sum(weights.values()) > 0 else dict.fromkeys(weights, 1.0)
    return draft.route(wanted, list(usable), {"kind": "split", "weights": usable, "on_failure": "next"}, public=public)


def _aliases(aliases: Source, draft: Draft) -> None:
    for alias in aliases.keys:
        place, target = aliases.at(alias), aliases.take(alias)
        name = target.get("model") if isinstance(target, dict) else target
        if not isinstance(name, str) or (name not in draft.deployments and name not in draft.routes):
            draft.leave(place, target, "an alias stands for an entry of the model_list")
            continue
        draft.route(alias, [name], {"kind": "fixed"}, public=True)
        if isinstance(target, dict) and target.get("hidden"):
            draft.leave(f"{place}.hidden", True, "every route is listed")


def _serve(general: Source, draft: Draft) -> None:
    place, key = general.at("master_key"), general.text("master_key")
    if key is not None and key.startswith(REFERENCE):
        draft.serve["api_key_env"] = key.removeprefix(REFERENCE).strip() or "ASSAY_API_KEY"
    elif key is not None:
        draft.serve["api_key_env"] = draft.variable(place, key, "ASSAY_API_KEY")
    if (size_mb := general.number("max_request_size_mb")) is not None and size_mb > 0:
        draft.serve["max_body_bytes"] = max(1, int(size_mb * 1024 * 1024))


def _budget(settings: Source, draft: Draft) -> None:
    if not settings.has("max_budget"):
        return
    period = settings.take("budget_duration")
    if period not in _MONTHS:
        settings.leave("max_budget", f"assay's budget is for a calendar month, not for {period or 'ever'}")
    elif (usd := settings.number("max_budget")) is not None:
        draft.constraints["usd_per_month"] = usd
