"""Speed of a model: by hand, as ranges, and unknown where a fact is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.envelope.quantisation import quantisation_of
from assay.envelope.shape import shape_of
from assay.envelope.sizes import sizes_of
from assay.envelope.speed import COMPUTE, DENSE, MIXTURE, SMALL, Speed, speed, speed_of
from fit_facts import a_machine, a_model


def of(model: object = None, **given: object) -> Speed:
    """The speed of a model on a machine; both are those of `fit_facts` where nothing else is said."""
    asked: dict[str, object] = {
        "quantisation": "bf16",
        "context_tokens": 0,
        "sequences": 1,
        "prompt_tokens": 1000,
        **given,
    }
    machine = asked.pop("machine", a_machine())
    found = speed(model or a_model(), machine, **asked)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_decoding_reads_the_weights_once_a_token() -> None:
    """Bytes by a share of the bandwidth, and a small part for the arithmetic."""
    decode = of().decode_tok_s
    read_s = 8_030_261_248 * 2 / (DENSE.value * 1e12)
    work_s = 2 * 8_030_261_248 / (COMPUTE.value * 1e14)
    assert decode.value == pytest.approx(1 / (read_s + work_s))
    assert decode.low < decode.value < decode.high
    assert decode.unit == "tok/s"
    assert "0.58 (0.38 to 0.86) of the bandwidth for a dense model" in decode.method


def test_the_cache_is_read_too() -> None:
    """At half of the context on average."""
    read_s = (8_030_261_248 * 2 + 32 * 2 * 8 * 128 * 2 * 32_768) / (DENSE.value * 1e12)
    work_s = 2 * 8_030_261_248 / (COMPUTE.value * 1e14)
    assert of(context_tokens=65_536).decode_tok_s.value == pytest.approx(1 / (read_s + work_s))


def test_the_first_token_waits_for_the_prompt() -> None:
    """Prompt by the rate of prefill, and one step; the slow end of the rates is the high end of the time."""
    found = of()
    assert found.prefill_tok_s is not None
    assert found.first_token_s is not None
    forward = 2 * (8_030_261_248 - 128_256 * 4096)
    assert found.prefill_tok_s.value == pytest.approx(COMPUTE.value * 1e14 / forward)
    step_s = 1 / found.decode_tok_s.value
    assert found.first_token_s.value == pytest.approx(1000 / found.prefill_tok_s.value + step_s)
    assert found.first_token_s.low < found.first_token_s.value < found.first_token_s.high
    assert found.first_token_s.high == pytest.approx(1000 / found.prefill_tok_s.low + 1 / found.decode_tok_s.low)


def test_weights_of_nothing_have_no_speed() -> None:
    """A file may hold a vocabulary only."""
    shape = shape_of(a_model())
    sizes = sizes_of(a_model(), shape, quantisation_of("bf16"))
    assert sizes is not None
    empty = shape._replace(parameters=0, active=0)
    assert speed_of(empty, sizes, a_machine(), context_tokens=0, sequences=1, prompt_tokens=9) is None


def test_classes_of_models_have_their_own_efficiency() -> None:
    """Small models and mixtures of experts reach less of the bandwidth."""
    small = of(a_model(parameters=1_000_000_000))
    mixture = of(a_model(mixture_of_experts=True, active_parameters=3_000_000_000, experts=64, experts_used=4))
    assert f"{SMALL.value:g} ({SMALL.low:g}" in small.decode_tok_s.method
    assert f"{MIXTURE.value:g} ({MIXTURE.low:g}" in mixture.decode_tok_s.method
    assert mixture.decode_tok_s.high / mixture.decode_tok_s.low > 3


def test_a_mixture_reads_what_is_active() -> None:
    """One sequence reads the active share of the weights; many read nearly all experts, each once."""
    facts = {"mixture_of_experts": True, "active_parameters": 1_000_000_000, "experts": 64, "experts_used": 4}
    one = of(a_model(**facts))
    read_s = 1_000_000_000 * 2 / (MIXTURE.value * 1e12)
    work_s = 2 * 1_000_000_000 / (COMPUTE.value * 1e14)
    assert one.decode_tok_s.value == pytest.approx(1 / (read_s + work_s), rel=0.01)
    many = of(a_model(**facts), sequences=1000)
    all_s = 8_030_261_248 * 2 / (MIXTURE.value * 1e12) + 1000 * work_s
    assert many.most_tok_s.value == pytest.approx(1000 / all_s, rel=0.01)


def test_several_devices_are_a_range() -> None:
    """From one after the other to all at once."""
    one, two = of(), of(machine=a_machine(count=2, bandwidth_bytes_s=2e12, flops=2e14))
    assert two.decode_tok_s.low == pytest.approx(one.decode_tok_s.low)
    assert two.decode_tok_s.high == pytest.approx(2 * one.decode_tok_s.high)
    assert one.decode_tok_s.value < two.decode_tok_s.value < 2 * one.decode_tok_s.value
    assert "2 devices" in two.decode_tok_s.method


def test_doubt_widens_the_range_and_leaves_the_value() -> None:
    """Figures of a machine that were assumed are not taken for a data sheet's."""
    sure, doubted = of(), of(machine=a_machine(doubt=2.0))
    assert doubted.decode_tok_s.value == pytest.approx(sure.decode_tok_s.value)
    assert doubted.decode_tok_s.high == pytest.approx(2 * sure.decode_tok_s.high)
    assert doubted.decode_tok_s.low == pytest.approx(sure.decode_tok_s.low / 2)
    assert "within x2" in doubted.decode_tok_s.method


def test_what_is_not_known_is_not_guessed() -> None:
    """Without bandwidth or size there is no speed; without FLOPS none of a prompt."""
    asked = {"quantisation": "bf16", "context_tokens": 0}
    assert speed(a_model(), a_machine(bandwidth_bytes_s=None), **asked) is None  # type: ignore[arg-type]
    assert speed(a_model(parameters=None), a_machine(), **asked) is None  # type: ignore[arg-type]
    assert speed(a_model(precision=None), a_machine(), quantisation=None, context_tokens=0) is None
    found = of(machine=a_machine(flops=None))
    assert (found.prefill_tok_s, found.first_token_s) == (None, None)


@given(st.integers(1, 4096), st.integers(0, 1 << 17), st.integers(1, 1 << 17))
def test_more_at_once_is_never_less_in_all_and_never_faster_each(count: int, context: int, prompt: int) -> None:
    """All together write at least what one writes, each of them at most that; ranges are in order."""
    found = of(sequences=count, context_tokens=context, prompt_tokens=prompt)
    assert found.most_tok_s.value >= found.decode_tok_s.value * 0.999
    assert found.most_tok_s.value / count <= found.decode_tok_s.value * 1.001
    for one in found:
        assert one is not None
        assert 0 < one.low <= one.value <= one.high
