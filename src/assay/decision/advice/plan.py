"""A way to have all the work done: one model for all of it, or two that share it."""

from __future__ import annotations

from typing import Literal

from assay.decision.advice.candidate import Candidate, Rank
from assay.types import Value

__all__ = ["Part", "Plan", "single", "together"]

Kind = Literal["hosted", "open", "hybrid"]
"""Rented; open weights run by oneself; or a part for each."""


class Part(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A part of the work and who does it.

    Attributes:
        role: which part, in words.
        share: of all requests that it is asked.
        candidate: with its cost for that share.
    """

    role: str
    share: float
    candidate: Candidate


class Plan(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One plan. `None` = not known.

    Attributes:
        parts: the last one is what its quality rests on.
        able: whether published figures put it above the bar of this task.
        rank: of the part that its quality rests on.
        usd_per_month: with hours of staff; `bill_usd_per_month` without.
        usd_per_query: the bill over the number of requests.
        reasons: what speaks for it.
        warnings: what speaks against it.
        refuted_by: what would show that it is wrong, as a result of one of the evals.
    """

    kind: Kind
    title: str
    parts: tuple[Part, ...]
    able: bool
    rank: Rank | None
    usd_per_month: float | None
    bill_usd_per_month: float | None
    usd_per_query: float | None
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refuted_by: tuple[str, ...] = ()

    @property
    def lead(self) -> Candidate:
        """The one that its quality rests on."""
        return self.parts[-1].candidate

    @property
    def models(self) -> frozenset[str]:
        """Ids of all that are asked."""
        return frozenset(part.candidate.model for part in self.parts)

    @property
    def thinks(self) -> bool:
        """Whether one of them may think, and what that costs is not in its price."""
        return any(one.thinking_usd_per_query is not None for one in self.candidates)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that are asked."""
        return tuple(part.candidate for part in self.parts)


def single(candidate: Candidate, *, able: bool, reasons: tuple[str, ...], refuted_by: tuple[str, ...]) -> Plan:
    """One model for all of the work."""
    return Plan(
        kind="hosted" if candidate.place == "host" else "open",
        title=candidate.title,
        parts=(Part(role="all of it", share=1.0, candidate=candidate),),
        able=able,
        rank=candidate.rank,
        usd_per_month=candidate.usd_per_month,
        bill_usd_per_month=candidate.bill_usd_per_month,
        usd_per_query=candidate.usd_per_query,
        reasons=reasons,
        warnings=candidate.warnings,
        refuted_by=refuted_by,
    )


def together(
    first: Part, second: Part, *, able: bool, requests_per_month: float, reasons: tuple[str, ...],
    refuted_by: tuple[str, ...],
) -> Plan:  # fmt: skip
    """Two parts; quality rests on the second. Who looks after the part with more work looks after the other too."""
    candidates = (first.candidate, second.candidate)
    bill = _sum([one.bill_usd_per_month for one in candidates])
    staff = max((one.staff_usd_per_month for one in candidates), default=0.0)
    return Plan(
        kind="hybrid",
        title=f"{first.candidate.title} for {first.role}, {second.candidate.title} for {second.role}",
        parts=(first, second),
        able=able,
        rank=second.candidate.rank,
        usd_per_month=bill + staff if bill is not None else None,
        bill_usd_per_month=bill,
        usd_per_query=bill / requests_per_month if bill is not None else None,
        reasons=reasons,
        warnings=tuple(dict.fromkeys((*first.candidate.warnings, *second.candidate.warnings))),
        refuted_by=refuted_by,
    )


def _sum(costs: list[float | None]) -> float | None:
    """Of all; `None` where one of them is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
