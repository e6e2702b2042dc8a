"""Several answers, and the one most of them agree on (test-time compute)."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar

from msgspec import Meta

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Overrides, Refuse, Send, State, Step
from assay.types import Response, Sampling


class Vote(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks `n` times, spread over the candidates, and answers with the most frequent answer.

    Two answers agree when they are equal but for case, white space and final punctuation, and call the same
    tools. A tie goes to the answer that came first.

    Attributes:
        n: number of answers asked for.
        temperature: sampling temperature of each; None = the deployment's own.
        quorum: number of answers after which the rest is cancelled; default: all.
    """

    kind: ClassVar[str] = "vote"
    n: Annotated[int, Meta(ge=1, le=64)] = 3
    temperature: float | None = None
    quorum: Annotated[int, Meta(ge=1)] | None = None

    def decide(self, state: State) -> Step:
        """Send all at once, then count."""
        if not state.attempts:
            calls = tuple(
                Call(
                    target=state.candidates[number % len(state.candidates)],
                    overrides=Overrides(
                        sampling=Sampling(seed=self._seed(state, number), temperature=self.temperature)
                    ),
                    why=f"vote: {number + 1} of {self.n}",
                )
                for number in range(self.n)
            )
            return Send(calls=calls, until=min(self.quorum or self.n, self.n), hold=True)
        votes = [(attempt.index, ballot(attempt.response)) for attempt in state.attempts if attempt.response]
        if not votes:
            return Refuse(reason=why(state.attempts))
        [(winner, count)] = Counter(text for _, text in votes).most_common(1)
        chosen = next(index for index, text in votes if text == winner)
        return Answer(attempt=chosen, why=f"{count} of {len(votes)} agree")

    @staticmethod
    def _seed(state: State, number: int) -> int:
        """A seed of its own for each answer, the same every time the request is repeated."""
        return (state.snapshot.seed + number) % 2**31


def ballot(response: Response) -> str:
    """What two answers must have in common to agree."""
    calls = sorted(f"{call.name}({call.arguments})" for call in response.tool_calls)
    return " ".join(response.text.casefold().split()).rstrip(".!") + "".join(calls)
