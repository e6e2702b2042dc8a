"""`assay guards test`: what a guard catches of what it should, and stops of what it should not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.figures import cut, seconds
from assay.numerals import told_usd

if TYPE_CHECKING:
    from assay.evals.guarding.trial import Share, Trial

_SHOWN = 10


@click.command("test")
@click.argument("name")
@click.argument("file", type=click.Path())
@click.option("--caught", type=click.FloatRange(0, 1), help="Exit 1 unless certainly this share is caught.")
@click.option(
    "--alarms", type=click.FloatRange(0, 1), help="Exit 1 unless false alarms are certainly no larger a share."
)
@config_option
@json_option
def command(
    name: str, file: str, caught: float | None, alarms: float | None, config: str | None, as_json: bool
) -> None:
    """Have guard NAME look at the cases in FILE, and count what it gets right, with intervals of 95 %.

    A line of FILE is {"text": "what is asked", "catch": true}, or with an "answer" that the guard is to look at.
    Guards that ask no model are tried offline; the model of others is asked, and paid.

    \b
    Examples:
      assay guards test personal cases.jsonl
      assay guards test safety cases.jsonl --caught 0.9 --alarms 0.05

    Exit codes: 1 a share is certainly worse than it should be, 4 that cannot be told with so few cases, or no case was
    decided.
    """
    trial = run(_tried(name, file, config))
    emit(trial, as_json, "\n".join(_lines(trial)))
    codes = {_exit(trial.caught, caught, least=True), _exit(trial.false_alarms, alarms, least=False)}
    decided = trial.caught.of + trial.false_alarms.of
    finish(1 if 1 in codes else max(codes) if decided else 4)


async def _tried(name: str, file: str, config: str | None) -> Trial:
    from assay.app import App
    from assay.config.load import load
    from assay.errors import ConfigError, did_you_mean
    from assay.evals.guarding.cases import read_cases
    from assay.evals.guarding.trial import try_guard
    from assay.inference.guards import make_guard

    loaded = load(config)
    guards = loaded.config.guards
    if name not in guards:
        raise ConfigError(f"no guard {name!r}; {did_you_mean(name, guards)}")
    cases = read_cases(file)
    async with App(loaded) as app:
        return await try_guard(make_guard(name, guards[name]), app.spine, cases)


def _lines(trial: Trial) -> list[str]:
    lines = [
        f"guard {trial.guard}",
        f"  caught        {_share(trial.caught)}",
        f"  false alarms  {_share(trial.false_alarms)}",
    ]
    if trial.undecided:
        lines.append(f"  undecided     {len(trial.undecided)}, in neither share")
    cost = "cost unknown" if trial.usd is None else told_usd(trial.usd)
    lines.append(
        f"  a look takes  {seconds(trial.median_s)} (median)"
        + (f"; {trial.asked} asked, {cost}" if trial.asked else "")
    )
    for what, numbers in (("missed", trial.missed), ("false alarm", trial.alarmed), ("undecided", trial.undecided)):
        lines += [f"  {what}: case {number}: {cut(trial.reasons[number], 80)}" for number in numbers[:_SHOWN]]
        if len(numbers) > _SHOWN:
            lines.append(f"  {what}: and {len(numbers) - _SHOWN} more (--json has all)")
    return lines


def _share(share: Share) -> str:
    if share.interval is None:
        return "no such case"
    low, high = share.interval
    return f"{share.count} of {share.of}: {share.count / share.of:.0%} [{low:.0%}, {high:.0%}]"


def _exit(share: Share, bar: float | None, *, least: bool) -> int:
    """0 = certainly as it should be, 1 = certainly not, 4 = that cannot be told."""
    if bar is None:
        return 0
    if share.interval is None:
        return 4
    low, high = share.interval if least else (1 - share.interval.high, 1 - share.interval.low)
    wanted = bar if least else 1 - bar
    return 0 if low >= wanted else 1 if high < wanted else 4
