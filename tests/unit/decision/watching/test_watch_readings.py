"""What the answers of a watch say, channel by channel."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from itertools import product

import pytest

from assay.decision.watching.prompts import pool, variants
from assay.decision.watching.reading import BUDGET, Channel, Reading, day_of, readings
from assay.ledger.rows import ObservationRow

DAY_S = 86_400.0


def row(day: float, item: str, value: float | None, answer: str | None = "a", what: str = "canary") -> ObservationRow:
    """One answer."""
    return ObservationRow(
        id=f"{day}{item}{answer}", created_at=day * DAY_S, target="t", watch="w", item=item, kind="k",
        what="canary" if what == "canary" else "border", value=value, answer_sha256=answer,
    )  # fmt: skip


def read(rows: Iterable[ObservationRow]) -> dict[Channel, Reading]:
    """What they say, by channel."""
    return {one.channel: one for one in readings(rows, 1.0)}


def test_the_channels_share_what_may_be_wrong() -> None:
    """All together raise no more false alarms than are allowed."""
    assert sum(BUDGET.values()) == pytest.approx(1.0)


def test_one_answer_a_day_counts() -> None:
    """Ten rounds on a day say what the first says: there is no second look, nor a past that is too steady."""
    once = read([row(0, "a", 1.0), row(1, "a", 0.0)])
    often = [row(day + 0.01 * at, "a", 1.0 if at else value) for day, value in ((0, 1.0), (1, 0.0)) for at in range(10)]
    assert read(often) == once
    assert once["scores"].after == (0, 1)


def test_what_has_no_score_counts_as_no_answer_of_the_scores() -> None:
    """Its grader broke: that is no failure of the model; the answer itself is still looked at."""
    found = read([row(day, "a", None if day == 2 else 1.0) for day in range(3)])
    assert found["scores"].before.asked + found["scores"].after.asked == 2
    assert found["answers"].before.asked + found["answers"].after.asked == 3


def test_a_part_of_a_score_is_no_pass() -> None:
    """As everywhere: a sample passes where its score is 1."""
    found = read([row(0, "a", 0.5), row(1, "a", 1.0)])["scores"]
    assert (found.before.passed + found.after.passed, found.before.asked + found.after.asked) == (1, 2)


def test_border_inputs_have_no_score() -> None:
    """Only of canaries somebody says what is right."""
    assert list(read([row(day, "b", 1.0, what="border") for day in range(2)])) == ["answers"]


def test_the_usual_answer_is_the_most_frequent_of_all() -> None:
    """Not the first one, nor the one that was found with it: early and late answers count alike."""
    said = "baabaaaa"
    found = read([row(day, "x", None, answer, "border") for day, answer in enumerate(said)])["answers"]
    assert found.before.passed + found.after.passed == 6


def test_items_that_always_say_something_else_are_left_out() -> None:
    """Long texts of a host that is not exact tell nothing by being other ones."""
    rows = [row(day, "x", None, f"{day}") for day in range(9)] + [row(day, "y", None, "a") for day in range(9)]
    found = read(sorted(rows, key=lambda one: one.created_at))["answers"]
    assert found.items == 1


def test_nothing_says_nothing() -> None:
    """Without answers there is no channel."""
    assert readings([], 1.0) == ()


def _border_days(seed: int, days: int, texts: Sequence[str], weights: Sequence[float]) -> list[ObservationRow]:
    """Thirty border inputs that say one of some texts each day, by chance."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, repeated by its seed
    return [
        row(day, f"{item}", None, rng.choices(texts, weights)[0], "border") for day in range(days) for item in range(30)
    ]


def test_choosing_the_usual_answer_from_what_is_tested_costs_nothing() -> None:
    """Over all outcomes of four days, the evidence has the mean that it has without a choice."""
    rates, mean = (0.6, 0.8), 0.0
    for outcome in product("ab", repeat=8):
        rows = [row(at // 2, f"{at % 2}", None, text, "border") for at, text in enumerate(outcome)]
        chance = math.prod(rates[at % 2] if text == "a" else 1 - rates[at % 2] for at, text in enumerate(outcome))
        mean += chance * math.exp(read(rows)["answers"].log_evidence or 0.0)
    assert mean == pytest.approx(3)


def test_near_ties_that_waver_raise_no_false_alarms() -> None:
    """A hundred days, three times: the usual answer is found from the answers that are tested, and yet it holds."""
    alarms = 0
    for seed in range(3):
        rows = _border_days(seed, 100, ("a", "b", "c"), (0.6, 0.3, 0.1))
        days = [[one for one in rows if one.created_at <= day * DAY_S] for day in range(10, 100, 10)]
        alarms += sum(read(day)["answers"].alarms for day in days)
    assert alarms == 0


def test_a_fifth_of_the_answers_that_become_others_are_seen_within_two_days() -> None:
    """Of items that nearly never waver, after two weeks."""
    rows = _border_days(1, 14, ("a", "b"), (0.98, 0.02))
    changed = [
        row(14 + day, f"{item}", None, "z" if item < 6 else "a", "border") for day in range(2) for item in range(30)
    ]
    assert not read(rows)["answers"].alarms
    found = read([*rows, *changed])["answers"]
    assert found.alarms
    assert found.since == day_of(14 * DAY_S)


def test_prompts_are_many_different_and_short() -> None:
    """Each is asked for a few tokens; another wording says the same."""
    prompts = pool(1000)
    assert len(set(prompts)) == len(prompts) >= 160
    assert max(map(len, prompts)) < 100
    assert pool(5) == prompts[:5]
    assert pool(5, seed=1) != pool(5)
    assert all(prompt not in variants(prompt) for prompt in prompts)
