"""`assay call`."""

import click


@click.command("call")
def command() -> None:
    """Being written."""
    raise click.UsageError("call is being written")
