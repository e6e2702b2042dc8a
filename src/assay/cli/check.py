"""`assay check`: prove the pins again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.recovery import show_recovered
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.check import CheckReport
    from assay.decision.lock import Lock


class _Wanted(NamedTuple):
    """What the command line asks for."""

    kinds: tuple[str, ...]
    folder: str | None
    digests_only: bool
    full: bool
    error: float
    seed: int | None
    concurrency: int


@click.command("check")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be given several times.")
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("--digests-only", is_flag=True, help="Compare digests, ask no sample.")
@click.option("--full", is_flag=True, help="Ask all pinned samples; else only as many as the verdict needs.")
@click.option(
    "--error", default=0.05, show_default=True, type=Finite(0, 0.5, max_open=True),
    help="Probability of a wrong verdict on a pin; 0 stops when it is certain.",
)  # fmt: skip
@click.option("--seed", type=int, help="Of the order in which samples are asked [default: another one each time].")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@click.option(
    "--junit", type=click.Path(dir_okay=False), help="Write JUnit XML to this file: a test case for each pin."
)
@click.option(
    "--github/--no-github", default=None,
    help="Annotate assay.lock and write a job summary [default: where GITHUB_ACTIONS is true].",
)  # fmt: skip
@config_option
@json_option
def command(
    kinds: tuple[str, ...], folder: str | None, digests_only: bool, full: bool, error: float, seed: int | None,
    concurrency: int, junit: str | None, github: bool | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Prove that what is pinned still holds: digests first, then the pinned samples, uncached.

    Samples are asked in a random order until it is proven that the score has not fallen by more than the pin
    tolerates, or that it has. The same command continues a check that was interrupted.

    \b
    Examples:
      assay check
      assay check --digests-only
      assay check -k tickets.classify --error 0.01
      assay check --junit pins.xml      in CI; on GitHub, pins that do not hold are shown at their lines too

    Exit code 0: every pin holds; 1: something changed or regressed; 4: cannot be told.
    """
    if junit is not None and not Path(junit).absolute().parent.is_dir():
        raise click.UsageError(f"--junit {junit}: its folder is not there, and nothing was asked")
    wanted = _Wanted(kinds, folder, digests_only, full, error, seed, concurrency)
    if github is None:
        github = os.environ.get("GITHUB_ACTIONS") == "true"
    finish(run(_check(wanted, junit, github, config, as_json), continues=True))


async def _check(wanted: _Wanted, junit: str | None, github: bool, config: str | None, as_json: bool) -> int:
    from assay.app import open_app
    from assay.decision.lock import read_lock

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        lock = read_lock(app.lock_path)
        report = await _proved(app, lock, wanted)
    emit(report, as_json, render(report, str(app.lock_path)))
    if junit is not None:
        from assay.decision.junit import write_junit

        write_junit(report, Path(junit))
    if github:
        _tell_github(report, app.lock_path, as_json)
    return report.exit_code


async def _proved(app: App, lock: Lock, wanted: _Wanted) -> CheckReport:
    """The check, and what it comes to in the history of the lock."""
    from assay.cli.progress import EvalProgress
    from assay.decision import history
    from assay.decision.check import Checking
    from assay.evals.runs.runner import Runner
    from assay.evals.suites.suite import read_suite

    suite = read_suite(wanted.folder or app.suite_path)
    pins = [pin for kind, pin in lock.kinds.items() if not wanted.kinds or kind in wanted.kinds]
    with EvalProgress(sum(len(pin.samples) for pin in pins)) as progress:
        runner = Runner(
            app.spine, suite, seed=lock.seed, config_digest=app.loaded.digest, concurrency=wanted.concurrency,
            use_cache=False, on_result=progress.result,
        )  # fmt: skip
        report = await Checking(
            app.spine, lock, suite, runner, error=wanted.error, full=wanted.full, digests_only=wanted.digests_only,
            seed=wanted.seed, on_kind=lambda one: progress.say(f"{one.kind}: {one.verdict}"),
        ).check(wanted.kinds)  # fmt: skip
    # What holds was proved whole, or it is not said of the whole; what does not is true of a part as well.
    if report.exit_code == 1 or not (report.left_out or wanted.digests_only):
        await history.note(app.ledger, lock, report.verdict)
    return report


def render(report: CheckReport, lock_path: str) -> str:
    """A check as text."""
    verdict = {0: "every pin holds", 1: "a pin does not hold", 4: "it cannot be told"}[report.exit_code]
    lines = [f"{one.kind} ({one.target}): {one.verdict} - {one.reason}" for one in report.kinds]
    if report.asked:
        of = plural(report.total, "pinned sample")
        lines.append(f"Asked {report.asked} of {of} ({report.total - report.asked} saved).")
    lines += [f"Guarantee: {report.guarantee}.", f"Population: {report.population}."]
    left_out = f" ({', '.join(report.left_out)} left out)" if report.left_out else ""
    return "\n".join([*lines, f"{lock_path}: {verdict}{left_out}"])


def _tell_github(report: CheckReport, lock_path: Path, as_json: bool) -> None:
    """Annotations where GitHub reads them, on stderr beside JSON, and the summary of the job."""
    from assay.decision.github import notices, summary

    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    path = lock_path.resolve()
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    for line in notices(report, file, path.read_text("utf-8")):
        click.echo(line, err=as_json)
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(place).open("a", encoding="utf-8") as summaries:
                summaries.write(summary(report))
        except OSError as error:  # the verdict does not hang on it
            note(f"cannot write the job's summary to {place}: {error.strerror}")
