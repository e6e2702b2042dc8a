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
from assay.catalog.terms import DataPolicy, Licence, Permission
from assay.config.schema import Constraints
from assay.types import Value

__all__ = ["NO_TERMS", "Ruling", "Terms", "Use", "Verdict", "duties", "judged", "ruling", "terms_of", "use_of"]

Verdict = Literal["allowed", "ask", "forbidden"]
_SEVERITY: tuple[Verdict, ...] = ("allowed", "ask", "forbidden")

_IN_EU = {
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt", "lu",
    "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
}  # fmt: skip
"""The members of the European Union (https://european-union.europa.eu/principles-countries-history/eu-countries_en),
by ISO 3166-1: what is granted to nobody in the Union is not granted there."""


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


class Terms(NamedTuple):
    """What is known of the terms of a model as it is reached. `None` = not known.

    Attributes:
        licence: of its weights.
        host: where it is rented; `None` = the team runs it itself, or nobody knows whose its address is.
        policy: what that host does with data.
    """

    licence: Licence | None = None
    host: str | None = None
    policy: DataPolicy | None = None


NO_TERMS = Terms()
"""Nothing is known."""


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


def terms_of(model: Model | None, catalog: Catalog, host: str | None = None) -> Terms:
    """What is known of the terms of a model, and of the host where it is rented (`None` = run by the team itself)."""
    licence = catalog.licence(model.licence) if model is not None and model.licence is not None else None
    return Terms(licence, host, catalog.policy(host) if host is not None else None)


def ruling(model: Model, catalog: Catalog, use: Use, *, host: str | None = None) -> Ruling:
    """What the terms of a model say of a use: of open weights their licence, of a rented one its host's policy.

    Args:
        model: whose terms.
        catalog: where licence and policies are looked up.
        use: what it is wanted for.
        host: where it is rented; default: open weights nowhere, else the first host that offers it.
    """
    offer = model.hosted_at(host) if model.ecosystem == "hosted" else None
    return judged(model, terms_of(model, catalog, offer.host if offer is not None else host), use)


def judged(model: Model, terms: Terms, use: Use) -> Ruling:
    """The same where the terms have been looked up already."""
    plain = Ruling("allowed", "licence", "rented under its host's terms; there are no weights to license")
    found = [*(_licensed(model, terms.licence, use) if model.ecosystem == "open-weight" else ()), *_rented(terms, use)]
    if terms.licence is not None:
        plain = Ruling("allowed", "licence", f"nothing in the {terms.licence.name} forbids it", duties(terms.licence))
    worst = max(found, key=lambda one: _SEVERITY.index(one.verdict), default=plain)
    return worst._replace(duties=plain.duties)


def duties(licence: Licence) -> tuple[str, ...]:
    """What who uses the weights must do or keep to, in words."""
    said: list[str] = []
    if licence.attribution:
        said.append("name the maker")
    if licence.naming:
        said.append(f"carry the name or notice {licence.naming!r}")
    if licence.use_policy:
        said.append("keep to its policy of forbidden uses")
    if licence.share_alike:
        said.append("pass derived weights on under the same terms")
    if licence.user_cap:
        said.append(f"ask for a further licence from {licence.user_cap:,} monthly users")
    return tuple(said)


def _licensed(model: Model, licence: Licence | None, use: Use) -> list[Ruling]:
    if model.licence is None:
        return [Ruling("ask", "licence", f"the licence of {model.id} is unknown")]
    if licence is None:
        found = iter([Ruling("ask", "licence", f"the terms of the licence {model.licence!r} are not in the catalogue")])
    else:
        found = _findings(licence, use)
    return [_accepted(one, model.licence, use) for one in found]


def _rented(terms: Terms, use: Use) -> list[Ruling]:
    """A host may forbid to train with its answers."""
    if terms.host is None or not use.trains_on_outputs:
        return []
    allowed = terms.policy.distillation if terms.policy is not None else None
    found = _permitted(allowed, "distillation", f"training other models with answers of {terms.host}")
    return [found] if found is not None else []


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
    region = use.region.lower()
    if region not in excluded and not (region in _IN_EU and "eu" in excluded):
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
