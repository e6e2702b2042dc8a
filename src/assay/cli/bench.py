"""`assay bench`."""

import click


@click.command("bench")
def command() -> None:
    """Being written."""
    raise click.UsageError("bench is being written")
