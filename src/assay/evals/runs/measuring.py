"""How fast a local model runs on this machine, and in how much memory: measured through the spine.

It takes ten to thirty seconds. Short answers are asked for one after another and timed as a client would; the medians
count. Other work may take the processors meanwhile, or slow them: an engine that has all of its time is slower by a
fifth where it shares a core. An answer is *quiet* when its engine had nearly all the processor time that its threads
can use, and a fixed piece of reckoning ran at nearly its best pace, the best that was ever seen here, before and after
it: where enough are, only those count. Else all do, every time is multiplied by the share of that processor time which
the engine had, and the figure is marked. Until quiet answers agree more are asked for, up to half a minute. A long
prompt at the end shows how fast prompts are read, and what memory the engine holds when it works.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median, quantiles
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
NARROW = 0.02
"""Standard error of the median, as a share of it, at which no more answers are asked for."""
PATIENCE = 3
"""So many times the time that was given may it take to get there."""
QUIET_SHARE = 0.9
FULL_PACE = 0.85
"""Of the best pace; a shared core has about half."""
QUIET_ENOUGH = 3
PROMPT_S = 3.0
"""Longest time that the long prompt may take to read, as the short ones let expect."""
DEADLINE_S = 600.0

_SENTENCE = "each bicycle has a label that says what is wrong with it and who owns it"


class Measured(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a measurement came to.

    Attributes:
        decode_tok_s: tokens a second of one answer, its first token left out: the median.
        prefill_tok_s: tokens a second of reading a prompt; `None`: too short to tell.
        memory_bytes: largest resident memory of the engine; `None`: nobody could look.
        prompt_tokens: of the long prompt.
        threads: that the engine works with.
        share: of their processor time that it had: 1 = nothing else ran.
        answers: that the median is of; `rates` has those of all answers as they were timed, in their order.
        disturbed: too few were quiet; the figures are corrected for the processor time that other work took.
        pace: of the processors beside an answer by their best one, the median.
        best_pace: the best one that was ever seen here, in the unit of the readings.
        load_s: that the engine took to start.
    """

    decode_tok_s: float
    prefill_tok_s: float | None
    memory_bytes: int | None
    prompt_tokens: int
    threads: int
    share: float
    answers: int
    disturbed: bool
    pace: float
    best_pace: float
    load_s: float | None
    rates: tuple[float, ...]


class _Answer(NamedTuple):
    """Tokens a second of one answer as it was timed, processors that it kept busy, and their share of the best pace."""

    rate: float
    processors: float
    pace: float

    def is_quiet(self, threads: int) -> bool:
        """Whether it was not disturbed by other work."""
        return self.processors >= QUIET_SHARE * threads and self.pace >= FULL_PACE


async def measure(
    spine: Spine,
    target: str,
    pace: Callable[[], float],
    *,
    context_tokens: int,
    threads: int | None = None,
    seconds: float = 10.0,
    best_pace: float = 0.0,
    on_call: Callable[[TimedCall], object] = lambda call: None,
    clock: Callable[[], float] = time.monotonic,
) -> Measured:
    """Measure one deployment with a local engine.

    Args:
        spine: what answers.
        target: the deployment.
        pace: of the processors now, in any unit; read between the answers.
        context_tokens: of a slot of its engine; the long prompt is shorter.
        threads: of its engine; default: as many as it kept busy at best.
        seconds: how long it may take, about; up to three times that where other work disturbs it or its answers differ,
            and longer where the model is slow, for a few answers must be there.
        best_pace: of earlier measurements on this machine, in the unit of `pace`: a machine that is slow for a minute
            or an hour shows no better pace by itself.
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
    paces = [pace()]
    while len(calls) < FEWEST_ANSWERS or (
        len(calls) < MOST_ANSWERS and clock() - began < seconds * _patience(calls, paces, threads, best_pace) - PROMPT_S
    ):
        calls.append(await _ask(spine, target, next(prompts), ANSWER_TOKENS, on_call))
        paces.append(pace())
        if len(calls) == FEWEST_ANSWERS and not _answers(calls, paces, best_pace):
            break
    memory = max(memory, _held(spine))
    long = _long_prompt(calls, context_tokens)
    last = await _ask(spine, target, long, 1, on_call)
    memory = max(memory, _held(spine))
    return summary(
        target, calls, paces, last,
        threads=threads, memory_bytes=memory or None, load_s=cold.load_s, best_pace=best_pace,
    )  # fmt: skip


def summary(
    target: str,
    calls: Sequence[TimedCall],
    paces: Sequence[float],
    long: TimedCall,
    *,
    threads: int | None = None,
    memory_bytes: int | None = None,
    load_s: float | None = None,
    best_pace: float = 0.0,
) -> Measured:
    """What some calls come to.

    Args:
        target: who answered, for messages.
        calls: short answers.
        paces: of the processors before each of them, and after the last.
        long: an answer to a long prompt.
        threads: of the engine; default: as many as it kept busy at best.
        memory_bytes: largest resident memory of the engine.
        load_s: that the engine took to start.
        best_pace: see `measure`.

    Raises:
        EvalError: the answers are too short to tell a rate.
    """
    answers = _answers(calls, paces, best_pace)
    if not answers:
        raise EvalError(f"{target} ends its answers after a few tokens: no rate can be told; name a deployment of it")
    threads = threads or _threads(answers)
    counted = _counted(answers, threads)
    return Measured(
        decode_tok_s=median(_alone(answer.rate, answer.processors, threads) for answer in counted),
        prefill_tok_s=_prefill_alone(long, threads),
        memory_bytes=memory_bytes,
        prompt_tokens=long.input_tokens or 0,
        threads=threads,
        share=min(1.0, median(answer.processors for answer in answers) / threads),
        answers=len(counted),
        disturbed=not _are_quiet(answers, threads),
        pace=median(answer.pace for answer in answers),
        best_pace=max(*paces, best_pace),
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


def _answers(calls: Sequence[TimedCall], paces: Sequence[float], best_pace: float) -> list[_Answer]:
    """Those of the calls that are long enough, each with the lower pace of before and after it."""
    best = max(*paces, best_pace)
    return [
        _Answer(call.decode_tokens_per_s, (call.engine_s or 0.0) / call.total_s, min(before, after) / best)
        for call, before, after in zip(calls, paces, paces[1:], strict=False)
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
    is_quiet = processors >= QUIET_SHARE * threads
    return rate if is_quiet or processors <= 0 else rate * threads / processors


def _threads(answers: Sequence[_Answer]) -> int:
    """As many as were busy at best."""
    return max(1, math.ceil(max((answer.processors for answer in answers), default=1.0) - 0.1))


def _are_quiet(answers: Sequence[_Answer], threads: int) -> bool:
    """Whether enough of the answers were not disturbed by other work."""
    return sum(answer.is_quiet(threads) for answer in answers) >= min(QUIET_ENOUGH, len(answers))


def _counted(answers: Sequence[_Answer], threads: int) -> list[_Answer]:
    """The quiet ones where enough are, else all."""
    return [one for one in answers if one.is_quiet(threads) or not _are_quiet(answers, threads)]


def _patience(calls: Sequence[TimedCall], paces: Sequence[float], threads: int | None, best_pace: float) -> int:
    """How often the time that was given may be taken: more often until enough quiet answers agree."""
    answers = _answers(calls, paces, best_pace)
    threads = threads or _threads(answers)
    return 1 if _are_quiet(answers, threads) and _agree(_counted(answers, threads)) else PATIENCE


def _agree(answers: Sequence[_Answer]) -> bool:
    """Whether the standard error of the median of their rates is small.

    For a normal spread it is 0.93 of the distance of the quartiles, by the root of their number.
    """
    if len(answers) < QUIET_ENOUGH:
        return False
    low, middle, high = quantiles((one.rate for one in answers), n=4)
    return 0.93 * (high - low) / math.sqrt(len(answers)) <= NARROW * middle
