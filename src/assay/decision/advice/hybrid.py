"""Two models that share the work: a small one asked first, or a machine of one's own for what may not leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.decision.advice.ability import MODEST, by_price, divided, is_able
from assay.decision.advice.candidate import Candidate
from assay.decision.advice.plan import Part, Plan, together
from assay.decision.advice.proof import refuting
from assay.decision.advice.situation import Situation

__all__ = ["Scaled", "hybrid"]

Scaled = Callable[[Candidate, float], Candidate]
"""A candidate with its cost for a share of the requests."""


def hybrid(asked: Situation, candidates: Sequence[Candidate], bar: float | None, scaled: Scaled) -> Plan | None:
    """The hybrid plan of a situation; `None` = there are no two models for one."""
    if divided(asked):
        return _split(asked, candidates, bar, scaled)
    return _cascade(asked, candidates, bar, scaled)


def _cascade(asked: Situation, candidates: Sequence[Candidate], bar: float | None, scaled: Scaled) -> Plan | None:
    """A small open model asked first; what a check finds wrong goes on to an able one."""
    able = sorted((one for one in candidates if is_able(one, bar)), key=by_price)
    open_ones = [one for one in candidates if one.ecosystem == "open-weight" and is_able(one, MODEST * (bar or 0.0))]
    small = min(open_ones, key=by_price, default=None)
    strong = next((one for one in able if one.place == "host" and small and one.model != small.model), None)
    if small is None or strong is None or not _cheaper(small, strong):
        return None
    hard = asked.hard_share
    parts = (
        Part(role="all that comes first", share=1.0, candidate=small),
        Part(role=f"the {hard:.0%} that fail the check", share=hard, candidate=scaled(strong, hard)),
    )
    reasons = (
        f"{small.name} is asked first, and what a check finds wrong goes on to {strong.name}: both calls are paid "
        f"then, which is counted; assumed: {hard:.0%} go on, and the check finds what is wrong",
    )
    return together(
        *parts, able=asked.checkable, requests_per_month=asked.requests_per_month, reasons=reasons,
        refuted_by=refuting(asked, (small, strong), hard=hard),
    )  # fmt: skip


def _split(asked: Situation, candidates: Sequence[Candidate], bar: float | None, scaled: Scaled) -> Plan | None:
    """Sensitive requests to a machine of one's own, the others to a host."""
    own = _best([one for one in candidates if one.place == "own"], bar)
    host = _best([one for one in candidates if one.place == "host"], bar)
    if own is None or host is None:
        return None
    share = asked.sensitive_share
    parts = (
        Part(role=f"the {share:.0%} that are sensitive", share=share, candidate=scaled(own, share)),
        Part(role="the rest", share=1 - share, candidate=scaled(host, 1 - share)),
    )
    reasons = (
        f"sensitive requests ({share:.0%} assumed) stay on {own.at}: the label private-only is checked again at the "
        "moment of sending, and fails closed",
        f"the rest has {host.name}, which figures put higher" if _higher(host, own) else f"the rest has {host.name}",
    )
    return together(
        *parts, able=is_able(host, bar), requests_per_month=asked.requests_per_month, reasons=reasons,
        refuted_by=refuting(asked, (own, host)),
    )  # fmt: skip


def _best(candidates: Sequence[Candidate], bar: float | None) -> Candidate | None:
    """The cheapest that is able, else the one with the best figures."""

    def order(one: Candidate) -> tuple[bool, float, float]:
        able, share = is_able(one, bar), one.rank.share if one.rank is not None else -1.0
        usd = one.usd_per_month if one.usd_per_month is not None else float("inf")
        return (not able, usd if able else -share, usd)

    return min(candidates, key=order, default=None)


def _cheaper(one: Candidate, other: Candidate) -> bool:
    costs = one.usd_per_month, other.usd_per_month
    return costs[0] is not None and costs[1] is not None and costs[0] < costs[1]


def _higher(one: Candidate, other: Candidate) -> bool:
    return one.rank is not None and (other.rank is None or one.rank.share > other.rank.share)
