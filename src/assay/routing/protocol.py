"""The step protocol: what a policy sees, and what it may ask the spine to do.

A policy is pure (no I/O, no clock). The spine calls `decide` with everything that has happened, performs the
step, records it, and asks again until the step is `Answer` or `Refuse`. The target of a call may itself be a
route, so policies nest.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from assay.types import Message, Request, Response, Sampling, Value

FIRST_EVENT: Literal["first_event"] = "first_event"


class Overrides(Value, frozen=True, kw_only=True):
    """What a call changes in the request: other messages (a judge), other parameters (a seed), another kind."""

    messages: tuple[Message, ...] | None = None
    sampling: Sampling | None = None
    kind: str | None = None


class Deal(Value, frozen=True, kw_only=True):
    """How a split came to choose an arm: what an experiment is read out from.

    Attributes:
        version: of the split; with another one all sessions are dealt anew.
        arm: the candidate.
        shares: of each arm that could have been dealt to this request; together 1.
        unit: a digest of the session that the choice hangs on; None = it was chance.
    """

    version: str
    arm: str
    shares: dict[str, float]
    unit: str | None = None


class Call(Value, frozen=True, kw_only=True):
    """One call of a deployment or route.

    Attributes:
        target: its name.
        overrides: what it changes in the request.
        start_after_s: delay. In a Send of several calls it ends early when a call before it has failed.
        retry_of: index of the failed attempt that this call repeats.
        shadow: only for comparison. It starts when the answer of the others has ended, is recorded, and is never seen
            again: not by the client, not among the attempts.
        why: the reason for calling just this one, in a few words for a person.
        deal: where a split chose it.
    """

    target: str
    overrides: Overrides | None = None
    start_after_s: float = 0.0
    retry_of: int | None = None
    shadow: bool = False
    why: str = ""
    deal: Deal | None = None


class Send(Value, frozen=True, kw_only=True):
    """Perform calls, at the same time where there are several.

    Attributes:
        calls: what to call.
        until: number of complete answers after which the rest is cancelled; `"first_event"`: the first call
            whose answer begins is streamed on and the others are cancelled (hedging).
        hold: keep the answer back until the policy says Answer. Without it, the answer of a single call (or of
            the winner of `first_event`) streams to the client at once and can no longer be exchanged.
    """

    calls: tuple[Call, ...]
    until: int | Literal["first_event"] = 1
    hold: bool = False


class Check(Value, frozen=True, kw_only=True):
    """Run the route's check `name` on the answer of an attempt."""

    name: str
    attempt: int


class Look(Value, frozen=True, kw_only=True):
    """Have the route's guard of this name look at the answer of an attempt, or at the request (`attempt` = None).

    What it revises takes the place of what it looked at: for who looks next, for calls that follow, for the client.
    """

    guard: str
    attempt: int | None = None


class Answer(Value, frozen=True, kw_only=True):
    """The answer of this attempt is the answer; `why` is told beside the reason of its call."""

    attempt: int
    why: str = ""


class Refuse(Value, frozen=True, kw_only=True):
    """There will be no answer.

    Attributes:
        said: told as a model's own refusal, an answer in these words that ends with `content_filter`; None = an error.
    """

    reason: str
    said: str | None = None


Step = Send | Check | Look | Answer | Refuse


class CheckOutcome(NamedTuple):
    """Result of a check on one attempt."""

    passed: bool
    explanation: str


class Looked(NamedTuple):
    """What a guard says.

    Attributes:
        verdict: `revise` = what it looked at has been revised, and may pass so.
        explanation: nothing of what was said is in it, for it is told and kept.
        broken: it could not do its work; the verdict is what its configuration says of that.
        words: of its model, for people who try it.
    """

    verdict: Literal["allow", "revise", "refuse"]
    explanation: str
    broken: bool = False
    words: str = ""


class Failure(NamedTuple):
    """Why an attempt failed.

    Attributes:
        error: the class name in `assay.errors`.
        status: of HTTP, where there was an answer.
        resting: nothing was sent, for the deployment is left alone at the moment (its breaker).
    """

    error: str
    message: str
    retryable: bool
    retry_after_s: float | None = None
    status: int | None = None
    resting: bool = False

    @property
    def brief(self) -> str:
        """In a few words: `Overloaded (529)`."""
        if self.resting:
            return f"{self.error} (left alone)"
        return f"{self.error} ({self.status})" if self.status is not None else self.error


class Health(NamedTuple):
    """What is known of a deployment's host.

    Attributes:
        state: `closed` = it is called, `open` = it is left alone, `half-open` = one call tries.
        failures: faults in a row.
        reason: the last fault; empty when none counts.
        retry_after_s: seconds until it is called again; None = it is called.
    """

    state: Literal["closed", "open", "half-open"]
    failures: int = 0
    reason: str = ""
    retry_after_s: float | None = None


class Attempt(Value, frozen=True, kw_only=True):
    """One attempt so far: exactly one of `response` and `failure` is set, or it was `cancelled`.

    Attributes:
        index: running number in the request; what Check and Answer refer to.
        send: running number of the Send that made it.
        until, hold: as that Send had them; a retry keeps them.
    """

    index: int
    send: int
    call: Call
    until: int | Literal["first_event"] = 1
    hold: bool = False
    response: Response | None = None
    failure: Failure | None = None
    cancelled: bool = False
    checks: dict[str, CheckOutcome] = {}
    looks: dict[str, Looked] = {}

    @property
    def ok(self) -> bool:
        """Whether there is a complete answer."""
        return self.response is not None


class Rolled(NamedTuple):
    """What a rollout says that the weights of a route are now, and the version that it deals by."""

    version: str
    weights: dict[str, float]


class Snapshot(Value, frozen=True, kw_only=True):
    """The world at the moment of deciding, immutable.

    Attributes:
        now: seconds on the clock that `State.deadline` is told on.
        seed: the request's own random number; equal seeds give equal decisions.
        request_id: its id, unlike any other's; what a sample of the traffic is drawn by.
        health: of each candidate that is a deployment with faults.
        retries_left: how many more failed calls may be repeated, over all routes of the request.
        money_left_usd: of the month's budget; None = no budget.
        artefacts: versions of learned artefacts.
        rolled: what counts instead of the weights of this route; None = nothing does.
    """

    now: float
    seed: int
    request_id: str = ""
    health: dict[str, Health] = {}
    retries_left: int = 1000
    money_left_usd: float | None = None
    artefacts: dict[str, str] = {}
    rolled: Rolled | None = None


class State(Value, frozen=True, kw_only=True):
    """Everything a policy may look at.

    Attributes:
        candidates: those that the hard constraints left, in the route's order.
        request: as guards have revised it.
        attempts: what has been tried, in order of starting.
        looks: what guards say of the request.
        deadline: when everything is cut, on the clock of `snapshot.now`; None = never.
    """

    request: Request
    candidates: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    deadline: float | None
    snapshot: Snapshot
    looks: dict[str, Looked] = {}


class Policy(Protocol):
    """Chooses the next step.

    Class attribute `checks` of an instance maps the names that it uses in Check to their specifications
    (`{"check": "regex", "pattern": "..."}`); the composition root makes them.
    """

    kind: ClassVar[str]

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """Name -> specification of every check that the policy may ask for."""
        ...

    def decide(self, state: State) -> Step:
        """The next step. Pure."""
        ...
