"""List prices of hosted models, from genai-prices: offline, dated, with history.

genai-prices (and pydantic and an HTTP client with it) is imported when a price is first asked for, never before;
its background updater is never started. What it does not know is `None`, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from assay.catalog.offers import PriceRef
from assay.config.schema import Price

if TYPE_CHECKING:
    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, Provider

__all__ = ["APART", "CatalogPrice", "Tier", "changed_on", "changes_by_hour", "listed"]

_BATCH = {"processing": "batch"}
_TIERS = ("service_tier", "speed")
"""What a price may depend on that a request says: OpenAI's and Google's word, and Anthropic's."""
APART = (
    "cache_write_1h_mtok", "input_audio_mtok", "output_audio_mtok", "output_image_mtok", "web_searches_kcount",
    "storage_searches_kcount",
)  # fmt: skip
"""Rates that some tokens, or the work of the host's own tools, have for themselves: per million or per thousand."""
_CHECKED = re.compile(r"(?:verified|checked|as of)\b[^.]{0,80}?(\d{4}-\d{2}-\d{2})")


class Tier(NamedTuple):
    """Rates of a service tier: `price` and `bound` as in `CatalogPrice`."""

    price: Price
    bound: Price


class CatalogPrice(NamedTuple):
    """What a model costs on its host's list.

    Attributes:
        price: what to settle with: the rates of the asked size, else the dearest that the model's context can reach.
        bound: what to reserve with: the dearest rate of each direction, one-hour cache writes and media included.
        source: who says so.
        as_of: the data is at least as new as this; `None` where the source names no date.
        note: what must be said beside it, or why the price is unknown.
        batch: the rates of answers that may come later, with a batch; `None` where the source names none.
        by_hour: it is another one at some hours of the day.
        by_length: short requests are cheaper, and none of a size was asked for.
        tiers: rates of requests that are served faster or later, by the word that asks for it: `priority`, `flex`.
        apart: rates of `APART`, by genai-prices' names; none where a team says what its tokens cost.
        until: the first day of another one; None = none is known.
    """

    price: Price | None
    bound: Price | None
    source: str
    as_of: str | None = None
    note: str | None = None
    batch: Price | None = None
    by_hour: bool = False
    by_length: bool = False
    tiers: Mapping[str, Tier] = {}
    apart: Mapping[str, float] = {}
    until: date | None = None


def listed(ref: PriceRef, when: datetime, context_tokens: int | None, input_tokens: int | None = None) -> CatalogPrice:
    """The list price at a time, for calls of a size or, without one, for the dearest that the context can reach."""
    import genai_prices

    source = f"genai-prices {genai_prices.__version__}"
    found = _find(ref)
    if found is None:
        return CatalogPrice(None, None, source, note=f"{source} does not know {ref.provider} {ref.model}")
    provider, info = found
    rates = _rates(info.get_prices(when))
    as_of = _checked(provider, info)
    if "input_mtok" not in rates or "output_mtok" not in rates or "requests_kcount" in rates:
        return CatalogPrice(None, None, source, as_of, "its price is not one per input and output token")
    steps = sorted({start for rate in rates.values() for start in rate.steps})
    reachable = [start for start in steps if context_tokens is None or start < context_tokens]
    size = input_tokens if input_tokens is not None else (reachable[-1] + 1 if reachable else 0)
    note, by_length = None, bool(reachable) and input_tokens is None
    if by_length:
        note = f"dearer above {reachable[0]} input tokens; the dearest rate that the context can reach is shown"
    elif steps and not reachable:
        note = f"its dearer rates above {steps[0]} input tokens are past the model's context"
    batch = _rates(info.get_prices(when, _BATCH)) if _has_batches(info, when) else None
    return CatalogPrice(
        price=_settling(rates, size),
        bound=_bounding(rates, reachable),
        source=source,
        as_of=as_of,
        note=note,
        batch=_settling(batch, size) if batch else None,
        by_hour=changes_by_hour(ref),
        by_length=by_length,
        tiers=_tiers(info, when, size, reachable),
        apart={name: rates[name].at(size) for name in APART if name in rates},
        until=next((day for day in changed_on(ref) if day > when.date()), None),
    )


def changes_by_hour(ref: PriceRef) -> bool:
    """Whether the price is another one at some hours of the day."""
    from genai_prices.types import TimeOfDateConstraint

    return any(isinstance(one.constraint, TimeOfDateConstraint) for one in _conditional(ref))


def changed_on(ref: PriceRef) -> tuple[date, ...]:
    """The days since which another price has held, oldest first, as far as genai-prices remembers."""
    from genai_prices.types import StartDateConstraint

    found = _find(ref)
    variants = (found[1].price_variants if found else None) or ()
    constraints = [one.constraint for one in _conditional(ref)]
    constraints += [one.constraint for one in variants if one.when == _BATCH]
    return tuple(sorted({one.start_date for one in constraints if isinstance(one, StartDateConstraint)}))


def _conditional(ref: PriceRef) -> list[ConditionalPrice]:
    """Its prices that hold at some times only."""
    found = _find(ref)
    return found[1].prices if found is not None and isinstance(found[1].prices, list) else []


def _find(ref: PriceRef) -> tuple[Provider, ModelInfo] | None:
    """Its place in genai-prices; `None` = not there."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(ref.model, None, ref.provider, None)
    except LookupError:
        return None


def _has_batches(info: ModelInfo, when: datetime) -> bool:
    return any(
        variant.when == _BATCH and (variant.constraint is None or variant.constraint.active(when))
        for variant in info.price_variants or ()
    )


def _tiers(info: ModelInfo, when: datetime, size: int, reachable: list[int]) -> dict[str, Tier]:
    """The rates of each word for a service tier; its context in steps is that of the plain price."""
    found: dict[str, Tier] = {}
    for variant in info.price_variants or ():
        name, word = next(iter(variant.when.items()), ("", ""))
        if name not in _TIERS or word == "default" or (variant.constraint and not variant.constraint.active(when)):
            continue
        rates = _rates(info.get_prices(when, variant.when))
        if "input_mtok" in rates and "output_mtok" in rates:
            found[word] = Tier(_settling(rates, size), _bounding(rates, reachable))
    return found


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
