"""What short answers on a machine come to: its own rate, other work, and what cannot be told."""

from itertools import cycle
from typing import Any, cast

import pytest

from assay.errors import EvalError
from assay.evals.runs import measuring
from assay.evals.runs.measuring import measure
from assay.inference.asking import TimedCall
from assay.inference.spine import Spine


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


def test_the_fast_answers_tell_the_rate() -> None:
    """Other work only slows: the ninth decile counts, and the average as it was timed stands beside it."""
    calls = [a_call(15.0), a_call(14.0)] + [a_call(20.0 + 0.1 * more) for more in range(9)]
    found = measuring.summary("m", calls, LONG, memory_bytes=100)
    assert (found.decode_tok_s, found.disturbed, found.threads) == (pytest.approx(20.7), False, 1)
    assert found.mean_tok_s == pytest.approx(18.987, abs=0.01)
    assert (found.prefill_tok_s, found.prompt_tokens, found.memory_bytes) == (380 / 1.9, 400, 100)
    assert found.rates[:3] == (15.0, 14.0, 20.0)


def test_a_single_answer_is_the_rate() -> None:
    """There is nothing to take a decile of."""
    found = measuring.summary("m", [a_call(20.0)], LONG)
    assert (found.decode_tok_s, found.mean_tok_s, found.disturbed) == (20.0, pytest.approx(20.0), False)


def test_other_work_is_corrected_for_and_marked() -> None:
    """An engine with half of its processor time would be twice as fast alone; no rate is more than that."""
    calls = [a_call(10.0, 0.5), a_call(5.0, 0.25), a_call(8.0, 0.4), a_call(20.0, 1.0)]
    found = measuring.summary("m", calls, a_call(None, 0.5, input_tokens=100, first_token_s=2.0))
    assert (found.decode_tok_s, found.disturbed) == (20.0, True)
    assert found.mean_tok_s == pytest.approx(4 / (1 / 10 + 1 / 5 + 1 / 8 + 1 / 20))
    assert found.prefill_tok_s == 100.0
    assert found.share == pytest.approx(0.45)


def test_who_shares_a_core_has_all_of_its_time_and_is_slower() -> None:
    """No counter of processor time shows it; the gap to the fast answers does."""
    found = measuring.summary("m", [a_call(12.0)] * 7 + [a_call(20.0)] * 3, LONG)
    assert (found.decode_tok_s, found.share, found.disturbed) == (20.0, 1.0, True)


def test_threads_are_told_or_seen() -> None:
    """Two threads that had one processor are disturbed; without being told, the busiest answer says how many."""
    told = measuring.summary("m", [a_call(10.0, 1.0)] * 5, LONG, threads=2)
    assert (told.decode_tok_s, told.threads, told.disturbed) == (20.0, 2, True)
    seen = measuring.summary("m", [a_call(10.0, 1.9)] * 4 + [a_call(9.0, 1.2)], LONG)
    assert (seen.threads, seen.disturbed) == (2, True)  # it is 10 x 2 / 1.9 by two processors
    assert seen.decode_tok_s == pytest.approx(15.0 - 0.4 * (15.0 - 20 / 1.9))


def test_answers_of_a_few_tokens_tell_no_rate() -> None:
    """They are left out; where there are no others, that is said."""
    short = a_call(100.0, output_tokens=3)
    assert measuring.summary("m", [short, a_call(20.0)], LONG).rates == (20.0,)
    with pytest.raises(EvalError, match="m ends its answers after a few tokens"):
        measuring.summary("m", [short, a_call(None)], LONG)


def test_a_prompt_that_was_remembered_tells_nothing() -> None:
    """Nor does one that waited for the engine to load."""
    for given in ({"cached_tokens": 400}, {"load_s": 1.0}, {"first_token_s": None}, {"input_tokens": None}):
        long = a_call(None, **{"input_tokens": 400, **given})
        assert measuring.summary("m", [a_call()], long).prefill_tok_s is None


@pytest.mark.parametrize(
    ("rates", "asked"),
    [
        ([20.0, 19.0], 8),  # nothing disturbs: ten seconds, less those of the long prompt
        ([12.0, 12.0, 12.0, 20.0], 28),  # their average is far below the best
        ([None], 5),  # they tell nothing, and more would not
    ],
)
async def test_more_is_asked_where_other_work_disturbs(
    rates: list[float | None], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to half a minute."""
    now, turns = 0.0, cycle(rates)
    calls = 0

    async def ask(spine: object, target: str, prompt: str, tokens: int, on_call: object) -> TimedCall:
        nonlocal now, calls
        if tokens != measuring.ANSWER_TOKENS:
            return LONG
        now, calls = now + 1.0, calls + 1
        return a_call(next(turns))

    monkeypatch.setattr(measuring, "_ask", ask)
    monkeypatch.setattr(measuring, "_held", lambda spine: 100)
    measuring_it = measure(cast(Spine, None), "m", context_tokens=512, threads=1, clock=lambda: now)
    if rates == [None]:
        with pytest.raises(EvalError, match="no rate can be told"):
            await measuring_it
    else:
        assert len((await measuring_it).rates) == calls
    assert calls in (asked - 1, asked)
