"""A second call when the first one is slow to begin; whichever begins first is streamed on."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import FIRST_EVENT, Answer, Call, Refuse, Send, State, Step


class Hedge(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starts the candidates one after another, `after_s` apart, until one begins to answer.

    Attributes:
        after_s: delay between two starts, in seconds.
    """

    kind: ClassVar[str] = "hedge"
    after_s: Annotated[float, Meta(gt=0)] = 1.0

    def decide(self, state: State) -> Step:
        """Send all with their delays, then answer with the one that completed."""
        if not state.attempts:
            calls = tuple(
                Call(
                    target=candidate,
                    start_after_s=place * self.after_s,
                    why="hedge: first to begin" + (f", started {place * self.after_s:g} s later" if place else ""),
                )
                for place, candidate in enumerate(state.candidates)
            )
            return Send(calls=calls, until=FIRST_EVENT)
        done = [attempt for attempt in state.attempts if attempt.ok]
        return Answer(attempt=done[0].index) if done else Refuse(reason=why(state.attempts))
