"""Tokens at a host's list price: what one request costs, with its cached, written and batched parts.

Where a cheaper rate is not known, its tokens count at the full one and the plan says so. A cached token in a batch
costs what it costs outside: some hosts do not give both discounts together, and none charges more.
"""

from __future__ import annotations

from assay.config.schema import Price
from assay.envelope.band import Band
from assay.envelope.monthly import Line, Tariff
from assay.envelope.overheads import Overheads, staff_lines
from assay.envelope.workload import Workload

__all__ = ["batch_price", "hosted_tariff", "per_request_usd", "token_lines"]

MTOK = 1e6


def batch_price(price: Price, discount: float | None) -> Price | None:
    """The rates of a batch that is cheaper by a share; `None` = no such share is known."""
    if discount is None:
        return None
    given = price.input * (1.0 - discount)
    cached = min(price.cached_input, given) if price.cached_input is not None else None
    written = price.cache_write * (1.0 - discount) if price.cache_write is not None else None
    return Price(input=given, output=price.output * (1.0 - discount), cached_input=cached, cache_write=written)


def token_lines(price: Price, workload: Workload, batch: Price | None = None, basis: str = "list price") -> list[Line]:
    """USD of one request, by what is charged: input, cached input, cache writes, output; batched ones mixed in."""
    return [Line(name, Band.exactly(usd), basis) for name, usd in _charged(price, workload, batch)]


def _charged(price: Price, workload: Workload, batch: Price | None) -> list[tuple[str, float]]:
    share = workload.batch_share if batch is not None else 0.0
    parts = {
        "input": (workload.plain_tokens, price.input, batch.input if batch else 0.0),
        "cached input": (workload.cached_tokens, _cached(price), _cached(batch) if batch else 0.0),
        "cache writes": (workload.written_tokens, _written(price), _written(batch) if batch else 0.0),
        "output": (workload.output_tokens, price.output, batch.output if batch else 0.0),
    }
    return [
        (name, tokens * ((1.0 - share) * rate + share * cheaper) / MTOK)
        for name, (tokens, rate, cheaper) in parts.items()
        if tokens
    ]


def per_request_usd(price: Price, workload: Workload, batch: Price | None = None) -> float:
    """USD of one mean request."""
    return sum(usd for _, usd in _charged(price, workload, batch))


def hosted_tariff(
    price: Price | None,
    workload: Workload,
    overheads: Overheads,
    *,
    batch: Price | None = None,
    fallback: tuple[Line, ...] = (),
    tuning_usd: float = 0.0,
    basis: str = "list price",
) -> Tariff | None:
    """Somebody else's machines, paid by the token.

    Args:
        price: USD per million tokens.
        workload: the work.
        overheads: hours of staff and what else a month brings.
        batch: rates of what may come within a day.
        fallback: USD of one request for the share that a stronger model must answer again.
        tuning_usd: paid once, spread over `overheads.tuning_months`.
        basis: who says what the price is.

    Returns:
        `None` where nobody knows the price.
    """
    if price is None:
        return None
    tokens = token_lines(price, workload, batch, basis)
    evaluation = overheads.evaluation_requests * sum(line.usd.value for line in tokens)
    return Tariff(
        per_request=(*tokens, *fallback),
        per_month=staff_lines(overheads, overheads.hosted, evaluation, tuning_usd),
        days_per_month=workload.days_per_month,
        notes=tuple(_notes(price, workload, batch)),
    )


def _cached(price: Price) -> float:
    return price.cached_input if price.cached_input is not None else price.input


def _written(price: Price) -> float:
    return price.cache_write if price.cache_write is not None else price.input


def _notes(price: Price, workload: Workload, batch: Price | None) -> list[str]:
    notes = []
    if workload.cached_share and price.cached_input is None:
        notes.append("no price of cached input is known: it counts in full")
    if workload.written_share and price.cache_write is None:
        notes.append("no price of cache writes is known: they count as plain input")
    if workload.batch_share and batch is None:
        notes.append("no price of batches is known: they count in full")
    return notes
