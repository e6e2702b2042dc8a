"""`assay compare`."""

import click


@click.command("compare")
def command() -> None:
    """Being written."""
    raise click.UsageError("compare is being written")
