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
    """Judge the judges: models that grade, beside people and before answers that answer nothing.

    \b
    Examples:
      assay judge label small -o labels.jsonl -n 60     a person reads answers of a run
      assay judge audit frontier --labels labels.jsonl  is the judge right, and can it be gamed?
      assay judge compare small large --judge frontier  whose answers it likes better
    """
