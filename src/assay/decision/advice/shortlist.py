"""From candidates to plans: who is able, what each plan costs, which is best and which comes next.

One rule decides: the cheapest of those who are able. Able is who is above the bar of the task. Where quality comes
first, the bar is the low end of the best one's range, or the best tenth: what published figures cannot tell from the
best need not cost more than it. Where price comes first, it is the task's floor. A model without a figure is never
able, however cheap: it is named as the cheapest, for an eval to judge.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from assay.decision.advice.candidate import Candidate, Removed
from assay.decision.advice.lever import pays
from assay.decision.advice.plan import Part, Plan, single, together
from assay.decision.advice.proof import refuting
from assay.decision.advice.situation import Situation

__all__ = ["Scaled", "Shortlist", "bar_of", "by_price", "shortlist"]

Scaled = Callable[[Candidate, float], Candidate]
"""A candidate with its cost for a share of the requests."""
TOP = 0.9
"""The bar is never above this share: within the best tenth benchmarks are full, and figures tell nobody apart."""
EACH = 2
"""Plans of a kind, and of a family, that are looked at further."""
MODEST = 0.5
"""Of the bar: who is below that would hand on nearly everything, or do it badly."""


class Shortlist(NamedTuple):
    """The plans, best first.

    Attributes:
        plans: best, runner-up, then the next of each kind.
        bar: share of the measured models that who is able is above; `None` = no candidate has a figure.
        saved, saved_usd: what the cascade saves against the best single plan, as a share and in USD a month.
        split: sensitive work is told apart.
        cheapest: the cheapest of all candidates, able or not.
        over_budget: what the budget took out.
    """

    plans: tuple[Plan, ...]
    bar: float | None
    saved: float | None
    saved_usd: float | None
    split: bool
    cheapest: Candidate | None
    over_budget: tuple[Removed, ...]


def shortlist(asked: Situation, candidates: Sequence[Candidate], scaled: Scaled) -> Shortlist:
    """Plans for a situation from the candidates that no limit removed."""
    bar = bar_of(asked, candidates)
    whole = [one for one in candidates if not (one.place == "host" and _divided(asked))]
    affordable = sorted((one for one in whole if _within(asked, one)), key=lambda one: _order(one, bar))
    hybrid = _split(asked, candidates, bar, scaled) if _divided(asked) else _cascade(asked, candidates, bar, scaled)
    if hybrid is not None and not _within(asked, hybrid):
        hybrid = None
    best = _single(asked, affordable[0], bar) if affordable else None
    saved, saved_usd = _saved(best, hybrid) if not _divided(asked) else (None, None)
    first = hybrid is not None and _comes_first(asked, hybrid, best, saved, saved_usd)
    return Shortlist(
        plans=_listed(asked, affordable, hybrid, bar, hybrid_first=first),
        bar=bar,
        saved=saved,
        saved_usd=saved_usd,
        split=_divided(asked) and first,
        cheapest=min(whole, key=by_price, default=None),
        over_budget=tuple(_over(asked, one) for one in whole if not _within(asked, one)),
    )


def bar_of(asked: Situation, candidates: Iterable[Candidate]) -> float | None:
    """Share of the measured models that one who is able is above; `None` = no candidate has a figure."""
    ranks = [one.rank for one in candidates if one.rank is not None]
    if not ranks:
        return None
    if asked.about.first == "price":
        return asked.about.floor
    return min(TOP, max(ranks, key=lambda rank: rank.share).low)


def by_price(one: Candidate) -> tuple[bool, float]:
    """Cheapest first, unknown prices last."""
    return (one.usd_per_month is None, one.usd_per_month or 0.0)


def _divided(asked: Situation) -> bool:
    """Whether a part of the work may leave and another may not."""
    return asked.privacy == "sensitive"


def _able(candidate: Candidate, bar: float | None) -> bool:
    return bar is not None and candidate.rank is not None and candidate.rank.share >= bar


def _single(asked: Situation, one: Candidate, bar: float | None) -> Plan:
    able = _able(one, bar)
    return single(one, able=able, reasons=_reasons(asked, one, able), refuted_by=refuting(asked, (one,)))


def _reasons(asked: Situation, one: Candidate, able: bool) -> tuple[str, ...]:
    """What speaks for a candidate alone."""
    reasons = []
    if one.rank is not None:
        where = "above the bar" if able else "below the bar"
        reasons.append(
            f"published figures put it above {one.rank.share:.0%} of {one.rank.models} models "
            f"({one.rank.low:.0%} to {one.rank.high:.0%}), {where}"
        )
    if one.place == "own":
        reasons.append("nothing leaves your machines, and nobody else can change or end it")
    elif asked.team in ("none", "app"):
        reasons.append("nothing to run: the host does")
    if one.ecosystem == "open-weight" and one.place == "host":
        reasons.append("its weights can be had: another host, or a machine of your own, can take over")
    return tuple(reasons)


def _order(one: Candidate, bar: float | None) -> tuple[bool, bool, float, float]:
    """Able ones by price; of the others those with the best figures first."""
    share = one.rank.share if one.rank is not None else -1.0
    usd = one.usd_per_month
    if _able(one, bar):
        return (False, usd is None, usd or 0.0, -share)
    return (True, one.rank is None, -share, usd if usd is not None else math.inf)


def _within(asked: Situation, one: Candidate | Plan) -> bool:
    """An unknown price passes no budget: nobody could say that it keeps it."""
    limit, bill = asked.usd_per_month, one.bill_usd_per_month
    return limit is None or (bill is not None and bill <= limit)


def _over(asked: Situation, one: Candidate) -> Removed:
    limit, bill = asked.usd_per_month, one.bill_usd_per_month
    cost = f"it bills {bill:,.0f} USD a month" if bill is not None else "what it bills a month is not known"
    return Removed(
        model=one.model, place=one.place, at=one.at, limit="budget", reason=f"{cost}; the budget is {limit:,.0f} USD"
    )


def _comes_first(
    asked: Situation, hybrid: Plan, best: Plan | None, saved: float | None, saved_usd: float | None
) -> bool:
    """Two models are advised only where that pays, or where a part of the data asks for it and no model does both."""
    if not _divided(asked):
        return pays(asked, saved, saved_usd)
    if best is None or best.able != hybrid.able:
        return best is None or hybrid.able
    return hybrid.usd_per_month is not None and hybrid.usd_per_month < (best.usd_per_month or math.inf)


def _listed(
    asked: Situation, ordered: Sequence[Candidate], hybrid: Plan | None, bar: float | None, *, hybrid_first: bool
) -> tuple[Plan, ...]:
    """Best and runner-up of all, then the hybrid and two plans of each kind, as far as they are not there yet."""
    ahead = [_single(asked, one, bar) for one in _first_of_families(ordered, bar)]
    if hybrid is not None:
        ahead.insert(0 if hybrid_first else len(ahead), hybrid)
    if not ahead:
        return ()
    best = ahead[0]
    others = sorted(ahead[1:], key=lambda plan: (not plan.able, plan.lead.family == best.lead.family))
    kinds = [_single(asked, one, bar) for place in ("host", "own") for one in _two(ordered, place, bar)]
    listed = [best, *others[:1], *([hybrid] if hybrid is not None else []), *kinds]
    return tuple(plan for place, plan in enumerate(listed) if plan not in listed[:place])


def _first_of_families(ordered: Sequence[Candidate], bar: float | None) -> list[Candidate]:
    """The first two of each family, able ones apart: among them are the best and the runner-up."""
    seen: Counter[tuple[str, bool]] = Counter()
    firsts = []
    for one in ordered:
        key = (one.family, _able(one, bar))
        seen[key] += 1
        if seen[key] <= EACH:
            firsts.append(one)
    return firsts


def _two(ordered: Sequence[Candidate], place: str, bar: float | None) -> list[Candidate]:
    """The first in a place, and the cheapest that figures put above half of the bar: less good, for less."""
    there = [one for one in ordered if one.place == place]
    modest = min((one for one in there if _able(one, MODEST * (bar or 0.0))), key=by_price, default=None)
    return list(dict.fromkeys([*there[:1], *([modest] if modest is not None else there[1:EACH])]))


def _saved(best: Plan | None, hybrid: Plan | None) -> tuple[float | None, float | None]:
    """What the hybrid saves a month: as a share of the best single plan's cost, and in USD."""
    if best is None or hybrid is None or not best.usd_per_month or hybrid.usd_per_month is None:
        return None, None
    saved = best.usd_per_month - hybrid.usd_per_month
    return saved / best.usd_per_month, saved


# ---------------------------------------------------------------------------------------------- hybrids


def _cascade(asked: Situation, candidates: Sequence[Candidate], bar: float | None, scaled: Scaled) -> Plan | None:
    """A small open model asked first; what a check finds wrong goes on to an able one."""
    able = sorted((one for one in candidates if _able(one, bar)), key=by_price)
    open_ones = [one for one in candidates if one.ecosystem == "open-weight" and _able(one, MODEST * (bar or 0.0))]
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
        *parts, able=_able(host, bar), requests_per_month=asked.requests_per_month, reasons=reasons,
        refuted_by=refuting(asked, (own, host)),
    )  # fmt: skip


def _best(candidates: Sequence[Candidate], bar: float | None) -> Candidate | None:
    """The cheapest that is able, else the one with the best figures."""

    def order(one: Candidate) -> tuple[bool, float, float]:
        able, share = _able(one, bar), one.rank.share if one.rank is not None else -1.0
        usd = one.usd_per_month if one.usd_per_month is not None else float("inf")
        return (not able, usd if able else -share, usd)

    return min(candidates, key=order, default=None)


def _cheaper(one: Candidate, other: Candidate) -> bool:
    costs = one.usd_per_month, other.usd_per_month
    return costs[0] is not None and costs[1] is not None and costs[0] < costs[1]


def _higher(one: Candidate, other: Candidate) -> bool:
    return one.rank is not None and (other.rank is None or one.rank.share > other.rank.share)
