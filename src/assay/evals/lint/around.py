"""What is known around a suite: the prompts of the deployments that may be asked, and the runs in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from assay.config.schema import Config
from assay.errors import SuiteError
from assay.evals.lint.material import ShownPrompt
from assay.evals.runs.outcomes import Outcomes, read_outcomes
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite
from assay.inference.prompt import NOTHING, Prompt, compile_prompt, merge
from assay.ledger.rows import RunRow
from assay.ledger.store import SqliteLedger

__all__ = ["prompts_of", "runs_of"]

_LOOKED_AT = 1000


def prompts_of(config: Config, suite: Suite) -> Iterator[ShownPrompt]:
    """What each deployment puts around the requests of the suite's kinds.

    Raises:
        ConfigError: a file of a prompt cannot be read.
    """
    for name, deployment in config.deployments.items():
        general = compile_prompt(deployment.settings)
        if general != NOTHING:
            yield _shown(name, None, general)
        for kind, settings in deployment.kinds.items():
            if kind in suite.kinds:
                yield _shown(name, kind, compile_prompt(merge(deployment.settings, settings)))


def _shown(deployment: str, kind: str | None, prompt: Prompt) -> ShownPrompt:
    others = msgspec.structs.replace(prompt, examples=())
    text = "\n".join(part for part in (others.system, others.template) if part)
    return ShownPrompt(deployment, kind, tuple(example.user for example in prompt.examples), text)


async def runs_of(ledger: SqliteLedger, suite: Suite, run_ids: Sequence[str] = ()) -> Mapping[str, Run]:
    """The newest run of each target on this very suite, without answers; or only those named by their ids' beginnings.

    Raises:
        SuiteError: an id names no run of this suite.
    """
    found: dict[str, RunRow] = {}
    for begin in run_ids or ("",):
        rows = [row for row in await ledger.runs(_LOOKED_AT, id_begins=begin) if row.suite_digest == suite.digest]
        if begin and not rows:
            raise SuiteError(f"the ledger has no run {begin!r} of suite {suite.name!r} as it is now")
        for row in rows:
            found.setdefault(row.target, row)
    return {target: await _read(ledger, row) for target, row in sorted(found.items())}


async def _read(ledger: SqliteLedger, row: RunRow) -> Run:
    outcomes = Outcomes(row.id)
    await read_outcomes(ledger, row.id, outcomes)
    return Run(row, outcomes)
