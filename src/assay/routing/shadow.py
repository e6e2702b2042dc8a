"""A shadow: a share of the traffic is asked of another candidate too, for comparison only."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from assay.config.comparing import Comparing
from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Refuse, Send, State, Step
from assay.routing.sampled import is_drawn


class Shadow(Comparing, PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers with the primary candidate. What the shadows say is recorded and shown to nobody.

    Attributes:
        primary: who answers, a deployment or a route; default: the first candidate.
        shadow: who is asked as well.
        share: of the requests, from 0 to 1; which ones hangs on their ids alone.
        usd_per_day: at most so much a day (UTC) for shadows and the judge's verdicts; what does not fit is left out.
        usd_total: at most so much, once and for all.
        observe: no shadow is asked; what would have been is recorded, with what it would cost by the tokens of the
            answer that the client had.
        check: says whether two answers agree, the client's as the target: a name, or a table as in suites. Default:
            tool calls, JSON and short texts are compared as what they are.
        judge: a deployment or route that says which of two open answers is better, asked in both orders.
        rubric: what the judge goes by; default: right, then complete, then clear.
    """

    kind: ClassVar[str] = "shadow"
    primary: str | None = None
    shadow: Annotated[tuple[str, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Nobody is his own shadow.

        Raises:
            ValueError: the primary candidate is among the shadows.
        """
        if self.primary in self.shadow:
            raise ValueError(f"{self.primary!r} cannot be primary and shadow")

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """None that the policy itself asks for: answers are compared later, when nobody waits."""
        return {}

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates that the options name."""
        return (*filter(None, [self.primary]), *self.shadow)

    def decide(self, state: State) -> Step:
        """Send to the primary, with shadows for some; then answer or refuse."""
        if state.attempts:
            last = state.attempts[-1]
            return Answer(attempt=last.index) if last.ok else Refuse(reason=why(state.attempts))
        primary = self.primary or next((name for name in state.candidates if name not in self.shadow), None)
        if primary is None or primary not in state.candidates:
            return Refuse(reason=f"the primary candidate {primary or ''!r} may not serve this request")
        drawn = is_drawn("shadow", state.snapshot.request_id, self.share)
        chosen = [name for name in self.shadow if name in state.candidates] if drawn else []
        shadows = (Call(target=name, shadow=True, why=f"shadow of {primary}") for name in chosen)
        return Send(calls=(Call(target=primary, why="primary"), *shadows))
