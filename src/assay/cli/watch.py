"""`assay watch`: notice a hosted model that was changed behind its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.recovery import show_recovered
from assay.cli.since import DAY_S, span_s
from assay.numerals import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from assay.app import App
    from assay.decision.watching.watch import Watching
    from assay.types import Request

__all__ = ["command"]

_LONGEST_S = 366 * DAY_S


class Given(NamedTuple):
    """What was asked for on the command line."""

    targets: tuple[str, ...]
    folder: str | None
    max_usd: float | None
    dry_run: bool
    concurrency: int
    config: str | None
    as_json: bool


def _span(context: click.Context, option: click.Parameter, given: str | None) -> float | None:
    """Seconds of `24h`, `30m`, `1d`; a callback of click."""
    if given is None:
        return None
    seconds = span_s(given)
    if not seconds or seconds > _LONGEST_S:
        raise click.BadParameter(f"{given!r} is no span: 24h, 30m, 1d", context, option)
    return float(seconds)


@click.command("watch")
@click.option("-m", "--model", "targets", multiple=True,
              help="Deployment or route; may be repeated [default: watch.deployments, else hosted ones that pins or "
              "the last decision use].")  # fmt: skip
@click.option("-s", "--suite", "folder", type=click.Path(), help="Suite of the canaries [default: watch.suite].")
@click.option("--find-borders", is_flag=True, help="Look for prompts whose answer hangs by a hair, and keep them.")
@click.option("--status", is_flag=True, help="Ask nothing; say how it stands.")
@click.option("--reset", metavar="TARGET", help="A change is accepted: what it answers from now on is the usual.")
@click.option("--dry-run", is_flag=True, help="Ask nothing; say what would be asked, and what it costs at most.")
@click.option("--every", "every_s", metavar="SPAN", callback=_span,
              help="Stay, and make a round each 24h, say.")  # fmt: skip
@click.option("--simulate", is_flag=True, help="Say how soon drops would be found, and how often in error.")
@click.option("--canaries", type=click.IntRange(1, 10_000), help="With --simulate: so many [default: as configured].")
@click.option("--max-usd", type=Finite(0), help="Spend at most so much in a round, graders included, or in a search.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Requests in flight at once.")
@config_option
@json_option
def command(
    find_borders: bool, status: bool, reset: str | None, every_s: float | None, simulate: bool, canaries: int | None,
    **given: Any,
) -> None:  # fmt: skip
    """Ask hosted deployments the same few samples every day, and raise an alarm when their answers have changed.

    One call is one round, for cron; what was answered today is not asked again, and a missed day does no harm. Two
    things are looked at: whether scores fall, and whether answers are no longer the usual ones, of the samples and of
    border inputs: short prompts whose answer hangs by a hair, which a swapped model hardly ever leaves all alone. No
    baseline is taken as known: each item is held against its own past. An alarm is told once, and stands until
    it is accepted with --reset. A host that does not answer is no change; it is told apart.

    \b
    Examples:
      assay watch --find-borders --max-usd 0.50
      assay watch                             # 0 6 * * * assay watch -c /srv/bot/assay.toml
      assay watch --every 24h
      assay watch --status
      assay watch --simulate --canaries 100
      assay watch --reset frontier

    Exit code 0: all is quiet; 1: something has changed; 3: a host does not answer, or assay.lock cannot be read;
    4: too early to say.
    """
    asked = Given(**given)
    wanted = {"find-borders": find_borders, "status": status, "reset": reset, "every": every_s, "simulate": simulate}
    chosen = [name for name, value in wanted.items() if value]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} are different things; give one of them")
    if canaries is not None and not simulate:
        raise click.UsageError("--canaries goes with --simulate; for rounds it is watch.canaries_per_day in assay.toml")
    if every_s is not None and given["dry_run"]:
        raise click.UsageError("--dry-run says what one round takes; leave --every out")
    if simulate:
        from assay.cli.watch_simulated import simulated

        finish(simulated(canaries, asked.config, asked.as_json))
    from assay.errors import BudgetExceeded, DecisionError

    try:
        if reset is not None:
            finish(run(_reset(asked, reset)))
        if status:
            finish(run(_status(asked)))
        finish(run(_find(asked) if find_borders else _rounds(asked, every_s), continues=True))
    except DecisionError as error:  # its own code is 4, which would say that it is too early to tell
        error.exit_code = 3
        raise
    except BudgetExceeded as error:  # its own code is 1, which would say that something has changed
        kept = (
            "a search keeps nothing before its end"
            if find_borders
            else ("what was asked is kept, the same command goes on with the rest")
        )
        note(f"assay: {error}; {kept}")
        finish(3)


async def _rounds(given: Given, every_s: float | None) -> int:
    """One round, or one after another."""
    code = await _round(given)
    while every_s is not None:
        note(f"  the next round is in {every_s / 3600:g} h; Ctrl-C ends")
        await pause(every_s)
        code = await _round(given)
    return code


async def pause(seconds: float) -> None:
    """Wait until the next round is due."""
    import asyncio

    await asyncio.sleep(seconds)


async def _round(given: Given) -> int:
    from assay.app import open_app
    from assay.cli.progress import AnswerProgress
    from assay.decision.watching.told import exit_code, told

    async with open_app(given.config) as app:
        show_recovered(app.ledger.recovered)
        with AnswerProgress("watching") as progress:
            watching = await _watching(app, given, progress.one)
            targets = watching.targets(given.targets)
            if given.dry_run:
                return _foretell(app, given, {target: await watching.requests(target) for target in targets})
            found = [await watching.round(target) for target in targets]
    emit(found, given.as_json, told(found))
    return exit_code(found)


async def _status(given: Given) -> int:
    from assay.app import open_app
    from assay.decision.watching.told import exit_code, told

    async with open_app(given.config) as app:
        watching = await _watching(app, given)
        kept = [await watching.status(target) for target in watching.targets(given.targets)]
    found = [one for one in kept if one is not None]
    emit(found, given.as_json, told(found) or "nothing has been watched yet; `assay watch` makes a round")
    return exit_code(found) if found else 4


async def _reset(given: Given, target: str) -> int:
    from assay.app import open_app

    async with open_app(given.config) as app:
        panel = await (await _watching(app, given)).reset(target)
    emit(panel, given.as_json, f"{target}: begins anew; what it answers from now on is what it is held against")
    return 0


async def _find(given: Given) -> int:
    from assay.app import open_app
    from assay.cli.progress import AnswerProgress
    from assay.decision.watching.told import told_borders

    async with open_app(given.config) as app:
        show_recovered(app.ledger.recovered)
        with AnswerProgress("looking for border inputs") as progress:
            watching = await _watching(app, given, progress.one)
            targets = watching.targets(given.targets)
            asked = {target: watching.search_requests(target) for target in targets}
            if given.dry_run:
                return _foretell(app, given, asked)
            for target in targets:
                progress.say(_costs(app, target, asked[target]))
            found = {target: await watching.find_borders(target) for target in targets}
    emit(found, given.as_json, "\n".join(told_borders(name, borders) for name, borders in found.items()))
    return 0


def _foretell(app: App, given: Given, asked: Mapping[str, Sequence[Request]]) -> int:
    from assay.decision.watching.borders import bound_usd

    told = {
        name: {"requests": len(requests), "bound_usd": bound_usd(app.spine, name, requests)}
        for name, requests in asked.items()
    }
    emit(told, given.as_json, "\n".join(_costs(app, name, requests) for name, requests in asked.items()))
    return 0


def _costs(app: App, target: str, requests: Sequence[Request]) -> str:
    from assay.decision.watching.borders import bound_usd
    from assay.numerals import told_usd

    usd = bound_usd(app.spine, target, requests)
    cost = f"{told_usd(usd)} at most" if usd is not None else "at a cost that is not known in USD"
    return f"{target}: {plural(len(requests), 'request')} at most, {cost}"


async def _watching(app: App, given: Given, on_answer: Callable[[str], object] = lambda target: None) -> Watching:
    import msgspec

    from assay.decision.decision import Decision
    from assay.decision.lock import read_lock
    from assay.decision.watching.panel import panels_path
    from assay.decision.watching.watch import Watching
    from assay.decision.watching.watched import work_of
    from assay.evals.suites.suite import read_suite
    from assay.inference.purse import Purse

    settings = app.loaded.config.watch
    suite = read_suite(given.folder or settings.suite or _suite_path(app)) if settings.canaries_per_day else None
    lock = read_lock(app.lock_path) if app.lock_path.exists() else None
    row = await app.ledger.decision() if lock is None else None
    decision = msgspec.json.decode(row.body, type=Decision) if row is not None else None
    purse = Purse(given.max_usd, "--max-usd") if given.max_usd is not None else None
    return Watching(
        app.spine, settings, panels_path(app.loaded.ledger_path), suite, work_of(lock, decision), purse=purse,
        concurrency=given.concurrency, config_digest=app.loaded.digest, on_answer=on_answer,
    )  # fmt: skip


def _suite_path(app: App) -> Path:
    from assay.errors import ConfigError

    try:
        return app.suite_path
    except ConfigError as error:
        error.add_note("border inputs alone need no suite: watch.canaries_per_day = 0")
        raise
