"""What decides a target's answers, as one digest: the name of evidence and pins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine


async def target_digest(spine: Spine, name: str, kinds: Iterable[str]) -> str:
    """sha256 (hex) over a target: weights, engine, host, prompts of these kinds; of a route, its policy and
    everything below it.

    Raises:
        ConfigError: there is no such target.
        AssayError: a deployment cannot identify itself (its weights are missing, say).
    """
    facts = await _facts(spine, name, tuple(sorted(kinds)))
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


async def _facts(spine: Spine, name: str, kinds: tuple[str, ...]) -> dict[str, object]:
    route = spine.route(name)
    target = spine.targets[name]
    if isinstance(target, LiveDeployment):
        prompts = {kind: target.prompt(kind).digest for kind in kinds}
        return {"deployment": await target.fingerprint(), "prompts": prompts}
    return {
        "policy": route.policy.kind,
        "options": msgspec.to_builtins(route.policy),
        "candidates": [[candidate, await _facts(spine, candidate, kinds)] for candidate in route.candidates],
    }
