"""`assay suite import`: what other tools evaluate with, as a suite."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import emit, finish, json_option, note
from assay.cli.progress import LINE_EVERY_S
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.formats.intake import Intake, Reading
    from assay.evals.formats.tally import Tally

FORMATS = ("promptfoo", "openai-evals", "lm-eval", "inspect", "inspect-log", "table")


@click.command("import")
@click.argument("what", nargs=-1, required=True, metavar="[FORMAT] FILE...")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the new suite.")
@click.option("-k", "--kind", help="Name of the kind [default: the file's name].")
@click.option("--input", "input_", metavar="COLUMN", help="Column of what is asked (tables, inspect, OpenAI's items).")
@click.option("--target", metavar="COLUMN", help="Column of the right answer.")
@click.option("--id", "id_", metavar="COLUMN", help="Column of the samples' ids.")
@click.option("--kind-from", metavar="COLUMN", help="Column that names each sample's kind.")
@click.option("--group", metavar="COLUMN", help="Column that says which samples belong together.")
@click.option(
    "--grader", "graders", multiple=True, help="Check where the file has none that is known: a name, or JSON."
)
@click.option("--judge", default="judge", show_default=True, help="Deployment that judges where the file wants one.")
@click.option("--heldout", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share that is held out.")
@click.option("--partial", is_flag=True, help="Take samples of whose graders a part is lost, too.")
@click.option("--strict", is_flag=True, help="Exit with 1 when anything was refused.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files that do not say it themselves.")
@click.option("--overwrite", is_flag=True, help="Replace the files of a suite that is there.")
@json_option
def command(what: tuple[str, ...], out: str, overwrite: bool, strict: bool, as_json: bool, **given: Any) -> None:
    """Turn the files of another tool into a suite; every item is a sample, or is told with the reason why not.

    FORMAT is promptfoo, openai-evals, lm-eval, inspect, inspect-log or table (or csv, tsv, jsonl, json, parquet), and
    is guessed from the first FILE where that is plain. Further files are data that the first one needs. Nothing of a
    file is run, nothing is fetched. Prompts belong to deployments: a suite holds what is asked.

    \b
    Examples:
      assay suite import promptfooconfig.yaml --out suite
      assay suite import questions.csv --input question --target answer --kind-from topic --out suite
      assay suite import lm-eval task.yaml test.jsonl --out suite --heldout 0.7
      assay suite import inspect data.jsonl --grader '{"check": "contains", "ignore": "case"}' --out suite

    Exit code 0: the suite is written; 1: with --strict, and something was refused.
    """
    from assay.evals.formats.intake import Intake
    from assay.evals.formats.registry import guessed, named

    known = named(what[0])
    paths = [Path(file) for file in (what if known is None else what[1:])]
    if not paths:
        raise click.UsageError(f"name a FILE after the format {what[0]!r}")
    form = known or guessed(paths)
    if known is None:
        note(f"format: {form.name}")
    with Intake(form.name, _reading(**given), _progress()) as intake:
        form.read(paths, intake)
        tell(intake.notes, intake.refused)
        value = _written(intake, Path(out), overwrite)
    refused = f", {intake.refused.count} refused" if intake.refused.count else ""
    of = f"{plural(intake.count, 'sample')} of {plural(len(value['kinds']), 'kind')} ({', '.join(value['kinds'])})"
    emit(value, as_json, f"{out}: {of}{refused}")
    finish(1 if strict and intake.refused.count else 0)


def _progress() -> Callable[[int], None]:
    """A line now and then, of long files."""
    last_s = time.monotonic()

    def said(count: int) -> None:
        nonlocal last_s
        if count % 100 == 0 and time.monotonic() - last_s >= LINE_EVERY_S:
            last_s = time.monotonic()
            note(f"  {plural(count, 'sample')}")

    return said


def _reading(
    kind: str | None,
    graders: tuple[str, ...],
    judge: str,
    heldout: float,
    partial: bool,
    encoding: str,
    **columns: str | None,
) -> Reading:
    from assay.evals.formats.intake import Reading

    parts = {"input_": "input", "id_": "id", "kind_from": "kind"}
    return Reading(
        kind=kind,
        columns={parts.get(name, name): column for name, column in columns.items() if column is not None},
        graders=tuple(_grader(text) for text in graders),
        judge=judge,
        partial=partial,
        heldout=heldout,
        encoding=encoding,
    )


def _grader(text: str) -> dict[str, Any]:
    import json

    if not text.lstrip().startswith("{"):
        return {"check": text}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--grader {text!r} is no JSON: {error}") from error
    return dict(found)


def _written(intake: Intake, out: Path, overwrite: bool) -> dict[str, Any]:
    """Write the suite, and read it as `assay eval` will."""
    from assay.errors import SuiteError
    from assay.evals.suites.suite import read_suite
    from assay.evals.suites.writing import write_suite

    kinds = intake.kinds()
    if not kinds:
        raise SuiteError(f"nothing could be carried over ({intake.refused.count} refused), so that nothing was written")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", out.resolve().name).strip("-._") or "suite"
    about = f"From {intake.form}."
    write_suite(
        out, name=name, version="1", description=about, kinds=kinds, overwrite=overwrite, files=intake.files
    )  # fmt: skip
    suite = read_suite(out)
    return {
        "folder": str(out),
        "format": intake.form,
        "digest": suite.digest,
        "samples": intake.count,
        "kinds": list(suite.kinds),
        "refused": [one._asdict() for one in intake.refused.told],
        "notes": intake.notes,
    }


def tell(notes: list[str], refused: Tally) -> None:
    """Notes and refusals on stderr."""
    for line in notes:
        note(f"note: {line}")
    for one in refused.told:
        more = ", ..." if one.times > len(one.first) else ""
        note(f"refused {one.times}: {one.why} ({'; '.join(one.first)}{more})")
