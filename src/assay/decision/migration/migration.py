"""The verdict on a move as a value: go, no-go or cannot be told, the worst over all kinds of work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.decision.adapting.adaptation import Adaptation
from assay.decision.migration.differences import Difference
from assay.decision.migration.expense import Expense
from assay.decision.migration.finding import Agreement, Finding, Verdict, worst
from assay.decision.migration.retirement import Retirement
from assay.numerals import plural
from assay.types import Value

__all__ = ["Migration", "overall"]


class Migration(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What `assay migrate` found.

    Attributes:
        findings: of the suite's kinds, then of real requests.
        agreements: how often answers to real requests are the ones that were given.
        expenses: of the old one and of the new one.
        retires, new_retires: when they will be gone.
        forced: the old one is gone already.
        asked_now: answers that this very call has asked for.
        runs: `old` and `new` -> the run of the suite that holds the evidence.
        left_out: real requests that were drawn and cannot be asked again, by kind and reason.
        not_of_old: kinds of the suite that the old one may not be sent, and why: left out, for nothing moves there.
        adapted: the search for the new one's prompts; None = it was asked as it is configured.
    """

    id: str
    created_at: float
    old: str
    new: str
    suite: str
    suite_version: str
    suite_digest: str
    split: str | None
    seed: int
    margin: float
    error: float
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    agreements: tuple[Agreement, ...]
    expenses: tuple[Expense, ...]
    differences: tuple[Difference, ...]
    retires: Retirement | None
    new_retires: Retirement | None
    forced: bool
    asked_now: int
    runs: dict[str, str]
    guarantee: str
    population: str
    left_out: dict[str, dict[str, int]] = {}
    not_of_old: dict[str, str] = {}
    adapted: Adaptation | None = None

    @property
    def exit_code(self) -> int:
        """0 = go; 1 = no-go; 4 = cannot be told."""
        return {Verdict.GO: 0, Verdict.NO_GO: 1, Verdict.OPEN: 4}[self.verdict]

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What keeps it from being told."""
        return tuple(one for one in self.findings if one.verdict is Verdict.OPEN and _decides(one, self.findings))


def overall(findings: Sequence[Finding], new_end: Retirement | None) -> tuple[Verdict, str]:
    """The verdict over all findings, and what decides it.

    Real requests of a kind that the suite has too can only say no: the suite's samples know the right answers.

    Args:
        findings: of the suite and of traffic.
        new_end: when the new one will be gone.
    """
    if new_end is not None and new_end.gone:
        return Verdict.NO_GO, f"{new_end.deployment} is gone itself: {new_end.model} retired on {new_end.retires}"
    counted = [one for one in findings if one.verdict is Verdict.NO_GO or _decides(one, findings)]
    verdict = worst(one.verdict for one in counted)
    decisive = [one for one in counted if one.verdict is verdict]
    match verdict:
        case Verdict.GO:
            return verdict, f"{len(counted)} of {plural(len(counted), 'kind')} may move"
        case Verdict.NO_GO:
            return verdict, f"{_names(decisive)} may not move"
    return verdict, f"{_names(decisive)} cannot be told" if decisive else "there was nothing to compare"


def _decides(one: Finding, findings: Iterable[Finding]) -> bool:
    return one.source == "suite" or not any(two.source == "suite" and two.kind == one.kind for two in findings)


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(one.kind if one.source == "suite" else f"{one.kind} (real requests)" for one in findings)
