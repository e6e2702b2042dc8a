"""`assay weights`."""

import click


@click.command("weights")
def command() -> None:
    """Being written."""
    raise click.UsageError("weights is being written")
