"""List prices: found, dated, in steps, and unknown."""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from assay.catalog.entry import Source
from assay.catalog.load import builtin, read
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt, PriceRef
from assay.catalog.overview import overview
from assay.catalog.prices import price_of
from assay.config.schema import Price

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def model_priced_as(provider: str, name: str, context_tokens: int | None = None) -> Model:
    """A hosted model whose price is looked up under these names."""
    offer = HostedAt(host=provider, model=name, evidence="x", price=PriceRef(provider=provider, model=name))
    return Model(
        id="some/model", name="x", maker="x", ecosystem="hosted", evidence="x", sources={"x": Source(title="x")},
        hosts=(offer,), context_tokens=context_tokens,
    )  # fmt: skip


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes genai-prices know one made-up model with the given rates."""
    from genai_prices import data_snapshot, types

    def put(context: str = "verified on 2026-10-12", **rates: Any) -> Model:
        info = types.ModelInfo(
            id="m", match=types.ClauseEquals(equals="m"), prices=types.ModelPrice(**rates), price_comments=context
        )
        provider = types.Provider(id="p", name="P", api_pattern="https://p", models=[info])
        snapshot = data_snapshot.DataSnapshot(providers=[provider], from_auto_update=False)
        monkeypatch.setattr(data_snapshot, "_custom_snapshot", snapshot)
        return model_priced_as("p", "m", 1_000_000)

    return put


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", Price(input=3.0, output=15.0, cached_input=0.3, cache_write=3.75)),
        ("anthropic/claude-haiku-4-5", Price(input=1.0, output=5.0, cached_input=0.1, cache_write=1.25)),
        ("openai/gpt-4o", Price(input=2.5, output=10.0, cached_input=1.25)),
        ("openai/gpt-4o-mini", Price(input=0.15, output=0.6, cached_input=0.075)),
    ],
)
def test_list_prices_of_the_shipped_hosted_models(name: str, expected: Price) -> None:
    """Prices are those of six cross-checked catalogues, with source and date."""
    found = price_of(builtin().find(name), NOW)
    assert found.price == expected
    assert found.source.startswith("genai-prices ")
    assert found.as_of is not None
    assert found.as_of >= "2026-10-12"


def test_steps_past_the_context_do_not_count() -> None:
    """Rates above 200k tokens cannot be reached in a context of 200k, and the note says so."""
    found = price_of(builtin().find("anthropic/claude-sonnet-4-5"), NOW)
    assert found.note is not None
    assert "past the model's context" in found.note


def test_one_hour_cache_writes_are_in_the_bound() -> None:
    """The bound holds even for the dearest way of writing a cache, which settling does not assume."""
    found = price_of(builtin().find("anthropic/claude-sonnet-4-5"), NOW)
    assert found.bound is not None
    assert found.bound.cache_write == 6.0


def test_steps_by_context_take_the_dearest_that_can_be_reached(listed: Any) -> None:
    """Without a size the dearest reachable rate counts and is said; with one, the rate of that size."""
    from genai_prices.types import Tier, TieredPrices

    steps = TieredPrices(base=Decimal(1), tiers=[Tier(start=200_000, price=Decimal(2))])
    model = listed(input_mtok=steps, output_mtok=Decimal(5))
    found = price_of(model, NOW)
    assert found.price is not None
    assert found.price.input == 2.0
    assert found.note is not None
    assert "dearer above 200000" in found.note
    for size, rate in ((200_000, 1.0), (200_001, 2.0)):
        small = price_of(model, NOW, input_tokens=size).price
        assert small is not None
        assert small.input == rate


def test_a_dearer_medium_is_in_the_bound(listed: Any) -> None:
    """Audio tokens that cost more than text raise the bound, not the text rate."""
    model = listed(input_mtok=Decimal(1), input_audio_mtok=Decimal(40), output_mtok=Decimal(5))
    found = price_of(model, NOW)
    assert found.price is not None
    assert found.price.input == 1.0
    assert found.bound is not None
    assert found.bound.input == 40.0


@pytest.mark.parametrize(
    "rates",
    [
        {"input_mtok": Decimal(1)},
        {"output_mtok": Decimal(1)},
        {"input_mtok": Decimal(1), "output_mtok": Decimal(1), "requests_kcount": Decimal(5)},
    ],
)
def test_what_is_not_priced_per_token_is_unknown(listed: Any, rates: dict[str, Decimal]) -> None:
    """A missing rate is never 0, and a fee per request cannot be told in a price per token."""
    found = price_of(listed(**rates), NOW)
    assert found.price is None
    assert found.bound is None
    assert found.note


@pytest.mark.parametrize("provider", ["openai", "nobody-at-all"])
def test_unknown_to_the_source_is_unknown(provider: str) -> None:
    """A model or host that the price list does not have costs `None`, with the reason."""
    found = price_of(model_priced_as(provider, "no-such-model-xyz"), NOW)
    assert found.price is None
    assert found.note is not None
    assert "does not know" in found.note


def test_open_weights_have_no_list_price() -> None:
    """What runs at home has no host's price, and that is not 0."""
    found = price_of(builtin().find("smollm2-135m-instruct"), NOW)
    assert found.price is None
    assert found.note is not None


def test_a_price_in_a_teams_own_file_counts() -> None:
    """A negotiated price in a catalogue file wins over the list and carries its own source and date."""
    text = b"""
as_of = "2026-11-01"
sources = { deal = { title = "contract 17" } }
[[models]]
id = "openai/gpt-4o"
name = "x"
maker = "OpenAI"
ecosystem = "hosted"
price_usd_per_mtok = { input = 2.0, output = 8.0 }
evidence = "deal"
"""
    found = price_of(read(text, "own.toml").models[0], NOW)
    assert found.price == Price(input=2.0, output=8.0)
    assert (found.source, found.as_of) == ("contract 17", "2026-11-01")


def test_overview_shows_prices_when_asked() -> None:
    """With a time the rows carry list prices with source and date."""
    rows = {row["id"]: row for row in overview(builtin(), NOW.date())}
    assert rows["openai/gpt-4o"]["input_usd_per_mtok"] == 2.5
    assert rows["openai/gpt-4o"]["price_as_of"] is not None
    assert rows["google/gemma-3-270m"]["input_usd_per_mtok"] is None


def test_no_background_updater_runs() -> None:
    """Looking a price up starts no thread and touches no network: nothing phones home."""
    import threading

    price_of(builtin().find("openai/gpt-4o"), NOW)
    assert "genai_prices" in sys.modules
    assert not [thread for thread in threading.enumerate() if "price" in thread.name.lower()]
