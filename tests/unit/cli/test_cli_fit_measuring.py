"""What `assay fit --measure` says of a measurement."""

from assay.cli.fit_measuring import told
from assay.evals.runs.measuring import Measured


def a_measurement(mean_tok_s: float) -> Measured:
    """One of two answers, that had half of the processors' time."""
    return Measured(
        decode_tok_s=20.0, mean_tok_s=mean_tok_s, prefill_tok_s=150.0, memory_bytes=100, prompt_tokens=300, threads=1,
        share=0.5, load_s=None, rates=(15.0, 21.0),
    )  # fmt: skip


def test_the_range_of_a_repeat_is_told() -> None:
    """A tenth to both sides where it was quiet, and nothing of other work."""
    assert told(a_measurement(19.0)) == [
        "20.0 tokens/s (ninth decile of 2 answers; 19.0 on average), 1 thread; expect 18.0 to 22.0 of a repeat"
    ]


def test_a_disturbed_measurement_warns_and_has_a_wider_range() -> None:
    """Twice the range, and what the machine had left for the engine."""
    figure, warning = told(a_measurement(12.0))
    assert "12.0 on average" in figure
    assert "expect 16.0 to 24.0 of a repeat" in figure
    assert "left them 50% of their processor time" in warning
