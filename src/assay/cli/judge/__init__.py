"""`assay judge`: judge the judges."""

from __future__ import annotations

import click

from assay.cli.group import Commands

COMMANDS = {
    "audit": "judge.audit",
    "compare": "judge.compare",
    "label": "judge.label",
}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS)
def command() -> None:
    """Judge the judges: models that grade, beside people and before answers that answer nothing."""
