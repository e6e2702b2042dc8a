"""First guesses: ordered, banded, said to be guesses."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.load import builtin
from assay.config.schema import Deployment, Price
from assay.envelope.answer_cost import CORE, expected_cost, prior_cost_rank
from assay.envelope.cost import bound_usd
from assay.envelope.estimate import Estimate
from assay.envelope.speed import speed

SMALL = builtin().find("smollm2-135m-instruct")
BIGGER = builtin().find("qwen2.5-coder-1.5b-instruct")
LOCAL = Deployment(model=SMALL.id, dialect="local")
REMOTE = Deployment(model="openai/gpt-4o", dialect="openai")
MINI = Price(input=0.15, output=0.6, cached_input=0.075)


@given(size=st.integers(0, 10**7), limit=st.none() | st.integers(1, 10**5))
def test_the_band_holds_the_value(size: int, limit: int | None) -> None:
    """Low <= value <= high for both kinds of estimate, and nothing is negative."""
    for found in (expected_cost(REMOTE, None, MINI, size, limit), expected_cost(LOCAL, SMALL, None, size, limit)):
        assert found is not None
        assert 0 <= found.low <= found.value <= found.high


def test_a_priced_estimate_ends_at_the_bound() -> None:
    """In USD, the band reaches up to what is reserved for the call."""
    found = expected_cost(REMOTE, None, MINI, 4000, 100)
    assert found is not None
    assert found.unit == "usd"
    assert found.high == bound_usd(MINI, 4000, 100)
    assert "assumed" in found.method


def test_seconds_agree_with_what_was_measured() -> None:
    """SmolLM2 took 402/151 + 48/53 CPU seconds for 402 prompt and 48 answer tokens (docs/LOG.md)."""
    found = expected_cost(LOCAL, SMALL, None, 4 * 402, 2 * 48)
    assert found is not None
    assert found.unit == "s"
    measured_s = 402 / 151 + 48 / 53
    assert found.value == pytest.approx(measured_s, rel=0.25)
    assert found.low < measured_s < found.high
    assert "not measured here" in found.method


def test_seconds_are_those_of_the_speed_that_fit_tells() -> None:
    """One formula for both: the prompt by its rate of reading, half of the allowed answer by its rate of writing."""
    found = expected_cost(LOCAL, SMALL, None, 4 * 1000, 2 * 100)
    rate = speed(SMALL, CORE, quantisation="Q4_1", context_tokens=2 * 1000 + 100, prompt_tokens=1000)
    assert found is not None
    assert rate is not None
    assert rate.prefill_tok_s is not None
    assert found.value == pytest.approx(1000 / rate.prefill_tok_s.value + 100 / rate.decode_tok_s.value)
    assert rate.decode_tok_s.method in found.method


def test_an_hourly_rate_turns_seconds_into_usd() -> None:
    """With `usd_per_hour` a local engine is compared in USD."""
    seconds = expected_cost(LOCAL, SMALL, None, 1000, 100)
    paid = expected_cost(msgspec.structs.replace(LOCAL, usd_per_hour=0.36), SMALL, None, 1000, 100)
    assert seconds is not None
    assert paid is not None
    assert paid.unit == "usd"
    assert paid.value == pytest.approx(seconds.value * 1e-4)


def test_bigger_weights_take_longer() -> None:
    """At equal work the larger model is estimated slower, with and without a known file size."""
    small, bigger = (expected_cost(LOCAL, model, None, 1000, 100) for model in (SMALL, BIGGER))
    unsized = expected_cost(LOCAL, msgspec.structs.replace(BIGGER, weights=()), None, 1000, 100)
    assert small is not None
    assert bigger is not None
    assert unsized is not None
    assert small.value < min(bigger.value, unsized.value)


def test_active_parameters_count_for_a_mixture_of_experts() -> None:
    """What a mixture reads per token is its active share, not the whole file."""
    mixture = msgspec.structs.replace(BIGGER, mixture_of_experts=True, active_parameters=150_000_000)
    whole, active = (expected_cost(LOCAL, model, None, 1000, 100) for model in (BIGGER, mixture))
    assert whole is not None
    assert active is not None
    assert active.value < whole.value / 5


def test_nothing_known_gives_no_estimate() -> None:
    """Without a price, and without facts of a local model, there is nothing to estimate from."""
    assert expected_cost(REMOTE, builtin().find("openai/gpt-4o"), None, 1000, 100) is None
    assert expected_cost(LOCAL, None, None, 1000, 100) is None
    assert expected_cost(LOCAL, msgspec.structs.replace(SMALL, parameters=None), None, 1000, 100) is None


def test_a_missing_limit_is_said() -> None:
    """An assumed length of the answer stands in the method."""
    found = expected_cost(REMOTE, None, MINI, 1000, None)
    assert found is not None
    assert "no limit given" in found.method


def test_rank_goes_from_cheap_to_dear() -> None:
    """Own seconds come first, then USD by value, then what nobody can tell; ties keep their order."""

    def guess(value: float, unit: str) -> Estimate:
        return Estimate(value, value, value, "test", unit)  # type: ignore[arg-type]

    ranked = prior_cost_rank(
        {"unknown": None, "dear": guess(2, "usd"), "slow": guess(9, "s"), "cheap": guess(1, "usd"),
         "fast": guess(1, "s"), "cheap too": guess(1, "usd")}
    )  # fmt: skip
    assert ranked == ("fast", "slow", "cheap", "cheap too", "dear", "unknown")
