"""`assay suite lint`: what is wrong with a suite, before money is spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.config.load import Loaded
    from assay.evals.judging.standing import Standing
    from assay.evals.lint.finding import Finding
    from assay.evals.lint.linter import Baselined, Linted
    from assay.evals.runs.run import Run
    from assay.evals.suites.suite import Suite

MARKS = {"error": "✗", "warning": "!", "note": "·"}
SHOWN = 5
LONG = 5000
"""Samples from which on it is said what is being done."""
LEGEND = "constant: what the best answer that never changes scores; question: what giving the question back does."


@click.command("lint")
@click.argument("folder", type=click.Path())
@click.option("--runs", "with_runs", is_flag=True, help="Look at what candidates answered too: all runs of the ledger.")
@click.option("--run", "run_ids", multiple=True, metavar="ID", help="Look at this run (its beginning will do).")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings and notes too.")
@click.option("--all", "every", is_flag=True, help=f"Show every finding, not only {SHOWN} of one rule and kind.")
@config_option
@json_option
def command(
    folder: str, with_runs: bool, run_ids: tuple[str, ...], strict: bool, every: bool, config: str | None, as_json: bool
) -> None:
    """Look for what makes figures of a suite wrong or empty. No model is asked.

    Errors: samples that are in dev and heldout, one input with two targets, right answers that fail their own
    graders, targets that no grader takes, inputs that name their answer, prompts that hold samples, constant answers
    that pass the bar, judges that a constant fools, patterns that can run for ever. Warnings and notes: duplicates,
    rare labels, small kinds, personal data without a label, judges without an audit, and, with --runs, samples that
    all candidates pass or fail and those that the better ones fail.

    Prompts are those of the nearest assay.toml if it decides on this suite, or of --config. A sample's `meta.gold` may
    hold an answer that must pass, where the target is none (hidden tests).

    \b
    Examples:
      assay suite lint suite
      assay suite lint suite --runs --strict --json

    Exit code 0: no errors; 1: errors, or anything with --strict.
    """
    found = run(_lint(folder, with_runs, run_ids, config, quiet=as_json))
    emit(found, as_json, render(found, every))
    finish(1 if found.count("error") or (strict and found.findings) else 0)


async def _lint(folder: str, with_runs: bool, run_ids: tuple[str, ...], config: str | None, *, quiet: bool) -> Linted:
    from assay.evals.lint.around import prompts_of
    from assay.evals.lint.linter import lint
    from assay.evals.suites.suite import read_suite

    suite = read_suite(folder)
    loaded = _config(suite, config, needed=with_runs or bool(run_ids))
    runs, standings = await _known(loaded, suite, run_ids, with_runs=with_runs) if loaded is not None else ({}, None)
    return await lint(
        suite,
        bar=loaded.config.decide.bar if loaded is not None else None,
        prompts=tuple(prompts_of(loaded.config, suite)) if loaded is not None else (),
        runs=runs,
        standings=standings,
        on_step=(lambda step: None) if quiet else _step(len(suite.samples)),
    )


def _config(suite: Suite, config: str | None, *, needed: bool) -> Loaded | None:
    """The configuration that was named, or the nearest if it decides on this suite; None where there is none.

    Raises:
        ConfigError: one is needed or named, and there is none or it has a mistake.
    """
    from pathlib import Path

    from assay.config.load import load, load_if_any

    loaded = load(config) if needed else load_if_any(config)
    if loaded is None:
        return None
    own = loaded.config.decide.suite
    if config is not None or needed or (own is not None and Path(own).resolve() == Path(suite.folder)):
        return loaded
    return None


async def _known(
    loaded: Loaded, suite: Suite, run_ids: tuple[str, ...], *, with_runs: bool
) -> tuple[dict[str, Run], list[Standing] | None]:
    """The runs of the suite that were asked for, and how its judges stand."""
    from assay.app import App
    from assay.errors import AssayError
    from assay.evals.graders.grading import models_of
    from assay.evals.judging.standing import standing_of
    from assay.evals.lint.around import runs_of

    wanted = with_runs or bool(run_ids)
    try:
        judged = bool(models_of(suite.samples.specimens()))
    except AssayError:  # a grader that cannot be made is told among the findings
        judged = False
    if not wanted and not judged:
        return {}, []
    async with App(loaded) as app:
        runs = dict(await runs_of(app.ledger, suite, run_ids)) if wanted else {}
        return runs, await standing_of(app.spine, suite) if judged else []


def _step(samples: int) -> Callable[[str], object]:
    """Says what is being done, where that may take a while."""
    return (lambda step: note(f"  {step}")) if samples > LONG else (lambda step: None)


def render(found: Linted, every: bool = False) -> str:
    """Findings with their places, then what no thought scores in each kind."""
    lines = [f"{found.suite} {found.version}: {plural(found.samples, 'sample')}, digest {found.digest[:12]}", ""]
    shown: Counter[tuple[str, str | None]] = Counter()
    for finding in found.findings:
        shown[finding.rule, finding.kind] += 1
        if every or shown[finding.rule, finding.kind] <= SHOWN:
            lines += _told(finding)
    for (rule, kind), count in shown.items():
        if not every and count > SHOWN:
            lines.append(f"  … {count - SHOWN} more of {rule} in {kind or 'the suite'} (--all)")
    lines += ["", *_baselines(found.baselines), "", _summary(found)]
    return "\n".join(lines)


def _told(finding: Finding) -> list[str]:
    from assay.cli.figures import printable

    head = f"{MARKS[finding.level]} {finding.level:<7} {finding.rule}"
    return [
        f"{head}  {finding.kind or ''}".rstrip(),
        f"    {printable(finding.message)}",
        f"    {finding.where}",
        f"    -> {finding.advice}",
    ]


def _baselines(baselines: tuple[Baselined, ...]) -> list[str]:
    from assay.cli.figures import cut
    from assay.decision.table import table

    cells = [
        (
            one.kind,
            str(one.samples),
            str(one.heldout),
            f"{one.bar:.0%}" if one.bar is not None else "-",
            f"{one.share:.0%}" if one.share is not None else "-",
            repr(cut(one.constant, 30)) if one.constant is not None else "-",
            f"{one.echo_share:.0%}" if one.echo_share is not None else "-",
        )
        for one in baselines
    ]
    head = ("kind", "samples", "held out", "bar", "constant", "which", "question")
    return [*table(head, cells), LEGEND]


def _summary(found: Linted) -> str:
    counts = ", ".join(plural(found.count(level), level) for level in MARKS)
    gold = f"the right answers of {plural(found.gold_tried, 'sample')} were tried"
    runs = f"; runs of {', '.join(found.runs)}" if found.runs else ""
    return f"{counts}; {gold}{runs}."
