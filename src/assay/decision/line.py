"""The line between own and rent: per kind of work who does it, on which side, and why not on the other.

A candidate is *own* where nothing that it may call is rented: what it is sent stays in the team's hands. The line is
drawn by what was measured, and the route of `route_of` enforces it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from assay.config.schema import Route
from assay.decision.basis import Basis, Side
from assay.decision.cost import cost_of
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.table import MOST, table
from assay.errors import DecisionError
from assay.routing.by_kind import ByKind
from assay.types import Value

__all__ = ["KindLine", "reasons_of", "route_of", "told", "who_serves", "with_line"]

_WORDS = {
    Status.OPEN: "cannot be told",
    Status.UNPROVEN: "is not proven",
    Status.GATED: "is barred",
    Status.EXCLUDED: "is not permitted",
}
"""From what is nearest to a proof to what is farthest from it."""
_UNKNOWN = (Status.OPEN, Status.UNPROVEN)


class KindLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Who does one kind of work, and on which side.

    Attributes:
        hosts: where it is rented.
        cost: of one answer, in words; `~` marks an expected one.
        other: what became of the other side, in words; where nobody does it, the first move that is left.
        stays: some of it may not leave: it can never be rented.
        moves: where nobody does it, what is left to do.
    """

    kind: str
    side: Literal["own", "rent", "nobody"]
    target: str | None
    hosts: tuple[str, ...]
    cost: str | None
    other: str
    stays: bool
    moves: tuple[str, ...]


def who_serves(decision: Decision) -> tuple[KindLine, ...]:
    """The line of a decision, kind by kind; empty where the decision does not say where its candidates are."""
    return tuple(_line(decision, one) for one in decision.kinds) if decision.basis else ()


def with_line(decision: Decision) -> dict[str, Any]:
    """The decision with its line, for JSON."""
    return {**msgspec.to_builtins(decision), "line": msgspec.to_builtins(who_serves(decision))}


def told(decision: Decision, kind: str | None = None) -> str:
    """The line as a table, of all kinds or one; empty where it is not known."""
    named = {one.name for one in decision.kinds if kind is None or kind == one.name or kind in one.kinds}
    lines = [one for one in who_serves(decision) if one.kind in named]
    if not lines:
        return ""
    rows = [(one.kind, _where(one), one.target or "-", one.cost or "-", one.other) for one in lines]
    head = ("kind", "side", "who does it", "cost each", "the other side")
    return "\n".join(["The line between own and rent:", *table(head, rows, indent="  ", most=MOST)])


# --------------------------------------------------------------------------------------- the two sides


def _line(decision: Decision, kind: KindDecision) -> KindLine:
    stays = _stays(decision, kind)
    if kind.chosen is None:
        first = f"next: {kind.moves[0]}" if kind.moves else kind.reason
        return KindLine(
            kind=kind.name, side="nobody", target=None, hosts=(), cost=None, other=first, stays=stays, moves=kind.moves
        )
    basis, chosen = decision.basis[kind.chosen], _result(kind, kind.chosen)
    return KindLine(
        kind=kind.name,
        side=basis.side,
        target=kind.chosen,
        hosts=basis.hosts,
        cost=cost_of(chosen),
        other=_other(kind, chosen, decision.basis, stays=stays),
        stays=stays,
        moves=(),
    )


def _where(one: KindLine) -> str:
    return f"{one.side} at {', '.join(one.hosts)}" if one.hosts else one.side


def _stays(decision: Decision, kind: KindDecision) -> bool:
    kinds = decision.ground.kinds if decision.ground is not None else {}
    return any(kinds[name].stays for name in kind.kinds if name in kinds)


def _result(kind: KindDecision, name: str) -> CandidateResult:
    return next(one for one in kind.candidates if one.name == name)


def _other(kind: KindDecision, chosen: CandidateResult, basis: dict[str, Basis], *, stays: bool) -> str:
    """What became of the candidates on the other side, the most telling of them."""
    here = basis[chosen.name].side
    side: Side = "rent" if here == "own" else "own"
    if side == "rent" and stays:
        return "can never be rented: some of it may not leave"
    others = [one for one in kind.candidates if basis[one.name].side == side]
    if not others:
        return f"no candidate to {side}"
    return f"{side} {_came_to(kind, chosen, others)}"


def _came_to(kind: KindDecision, chosen: CandidateResult, others: Sequence[CandidateResult]) -> str:
    spared = [one for one in others if one.status is Status.NOT_NEEDED]
    passing = [one for one in spared if one.passed >= kind.needed]
    if passing:
        return f"passes too: {passing[0].name}, {cost_of(passing[0])}{_times(passing[0], chosen)}"
    if spared:
        return f"not needed: {spared[0].name} costs {cost_of(spared[0])}"
    failed = [one for one in others if one.status is Status.FAILED]
    if failed:
        unsure = [one.name for one in others if one.status in _UNKNOWN]
        return _fails(kind, failed) + (f"; nothing is claimed of {', '.join(unsure)}" if unsure else "")
    one = min(others, key=lambda other: list(_WORDS).index(other.status))
    return f"{_WORDS[one.status]}: {one.name}: {one.reason}"


def _times(one: CandidateResult, chosen: CandidateResult) -> str:
    """How many times as much it costs, where both were measured in dollars."""
    if not one.usd or not chosen.usd:
        return ""
    return f", {one.usd / chosen.usd:.2g} times as much"


def _fails(kind: KindDecision, failed: Sequence[CandidateResult]) -> str:
    best = max(failed, key=lambda one: (_share(one), one.passed))
    if _share(best) >= kind.bar:  # it is something else that it fails: a latency, or the bar by samples not yet asked
        return f"fails: {best.name}: {best.reason}"
    return f"fails: {_share(best):.0%} of {kind.bar:.0%} at best, by {best.name}"


def _share(one: CandidateResult) -> float:
    return one.passed / (one.passed + one.failed) if one.passed + one.failed else 0.0


# ------------------------------------------------------------------------------------ what enforces it


def route_of(decision: Decision, *, default_kind: str | None = None) -> Route:
    """The route that serves each kind by what was proven for it, and refuses the others with the reason.

    Args:
        decision: at least one kind must have a proven candidate.
        default_kind: what requests count as that name no kind, or one that is not proven; only where it is proven.

    Raises:
        DecisionError: no kind has one.
    """
    serving = {kind: one.chosen for one in decision.kinds for kind in one.kinds if one.chosen is not None}
    if not serving:
        raise DecisionError("no kind has a proven candidate, so there is no route to write; see `assay explain`")
    policy = ByKind(
        kinds=serving,
        unproven={kind: one.reason for one in decision.kinds for kind in one.kinds if one.chosen is None},
        default_kind=default_kind if default_kind in serving else None,
    )
    options = {"kind": ByKind.kind, **msgspec.to_builtins(policy)}
    return Route(
        candidates=tuple(dict.fromkeys(serving.values())),
        policy={key: value for key, value in options.items() if value not in (None, {})},
    )


def reasons_of(decision: Decision) -> tuple[str, ...]:
    """Where a route of `route_of` comes from, in sentences."""
    day = datetime.fromtimestamp(decision.created_at, UTC).date().isoformat()
    split = f", split {decision.split}" if decision.split else ""
    bars = ", ".join(f"{one.name} {one.bar:.0%}" for one in decision.kinds if one.chosen is not None)
    together = [one.name for one in decision.kinds if len(one.kinds) > 1]
    return (
        f"Decision {decision.id} of {day}: `assay explain {decision.id[:12]}`.",
        f"Suite {decision.suite} {decision.suite_version}, digest {decision.suite_digest[:12]}{split}. Bars: {bars}.",
        *(["Its kinds were decided together, not one by one."] if together else []),
        f"Guarantee: {decision.guarantee}.",
        f"Speaks of: {decision.population}.",
        "Kinds that are not named here are refused.",
    )
