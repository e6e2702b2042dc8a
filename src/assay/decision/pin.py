"""Freezing a decision: one pin per kind, and the route that serves them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import structs

from assay.decision.decision import Decision, KindDecision
from assay.decision.lock import VERSION, Lock, Pin
from assay.errors import AssayError, DecisionError
from assay.evals.graders.identity import judges_digest
from assay.evals.runs.repeats import ONCE
from assay.evals.runs.run import RepeatsOf, joined
from assay.evals.suites.digest import samples_digest
from assay.evals.suites.suite import Suite
from assay.inference.identity import target_facts
from assay.inference.route import LiveRoute
from assay.inference.spine import Spine
from assay.ledger.rows import ResultRow
from assay.routing.by_kind import ByKind


async def pin(spine: Spine, decision: Decision, *, tolerated_regression: float, suite: Suite | None = None) -> Lock:
    """The lock of a decision.

    Args:
        spine: what can be called.
        decision: what was chosen.
        tolerated_regression: how much lower a pin may score when it is proved again, as a share.
        suite: of the decision: a pin then outlasts a suite that grows around its samples. None, or another one: the
            suite as a whole must stay as it is.

    Raises:
        DecisionError: nothing was chosen, a run of the evidence is gone, or an adapted candidate is not configured.
    """
    _check_configured(spine, decision)
    kinds: dict[str, Pin] = {}
    unproven: dict[str, str] = {}
    for one in decision.kinds:
        if one.chosen is None:
            unproven |= dict.fromkeys(one.kinds, one.reason)
            continue
        scored = await _scored(spine, decision, one, one.chosen)
        for kind in one.kinds:
            rows = [row for row in scored if row.kind == kind]
            if not rows:  # decided together with other kinds, and certain before this one had its turn
                unproven[kind] = f"none of its samples was needed to decide {one.name!r}; choose it by itself"
                continue
            failed = tuple(row.sample_id for row in rows if (row.value or 0.0) < 1.0)
            kinds[kind] = Pin(
                target=one.chosen,
                bar=one.bar,
                passed=len(rows) - len(failed),
                failed=failed,
                tolerated_regression=tolerated_regression,
                made_up=one.made_up,
                run=decision.runs[one.chosen],
                samples=tuple(row.sample_id for row in rows),
                facts=await target_facts(spine, one.chosen, kind, fresh=True),
            )
            if suite is not None and suite.digest == decision.suite_digest:
                kinds[kind] = await _with_evidence(spine, kinds[kind], kind, suite)
    if not kinds:
        raise DecisionError("no kind has a proven candidate, so there is nothing to pin; see `assay explain`")
    return Lock(
        version=VERSION,
        route=decision.suite,
        suite=decision.suite,
        suite_digest=decision.suite_digest,
        config_digest=decision.config_digest,
        decision=decision.id,
        pinned_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=decision.seed,
        kinds=kinds,
        unproven=unproven,
    )


async def _scored(spine: Spine, decision: Decision, one: KindDecision, chosen: str) -> list[ResultRow]:
    """What the chosen one scored on the samples that it was proven on."""
    run, evidence = decision.runs[chosen], set(one.evidence)
    rows = joined(await spine.ledger.results(run), _repeats(one)).values()
    found = [row for row in rows if row.sample_id in evidence and row.value is not None]
    if not found:
        raise DecisionError(f"the run {run} holds no results of {one.name!r} any more; choose again")
    return found


async def _with_evidence(spine: Spine, one: Pin, kind: str, suite: Suite) -> Pin:
    """A pin that says what its samples are, and who graded them."""
    samples = suite.of(kind).named(one.samples)
    return structs.replace(
        one,
        samples_sha256=samples_digest(samples, suite.kinds[kind]),
        judges_sha256=await judges_digest(spine, samples, (kind,)),
    )


def _check_configured(spine: Spine, decision: Decision) -> None:
    """What `assay choose --adapt` found can be called in that call alone, until somebody has put it down."""
    adapted = {one.adapted for one in decision.adaptations} - spine.targets.keys()
    missing = sorted({one.chosen for one in decision.kinds if one.chosen is not None and one.chosen in adapted})
    if missing:
        raise DecisionError(
            f"{', '.join(missing)} was chosen with prompts that the configuration does not have; put it there with "
            "`assay choose --again --write assay.toml`, then pin that decision"
        )


def _repeats(one: KindDecision) -> RepeatsOf:
    """What the values of one sample came to when it was decided."""
    return lambda kind: ONCE._replace(reducer=one.reducers[kind]) if kind in one.reducers else ONCE


def changed_facts(pinned: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is no longer as it was pinned, in words."""
    changes = []
    for fact in sorted({*pinned, *now}):
        before, after = pinned.get(fact), now.get(fact)
        if before != after:
            changes.append(f"{fact} was {_short(before)} and is {_short(after)}")
    return tuple(changes)


def _short(value: str | None) -> str:
    if value is None:
        return "absent"
    return f"{value[:12]}…" if len(value) == 64 else repr(value)


async def broken_pins(spine: Spine, lock: Lock, *, fresh: bool = False) -> dict[str, str]:
    """Kind -> why its pin does not describe what would be served now. Empty when all hold."""
    broken: dict[str, str] = {}
    for kind, one in lock.kinds.items():
        if one.target not in spine.targets:
            broken[kind] = f"the configuration has no {one.target!r} any more"
            continue
        try:
            now = await target_facts(spine, one.target, kind, fresh=fresh)
        except AssayError as error:
            broken[kind] = str(error)
            continue
        changes = changed_facts(one.facts, now)
        if changes:
            broken[kind] = "; ".join(changes)
    return broken


async def changed_evidence(spine: Spine, lock: Lock, kind: str, suite: Suite) -> str | None:
    """Why the samples of a pin cannot be asked again as they were; None where they can.

    Raises:
        AssayError: a file that decides a score cannot be read, or a model that grades cannot be identified.
    """
    pin = lock.kinds[kind]
    samples = suite.of(kind).named(pin.samples)
    gone = [sample for sample in pin.samples if not samples.has(sample)]
    if gone:
        return f"{len(gone)} of its pinned samples are not in the suite any more ({gone[0]} ...); choose again"
    if not pin.samples_sha256:
        same = suite.digest == lock.suite_digest
        return None if same else "the suite is not the one of the evidence any more; choose again"
    if samples_digest(samples, suite.kinds[kind]) != pin.samples_sha256:
        return "its pinned samples, or their graders, are not as they were in the suite of the evidence; choose again"
    if await judges_digest(spine, samples, (kind,)) != pin.judges_sha256:
        return "a model or rubric that grades its samples is another one; choose again"
    return None


def pinned_route(lock: Lock, broken: Mapping[str, str], default_kind: str | None) -> LiveRoute:
    """The route that serves a lock: each kind by its pin; what is unproven or broken is refused."""
    serving = {kind: one.target for kind, one in lock.kinds.items() if kind not in broken}
    refused = {**lock.unproven, **{kind: f"its pin is broken: {reason}" for kind, reason in broken.items()}}
    candidates = tuple(dict.fromkeys(serving.values()))
    policy = ByKind(kinds=serving, unproven=refused, default_kind=default_kind)
    return LiveRoute(name=lock.route, candidates=candidates, policy=policy)
