"""A guarded rollout in the ledger: begun, looked at, moved. Several gateways may look; one of them moves it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from assay.config.schema import Config
from assay.decision.experiments.guard import Next, Plan, Stage, limits_of, next_move
from assay.decision.experiments.measured import by_arm
from assay.errors import ConfigError, DecisionError, did_you_mean
from assay.ledger.dealt import DealtRow, Question, dealt_rows, sums_of
from assay.ledger.rollouts import add_rollout, move_rollout, newest_rollouts
from assay.ledger.rows import RolloutMoveRow, RolloutRow, RolloutState, new_id
from assay.ledger.store import Ledger
from assay.routing.protocol import Rolled

__all__ = ["Changed", "begin", "change", "fits", "look", "perform", "plan_of", "present", "rolled"]

ACTIVE: tuple[RolloutState, ...] = ("running", "paused")
_NEAR = 1e-6
"""Shares are rounded when they are noted."""


class Changed(NamedTuple):
    """What a person may do, from which states, and what it comes to."""

    move: str
    of: tuple[RolloutState, ...]
    state: RolloutState


_CHANGES = {
    "pause": Changed("pause", ("running",), "paused"),
    "resume": Changed("resume", ("paused",), "running"),
    "abort": Changed("abort", ACTIVE, "aborted"),
    "end": Changed("end", ("done", "rolled-back", "aborted"), "ended"),
}


def rolled(rows: Iterable[RolloutRow]) -> dict[str, Rolled]:
    """By route, the weights that rollouts say now. The new arm comes last: who has met it stays with it as it grows."""
    return {
        row.route: Rolled(row.id, {row.old: 1.0 - row.share, row.new: row.share})
        for row in rows
        if row.state != "ended"
    }


def plan_of(row: RolloutRow) -> Plan:
    """What was asked for when it began.

    Raises:
        DecisionError: it was written by a version that this one cannot read.
    """
    try:
        return msgspec.json.decode(row.body, type=Plan)
    except msgspec.DecodeError as error:
        raise DecisionError(f"the rollout {row.id} of {row.route!r} cannot be read: {error}") from error


async def begin(ledger: Ledger, config: Config, route: str, old: str, new: str, plan: Plan, who: str) -> RolloutRow:
    """Begin a rollout with its first stage.

    Raises:
        ConfigError: the route has no split between these two arms, or others have a weight in it.
        DecisionError: another rollout of the route is under way.
    """
    _check(config, route, old, new)
    now = time.time()
    row = RolloutRow(
        id=new_id(), created_at=now, route=route, old=old, new=new, state="running", stage=0, share=plan.stages[0],
        moved_at=now, body=msgspec.json.encode(plan),
    )  # fmt: skip
    if plan.stages[0] >= 1.0:
        row = replace(row, state="done")
    if not await add_rollout(ledger, row, _note(row, "start", who, f"{old} -> {new}", b"{}")):
        raise DecisionError(f"a rollout of {route!r} is under way; assay rollout abort {route} ends it")
    return row


async def present(ledger: Ledger, route: str) -> RolloutRow:
    """The newest rollout of a route.

    Raises:
        DecisionError: there is none.
    """
    found = await newest_rollouts(ledger, route)
    if not found:
        known = [row.route for row in await newest_rollouts(ledger)]
        others = f"; {did_you_mean(route, known)}" if known else ", nor of any other route"
        raise DecisionError(f"no rollout of {route!r} was begun{others}")
    return found[0]


async def look(ledger: Ledger, row: RolloutRow, now: float | None = None, *, detailed: bool = False) -> Next:
    """What to do with a rollout that is under way, from what its stage has come to.

    Args:
        ledger: of the gateways that serve it.
        row: as it is now.
        now: seconds since 1970; None = the clock's.
        detailed: see `next_move`.

    Raises:
        DecisionError: its plan cannot be read.
        LedgerError: the ledger cannot be read.
    """
    plan = plan_of(row)
    question = Question(row.route, row.moved_at)
    found = [one for one in await dealt_rows(ledger, question, row.id) if _of_stage(one, row)]
    sums = []
    if found:
        measures = tuple(one.measure for one in limits_of(plan))
        sums = await sums_of(ledger, question, row.id, found[0].shares, measures)
    stage = Stage(
        number=row.stage,
        age_s=(now if now is not None else time.time()) - row.moved_at,
        requests=sum(one.requests - one.cancelled for one in found if one.arm == row.new),
        sums=by_arm(sums),
    )
    return next_move(plan, stage, row.old, row.new, detailed=detailed)


async def perform(ledger: Ledger, row: RolloutRow, found: Next, who: str) -> RolloutRow | None:
    """Move a rollout as was found; None = somebody else has moved it, or there is nothing to do.

    A paused one only goes back.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    if found.move is None or row.state not in ACTIVE or (row.state == "paused" and found.move != "roll-back"):
        return None
    states: dict[str, RolloutState] = {"advance": "running", "finish": "done", "roll-back": "rolled-back"}
    after = replace(row, state=states[found.move], stage=found.stage, share=found.share, moved_at=time.time())
    note = _note(after, found.move, who, found.why, msgspec.json.encode(found))
    return after if await move_rollout(ledger, row, after, note) else None


async def change(ledger: Ledger, route: str, move: str, who: str) -> RolloutRow:
    """Pause, resume, abort or end a rollout, as a person wants it.

    Raises:
        DecisionError: there is none, it is in no state for that, or it was moved meanwhile.
    """
    row, wanted = await present(ledger, route), _CHANGES[move]
    if row.state not in wanted.of:
        allowed = " or ".join(wanted.of)
        raise DecisionError(f"the rollout of {route!r} is {row.state}; {move} is for one that is {allowed}")
    share = 0.0 if move == "abort" else row.share
    moved_at = time.time() if move != "pause" and move != "resume" else row.moved_at
    after = replace(row, state=wanted.state, share=share, moved_at=moved_at)
    if not await move_rollout(ledger, row, after, _note(after, move, who, "asked for", b"{}")):
        raise DecisionError(f"the rollout of {route!r} was moved in this very moment; look again: assay rollout status")
    return after


def _of_stage(one: DealtRow, row: RolloutRow) -> bool:
    """Whether requests were dealt with the shares of this stage; those on their way when it began were not."""
    shares: dict[str, float] = msgspec.json.decode(one.shares)
    return shares.keys() == {row.old, row.new} and abs(shares[row.new] - row.share) < _NEAR


def _note(row: RolloutRow, move: str, who: str, why: str, body: bytes) -> RolloutMoveRow:
    values = {"id": new_id(), "created_at": time.time(), "rollout_id": row.id, "move": move, "share": row.share,
              "who": who, "why": why, "body": body}  # fmt: skip
    return msgspec.convert(values, RolloutMoveRow)


def fits(config: Config, row: RolloutRow) -> bool:
    """Whether the configuration has a split between these arms; where it has not, the file's weights count."""
    try:
        _check(config, row.route, row.old, row.new)
    except ConfigError:
        return False
    return True


def _check(config: Config, name: str, old: str, new: str) -> None:
    route = config.routes.get(name)
    if route is None:
        raise ConfigError(f"there is no route {name!r}; {did_you_mean(name, config.routes)}")
    if old == new:
        raise ConfigError(f"a rollout of {name!r} is from one arm to another, and both are {old}")
    weights = route.policy.get("weights")
    if route.policy.get("kind") != "split" or not isinstance(weights, dict) or not {old, new} <= weights.keys():
        raise ConfigError(
            f"the route {name!r} is no split between {old} and {new}; make it one in assay.toml, and start the gateway "
            f'anew: policy = {{ kind = "split", weights = {{ {old} = 1, {new} = 0 }} }}, both of them candidates'
        )
    others = [arm for arm, weight in weights.items() if arm not in (old, new) and weight > 0]
    if others:
        have = "has" if len(others) == 1 else "have"
        raise ConfigError(
            f"a rollout of {name!r} is between {old} and {new} alone, and {', '.join(others)} {have} a weight in it too"
        )
