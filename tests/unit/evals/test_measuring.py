"""What short answers on a machine come to: medians, other work, and what cannot be told."""

from itertools import cycle
from typing import Any, cast

import pytest

from assay.errors import EvalError
from assay.evals.runs import measuring
from assay.evals.runs.measuring import Measured, measure
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


def summary(name: str, calls: list[TimedCall], long: TimedCall, **given: Any) -> Measured:
    """What calls come to on processors that keep their pace."""
    return measuring.summary(name, calls, [1.0] * (len(calls) + 1), long, **given)


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


def test_an_answer_beside_a_slow_processor_does_not_count() -> None:
    """Who shares a core has all of its time and is slower: a reading before or after the answer shows it."""
    calls = [a_call(20.0), a_call(15.0), a_call(14.0), a_call(21.0), a_call(19.0), a_call(16.0)]
    found = measuring.summary("m", calls, [100.0, 95.0, 55.0, 98.0, 99.0, 97.0, 50.0], LONG)
    assert (found.decode_tok_s, found.answers, found.disturbed) == (20.0, 3, False)
    assert found.pace == pytest.approx(0.75)


def test_a_machine_that_is_slow_throughout_is_marked() -> None:
    """Where too few answers had the full pace, all count, and the figure says that other work ran."""
    found = measuring.summary("m", [a_call(20.0), a_call(15.0), a_call(16.0)], [100.0, 99.0, 50.0, 50.0], LONG)
    assert (found.decode_tok_s, found.answers, found.disturbed, found.share) == (16.0, 3, True, 1.0)


def test_a_slow_hour_is_known_by_the_best_pace_that_was_ever_seen() -> None:
    """At an even pace that is half of an earlier one no answer is quiet; by itself the pace would look best."""
    calls = [a_call(20.0)] * 5
    assert not measuring.summary("m", calls, [50.0] * 6, LONG).disturbed
    found = measuring.summary("m", calls, [50.0] * 6, LONG, best_pace=100.0)
    assert (found.disturbed, found.pace, found.best_pace) == (True, 0.5, 100.0)


@pytest.mark.parametrize(
    ("rates", "paces", "asked"),
    [
        ([20.0], [1.0], 8),  # they agree: ten seconds, less those of the long prompt
        ([15.0, 25.0, 20.0], [1.0], 28),  # they do not
        ([20.0], [1.0, 0.5], 28),  # nobody saw the full pace twice running
    ],
)
async def test_more_is_asked_until_quiet_answers_agree(
    rates: list[float], paces: list[float], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds where they do, up to thirty where they do not."""
    now, turns, readings = 0.0, cycle(rates), cycle(paces)

    async def ask(spine: object, target: str, prompt: str, tokens: int, on_call: object) -> TimedCall:
        nonlocal now
        now += 1.0 if tokens == measuring.ANSWER_TOKENS else 0.0
        return a_call(next(turns)) if tokens == measuring.ANSWER_TOKENS else LONG

    monkeypatch.setattr(measuring, "_ask", ask)
    monkeypatch.setattr(measuring, "_held", lambda spine: 100)
    found = await measure(
        cast(Spine, None), "m", lambda: next(readings), context_tokens=512, threads=1, clock=lambda: now
    )
    assert len(found.rates) in (asked - 1, asked)
