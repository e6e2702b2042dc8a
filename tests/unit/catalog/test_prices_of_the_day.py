"""Prices of many models at once: looked up once a day, kept, and as if each were asked for alone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.catalog import kept, prices
from assay.catalog.entry import Source
from assay.catalog.load import builtin
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt, PriceRef
from assay.catalog.prices import price_histories, price_now, price_of, price_on, prices_for_length, prices_of
from assay.config.schema import Price

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's cache of its own."""
    monkeypatch.setattr(kept.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path / "assay" / "prices"


def priced_at(*offers: tuple[str, str] | None, **facts: Any) -> Model:
    """A model with hosts that have these price references."""
    hosts = tuple(
        HostedAt(host=f"h{n}", model="m", evidence="x", price=PriceRef(provider=one[0], model=one[1]) if one else None)
        for n, one in enumerate(offers)
    )
    return Model(
        id="m/m", name="m", maker="m", ecosystem="hosted", evidence="x", sources={"x": Source(title="x")}, hosts=hosts,
        **facts,
    )  # fmt: skip


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models whose price is looked up from now on, once for each time."""
    asked: list[str] = []
    real = prices.listed
    monkeypatch.setattr(prices, "listed", lambda ref, *rest: asked.append(ref.model) or real(ref, *rest))
    return asked


def test_all_at_once_is_as_each_alone() -> None:
    """The price of every shipped model, kept or just looked up, is what `price_of` says of its first priced host."""
    first, second = (prices_of(builtin().models, DAY) for _ in range(2))
    assert first == second
    assert first.keys() == {model.id for model in builtin().models}
    for model in builtin().models:
        if model.hosts and model.hosts[0].price is not None and model.hosts[0].price.provider != "deepseek":
            assert first[model.id] == price_of(model, NOON)


def test_what_was_looked_up_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """Later only what is new is asked for, whatever the day; of a model with several hosts, all are."""
    asked = counted(monkeypatch)
    prices_of([priced_at(("openai", "gpt-4o"), ("azure", "gpt-4o"))], DAY)
    first = set(asked)
    assert first == {"gpt-4o"}
    asked.clear()
    prices_of([priced_at(("openai", "gpt-4o"))], date(2026, 11, 24))
    prices_of([priced_at(("azure", "gpt-4o"))], DAY)
    assert asked == []
    prices_of([priced_at(("openai", "gpt-4o")), priced_at(("openai", "o3"))], DAY)
    assert set(asked) == {"o3"}
    assert len(list(own_cache.iterdir())) == 1


def test_a_price_is_that_of_its_day() -> None:
    """A later look at an earlier day finds what held then."""
    model = priced_at(("openai", "o3"))
    for day, output in ((date(2025, 6, 9), 40.0), (date(2025, 6, 10), 8.0), (DAY, 8.0)):
        found = prices_of([model], day)["m/m"].price
        assert found is not None
        assert found.output == output
        assert price_on(model, day).price == found


def test_a_price_tells_when_another_one_begins() -> None:
    """Each step of a history ends where the next one begins; the last one has no end yet."""
    (steps,) = price_histories(priced_at(("openai", "o3"))).values()
    assert len(steps) > 1
    assert [one.price.until for one in steps] == [*(one.since for one in steps[1:]), None]


def test_a_kept_price_needs_no_import_of_the_source(own_cache: Path) -> None:
    """Once kept, a price is told without genai-prices, whose import takes longer than most commands."""
    code = (
        "import sys, datetime, platformdirs;"
        "platformdirs.user_cache_dir = lambda name: sys.argv[1] + '/' + name;"
        "from assay.catalog.load import builtin; from assay.catalog.prices import prices_of;"
        "found = prices_of([builtin().find('gpt-4o')], datetime.date(2026, 11, 23));"
        "print(found['openai/gpt-4o'].price.output, 'genai_prices' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, str(own_cache.parents[1])], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert runs == [["10.0", "True"], ["10.0", "False"]]


def test_other_prices_of_the_same_size_and_time_are_another_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reproducible images give all files one time, so it does not tell an upgrade."""
    monkeypatch.setattr(prices, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    found = []
    for text in ("price = 1", "price = 2"):
        (tmp_path / "data.py").write_text(text)
        os.utime(tmp_path / "data.py", (1, 1))
        prices._digest.cache_clear()
        found.append(prices._edition())
    assert found[0] != found[1]


@pytest.mark.parametrize("broken", [b"{", b'{"openai gpt-4o None": 5}', b'{"openai gpt-4o None": [[1, 2]]}'])
def test_a_broken_cache_is_made_again(own_cache: Path, broken: bytes) -> None:
    """What cannot be read counts as not there."""
    model = priced_at(("openai", "gpt-4o"))
    whole = prices_of([model], DAY)
    (file,) = own_cache.iterdir()
    file.write_bytes(broken)
    assert prices_of([model], DAY) == whole


def test_a_cache_that_cannot_be_written_costs_time_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The price is the same."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kept.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "file" / name))
    found = prices_of([priced_at(("openai", "gpt-4o"))], DAY)["m/m"]
    assert found.price == Price(input=2.5, output=10.0, cached_input=1.25)


def test_the_first_host_with_a_price_counts() -> None:
    """A host without a price says nothing of the others'; own prices need no host."""
    found = prices_of([priced_at(None, ("openai", "gpt-4o-mini"))], DAY)["m/m"]
    assert found.price is not None
    assert found.price.output == 0.6
    own = Price(input=1.0, output=2.0)
    assert prices_of([priced_at(("openai", "gpt-4o"), price_usd_per_mtok=own)], DAY)["m/m"].price == own
    assert prices_of([priced_at()], DAY)["m/m"].price is None


def test_short_requests_have_the_price_of_short_ones() -> None:
    """Where long requests are dearer: up to the step the lower rates, without a note; beyond it the dear ones."""
    models = [builtin().find(name) for name in ("google/gemini-2.5-pro", "openai/gpt-4o")]
    day = date(2026, 11, 26)
    found = prices_of(models, day)
    gemini, plain = (model.id for model in models)
    assert (found[gemini].by_length, found[plain].by_length) == (True, False)
    for tokens in (2_000, 200_000):
        short = prices_for_length(found, models, day, tokens)
        assert short[gemini].price == price_of(models[0], datetime(2026, 11, 26, tzinfo=UTC), input_tokens=tokens).price
        assert (short[gemini].by_length, short[gemini].note) == (False, None)
        assert short[plain] == found[plain]
    for tokens in (200_001, 10**7):
        assert prices_for_length(found, models, day, tokens)[gemini].price == found[gemini].price


def test_a_price_that_changes_by_the_hour_is_the_dearest() -> None:
    """Who plans a day must not count on the cheap hours."""
    model = priced_at(("deepseek", "deepseek-v4-flash"))
    hours = [price_of(model, NOON.replace(hour=hour)).price for hour in range(24)]
    dearest = max(price.output for price in hours if price)
    assert dearest > min(price.output for price in hours if price)
    found = prices_of([model], DAY)["m/m"].price
    assert found is not None
    assert found.output == dearest


def test_the_price_of_a_call_is_that_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """From what is kept; where hours differ, of this very hour, bound by the dearest; each host's own."""
    plain = priced_at(("openai", "gpt-4o"), ("openai", "gpt-4o-mini"))
    asked = counted(monkeypatch)
    for _ in range(2):
        assert price_now(plain).price == Price(input=2.5, output=10.0, cached_input=1.25)
        assert price_now(plain, host="h1").price == Price(input=0.15, output=0.6, cached_input=0.075)
    assert set(asked) == {"gpt-4o", "gpt-4o-mini"}
    moving = priced_at(("deepseek", "deepseek-v4-flash"))
    bound = price_now(moving).bound
    assert bound is not None
    assert bound.output == 1.2
    asked.clear()
    assert price_now(moving).by_hour
    assert asked == ["deepseek-v4-flash"]
    own = Price(input=1.0, output=2.0)
    assert price_now(priced_at(("openai", "gpt-4o"), price_usd_per_mtok=own)).price == own
    assert price_now(priced_at()).price is None


def test_batches_have_a_price_of_their_own() -> None:
    """Where the source names batch rates they are told; what it does not name keeps the plain rate."""
    found = prices_of([priced_at(("openai", "gpt-4o"))], DAY)["m/m"]
    assert found.batch == Price(input=1.25, output=5.0, cached_input=1.25)
    assert prices_of([priced_at(("deepseek", "deepseek-chat"))], DAY)["m/m"].batch is None


def test_the_history_of_a_price_begins_where_the_source_does() -> None:
    """Each host's prices with their first day, oldest first; nothing where nobody knows one."""
    found = price_histories(priced_at(None, ("openai", "o3")))
    steps = [(one.since, one.price.price.output if one.price.price else None) for one in found["h1"]]
    assert set(found) == {"h1"}
    assert steps[:2] == [(None, 40.0), (date(2025, 6, 10), 8.0)]
    assert price_histories(priced_at()) == {}


def test_batch_rates_that_began_later_are_a_step_of_the_history() -> None:
    """Before that day there were none."""
    (steps,) = price_histories(priced_at(("openai", "gpt-4o"))).values()
    assert steps[0].price.batch is None
    assert steps[-1].price.batch is not None


def test_prices_made_up_in_this_process_are_never_kept(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """A price list that was put in place of the shipped one leaves no trace in the cache."""
    from genai_prices import data_snapshot, types

    info = types.ModelInfo(
        id="m", match=types.ClauseEquals(equals="m"),
        prices=types.ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2)),
    )  # fmt: skip
    provider = types.Provider(id="p", name="P", api_pattern="https://p", models=[info])
    snapshot = data_snapshot.DataSnapshot(providers=[provider], from_auto_update=False)
    monkeypatch.setattr(data_snapshot, "_custom_snapshot", snapshot)
    assert prices_of([priced_at(("p", "m"))], DAY)["m/m"].price == Price(input=1.0, output=2.0)
    assert not own_cache.exists()
