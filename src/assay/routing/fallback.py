"""The two plain policies: always the same candidate, or the next one when one fails."""

from __future__ import annotations

from typing import ClassVar

from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Attempt, Call, Refuse, Send, State, Step


class Fixed(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first candidate, and no other: what an eval of one deployment uses."""

    kind: ClassVar[str] = "fixed"

    def decide(self, state: State) -> Step:
        """Send to the first candidate, then answer or refuse."""
        if not state.attempts:
            return Send(calls=(Call(target=state.candidates[0], why="the only choice"),))
        last = state.attempts[-1]
        return Answer(attempt=last.index) if last.ok else Refuse(reason=why(state.attempts))


class Fallback(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The candidates in order, the next one when one has failed."""

    kind: ClassVar[str] = "fallback"

    def decide(self, state: State) -> Step:
        """Answer with the first success; else try the next candidate."""
        if state.attempts and state.attempts[-1].ok:
            return Answer(attempt=state.attempts[-1].index)
        if len(state.attempts) < len(state.candidates):
            target = state.candidates[len(state.attempts)]
            return Send(calls=(Call(target=target, why=after(state.attempts)),))
        return Refuse(reason=why(state.attempts))


def after(attempts: tuple[Attempt, ...]) -> str:
    """The reason of a call that follows these attempts: `first choice`, or which of them failed, and with what."""
    failed = ", ".join(
        f"{attempt.call.target} failed with {attempt.failure.brief}" for attempt in attempts if attempt.failure
    )
    return f"fallback: {failed}" if failed else "first choice"


def why(attempts: tuple[Attempt, ...]) -> str:
    """The reason of a refusal after these attempts: each with what went wrong."""
    return "; ".join(
        f"{attempt.call.target}: {attempt.failure.message if attempt.failure else 'was cancelled'}"
        for attempt in attempts
        if not attempt.ok
    )
