"""A first guess at what a call costs, to order candidates before anything was measured.

Every figure here is an `Estimate`: it names its method and a wide band, and a measurement replaces it. Constants
come from `research/catalog-ux.md` section 2 and `research/local-models.md` section 3 (November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from assay.catalog.model import Model
from assay.config.schema import Deployment, Price
from assay.envelope.cost import bound_usd, cost_usd, engine_cost_usd
from assay.types import Usage

__all__ = ["Estimate", "expected_cost", "prior_cost_rank"]

BYTES_PER_TOKEN = 4.0
"""Rule of thumb for English text, not measured here; code and other languages have fewer."""
BYTES_PER_TOKEN_MOST = 8.0
ANSWER_SHARE = 0.5
"""Share of the allowed answer that is written; nothing is known of it before a measurement."""
DEFAULT_ANSWER_TOKENS = 512
"""Assumed limit of an answer where the request names none."""

BITS_PER_WEIGHT = 4.85
"""Q4_K_M (catalog-ux.md), where the size of the file is unknown."""
BANDWIDTH_BYTES_S = 16.7e9
"""Memory bandwidth of one CPU thread, measured on the development machine."""
EFFICIENCY = 0.33
"""Share of bandwidth / weight bytes that decoding reaches on a CPU: 53, 22 and 12.5 tokens per CPU second for files
of 98, 253 and 491 MB (local-models.md) are 0.31, 0.33 and 0.37; GPUs reach 0.58, mixtures of experts 0.31."""
FLOPS = 4e10
"""Prefill: 2 x parameters x 151 tokens per CPU second of SmolLM2-135M."""
DEVICE_BAND = 4.0
"""Another machine, more threads or busy cores: a factor up or down."""


class Estimate(NamedTuple):
    """A predicted value with its band; `method` says how it came about."""

    value: float
    low: float
    high: float
    method: str
    unit: Literal["usd", "s", "tok/s"]


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
    """Seconds: prompt tokens x 2 x parameters / FLOPS + answer tokens x weight bytes / (efficiency x bandwidth)."""
    parameters = model.active_parameters or model.parameters
    size = _weight_bytes(model, parameters)
    if parameters is None or size is None:
        return None
    prefill_s = 2.0 * parameters / FLOPS
    decode_s = size / (EFFICIENCY * BANDWIDTH_BYTES_S)
    value = input_bytes / BYTES_PER_TOKEN * prefill_s + limit * ANSWER_SHARE * decode_s
    low = (input_bytes / BYTES_PER_TOKEN_MOST * prefill_s + decode_s) / DEVICE_BAND
    high = (input_bytes * prefill_s + limit * decode_s) * DEVICE_BAND
    method = f"CPU formula, one thread, not measured here ({_assumptions(limit, assumed)}; within x{DEVICE_BAND:g})"
    return Estimate(value, min(low, value), max(high, value), method, "s")


def _weight_bytes(model: Model, parameters: int | None) -> float | None:
    """Bytes read per token: the smallest known file, scaled to the active parameters; else from the count."""
    if parameters is None:
        return None
    known = [item.bytes for item in model.weights if item.bytes is not None]
    if not known:
        return parameters * BITS_PER_WEIGHT / 8
    return min(known) * (parameters / model.parameters if model.parameters else 1.0)


def _assumptions(limit: int, assumed: bool) -> str:
    answer = f"half of {limit} answer tokens"
    return f"{BYTES_PER_TOKEN:g} bytes a token, {answer}" + (", no limit given" if assumed else "")
