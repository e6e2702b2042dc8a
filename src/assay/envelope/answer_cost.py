"""What one answer is likely to cost, to order candidates before anything was measured.

Every figure is an `Estimate`: it names its method and a wide band. Seconds of a local engine are those of
`assay.envelope.speed` on one core of a processor, always the same one, so that the same configuration gives the same
order on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.catalog.model import Model
from assay.config.schema import Deployment, Price
from assay.envelope.cost import bound_usd, cost_usd, engine_cost_usd
from assay.envelope.estimate import BYTES_PER_TOKEN, Estimate
from assay.envelope.hardware import CPU_FLOPS_PER_CORE, Machine
from assay.envelope.quantisation import QUANTISATIONS
from assay.envelope.speed import Speed, speed
from assay.types import Usage

__all__ = ["expected_cost", "prior_cost_rank"]

BYTES_PER_TOKEN_MOST = 8.0
ANSWER_SHARE = 0.5
"""Share of the allowed answer that is written; nothing is known of it before a measurement."""
DEFAULT_ANSWER_TOKENS = 512
"""Assumed limit of an answer where the request names none."""

USUAL = "q4_k_m"
"""The format that most weights are run in on a processor, where no file of a model is known."""
CORE = Machine(
    key="core",
    name="one core",
    kind="cpu",
    count=1,
    memory_bytes=0,
    usable_bytes=0,
    bandwidth_bytes_s=16.7e9,  # of one thread, measured (docs/LOG.md)
    flops=CPU_FLOPS_PER_CORE,
    watts=None,
    usd=None,
    usd_per_hour=None,
    basis="one core of a server's processor",
    doubt=4.0,  # another machine, more threads or busy cores
    threads=1,
)
"""What seconds are told of as long as nobody measured them. It is asked for its speed alone, not for its memory."""


def expected_cost(
    deployment: Deployment, model: Model | None, price: Price | None, input_bytes: int, max_tokens: int | None
) -> Estimate | None:
    """What one call is likely to cost: USD where there is a price or an hourly rate, else seconds of the device.

    Args:
        deployment: how it is called.
        model: what the catalogue knows of it; a local one needs its parameters or the size of its weights.
        price: USD per million tokens, from the deployment or the catalogue.
        input_bytes: length of the prompt.
        max_tokens: limit of the answer, if there is one.

    Returns:
        `None` where nothing is known to estimate from.
    """
    limit = max_tokens if max_tokens is not None else DEFAULT_ANSWER_TOKENS
    if price is not None:
        return _priced(price, input_bytes, limit, assumed=max_tokens is None)
    if deployment.dialect != "local" or model is None:
        return None
    seconds = _seconds(model, input_bytes, limit, assumed=max_tokens is None)
    if seconds is None or deployment.usd_per_hour is None:
        return seconds
    rate = deployment.usd_per_hour
    value, low, high = (engine_cost_usd(s, rate) for s in (seconds.value, seconds.low, seconds.high))
    if value is None or low is None or high is None:
        return seconds
    return Estimate(value, low, high, f"{seconds.method}; x {rate:g} USD an hour", "usd")


def prior_cost_rank(estimates: Mapping[str, Estimate | None]) -> tuple[str, ...]:
    """Names from cheap to dear: seconds of an own device first (they leave no bill), then USD, then what is unknown.

    Within each group by value; equal ones stay in the order given.
    """

    def key(name: str) -> tuple[int, float]:
        found = estimates[name]
        if found is None:
            return (2, 0.0)
        return (0 if found.unit == "s" else 1, found.value)

    return tuple(sorted(estimates, key=key))


def _priced(price: Price, input_bytes: int, limit: int, *, assumed: bool) -> Estimate | None:
    value = _usd(price, input_bytes / BYTES_PER_TOKEN, limit * ANSWER_SHARE)
    low = _usd(price, input_bytes / BYTES_PER_TOKEN_MOST, 0)
    high = bound_usd(price, input_bytes, limit)
    if value is None or low is None or high is None:
        return None
    low = min(low, value)
    return Estimate(value, low, max(high, value), f"price x assumed tokens ({_assumptions(limit, assumed)})", "usd")


def _usd(price: Price, input_tokens: float, output_tokens: float) -> float | None:
    return cost_usd(price, Usage(input=round(input_tokens), output=round(output_tokens)))


def _seconds(model: Model, input_bytes: int, limit: int, *, assumed: bool) -> Estimate | None:
    """Prompt and answer by the speed of one core; `None` where the model's size is not known."""
    tokens, answer = input_bytes / BYTES_PER_TOKEN, limit * ANSWER_SHARE
    rate = _rate(model, tokens, answer)
    if rate is None or rate.prefill_tok_s is None:
        return None
    read, written = rate.prefill_tok_s, rate.decode_tok_s
    return Estimate(
        value=tokens / read.value + answer / written.value,
        low=input_bytes / BYTES_PER_TOKEN_MOST / read.high + min(1.0, answer) / written.high,
        high=input_bytes / read.low + limit / written.low,
        method=f"{written.method}; {CORE.name}, not measured here ({_assumptions(limit, assumed)})",
        unit="s",
    )


def _rate(model: Model, prompt_tokens: float, answer_tokens: float) -> Speed | None:
    """In the smallest file that is known; while the answer is written the prompt and half of the answer are there."""
    files = [(one.bytes, one.quantisation.lower()) for one in model.weights if one.bytes and one.quantisation]
    known = [quantisation for _, quantisation in sorted(files) if quantisation in QUANTISATIONS]
    return speed(
        model,
        CORE,
        quantisation=known[0] if known else USUAL,
        context_tokens=round(2 * prompt_tokens + answer_tokens),
        prompt_tokens=round(prompt_tokens),
    )


def _assumptions(limit: int, assumed: bool) -> str:
    answer = f"half of {limit} answer tokens"
    return f"{BYTES_PER_TOKEN:g} bytes a token, {answer}" + (", no limit given" if assumed else "")
