"""`assay shadows`: what came of asking others beside the traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from assay.cli.called import check_found, hint
from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.ledger import opened_ledger
from assay.cli.since import moment
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from assay.evals.beside.readout import Readout

_NOTHING = 'nothing has been compared: give a route policy = { kind = "shadow", ... } or an audit, and serve'
_WORDS = {
    "same": "the same", "equal": "equal to the judge", "own": "the client's better", "other": "the other's better",
    "differs": "different", "unjudged": "not told apart", "failed": "the other failed", "unasked": "not asked",
    "observed": "only observed",
}  # fmt: skip

_UNJUDGED = {"budget": "whose verdict did not fit into the cap or a budget", "judge": "whose judge gave no verdict"}


@click.command("shadows")
@click.argument("route", required=False)
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day, 2026-11-01 (UTC).")
@click.option("-k", "--kind", help="Only this kind.")
@config_option
@json_option
def command(route: str | None, since: float, kind: str | None, config: str | None, as_json: bool) -> None:
    """Show how answers of routes compare with those of another who was asked beside.

    A route with the policy `shadow`, or with an audit ([routes.NAME.audit]), has a share of its requests answered by
    another deployment too, which nobody waits for and no client sees. Closed answers are compared by what they say; of
    open ones a judge that the route names tells which is better. Shares come with intervals of 95 %.

    \b
    Examples:
      assay shadows
      assay shadows support --since 7d
      assay shadows --kind sql --json

    Exit code 4: nothing has been compared.
    """
    found = run(_read(route, since, kind, config))
    nothing = "nothing of that has been compared" if route or kind or since else _NOTHING
    lines = _lines(found) if found else [nothing]
    emit({"comparisons": [_value(one) for one in found]}, as_json, "" if as_json else "\n".join(lines))
    finish(0 if found else 4)


async def _read(route: str | None, since: float, kind: str | None, config: str | None) -> list[Readout]:
    from assay.config.load import load
    from assay.evals.beside.readout import readouts
    from assay.ledger.comparisons import kind_traffic, tallies

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        counted = await tallies(ledger, since_s=since, route=route, kind=kind)
        if not counted:
            await check_found(route, loaded, ledger)
            await hint(ledger, kind=kind)
        return readouts(counted, await kind_traffic(ledger, since_s=since) if counted else [])


def _value(one: Readout) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(one), "saved_usd": one.projection.saved_usd}


def _lines(found: list[Readout]) -> Iterator[str]:
    for place, one in enumerate(found):
        if one.kind is None or place == 0 or not _same_pair(one, found[place - 1]):
            yield from ("", _title(one)) if place else (_title(one),)
        if one.kind is not None:
            yield f"  kind {one.kind or '(none)'}"
        yield from (f"  {line}" for line in _facts(one))


def _same_pair(one: Readout, other: Readout) -> bool:
    return (one.route, one.purpose, one.own, one.other) == (other.route, other.purpose, other.own, other.other)


def _title(one: Readout) -> str:
    return f"{one.route}, {one.purpose}: {one.own} answered, {one.other} was asked beside"


def _facts(one: Readout) -> Iterator[str]:
    yield ", ".join(f"{one.verdicts[name]} {word}" for name, word in _WORDS.items() if one.verdicts.get(name))
    if one.agreement.n:
        yield f"agree: {one.agreement}"
    if one.as_good.n and (one.verdicts.get("own") or one.verdicts.get("other")):
        yield f"the client's is as good or better: {one.as_good}"
    if one.own_usd is not None and one.other_usd is not None:
        yield f"one answer: {told_usd(one.own_usd)} here, {told_usd(one.other_usd)} there"
    if one.own_s is not None and one.other_s is not None:
        yield f"one answer: {one.own_s:.2f} s here, {one.other_s:.2f} s there"
    yield from _money(one)
    if one.uncompared:
        yield f"not compared, for too many others waited: {one.uncompared}; a smaller share leaves fewer out"
    if one.unjudged:
        yield "not told apart: " + ", ".join(f"{n} {_UNJUDGED[why]}" for why, n in one.unjudged.items())
    if one.unasked:
        yield "not asked: " + ", ".join(f"{n} {why}" for why, n in one.unasked.items())


def _money(one: Readout) -> Iterator[str]:
    now = one.projection
    if now.usd is not None and now.other_usd is not None and now.saved_usd is not None:
        more = "less" if now.saved_usd >= 0 else "more"
        yield (
            f"all {plural(now.requests, 'request')} here: {told_usd(now.usd)}; there about {told_usd(now.other_usd)}, "
            f"{told_usd(abs(now.saved_usd))} {more}"
        )
    if one.spent_usd or one.judge_usd:
        yield f"comparing cost {told_usd(one.spent_usd)} for answers and {told_usd(one.judge_usd)} for verdicts"
