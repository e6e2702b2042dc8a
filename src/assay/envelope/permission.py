"""What a team permits: licences for its use, hosts by what they do with data, openness, dates and prices.

Each rule gives a reason or `None`. What is unknown fails a rule about permission, and passes one about time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from assay.catalog.days import ends_within
from assay.catalog.use import judged, use_of
from assay.config.schema import Constraints, LicenceTerm
from assay.envelope.candidate import Candidate

__all__ = ["impermissible"]

_OPENNESS = ("open-weight", "open-recipe", "open-source")


def impermissible(candidate: Candidate, limits: Constraints, today: date | None = None) -> str | None:
    """The first limit on what may be called at all that a candidate breaks, whatever the request; `None` = none.

    Args:
        candidate: with what is known of its terms and price.
        limits: the team's.
        today: what days are counted from; default: now, UTC.
    """
    return (
        _licence(candidate, limits)
        or _use(candidate, limits)
        or _duty(candidate, limits.forbidden_terms)
        or _openness(candidate, limits)
        or _host(candidate, limits)
        or _retirement(candidate, limits.days_to_retirement, today)
        or _price(candidate, limits)
    )


def _licence(candidate: Candidate, limits: Constraints) -> str | None:
    """Weights that a team runs, or that the catalogue calls open, need a licence that is known and allowed."""
    model = candidate.model
    if limits.licences is None or (model is not None and model.ecosystem == "hosted"):
        return None
    if model is None:
        return _unknown_weights(candidate)
    if model.licence is None:
        return f"the licence of {model.id!r} is unknown (licences)"
    if model.licence.lower() in {licence.lower() for licence in limits.licences}:
        return None
    allowed = ", ".join(limits.licences) or "those allowed (none)"
    return f"the licence {model.licence!r} of {model.id} is not one of {allowed} (licences)"


def _use(candidate: Candidate, limits: Constraints) -> str | None:
    """The stated use must plainly be allowed."""
    if not (limits.commercial or limits.monthly_users or limits.region or limits.trains_on_outputs):
        return None
    if candidate.model is None:
        return _unknown_weights(candidate) or _unknown_answers(candidate, limits)
    found = judged(candidate.model, candidate.terms, use_of(limits))
    if found.verdict != "allowed":
        return f"{candidate.model.id}: {found.reason} ({found.term}; {_stated(limits)})"
    return _unknown_answers(candidate, limits)


def _stated(limits: Constraints) -> str:
    """The constraints that say what it is wanted for."""
    names = ("commercial", "monthly_users", "region", "trains_on_outputs")
    return ", ".join(name for name in names if getattr(limits, name))


def _unknown_weights(candidate: Candidate) -> str | None:
    """Whoever runs weights that the catalogue does not know must say what they are; rented ones are their host's."""
    deployment = candidate.deployment
    if not deployment.is_private or deployment.dialect == "scripted":
        return None
    return (
        f"the licence of {deployment.model!r} is unknown: describe {candidate.name!r}'s model in a catalog_files file"
    )


def _unknown_answers(candidate: Candidate, limits: Constraints) -> str | None:
    policy = candidate.terms.policy
    if not limits.trains_on_outputs or candidate.deployment.is_private:
        return None
    if policy is not None and policy.distillation == "yes":
        return None
    return f"{_named(candidate)} is not known to allow training with its answers (trains_on_outputs)"


def _duty(candidate: Candidate, forbidden: tuple[LicenceTerm, ...]) -> str | None:
    """Duties that the team does not take on; weights of an unknown licence may have any of them."""
    model, licence = candidate.model, candidate.terms.licence
    if not forbidden or (model is not None and model.ecosystem == "hosted"):
        return None
    if model is None:
        return _unknown_weights(candidate)
    if model.licence is None:
        return f"the licence of {model.id!r} is unknown (forbidden_terms)"
    for term in forbidden:
        value = getattr(licence, term) if licence is not None else None
        if value is None:
            return f"whether the licence {model.licence!r} of {model.id} brings {term} is unknown (forbidden_terms)"
        if value:
            return f"the licence {model.licence!r} of {model.id} brings {term}, one of forbidden_terms"
    return None


def _openness(candidate: Candidate, limits: Constraints) -> str | None:
    if limits.openness is None or candidate.deployment.dialect == "scripted":
        return None
    known = candidate.model.openness if candidate.model is not None else None
    if known in _OPENNESS and _OPENNESS.index(known) >= _OPENNESS.index(limits.openness):
        return None
    return f"{candidate.deployment.model} is {known or 'of unknown openness'}, not {limits.openness} (openness)"


def _host(candidate: Candidate, limits: Constraints) -> str | None:
    """What a host is and does with data; what stays in the team's own hands is nobody's policy."""
    if candidate.deployment.is_private:
        return None
    if limits.hosts is not None and candidate.terms.host not in limits.hosts:
        return f"{_named(candidate)} is not one of {', '.join(limits.hosts) or 'those allowed (none)'} (hosts)"
    return _training(candidate, limits) or _retention(candidate, limits) or _regions(candidate, limits)


def _training(candidate: Candidate, limits: Constraints) -> str | None:
    policy = candidate.terms.policy
    if limits.inputs_may_train or (policy is not None and policy.trains_on_inputs in ("no", "opt-in")):
        return None
    if policy is None or policy.trains_on_inputs is None:
        return f"whether {_named(candidate)} trains on inputs is unknown (inputs_may_train)"
    unless = " unless one objects" if policy.trains_on_inputs == "opt-out" else ""
    return f"{_named(candidate)} trains on inputs{unless} (inputs_may_train)"


def _retention(candidate: Candidate, limits: Constraints) -> str | None:
    policy, longest = candidate.terms.policy, limits.max_retention_days
    if longest is None or (policy is not None and policy.zero_retention == "always"):
        return None
    if policy is None or policy.retention_days is None:
        return f"how long {_named(candidate)} keeps inputs is unknown (max_retention_days)"
    if policy.retention_days <= longest:
        return None
    return f"{_named(candidate)} may keep inputs for {policy.retention_days} days, not {longest:g} (max_retention_days)"


def _regions(candidate: Candidate, limits: Constraints) -> str | None:
    policy, wanted = candidate.terms.policy, limits.data_regions
    if wanted is None:
        return None
    if policy is None or policy.regions is None:
        return f"where {_named(candidate)} keeps data is unknown (data_regions)"
    if {one.lower() for one in wanted} & set(policy.regions):
        return None
    kept = ", ".join(policy.regions) or "no stated region"
    return f"{_named(candidate)} keeps data in {kept}, not in {' or '.join(wanted)} (data_regions)"


def _retirement(candidate: Candidate, days: int | None, today: date | None) -> str | None:
    """A model that its maker takes away; weights that one has are not taken away."""
    model = candidate.model
    if days is None or model is None or model.ecosystem != "hosted":
        return None
    if model.status == "retired":
        return f"{model.id} is retired{_instead(model.successor)}"
    if model.retires is None or not ends_within(model.retires, days, today or datetime.now(UTC).date()):
        return None
    return f"{model.id} retires on {model.retires}{_instead(model.successor)} (days_to_retirement = {days})"


def _instead(successor: str | None) -> str:
    return f"; its successor is {successor}" if successor else ""


def _price(candidate: Candidate, limits: Constraints) -> str | None:
    """The highest price per token; a device of one's own has none."""
    highest = {"input": limits.input_usd_per_mtok, "output": limits.output_usd_per_mtok}
    if candidate.deployment.is_private or not any(limit is not None for limit in highest.values()):
        return None
    price = candidate.price()
    if price is None:
        unknown = f"the price of {candidate.deployment.model} is unknown (unknown_price)"
        return unknown if limits.unknown_price == "refuse" else None
    for side, limit in highest.items():
        if limit is not None and (found := getattr(price, side)) > limit:
            said = f"{candidate.deployment.model} costs {found:g} USD per million {side} tokens"
            return f"{said}, above {limit:g} ({side}_usd_per_mtok)"
    return None


def _named(candidate: Candidate) -> str:
    if candidate.terms.host is None and candidate.deployment.host is not None:
        return f"the address of {candidate.name!r}, which is not {candidate.deployment.host}'s own,"
    return f"the host {candidate.terms.host!r}" if candidate.terms.host else f"the host of {candidate.name!r}"
