"""How fast a local model runs on this machine, and in how much memory: measured in some ten seconds, through the spine.

Short answers are asked for one after another and timed as a client would; the medians count. An answer during which the
engine got less processor time than it could use was disturbed by other work: such answers are left out where others are
enough. A long prompt at the end shows how fast prompts are read, and what memory the engine holds when it works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from assay.errors import EvalError
from assay.inference.asking import Asking, TimedCall
from assay.inference.spine import Spine
from assay.types import Label, Request, Sampling, Value

__all__ = ["KIND", "Measured", "measure"]

KIND = "assay.fit"
"""Kind of the requests: `assay logs -k assay.fit` shows them."""
ANSWER_TOKENS = 48
FEWEST_TOKENS = 8
"""Of an answer that counts: a shorter one tells nothing about a rate."""
FEWEST_ANSWERS = 5
MOST_ANSWERS = 25
DISTURBED_SHARE = 0.9
PROMPT_S = 4.0
"""Longest time that the long prompt may take to read, as the short ones let expect."""
DEADLINE_S = 600.0

_TEXT = (
    "The workshop opens at seven, and the first thing that anybody does there is to put the kettle on. Then the bicycles "
    "of yesterday are brought in from the yard, each with a label that says what is wrong with it, who owns it, and when "
    "it shall be ready. "
)


class Measured(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a measurement came to.

    Attributes:
        decode_tok_s: tokens a second of one answer, its first token left out: the median.
        prefill_tok_s: tokens a second of reading a prompt; `None`: too short to tell.
        memory_bytes: largest resident memory of the engine; `None`: nobody could look.
        prompt_tokens: of the long prompt.
        threads: processors that the engine kept busy while it wrote.
        answers: that the medians are of; `rates` has those of all answers, in their order.
        disturbed: all of them were slowed down by other work, so that it can be faster.
        load_s: that the engine took to start.
    """

    decode_tok_s: float
    prefill_tok_s: float | None
    memory_bytes: int | None
    prompt_tokens: int
    threads: float
    answers: int
    disturbed: bool
    load_s: float | None
    rates: tuple[float, ...]


class _Answer(NamedTuple):
    rate: float
    threads: float


async def measure(
    spine: Spine,
    target: str,
    *,
    context_tokens: int,
    seconds: float = 10.0,
    on_call: Callable[[TimedCall], object] = lambda call: None,
    clock: Callable[[], float] = time.monotonic,
) -> Measured:
    """Measure one deployment with a local engine.

    Args:
        spine: what answers.
        target: the deployment.
        context_tokens: of a slot of its engine; the long prompt is shorter.
        seconds: how long it may take, about; a slow model takes longer, for a few answers must be there.
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
    while len(calls) < FEWEST_ANSWERS or (len(calls) < MOST_ANSWERS and clock() - began < seconds - PROMPT_S):
        calls.append(await _ask(spine, target, next(prompts), ANSWER_TOKENS, on_call))
        if len(calls) >= FEWEST_ANSWERS and not any(_answer(call) for call in calls):
            break
    memory = max(memory, _held(spine))
    long = _long_prompt(calls, context_tokens)
    last = await _ask(spine, target, long, 1, on_call)
    memory = max(memory, _held(spine))
    answers = [answer for call in calls if (answer := _answer(call)) is not None]
    if not answers:
        raise EvalError(f"{target} ends its answers after a few tokens: no rate can be told; name a deployment of it")
    could = max(answer.threads for answer in answers)
    quiet = [answer for answer in answers if answer.threads >= DISTURBED_SHARE * could]
    counted = quiet if len(quiet) >= FEWEST_ANSWERS // 2 else answers
    return Measured(
        decode_tok_s=median(answer.rate for answer in counted),
        prefill_tok_s=_prefill(last),
        memory_bytes=memory or None,
        prompt_tokens=last.input_tokens or 0,
        threads=median(answer.threads for answer in counted),
        answers=len(counted),
        disturbed=could < DISTURBED_SHARE * max(1, round(could)),
        load_s=cold.load_s,
        rates=tuple(answer.rate for answer in answers),
    )


def _prompts() -> Iterator[str]:
    """Texts to go on with, no two with the same beginning: an engine remembers beginnings."""
    number = 0
    while True:
        number += 1
        yield f"Page {number} of {number + 7}. {_TEXT}On this morning there were {number} of them, and the first one"


def _long_prompt(calls: list[TimedCall], context_tokens: int) -> str:
    """As much text as can be read in time, and fits."""
    rates = [rate for call in calls if (rate := _prefill(call)) is not None]
    tokens = int(min(context_tokens * 0.75, PROMPT_S * median(rates) if rates else 512))
    pieces = _TEXT.split(". ")[0]
    return "Again: " + " ".join(f"{pieces} ({number})." for number in range(max(1, tokens // 32)))


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


def _answer(call: TimedCall) -> _Answer | None:
    if call.decode_tokens_per_s is None or (call.output_tokens or 0) < FEWEST_TOKENS:
        return None
    return _Answer(call.decode_tokens_per_s, (call.engine_s or 0.0) / call.total_s)


def _prefill(call: TimedCall) -> float | None:
    """Tokens of the prompt that were read, by the time to the first token; of a cold call nothing."""
    if call.input_tokens is None or not call.first_token_s or call.load_s is not None:
        return None
    read = call.input_tokens - (call.cached_tokens or 0)
    return read / call.first_token_s if read > 0 else None
