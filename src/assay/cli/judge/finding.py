"""The run that somebody means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.app import App
    from assay.evals.suites.suite import Suite
    from assay.ledger.rows import RunRow

RUNS = 10_000  # newest ones, among which it is looked for


async def run_of(app: App, name: str, suite: Suite) -> RunRow:
    """The newest run of a target, or the one whose id begins so.

    Raises:
        DecisionError: there is none of this suite.
    """
    from assay.errors import DecisionError

    runs = [row for row in await app.ledger.runs(RUNS) if row.suite_digest == suite.digest]
    found = next((row for row in runs if row.target == name), None)
    found = found or next((row for row in runs if row.id.startswith(name)), None)
    if found is None:
        known = ", ".join(dict.fromkeys(row.target for row in runs)) or "none"
        raise DecisionError(
            f"no run of suite {suite.name!r} as it is now is {name!r}; runs are of: {known}; make one with `assay eval`"
        )
    return found
