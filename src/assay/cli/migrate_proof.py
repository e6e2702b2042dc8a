"""`assay migrate`: what is asked, of what, with which prompts and money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.deciding import undecided
from assay.cli.door import note

if TYPE_CHECKING:
    from assay.app import App
    from assay.cli.migrate_given import Given
    from assay.decision.migration.migration import Migration
    from assay.decision.migration.traffic import Traffic
    from assay.evals.suites.suite import Suite
    from assay.inference.purse import Purse

__all__ = ["proved", "successor", "suite_of"]


async def proved(app: App, asked: Given, whole: Suite) -> Migration:
    """The verdict, on the new one as it is configured, or with prompts of its own."""
    with undecided():
        return await (_adapted(app, asked, whole) if asked.adapt else _proved(app, asked, whole, _purse(asked)))


def successor(app: App, old: str) -> str:
    """The deployment of the successor that the maker names.

    Raises:
        ConfigError: none is named, or nobody calls it.
    """
    from assay.decision.migration.retirement import successor_of

    app.spine.route(old)
    new = successor_of(app.spine, app.catalog, app.loaded.config.deployments, old)
    note(f"  the maker names a successor, which {new} calls")
    return new


def suite_of(app: App, asked: Given) -> Suite:
    """The whole suite.

    Raises:
        ConfigError: old and new are the same, or one is not there; or there is no suite.
    """
    from assay.errors import ConfigError
    from assay.evals.suites.suite import read_suite

    for name in (str(asked.old), str(asked.new)):
        app.spine.route(name)
    if asked.old == asked.new:
        raise ConfigError(f"{asked.old!r} is both; name another deployment or route to move to")
    return read_suite(asked.folder or app.suite_path)


def _purse(asked: Given, spent_usd: float = 0.0) -> Purse | None:
    """What may still be spent; None = no limit but the month's."""
    from assay.inference.purse import Purse

    return Purse(max(0.0, asked.max_usd - spent_usd), "--max-usd") if asked.max_usd is not None else None


async def _proved(app: App, asked: Given, whole: Suite, purse: Purse | None) -> Migration:
    """The verdict."""
    from assay.cli.deciding import tell_judges
    from assay.cli.progress import EvalProgress
    from assay.decision.migration.migrating import Migrating
    from assay.evals.graders.grading import check_graders
    from assay.evals.runs.runner import Runner

    settings = app.loaded.config
    split = settings.decide.part("heldout" if asked.adapt else asked.split)
    suite = whole.only(whole.with_gates(asked.kinds), split)
    check_graders(suite.samples)
    old, new = str(asked.old), str(asked.new)
    if purse is not None:
        _check_payable(app, (old, new), suite, purse)
    traffic = await _traffic(app, asked, suite) if asked.traffic else None
    with EvalProgress(_answers(suite, traffic)) as progress:

        def make_runner(one: Suite) -> Runner:
            return Runner(
                app.spine, whole if one is suite else one, seed=asked.seed, config_digest=app.loaded.digest,
                concurrency=asked.concurrency, purse=purse, on_result=progress.result,
            )  # fmt: skip

        found = await Migrating(
            app.spine, suite, old, new, make_runner,
            margin=asked.margin if asked.margin is not None else settings.decide.tolerated_regression,
            error=asked.error, seed=asked.seed, split=split, bar=settings.decide.bar,
            p95_latency_s=settings.constraints.p95_latency_s, concurrency=asked.concurrency, traffic=traffic,
            on_finding=lambda one: progress.verdict(one.kind, new, one.verdict),
        ).migrate()  # fmt: skip
    judged = {name: found.runs[side] for side, name in (("old", old), ("new", new)) if side in found.runs}
    await tell_judges(app, suite, judged, asked.folder)
    return found


async def _adapted(app: App, asked: Given, whole: Suite) -> Migration:
    """The verdict on the new one with prompts of its own, and beside it what they brought."""
    from msgspec import structs

    from assay.cli.progress import EvalProgress
    from assay.decision.adapting.adapting import ANSWERS, Adapting
    from assay.decision.adapting.gain import with_gains
    from assay.decision.adapting.search import Searching
    from assay.evals.runs.runner import Runner

    if asked.split not in (None, "heldout"):
        raise click.UsageError(f"--adapt searches on dev and judges on heldout; leave --split {asked.split} out")
    kinds = whole.with_gates(asked.kinds) or tuple(whole.kinds)
    answers = asked.adapt_answers if asked.adapt_answers is not None else ANSWERS
    with EvalProgress(answers * len(kinds)) as progress:
        searching = Searching(answers, asked.seed, asked.concurrency, progress.result)
        search = Adapting(app.spine, whole, kinds, searching, usd=asked.max_usd, overall=True, on_kind=progress.verdict)
        (adaptation,) = await search.adapt((str(asked.new),))
    purse = _purse(asked, search.spent_usd)
    found = await _proved(app, asked._replace(new=adaptation.adapted or asked.new), whole, purse)
    runner = Runner(
        app.spine, whole, seed=asked.seed, config_digest=app.loaded.digest, concurrency=asked.concurrency, purse=purse
    )
    (told,) = await with_gains(runner, whole.only(kinds, "heldout"), (adaptation,), asked.seed)
    return structs.replace(found, adapted=told)


def _answers(suite: Suite, traffic: Traffic | None) -> int:
    """That are asked for at most."""
    beside = [one.answers for one in (traffic.graded, traffic.answered) if one is not None] if traffic else []
    return 2 * (suite.answers + sum(beside))


def _check_payable(app: App, names: tuple[str, ...], suite: Suite, purse: Any) -> None:
    from assay.evals.runs.payable import check_judges, check_targets

    check_targets(app.spine, names, suite)
    check_judges(app.spine, suite)


async def _traffic(app: App, asked: Given, suite: Suite) -> Traffic:
    """Real requests of the old one.

    Raises:
        DecisionError: the ledger keeps none.
    """
    import time

    from assay.cli.keeping import none_kept
    from assay.cli.since import DAY_S
    from assay.decision.migration.traffic import draw_traffic
    from assay.errors import DecisionError
    from assay.evals.traffic.harvest import Wish
    from assay.inference.bodies import Bodies

    settings, old = app.loaded.config, str(asked.old)
    oldest = max(asked.since, time.time() - settings.bodies.keep_days * DAY_S)
    whose = {"target": old} if old in settings.routes else {"answered_by": (old,)}
    wish = Wish(limit=asked.traffic, since_s=oldest, seed=asked.seed, **whose)
    redactor = Bodies(app.ledger, settings).redactor_for(personal=True)
    found = await draw_traffic(app.spine, wish, redactor, str(asked.new), suite, kinds=asked.kinds, judge=asked.judge)
    if not any(found.requests.values()):
        why = none_kept(settings, found.unread, old)
        raise DecisionError(f"the ledger has no real requests that {old!r} answered: {why}; or leave --traffic out")
    return found
