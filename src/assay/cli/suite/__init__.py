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
    """Make suites, and look at them before money is spent on them.

    A suite is a folder: suite.toml says what kinds of work there are, how each is graded and what its bar is; a JSONL
    file for each kind holds the samples.

    \b
    Examples:
      assay suite new suite --profile leakage
      assay suite import tickets.csv --input question --target queue --out suite
      assay suite lint suite && assay suite power suite
    """
