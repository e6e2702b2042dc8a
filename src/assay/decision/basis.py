"""What a decision rests on: what each candidate is and on what conditions it is had, the samples, the limits.

Kept with the decision, so that later somebody can say what has changed since (`assay choose --again`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from assay.config.schema import Deployment, Price
from assay.envelope.constraints import lacks_key
from assay.envelope.permission import impermissible
from assay.errors import AssayError
from assay.evals.graders.grading import graders_of
from assay.evals.graders.judges import KIND as JUDGING
from assay.evals.suites.suite import Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.identity import target_facts
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.types import Label, Value

__all__ = ["Basis", "Conditions", "Ground", "KindGround", "Side", "bases", "ground_of"]

Side = Literal["own", "rent"]


class Conditions(Value, frozen=True, kw_only=True):
    """On what conditions a deployment is had. `None` = not known, or there is none.

    Attributes:
        side: `own` where what is sent to it stays in the team's hands, else `rent`.
        host: where it is rented or served, by its key or address; None = an engine here.
        keyless: the variable that should hold its host's key is empty.
        input_usd_per_mtok, output_usd_per_mtok, cached_input_usd_per_mtok, cache_write_usd_per_mtok: of its dearest
            hour.
        price_from: who says so.
        usd_per_hour: what the device of an engine here costs.
        licence: of its weights.
        policy: what its host does with data.
        status, retires: what its maker has announced.
        barred: the constraint that forbids it, whatever is asked.
    """

    side: Side
    host: str | None = None
    keyless: bool = False
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | None = None
    price_from: str | None = None
    usd_per_hour: float | None = None
    licence: str | None = None
    policy: dict[str, Any] = {}
    status: str | None = None
    retires: str | None = None
    barred: str | None = None


class Basis(Value, frozen=True, kw_only=True):
    """One candidate.

    Attributes:
        deployments: everything that it may call, by name; a deployment itself alone.
        facts: what decides its answers to every kind (`assay.inference.identity.target_facts`).
        by_kind: kind -> the facts that are another kind's not: the prompt, mostly.
        problem: why it could not be identified (its weights are missing, say); there are no facts then.
    """

    deployments: dict[str, Conditions]
    facts: dict[str, str] = {}
    by_kind: dict[str, dict[str, str]] = {}
    problem: str | None = None

    def facts_of(self, kind: str) -> dict[str, str]:
        """What decides its answers to a kind."""
        return {**self.facts, **self.by_kind.get(kind, {})}

    @property
    def side(self) -> Side:
        """`own` only where nothing that it may call is rented."""
        return "own" if all(one.side == "own" for one in self.deployments.values()) else "rent"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where it is rented: everything that its requests may be sent to outside the team."""
        rented = (one.host or name for name, one in self.deployments.items() if one.side == "rent")
        return tuple(dict.fromkeys(rented))


class KindGround(Value, frozen=True, kw_only=True):
    """The samples of a kind, and what is asked of them.

    Attributes:
        digest: sha256 (hex) of the samples with their graders, whatever their order.
        stays: some of them may not leave: it can never be rented.
    """

    samples: int
    digest: str
    gate: bool = False
    bar: float | None = None
    p95_latency_s: float | None = None
    repeats: int = 1
    stays: bool = False


class Ground(Value, frozen=True, kw_only=True):
    """What all candidates have in common.

    Attributes:
        kinds: those that were decided, of the split that decides; `bar` is the suite's own.
        constraints: those that were set, as `assay.toml` has them.
        judges: model that grades -> its facts.
    """

    kinds: dict[str, KindGround]
    constraints: dict[str, Any] = {}
    judges: dict[str, dict[str, str]] = {}


async def bases(spine: Spine, candidates: Sequence[str], kinds: Sequence[str]) -> dict[str, Basis]:
    """What each candidate is now, and on what conditions it is had.

    Raises:
        ConfigError: there is no such candidate.
    """
    return {name: await _basis(spine, name, kinds) for name in candidates}


async def ground_of(spine: Spine, suite: Suite) -> Ground:
    """What all candidates have in common: a suite that is cut to the kinds and the split that decide."""
    judges = sorted({name for _, grader in graders_of(suite.samples) for name in grader.models})
    return Ground(
        kinds={name: _kind(spine, suite, name) for name in suite.kinds},
        constraints=msgspec.to_builtins(spine.constraints),
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
    """What is known of what its host does with data, as JSON gives it back."""
    policy = live.terms.policy
    known = {fact: getattr(policy, fact) for fact in policy.FACTS} if policy is not None else {}
    return {fact: msgspec.to_builtins(said) for fact, said in known.items() if said is not None}


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
        stays=Label.PRIVATE_ONLY in labels
        or (Label.UNLABELLED in labels and spine.constraints.unlabelled_data == "private-only"),
    )
