"""A small model first; its answer is checked, and only what fails goes to the next one."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions, check_spec
from assay.routing.protocol import Answer, Attempt, Call, Check, Refuse, Send, State, Step


class Cascade(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Candidates in order, each kept back until its answer has passed the check.

    Attributes:
        check: name of a check, or a table `{ check = "regex", pattern = "..." }`.
        last: what to do with the last candidate's answer: `answer` with it unchecked, or `check` it too and
            refuse when it fails.
    """

    kind: ClassVar[str] = "cascade"
    check: str | dict[str, Any]
    last: Literal["answer", "check"] = "answer"

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The one check."""
        name, spec = check_spec(self.check)
        return {name: spec}

    def decide(self, state: State) -> Step:
        """Send, check, answer or go on."""
        name, _ = check_spec(self.check)
        tried = len(state.attempts)
        if tried:
            last = state.attempts[-1]
            unchecked = self.last == "answer" and tried == len(state.candidates)
            if last.ok and unchecked:
                return Answer(attempt=last.index)
            if last.ok and name not in last.checks:
                return Check(name=name, attempt=last.index)
            if last.ok and last.checks[name].passed:
                return Answer(attempt=last.index, why=f"check {name!r} passed")
        if tried < len(state.candidates):
            call = Call(target=state.candidates[tried], why=_after(state.attempts, name))
            return Send(calls=(call,), hold=self._held(tried, len(state.candidates)))
        failed = [a.checks[name].explanation for a in state.attempts if a.ok and name in a.checks]
        reasons = [f"check {name!r} failed: {text}" for text in failed]
        return Refuse(reason="; ".join([*reasons, *filter(None, [why(state.attempts)])]))

    def _held(self, place: int, count: int) -> bool:
        return self.last == "check" or place + 1 < count


def _after(attempts: tuple[Attempt, ...], check: str) -> str:
    """The reason of the next candidate: what became of those before it."""
    told = [
        f"{one.call.target} failed with {one.failure.brief}"
        if one.failure
        else f"check {check!r} failed on {one.call.target}"
        for one in attempts
    ]
    return f"cascade: {', '.join(told)}" if told else "cascade: first choice"
