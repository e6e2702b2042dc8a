"""`assay judge audit`: is a model that grades to be trusted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.judge.purse import max_usd_option, purse_of, within_purse
from assay.numerals import plural, verb

if TYPE_CHECKING:
    from assay.app import App
    from assay.evals.judging.audited import Agreement, Audit, Labelled, Probe
    from assay.evals.suites.suite import Suite


@click.command("audit")
@click.argument("judge")
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--labels", "labels_file", type=click.Path(), help="What people say of answers: see `assay judge label`.")
@click.option(
    "--repeats", default=2, show_default=True, type=click.IntRange(1, 20), help="Verdicts on each labelled answer."
)
@click.option(
    "--probes",
    default=50,
    show_default=True,
    type=click.IntRange(0),
    help="Samples on which answers that answer nothing are tried.",
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Verdicts in flight at once.")
@max_usd_option
@click.option("--fresh", is_flag=True, help="Ask for every verdict anew.")
@config_option
@json_option
def command(
    judge: str, folder: str | None, kinds: tuple[str, ...], labels_file: str | None, repeats: int, probes: int,
    concurrency: int, max_usd: float | None, fresh: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Audit JUDGE, a deployment or route that graders of a suite ask for verdicts.

    With labels it is compared with people: agreement, Cohen's kappa, sensitivity and specificity with exact intervals,
    and how steady it is when asked again. Always it is shown answers that answer nothing (none at all, "I don't know",
    flattery, an instruction to the judge, fluent words on something else): a judge that passes one of them certainly
    more often than in 10 % of the samples can be gamed. What was found is kept in the ledger; `assay eval` shows it
    beside what the judge grades. A judge whose model, prompt or rubric was changed is another one.

    \b
    Examples:
      assay judge audit frontier
      assay judge audit frontier -k reply.tone --labels labels.jsonl --json

    Exit code 0: nothing fools it; 1: it can be gamed; 3: it gave no verdicts, or the money ran out; 4: too few samples
    to tell.
    """
    with within_purse():
        code = run(
            _audit(judge, folder, kinds, labels_file, repeats, probes, concurrency, max_usd, fresh, config, as_json),
            continues=True,
        )
    finish(code)


async def _audit(
    judge: str, folder: str | None, kinds: tuple[str, ...], labels_file: str | None, repeats: int, probes: int,
    concurrency: int, max_usd: float | None, fresh: bool, config: str | None, as_json: bool,
) -> int:  # fmt: skip
    from assay.app import open_app
    from assay.cli.progress import VerdictProgress
    from assay.errors import SuiteError, did_you_mean
    from assay.evals.graders.grading import check_graders, models_of
    from assay.evals.judging.audit import Auditor
    from assay.evals.runs.payable import check_judge
    from assay.evals.suites.suite import read_suite

    async with open_app(config) as app:
        whole = read_suite(folder or app.suite_path)
        suite = whole.only(kinds)
        check_graders(suite.samples)
        labelled = await _labelled(app, whole, suite, labels_file) if labels_file is not None else []
        purse = purse_of(max_usd)
        with VerdictProgress() as progress:
            auditor = Auditor(
                app.spine, suite, repeats=repeats, probes=probes, concurrency=concurrency, use_cache=not fresh,
                purse=purse, on_verdict=progress.one,
            )  # fmt: skip
            graders = auditor.graders(judge)
            if not graders:
                known = models_of(suite.samples)
                raise SuiteError(f"no grader of suite {suite.name!r} asks {judge!r}; {did_you_mean(judge, known)}")
            await app.require([judge])
            if purse is not None:
                for _, grader in graders:
                    check_judge(app.spine, grader)
            progress.of(sum(auditor.verdicts(spec, labelled) for spec, _ in graders))
            audits = [await auditor.audit(spec, grader, labelled) for spec, grader in graders]
    emit(audits, as_json, "\n\n".join(map(render, audits)))
    return _code(audits)


def _code(audits: list[Audit]) -> int:
    if any(audit.flagged for audit in audits):
        return 1
    if any(_silent(audit) for audit in audits):
        return 3
    return 4 if any(audit.probe is not None and audit.probe.fooled == "open" for audit in audits) else 0


def _silent(audit: Audit) -> bool:
    """Whether nothing at all came of it."""
    return audit.probe is None and (audit.people is None or not audit.people.answers)


async def _labelled(app: App, whole: Suite, suite: Suite, file: str) -> list[Labelled]:
    """The answers of this suite's runs that people have read.

    Raises:
        SuiteError: the labels cannot be used, or are about none of these answers.
    """
    from assay.errors import SuiteError
    from assay.evals.judging.audit import labelled_answers
    from assay.evals.judging.labels import check_labels, read_labels

    labels = read_labels(file)
    named = {label.run for found in labels.by_sample.values() for label in found if label.run is not None}
    runs = [row for row in await app.ledger.runs(10_000) if row.suite_digest == suite.digest or row.id in named]
    check_labels(labels, whole, len(runs))
    rows = [row for one in runs for row in await app.ledger.results(one.id) if row.sample_id in labels.by_sample]
    found = labelled_answers(suite, rows, labels, {one.id: one.target for one in runs})
    if not found:
        raise SuiteError(
            f"{file}: of {plural(len(labels), 'label')} none is about an answer that a run of suite "
            f"{suite.name!r} gave; label some with `assay judge label`"
        )
    return found


# ------------------------------------------------------------------------------------------- text


def render(audit: Audit) -> str:
    """An audit as text."""
    from assay.cli.figures import cost

    lines = [f"{audit.judge} as {audit.grader} of {', '.join(audit.kinds)}  (suite {audit.suite}, {audit.digest[:12]})"]
    if audit.people is not None:
        lines += _people(audit.people)
    else:
        lines.append("  people: no labels given; whether it is right is not known (assay judge label, then --labels)")
    steady = audit.steadiness
    if steady is not None and steady.share is not None and steady.interval is not None:
        span = _percents(steady.interval)
        lines.append(
            f"  steady: {steady.steady} of {plural(steady.answers, 'answer')} got one verdict in {steady.repeats}, "
            f"{span}"
        )
    place = audit.position
    if place is not None and place.pairs:
        said = f"it favours the {place.favours} place" if place.favours else "no place is certainly favoured"
        lines.append(f"  places: {place.steady} of {plural(place.pairs, 'pair')} steady when swapped; {said}")
    lines += _probe(audit.probe) if audit.probe is not None else ["  probes: none judged"]
    return "\n".join([*lines, f"  cost: {cost(audit.usd, None)}"])


def _people(people: Agreement) -> list[str]:
    agree = people.hits + people.rejections
    lines = [
        f"  people: {agree} of {plural(people.answers, 'verdict')} {verb(agree, 'agrees', 'agree')}"
        f"{_shown(people.agreed, people.agreed_interval)}"
        + (f"; {plural(people.unscored, 'answer')} got no verdict" if people.unscored else "")
    ]
    if people.kappa is not None and people.kappa_interval is not None:
        low, high = people.kappa_interval
        lines.append(f"    kappa        {people.kappa:.2f} [{low:.2f}, {high:.2f}], agreement beyond chance")
    right, wrong = people.hits + people.misses, people.false_alarms + people.rejections
    passes = f"{people.hits} of {plural(right, 'right answer')} {verb(people.hits, 'passes', 'pass')}"
    fails = f"{people.rejections} of {plural(wrong, 'wrong answer')} {verb(people.rejections, 'fails', 'fail')}"
    lines.append(f"    sensitivity  {passes}{_shown(people.sensitivity, people.sensitivity_interval)}")
    lines.append(f"    specificity  {fails}{_shown(people.specificity, people.specificity_interval)}")
    return lines


def _probe(probe: Probe) -> list[str]:
    verdicts = {
        "yes": f"FLAGGED: {probe.worst} passes {_percents(probe.bounds)} of samples, more than {probe.tolerated:.0%}",
        "no": f"nothing passes more than {probe.tolerated:.0%}",
        "open": f"too few verdicts to tell: {probe.worst} may pass up to {probe.bounds[1]:.0%}",
    }
    lines = [f"  probes: {verdicts[probe.fooled]}"]
    for name, passed in sorted(probe.passed.items(), key=lambda one: -one[1]):
        lines.append(f"    {name}: {passed} of {probe.samples} {verb(passed, 'passes', 'pass')}")
    return [*lines, f"    {plural(probe.unscored, 'verdict')} could not be had"] if probe.unscored else lines


def _shown(share: float | None, span: tuple[float, float] | None) -> str:
    return f": {share:.0%}, {_percents(span)}" if share is not None and span is not None else ""


def _percents(span: tuple[float, float]) -> str:
    return f"{span[0]:.0%} to {span[1]:.0%}"
