"""The same sample asked several times: which seed each time has, and what the values come to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from assay.evals.suites.suite_table import Reducer
from assay.ledger.rows import CostBasis, Outcome
from assay.numerals import plural, verb
from assay.stats.known import known_mean

__all__ = ["ONCE", "Repeats", "reduced", "seed_of"]


class Repeats(NamedTuple):
    """How often samples of a kind are asked, and what their values come to."""

    times: int = 1
    reducer: Reducer = "mean"


ONCE = Repeats()


def seed_of(seed: int, repeat: int) -> int:
    """The seed of one repeat: of the first, the run's own; no two repeats of any two runs are likely to share one."""
    if repeat == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed}/{repeat}".encode(), digest_size=4).digest())


def reduced(answers: Sequence[Outcome], repeats: Repeats) -> Outcome:
    """What all answers to one sample come to.

    The value is None while answers that are missing or unscored could still change it. Costs and engine seconds are
    means of one answer; the latency is that of the slowest, so that no limit is met by averaging.

    Args:
        answers: at least one, each of another repeat.
        repeats: how many there are to be, and the reducer.
    """
    if len(answers) == 1 and repeats.times == 1:
        return answers[0]
    last = max(answers, key=lambda answer: answer.created_at)
    value = _value([answer.value for answer in answers if answer.value is not None], repeats)
    latencies = [answer.latency_s for answer in answers if answer.latency_s is not None]
    return Outcome(
        run_id=last.run_id,
        sample_id=last.sample_id,
        kind=last.kind,
        value=value,
        unscored=_reason(answers, repeats.times) if value is None else None,
        cost_basis=_weakest(answers),
        cached=all(answer.cached for answer in answers),
        batched=any(answer.batched for answer in answers),
        created_at=last.created_at,
        latency_s=max(latencies) if len(latencies) == len(answers) else None,
        engine_s=known_mean([answer.engine_s for answer in answers]),
        cost_usd=known_mean([answer.cost_usd for answer in answers]),
        grading_usd=known_mean([answer.grading_usd for answer in answers]),
    )


def _value(values: Sequence[float], repeats: Repeats) -> float | None:
    """The reduced value; None as long as those that are missing may change it."""
    passed, missing = sum(value >= 1.0 for value in values), repeats.times - len(values)
    match repeats.reducer:
        case "all":
            least, most = float(passed == repeats.times), float(passed == len(values))
        case "any":
            least, most = float(passed > 0), float(passed > 0 or missing > 0)
        case "majority":
            least, most = float(2 * passed > repeats.times), float(2 * (passed + missing) > repeats.times)
        case _:
            least, most = sum(values) / repeats.times, (sum(values) + missing) / repeats.times
    return least if least == most else None


def _reason(answers: Sequence[Outcome], count: int) -> str:
    reasons = [answer.unscored or "unknown" for answer in answers if answer.value is None]
    if not reasons:
        return f"{len(answers)} of {plural(count, 'repeat')} {verb(len(answers), 'was', 'were')} asked"
    return reasons[0] if count == 1 else f"{reasons[0]} ({len(reasons)} of {count} repeats unscored)"


def _weakest(answers: Sequence[Outcome]) -> CostBasis:
    bases = {answer.cost_basis for answer in answers}
    order: tuple[CostBasis, ...] = ("unknown", "held", "bound", "measured")
    return next((basis for basis in order if basis in bases), "none")
