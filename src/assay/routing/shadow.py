"""A shadow: a share of the traffic is asked of another candidate too, for comparison only."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

from msgspec import Meta

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Refuse, Send, State, Step


class Shadow(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers with the primary candidate. What the shadows say is recorded and shown to nobody.

    Attributes:
        primary: who answers, a deployment or a route; default: the first candidate.
        shadow: who is asked as well.
        share: of the requests, from 0 to 1.
    """

    kind: ClassVar[str] = "shadow"
    primary: str | None = None
    shadow: Annotated[tuple[str, ...], Meta(min_length=1)]
    share: Annotated[float, Meta(ge=0, le=1)] = 1.0

    def __post_init__(self) -> None:
        """Nobody is his own shadow.

        Raises:
            ValueError: the primary candidate is among the shadows.
        """
        if self.primary in self.shadow:
            raise ValueError(f"{self.primary!r} cannot be primary and shadow")

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
        chosen = [name for name in self.shadow if name in state.candidates] if self._drawn(state) else []
        shadows = (Call(target=name, shadow=True, why=f"shadow of {primary}") for name in chosen)
        return Send(calls=(Call(target=primary, why="primary"), *shadows))

    def _drawn(self, state: State) -> bool:
        digest = hashlib.blake2b(f"shadow/{state.snapshot.seed}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64 < self.share
