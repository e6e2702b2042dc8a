"""`assay judge label`: a person says which answers are right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from assay.cli.door import Paused, config_option, emit, json_option, note, run

if TYPE_CHECKING:
    from assay.evals.judging.labels import HumanLabel, Labels
    from assay.evals.suites.suite import Sample
    from assay.ledger.rows import ResultRow


@click.command("label")
@click.argument("name", metavar="RUN")
@click.option(
    "-o", "--out", "file", type=click.Path(), required=True, help="JSONL file of the labels; it grows, line by line."
)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many answers.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Which answers come first.")
@click.option("--by", help="Who reads them; kept with each label.")
@config_option
@json_option
def command(
    name: str, file: str, folder: str | None, kinds: tuple[str, ...], limit: int | None, seed: int, by: str | None,
    config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the answers of RUN one by one, and write down which are right.

    RUN is the id of a run, its beginning, or a deployment or route, whose newest run it is. Answers come in a random
    order, so that the first few speak for all; what graders say of them is not shown. Answer r (right), w (wrong),
    s (skip) or q (quit). Each label is in the file before the next answer is shown: the same command goes on where it
    was left.

    \b
    Examples:
      assay judge label small -o labels.jsonl -k reply.tone -n 60
      assay judge audit frontier --labels labels.jsonl
    """
    answers = run(_answers(name, folder, kinds, seed, config))
    labels = _known(Path(file))
    new = [one for one in answers if labels is None or labels.of(one.row) is None]
    known = len(answers) - len(new)
    waiting = new if limit is None else new[: max(0, limit - known)]
    try:
        made = _ask(waiting, Path(file), by)
    except (KeyboardInterrupt, click.Abort) as error:
        raise Paused from error
    value = {"labels": made, "known": known, "left": len(waiting) - made, "file": file}
    emit(value, as_json, f"{made} labelled now, {known} before, {len(waiting) - made} left: {file}")


class _Answer(NamedTuple):
    sample: Sample
    row: ResultRow


async def _answers(
    name: str, folder: str | None, kinds: tuple[str, ...], seed: int, config: str | None
) -> list[_Answer]:
    """The answers of a run in the order of a seed."""
    from assay.app import open_app
    from assay.cli.judge.finding import run_of
    from assay.evals.suites.suite import read_suite, shuffled

    async with open_app(config) as app:
        suite = read_suite(folder or app.suite_path).only(kinds)
        run_id = (await run_of(app, name, suite)).id
        found = {row.sample_id: row for row in reversed(await app.ledger.results(run_id)) if row.answer is not None}
    return [_Answer(sample, found[sample.id]) for sample in shuffled(suite.samples, seed) if sample.id in found]


def _ask(waiting: list[_Answer], file: Path, by: str | None) -> int:
    """Show answers and write down what is said of them, outside of any event loop, so that Ctrl-C ends it at once."""
    from assay.evals.judging.labels import HumanLabel, answer_digest

    if waiting:
        _check_writable(file)
    made = 0
    for place, (sample, row) in enumerate(waiting, 1):
        note(_shown(sample, row, place, len(waiting)))
        verdict = _asked()
        if verdict is None:
            break
        if verdict == "s":
            continue
        value: Literal[0, 1] = 1 if verdict == "r" else 0
        digest = answer_digest(row.answer or "")
        _append(file, HumanLabel(sample=sample.id, value=value, run=row.run_id, answer_sha256=digest, by=by))
        made += 1
    return made


def _known(file: Path) -> Labels | None:
    """The labels of earlier; None before the first one."""
    from assay.evals.judging.labels import read_labels

    return read_labels(file) if file.exists() and file.stat().st_size else None


def _shown(sample: Sample, row: ResultRow, place: int, of: int) -> str:
    """One answer, with what a person needs to say whether it is right, and nothing that a grader said."""
    from assay.cli.figures import block, printable
    from assay.evals.suites.readable import said, target_text

    lines = [f"\n--- {place} of {of}: {sample.kind} / {sample.id}"]
    lines += block("input", printable(said(sample)))
    if sample.target is not None:
        lines += block("target", printable(target_text(sample.target)))
    return "\n".join([*lines, *block("answer", printable(row.answer or "")), ""])


def _asked() -> str | None:
    """`r`, `w` or `s`; None for the end."""
    while True:
        try:
            said = click.prompt("right, wrong, skip or quit [r/w/s/q]", prompt_suffix=" ", err=True, type=str)
        except click.Abort:
            return None
        letter = said.strip().lower()[:1]
        if letter in ("r", "w", "s"):
            return str(letter)
        if letter == "q":
            return None
        note(f"  {said!r} is none of r, w, s, q")


def _check_writable(file: Path) -> None:
    """Make sure, before anybody reads anything, that what is said can be kept.

    Raises:
        click.UsageError: it cannot.
    """
    try:
        file.open("ab").close()
    except OSError as error:
        raise click.UsageError(f"cannot write the labels to {file}: {error.strerror}") from error


def _append(file: Path, label: HumanLabel) -> None:
    """Write a label so that it stays, whatever happens next."""
    import msgspec

    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(label) + b"\n")
        lines.flush()
        os.fsync(lines.fileno())
