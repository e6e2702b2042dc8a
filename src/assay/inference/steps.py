"""One route being worked through: ask the policy, perform the step, until there is an answer or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from assay.dialects.unfold import events_of
from assay.errors import AssayError, BatchWaiting, ConfigError, NoCandidate, Refused, Timeout
from assay.inference.attempt import Attempt
from assay.inference.beside import Beside
from assay.inference.cache import space_of
from assay.inference.deployment import LiveDeployment
from assay.inference.failures import failure, rests
from assay.inference.guards import SAYING, Ask, refused_events
from assay.inference.looks import Looks
from assay.inference.passage import Passage, may_pass
from assay.inference.place import Place
from assay.inference.prompt import over
from assay.inference.resumption import Resumption
from assay.inference.route import LiveRoute
from assay.inference.send import Outcome, Sending
from assay.inference.sieve import Sieve
from assay.inference.targets import Targets
from assay.inference.trace import Record
from assay.ledger.store import Ledger
from assay.numerals import plural
from assay.privacy.label import at_least, labelled
from assay.routing import protocol
from assay.routing.protocol import (
    FIRST_EVENT,
    Answer,
    Call,
    Check,
    CheckOutcome,
    Look,
    Refuse,
    Send,
    Snapshot,
    State,
    Step,
)
from assay.routing.retry import Retrying
from assay.types import Event, Request, Response, fold

MAX_STEPS = 200
"""A policy that has not come to an end after so many steps is broken."""

MAX_RETRIES = 12
"""Failed calls that one request may repeat, over all its routes."""


class Steps:
    """Works through one route; `events` performs it.

    Attributes:
        answering: the attempt whose answer is handed on, as the client has it; set before its first event.
        refused: why guards gave a refusal in the place of an answer; None = they did not.
    """

    def __init__(self, targets: Targets, ledger: Ledger, route: LiveRoute, request: Request, place: Place) -> None:
        self.answering: Record | None = None
        self.refused: str | None = None
        self._targets = targets
        self._ledger = ledger
        self._route = route
        # What guards have seen is what is sent: written anew, and never the client's own bytes.
        self._request = msgspec.structs.replace(request, native=None) if route.guards else request
        self._labelled = labelled(self._request, place.label)
        self._place = place
        self._attempts: list[protocol.Attempt] = []
        self._outcomes: list[Outcome] = []
        self._opened: dict[int, Attempt | Steps] = {}  # by index of the attempt
        self._looks = Looks(route.guards, place.trace)
        self._in_stream = route.guards.in_stream if request.form in SAYING else ()
        self._shadows: list[Call] = []
        self._sends = 0
        self._committed: int | None = None

    def events(self) -> AsyncGenerator[Event, None]:
        """The route's answer as events.

        Raises:
            AssayError: there is no answer; or it broke off after its first event.
        """
        if (broken := self._broken_off()) is not None:  # what was resumed had begun to answer
            return self._continued(broken, self._candidates())
        guards = self._in_stream
        return self._sieved(Sieve(guards, self._request)) if guards else self._events()

    def resume(self, call: Call, opened: Passage, error: AssayError, *, begun: bool) -> None:
        """Begin after a first call that has failed already; `begun`: a part of its answer was handed on."""
        self._opened[0] = opened
        self._outcomes.append(Outcome(call, events=opened.had, error=error))
        hold = not self._request.stream
        self._attempts.append(protocol.Attempt(index=0, send=0, call=call, hold=hold, failure=failure(error)))
        self._sends = 1
        if begun:
            self._committed, self.answering = 0, opened.record

    async def _events(self) -> AsyncGenerator[Event, None]:
        candidates = self._candidates()
        policy = Retrying(self._route.guards.around(self._route.policy), self._retries(candidates))
        money_left = self._ledger.left_usd(self._place.budgets)
        for _ in range(MAX_STEPS):
            self._check_deadline()
            step = self._decided(policy, candidates, money_left)
            if isinstance(step, Send):
                step = self._prepared(step)
                sending = Sending(step, self._open, self._place.deadline)
                async with aclosing(sending.live()) as live:
                    async for event in live:
                        self._commit(sending)
                        if self.answering is None:  # only its head goes on so far
                            self.answering = _record_of(self._opened[len(self._attempts)])
                        yield event
                self._note(step, sending)
                self._check_waiting(sending)
                if (broken := self._broken_off()) is not None:
                    async with aclosing(self._continued(broken, candidates)) as rest:
                        async for event in rest:
                            yield event
                    self._cast_shadows()
                    return
            elif isinstance(step, Check | Look):
                await self._perform(step)
            elif isinstance(step, Refuse) and step.said is None:
                self._cast_shadows()
                raise self._refusal(step)
            elif isinstance(step, Answer | Refuse):
                for event in self._last(step):
                    yield event
                self._cast_shadows()
                return
            else:
                raise self._broken(f"gave {step!r}, which is no step")
        raise self._broken(f"did not end in {MAX_STEPS} steps")

    async def _sieved(self, sieve: Sieve) -> AsyncGenerator[Event, None]:
        """The events that guards let pass; where they end the answer, the model is not asked for more."""
        async with aclosing(self._events()) as events:
            async for event in events:
                for ready in await sieve.take(event):
                    yield ready
                if sieve.refused is not None:
                    break
        for event in await sieve.close():
            yield event
        self._place.trace.guarded += sieve.told
        self.refused = sieve.refused or self.refused
        if self.answering is not None:
            self.answering = msgspec.structs.replace(self.answering, response=sieve.response)
        self._cast_shadows(sieved=True)

    # ------------------------------------------------------------------------------- before the first

    def _candidates(self) -> tuple[str, ...]:
        removed = self._targets.removed(self._route, self._request, self._place.label)
        self._place.trace.removed.extend(removed)
        gone = {name for name, _ in removed}
        kept = tuple(name for name in self._route.candidates if name not in gone)
        if not kept and removed:  # of none at all, the policy says why: every pin is broken, say
            raise NoCandidate(
                self._route.name,
                removed,
                unable=self._targets.unable(self._route, self._request),
                keyless=self._targets.keyless(self._route, self._request, self._place.label),
            )
        return kept

    def _retries(self, candidates: tuple[str, ...]) -> dict[str, int]:
        if self._place.desk is not None:  # a batch has failed for good; its request is asked again by whoever runs it
            return {}
        targets = self._targets.by_name
        return {
            name: target.config.retries for name in candidates if isinstance(target := targets[name], LiveDeployment)
        }

    def _decided(self, policy: Retrying, candidates: tuple[str, ...], money_left_usd: float | None) -> Step:
        """The next step. A policy that goes by success alone answers with the first one, and need not be asked."""
        if self._attempts and self._attempts[-1].ok and self._route.is_plain:
            return Answer(attempt=len(self._attempts) - 1)
        return policy.decide(self._state(candidates, money_left_usd))

    def _state(self, candidates: tuple[str, ...], money_left_usd: float | None) -> State:
        return State(
            request=self._labelled,
            candidates=candidates,
            attempts=tuple(self._attempts),
            looks=self._looks.of_request,
            deadline=self._place.deadline,
            snapshot=Snapshot(
                now=asyncio.get_running_loop().time(),
                seed=self._place.seed,
                request_id=self._place.trace.request_id,
                health=self._targets.faults(candidates),
                retries_left=MAX_RETRIES - self._place.trace.retries,
                money_left_usd=money_left_usd,
                rolled=self._targets.rolled.get(self._route.name),
            ),
        )

    def _check_deadline(self) -> None:
        deadline = self._place.deadline
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            last = next((outcome.error for outcome in reversed(self._outcomes) if outcome.error is not None), None)
            raise (
                last
                if isinstance(last, Timeout)
                else Timeout(
                    f"the deadline passed after {plural(len(self._attempts), 'attempt')}"
                    + (f"; last: {last}" if last else "")
                )
            )

    # ----------------------------------------------------------------------------------------- Send

    def _prepared(self, step: Send) -> Send:
        """The Send without its shadows, which wait for their turn. Whole answers are kept back until they are whole.

        A client that gets no stream has had nothing of an answer that breaks off, so the policy may exchange it.
        """
        shadows = [call for call in step.calls if call.shadow]
        if shadows:
            self._shadows += shadows
            step = msgspec.structs.replace(step, calls=tuple(call for call in step.calls if not call.shadow))
        self._check_send(step)
        self._place.trace.retries += sum(call.retry_of is not None for call in step.calls)
        for call in step.calls:
            if call.deal is not None and call.retry_of is None:
                self._place.trace.dealt(self._route.name, call.deal)
        if len(step.calls) == 1 and not self._request.stream and not step.hold:
            step = msgspec.structs.replace(step, hold=True)
        return step

    def _check_send(self, step: Send) -> None:
        if not step.calls:
            raise self._broken("sends nothing")
        if step.until != FIRST_EVENT and int(step.until) < 1:
            raise self._broken(f"sends until {step.until}: it must be at least 1")
        if self._place.desk is not None and (len(step.calls) != 1 or step.calls[0].start_after_s > 0):
            raise ConfigError(
                f"route {self._route.name!r} cannot be asked in batches: its policy {self._route.policy.kind!r} asks "
                "several at once, or waits; name one of its candidates, or ask it without --batch"
            )
        streams = not step.hold and (len(step.calls) == 1 or step.until == FIRST_EVENT)
        if streams and self._committed is not None:
            raise self._broken("answers twice: it must hold what it may exchange")

    def _check_waiting(self, sending: Sending) -> None:
        """End the request where an answer comes with a batch: asked again, it gets here with the answer at hand.

        Raises:
            BatchWaiting: it does.
            ConfigError: this deployment has no batches.
        """
        if self._place.desk is None:
            return
        for outcome in sending.outcomes:
            if isinstance(outcome.error, BatchWaiting | ConfigError):
                raise outcome.error

    def _broken(self, what: str) -> ConfigError:
        """The error for a policy that does what it may not."""
        return ConfigError(f"policy {self._route.policy.kind!r} of route {self._route.name!r} {what}")

    def _open(self, number: int, call: Call) -> AsyncGenerator[Event, None]:
        """The events of the call with this number in the Send that is being performed."""
        index = len(self._attempts) + number
        opened = self._opened[index] = self._made(call, self._place_of(call, str(index)))
        return opened.events()

    def _place_of(self, call: Call, step: str) -> Place:
        return replace(
            self._place,
            path=f"{self._place.path}.{step}".lstrip("."),
            route=self._route.name,
            untouched=self._place.untouched and call.overrides is None,
            bytes_only=self._place.bytes_only and self._route.passes_unread(self._place.trace.request_id),
            max_tokens=self._route.max_tokens or self._place.max_tokens,
            why=(*self._place.why, call.why),
        )

    def _made(self, call: Call, place: Place) -> Attempt | Steps:
        return self._ready(call.target, self._changed(call), place)

    def _ready(self, name: str, request: Request, place: Place) -> Attempt | Steps:
        target = self._targets.by_name.get(name)
        if own := self._targets.allowance.of(name):
            place = replace(place, budgets=place.budgets + own)
        if isinstance(target, LiveDeployment):
            kind = Passage if may_pass(target, request, place) else Attempt
            return kind(self._ledger, self._targets.constraints, target, request, place)
        if isinstance(target, LiveRoute):
            label = at_least(place.label, target.label)
            inner = replace(place, label=label, cache=space_of(target, place.caching, request) or place.cache)
            return Steps(self._targets, self._ledger, target, request, inner)
        raise ConfigError(f"route {self._route.name!r} calls unknown {name!r}")

    def _cast_shadows(self, *, sieved: bool = False) -> None:
        """Start the shadows and the audit, now that nobody waits for this route any more.

        They are compared with what guards have let pass; what guards have stopped goes to nobody else.
        """
        if self.refused is not None or (self._in_stream and not sieved):
            return
        if self._shadows or self._route.audits(self._place.trace.request_id):
            beside = Beside(self._targets, self._route, self._request, self._place, self.answering, self._ready)
            beside.cast([(call, self._changed(call)) for call in self._shadows])

    def _changed(self, call: Call) -> Request:
        changes = call.overrides
        if changes is None:
            return self._request
        return msgspec.structs.replace(
            self._request,
            native=None,
            messages=changes.messages if changes.messages is not None else self._request.messages,
            sampling=over(self._request.sampling, changes.sampling) if changes.sampling else self._request.sampling,
            kind=changes.kind if changes.kind is not None else self._request.kind,
        )

    def _commit(self, sending: Sending) -> None:
        if self._committed is None and sending.committed is not None:
            self._committed = len(self._attempts) + sending.committed
            self._hand_on(self._committed)

    def _note(self, step: Send, sending: Sending) -> None:
        """Append what the calls of a Send came to."""
        self._commit(sending)
        if self._committed is None:
            self.answering = None
        elif isinstance(self._opened[self._committed], Steps):  # its guards may have changed it on the way
            self._hand_on(self._committed)
        for call, outcome in zip(step.calls, sending.outcomes, strict=True):
            opened = self._opened.get(len(self._attempts))  # None: it was cancelled before its time came
            if isinstance(opened, Passage) and outcome.error is not None:
                outcome.events = opened.had  # whoever continues it must know the words
            self._outcomes.append(outcome)
            self._attempts.append(
                protocol.Attempt(
                    index=len(self._attempts),
                    send=self._sends,
                    call=call,
                    response=_response_of(opened, outcome) if opened is not None and outcome.done else None,
                    until=step.until,
                    hold=step.hold,
                    failure=failure(outcome.error) if outcome.error is not None else None,
                    cancelled=not outcome.ended,
                )
            )
        self._sends += 1

    def _broken_off(self) -> AssayError | None:
        """What ended an answer that has been handed on in part, and so cannot be exchanged."""
        return self._outcomes[self._committed].error if self._committed is not None else None

    # --------------------------------------------------------------------------------- continuation

    async def _continued(self, error: AssayError, candidates: tuple[str, ...]) -> AsyncGenerator[Event, None]:
        """The rest of the answer that broke off, by whoever can continue it.

        Raises:
            AssayError: nobody can; the request breaks off as its answer did.
        """
        index = self._committed or 0
        broken, call = self._opened[index], self._attempts[index].call
        if not isinstance(broken, Attempt):  # a route inside this one has seen to it
            raise error

        def make(name: str, why: str, record: Record) -> Attempt:
            number = len(self._opened)
            following = msgspec.structs.replace(call, target=name, why=why)
            place = replace(self._place_of(following, str(number)), continues=record, untouched=False)
            made = self._opened[number] = self._made(following, place)
            assert isinstance(made, Attempt)  # noqa: S101 - who continues is a deployment
            return made

        request = self._changed(call)
        resumption = Resumption(request, self._outcomes[index].events, broken, make)
        async with aclosing(resumption.rest(self._continuers(broken, request, candidates), error)) as rest:
            async for event in rest:
                self.answering = resumption.answering
                yield event

    def _continuers(self, broken: Attempt, request: Request, candidates: tuple[str, ...]) -> list[str]:
        """Who may go on with an answer that broke off: who gave it, then the route's other candidates."""
        if not self._route.continue_cut or "stop" in broken.record.emulated:  # a stop text may have ended it
            return []
        first = broken.record.deployment
        names = (first, *(name for name in candidates if name != first))
        return [
            name
            for name in names
            if isinstance(live := self._targets.by_name[name], LiveDeployment) and live.continues(request)
        ]

    # -------------------------------------------------------------------------- Check, Answer, Refuse

    def _answered(self, index: int) -> tuple[protocol.Attempt, Response]:
        """The attempt that a step names, which must have an answer."""
        attempt = self._attempts[index] if 0 <= index < len(self._attempts) else None
        if attempt is None or attempt.response is None:
            problem = "does not exist" if attempt is None else "has no answer"
            raise self._broken(f"names attempt {index}, which {problem}")
        return attempt, attempt.response

    def _rest_of(self, step: Answer) -> list[Event]:
        """What the client has not had yet of this answer."""
        self._answered(step.attempt)
        revised = self._looks.revised(step.attempt)
        if self._committed is None:
            self._hand_on(step.attempt, revised)
        if self.answering is not None and step.why:
            self.answering.why = "; ".join(filter(None, [self.answering.why, step.why]))
        if self._committed is None:
            return self._outcomes[step.attempt].events if revised is None else events_of(revised)
        if self._committed != step.attempt:
            raise self._broken("answers twice: it must hold what it may exchange")
        return []

    def _hand_on(self, index: int, revised: Response | None = None) -> None:
        """Note whose answer the client gets; `revised` is what it has become."""
        opened = self._opened[index]
        record = self.answering = _record_of(opened)
        self.refused = opened.refused if isinstance(opened, Steps) else None
        if record is not None and revised is not None:
            self.answering = msgspec.structs.replace(record, response=revised)

    def _last(self, step: Answer | Refuse) -> list[Event]:
        """What the client has not had yet: the rest of an answer, or a guard's refusal."""
        if isinstance(step, Answer):
            return self._rest_of(step)
        if self._request.form not in SAYING:  # vectors and counts have no place for words
            raise Refused(step.reason)
        events = refused_events(step.said or "")
        done = [attempt.index for attempt in self._attempts if attempt.ok]
        if done:
            self._hand_on(done[-1], fold(events))
        self.refused = step.reason
        return events

    async def _perform(self, step: Check | Look) -> None:
        if isinstance(step, Check):
            return await self._check(step)
        attempt = self._answered(step.attempt)[0] if step.attempt is not None else None
        try:
            async with asyncio.timeout_at(self._place.deadline):
                found = await self._looks.take(step, self._request, attempt, self._asking(step.guard))
        except TimeoutError:
            raise Timeout(f"the deadline passed while guard {step.guard!r} looked") from None
        if attempt is not None:
            looks = {**attempt.looks, step.guard: found.looked}
            self._attempts[attempt.index] = msgspec.structs.replace(attempt, looks=looks)
        elif found.request is not None:
            self._request, self._labelled = found.request, labelled(found.request, self._place.label)
        return None

    def _asking(self, guard: str) -> Ask:
        """Asks the model of a guard, as a route inside this one."""

        async def ask(name: str, question: Request) -> Response:
            route = self._targets.route(name)
            place = replace(
                self._place,
                path=f"{self._place.path}.g{len(self._place.trace.guarded)}".lstrip("."),
                label=at_least(self._place.trace.strictest(self._place.label, self._place.path), route.label),
                why=(*self._place.why, f"guard {guard!r}"),
                purpose="guard",
                untouched=False,
                bytes_only=False,
                continues=None,
                budgets=self._place.budgets + self._targets.allowance.of(name),
            )
            async with aclosing(Steps(self._targets, self._ledger, route, question, place).events()) as events:
                return fold([event async for event in events])

        return ask

    async def _check(self, step: Check) -> None:
        attempt, response = self._answered(step.attempt)
        check = self._route.checks.get(step.name)
        if check is None:
            raise self._broken(f"asks for check {step.name!r}, which the route does not have")
        try:
            async with asyncio.timeout_at(self._place.deadline):
                result = await asyncio.to_thread(check.check, response, None, self._request)
        except TimeoutError:
            raise Timeout(f"the deadline passed while check {step.name!r} ran") from None
        outcome = CheckOutcome(result.passed, result.explanation)
        self._attempts[step.attempt] = msgspec.structs.replace(attempt, checks={**attempt.checks, step.name: outcome})

    def _refusal(self, step: Refuse) -> AssayError:
        """What a refusal is raised as: the provider's own error where nothing but errors came."""
        errors = [outcome.error for outcome in self._outcomes if outcome.error is not None]
        if errors and not any(attempt.ok for attempt in self._attempts):
            # Who was not even asked says less than the last one that was.
            telling = next((error for error in reversed(errors) if not rests(error)), errors[-1])
            telling.add_note(step.reason)
            return telling
        return Refused(step.reason)


def _record_of(opened: Attempt | Steps) -> Record | None:
    return opened.record if isinstance(opened, Attempt) else opened.answering


def _response_of(opened: Attempt | Steps, outcome: Outcome) -> Response:
    """The whole answer of a call: an attempt has it already, of a route inside this one there are the events."""
    whole = opened.record.response if isinstance(opened, Attempt) else None
    return whole if whole is not None else fold(outcome.events)
