"""`assay`: the group of all commands. A command's module is imported when it is needed."""

from __future__ import annotations

import gc
import sys

import click

from assay import __version__
from assay.cli.door import guarded
from assay.cli.group import Commands

COMMANDS = {
    "ab": "ab",
    "advise": "advise",
    "alerts": "alerts",
    "batch": "batch",
    "bench": "bench",
    "cache": "cache",
    "call": "call",
    "chat": "chat",
    "check": "check",
    "choose": "choose",
    "compare": "compare",
    "config": "config",
    "context": "context",
    "cost": "cost",
    "demo": "demo",
    "doctor": "doctor",
    "eval": "evaluate",
    "explain": "explain",
    "feedback": "feedback",
    "fit": "fit",
    "guards": "guards",
    "import": "import_",
    "inspect": "inspect",
    "judge": "judge",
    "keys": "keys",
    "kinds": "kinds",
    "ledger": "sessions",
    "logs": "logs",
    "migrate": "migrate",
    "models": "models",
    "news": "news",
    "pairs": "pairs",
    "pin": "pin",
    "pull": "pull",
    "report": "report",
    "rollback": "rollback",
    "rollout": "rollout",
    "serve": "serve",
    "shadows": "shadows",
    "spend": "spend",
    "suite": "suite",
    "watch": "watch",
    "weights": "weights",
}
"""Command -> module in this package."""


@click.group(
    cls=Commands, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="assay")
def assay() -> None:
    """Choose a language model by evidence, pin it, serve it.

    \b
    Examples:
      assay choose                 who does which kind of work, measured here
      assay explain                why, candidate by candidate
      assay pin && assay check     freeze the choice; prove later that it still holds
      assay serve                  one endpoint for it all, in the formats of OpenAI and Anthropic

    Exit codes: 0 yes or done, 1 no (below the bar, regressed), 2 usage or configuration, 3 environment or
    provider, 4 cannot be told with this evidence.
    """


def main() -> None:
    """The console script.

    Commands make many objects and hardly a cycle: looked for at each 700, as is usual, cycles cost a tenth of the CPU
    time of a call, and of an advice; at each 20,000 still a twentieth of a start, which reads the catalogue. At the end
    they are not looked for at all: that took another 40 ms.
    """
    gc.set_threshold(100_000, 10, 10)
    code = guarded(lambda: assay.main(standalone_mode=False))
    gc.freeze()
    sys.exit(code)
