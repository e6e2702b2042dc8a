"""Whether a target may be sent anything of some work at all, by the hard constraints, before it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from assay.evals.suites.suite import Samples
from assay.inference.spine import Spine
from assay.privacy.label import effective_label
from assay.types import Request

__all__ = ["Refusal", "refusal", "refusal_of_all", "refusal_of_samples"]


class Refusal(NamedTuple):
    """Why it may not; `keyless`: a key is all that is missing, nothing forbids it."""

    reason: str
    keyless: bool


def refusal(spine: Spine, name: str, request: Request) -> Refusal | None:
    """Why a target may not be sent a request; None where it, or one of a route's candidates, may.

    Raises:
        ConfigError: there is no such target.
    """
    route = spine.route(name)
    label = effective_label(request, route.label)
    removed = spine.removed(route, request, label)
    if len(removed) < len(route.candidates):
        return None
    reason = "; ".join(why if one == name else f"{one}: {why}" for one, why in removed)
    return Refusal(reason, spine.keyless(route, request, label))


def refusal_of_samples(spine: Spine, name: str, samples: Samples) -> Refusal | None:
    """The same of samples: of each label one stands for all.

    Raises:
        ConfigError: there is no such target.
    """
    return next((one for one in _refusals(spine, name, samples) if one is not None), None)


def refusal_of_all(spine: Spine, name: str, samples: Samples) -> Refusal | None:
    """The same, but None where a target may be sent some of them, or only a key is missing.

    Raises:
        ConfigError: there is no such target.
    """
    found = list(_refusals(spine, name, samples))
    return found[0] if found and all(one is not None and not one.keyless for one in found) else None


def _refusals(spine: Spine, name: str, samples: Samples) -> Iterator[Refusal | None]:
    labels = {sample.label: sample for sample in samples}
    return (refusal(spine, name, sample.request()) for sample in labels.values())
