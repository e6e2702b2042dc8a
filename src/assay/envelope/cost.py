"""Money: what a call may cost at most, and what it did cost.

Computed in whole picodollars (1e-12 USD), so that a bound is never below a cost by rounding. Unknown is `None`,
never 0. Tokens follow OpenAI's convention: input includes cached and cache-written tokens, output includes
reasoning tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from assay.config.schema import Price
from assay.dialects.billed import Billed
from assay.types import Usage

__all__ = ["Cost", "bound_usd", "charge", "cost_usd", "engine_cost_usd", "extra_usd"]

_PICO_PER_USD = 10**12
_SECONDS_PER_HOUR = 3600.0
_HOUR_WRITE = 2.0
"""A cache that is kept for an hour costs twice the input to write, where no list says otherwise (Anthropic)."""


class Cost(NamedTuple):
    """A charge, and how it came about: from reported usage, at the reserved bound, or not known."""

    usd: float | None
    basis: Literal["measured", "bound", "unknown"]


def bound_usd(
    price: Price | None, input_bytes: int, max_output_tokens: int | None, media_tokens: int = 0
) -> float | None:
    """An upper bound on one call, in USD: the dearest input rate for every byte, and the full answer.

    A token stands for one byte or more, so there are no more input tokens than bytes in the body as sent.

    Args:
        price: USD per million tokens; its dearest input rate counts.
        input_bytes: length of the whole body (its JSON covers the template's own tokens).
        max_output_tokens: the limit that is sent with the call.
        media_tokens: tokens that no byte of the body stands for: images behind a URL, a host's own tool prompt.

    Returns:
        `None` where the price or the limit is unknown: then there is no bound.
    """
    if price is None or max_output_tokens is None or input_bytes < 0 or max_output_tokens < 0 or media_tokens < 0:
        return None
    rates = _rates(price)
    return ((input_bytes + media_tokens) * rates.dearest + max_output_tokens * rates.output) / _PICO_PER_USD


def cost_usd(price: Price | None, usage: Usage | None) -> float | None:
    """What a call cost, in USD, from the usage that the host reported.

    Returns:
        `None` where it cannot be told: no price, no count of input or output, cached or cache-written tokens whose
        rate is unknown, or a usage that contradicts itself (negative, or more cached than input).
    """
    if price is None or usage is None or usage.input is None or usage.output is None:
        return None
    cached, written = usage.cached or 0, usage.cache_write or 0
    plain = usage.input - cached - written
    if plain < 0 or cached < 0 or written < 0 or usage.output < 0:
        return None
    if (cached and price.cached_input is None) or (written and price.cache_write is None):
        return None
    rates = _rates(price)
    pico = plain * rates.input + cached * rates.cached + written * rates.written + usage.output * rates.output
    return pico / _PICO_PER_USD


def extra_usd(price: Price, apart: Mapping[str, float], billed: Billed) -> float | None:
    """What comes on top of `cost_usd` for what has rates of its own; below 0 where such tokens are cheaper.

    Args:
        price: what `cost_usd` has charged for the tokens.
        apart: rates by genai-prices' names, per million tokens and per thousand searches; empty = a team's own price
            holds for all tokens.
        billed: how many there were.

    Returns:
        `None` where searches were made and nobody knows their price.
    """
    if billed.searches and "web_searches_kcount" not in apart:
        return None
    written = price.cache_write or 0.0
    kept = max(0.0, apart.get("cache_write_1h_mtok", price.input * _HOUR_WRITE) - written) if written else 0.0
    usd_per_million = (
        billed.hour_written * kept
        + billed.audio_input * (apart.get("input_audio_mtok", price.input) - price.input)
        + billed.audio_output * (apart.get("output_audio_mtok", price.output) - price.output)
        + billed.image_output * (apart.get("output_image_mtok", price.output) - price.output)
    )
    return usd_per_million / 1e6 + billed.searches * apart.get("web_searches_kcount", 0.0) / 1e3


def charge(price: Price | None, usage: Usage | None, bound: float | None) -> Cost:
    """What to book for a call: its measured cost, else the bound that was reserved, else unknown."""
    measured = cost_usd(price, usage)
    if measured is not None:
        return Cost(measured, "measured")
    return Cost(bound, "bound") if bound is not None else Cost(None, "unknown")


def engine_cost_usd(engine_s: float | None, usd_per_hour: float | None) -> float | None:
    """What seconds of a local engine cost, in USD; `None` without a rate or a measured time."""
    if engine_s is None or usd_per_hour is None or not math.isfinite(engine_s) or engine_s < 0 or usd_per_hour < 0:
        return None
    return engine_s * usd_per_hour / _SECONDS_PER_HOUR


class _Rates(NamedTuple):
    """A price in picodollars per token; what it does not name is 0. `dearest`: of those of the input."""

    input: int
    cached: int
    written: int
    output: int
    dearest: int


@lru_cache(maxsize=1024)
def _rates(price: Price) -> _Rates:
    read = _pico(price.input), _pico(price.cached_input or 0.0), _pico(price.cache_write or 0.0)
    return _Rates(*read, _pico(price.output), max(read))


@lru_cache(maxsize=4096)  # a price has few rates, and each is asked for with each call
def _pico(usd_per_mtok: float) -> int:
    """Picodollars per token; a rate above 0 never becomes 0."""
    return max(1, round(usd_per_mtok * 1e6)) if usd_per_mtok > 0 else 0
