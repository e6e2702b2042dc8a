"""`assay check`: prove the pins again."""

from __future__ import annotations

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.recovery import show_recovered


@click.command("check")
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("--digests-only", is_flag=True, help="Compare digests, ask no sample.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@config_option
@json_option
def command(folder: str | None, digests_only: bool, concurrency: int, config: str | None, as_json: bool) -> None:
    """Prove that what is pinned still holds: digests first, then the pinned samples, uncached.

    \b
    Examples:
      assay check
      assay check --digests-only

    Exit code 0: every pin holds; 1: something changed or regressed; 4: cannot be told.
    """
    finish(run(_check(folder, digests_only, concurrency, config, as_json)))


async def _check(folder: str | None, digests_only: bool, concurrency: int, config: str | None, as_json: bool) -> int:
    from assay.app import open_app
    from assay.decision.check import check
    from assay.decision.lock import read_lock
    from assay.evals.runs.runner import Runner
    from assay.evals.suites.suite import read_suite

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        lock = read_lock(app.lock_path)
        suite = read_suite(folder or app.suite_path)
        runner = Runner(
            app.spine, suite, seed=lock.seed, config_digest=app.loaded.digest, concurrency=concurrency, use_cache=False
        )
        report = await check(
            app.spine, lock, suite, runner, digests_only=digests_only,
            on_kind=lambda one: note(f"  {one.kind}: {one.verdict}"),
        )  # fmt: skip
    lines = [f"{one.kind} ({one.target}): {one.verdict} - {one.reason}" for one in report.kinds]
    verdict = {0: "every pin holds", 1: "a pin does not hold", 4: "it cannot be told"}[report.exit_code]
    emit(report, as_json, "\n".join([*lines, f"{app.lock_path}: {verdict}"]))
    return report.exit_code
