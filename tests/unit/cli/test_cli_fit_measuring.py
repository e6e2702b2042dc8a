"""What `assay fit --measure` says of a measurement."""

from assay.cli.fit_measuring import told
from assay.evals.runs.measuring import Measured


def a_measurement(*, disturbed: bool) -> Measured:
    """One of nine answers, that had half of the processors at a slow pace."""
    return Measured(
        decode_tok_s=20.0, prefill_tok_s=150.0, memory_bytes=100, prompt_tokens=300, threads=1, share=0.5, answers=9,
        disturbed=disturbed, pace=0.6, best_pace=9.0, load_s=None, rates=(15.0, 21.0),
    )  # fmt: skip


def test_the_range_of_a_repeat_is_told() -> None:
    """A tenth to both sides where it was quiet, and nothing of other work."""
    assert told(a_measurement(disturbed=False)) == [
        "20.0 tokens/s (median of 9; 15.0 to 21.0 as timed), 1 thread; expect 18.0 to 22.0 of a repeat"
    ]


def test_a_disturbed_measurement_warns_and_has_a_wider_range() -> None:
    """Twice the range, and what the machine had left for the engine."""
    figure, warning = told(a_measurement(disturbed=True))
    assert "expect 16.0 to 24.0 of a repeat" in figure
    assert "50% of their processor time, at 60% of the best pace seen here" in warning
