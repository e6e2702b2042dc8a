"""`assay guards`: what looks at requests and answers, and what it is worth."""

from __future__ import annotations

import click

from assay.cli.group import Commands

COMMANDS = {
    "list": "guards.listing",
    "test": "guards.trial",
}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS)
def command() -> None:
    """Look at the guards of a configuration, and try them.

    \b
    Examples:
      assay guards list                       each guard, what it does, and where it stands
      assay guards test safety cases.jsonl    what it catches, and what it stops by mistake
    """
