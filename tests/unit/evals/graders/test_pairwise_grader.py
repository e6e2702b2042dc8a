"""Comparing two answers: both orders, ties, and judges that favour a place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from graders_shared import answer, sample

from assay.errors import ConfigError, SuiteError
from assay.evals.graders.grader import Score
from assay.evals.graders.grading import check_graders, grade, models_of
from assay.evals.graders.judges import Judges
from assay.evals.graders.pairwise import Pairwise
from assay.evals.graders.position import position_bias
from assay.ledger.rows import ResultRow, RunRow
from assay.ledger.store import SqliteLedger

Judging = Callable[..., Judges]
SPEC = {"grader": "pairwise", "model": "judge"}


def better(place: str, match: str = "") -> dict[str, Any]:
    """A rule that prefers a place."""
    return {"match": match, "answer": f'{{"reasons": "{place} it is", "better": "{place}"}}'}


LONGER_WINS = (better("first", r"(?s)<first-\w+>\nlong"), better("second", r"(?s)<second-\w+>\nlong"))


async def compared(judges: Judges, text: str, target: object = "short", **more: Any) -> Score:
    """What a judge says of an answer beside another one."""
    return (await grade(sample({**SPEC, **more}, target=target), answer(text), judges=judges)).scores[0]


async def test_both_orders_must_agree(judging: Judging, ledger: SqliteLedger) -> None:
    """The same answer preferred in both places is a win or a defeat; it was asked twice."""
    won = await compared(judging(*LONGER_WINS), "long")
    assert (won.value, won.measure, won.detail) == (1.0, 1.0, {"orders": ["first", "second"]})
    assert "better in both orders" in won.explanation
    assert len(await ledger.attempts()) == 2
    lost = await compared(judging(*LONGER_WINS), "brief", "long")
    assert (lost.value, lost.detail) == (0.0, {"orders": ["second", "first"]})


@pytest.mark.parametrize("place", ["first", "second"])
async def test_a_judge_that_favours_a_place_gives_ties(judging: Judging, place: str) -> None:
    """Its orders disagree, which is half a point and told; over a run the place shows."""
    found = await compared(judging(better(place)), "long")
    assert (found.value, found.detail) == (0.5, {"orders": [place, place]})
    assert "the orders disagree" in found.explanation
    assert (await compared(judging(better(place)), "long", tie=1.0)).value == 1.0


async def test_equal_is_a_tie(judging: Judging, ledger: SqliteLedger) -> None:
    """Where both are called equal; of the same words nobody is asked."""
    assert (await compared(judging(better("equal")), "long")).value == 0.5
    asked = len(await ledger.attempts())
    assert (await compared(judging(better("first")), " short\n")).value == 0.5
    assert len(await ledger.attempts()) == asked


async def test_against_another_run(judging: Judging, ledger: SqliteLedger) -> None:
    """An earlier run's answer stands on the other side, found by the beginning of the run's id."""
    run = RunRow(
        id="abc123", suite="x", suite_digest="d", target="small", target_digest="t", config_digest="c", seed=0,
        created_at=time.time(), version="0",
    )  # fmt: skip
    await ledger.open_run(run)
    row = ResultRow(
        run_id="abc123", sample_id="s", kind="k", request_id=None, value=1.0, unscored=None, scores=b"[]",
        answer="long", latency_s=None, engine_s=None, cost_usd=None, cost_basis="none", cached=False, created_at=1.0,
    )  # fmt: skip
    await ledger.add_result(row)
    judges = judging(*LONGER_WINS)
    assert (await compared(judges, "brief", None, against="run:abc")).value == 0.0
    missing = await compared(judges, "brief", None, against="run:zzz")
    assert (missing.value, "there is no run whose id begins with 'zzz'" in missing.explanation) == (None, True)
    unknown = msgspec.structs.replace(sample({**SPEC, "against": "run:abc"}), id="t")
    other = await grade(unknown, answer("brief"), judges=judges)
    assert "has no answer to sample 't'" in (other.unscored or "")


async def test_against_a_deployment(judging: Judging) -> None:
    """It is asked the same, and its answer stands on the other side; before money is spent it is known as needed."""
    rules = (better("first", r"(?s)<second-\w+>\n14 days\."), better("second"))
    assert (await compared(judging(*rules), "30 days.", None, against="small")).value == 1.0
    assert models_of([sample({**SPEC, "against": "small"})]) == ("judge", "small")


async def test_an_opponent_of_a_private_route_is_shown_to_private_judges_only(
    judging: Judging, ledger: SqliteLedger
) -> None:
    """Asked now or in an earlier run: its answer is as private as the one that is graded."""
    run = RunRow(
        id="abc123", suite="x", suite_digest="d", target="house", target_digest="t", config_digest="c", seed=0,
        created_at=time.time(), version="0",
    )  # fmt: skip
    await ledger.open_run(run)
    row = ResultRow(
        run_id="abc123", sample_id="s", kind="k", request_id=None, value=1.0, unscored=None, scores=b"[]",
        answer="long", latency_s=None, engine_s=None, cost_usd=None, cost_basis="none", cached=False, created_at=1.0,
    )  # fmt: skip
    await ledger.add_result(row)
    for against in ("house", "run:abc"):
        found = await compared(judging(default=better("first")["answer"]), "brief", None, against=against, model="twin")
        assert found.value is None
        assert "private" in found.explanation
        allowed = await compared(judging(default=better("first")["answer"]), "brief", None, against=against)
        assert allowed.value == 0.5


def test_a_sample_without_a_target_shows_before_money_is_spent() -> None:
    """There is nothing to compare with."""
    with pytest.raises(SuiteError, match="compares with the target and got none"):
        check_graders((sample(SPEC),))
    check_graders((sample({**SPEC, "against": "small"}),))
    with pytest.raises(ConfigError, match="needs the id of a run"):
        Pairwise(model="judge", against="run:")
    with pytest.raises(ConfigError, match="no option 'with_target'"):
        Pairwise(model="judge", with_target=False)


def scored(*orders: tuple[str, str]) -> list[Score]:
    """Scores with these choices."""
    return [Score(grader="pairwise", value=0.5, detail={"orders": list(order)}) for order in orders]


def test_position_bias_over_a_run() -> None:
    """Many pairs that all lean to one place are no chance; a few are, and steady ones say nothing of places."""
    biased = position_bias(scored(*[("first", "first")] * 8, *[("first", "second")] * 12))
    assert (biased.pairs, biased.steady, biased.first, biased.second, biased.favours) == (20, 12, 8, 0, "first")
    assert biased.p_value == pytest.approx(2 * 0.5**8)
    assert position_bias(scored(*[("second", "equal")] * 9)).favours == "second"
    assert position_bias(scored(("first", "first"), ("second", "second"), ("equal", "equal"))).favours is None
    assert position_bias([Score(grader="exact", value=1.0)]).steady_share is None
