"""`assay suite`: make suites, and look at them before money is spent on them."""

from __future__ import annotations

import click

from assay.cli.group import Commands

COMMANDS = {
    "draft": "suite.draft",
    "export": "suite.export",
    "from-ledger": "suite.from_ledger",
    "import": "suite.import_",
    "lint": "suite.lint",
    "new": "suite.new",
    "power": "suite.power",
    "profiles": "suite.profiles",
    "review": "suite.review",
    "show": "suite.show",
    "split": "suite.split",
}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS)
def command() -> None:
    """Make suites, and look at them before money is spent on them."""
