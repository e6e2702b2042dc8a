"""`assay report`: a decision or run as a page, as Markdown or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option, run
from assay.cli.ledger import opened_ledger

if TYPE_CHECKING:
    from assay.report.report import Format, Report

SAMPLES = 5
"""Samples of each kind that a report shows, unless told otherwise."""


@click.command("report")
@click.argument("reference", metavar="[DECISION|RUN]", required=False)
@click.option("-o", "--out", type=click.Path(), help="File to write; - prints it [default: report-ID.html, here].")
@click.option(
    "--format", "form", type=click.Choice(["html", "md", "json"]), default="html", show_default=True,
    help="html: one page; md: for a pull request, no sample's text; json: every figure.",
)  # fmt: skip
@click.option(
    "--samples", default=SAMPLES, show_default=True, type=click.IntRange(0), help="Most samples of each kind."
)
@click.option("--no-samples", is_flag=True, help="Leave out the texts of samples and the answers to them.")
@click.option("--open", "launch", is_flag=True, help="Show the file when it is written.")
@config_option
@json_option
def command(
    reference: str | None, out: str | None, form: Format, samples: int, no_samples: bool, launch: bool,
    config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write a decision or run as one self-contained page: verdict, costs, reasons, samples, method.

    The page asks for nothing from outside and reads without a script. It holds the texts of the samples that it
    shows, private ones too (and says so): --no-samples leaves them out.

    \b
    Examples:
      assay report                     the newest decision, to report-ID.html
      assay report 0199f --no-samples  the decision, or the run of `assay eval`, whose id begins so
      assay report --format md -o -    for a pull request, printed
    """
    report = run(_read(reference, 0 if no_samples else samples, config))
    if out == "-":
        emit(report.view, as_json, report.text(form))
        return
    path = report.write(out or f"{report.file_name}.{form}", form).resolve()
    source = report.view.source
    found = {"path": str(path), "format": form, source.what: source.id, "verdict": report.verdict}
    emit(found, as_json, f"{report.verdict}\n{path}")
    if launch:
        click.launch(str(path))


async def _read(reference: str | None, samples: int, config: str | None) -> Report:
    from assay.config.load import load
    from assay.report import read_report

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        return await read_report(loaded, ledger, reference, samples=samples)
