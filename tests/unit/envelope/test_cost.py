"""Money: bounds that hold, costs that are told only when they are known."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.schema import Price
from assay.envelope.cost import Cost, bound_usd, charge, cost_usd, engine_cost_usd
from assay.types import Usage

rates = st.floats(min_value=0, max_value=1000, allow_nan=False)
maybe_rates = st.none() | rates
prices = st.builds(Price, input=rates, output=rates, cached_input=maybe_rates, cache_write=maybe_rates)
counts = st.integers(min_value=0, max_value=10**7)
maybe_counts = st.none() | st.integers(min_value=-5, max_value=10**7)
any_usage = st.builds(Usage, input=maybe_counts, output=maybe_counts, cached=maybe_counts, cache_write=maybe_counts)
SONNET = Price(input=3.0, output=15.0, cached_input=0.3, cache_write=3.75)


@st.composite
def consistent(draw: st.DrawFn) -> Usage:
    """A usage whose parts fit into its input."""
    plain, cached, written = draw(counts), draw(counts), draw(counts)
    return Usage(input=plain + cached + written, output=draw(counts), cached=cached, cache_write=written)


def test_cost_by_hand() -> None:
    """1,000 input of which 400 cached and 100 written, and 200 output, at Sonnet's rates."""
    usage = Usage(input=1000, output=200, cached=400, cache_write=100)
    assert cost_usd(SONNET, usage) == pytest.approx((500 * 3 + 400 * 0.3 + 100 * 3.75 + 200 * 15) / 1e6, rel=1e-12)


def test_reasoning_tokens_are_part_of_the_output() -> None:
    """Reasoning is counted once: output includes it."""
    usage = Usage(input=10, output=200, reasoning=150)
    assert cost_usd(SONNET, usage) == cost_usd(SONNET, Usage(input=10, output=200))


def test_bound_by_hand() -> None:
    """Every byte at the dearest input rate, media tokens too, and the full answer."""
    assert bound_usd(SONNET, 1000, 200) == pytest.approx((1000 * 3.75 + 200 * 15) / 1e6, rel=1e-12)
    assert bound_usd(SONNET, 1000, 200, media_tokens=500) == pytest.approx((1500 * 3.75 + 200 * 15) / 1e6, rel=1e-12)


@given(price=prices, usage=consistent(), more_bytes=counts, more_output=counts)
def test_bound_is_never_below_a_cost(price: Price, usage: Usage, more_bytes: int, more_output: int) -> None:
    """Whatever is used within the bound's bytes and limit never costs more than the bound, to the last bit."""
    assert usage.input is not None
    assert usage.output is not None
    cost = cost_usd(price, usage)
    bound = bound_usd(price, usage.input + more_bytes, usage.output + more_output)
    assert bound is not None
    assert cost is None or 0 <= cost <= bound


@given(price=prices, usage=consistent(), more=counts)
def test_cost_grows_with_use(price: Price, usage: Usage, more: int) -> None:
    """More input or output never costs less."""
    cost = cost_usd(price, usage)
    if cost is None:
        return
    assert usage.input is not None
    assert usage.output is not None
    longer = Usage(input=usage.input + more, output=usage.output, cached=usage.cached, cache_write=usage.cache_write)
    wordier = Usage(input=usage.input, output=usage.output + more, cached=usage.cached, cache_write=usage.cache_write)
    for bigger in (longer, wordier):
        dearer = cost_usd(price, bigger)
        assert dearer is not None
        assert dearer >= cost


@given(price=prices, size=counts, limit=counts, more=counts)
def test_bound_grows_with_size(price: Price, size: int, limit: int, more: int) -> None:
    """A longer body, answer or more media never lowers the bound."""
    bound = bound_usd(price, size, limit)
    assert bound is not None
    for bigger in (bound_usd(price, size + more, limit), bound_usd(price, size, limit + more)):
        assert bigger is not None
        assert bigger >= bound
    with_media = bound_usd(price, size, limit, more)
    assert with_media is not None
    assert with_media >= bound


@given(price=st.none() | prices, usage=st.none() | any_usage)
def test_cost_is_never_negative(price: Price | None, usage: Usage | None) -> None:
    """Whatever a host reports, a cost is `None` or at least 0."""
    cost = cost_usd(price, usage)
    assert cost is None or cost >= 0


@given(price=st.builds(Price, input=st.floats(1e-9, 100), output=st.floats(1e-9, 100)), usage=consistent())
def test_unknown_is_never_free(price: Price, usage: Usage) -> None:
    """A cost of 0 comes only from no tokens or a price of 0: an unknown rate or count gives `None`."""
    cost = cost_usd(price, usage)
    if usage.cached or usage.cache_write:
        assert cost is None
    elif usage.input or usage.output:
        assert cost is not None
        assert cost > 0
    assert cost_usd(None, usage) is None
    assert bound_usd(None, 10, 10) is None


@pytest.mark.parametrize(
    "usage",
    [
        None,
        Usage(),
        Usage(input=5),
        Usage(output=5),
        Usage(input=5, output=5, cached=6),
        Usage(input=5, output=5, cached=3, cache_write=3),
        Usage(input=5, output=-1),
        Usage(input=5, output=1, cached=-1),
    ],
)
def test_a_usage_that_does_not_tell_costs_unknown(usage: Usage | None) -> None:
    """Missing or contradicting counts make the cost unknown, not 0 and not a guess."""
    assert cost_usd(SONNET, usage) is None
    assert charge(SONNET, usage, 0.25) == Cost(0.25, "bound")
    assert charge(SONNET, usage, None) == Cost(None, "unknown")


def test_charge_prefers_what_was_measured() -> None:
    """A usage that tells is booked as measured, below its bound."""
    usage = Usage(input=100, output=10)
    assert charge(SONNET, usage, 1.0) == Cost(cost_usd(SONNET, usage), "measured")


@pytest.mark.parametrize(("size", "limit", "media"), [(10, None, 0), (-1, 5, 0), (1, -5, 0), (1, 5, -1)])
def test_no_bound_without_a_limit(size: int, limit: int | None, media: int) -> None:
    """Without a limit of the answer, or with an impossible size, there is no bound."""
    assert bound_usd(SONNET, size, limit, media) is None


@pytest.mark.parametrize(("engine_s", "rate", "expected"), [(1800.0, 0.5, 0.25), (0.0, 0.5, 0.0), (10.0, 0.0, 0.0)])
def test_engine_seconds_cost_by_the_hour(engine_s: float, rate: float, expected: float) -> None:
    """Half an hour at 0.50 USD an hour is 0.25 USD; a rate of 0 is a known 0."""
    assert engine_cost_usd(engine_s, rate) == pytest.approx(expected)


@pytest.mark.parametrize(("engine_s", "rate"), [(None, 1.0), (1.0, None), (nan, 1.0), (inf, 1.0), (-1.0, 1.0)])
def test_engine_cost_unknown(engine_s: float | None, rate: float | None) -> None:
    """Without a rate or a sound measurement, the cost is unknown."""
    assert engine_cost_usd(engine_s, rate) is None
