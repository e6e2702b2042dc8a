"""How fast a local model runs on this machine, and in how much memory: measured through the spine.

It takes ten to thirty seconds. Short answers are asked for one after another and timed as a client would. Other work,
of this machine or of a neighbour on the same host, only ever slows an answer: it takes processor time, memory bandwidth
or half of a core. So each rate is told by the processor time that the engine had, and of those the ninth decile counts,
as `timeit` takes the least time; what a client got on average stands beside it. Where the two differ more is asked, for
up to half a minute. A long prompt at the end shows how fast prompts are read, and what memory the engine holds when it
works.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import harmonic_mean, median, quantiles
from typing import NamedTuple

from assay.errors import EvalError
from assay.inference.asking import Asking, TimedCall
from assay.inference.spine import Spine
from assay.types import Label, Request, Sampling, Value

__all__ = ["KIND", "Measured", "measure", "summary"]

KIND = "assay.fit"
"""Kind of the requests: `assay logs -k assay.fit` shows them."""
ANSWER_TOKENS = 12
FEWEST_TOKENS = 8
"""Of an answer that counts: a shorter one tells nothing about a rate."""
FEWEST_ANSWERS = 5
MOST_ANSWERS = 60
PATIENCE = 3
"""So many times the time that was given may it take where other work disturbs it."""
UNDISTURBED = 0.9
"""Of the machine's own rate: an average below it was disturbed."""
PROMPT_S = 3.0
"""Longest time that the long prompt may take to read, as the short ones let expect."""
DEADLINE_S = 600.0

_SENTENCE = "each bicycle has a label that says what is wrong with it and who owns it"


class Measured(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a measurement came to.

    Attributes:
        decode_tok_s: tokens a second of one answer, its first token left out, where nothing else runs.
        mean_tok_s: the same as it was timed: what a client got on average.
        prefill_tok_s: tokens a second of reading a prompt; `None`: too short to tell.
        memory_bytes: largest resident memory of the engine; `None`: nobody could look.
        prompt_tokens: of the long prompt.
        threads: that the engine works with.
        share: of their processor time that it had: 1 = nothing else ran.
        load_s: that the engine took to start.
        rates: of the answers as they were timed, in their order.
    """

    decode_tok_s: float
    mean_tok_s: float
    prefill_tok_s: float | None
    memory_bytes: int | None
    prompt_tokens: int
    threads: int
    share: float
    load_s: float | None
    rates: tuple[float, ...]

    @property
    def disturbed(self) -> bool:
        """Whether other work slowed it: as long as that goes on, the machine gives less than its own rate."""
        return self.mean_tok_s < UNDISTURBED * self.decode_tok_s


class _Answer(NamedTuple):
    """Tokens a second of one answer as it was timed, and processors that it kept busy."""

    rate: float
    processors: float


async def measure(
    spine: Spine,
    target: str,
    *,
    context_tokens: int,
    threads: int | None = None,
    seconds: float = 10.0,
    on_call: Callable[[TimedCall], object] = lambda call: None,
    clock: Callable[[], float] = time.monotonic,
) -> Measured:
    """Measure one deployment with a local engine.

    Args:
        spine: what answers.
        target: the deployment.
        context_tokens: of a slot of its engine; the long prompt is shorter.
        threads: of its engine; default: as many as it kept busy at best.
        seconds: how long it may take, about; up to three times that where other work disturbs it or its answers differ,
            and longer where the model is slow, for a few answers must be there.
        on_call: told each call when it is done.
        clock: seconds that only grow.

    Raises:
        EvalError: its answers are too short to tell a rate.
        AssayError: it cannot be called.
    """
    prompts = _prompts()
    cold = await _ask(spine, target, next(prompts), FEWEST_TOKENS, on_call)
    began, memory = clock(), _held(spine)
    calls: list[TimedCall] = []
    while len(calls) < FEWEST_ANSWERS or (
        len(calls) < MOST_ANSWERS and clock() - began < seconds * _patience(calls, threads) - PROMPT_S
    ):
        calls.append(await _ask(spine, target, next(prompts), ANSWER_TOKENS, on_call))
        if len(calls) == FEWEST_ANSWERS and not _answers(calls):
            break
    memory = max(memory, _held(spine))
    long = _long_prompt(calls, context_tokens)
    last = await _ask(spine, target, long, 1, on_call)
    memory = max(memory, _held(spine))
    return summary(target, calls, last, threads=threads, memory_bytes=memory or None, load_s=cold.load_s)


def summary(
    target: str,
    calls: Sequence[TimedCall],
    long: TimedCall,
    *,
    threads: int | None = None,
    memory_bytes: int | None = None,
    load_s: float | None = None,
) -> Measured:
    """What some calls come to.

    Args:
        target: who answered, for messages.
        calls: short answers.
        long: an answer to a long prompt.
        threads: of the engine; default: as many as it kept busy at best.
        memory_bytes: largest resident memory of the engine.
        load_s: that the engine took to start.

    Raises:
        EvalError: the answers are too short to tell a rate.
    """
    answers = _answers(calls)
    if not answers:
        raise EvalError(f"{target} ends its answers after a few tokens: no rate can be told; name a deployment of it")
    threads = threads or _threads(answers)
    return Measured(
        decode_tok_s=_own_rate(answers, threads),
        mean_tok_s=harmonic_mean([answer.rate for answer in answers]),
        prefill_tok_s=_prefill_alone(long, threads),
        memory_bytes=memory_bytes,
        prompt_tokens=long.input_tokens or 0,
        threads=threads,
        share=min(1.0, median(answer.processors for answer in answers) / threads),
        load_s=load_s,
        rates=tuple(answer.rate for answer in answers),
    )


def _prompts() -> Iterator[str]:
    """Texts to go on with, no two with the same beginning: an engine remembers beginnings."""
    number = 0
    while True:
        number += 1
        yield f"{number} of {number + 7} pages: in the workshop {_SENTENCE}. In the morning the first one"


def _long_prompt(calls: list[TimedCall], context_tokens: int) -> str:
    """As much text as can be read in time, and fits."""
    rates = [rate for call in calls if (rate := _prefill(call)) is not None]
    tokens = min(context_tokens * 0.75, PROMPT_S * median(rates) if rates else 256)
    sentences = max(1, int(tokens) // (len(_SENTENCE.split()) + 8))
    return "Again: " + ". ".join(f"{_SENTENCE} ({number})" for number in range(sentences))


async def _ask(
    spine: Spine, target: str, prompt: str, tokens: int, on_call: Callable[[TimedCall], object]
) -> TimedCall:
    request = Request(
        model=target,
        form="completion",
        prompt=prompt,
        kind=KIND,
        label=Label.PUBLIC,
        sampling=Sampling(max_tokens=tokens, temperature=0.0),
        stream=True,
        stream_usage=True,
        deadline_s=DEADLINE_S,
    )
    asking = Asking(spine, request, target)
    await asking.finish()
    on_call(asking.call)
    if asking.error is not None:
        raise asking.error
    return asking.call


def _held(spine: Spine) -> int:
    """Resident memory of the engines that run, in bytes."""
    return max((state.measured_bytes or 0 for state in spine.engines()), default=0)


def _answers(calls: Sequence[TimedCall]) -> list[_Answer]:
    """Those of the calls that are long enough."""
    return [
        _Answer(call.decode_tokens_per_s, (call.engine_s or 0.0) / call.total_s)
        for call in calls
        if call.decode_tokens_per_s is not None and (call.output_tokens or 0) >= FEWEST_TOKENS
    ]


def _prefill_alone(call: TimedCall, threads: int) -> float | None:
    rate = _prefill(call)
    return None if rate is None else _alone(rate, (call.engine_s or 0.0) / call.total_s, threads)


def _prefill(call: TimedCall) -> float | None:
    """Tokens of the prompt that were read, by the time to the first token; of a cold call nothing."""
    if call.input_tokens is None or not call.first_token_s or call.load_s is not None:
        return None
    read = call.input_tokens - (call.cached_tokens or 0)
    return read / call.first_token_s if read > 0 else None


def _alone(rate: float, processors: float, threads: int) -> float:
    """The rate of an engine that has its processors to itself."""
    return rate * max(1.0, threads / processors) if processors > 0 else rate


def _own_rate(answers: Sequence[_Answer], threads: int) -> float:
    """Of the machine where nothing else runs: the ninth decile."""
    rates = [_alone(one.rate, one.processors, threads) for one in answers]
    return quantiles(rates, n=10, method="inclusive")[-1] if len(rates) > 1 else rates[0]


def _threads(answers: Sequence[_Answer]) -> int:
    """As many as were busy at best."""
    return max(1, math.ceil(max((answer.processors for answer in answers), default=1.0) - 0.1))


def _patience(calls: Sequence[TimedCall], threads: int | None) -> int:
    """How often the time that was given may be taken: more often where answers are slower than they need be."""
    answers = _answers(calls)
    if not answers:
        return 1
    own = _own_rate(answers, threads or _threads(answers))
    return 1 if harmonic_mean([one.rate for one in answers]) >= UNDISTURBED * own else PATIENCE
