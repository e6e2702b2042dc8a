"""Advice for a situation: the tree walked from hard limits to plans, levers and the evals that would refute it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.decision.advice.candidate import Candidate, Removed
from assay.decision.advice.lever import Facts, Lever, levers
from assay.decision.advice.plan import Plan
from assay.decision.advice.proof import Proof, deployment_name, proof
from assay.decision.advice.reckoning import Reckoner, ways
from assay.decision.advice.shortlist import NEAR, Shortlist, shortlist
from assay.decision.advice.situation import Situation
from assay.decision.advice.tree import Step, steps
from assay.errors import CatalogError, did_you_mean
from assay.ledger.rows import MeasurementRow
from assay.types import Value

__all__ = ["CAVEAT", "Advice", "advise"]

CAVEAT = (
    "Published figures are the weather: a range, dated, mostly the makers' own, on other work than yours. Prices are "
    "list prices; memory and speed are estimates. The evals replace all of it."
)
_NOTHING: Mapping[str, MeasurementRow] = MappingProxyType({})
_COMPARED = 3
"""Candidates that the evals compare: more of them cost more and tell less of each."""


class Advice(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What `assay advise` says, JSON-able. `None` = not known, or there is none.

    Attributes:
        as_of: the day for which prices and retirements were looked up.
        situation: what was told and what was assumed (`assumed` names those).
        best, runner_up: the first plans of `shortlist`; `None` = no model is left, `removed` says why.
        shortlist: hosted, open and hybrid plans.
        levers: prompt, retrieve, tune and route, the advised one first.
        cheapest: the cheapest of all candidates where that is not the best one: the eval may show that it will do.
        tree: how it was decided, question by question.
        removed: every model in a place that a limit took out, with the reason.
        proof: the evals that would refute it.
        caveat: what must be said beside it.
    """

    as_of: str
    situation: Situation
    best: Plan | None
    runner_up: Plan | None
    shortlist: tuple[Plan, ...]
    levers: tuple[Lever, ...]
    cheapest: Candidate | None
    tree: tuple[Step, ...]
    removed: tuple[Removed, ...]
    proof: Proof
    caveat: str = CAVEAT

    @property
    def lever(self) -> Lever:
        """The advised one."""
        return self.levers[0]

    @property
    def compared(self) -> tuple[Candidate, ...]:
        """The candidates that the evals compare, the best plan's lead first."""
        return _compared(self.shortlist)


def advise(
    catalog: Catalog,
    asked: Situation,
    today: date,
    *,
    own: bool = True,
    measured: Mapping[str, MeasurementRow] = _NOTHING,
) -> Advice:
    """Advice from the facts of a catalogue.

    Args:
        catalog: with a team's own files on top, if it has some.
        asked: the situation.
        today: for prices and retirements.
        own: look at machines of one's own too.
        measured: what was measured on this machine, by model; it counts where that is the device.

    Raises:
        CatalogError: the device, or a language, is not known.
    """
    _check_languages(catalog, asked.languages)
    reckoner = Reckoner(catalog, asked, today, measured)
    kept, removed = ways(catalog, asked, today, own=own)
    candidates, unfit = reckoner.candidates(kept)
    found = shortlist(asked, candidates, reckoner.scaled)
    pulled = levers(Facts(asked, found.saved, found.saved_usd, found.split, _tunable(catalog, candidates)))
    out = (*removed, *unfit)
    return Advice(
        as_of=str(today),
        situation=asked,
        best=found.plans[0] if found.plans else None,
        runner_up=found.plans[1] if len(found.plans) > 1 else None,
        shortlist=found.plans,
        levers=pulled,
        cheapest=_cheapest(found),
        tree=steps(asked, candidates, out, found, pulled),
        removed=(*out, *found.over_budget),
        proof=proof(asked, _compared(found.plans), route=bool(found.plans) and found.plans[0].kind == "hybrid"),
    )


def _check_languages(catalog: Catalog, codes: tuple[str, ...]) -> None:
    """A code that no maker names would take out every model of which it is known what it was made for."""
    known = {code for model in catalog.models for code in model.languages or ()}
    for code in codes:
        if code not in known:
            raise CatalogError(
                f"language: no model of the catalogue names {code!r}, an ISO 639-1 code; {did_you_mean(code, known)} "
                "(without --language the evals tell)"
            )


def _compared(plans: tuple[Plan, ...]) -> tuple[Candidate, ...]:
    """Of best and runner-up first, then of the others; one of each name that an `assay.toml` would give them."""
    found: dict[str, Candidate] = {}
    for plan in plans:
        for one in reversed(plan.candidates):
            found.setdefault(deployment_name(one), one)
    return tuple(found.values())[:_COMPARED]


def _cheapest(found: Shortlist) -> Candidate | None:
    one = found.cheapest
    if one is None or one.usd_per_month is None or not found.plans:
        return None
    best = found.plans[0]
    bills = (one.bill_usd_per_month, best.bill_usd_per_month)
    near = bills[0] is not None and bills[1] is not None and bills[1] <= NEAR * bills[0]
    return None if near or one.model in best.models else one


def _tunable(catalog: Catalog, candidates: list[Candidate]) -> str | None:
    """The model to tune: of those with a known recipe the smallest whose figures are in their upper half."""
    found = [
        (model, one.rank.share if one.rank is not None else 0.0)
        for one in candidates
        if (model := catalog.get(one.model)) is not None
        and one.ecosystem == "open-weight"
        and model.recipes
        and model.parameters
    ]
    shares = sorted(share for _, share in found)
    good = [model for model, share in found if share >= shares[len(shares) // 2]]
    return min(good, key=_size).id if good else None


def _size(model: Model) -> int:
    return model.parameters or 0
