"""`assay pull`."""

import click


@click.command("pull")
def command() -> None:
    """Being written."""
    raise click.UsageError("pull is being written")
