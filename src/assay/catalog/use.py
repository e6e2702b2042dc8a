"""What the terms of a model allow for a stated use: allowed, forbidden, or a person must ask; and the deciding term.

No legal advice: the flags of a licence are somebody's dated reading of it, and what nobody read is never "allowed".
A licence that the Open Source Initiative approved forbids no field of work, no region and no number of users
(Open Source Definition, points 5 and 6), whatever its entry leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.terms import Licence, Permission
from assay.config.schema import Constraints
from assay.types import Value

__all__ = ["Ruling", "Use", "Verdict", "duties", "ruling", "use_of"]

Verdict = Literal["allowed", "ask", "forbidden"]
_SEVERITY: tuple[Verdict, ...] = ("allowed", "ask", "forbidden")


class Use(Value, frozen=True, kw_only=True):
    """What a model is wanted for. What is not stated is not judged.

    Attributes:
        commercial: the work is a company's; `None` = not stated.
        monthly_users: people who use what it is built into, in a month.
        region: where the licensee is (`eu`, `us`).
        trains_on_outputs: its answers will train other models.
        accepted: ids of licences that a person has read and agreed to: what would be `ask` is then allowed.
    """

    commercial: bool | None = None
    monthly_users: int | None = None
    region: str | None = None
    trains_on_outputs: bool = False
    accepted: tuple[str, ...] = ()


class Ruling(NamedTuple):
    """What a use comes to.

    Attributes:
        verdict: `ask` where a condition must be looked at, a further licence is needed, or a term is not known.
        term: the fact that decides: `licence`, `commercial_use`, `user_cap`, `regions_excluded`, `output_training`, or
            `distillation` of a host.
        reason: the same in words.
        duties: what must be done though it is allowed.
    """

    verdict: Verdict
    term: str
    reason: str
    duties: tuple[str, ...] = ()


def use_of(constraints: Constraints) -> Use:
    """The use that a configuration states."""
    return Use(
        commercial=constraints.commercial,
        monthly_users=constraints.monthly_users,
        region=constraints.region,
        trains_on_outputs=constraints.trains_on_outputs,
        accepted=constraints.licences or (),
    )


def ruling(model: Model, catalog: Catalog, use: Use, *, host: str | None = None) -> Ruling:
    """What the terms of a model say of a use: of open weights their licence, of a rented one its host's policy.

    Args:
        model: whose terms.
        catalog: where licence and policies are looked up.
        use: what it is wanted for.
        host: where it is rented; default: the first that offers it.
    """
    if model.ecosystem == "hosted":
        return _rented(model, catalog, use, host)
    if model.licence is None:
        return Ruling("ask", "licence", f"the licence of {model.id} is unknown")
    licence = catalog.licence(model.licence)
    if licence is None:
        ask = Ruling("ask", "licence", f"the terms of the licence {model.licence!r} are not in the catalogue")
        return _accepted(ask, model.licence, use)
    found = [_accepted(one, model.licence, use) for one in _findings(licence, use)]
    plain = Ruling("allowed", "licence", f"{licence.name} forbids none of it")
    worst = max(found, key=lambda one: _SEVERITY.index(one.verdict), default=plain)
    return worst._replace(duties=duties(licence))


def duties(licence: Licence) -> tuple[str, ...]:
    """What who uses the weights must do or keep to, in words."""
    stated = {
        "name the maker": licence.attribution,
        f"carry the name or notice {licence.naming!r}": bool(licence.naming),
        "keep to its policy of forbidden uses": licence.use_policy,
        "pass derived weights on under the same terms": licence.share_alike,
        f"ask for a further licence from {licence.user_cap or 0:,} monthly users": bool(licence.user_cap),
    }
    return tuple(duty for duty, holds in stated.items() if holds)


def _rented(model: Model, catalog: Catalog, use: Use, host: str | None) -> Ruling:
    """Weights that nobody gets have no licence; a host may forbid to train with its answers."""
    plain = Ruling("allowed", "licence", "rented under its host's terms; there are no weights to license")
    if not use.trains_on_outputs:
        return plain
    offer = model.hosted_at(host)
    policy = catalog.policy(offer.host) if offer is not None else None
    where = offer.host if offer is not None else "its host"
    finding = _permitted(policy.distillation if policy else None, "distillation", f"training with answers of {where}")
    return finding or plain


def _findings(licence: Licence, use: Use) -> Iterator[Ruling]:
    """What each stated part of the use comes to, the gravest terms first; nothing where it is plainly allowed."""
    found = (_region(licence, use), _commercial(licence, use), _cap(licence, use), _training(licence, use))
    return (one for one in found if one is not None)


def _region(licence: Licence, use: Use) -> Ruling | None:
    excluded = licence.regions_excluded
    if use.region is None or (excluded is None and licence.osi_approved):
        return None
    if excluded is None:
        return Ruling("ask", "regions_excluded", f"whether {licence.name} excludes a region is unknown")
    if use.region.lower() not in excluded:
        return None
    return Ruling("forbidden", "regions_excluded", f"{licence.name} grants nothing in {use.region}")


def _commercial(licence: Licence, use: Use) -> Ruling | None:
    if not use.commercial:
        return None
    capped = licence.commercial_use == "conditional" and bool(licence.user_cap)
    if capped:  # the condition is the cap, which is a term of its own
        return None
    allowed = licence.commercial_use or ("yes" if licence.osi_approved else None)
    return _permitted(allowed, "commercial_use", f"commercial use under {licence.name}")


def _cap(licence: Licence, use: Use) -> Ruling | None:
    if use.monthly_users is None or licence.user_cap == 0 or (licence.user_cap is None and licence.osi_approved):
        return None
    if licence.user_cap is None:
        return Ruling("ask", "user_cap", f"whether {licence.name} limits the number of users is unknown")
    if use.monthly_users < licence.user_cap:
        return None
    said = f"{licence.name} needs a further licence from {licence.user_cap:,} monthly users"
    return Ruling("ask", "user_cap", f"{said}; there are {use.monthly_users:,}")


def _training(licence: Licence, use: Use) -> Ruling | None:
    if not use.trains_on_outputs:
        return None
    allowed = licence.output_training or ("yes" if licence.osi_approved else None)
    return _permitted(allowed, "output_training", f"training other models with answers under {licence.name}")


def _permitted(permission: Permission | None, term: str, what: str) -> Ruling | None:
    """Nothing where it is plainly allowed."""
    if permission == "yes":
        return None
    if permission == "no":
        return Ruling("forbidden", term, f"{what} is forbidden")
    return Ruling("ask", term, f"{what} {'is allowed on a condition' if permission else 'is not known to be allowed'}")


def _accepted(found: Ruling, licence: str, use: Use) -> Ruling:
    """A person's word settles what the flags leave open, never what they forbid."""
    if found.verdict != "ask" or licence.lower() not in {one.lower() for one in use.accepted}:
        return found
    return Ruling("allowed", found.term, f"{found.reason}; accepted by `licences`")
