"""`assay suite export`: a suite as a file of another tool."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.door import emit, finish, json_option

WRITTEN = ("promptfoo", "openai-evals", "lm-eval", "inspect", "table")


@click.command("export")
@click.argument("folder", type=click.Path())
@click.option("--to", "form", required=True, type=click.Choice(WRITTEN), help="The format.")
@click.option(
    "-o", "--out", required=True, type=click.Path(), help="File to write; a folder for openai-evals and lm-eval."
)
@click.option("--strict", is_flag=True, help="Exit with 1 when anything was refused.")
@json_option
def command(folder: str, form: str, out: str, strict: bool, as_json: bool) -> None:
    """Write a suite as a file of another tool; what that has no place for is told, sample by sample.

    A table is written as .csv, .tsv or .jsonl by the ending of the file, and .jsonl loses least. What a format has no
    field for goes into its free metadata, so that `assay suite import` gives the same samples back. Bars, gates and
    labels of kinds are not in it.

    \b
    Examples:
      assay suite export suite --to promptfoo --out promptfooconfig.yaml
      assay suite export suite --to table --out suite.jsonl
      assay suite export suite --to openai-evals --out registry

    Exit code 0: the file is written; 1: it holds no sample, or something was refused and --strict is given.
    """
    from assay.cli.suite.import_ import tell
    from assay.evals.formats.outgoing import Outgoing
    from assay.evals.formats.registry import FORMATS
    from assay.numerals import plural

    outgoing = Outgoing(folder)
    FORMATS[form].write(outgoing, Path(out))
    tell(outgoing.notes, outgoing.refused)
    value = {
        "path": out,
        "format": form,
        "samples": outgoing.count,
        "refused": [one._asdict() for one in outgoing.refused.told],
        "notes": outgoing.notes,
    }
    refused = f", {outgoing.refused.count} refused" if outgoing.refused.count else ""
    emit(value, as_json, f"{out}: {plural(outgoing.count, 'sample')}{refused}")
    finish(1 if not outgoing.count or (strict and outgoing.refused.count) else 0)
