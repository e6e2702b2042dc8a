"""Border inputs: prompts whose greedy answer is a near-tie, so that hardly any change of a model leaves all alone.

A swapped model, another quantisation or another prompt of the host's moves scores by a few points, which takes many
answers to see. It moves every probability, and where two tokens were nearly equal the other one wins.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from assay.decision.watching.panel import Border
from assay.decision.watching.prompts import pool, variants
from assay.errors import AssayError, BadRequest, BudgetExceeded, DecisionError
from assay.inference.asking import shown
from assay.inference.purse import Purse
from assay.inference.reach import bounds_below
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.types import Label, Message, Request, Response, Sampling

__all__ = ["KIND", "POOL", "Said", "Searching", "bound_usd", "question", "say"]

KIND = "assay.watch"
"""Kind of the requests: `assay logs -k assay.watch` shows them."""
POOL = 160
"""Prompts that are tried."""
_MAX_TOKENS = 4
_DEADLINE_S = 60.0


class Said(NamedTuple):
    """One answer. `gap`: see `Border`; None where the host tells no probabilities. `usd`: None = not known."""

    text: str
    gap: float | None
    request_id: str
    usd: float | None


def question(prompt: str, *, told: bool = False) -> Request:
    """A prompt as it is asked; `told` with the probabilities of the tokens."""
    sampling = Sampling(max_tokens=_MAX_TOKENS, temperature=0.0)
    if told:
        sampling = Sampling(max_tokens=_MAX_TOKENS, temperature=0.0, logprobs=True, top_logprobs=2)
    said = (Message.of("user", prompt),)
    return Request(messages=said, sampling=sampling, kind=KIND, label=Label.PUBLIC, deadline_s=_DEADLINE_S)


async def say(
    spine: Spine, target: str, prompt: str, purse: Purse | None = None, *, told: bool = False
) -> Said:  # fmt: skip
    """Ask once, uncached.

    Raises:
        AssayError: there is no answer.
    """
    trace = Trace()
    response = await spine.answer(question(prompt, told=told), target, trace, Options(purse=purse))
    return Said(shown(response).strip(), _gap(response), trace.request_id, trace.cost[0])


def bound_usd(spine: Spine, target: str, requests: Iterable[Request]) -> float | None:
    """What some requests cost at most; None = nobody knows, or it is paid in seconds.

    Raises:
        AssayError: a budget is set, and nothing bounds a call.
    """
    total = 0.0
    for request in requests:
        for bound in bounds_below(spine, target, request):
            if bound.usd is None:
                return None
            total += bound.usd
    return total


class Searching:
    """Looks for border inputs of one target.

    Args:
        spine: what can be called.
        target: deployment or route.
        wanted: how many.
        purse: what it may cost.
        concurrency: requests in flight.
        on_answer: told after each answer.
    """

    def __init__(
        self, spine: Spine, target: str, wanted: int, *, purse: Purse | None = None, concurrency: int = 8,
        on_answer: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._target = target
        self._wanted = wanted
        self._purse = purse
        self._gate = asyncio.Semaphore(1 if spine.one_at_a_time(target) else concurrency)
        self._on_answer = on_answer

    @property
    def requests(self) -> list[Request]:
        """What is asked at most: one to see what the host tells, and then all of them without."""
        prompts = pool(POOL)
        texts = [text for prompt in prompts for text in (prompt, prompt, *variants(prompt))]
        return [question(text, told=True) for text in (prompts[0], *texts)]

    async def find(self) -> tuple[Border, ...]:
        """The prompts that are nearest to a tie, the nearest first; fewer where fewer were answered.

        Where the host tells the probabilities of tokens, one answer shows how near a prompt is. Else each is asked
        twice, and twice a little differently, and counts by how many different answers came.

        Raises:
            DecisionError: all answers are empty.
            AssayError: there is no answer at all: the first reason.
        """
        prompts = pool(POOL)
        first = await self._try(prompts[0])
        if first is not None and first.gap is not None:
            return self._narrowest(await self._each(prompts, told=True))
        once = await self._each([text for prompt in prompts for text in (prompt, *variants(prompt))], told=False)
        return self._most_ways(prompts, once, await self._each(prompts, told=False))

    def _narrowest(self, said: Mapping[str, Said]) -> tuple[Border, ...]:
        found = [
            Border(prompt=prompt, usual=one.text, gap=one.gap)
            for prompt, one in said.items()
            if one.text and one.gap is not None
        ]
        return self._first(sorted(found, key=lambda one: (one.gap or 0.0, one.prompt)))

    def _most_ways(
        self, prompts: Sequence[str], once: Mapping[str, Said], again: Mapping[str, Said]
    ) -> tuple[Border, ...]:
        """Two answers to the very same words count most."""
        ranked = []
        for prompt in prompts:
            same = {answers[prompt].text for answers in (once, again) if prompt in answers} - {""}
            ways = same | ({once[text].text for text in variants(prompt) if text in once} - {""})
            if same:
                usual = once[prompt].text if prompt in once else min(same)
                ranked.append((-len(same), -len(ways), Border(prompt=prompt, usual=usual, ways=len(ways))))
        return self._first([border for _, _, border in sorted(ranked, key=lambda one: (one[0], one[1], one[2].prompt))])

    def _first(self, found: Sequence[Border]) -> tuple[Border, ...]:
        if not found:
            raise DecisionError(
                f"{self._target}: its answers of {_MAX_TOKENS} tokens are empty, as where a model thinks first; "
                "watch canaries alone, with watch.borders = 0"
            )
        return tuple(found[: self._wanted])

    async def _try(self, prompt: str) -> Said | None:
        """Whether it tells probabilities; None = it refuses to be asked for them."""
        try:
            return await say(self._spine, self._target, prompt, self._purse, told=True)
        except BadRequest:
            return None

    async def _each(self, prompts: Sequence[str], *, told: bool) -> Mapping[str, Said]:
        """The answers that came.

        Raises:
            BudgetExceeded: some had no money left.
            AssayError: none came: the first reason.
        """
        problems: list[AssayError] = []

        async def ask(prompt: str) -> tuple[str, Said | None]:
            async with self._gate:
                try:
                    said = await say(self._spine, self._target, prompt, self._purse, told=told)
                except AssayError as error:
                    problems.append(error)
                    return prompt, None
            self._on_answer()
            return prompt, said

        answers = dict(await asyncio.gather(*map(ask, prompts)))
        found = {prompt: said for prompt, said in answers.items() if said is not None}
        spent = next((one for one in problems if isinstance(one, BudgetExceeded)), None)
        if spent is not None or (problems and not found):
            raise spent or problems[0]
        return found


def _gap(response: Response) -> float | None:
    """Between the two best tokens, where it is narrowest in the answer; what cannot be read tells nothing."""
    try:
        places = msgspec.convert((response.logprobs or {}).get("content") or [], list[_Place])
    except msgspec.ValidationError:
        return None
    best = [sorted((one.logprob for one in place.top_logprobs or ()), reverse=True)[:2] for place in places]
    return min((two[0] - two[1] for two in best if len(two) == 2 and all(map(math.isfinite, two))), default=None)


class _Top(msgspec.Struct):
    logprob: float


class _Place(msgspec.Struct):
    top_logprobs: list[_Top] | None = None
