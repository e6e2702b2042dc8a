"""One request asked several times of one target, timed as a client of the spine sees it.

Nothing comes from the cache. A call that had to wait until a local engine had started is *cold*: it is told apart
and left out of the figures wherever there is a warm one. Equal prompts may be read from a prefix cache of the host or
engine, which the cached tokens show.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from assay.inference.asking import Asking, TimedCall
from assay.inference.spine import Spine
from assay.stats.known import known_mean
from assay.stats.latency import quantile
from assay.types import Request, Value


class Bench(Value, frozen=True, kw_only=True):
    """The calls of one target and their figures, which are over the answered calls: the warm ones, if there are any.

    Attributes:
        cold: whether all calls that the figures are of were cold.
        cold_s: time of the first call that was cold, warm-up included.
        p50_s, min_s, first_token_s: latency; the median of the time to the first token.
        input_tokens, cached_tokens, output_tokens: medians.
        usd, engine_s: means per call; None = not known.
        finishes, errors: how often each.
        texts: number of different answers.
    """

    target: str
    deployments: tuple[str, ...]
    asked: int
    answered: int
    cold: bool
    cold_s: float | None
    p50_s: float | None
    min_s: float | None
    first_token_s: float | None
    input_tokens: float | None
    cached_tokens: float | None
    output_tokens: float | None
    tokens_per_s: float | None
    decode_tokens_per_s: float | None
    usd: float | None
    engine_s: float | None
    finishes: dict[str, int]
    errors: dict[str, int]
    texts: int
    text: str | None
    calls: tuple[TimedCall, ...]


async def bench(
    spine: Spine, request: Request, target: str, *, repeats: int, warmup: int = 0, concurrency: int = 1,
    on_call: Callable[[TimedCall], object] = lambda call: None,
) -> Bench:  # fmt: skip
    """Ask one target `repeats` times, after `warmup` calls whose figures do not count.

    Args:
        spine: what answers.
        request: what is asked; it should want a stream, or hosts answer all at once.
        target: deployment or route.
        repeats: calls that count.
        warmup: calls before them, one after another.
        concurrency: counted calls in flight at once.
        on_call: told each call when it is done.

    Raises:
        ConfigError: there is no such target. Errors of calls are told in their rows.
    """
    spine.route(target)

    async def ask() -> TimedCall:
        asking = Asking(spine, request, target)
        await asking.finish()
        on_call(asking.call)
        return asking.call

    warm = [await ask() for _ in range(warmup)]
    calls: list[TimedCall] = []
    left = iter(range(repeats))

    async def work() -> None:
        for _ in left:
            calls.append(await ask())

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, repeats)):
            group.create_task(work())
    return summary(target, calls, warm)


def summary(target: str, calls: Sequence[TimedCall], warmup: Sequence[TimedCall] = ()) -> Bench:
    """The figures of some calls."""
    answered = [call for call in calls if call.error is None]
    warm = [call for call in answered if call.load_s is None]
    counted = warm or answered
    totals = [call.total_s for call in counted]
    return Bench(
        target=target,
        deployments=tuple(dict.fromkeys(call.deployment for call in answered if call.deployment is not None)),
        asked=len(calls),
        answered=len(answered),
        cold=bool(answered) and not warm,
        cold_s=next((call.total_s for call in (*warmup, *calls) if call.load_s is not None), None),
        p50_s=quantile(totals, 0.5).value,
        min_s=min(totals, default=None),
        first_token_s=_median([call.first_token_s for call in counted]),
        input_tokens=_median([call.input_tokens for call in counted]),
        cached_tokens=_median([call.cached_tokens for call in counted]),
        output_tokens=_median([call.output_tokens for call in counted]),
        tokens_per_s=_median([call.tokens_per_s for call in counted]),
        decode_tokens_per_s=_median([call.decode_tokens_per_s for call in counted]),
        usd=known_mean([call.usd for call in counted]),
        engine_s=known_mean([call.engine_s for call in counted]),
        finishes=dict(Counter(call.finish or "unknown" for call in answered)),
        errors=dict(Counter(call.error for call in calls if call.error is not None)),
        texts=len({call.text for call in answered}),
        text=answered[0].text if answered else None,
        calls=tuple(calls),
    )


def _median(values: Sequence[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
