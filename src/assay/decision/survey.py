"""Looks at what a decision rests on, as it is now: candidates and their conditions, samples, limits, judges."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from assay.config.schema import Deployment, Price
from assay.decision.basis import Basis, Conditions, Ground, KindGround
from assay.envelope.constraints import lacks_key, stays
from assay.envelope.permission import impermissible
from assay.errors import AssayError
from assay.evals.graders.grading import graders_of
from assay.evals.graders.judges import KIND as JUDGING
from assay.evals.suites.suite import Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.identity import target_facts
from assay.inference.reach import below
from assay.inference.spine import Spine

__all__ = ["bases", "ground_of"]


async def bases(spine: Spine, candidates: Sequence[str], kinds: Sequence[str]) -> dict[str, Basis]:
    """What each candidate is now, and on what conditions it is had.

    Raises:
        ConfigError: there is no such candidate.
    """
    return {name: await _basis(spine, name, kinds) for name in candidates}


async def ground_of(
    spine: Spine, suite: Suite, *, split: str | None, bar: float, tolerance: float, error: float
) -> Ground:
    """What all candidates have in common.

    Args:
        spine: the limits, and the models that grade.
        suite: cut to the kinds and the split that decide.
        split: which that is.
        bar: of kinds whose suite names none.
        tolerance: who misses a bar by no more may be chosen.
        error: how probable a wrong choice may be.
    """
    judges = sorted({name for _, grader in graders_of(suite.samples) for name in grader.models})
    return Ground(
        suite_digest=suite.digest,
        split=split,
        bar=bar,
        tolerance=tolerance,
        error=error,
        kinds={name: _kind(spine, suite, name) for name in suite.kinds},
        constraints=_as_json(spine.constraints),
        judges={name: await _judge(spine, name) for name in judges},
    )


# -------------------------------------------------------------------------------------- one candidate


async def _basis(spine: Spine, name: str, kinds: Sequence[str]) -> Basis:
    deployments = {one.name: _conditions(spine, one) for one in below(spine, name)}
    try:
        found = {kind: await target_facts(spine, name, kind) for kind in kinds}
    except AssayError as error:
        return Basis(deployments=deployments, problem=str(error))
    shared = _shared(list(found.values()))
    own = {kind: {fact: said for fact, said in facts.items() if fact not in shared} for kind, facts in found.items()}
    return Basis(deployments=deployments, facts=shared, by_kind={kind: facts for kind, facts in own.items() if facts})


def _shared(several: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The facts that are the same in all of them."""
    first = several[0] if several else {}
    return {fact: said for fact, said in first.items() if all(one.get(fact) == said for one in several)}


def _conditions(spine: Spine, live: LiveDeployment) -> Conditions:
    config, model, found = live.config, live.model, live.price
    price = found.bound if found.by_hour else found.price
    return Conditions(
        side="own" if config.is_private else "rent",
        host=None if config.runs_here else config.host or _address(config),
        keyless=lacks_key(config),
        **_rates(price),
        price_from=found.source if price is not None else None,
        usd_per_hour=config.usd_per_hour,
        licence=model.licence if model is not None else None,
        policy=_policy(live),
        status=model.status if model is not None else None,
        retires=model.retires if model is not None else None,
        barred=impermissible(live.candidate, spine.constraints),
    )


def _address(config: Deployment) -> str:
    """Name and port of a host that the table does not know."""
    return (urlsplit(config.base_url).netloc if config.base_url else "") or config.dialect


def _rates(price: Price | None) -> dict[str, Any]:
    names = ("input", "output", "cached_input", "cache_write")
    return {f"{name}_usd_per_mtok": getattr(price, name) for name in names} if price is not None else {}


def _policy(live: LiveDeployment) -> dict[str, Any]:
    """What is known of what its host does with data."""
    policy = live.terms.policy
    known = {fact: getattr(policy, fact) for fact in policy.FACTS} if policy is not None else {}
    return {fact: _as_json(said) for fact, said in known.items() if said is not None}


def _as_json(value: object) -> Any:
    """As the ledger gives it back: what was kept is compared with what is there now."""
    return msgspec.json.decode(msgspec.json.encode(value))


async def _judge(spine: Spine, name: str) -> dict[str, str]:
    try:
        return await target_facts(spine, name, JUDGING)
    except AssayError as error:
        return {"problem": str(error)}


# ------------------------------------------------------------------------------------------- one kind


def _kind(spine: Spine, suite: Suite, name: str) -> KindGround:
    kind, samples = suite.kinds[name], suite.of(name)
    digests, labels = [], set()
    for sample in samples:
        plain = msgspec.structs.replace(sample, where="", origin={})  # where it stands decides nothing
        digests.append(hashlib.sha256(msgspec.json.encode(plain, order="sorted")).digest())
        labels.add(sample.label)
    return KindGround(
        samples=len(samples),
        digest=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
        gate=kind.gate,
        bar=kind.bar,
        p95_latency_s=kind.p95_latency_s,
        repeats=kind.repeats,
        stays=any(stays(label, spine.constraints) for label in labels),
    )
