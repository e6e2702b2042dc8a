"""What short answers on a machine come to: medians, other work, and what cannot be told."""

from typing import Any

import pytest

from assay.errors import EvalError
from assay.evals.runs.measuring import summary
from assay.inference.asking import TimedCall


def a_call(rate: float | None = 20.0, processors: float = 1.0, **given: Any) -> TimedCall:
    """An answer of 32 tokens in two seconds, during which so many processors were busy."""
    values: dict[str, Any] = {
        "request_id": "r", "deployment": "m", "error": None, "text": "x", "finish": "length", "first_token_s": 0.5,
        "total_s": 2.0, "load_s": None, "input_tokens": 30, "cached_tokens": 0, "output_tokens": 32,
        "tokens_per_s": 16.0, "decode_tokens_per_s": rate, "tries": 1, "usd": None, "cost_basis": "none",
        "engine_s": 2.0 * processors,
    }  # fmt: skip
    return TimedCall(**{**values, **given})


LONG = a_call(None, input_tokens=400, cached_tokens=20, first_token_s=1.9, output_tokens=1)


def test_quiet_answers_count_and_disturbed_ones_do_not() -> None:
    """The median of those during which nothing else ran."""
    calls = [a_call(20.0), a_call(22.0), a_call(21.0), a_call(3.0, 0.2), a_call(5.0, 0.3)]
    found = summary("m", calls, LONG, memory_bytes=100)
    assert (found.decode_tok_s, found.answers, found.disturbed, found.threads) == (21.0, 3, False, 1)
    assert (found.prefill_tok_s, found.prompt_tokens, found.memory_bytes) == (380 / 1.9, 400, 100)
    assert found.rates == (20.0, 22.0, 21.0, 3.0, 5.0)


def test_other_work_is_corrected_for_and_marked() -> None:
    """An engine with half of its processor time would be twice as fast alone; all times are shared so."""
    calls = [a_call(10.0, 0.5), a_call(5.0, 0.25), a_call(8.0, 0.4), a_call(20.0, 1.0)]
    found = summary("m", calls, a_call(None, 0.5, input_tokens=100, first_token_s=2.0))
    assert (found.decode_tok_s, found.answers, found.disturbed) == (20.0, 4, True)
    assert found.prefill_tok_s == 100.0
    assert found.share == pytest.approx(0.45)


def test_threads_are_told_or_seen() -> None:
    """Two threads that had one processor are disturbed; without being told, the busiest answer says how many."""
    told = summary("m", [a_call(10.0, 1.0)] * 5, LONG, threads=2)
    assert (told.decode_tok_s, told.threads, told.disturbed) == (20.0, 2, True)
    seen = summary("m", [a_call(10.0, 1.9)] * 4 + [a_call(9.0, 1.2)], LONG)
    assert (seen.decode_tok_s, seen.threads, seen.disturbed, seen.answers) == (10.0, 2, False, 4)


def test_answers_of_a_few_tokens_tell_no_rate() -> None:
    """They are left out; where there are no others, that is said."""
    short = a_call(100.0, output_tokens=3)
    assert summary("m", [short, a_call(20.0)], LONG).rates == (20.0,)
    with pytest.raises(EvalError, match="m ends its answers after a few tokens"):
        summary("m", [short, a_call(None)], LONG)


def test_a_prompt_that_was_remembered_tells_nothing() -> None:
    """Nor does one that waited for the engine to load."""
    for given in ({"cached_tokens": 400}, {"load_s": 1.0}, {"first_token_s": None}, {"input_tokens": None}):
        long = a_call(None, **{"input_tokens": 400, **given})
        assert summary("m", [a_call()], long).prefill_tok_s is None
