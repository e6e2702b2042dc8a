"""Published figures on one scale: what links them, how wide the range is, and what is left out."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.file import read
from assay.catalog.load import Catalog, builtin
from assay.catalog.model import Benchmark, Model
from assay.catalog.weather import NEEDS, Weather, standing
from assay.errors import CatalogError

SOURCE = {"us": {"title": "invented"}}


def model(name: str, figures: Mapping[str, float], **more: str) -> Model:
    """A model with figures in percent."""
    toml = f'as_of = "2026-11-01"\n[sources.us]\ntitle = "invented"\n[[models]]\nid = "x/{name}"\nname = "{name}"\n'
    toml += 'maker = "X"\necosystem = "hosted"\nevidence = "us"\n'
    for benchmark, score in figures.items():
        rest = "".join(f'{key} = "{value}"\n' for key, value in more.items())
        toml += f'[[models.benchmarks]]\nname = "{benchmark}"\nscore = {score}\nevidence = "us"\n{rest}'
    return read(toml.encode(), "x.toml").models[0]


def percent(ability: float, difficulty: float) -> float:
    """The score that Rasch's model gives."""
    return 100 / (1 + math.exp(difficulty - ability))


def test_models_measured_on_different_benchmarks_are_put_in_their_true_order() -> None:
    """The best one, measured on the hard benchmark only, stands above all; ranks within benchmarks would not say so."""
    truth = [n / 2 for n in range(12)]
    models = []
    for n, ability in enumerate(truth):
        asked = {}
        if n < 8:
            asked["mmlu-pro"] = percent(ability, 1.0)
        if n >= 4:
            asked["gpqa-diamond"] = percent(ability, 4.0)
        models.append(model(f"m{n}", asked))
    weather = Weather(models)
    shares = [found.share for one in models if (found := weather.standing(one, "reasoning")) is not None]
    assert shares == sorted(shares)
    assert weather.difficulty["gpqa-diamond"] > weather.difficulty["mmlu-pro"] + 2


def test_the_range_holds_the_middle_and_is_wider_with_fewer_figures() -> None:
    """One figure says less than three that agree."""
    random.seed(3)
    names = ("mmlu-pro", "ifeval", "mmlu")
    models = [
        model(f"m{n}", {name: percent(n / 3 + random.gauss(0, 0.4), place) for place, name in enumerate(names)})
        for n in range(12)
    ]
    few = model("few", {"mmlu-pro": percent(2.0, 0)})
    weather = Weather([*models, few])
    one, three = weather.standing(few, "chat"), weather.standing(models[6], "chat")
    assert one is not None
    assert three is not None
    assert one.low <= one.share <= one.high
    assert len(one.figures) == 1
    assert weather.scatter > 0.1


def test_no_figure_that_speaks_of_the_need_is_no_standing() -> None:
    """A model without figures, or with figures of something else, stands nowhere."""
    models = [model(f"m{n}", {"mmmu": 50 + n, "mmlu": 60 + n}) for n in range(6)]
    weather = Weather([*models, model("none", {}), model("other", {"humaneval": 70})])
    assert weather.standing(model("none", {}), "chat") is None
    assert weather.standing(models[0], "code") is None
    assert weather.standing(models[0], "multimodal") is not None


def test_a_benchmark_that_few_models_have_compares_nobody() -> None:
    """Four figures of one benchmark are left out: nothing tells how hard it is."""
    models = [model(f"m{n}", {"mt-bench": 20.0 * n + 10}) for n in range(4)]
    assert Weather(models).standing(models[0], "chat") is None


def test_figures_with_help_are_left_out() -> None:
    """A model that was asked with tools is not compared with those that had none."""
    models = [model(f"m{n}", {"hle": 10.0 + n}) for n in range(6)]
    helped = model("helped", {"hle": 70.0}, setting="with tools")
    weather = Weather([*models, helped])
    assert weather.standing(helped, "reasoning") is None
    assert weather.standing(models[3], "reasoning") is not None


def test_standing_tells_count_age_and_whose_figures_they_are() -> None:
    """The figures, how many are by others than the maker, and their oldest and newest day."""
    models = [
        model(f"m{n}", {"mmlu-pro": 40.0 + n, "ifeval": 50.0 + n}, by="other", as_of="2026-01-02") for n in range(5)
    ]
    found = Weather(models).standing(models[1], "chat")
    assert found is not None
    assert (found.models, found.by_others, found.oldest, found.newest) == (5, 2, "2026-01-02", "2026-01-02")
    assert [one.name for one in found.figures] == ["ifeval", "mmlu-pro"]


def test_an_elo_difference_is_odds() -> None:
    """400 points are as much as the logits of odds of ten to one, by Elo's definition."""
    low, high = (Benchmark(name="arena-elo", score=score, evidence="us", unit="elo") for score in (1000.0, 1400.0))
    from assay.catalog.weather import _logit

    assert _logit(high) - _logit(low) == pytest.approx(math.log(10))


def test_an_unknown_need_names_the_nearest() -> None:
    """A typing mistake is answered with the need that was probably meant."""
    with pytest.raises(CatalogError, match="did you mean 'reasoning'"):
        standing(builtin().models[0], builtin(), "reasonin")


@given(st.lists(st.dictionaries(st.sampled_from(sorted(NEEDS["chat"])), st.floats(0, 100)), min_size=1, max_size=8))
def test_shares_are_shares_whatever_the_figures(rows: list[dict[str, float]]) -> None:
    """0 and 100 %, few or contradicting figures: every share is between 0 and 1, within its own range."""
    models = [
        model(f"m{n}", {name: score for name, score in row.items() if name != "arena-elo"})
        for n, row in enumerate(rows)
    ]
    weather = Weather(models)
    for one in models:
        found = weather.standing(one, "chat")
        assert found is None or 0 <= found.low <= found.share <= found.high <= 1


def test_the_shipped_figures_hang_together() -> None:
    """In the shipped catalogue a large model of a family stands above its small one, and old ones low."""
    catalog = builtin()
    pairs = (
        ("meta-llama/llama-3.1-70b-instruct", "meta-llama/llama-3.1-8b-instruct"),
        ("qwen/qwen2.5-72b-instruct", "qwen/qwen2.5-0.5b-instruct"),
    )
    for large, small in pairs:
        up, down = (standing(catalog.find(name), catalog, "general") for name in (large, small))
        assert up is not None
        assert down is not None
        assert up.share > down.share


def test_a_catalogue_without_figures_has_no_weather() -> None:
    """Nothing is made up where nobody measured."""
    weather = Weather([model("a", {})])
    assert weather.difficulty == {}
    assert Catalog([]).models == ()
