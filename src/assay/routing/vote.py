"""Several answers, and the one most of them agree on (test-time compute)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Attempt, Call, Overrides, Refuse, Send, State, Step
from assay.types import Response, Sampling

__all__ = ["Vote", "ballot", "drawn", "most_frequent", "still_needed"]


class Vote(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks up to `n` times, spread over the candidates, and answers with the most frequent answer.

    Two answers agree when they are equal but for case, white space and final punctuation, and call the same
    tools. A tie goes to the answer that came first. It asks in rounds and stops as soon as the answers that are left
    cannot change the result: the answer is the one that all `n` would give, for fewer calls. Answers at temperature 0
    are all the same.

    Attributes:
        n: number of answers asked for.
        temperature: sampling temperature of each; None = the deployment's own.
        at_once: ask all at the same time: faster where they differ, and all are paid for.
        quorum: ask all at the same time, and cancel the rest after so many answers; default: none is cancelled.
    """

    kind: ClassVar[str] = "vote"
    n: Annotated[int, Meta(ge=1, le=64)] = 3
    temperature: float | None = None
    at_once: bool = False
    quorum: Annotated[int, Meta(ge=1)] | None = None

    @property
    def draws(self) -> int | None:
        """As many as it says."""
        return self.n

    def decide(self, state: State) -> Step:
        """Send as many as could settle it, until it is settled; then count."""
        asked = len(state.attempts)
        calls = self._missing(state.attempts)
        if calls:
            numbers = range(asked, asked + calls)
            until = min(self.quorum or calls, calls)
            return Send(
                calls=tuple(drawn(state, one, self.temperature, f"vote: {one + 1} of {self.n}") for one in numbers),
                until=until,
                hold=True,
            )
        return most_frequent(state.attempts) or Refuse(reason=why(state.attempts))

    def _missing(self, attempts: tuple[Attempt, ...]) -> int:
        """How many to ask for next."""
        if self.at_once or self.quorum is not None:
            return 0 if attempts else self.n
        return still_needed([text for _, text in _ballots(attempts)], self.n - len(attempts))


def drawn(state: State, number: int, temperature: float | None, why: str) -> Call:
    """The call for the answer with this number: candidates in turn, each with a seed of its own.

    The seeds are the same every time the request is repeated.
    """
    seed = (state.snapshot.seed + number) % 2**31
    return Call(
        target=state.candidates[number % len(state.candidates)],
        overrides=Overrides(sampling=Sampling(seed=seed, temperature=temperature)),
        why=why,
    )


def still_needed(ballots: Iterable[str], left: int) -> int:
    """How many more answers could settle a vote at the earliest, of so many `left`; 0 = nothing can change it."""
    counts = Counter(ballots)
    leader = max(counts, key=counts.__getitem__, default="")  # of equal counts, the one that came first
    hurdle, before = 0, True
    for text, count in counts.items():
        if text == leader:
            before = False
        else:
            hurdle = max(hurdle, count + before)  # who came before the leader wins a tie with it
    most = counts[leader]
    return next((more for more in range(left) if most + more >= hurdle + left - more), left)


def most_frequent(attempts: tuple[Attempt, ...]) -> Answer | None:
    """The first of the answers that most agree on; None where there is none at all."""
    votes = _ballots(attempts)
    if not votes:
        return None
    [(winner, count)] = Counter(text for _, text in votes).most_common(1)
    chosen = next(index for index, text in votes if text == winner)
    return Answer(attempt=chosen, why=f"{count} of {len(votes)} agree")


def _ballots(attempts: tuple[Attempt, ...]) -> list[tuple[int, str]]:
    return [(attempt.index, ballot(attempt.response)) for attempt in attempts if attempt.response]


def ballot(response: Response) -> str:
    """What two answers must have in common to agree."""
    calls = sorted(f"{call.name}({call.arguments})" for call in response.tool_calls)
    return " ".join(response.text.casefold().split()).rstrip(".!") + "".join(calls)
