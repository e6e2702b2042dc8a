"""Timing the same request on several targets: cold calls, errors, tokens, what is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import ConfigError
from assay.evals.runs.bench import bench, summary
from assay.inference.asking import TimedCall
from assay.inference.spine import Spine
from assay.types import Message, Request

MakeSpine = Callable[..., Spine]

CONFIG = """
[deployments.priced]
model = "x/priced"
dialect = "scripted"
script = "m.json"
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 8 }

[deployments.free]
model = "x/free"
dialect = "scripted"
script = "m.json"
retries = 0

[routes.r]
candidates = ["priced"]
"""
SCRIPT = {
    "rules": [
        {"match": "slow", "answer": "one two three", "chunk_delay_s": 0.02},
        {"match": "busy", "error": "RateLimited"},
        {"match": "twice", "error": "Overloaded", "times": 2},
        {"match": "torn", "answer": "a b c", "error": "ProviderFault", "fail_after": 1},
    ],
    "default": "well then",
}


def asked(text: str) -> Request:
    """A streamed request."""
    return Request(messages=(Message.of("user", text),), stream=True)


def call(**more: Any) -> TimedCall:
    """A call that took a second."""
    values: dict[str, Any] = {
        "request_id": "r", "deployment": "d", "error": None, "text": "x", "finish": "stop", "first_token_s": 0.2,
        "total_s": 1.0, "load_s": None, "input_tokens": 5, "cached_tokens": 0, "output_tokens": 10,
        "tokens_per_s": 10.0, "decode_tokens_per_s": 11.0, "tries": 1, "usd": 0.1, "cost_basis": "measured",
        "engine_s": None,
    }  # fmt: skip
    return TimedCall(**{**values, **more})


async def test_times_tokens_and_cost(make_spine: MakeSpine) -> None:
    """The first token comes before the end, rates follow from both, cost from the price; each call is told."""
    told: list[TimedCall] = []
    spine = make_spine(CONFIG, {"m.json": SCRIPT})
    found = await bench(spine, asked("slow"), "r", repeats=2, on_call=told.append)
    assert (found.asked, found.answered, found.deployments, found.texts) == (2, 2, ("priced",), 1)
    assert tuple(told) == found.calls
    assert found.first_token_s is not None
    assert found.min_s is not None
    assert 0.02 <= found.first_token_s < found.min_s
    assert found.min_s >= 0.06
    assert (found.input_tokens, found.output_tokens, found.text) == (1, 3, "one two three")
    one = found.calls[0]
    assert one.tokens_per_s == pytest.approx(3 / one.total_s)
    assert one.decode_tokens_per_s == pytest.approx(2 / (one.total_s - (one.first_token_s or 0)))
    assert found.usd == pytest.approx(4e-6)
    assert found.finishes == {"stop": 2}


async def test_equal_calls_are_not_answered_from_the_cache(make_spine: MakeSpine) -> None:
    """Every repeat is a call: three requests, three attempts that reached the model; warm-ups come before them."""
    spine = make_spine(CONFIG, {"m.json": SCRIPT})
    found = await bench(spine, asked("x"), "priced", repeats=3, warmup=2, concurrency=2)
    assert (found.asked, len({one.request_id for one in found.calls})) == (3, 3)
    attempts = await spine.ledger.attempts()  # type: ignore[attr-defined]
    assert [row["outcome"] for row in attempts] == ["ok"] * 5


@pytest.mark.parametrize(("text", "error"), [("busy", "RateLimited"), ("torn", "ProviderFault")])
async def test_errors_are_rows(make_spine: MakeSpine, text: str, error: str) -> None:
    """A target that fails, before or inside its answer, has its errors counted and no figures made of nothing."""
    found = await bench(make_spine(CONFIG, {"m.json": SCRIPT}), asked(text), "free", repeats=2)
    assert (found.asked, found.answered, found.text, found.p50_s, found.usd) == (2, 0, None, None, None)
    assert list(found.errors.values()) == [2]
    assert next(iter(found.errors)).startswith(error)


async def test_retries_are_counted_and_an_unknown_price_stays_unknown(make_spine: MakeSpine) -> None:
    """A fault that heals is one call of several tries; without a price there is no cost."""
    spine = make_spine(CONFIG.replace("retries = 0", "retries = 2"), {"m.json": SCRIPT})
    found = await bench(spine, asked("twice"), "free", repeats=1)
    assert (found.answered, found.calls[0].tries, found.usd) == (1, 3, None)


async def test_an_unknown_target_is_an_error(make_spine: MakeSpine) -> None:
    """It is said before anything is asked."""
    with pytest.raises(ConfigError, match="did you mean 'free'"):
        await bench(make_spine(CONFIG, {"m.json": SCRIPT}), asked("x"), "fre", repeats=1)


def test_cold_calls_are_told_apart() -> None:
    """A call that loaded an engine is left out of the figures, unless there is no other; then they are marked."""
    cold = call(load_s=3.0, total_s=4.0, first_token_s=3.2)
    warm = summary("t", [cold, call(), call(total_s=2.0)])
    assert (warm.cold, warm.cold_s, warm.min_s, warm.p50_s, warm.answered) == (False, 4.0, 1.0, 1.0, 3)
    only = summary("t", [cold])
    assert (only.cold, only.cold_s, only.min_s) == (True, 4.0, 4.0)
    warmed = summary("t", [call()], [cold])
    assert (warmed.cold, warmed.cold_s, warmed.min_s) == (False, 4.0, 1.0)


def test_one_unknown_cost_makes_the_mean_unknown() -> None:
    """Not a mean of those that are known; tokens that a host does not tell stay unknown."""
    found = summary("t", [call(), call(usd=None, input_tokens=None, engine_s=1.0)])
    assert (found.usd, found.engine_s, found.input_tokens) == (None, None, 5)
    assert summary("t", [call(text="a"), call(text="b")]).texts == 2
