"""`assay chat`."""

import click


@click.command("chat")
def command() -> None:
    """Being written."""
    raise click.UsageError("chat is being written")
