"""`generate`: the one way to a model.

A request is labelled, candidates are filtered by the hard constraints, and the route's policy is asked for the
next step until it answers or refuses (`assay.inference.steps`). Each step is performed and recorded. The
gateway calls this for a client, the eval runner for a sample, a judge for a verdict.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

import msgspec

from assay import errors
from assay.config.budget import Limit
from assay.config.schema import Constraints
from assay.errors import AssayError, BatchWaiting, ConfigError, ConstraintError, ProviderFault, Refused
from assay.inference.cache import CACHING, Caching, space_of
from assay.inference.deployment import LiveDeployment
from assay.inference.lane import onwards, passage_of
from assay.inference.place import Place
from assay.inference.preview import Preview, previews
from assay.inference.purse import Purse
from assay.inference.recall import Recall
from assay.inference.route import LiveRoute
from assay.inference.settling import words_of
from assay.inference.shadows import Shadows
from assay.inference.sink import Sink
from assay.inference.steps import Steps
from assay.inference.targets import Targets
from assay.inference.trace import Trace
from assay.ledger.budgets import NOBODY, Account
from assay.ledger.rows import Purpose, RequestRow
from assay.ledger.store import Ledger
from assay.privacy.label import effective_label
from assay.routing.protocol import Health, Rolled
from assay.types import Event, Failed, Label, Raw, Request, Response, fold

if TYPE_CHECKING:
    from assay.inference.allowance import Allowance
    from assay.inference.batch_desk import BatchDesk
    from assay.inference.bodies import Keeper
    from assay.providers.local.places import EngineState

_Outcome = Literal["answered", "refused", "failed", "cancelled", "waiting"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How one request is to be served.

    Attributes:
        use_cache: answer identical calls from the ledger, marked (evals; a gateway only where a route opts in).
        seed: the request's random number; None = from the request's own seed, else from its id.
        purse: what the work that the request belongs to may still spend, apart from the month's budget.
        bodies: what keeps the request and its answer; None = nothing is kept of them.
        desk: where requests are left whose answers may come with a batch; they need the cache, and have no deadline.
        account: for whom it is made.
        bytes_only: of an answer whose bytes pass, these are wanted and nothing that is decoded from them.
        purpose: what its attempts are for, where not to answer.
        caching: whether the cache of a route may be used, as the client says.
        durable: an answer is handed on when its rows are durable; else whoever asks sees to that, by `Trace.pending`.
    """

    use_cache: bool = False
    seed: int | None = None
    purse: Purse | None = None
    bodies: Keeper | None = None
    desk: BatchDesk | None = None
    account: Account = NOBODY
    caching: Caching = CACHING
    purpose: Purpose | None = None
    durable: bool = True
    bytes_only: bool = False


DEFAULT = Options()


class Spine:
    """Everything that can be called, and the way to it.

    Args:
        targets: deployments and routes by name.
        constraints: the hard limits.
        ledger: where each attempt is recorded before its first byte is sent.
        engines: what the local engines are doing.
        budgets: what may be spent beside `constraints.usd_per_month`, by name.

    Attributes:
        shadows: calls for comparison that run beside the traffic.
    """

    def __init__(
        self,
        targets: Mapping[str, LiveDeployment | LiveRoute],
        constraints: Constraints,
        ledger: Ledger,
        *,
        engines: Callable[[], list[EngineState]] = list,
        budgets: Mapping[str, Limit] | None = None,
    ) -> None:
        self._targets = Targets(targets, constraints, budgets)
        self.ledger = ledger
        self.engines = engines
        self._recall = Recall()
        self.shadows = Shadows()

    @property
    def targets(self) -> dict[str, LiveDeployment | LiveRoute]:
        """Everything that can be called, by name."""
        return self._targets.by_name

    @property
    def allowance(self) -> Allowance:
        """The budgets of the configuration."""
        return self._targets.allowance

    @property
    def rolled(self) -> Mapping[str, Rolled]:
        """By route, the weights that a rollout has set; see `take_rolled`."""
        return self._targets.rolled

    def take_rolled(self, rolled: Mapping[str, Rolled]) -> None:
        """Let these weights count from now on, for requests that have not been dealt yet."""
        self._targets.rolled = rolled

    @property
    def constraints(self) -> Constraints:
        """The hard limits."""
        return self._targets.constraints

    def route(self, name: str) -> LiveRoute:
        """The route of this name; a deployment is a route of itself alone.

        Raises:
            ConfigError: there is neither.
        """
        return self._targets.route(name)

    def one_at_a_time(self, name: str) -> bool:
        """Whether everything below this name answers one request after another.

        Raises:
            ConfigError: there is no such target.
        """
        target = self.targets.get(name)
        if isinstance(target, LiveDeployment):
            return target.one_at_a_time
        return all(self.one_at_a_time(candidate) for candidate in self.route(name).candidates)

    def removed(self, route: LiveRoute, request: Request, label: Label) -> tuple[tuple[str, str], ...]:
        """`(candidate, reason)` of each candidate of a route that the hard constraints take out."""
        return self._targets.removed(route, request, label)

    def keyless(self, route: LiveRoute, request: Request, label: Label) -> bool:
        """Whether no candidate of a route has its key, and each would be allowed with one."""
        return self._targets.keyless(route, request, label)

    def preview(self, request: Request, target: str) -> list[Preview]:
        """What each deployment of a route would be sent for a request; nothing is sent and nothing recorded.

        Raises:
            ConfigError: there is no such target.
        """
        route = self.route(target)
        asked = _with_kind(request, route)
        return previews(self._targets, route, asked, effective_label(asked, route.label))

    def health(self) -> dict[str, Health]:
        """What is known of each deployment's host."""
        now = time.monotonic()
        return {name: one.breaker.health(now) for name, one in self.targets.items() if isinstance(one, LiveDeployment)}

    async def close(self) -> None:
        """Let go of connections and local engines; shadows are cancelled."""
        await self.shadows.close()
        for target in self.targets.values():
            if isinstance(target, LiveDeployment):
                await target.provider.close()

    def generate(
        self, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> AsyncGenerator[Event, None]:
        """The answer to a request as events. Closing the generator cancels everything upstream.

        Args:
            request: what is asked, as the client said it.
            target: name of a route or deployment.
            trace: filled in on the way; make one to learn who answered and what it cost.
            options: see `Options`.

        Yields:
            Events. An error after the first one comes as a `Failed` event, which is then the last.

        Raises:
            AssayError: there is no answer, and nothing has been handed on yet.
        """
        route, request, place = self._begun(request, target, trace, options)
        return self._walked(self._steps(route, request, place), request, place, options)

    def _begun(
        self, request: Request, target: str, trace: Trace | None, options: Options
    ) -> tuple[LiveRoute, Request, Place]:
        """The route of a request, the request with the kind that its route says, and the place of its attempts.

        Where the route has a first candidate that is always called first, it is the place of that attempt.
        """
        trace = trace if trace is not None else Trace()
        route = self._targets.by_name.get(target)
        if not isinstance(route, LiveRoute):  # a deployment, or nothing
            route = self._targets.route(target)
        trace.target = target
        if route.kind is not None:
            request = _with_kind(request, route)
        seconds = request.deadline_s if request.deadline_s is not None else route.deadline_s
        if options.desk is not None:
            if not options.use_cache:
                raise ConfigError("answers of batches are found in the cache; ask without it, or without batches")
            seconds = None  # a day is nothing to a batch
        caching = options.caching if trace.run_id is None else Caching(False, False)  # runs measure what models say
        seed = options.seed if options.seed is not None else request.sampling.seed
        allowance, why = self._targets.allowance, route.first_why
        place = Place(  # by position: see `_closed`
            trace,
            "" if why is None else "0",
            route.name,
            route.labels.get(request.label) or effective_label(request, route.label),
            asyncio.get_running_loop().time() + seconds if seconds is not None else None,
            options.use_cache,
            seed if seed is not None else int(trace.request_id[-8:], 16),
            True,  # untouched
            self._recall,
            () if why is None else (why,),
            shadows=self.shadows,
            purse=options.purse,
            desk=options.desk,
            account=options.account,
            cache=space_of(route, caching, request) if route.cache is not None else None,
            caching=caching,
            purpose=options.purpose,
            bytes_only=options.bytes_only,
            max_tokens=None if why is None else route.max_tokens,
            budgets=allowance.by_route.get(route.name, allowance.everything) + options.account.budgets,
        )
        return route, request, place

    def _steps(self, route: LiveRoute, request: Request, place: Place) -> Steps:
        if place.path:  # of the first attempt: now of the route
            place = msgspec.structs.replace(place, path="", why=(), max_tokens=None)
        return Steps(self._targets, self.ledger, route, request, place)

    async def stream(
        self, sink: Sink, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> None:
        """As `generate`, for who takes what comes: bytes that may pass as they are go to him without a detour.

        Raises:
            AssayError: there is no answer, and nothing has been handed on yet.
        """
        route, request, place = self._begun(request, target, trace, options)
        passage = passage_of(self._targets, self.ledger, route, request, place)
        if passage is None:
            steps = self._steps(route, request, place)
        else:
            try:
                ending = await passage.pour(sink)
            except AssayError as error:
                steps = onwards(self._steps(route, request, place), route, passage, error, begun=passage.begun)
            except BaseException as error:
                self._closed(request, place, "failed" if isinstance(error, Exception) else "cancelled", error)
                raise
            else:
                self._answered(request, place)
                if place.trace.pending:
                    await place.trace.on_record()
                for event in ending:
                    if (late := sink.tell(event)) is not None:
                        await late()
                return
        handed_on = place.trace.answering is not None
        async with aclosing(self._walked(steps, request, place, options, begun=handed_on)) as events:
            async for event in events:
                if (late := sink.tell(event)) is not None:
                    await late()

    def _answered(self, request: Request, place: Place) -> None:
        """Close a request that a passage has answered; it is complete for its client when it is on record."""
        trace = place.trace
        trace.answering = trace.records[-1]
        closed = self._closed(request, place, "answered", None)
        if closed is not None:
            trace.pending.append(closed)

    async def _walked(
        self, steps: Steps, request: Request, place: Place, options: Options, *, begun: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The events of a route that is worked through; what came of it is on record before the last one is given.

        `begun`: some of the answer was handed on before.
        """
        trace = place.trace
        whole: list[Event] = []  # what waits for the rows
        problem: Exception | None = None
        outcome: _Outcome = "cancelled"
        try:
            async with aclosing(steps.events()) as stream:
                async for event in stream:
                    trace.answering = steps.answering
                    if request.stream:
                        begun = True
                        yield event
                    else:
                        whole.append(event)
            outcome = "answered" if steps.refused is None else "refused"
        except AssayError as error:
            problem = error
            outcome = _outcome_of(error)
        except Exception as error:  # noqa: BLE001 - raised again below, when what happened is on record
            problem = error
            outcome = "failed"
        finally:
            trace.answering, trace.refused = steps.answering, steps.refused
            closed = self._closed(request, place, outcome, problem)
        if options.bodies is not None and outcome == "answered":
            trace.pending.append(options.bodies.keep(request, trace.strictest(place.label), trace))
        if closed is not None:
            trace.pending.append(closed)
        if options.durable or problem is not None:  # a request is complete for the client when its rows are durable
            await trace.on_record()
        if problem is not None and not (begun and isinstance(problem, AssayError)):
            raise problem  # a mistake of ours is never told to a client as an answer's end
        if problem is not None:
            yield Failed(error=type(problem).__name__, message=str(problem))
        for event in whole:
            yield event

    async def whole(
        self, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> bytes | Response:
        """As `generate`, for who wants the whole answer: its bytes where they may pass as they are, else what it says.

        Raises:
            AssayError: there is no complete answer.
        """
        route, request, place = self._begun(request, target, trace, options)
        passage = passage_of(self._targets, self.ledger, route, request, place)
        if passage is None:
            return await self._gathered(self._steps(route, request, place), request, place, options)
        try:
            found = await passage.whole()
        except AssayError as error:
            steps = onwards(self._steps(route, request, place), route, passage, error)
            return await self._gathered(steps, request, place, options)
        except BaseException as error:
            self._closed(request, place, "failed" if isinstance(error, Exception) else "cancelled", error)
            raise
        self._answered(request, place)
        if place.trace.pending:
            await place.trace.on_record()
        return found if isinstance(found, bytes) else fold(found)

    async def _gathered(self, steps: Steps, request: Request, place: Place, options: Options) -> bytes | Response:
        """What the events of a route come to."""
        async with aclosing(self._walked(steps, request, place, options)) as events:
            found = [event async for event in events]
        if found and isinstance(found[-1], Failed):
            raise failure_of(found[-1], place.trace)
        answering = place.trace.answering
        if answering is not None and answering.passed_through:
            passed = [event.data for event in found if isinstance(event, Raw)]
            if passed:
                return b"".join(passed)
        return fold(event for event in found if not isinstance(event, Raw))

    def _closed(
        self, request: Request, place: Place, outcome: _Outcome, problem: BaseException | None
    ) -> asyncio.Future[None] | None:
        """Send the request's row off, with what it answered for where that is not written yet; None = it is durable."""
        trace = place.trace
        trace.total_s = time.monotonic() - trace.started
        usd, basis, cached, engine_s = trace.sums()
        first = answering = trace.answering
        while first is not None and first.continues is not None:
            first = first.continues
        begun = (first.response or first.so_far) if first is not None else None
        row = RequestRow(  # by position: Python makes a dictionary for a call with more than fifteen names
            trace.request_id,
            trace.target,
            request.kind,
            str(place.label),
            trace.started_at,
            trace.total_s,
            outcome,
            trace.attempts,
            cached,
            usd,
            basis,
            words_of(problem) if problem is not None else trace.refused,
            answering.id if answering is not None else None,
            answering.deployment if answering is not None else None,
            engine_s,
            trace.run_id,
            trace.sample_id,
            why=(answering.why or None) if answering is not None else None,
            key_id=place.account.key_id,
            team=place.account.team,
            guarded=(", ".join(trace.guarded) or None) if trace.guarded else None,
            dealt=msgspec.json.encode(trace.deals).decode() if trace.deals else None,
            response_id=begun.id if begun is not None else None,  # it stands in the body of what was continued, too
        )
        settlement, trace.unsettled = trace.unsettled, None
        return self.ledger.close_request(row) if settlement is None else self.ledger.finish(settlement, row)

    async def answer(
        self, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> Response:
        """As `generate`, folded to the whole answer.

        Raises:
            AssayError: there is no complete answer.
        """
        trace = trace if trace is not None else Trace()
        async with aclosing(self.generate(request, target, trace, options)) as stream:
            events = [event async for event in stream]
        if events and isinstance(events[-1], Failed):
            raise failure_of(events[-1], trace)
        record = trace.answering
        if record is not None and record.response is not None and record.continues is None and not trace.guarded:
            return record.response
        return fold(events)  # several have answered, or guards have had a hand in it


def failure_of(event: Failed, trace: Trace) -> AssayError:
    """The error that ended a stream: the attempt's own, where there is one, else of the class that the event names."""
    named = next((one.error for one in reversed(trace.records) if type(one.error).__name__ == event.error), None)
    if named is not None:
        return named
    kind = getattr(errors, event.error, None)
    if not (isinstance(kind, type) and issubclass(kind, AssayError)):
        return ProviderFault(event.message)
    return ConstraintError(event.message) if issubclass(kind, ConstraintError) else kind(event.message)


def _outcome_of(error: AssayError) -> _Outcome:
    if isinstance(error, BatchWaiting):
        return "waiting"
    return "refused" if isinstance(error, ConstraintError | Refused) else "failed"


def _with_kind(request: Request, route: LiveRoute) -> Request:
    """The request with the route's kind, where it names none."""
    if request.kind is not None or route.kind is None:
        return request
    return msgspec.structs.replace(request, kind=route.kind)
