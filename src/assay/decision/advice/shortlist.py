"""From candidates to plans: the cheapest of those who are able, who comes next, and what each costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from assay.decision.advice.ability import MODEST, bar_of, by_price, divided, is_able
from assay.decision.advice.candidate import Candidate, Removed
from assay.decision.advice.hybrid import Scaled, hybrid
from assay.decision.advice.lever import pays
from assay.decision.advice.plan import Plan, single
from assay.decision.advice.proof import refuting
from assay.decision.advice.situation import Situation

__all__ = ["NEAR", "Shortlist", "shortlist"]

NEAR = 1.1
"""Costs within a tenth of each other decide nothing."""
EACH = 2
"""Plans of a kind that are shown."""


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
    whole = [one for one in candidates if not (one.place == "host" and divided(asked))]
    affordable = _ordered([one for one in whole if _within(asked, one)], bar)
    both = hybrid(asked, candidates, bar, scaled)
    if both is not None and not _within(asked, both):
        both = None
    best = _single(asked, affordable[0], bar) if affordable else None
    saved, saved_usd = _saved(best, both) if not divided(asked) else (None, None)
    first = both is not None and _comes_first(asked, both, best, saved, saved_usd)
    return Shortlist(
        plans=_listed(asked, affordable, both, bar, both_first=first),
        bar=bar,
        saved=saved,
        saved_usd=saved_usd,
        split=divided(asked) and first,
        cheapest=min(whole, key=by_price, default=None),
        over_budget=tuple(_over(asked, one) for one in whole if not _within(asked, one)),
    )


def _single(asked: Situation, one: Candidate, bar: float | None) -> Plan:
    able = is_able(one, bar)
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
    if one.place == "own" and (asked.device is not None or asked.privacy != "public"):
        reasons.append("nothing leaves your machines, and nobody else can change or end it")
    elif one.place == "own":
        reasons.append("no host is asked, and nobody else can change or end it")
    elif asked.team in ("none", "app"):
        reasons.append("nothing to run: the host does")
    if one.ecosystem == "open-weight" and one.place == "host":
        reasons.append("its weights can be had: another host, or a machine of your own, can take over")
    return tuple(reasons)


def _ordered(candidates: Sequence[Candidate], bar: float | None) -> list[Candidate]:
    """Able ones by price, those that cost nearly the least by their figures; of the others the best figures first."""
    least = min((one for one in candidates if is_able(one, bar)), key=by_price, default=None)

    def order(one: Candidate) -> tuple[bool, bool, float, float]:
        share, usd = one.rank.share if one.rank is not None else -1.0, one.usd_per_month
        if not is_able(one, bar):
            return (True, one.rank is None, -share, usd if usd is not None else math.inf)
        return (False, usd is None, 0.0 if least is not None and _near(one, least) else usd or 0.0, -share)

    return sorted(candidates, key=order)


def _near(one: Candidate, least: Candidate) -> bool:
    """Whether it bills, and costs with people, hardly more: estimates and price lists are no better than that."""
    costs = zip(
        (one.usd_per_month, one.bill_usd_per_month), (least.usd_per_month, least.bill_usd_per_month), strict=True
    )  # fmt: skip
    return all(own is not None and lowest is not None and own <= NEAR * lowest for own, lowest in costs)


def _within(asked: Situation, one: Candidate | Plan) -> bool:
    """An unknown price passes no budget: nobody could say that it keeps it. Power for one's own machine passes 0."""
    limit, bill = asked.usd_per_month, one.bill_usd_per_month
    if limit == 0 and asked.device is not None and _is_own(one):
        return True
    return limit is None or (bill is not None and bill <= limit)


def _is_own(one: Candidate | Plan) -> bool:
    return all(part.place == "own" for part in (one.candidates if isinstance(one, Plan) else (one,)))


def _over(asked: Situation, one: Candidate) -> Removed:
    limit, bill = asked.usd_per_month, one.bill_usd_per_month
    cost = f"it bills {bill:,.0f} USD a month" if bill is not None else "what it bills a month is not known"
    return Removed(
        model=one.model, place=one.place, at=one.at, limit="budget", reason=f"{cost}; the budget is {limit:,.0f} USD"
    )


def _comes_first(
    asked: Situation, both: Plan, best: Plan | None, saved: float | None, saved_usd: float | None
) -> bool:  # fmt: skip
    """Two models are advised only where that pays, or where a part of the data asks for it and no model does both."""
    if not divided(asked):
        return pays(asked, saved, saved_usd)
    if best is None or best.able != both.able:
        return best is None or both.able
    return both.usd_per_month is not None and both.usd_per_month < (best.usd_per_month or math.inf)


def _listed(
    asked: Situation, ordered: Sequence[Candidate], both: Plan | None, bar: float | None, *, both_first: bool
) -> tuple[Plan, ...]:
    """Best and runner-up of all, then the hybrid and two plans of each kind, as far as they are not there yet."""
    kinds = [_single(asked, one, bar) for place in ("host", "own") for one in _two(ordered, place, bar)]
    hybrids = [both] if both is not None else []
    if both_first or not ordered:
        first, others = hybrids[:1], ordered
    else:
        first, others = [_single(asked, ordered[0], bar)], ordered[1:]
    second = [_single(asked, one, bar) for one in _second(others, first[0].lead.family, bar)] if first else []
    if not both_first and both is not None and both.able and not any(plan.able for plan in second):
        second = hybrids
    listed = [*first, *second, *hybrids, *kinds]
    return tuple(plan for place, plan in enumerate(listed) if plan not in listed[:place])


def _second(ordered: Sequence[Candidate], family: str, bar: float | None) -> list[Candidate]:
    """The first that is able, and of another family than the best as far as there is one; none of no others."""
    return [min(ordered, key=lambda one: (not is_able(one, bar), one.family == family))] if ordered else []


def _two(ordered: Sequence[Candidate], place: str, bar: float | None) -> list[Candidate]:
    """The first in a place, and the cheapest that figures put above half of the bar: less good, for less."""
    there = [one for one in ordered if one.place == place]
    modest = min((one for one in there if is_able(one, MODEST * (bar or 0.0))), key=by_price, default=None)
    return list(dict.fromkeys([*there[:1], *([modest] if modest is not None else there[1:EACH])]))


def _saved(best: Plan | None, both: Plan | None) -> tuple[float | None, float | None]:
    """What two models save a month: as a share of the best single plan's cost, and in USD."""
    if best is None or both is None or not best.usd_per_month or both.usd_per_month is None:
        return None, None
    saved = best.usd_per_month - both.usd_per_month
    return saved / best.usd_per_month, saved
