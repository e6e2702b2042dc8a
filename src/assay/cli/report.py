"""`assay report`."""

import click


@click.command("report")
def command() -> None:
    """Being written."""
    raise click.UsageError("report is being written")
