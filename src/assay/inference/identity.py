"""What decides a target's answers: the facts that pins freeze, and one digest that names evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from assay.inference.deployment import LiveDeployment
from assay.inference.guard_questions import KIND as GUARDING
from assay.inference.spine import Spine


async def target_digest(spine: Spine, name: str, kinds: Iterable[str]) -> str:
    """sha256 (hex) of `target_facts` for these kinds.

    Raises:
        ConfigError: there is no such target.
        AssayError: a deployment cannot identify itself (its weights are missing, say).
    """
    facts = {kind: await target_facts(spine, name, kind) for kind in sorted(kinds)}
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


async def target_facts(spine: Spine, name: str, kind: str, *, fresh: bool = False) -> dict[str, str]:
    """What decides a target's answers to a kind, as flat facts that a person can compare.

    A deployment's facts are its model, host, prompt digest and what its provider proves (weights, engine,
    template); a route's are its policy and, under `NAME/`, those of everything below it.

    Args:
        spine: what can be called.
        name: deployment or route.
        kind: whose prompt counts.
        fresh: read weights anew instead of trusting a digest remembered by file time.

    Raises:
        ConfigError: there is no such target.
        AssayError: a deployment cannot identify itself.
    """
    route = spine.route(name)
    target = spine.targets[name]
    if isinstance(target, LiveDeployment):
        return {**await target.facts(fresh=fresh), "prompt_sha256": target.prompt(kind).digest}
    facts = {"policy": route.policy.kind, "policy_sha256": _digest(msgspec.to_builtins(route.policy))}
    if route.guards:
        facts["guards_sha256"] = route.guards.digest
    asked = [*((name, kind) for name in route.candidates), *((name, GUARDING) for name in route.guards.models)]
    for place, (candidate, work) in enumerate(asked):
        below = await target_facts(spine, candidate, work, fresh=fresh)
        facts |= {f"{place}.{candidate}/{fact}": value for fact, value in below.items()}
    return facts


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
