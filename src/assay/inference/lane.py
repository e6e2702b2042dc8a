"""The short way of a plain request: one call of the first candidate, its bytes in and its host's bytes out, unread.

Most requests want no more than that. The general way (`Steps`, `Sending`) is made for all that may happen to the
others; here the same parts are called one after another. What fails is handed over to the general way as its first
attempt, which then does with it what it does with any.
"""

from __future__ import annotations

from msgspec.structs import replace

from assay.envelope.overflow import may_overflow
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

__all__ = ["onwards", "passage_of"]


def passage_of(targets: Targets, ledger: Ledger, route: LiveRoute, request: Request, place: Place) -> Passage | None:
    """The only attempt of a request that goes the short way; None = it must go the general one.

    Args:
        targets: with the route's candidates.
        ledger: for the attempt.
        route: of the request.
        request: what is asked.
        place: of an attempt at the route's first candidate.
    """
    if route.first_why is None:
        return None
    if route.audit is not None and route.audits(place.trace.request_id):
        return None
    first = targets.by_name[route.candidates[0]]
    if not isinstance(first, LiveDeployment):
        return None
    if first.breaker.noted and first.breaker.health(place.trace.started) is not WELL:
        return None
    if not may_pass(first, request, place) or targets.reason(first, request, place.label) is not None:
        return None
    if len(route.candidates) > 1 and may_overflow(first.context_tokens, request):
        return None  # then it hangs on the others whether it is asked
    own = targets.allowance.own.get(route.candidates[0])
    if own is not None:
        place = replace(place, budgets=place.budgets + own)
    return Passage(ledger, targets.constraints, first, request, place)


def onwards(steps: Steps, route: LiveRoute, passage: Passage, error: AssayError, *, begun: bool = False) -> Steps:
    """The general way, with what has failed on the short one as its first attempt.

    Args:
        steps: of the same request, at their beginning.
        route: of it.
        passage: the attempt.
        error: what it failed with.
        begun: a part of its answer was handed on.
    """
    steps.resume(Call(target=route.candidates[0], why=route.first_why or ""), passage, error, begun=begun)
    return steps
