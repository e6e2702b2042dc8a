"""Asking others beside a route's answer, once nobody waits for it any more: its shadows, and a sampled audit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Literal, NamedTuple, Protocol

from msgspec.structs import replace

from assay.config.comparing import Comparing
from assay.envelope.cost import cost_usd
from assay.errors import AssayError, BudgetExceeded, ConstraintError, ProviderError
from assay.inference.bodies import answered
from assay.inference.deployment import LiveDeployment
from assay.inference.pair import Asked, Pair, Side
from assay.inference.place import Place
from assay.inference.route import LiveRoute
from assay.inference.targets import Targets
from assay.inference.trace import Record, Trace, total_cost
from assay.ledger.budgets import Budget
from assay.privacy.label import at_least
from assay.routing.protocol import Call
from assay.types import Event, Label, Request, Response, fold

__all__ = ["Beside", "budgets_of"]

_What = Literal["shadow", "audit"]


class Opened(Protocol):
    """A call that has been made ready: an attempt, or a route inside this one."""

    def events(self) -> AsyncGenerator[Event, None]:
        """Performs it."""
        ...


class _Cast(NamedTuple):
    """One call beside, and the trace that it fills."""

    what: _What
    call: Call
    how: Comparing
    place: Place


class Beside:
    """Casts what is asked beside one route's answer.

    Args:
        targets: what can be called.
        route: whose answer it is.
        request: as the route had it.
        place: of the route in the request.
        answering: the attempt that answered; None = nobody did, and there is nothing to compare with.
        opened: makes a call of a target ready.
    """

    def __init__(
        self, targets: Targets, route: LiveRoute, request: Request, place: Place, answering: Record | None,
        opened: Callable[[str, Request, Place], Opened],
    ) -> None:  # fmt: skip
        self._targets = targets
        self._route = route
        self._request = request
        self._place = place
        self._answering = answering if answering is not None and answering.response is not None else None
        self._opened = opened

    def cast(self, shadows: Iterable[tuple[Call, Request]]) -> None:
        """Start what is to be asked, each call in the background; a run is not compared with itself."""
        if self._place.trace.run_id is not None or self._place.shadow or not self._place.shadows.asks:
            return
        policy, audit = self._route.policy, self._route.audit
        how = policy if isinstance(policy, Comparing) else Comparing()
        for number, (call, request) in enumerate(shadows):
            self._start(self._cast_of("shadow", f"s{number}", call, how), request)
        own = self._answering
        drawn = audit is not None and self._route.audits(self._place.trace.request_id)
        if audit is not None and drawn and own is not None and not own.cached:  # else it has been compared, or could be
            call = Call(target=audit.against, shadow=True, why=f"audit of {own.deployment}")
            self._start(self._cast_of("audit", "a0", call, audit), self._request)

    def _cast_of(self, what: _What, step: str, call: Call, how: Comparing) -> _Cast:
        place, client = self._place, self._place.account.budgets
        return _Cast(
            what, call, how,
            replace(
                place,
                trace=Trace(request_id=place.trace.request_id, target=place.trace.target),
                path=f"{place.path}.{step}".lstrip("."),
                route=self._route.name,
                deadline=None,
                untouched=place.untouched and call.overrides is None,
                why=(*place.why, call.why),
                shadow=True,
                bytes_only=False,
                cache=None,
                purpose=what,
                label=place.trace.strictest(place.label, place.path),
                # What a key or its team may spend is for what they ask, and not for our experiments.
                budgets=tuple(one for one in place.budgets if one not in client)
                + budgets_of(what, self._route.name, how),
            ),
        )  # fmt: skip

    def _start(self, cast: _Cast, request: Request) -> None:
        shadows = self._place.shadows
        if cast.how.observe:
            shadows.compare(self._pair(cast, self._estimate(cast), "observed"))
            return
        if (barred := self._barred(cast.call.target, request, cast.place.label)) is not None:
            self._leave_out(cast, "barred", barred)
        elif not self._has_room(cast.call.target):
            self._leave_out(cast, "busy", "it has no place to spare")
        elif not shadows.start(cast.place.trace, lambda: self._perform(cast, request)):
            self._leave_out(cast, "busy", "as many others as there may be are being asked already")

    def _leave_out(self, cast: _Cast, reason: Literal["busy", "budget", "barred"], why: str) -> None:
        self._place.shadows.left_out[reason] += 1
        self._place.shadows.compare(self._pair(cast, Side(cast.call.target), "unasked", f"{reason}: {why}"))

    def _barred(self, target: str, request: Request, label: Label) -> str | None:
        """Why the hard constraints, or the label, leave nobody of a target."""
        route = self._targets.route(target)
        removed = self._targets.removed(route, request, at_least(label, route.label))
        return "; ".join(reason for _, reason in removed) if len(removed) == len(route.candidates) else None

    def _has_room(self, name: str) -> bool:
        """Whether somebody could answer at once: nobody who waits for an answer shall wait for a comparison."""
        target = self._targets.by_name.get(name)
        if isinstance(target, LiveDeployment):
            return not target.gate.locked()
        return target is not None and any(map(self._has_room, target.candidates))

    # -------------------------------------------------------------------------------- asking the other

    async def _perform(self, cast: _Cast, request: Request) -> None:
        """Ask, and have the answers compared."""
        trace = cast.place.trace
        try:
            response = await self._answer(cast.call.target, request, cast.place)
        except BudgetExceeded as error:
            self._leave_out(cast, "budget", str(error))
            raise
        except ConstraintError as error:
            self._leave_out(cast, "barred", str(error))
            raise
        except AssayError as error:
            if isinstance(error, ProviderError) and error.resting:  # nothing was sent
                self._leave_out(cast, "busy", str(error))
                raise
            other = Side(cast.call.target, None, trace.cost[0])
            self._place.shadows.compare(self._pair(cast, other, "failed", f"{type(error).__name__}: {error}"))
            raise
        seconds = sum(record.total_s or 0.0 for record in trace.records)
        self._place.shadows.compare(
            self._pair(cast, Side(cast.call.target, response, trace.cost[0], seconds), "answered")
        )

    async def _answer(self, target: str, request: Request, place: Place) -> Response:
        opened = self._opened(target, request, place)
        async with aclosing(opened.events()) as stream:
            return fold([event async for event in stream])

    def _pair(
        self, cast: _Cast, other: Side, outcome: Literal["answered", "failed", "unasked", "observed"], why: str = ""
    ) -> Pair | None:
        """What is to be compared; None = there is no answer to compare with."""
        own = self._answering
        if own is None or own.response is None:
            return None
        mine = self._place.trace.below(self._place.path)  # not what stands around this route in the request
        label = cast.place.trace.strictest(cast.place.label)
        usd, _ = total_cost((record.cost_usd, record.cost_basis) for record in mine)
        whole = Response(parts=answered(own), finish=own.response.finish, usage=own.response.usage)
        return Pair(
            request_id=self._place.trace.request_id,
            target=self._place.trace.target,
            route=self._route.name,
            purpose=cast.what,
            how=cast.how,
            request=self._request,
            label=label,
            own=Side(own.deployment, whole, usd, own.total_s),
            other=other,
            outcome=outcome,
            ask=partial(self._ask, cast, label),
            why=why,
        )

    async def _ask(self, cast: _Cast, label: Label, request: Request, target: str) -> Asked:
        """The answer of a judge, who has seen both answers and is bound by the label of both.

        Raises:
            AssayError: there is none.
        """
        trace = Trace(request_id=self._place.trace.request_id, target=self._place.trace.target)
        if (barred := self._barred(target, request, label)) is not None:
            raise ConstraintError(barred)
        place = replace(
            cast.place, trace=trace, path=f"{cast.place.path}.j", purpose="judge", untouched=False, label=label
        )
        response = await self._answer(target, request, place)
        return Asked(response, trace.cost[0])

    def _estimate(self, cast: _Cast) -> Side:
        """What the other would cost by the tokens of the client's answer."""
        target, own = self._targets.by_name.get(cast.call.target), self._answering
        usage = own.response.usage if own is not None and own.response is not None else None
        price = target.price.price if isinstance(target, LiveDeployment) else None
        return Side(cast.call.target, usd=cost_usd(price, usage))


def budgets_of(what: _What, route: str, how: Comparing) -> tuple[Budget, ...]:
    """The limits on what a route's comparisons may cost, verdicts of the judge included."""
    limits = ((how.usd_per_day, "day"), (how.usd_total, "total"))
    return tuple(Budget(f"{what}:{route}", usd, per) for usd, per in limits if usd is not None)  # type: ignore[arg-type]  # one of the periods
