"""The work: what it adds up to, and what cannot be."""

import pytest
from msgspec import structs

from assay.envelope.workload import Workload
from assay.errors import ConfigError

WORK = Workload(requests_per_day=100, input_tokens=1000, output_tokens=50, cached_share=0.4, written_share=0.1)


def test_input_is_told_apart() -> None:
    """Cached, written and plain tokens are the whole input, each counted once."""
    assert (WORK.cached_tokens, WORK.written_tokens, WORK.plain_tokens) == (400, 100, 500)
    assert WORK.requests_per_month == pytest.approx(3040)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requests_per_day", -1), ("input_tokens", float("nan")), ("output_tokens", float("inf")),
        ("cached_share", 1.4),
        ("batch_share", -0.1), ("peak_factor", 0.5), ("peak_factor", 25), ("days_per_month", 40),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(field: str, value: float) -> None:
    """A figure outside its range names itself and the range: units mixed up are found here."""
    with pytest.raises(ConfigError, match=rf"{field} is .*expected a number from"):
        structs.replace(WORK, **{field: value})


def test_parts_cannot_exceed_the_whole() -> None:
    """More cached and written tokens than input, or an instruction longer than it, are refused."""
    with pytest.raises(ConfigError, match="more than all input"):
        structs.replace(WORK, cached_share=0.9, written_share=0.2)
    with pytest.raises(ConfigError, match="count the whole input"):
        structs.replace(WORK, instruction_tokens=1001)


def test_batches_flatten_the_peak() -> None:
    """What waits for quiet hours needs no machine of its own; a day of batches only has no peak."""
    assert structs.replace(WORK, peak_factor=3, batch_share=0.5).effective_peak == 1.5
    assert structs.replace(WORK, peak_factor=3, batch_share=0.9).effective_peak == 1.0


def test_a_learnt_instruction_is_taken_out_of_the_cache_first() -> None:
    """The instruction is what a prompt cache holds: without it fewer tokens are cached, and no more than there are."""
    learnt = structs.replace(WORK, instruction_tokens=300).without_instruction()
    assert (learnt.input_tokens, learnt.instruction_tokens) == (700, 0)
    assert learnt.cached_tokens == pytest.approx(100)
    assert learnt.plain_tokens == pytest.approx(500)
    everything = structs.replace(WORK, instruction_tokens=1000).without_instruction()
    assert everything.input_tokens == everything.cached_tokens == 0
