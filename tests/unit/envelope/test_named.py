"""What a name stands for: models at list prices of the right size, deployments at theirs, prices that were given."""

from __future__ import annotations

from datetime import date

import pytest

from assay.catalog.load import builtin
from assay.config.schema import Config, Deployment, Price
from assay.envelope.named import named, own_price
from assay.errors import CatalogError, ConfigError

DAY = date(2026, 11, 26)
OWN = Price(input=7.0, output=8.0)
CONFIG = Config(
    deployments={
        "ours": Deployment(model="openai/gpt-4o-mini", host="openai", price_usd_per_mtok=OWN, batch_discount=0.25),
        "listed": Deployment(model="openai/gpt-4o-mini", host="openai"),
        "engine": Deployment(model="huggingfacetb/smollm2-135m-instruct", dialect="local"),
        "stranger": Deployment(model="acme/nobody-knows", dialect="openai", base_url="https://acme.example/v1"),
    }
)


def test_short_requests_have_the_price_of_short_ones() -> None:
    """Where long prompts are dearer, a mean request far below the step is not charged as one above it."""
    short, long = (named(("gemini-2.5-pro",), builtin(), None, DAY, input_tokens=n)[0] for n in (1000, 300_000))
    assert short.rate is not None
    assert long.rate is not None
    assert short.rate.input < long.rate.input
    assert short.note is None
    assert str(long.note).startswith("dearer above")


def test_a_deployment_has_its_own_price_and_discount() -> None:
    """What the configuration says wins over every list; without it the list counts, with its date."""
    ours, listed = named(("ours", "listed"), builtin(), CONFIG, DAY, input_tokens=100)
    assert (ours.rate, ours.discount, ours.basis) == (OWN, 0.25, "your price")
    assert ours.batch == Price(input=5.25, output=6.0)
    assert listed.rate is not None
    assert listed.rate != OWN
    assert "genai-prices" in listed.basis


def test_an_engine_and_a_stranger_have_no_price() -> None:
    """Weights that run here have no host; what the catalogue does not know has no list price."""
    engine, stranger = named(("engine", "stranger"), builtin(), CONFIG, DAY, input_tokens=100)
    assert (engine.rate, engine.is_open) == (None, True)
    assert (stranger.rate, stranger.model, stranger.is_open) == (None, None, True)


def test_without_names_it_is_the_deployments_else_whoever_has_a_price() -> None:
    """The configuration's own ones; without one every hosted model of a known price, none of them retired."""
    assert [one.name for one in named((), builtin(), CONFIG, DAY, input_tokens=100)] == list(CONFIG.deployments)
    everybody = named((), builtin(), None, DAY, input_tokens=100)
    assert len(everybody) > 20
    assert all(one.rate is not None and one.model is not None and one.model.status != "retired" for one in everybody)


def test_a_given_price_makes_a_candidate_of_any_name() -> None:
    """Who is given a price need not be known; it is nobody's weights then."""
    [one] = named((), builtin(), None, DAY, input_tokens=100, own=dict([own_price("theirs=1/0.5/2")]))
    assert (one.name, one.rate, one.is_open) == ("theirs", Price(input=1.0, cached_input=0.5, output=2.0), False)


def test_an_unknown_name_shows_the_nearest() -> None:
    """Deployments and models alike."""
    with pytest.raises(CatalogError, match="'listed'"):
        named(("listd",), builtin(), CONFIG, DAY, input_tokens=100)
    with pytest.raises(CatalogError, match="gpt-4o-mini"):
        named(("gpt-4o-mimi",), builtin(), CONFIG, DAY, input_tokens=100)


@pytest.mark.parametrize("text", ["x", "x=1", "=1/2", "x=a/b", "x=1/2/3/4", "x=-1/2", "x=1/inf", "x=nan/1"])
def test_a_price_of_another_form_is_refused(text: str) -> None:
    """Two or three numbers of 0 or more behind a name."""
    with pytest.raises(ConfigError, match="NAME=IN/OUT"):
        own_price(text)
