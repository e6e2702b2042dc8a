"""What was measured of one target's context: the value that a command prints, and that a page is drawn from."""

from __future__ import annotations

from assay.evals.context.plan import Budget, Grid, Quoted
from assay.evals.context.ruler import Ruler
from assay.evals.context.told import DEPTHS, guarantee, told, told_depths, told_quoted
from assay.evals.context.verdict import Finding, needed_reach
from assay.stats.certainty import Verdict
from assay.types import Value

__all__ = ["Measured"]

_USED = {
    Verdict.PASS: "are used",
    Verdict.FAIL: "are not used",
    Verdict.OPEN: "are used or not: that cannot be told",
}


class Measured(Value, frozen=True, kw_only=True):
    """One target.

    Attributes:
        run: in the ledger.
        asked: prompts that were asked in this call.
        need: tokens that somebody needs; None = nobody said.
        stopped: what ended the measuring before its end; None = nothing did.
    """

    target: str
    run: str
    created_at: float
    quoted: Quoted
    grid: Grid
    ruler: Ruler
    budget: Budget
    bar: float
    error: float
    asked: int
    need: int | None
    stopped: str | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether what is needed is used; without a need, whether anything is still open."""
        if self.need is not None:
            return needed_reach(self.findings, self.need)
        return Verdict.PASS if all(one.settled for one in self.findings) else Verdict.OPEN

    @property
    def answer(self) -> str | None:
        """The verdict on what is needed, in a sentence."""
        if self.need is None:
            return None
        return f"The {self.need:,} tokens that are needed {_USED[self.verdict]}."

    @property
    def sentences(self) -> list[str]:
        """What was found: a sentence for each task, and for each depth that matters."""
        found = [(told(one, self.quoted), told_depths(one)) for one in self.findings]
        return [said for pair in (*found, (self.answer,)) for said in pair if said is not None]

    @property
    def method(self) -> list[str]:
        """What it rests on."""
        return [guarantee(self.bar, self.error, self.grid.prompts), self.ruler.told, DEPTHS, told_quoted(self.quoted)]
