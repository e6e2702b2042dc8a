"""What was measured on this machine, in the place of an estimate, and marked so."""

from __future__ import annotations

import time
from typing import Literal

from assay.envelope.estimate import Estimate
from assay.envelope.memory import Memory, Plan
from assay.envelope.speed import Speed
from assay.ledger.rows import MeasurementRow
from assay.numerals import plural

__all__ = ["measured_memory", "measured_on", "measured_speed", "repeat_band"]

BAND, DISTURBED_BAND = 0.1, 0.2
"""What two measurements of one model on one machine may differ by: on a quiet machine, and on a busy one."""


def measured_on(row: MeasurementRow) -> str:
    """How a measured figure is marked; the day is in UTC."""
    return f"measured here, {time.strftime('%Y-%m-%d', time.gmtime(row.created_at))}"


def repeat_band(*, disturbed: bool) -> float:
    """Share by which a repeat may differ."""
    return DISTURBED_BAND if disturbed else BAND


def measured_memory(row: MeasurementRow, plan: Plan, estimate: Memory) -> tuple[Memory, str] | None:
    """The memory that was measured, and how it is known; `None`: nobody could look.

    For another context, or other sequences, the formula says what changes: the rest of the measurement stays. What the
    estimate missed counts as overhead.

    Args:
        row: what was measured.
        plan: what the model's memory is made of.
        estimate: the memory for what is asked now.
    """
    if row.memory_bytes is None:
        return None
    then = plan.memory(row.context_tokens, row.slots)
    found = estimate._replace(overhead=estimate.overhead + row.memory_bytes - then.total)
    if then == estimate:
        return found, measured_on(row)
    return found, f"{measured_on(row)} with {row.slots} x {row.context_tokens:,} tokens; the rest by formula"


def measured_speed(row: MeasurementRow, guess: Speed | None, *, sequences: int, prompt_tokens: int) -> Speed:
    """The speed that was measured; several answers at once were not, so that stays an estimate.

    Args:
        row: what was measured.
        guess: the estimate.
        sequences: answers at once.
        prompt_tokens: of the prompt before the first token.
    """
    disturbed = ", beside other work" if row.disturbed else ""
    method = f"{measured_on(row)}: {plural(row.answers, 'answer')}, {plural(row.threads, 'thread')}{disturbed}"
    band = repeat_band(disturbed=row.disturbed)
    decode = _around(row.decode_tok_s, band, method, "tok/s")
    most = guess.most_tok_s if guess is not None and sequences > 1 else decode
    if row.prefill_tok_s is None:
        return Speed(decode, guess.prefill_tok_s if guess else None, guess.first_token_s if guess else None, most)
    first_s = prompt_tokens / row.prefill_tok_s + 1.0 / row.decode_tok_s
    prefill = _around(row.prefill_tok_s, band, method, "tok/s")
    return Speed(decode, prefill, _around(first_s, band, method, "s"), most)


def _around(value: float, band: float, method: str, unit: Literal["s", "tok/s"]) -> Estimate:
    return Estimate(value, value * (1 - band), value * (1 + band), method, unit)
