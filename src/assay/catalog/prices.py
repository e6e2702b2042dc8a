"""List prices of hosted models, from genai-prices: offline, dated, with history.

genai-prices (and pydantic and an HTTP client with it) is imported when a price is first asked for, never before;
its background updater is never started. What it does not know is `None`, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from assay.catalog.model import Model
from assay.config.schema import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["CatalogPrice", "price_of"]

_CHECKED = re.compile(r"(?:verified|checked|as of)\b[^.]{0,80}?(\d{4}-\d{2}-\d{2})")


class CatalogPrice(NamedTuple):
    """What a model costs on its host's list.

    Attributes:
        price: what to settle with: the rates of the asked size, else the dearest that the model's context can reach.
        bound: what to reserve with: the dearest rate of each direction, one-hour cache writes and media included.
        source: who says so.
        as_of: the data is at least as new as this; `None` where the source names no date.
        note: what must be said beside it, or why the price is unknown.
    """

    price: Price | None
    bound: Price | None
    source: str
    as_of: str | None = None
    note: str | None = None


def price_of(model: Model, when: datetime, *, host: str | None = None, input_tokens: int | None = None) -> CatalogPrice:
    """The list price of a model at a time.

    Args:
        model: a catalogue entry.
        when: aware; prices change, and some by the hour.
        host: whose price; default: the model's first host.
        input_tokens: size of one call, for prices in steps by context; default: the dearest step within the model's
            context.
    """
    if model.price_usd_per_mtok is not None:
        source = model.provenance("price_usd_per_mtok")
        own = model.price_usd_per_mtok
        return CatalogPrice(own, own, source.title if source else "", source.as_of if source else None)
    offer = model.hosted_at(host)
    if offer is None or offer.price is None:
        return CatalogPrice(None, None, "catalogue", note=f"no price is known of {model.id} at {host or 'any host'}")
    return _look_up(offer.price.provider, offer.price.model, when, model.context_tokens, input_tokens)


def _look_up(
    provider_id: str, model_ref: str, when: datetime, context_tokens: int | None, input_tokens: int | None
) -> CatalogPrice:
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    source = f"genai-prices {genai_prices.__version__}"
    try:
        provider, info = get_snapshot().find_provider_model(model_ref, None, provider_id, None)
    except LookupError:
        return CatalogPrice(None, None, source, note=f"{source} does not know {provider_id} {model_ref}")
    rates = _rates(info.get_prices(when))
    as_of = _checked(provider, info)
    if "input_mtok" not in rates or "output_mtok" not in rates or "requests_kcount" in rates:
        return CatalogPrice(None, None, source, as_of, "its price is not one per input and output token")
    steps = sorted({start for rate in rates.values() for start in rate.steps})
    reachable = [start for start in steps if context_tokens is None or start < context_tokens]
    size = input_tokens if input_tokens is not None else (reachable[-1] + 1 if reachable else 0)
    note = None
    if reachable and input_tokens is None:
        note = f"dearer above {reachable[0]} input tokens; the dearest rate that the context can reach is shown"
    elif steps and not reachable:
        note = f"its dearer rates above {steps[0]} input tokens are past the model's context"
    return CatalogPrice(_settling(rates, size), _bounding(rates, reachable), source, as_of, note)


class _Rate(NamedTuple):
    """USD per million tokens: `base`, and the rate for all tokens of a call above each number of input tokens."""

    base: float
    steps: Mapping[int, float] = {}

    def at(self, input_tokens: int) -> float:
        passed = [start for start in self.steps if input_tokens > start]
        return self.steps[max(passed)] if passed else self.base

    def dearest(self, reachable: Iterable[int]) -> float:
        return max(self.base, *(self.steps.get(start, self.base) for start in reachable), 0.0)


def _rates(prices: ModelPrice) -> dict[str, _Rate]:
    """Every rate that is known, by genai-prices' name."""
    from genai_prices.types import TieredPrices

    rates: dict[str, _Rate] = {}
    for key, value in vars(prices).items():
        if isinstance(value, TieredPrices):
            rates[key] = _Rate(float(value.base), {tier.start: float(tier.price) for tier in value.tiers})
        elif isinstance(value, Decimal):
            rates[key] = _Rate(float(value))
    return rates


def _settling(rates: Mapping[str, _Rate], input_tokens: int) -> Price:
    cached, written = rates.get("cache_read_mtok"), rates.get("cache_write_mtok")
    return Price(
        input=rates["input_mtok"].at(input_tokens),
        output=rates["output_mtok"].at(input_tokens),
        cached_input=cached.at(input_tokens) if cached else None,
        cache_write=written.at(input_tokens) if written else None,
    )


def _bounding(rates: Mapping[str, _Rate], reachable: list[int]) -> Price:
    """The dearest rate of each direction: anything per million tokens that is not output counts as input."""
    tokens = {key: rate.dearest(reachable) for key, rate in rates.items() if key.endswith("_mtok")}
    output = max(rate for key, rate in tokens.items() if key.startswith("output"))
    taken = max(rate for key, rate in tokens.items() if not key.startswith("output"))
    return Price(input=taken, output=output, cached_input=taken, cache_write=taken)


def _checked(provider: Provider, info: ModelInfo) -> str | None:
    """The newest day on which the source's own comments say that it looked."""
    said = " ".join(text for text in (provider.price_comments, info.price_comments) if text)
    return max(_CHECKED.findall(said), default=None)
