"""`assay suite`: make suites, and look at them before money is spent on them."""

from __future__ import annotations

import click

from assay.cli.group import Commands

COMMANDS = {
    "draft": "suite.draft",
    "export": "suite.export",
    "import": "suite.import_",
    "lint": "suite.lint",
    "review": "suite.review",
    "show": "suite.show",
}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS)
def command() -> None:
    """Make suites, and look at them before money is spent on them."""
