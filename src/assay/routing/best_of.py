"""Several answers, and the first of them that passes a check (test-time compute with a verifier)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions, check_spec
from assay.routing.protocol import Answer, Attempt, Check, Refuse, Send, State, Step
from assay.routing.vote import drawn, most_frequent


class BestOf(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks up to `n` times, spread over the candidates, until an answer passes the check; that one is the answer.

    Whoever passes at once costs one call. Answers at temperature 0 are all the same.

    Attributes:
        check: name of a check, or a table `{ check = "regex", pattern = "..." }`.
        n: number of answers asked for at most.
        temperature: sampling temperature of each; None = the deployment's own.
        at_once: ask all at the same time: faster where the first ones fail, and all are paid for.
        none: what to do when none passes: answer with the one most agree on (`vote`) or with the `first`, or `refuse`.
    """

    kind: ClassVar[str] = "best-of"
    check: str | dict[str, Any]
    n: Annotated[int, Meta(ge=1, le=64)] = 4
    temperature: float | None = None
    at_once: bool = False
    none: Literal["vote", "first", "refuse"] = "vote"

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The one check."""
        name, spec = check_spec(self.check)
        return {name: spec}

    @property
    def draws(self) -> int | None:
        """As many as it says."""
        return self.n

    def decide(self, state: State) -> Step:
        """Check what has come, answer with what passes, else ask for more."""
        name, _ = check_spec(self.check)
        answers = [attempt for attempt in state.attempts if attempt.ok]
        for place, attempt in enumerate(answers, start=1):
            if name not in attempt.checks:
                return Check(name=name, attempt=attempt.index)
            if attempt.checks[name].passed:
                return Answer(attempt=attempt.index, why=f"check {name!r} passed, answer {place} of {len(answers)}")
        asked = len(state.attempts)
        if asked < self.n and not (asked and self.at_once):
            numbers = range(asked, self.n if self.at_once else asked + 1)
            calls = tuple(drawn(state, one, self.temperature, self._why(one, answers, name)) for one in numbers)
            return Send(calls=calls, until=len(calls), hold=True)
        return self._none(state.attempts, answers, name)

    def _why(self, number: int, answers: list[Attempt], check: str) -> str:
        failed = f"; check {check!r} failed on {len(answers)}" if answers else ""
        return f"best-of: {number + 1} of {self.n}{failed}"

    def _none(self, attempts: tuple[Attempt, ...], answers: list[Attempt], check: str) -> Step:
        """What is left when no answer passes."""
        if answers and self.none == "first":
            return Answer(attempt=answers[0].index, why=f"check {check!r} failed on all {len(answers)}; the first")
        if self.none == "vote" and (found := most_frequent(attempts)) is not None:
            return Answer(attempt=found.attempt, why=f"check {check!r} failed on all {len(answers)}; {found.why}")
        failed = [f"check {check!r} failed: {one.checks[check].explanation}" for one in answers]
        return Refuse(reason="; ".join([*failed, *filter(None, [why(attempts)])]))
