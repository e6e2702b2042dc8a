"""The short way of a plain request: one call of the first candidate, its bytes in and its host's bytes out, unread.

Most requests want no more than that. The general way (`Steps`, `Sending`) is made for all that may happen to the
others; here the same parts are called one after another. What fails is handed over to the general way as its first
attempt, which then does with it what it does with any.
"""

from __future__ import annotations

from msgspec.structs import replace

from assay.errors import AssayError
from assay.inference.breaker import WELL
from assay.inference.deployment import LiveDeployment
from assay.inference.passage import Passage, may_pass
from assay.inference.place import Place
from assay.inference.route import LiveRoute
from assay.inference.steps import Steps
from assay.inference.targets import Targets
from assay.ledger.store import Ledger
from assay.routing.protocol import Call
from assay.types import Request

__all__ = ["Lane", "lane_of"]

_FIRST = {"fixed": "the only choice", "fallback": "first choice"}
"""Policies that begin with the first candidate whatever is asked, and what they say of it."""


class Lane:
    """One request on it; `lane_of` says whether there is one.

    Attributes:
        passage: the only attempt.
    """

    def __init__(
        self, targets: Targets, ledger: Ledger, route: LiveRoute, request: Request, place: Place, first: LiveDeployment
    ) -> None:
        self._targets = targets
        self._ledger = ledger
        self._route = route
        self._request = request
        self._place = place
        why = _FIRST[route.policy.kind]
        self._call = Call(target=first.name, why=why)
        at = replace(place, path="0", why=(why,), max_tokens=route.max_tokens or place.max_tokens)
        self.passage = Passage(ledger, targets.constraints, first, request, at)

    def failed(self, error: AssayError, *, begun: bool = False) -> Steps:
        """The general way, with what has failed here as its first attempt.

        Args:
            error: what it failed with.
            begun: a part of its answer was handed on.
        """
        steps = Steps(self._targets, self._ledger, self._route, self._request, self._place)
        steps.resume(self._call, self.passage, error, begun=begun)
        return steps


def lane_of(targets: Targets, ledger: Ledger, route: LiveRoute, request: Request, place: Place) -> Lane | None:
    """The short way of a request; None = it must go the general one."""
    if route.policy.kind not in _FIRST or not route.is_plain:
        return None
    if route.audit is not None and route.audits(place.trace.request_id):
        return None
    name = route.candidates[0]
    first = targets.by_name[name]
    if not isinstance(first, LiveDeployment) or first.breaker.health(place.trace.started) is not WELL:
        return None
    if not may_pass(first, request, place) or targets.removed(route, request, place.label):
        return None
    return Lane(targets, ledger, route, request, place, first)
