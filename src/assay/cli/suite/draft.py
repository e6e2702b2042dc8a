"""`assay suite draft`: a model writes first samples; a person approves them with `assay suite review`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.evals.drafting.manners import MANNERS
from assay.numerals import told_usd

if TYPE_CHECKING:
    from assay.app import App
    from assay.evals.drafting.draft import Draft
    from assay.evals.drafting.material import Passage
    from assay.evals.drafting.plan import Plan
    from assay.evals.drafting.writer import Told

SHOWN_IN = "documents"


@click.command("draft")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-m", "--model", "target", required=True, help="Deployment or route that writes.")
@click.option("-k", "--kind", required=True, help="Kind that samples are written for; may be a new one.")
@click.option("--about", help="What the work is [default: the kind's description].")
@click.option("--form", help="What a right answer looks like.")
@click.option("--check", help="Grader of a new kind: normalised, regex, fields, sources ...")
@click.option("--document", "documents", multiple=True, type=click.Path(path_type=Path), help="Document, or a folder.")
@click.option("--show-documents", is_flag=True, help="Samples show the document that they were written from.")
@click.option("--code", multiple=True, type=click.Path(path_type=Path), help="Source file, or a folder of them.")
@click.option("--from-ledger", is_flag=True, help="In the manner of real requests of this kind, where bodies are kept.")
@click.option("--vary", is_flag=True, help="Variations and edge cases of the samples that the kind has.")
@click.option("--manner", "manners", multiple=True, type=click.Choice(list(MANNERS)), help="What the cases are like.")
@click.option("-n", "--count", default=12, show_default=True, type=click.IntRange(1, 1000), help="Drafts to be kept.")
@click.option("--label", type=click.Choice(["public", "unlabelled", "private-only"]), help="Where the material may go.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another one writes other samples.")
@config_option
@json_option
def command(
    folder: Path, target: str, kind: str, about: str | None, form: str | None, check: str | None,
    documents: tuple[Path, ...], show_documents: bool, code: tuple[Path, ...], from_ledger: bool, vary: bool,
    manners: tuple[str, ...], count: int, label: str | None, seed: int, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Have a model write samples from a description, documents, code, real requests or the samples that are there.

    Each is compared with all that are there, run through the kind's checks (its own target must pass, an empty answer
    must not) and held against the material. What is left waits in FOLDER/drafts for a person: nothing is in the suite
    before `assay suite review` has put it there, and what is there is marked as synthetic and reported apart.
    Stopped halfway, what was written is kept; the same command goes on.

    \b
    Examples:
      assay suite draft suite -m frontier -k returns --about "questions on our returns policy" --check sources \\
          --document policies/ --show-documents
      assay suite draft suite -m frontier -k tickets.classify --vary --manner typos --manner boundary -n 20
      assay suite draft suite -m frontier -k support --from-ledger --label private-only

    Exit code 1: all that was written is there already; 3: the model brought nothing that can be read.
    """
    material = (documents, show_documents, code, from_ledger, vary)
    told, drafts = run(
        _draft(folder, target, kind, about, form, check, material, manners, count, label, seed, config, as_json)
    )
    result = {**told._asdict(), "folder": folder, "kind": kind, "drafts": drafts}
    emit(result, as_json, "" if as_json else _text(told, drafts, folder, kind))
    finish(0 if drafts else 1 if told.repeated else 3)


async def _draft(
    folder: Path, target: str, kind: str, about: str | None, form: str | None, check: str | None,
    material: tuple[tuple[Path, ...], bool, tuple[Path, ...], bool, bool], manners: tuple[str, ...], count: int,
    label: str | None, seed: int, config: str | None, quiet: bool,
) -> tuple[Told, list[Draft]]:  # fmt: skip
    from assay.app import open_app
    from assay.evals.drafting.draft import save
    from assay.evals.drafting.plan import plan
    from assay.evals.drafting.writer import Writer
    from assay.types import Label

    planned = plan(folder, kind, about=about, form=form, check=check, label=Label(label) if label else None)
    async with open_app(config) as app:
        await app.require([target])
        passages = await _passages(app, folder, planned, material)
        new: list[Draft] = []

        def keep(draft: Draft) -> None:
            new.append(draft)
            planned.drafts.drafts.append(draft)
            save(folder, planned.drafts)  # at once: it was paid for
            if not quiet:
                note(f"  {len(new)} of {count}: {str(draft.line.input)[:70]!r}")

        writer = Writer(app.spine, target, planned.task, planned.graders, planned.known, seed=seed, on_draft=keep)
        usual = list(MANNERS)[1:] if material[4] else list(MANNERS)[:1]
        told = await writer.write(passages, manners or usual, count)
    return told, new


async def _passages(
    app: App, folder: Path, planned: Plan, material: tuple[tuple[Path, ...], bool, tuple[Path, ...], bool, bool]
) -> Sequence[Passage]:
    """All that was named; the description alone where nothing was.

    Raises:
        SuiteError: something cannot be read, or there is nothing where something was named.
    """
    from assay.errors import SuiteError
    from assay.evals.drafting import material as make
    from assay.evals.suites.suite import read_suite

    documents, show, code, from_ledger, vary = material
    found = list(make.from_documents(documents, shown_in=SHOWN_IN if show else ""))
    if show:
        make.copy(documents, folder / SHOWN_IN)
    found += make.from_code(code)
    if from_ledger:
        logs = [passage async for passage in make.from_ledger(app.ledger, planned.task.kind)]
        if not logs:
            raise SuiteError(
                f"the ledger holds no requests of kind {planned.task.kind!r} with their bodies; routes keep them with "
                'bodies = "full"'
            )
        found += logs
    if vary:
        found += make.from_seeds(read_suite(folder).of(planned.task.kind))
    return found or [make.Passage("description", planned.task.about, {"from": "description"})]


def _text(told: Told, drafts: Sequence[Draft], folder: Path, kind: str) -> str:
    from assay.numerals import plural

    lines = [f"{plural(told.kept, 'draft')} for {kind} in {folder}/drafts, {told.doubtful} with problems."]
    if told.repeated:
        lines.append(f"{told.repeated} left out: nearly the same as one that is there.")
    lines += [f"brought nothing: {fault}" for fault in told.faults[:3]]
    cost = told_usd(told.usd) if told.usd is not None else "cost not known"
    lines.append(f"{plural(told.asked, 'request')}, {cost}.")
    for draft in drafts[:3]:
        lines += ["", f"  {str(draft.line.input)[:200]}", f"  -> {draft.line.target}"]
        lines += [f"  ! {problem}" for problem in draft.problems]
    if drafts:
        lines += ["", f"Approve them one by one: assay suite review {folder}"]
    return "\n".join(lines)
