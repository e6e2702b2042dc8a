"""Guards as a policy around a policy: they look at the request before it decides, and at the answer that it chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from assay.routing.protocol import Answer, Look, Looked, Policy, Refuse, Send, State, Step

__all__ = ["SAYING", "Guarded", "refusal"]

SAYING = ("chat", "completion")
"""Forms of requests whose answers say something in words."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Asks each guard in turn; the first that refuses ends it.

    The inner policy needs to know nothing of guards: it sees the request as they have left it, and answers as models
    gave them. What it sends is held back where answers are looked at.

    Attributes:
        inner: the policy.
        before: guards that look at the request.
        after: guards that look at the answer.
        messages: what the client is told of a refusal, by guard; default: which guard it was and what it says.
    """

    inner: Policy
    before: tuple[str, ...]
    after: tuple[str, ...]
    messages: Mapping[str, str]
    kind: ClassVar[str] = "guarded"

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The inner policy's."""
        return self.inner.checks

    def decide(self, state: State) -> Step:
        """A look that has not been taken, a refusal, or what the inner policy says."""
        before = self._looks(self.before, state.looks, None)
        if before is not None:
            return before
        step = self.inner.decide(state)
        if isinstance(step, Send) and self.after:
            return msgspec.structs.replace(step, hold=True)
        if isinstance(step, Answer) and state.request.form in SAYING:
            looks = next((one.looks for one in state.attempts if one.index == step.attempt and one.ok), None)
            return step if looks is None else self._looks(self.after, looks, step.attempt) or step
        return step

    def _looks(self, guards: tuple[str, ...], looks: Mapping[str, Looked], attempt: int | None) -> Look | Refuse | None:
        """The next look, or the refusal of one that was taken; None = all let it pass."""
        for guard in guards:
            looked = looks.get(guard)
            if looked is None:
                return Look(guard=guard, attempt=attempt)
            if looked.verdict == "refuse":
                reason, said = refusal(guard, looked.explanation, self.messages.get(guard))
                return Refuse(reason=reason, said=None if looked.broken else said)
        return None


def refusal(guard: str, explanation: str, message: str | None) -> tuple[str, str]:
    """Why a guard refuses, for the record, and what the client is told: the guard's message, where it has one."""
    reason = f"guard {guard!r}: {explanation}"
    return reason, message or f"This was stopped by {reason}."
