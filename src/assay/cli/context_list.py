"""`assay context --list`: which contexts were measured, from the runs in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.cli.door import emit
from assay.cli.ledger import opened_ledger
from assay.types import Value

if TYPE_CHECKING:
    from assay.evals.context.verdict import Finding
    from assay.evals.runs.run import Run
    from assay.ledger.store import Ledger

__all__ = ["Listed", "show"]

_RUNS = 100
_HEAD = ("target", "measured", "task", "effective", "fails at", "prompts", "run")


class Listed(Value, frozen=True, kw_only=True):
    """One run, by what was asked in it."""

    target: str
    run: str
    created_at: float
    findings: tuple[Finding, ...]


async def show(config: str | None, bar: float, as_json: bool) -> int:
    """Print the newest runs; gives the exit code.

    Raises:
        AssayError: the ledger cannot be read.
    """
    from assay.app import without_config
    from assay.config.load import load_if_any
    from assay.evals.context.measure import known_runs

    async with opened_ledger(load_if_any(config) or without_config()) as ledger:
        found = [await _listed(ledger, one, bar) for one in await known_runs(ledger, _RUNS)]
    emit({"bar": bar, "contexts": found}, as_json, "" if as_json else _render(found, bar))
    return 0


async def _listed(ledger: Ledger, one: Run, bar: float) -> Listed:
    from assay.evals.context.measure import seen_of
    from assay.evals.context.standing import Rule
    from assay.evals.context.tasks import TASKS
    from assay.evals.context.verdict import finding

    seen = await seen_of(ledger, one)
    tasks = [task for task in TASKS if any(prompt.place.task == task for prompt in seen)]
    findings = tuple(finding(task, seen, Rule(bar)) for task in tasks)
    return Listed(target=one.row.target, run=one.row.id, created_at=one.row.created_at, findings=findings)


def _render(found: list[Listed], bar: float) -> str:
    from assay.decision.table import table

    rows = [_row(one, finding) for one in found for finding in one.findings]
    if not rows:
        return "no context was measured yet: assay context TARGET"
    return "\n".join([*table(_HEAD, rows), "", f"By a bar of {bar:.0%} of the prompts that were asked (--bar)."])


def _row(one: Listed, finding: Finding) -> tuple[str, ...]:
    from assay.report.numbers import moment

    end = "" if finding.fails_tokens is not None else "at least "
    known = finding.effective_tokens
    prompts = sum(reach.total for reach in finding.reaches)
    return (
        one.target,
        moment(one.created_at),
        finding.task,
        "cannot be told" if known is None else f"{end}{known:,}" if known else "none",
        f"{finding.fails_tokens:,}" if finding.fails_tokens is not None else "-",
        str(prompts),
        one.run[:12],
    )
