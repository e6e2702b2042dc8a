"""`assay rollout`: a new arm in stages, guarded, with a way back that needs nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.called import check_found
from assay.cli.door import Finite, config_option, emit, finish, json_option, run
from assay.cli.ledger import opened_ledger
from assay.cli.since import span_s

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from assay.config.schema import Config
    from assay.decision.experiments.guard import Finding, Next, Plan
    from assay.ledger.rows import RolloutMoveRow, RolloutRow
    from assay.ledger.store import SqliteLedger

_WHO = "assay rollout"


@click.group()
def command() -> None:
    """Give a new arm of a split its traffic in stages; an arm that does harm is taken back by the gateway itself.

    The route is a split between two candidates in assay.toml. Where a rollout stands is kept in the ledger: every
    gateway of that ledger takes up its weights within a second, looks at what came of the stage, and moves it.

    \b
    Examples:
      assay rollout start support --from old --to new
      assay rollout start support --from old --to new --stages 5,50,100 --metric accepted --hold 1h
      assay rollout status support
      assay rollout abort support
    """


def _seconds(context: click.Context, option: click.Parameter, given: str) -> float:
    found = span_s(given)
    if found is None:
        raise click.BadParameter(f"{given!r} is no span of time: 30m, 12h, 7d", context, option)
    return float(found)


def _stages(context: click.Context, option: click.Parameter, given: str) -> tuple[float, ...]:
    try:
        shares = tuple(round(float(one) / 100, 6) for one in given.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < one <= 1 for one in shares):
        problem = f"{given!r} is no list of percentages above 0, up to 100: 1,5,25,50,100"
        raise click.BadParameter(problem, context, option)
    return shares


@command.command("start")
@click.argument("route")
@click.option("--from", "old", required=True, metavar="OLD", help="The arm that is in use.")
@click.option("--to", "new", required=True, metavar="NEW", help="The arm that shall take its place.")
@click.option(
    "--stages", default="1,5,25,50,100", show_default=True, callback=_stages,
    help="Percentages of the sessions for the new arm, stage by stage.",
)  # fmt: skip
@click.option(
    "--min-requests", default=100, show_default=True, type=click.IntRange(1),
    help="So many requests of the new arm before a stage is left.",
)  # fmt: skip
@click.option("--hold", default="0s", show_default=True, callback=_seconds, help="A stage lasts so long at least.")
@click.option(
    "--metric", type=click.Choice(["accepted", "edited", "rejected"]),
    help="A stage is left only when this share of the verdicts is shown to be no worse, too.",
)  # fmt: skip
@click.option(
    "--tolerance", default=0.05, show_default=True, type=Finite(0, 1, min_open=True, max_open=True),
    help="So much worse may the share of --metric be; without one, so much higher that of rejected answers.",
)  # fmt: skip
@click.option(
    "--max-error-rise", default=0.05, show_default=True, type=Finite(0, 1, min_open=True, max_open=True),
    help="So much higher may the failure rate be, and the share of requests that clients leave.",
)  # fmt: skip
@click.option(
    "--max-usd-rise", default=1.0, show_default=True, type=Finite(0, 1000),
    help="Such a part more may a request cost: 1 is twice as much.",
)  # fmt: skip
@click.option(
    "--max-latency-rise", default=1.0, show_default=True, type=Finite(0, 1000),
    help="Such a part more may the mean time to an answer be.",
)  # fmt: skip
@click.option(
    "--error", default=0.05, show_default=True, type=Finite(0, 0.5, min_open=True, max_open=True),
    help="Probability of a wrong way back at most, and of a wrong end.",
)  # fmt: skip
@config_option
@json_option
def start(
    route: str, old: str, new: str, stages: tuple[float, ...], hold: float, config: str | None, as_json: bool,
    **limits: Any,
) -> None:  # fmt: skip
    """Begin a rollout of NEW in the place of OLD, with its first stage.

    A stage is left when the new arm has had its requests, the stage its time, and the failure rate is shown not to be
    higher than allowed; --metric adds what people say. At the first proof of harm (failures, requests that clients
    leave, rejected answers, cost, latency) all traffic goes back to OLD. Both are told by comparisons that may be
    looked at as often as one likes.

    \b
    Example:
      assay rollout start support --from old --to new --min-requests 300 --hold 1h
    """
    import msgspec

    from assay.decision.experiments.guard import Plan
    from assay.decision.experiments.rollout import begin

    try:
        plan = msgspec.convert({"stages": stages, "hold_s": hold, **limits}, Plan)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error

    async def begun(ledger: SqliteLedger) -> RolloutRow:
        from assay.config.load import load

        return await begin(ledger, load(config).config, route, old, new, plan, _WHO)

    row = run(_with_ledger(config, begun))
    emit(_plain(row, plan), as_json, f"{_state(row)}\nhow it goes: assay rollout status {route}")


@command.command("status")
@click.argument("route", required=False)
@config_option
@json_option
def status(route: str | None, config: str | None, as_json: bool) -> None:
    """Where rollouts stand: the stage, what is known of each limit, what is waited for, and every move.

    Exit code of one route: 0: done; 1: rolled back or aborted; 4: under way.

    \b
    Example:
      assay rollout status support
    """
    from assay.config.load import load

    told = run(_with_ledger(config, lambda ledger: _looked_at(ledger, load(config).config, route), of=route))
    emit([value for value, _, _ in told], as_json, "\n\n".join(text for _, text, _ in told) or "no rollout was begun")
    finish(told[0][2] if route is not None else 0)


async def _looked_at(ledger: SqliteLedger, config: Config, route: str | None) -> list[tuple[dict[str, Any], str, int]]:
    """Of each rollout its JSON, its text and its exit code."""
    from assay.decision.experiments.rollout import ACTIVE, fits, look, plan_of, present
    from assay.ledger.rollouts import newest_rollouts, rollout_moves

    rows = [await present(ledger, route)] if route is not None else await newest_rollouts(ledger)
    told = []
    for row in rows:
        found = await look(ledger, row, detailed=True) if row.state in ACTIVE else None
        moves = await rollout_moves(ledger, row.id)
        known = row.state == "ended" or fits(config, row)
        value = {
            **_plain(row, plan_of(row)),
            "fits": known,
            "next": found,
            "moves": [_plain_move(one) for one in moves],
        }
        code = {"done": 0, "ended": 0, "rolled-back": 1, "aborted": 1}.get(row.state, 4)
        lines = _status(row, found, moves)
        if not known:
            lines.insert(1, f"It counts for nothing: assay.toml has no split {row.route!r} between these two.")
        told.append((value, "\n".join(lines), code))
    return told


def _status(row: RolloutRow, found: Next | None, moves: list[RolloutMoveRow]) -> list[str]:
    from assay.cli.lock_history import moment_of
    from assay.decision.table import table

    lines = [_state(row)]
    if found is not None:
        head = ("limit", row.old, row.new, "sessions", "shown", "read from")
        lines += ["", *table(head, [_limit(one) for one in found.findings], indent="  "), ""]
        if found.move is not None:
            lines.append(f"next: {found.move}, by a gateway that runs: {found.why}")
        else:
            lines.append(f"waiting for: {'; '.join(found.waiting)}")
    cells = [(moment_of(one.created_at), one.move, f"{one.share:.3g}", one.who, one.why) for one in moves]
    return [*lines, "", *table(("when", "move", "share", "who", "why"), cells, indent="  ")]


def _limit(one: Finding) -> tuple[str, ...]:
    from assay.decision.experiments.measured import better

    seen = one.seen[0]
    allowed = f"at most {one.factor:g} times" if one.factor != 1.0 else f"{one.limit * 100:g} points"
    allowed += "" if one.factor != 1.0 else " lower" if better(one.measure) == "higher" else " higher"
    old, new = (f"{mean:.4g}" if mean is not None else "-" for mean in (seen.old, seen.new))
    verdict = {"harm": "HARM", "safe": "kept", "open": "open"}[one.verdict] + (
        "" if one.required else " (may lead back)"
    )
    read = " and ".join(look.method for look in one.seen)
    return f"{one.measure}: {allowed}", old, new, f"{seen.old_units} and {seen.new_units}", verdict, read


def _change(name: str, says: str) -> None:
    """One of the commands that change what a rollout does."""

    @command.command(name, help=says)
    @click.argument("route")
    @config_option
    @json_option
    def changed(route: str, config: str | None, as_json: bool) -> None:
        from assay.decision.experiments.rollout import change, plan_of

        row = run(_with_ledger(config, lambda ledger: change(ledger, route, name, _WHO), of=route))
        emit(_plain(row, plan_of(row)), as_json, _state(row))


_change("pause", "Stay in this stage. Harm still leads back.\n\n\b\nExample:\n  assay rollout pause support")
_change("resume", "Go on with what was paused.\n\n\b\nExample:\n  assay rollout resume support")
_change("abort", "Give all traffic back to the old arm, now.\n\n\b\nExample:\n  assay rollout abort support")
_change("end", "Let go of one that is over: the weights in assay.toml count again.\n\n\b\nExample:\n  "
        "assay rollout end support")  # fmt: skip


async def _with_ledger(
    config: str | None, work: Callable[[SqliteLedger], Coroutine[Any, Any, Any]], of: str | None = None
) -> Any:
    """What some work gives; where there is no rollout `of` a route, a name that nothing has is told as such."""
    from assay.config.load import load
    from assay.errors import DecisionError

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        try:
            return await work(ledger)
        except DecisionError:
            await check_found(of, loaded, ledger)
            raise


def _state(row: RolloutRow) -> str:
    if row.state == "ended":
        return f"{row.route}: ended; the weights of assay.toml count"
    return f"{row.route}: {row.state}; {row.new} gets {row.share * 100:.3g} % of the sessions, {row.old} the rest"


def _plain(row: RolloutRow, plan: Plan) -> dict[str, Any]:
    import msgspec

    return {**{name: getattr(row, name) for name in row.__struct_fields__ if name != "body"},
            "plan": msgspec.to_builtins(plan)}  # fmt: skip


def _plain_move(one: RolloutMoveRow) -> dict[str, Any]:
    import msgspec

    facts = {name: getattr(one, name) for name in ("created_at", "move", "share", "who", "why")}
    return {**facts, "evidence": msgspec.json.decode(one.body)}
