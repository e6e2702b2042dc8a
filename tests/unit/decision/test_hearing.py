"""A candidate is asked as long as its verdict is not known: early where an error is allowed, no oftener wrong."""

from __future__ import annotations

import random
from typing import Any

import pytest

from assay.decision.choose import EXACT
from assay.decision.decision import CandidateResult, Decision, Status
from assay.decision.hearing import Hearing
from assay.evals.runs.repeats import ONCE
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite, shuffled
from assay.ledger.rows import Outcome, RunRow
from assay.stats.certainty import Verdict
from assay.stats.sequential import Errors

World = Any  # of this folder's conftest

RUN = RunRow(
    id="r", suite="s", suite_digest="", target="t", target_digest="", config_digest="", seed=0, created_at=0, version=""
)


def outcome(sample_id: str, value: float | None) -> Outcome:
    """One answer's."""
    return Outcome(
        run_id="r", sample_id=sample_id, kind="a", value=value, unscored=None if value is not None else "a fault",
        cost_basis="none", cached=False, created_at=0.0,
    )  # fmt: skip


def hearing(suite: Suite, run: Run, *, seed: int = 0, bar: float = 0.8, error: float = 0.05, **more: Any) -> Hearing:
    """A hearing of a candidate, four samples in flight."""
    options = {"tolerance": 0.0, "errors": Errors(error, error), "concurrency": 4, **more}
    return Hearing(bar, shuffled(suite.samples, seed), run, lambda kind: ONCE, **options)


def followed(suite: Suite, right: int, seed: int, error: float) -> tuple[Verdict, int]:
    """The verdict on a candidate that passes the first `right` samples, in the order of a seed, and after how many."""
    found: dict[str, Outcome] = {}
    one = hearing(suite, Run(RUN, found), seed=seed, error=error)
    for sample in shuffled(suite.samples, seed):
        if one.settled:
            break
        found[sample.id] = outcome(sample.id, float(int(sample.id[1:]) < right))
    return one.verdict(), len(found)


def test_it_stops_early_and_is_not_wrong_more_often_than_said(world: World) -> None:
    """A candidate one sample short of its bar, in 300 orders; and a clear one costs a fraction."""
    suite = world.suite({"a": 100})
    verdicts = [followed(suite, 79, seed, 0.1)[0] for seed in range(300)]
    assert 0 < verdicts.count(Verdict.PASS) <= 45  # 30 are expected at most
    assert followed(suite, 30, 1, 0.1)[1] < 15
    assert followed(suite, 100, 1, 0.1)[1] < 30


def test_without_error_it_is_exact(world: World) -> None:
    """The verdict of the full suite in every order."""
    suite = world.suite({"a": 30})
    assert {followed(suite, 23, seed, 0.0)[0] for seed in range(40)} == {Verdict.FAIL}
    assert {followed(suite, 24, seed, 0.0)[0] for seed in range(40)} == {Verdict.PASS}


def test_what_comes_out_of_turn_changes_no_verdict(world: World) -> None:
    """Samples are finished in any order: the test reads the row from its beginning, whatever lies beyond."""
    suite = world.suite({"a": 100})
    order = [sample.id for sample in shuffled(suite.samples, 5)]
    found: dict[str, Outcome] = {}
    one = hearing(suite, Run(RUN, found), seed=5, error=0.1)
    for sample_id in order[1:40]:
        found[sample_id] = outcome(sample_id, 1.0)
        assert not one.settled
    found[order[0]] = outcome(order[0], 1.0)
    assert one.settled
    assert one.verdict() is Verdict.PASS
    assert one.early


def test_what_is_certain_wins_over_the_test(world: World) -> None:
    """All answers are there from an earlier run: whatever line their row would have crossed, the whole counts."""
    suite = world.suite({"a": 60})
    found = {sample.id: outcome(sample.id, float(int(sample.id[1:]) < 47)) for sample in suite.samples}
    for seed in range(60):
        assert hearing(suite, Run(RUN, found), seed=seed, error=0.3).verdict() is Verdict.FAIL
        assert not hearing(suite, Run(RUN, found), seed=seed, error=0.3).early


@pytest.mark.parametrize("right", [0, 100])
def test_unscored_samples_let_nobody_pass_or_fail(world: World, right: int) -> None:
    """Every second sample has no score: what the others say is not enough for either verdict."""
    suite = world.suite({"a": 100})
    found = {
        sample.id: outcome(sample.id, None if place % 2 else float(right > 0))
        for place, sample in enumerate(shuffled(suite.samples, 0))
    }
    expected = Verdict.OPEN if right else Verdict.FAIL  # half wrong misses the bar whatever comes of the rest
    assert hearing(suite, Run(RUN, found)).verdict() is expected


@pytest.mark.parametrize(("value", "asked"), [(0.0, 15), (1.0, 30)])
def test_what_had_no_score_counts_once_it_has(world: World, value: float, asked: int) -> None:
    """Samples that an earlier run left without a score are asked again, and are then seen like all others."""
    suite = world.suite({"a": 100})
    order = [sample.id for sample in shuffled(suite.samples, 0)]
    found = {one: outcome(one, None if place < 12 else value) for place, one in enumerate(order[:asked])}
    one = hearing(suite, Run(RUN, found))
    assert not one.settled
    for sample_id in order[:12]:
        found[sample_id] = outcome(sample_id, value)
    assert one.settled
    assert one.verdict() is (Verdict.PASS if value else Verdict.FAIL)


def test_no_more_in_flight_than_are_needed(world: World) -> None:
    """Far from a verdict there are many, close to one a quarter of the concurrency, less those finished out of turn."""
    suite = world.suite({"a": 100})
    found: dict[str, Outcome] = {}
    one = hearing(suite, Run(RUN, found), concurrency=4)
    order = [sample.id for sample in shuffled(suite.samples, 0)]
    far = one.most()
    assert far > 2
    found[order[3]] = outcome(order[3], 1.0)
    assert one.most() == far - 1
    at = 0
    while not one.settled:
        assert one.most() >= 1
        found[order[at]] = outcome(order[at], 1.0)
        close, at = one.most(), at + 1
    assert close == 1
    assert hearing(suite, Run(RUN, {}), concurrency=400).most() == 100


# ------------------------------------------------------------------------------------ whole decisions


def of(decision: Decision, name: str) -> CandidateResult:
    """A candidate's result for the kind `a`."""
    return next(one for one in decision.kinds[0].candidates if one.name == name)


async def test_a_decision_with_an_error_asks_less_and_says_so(world: World) -> None:
    """Verdicts as of the full grid; intervals that hold whenever one stops; the guarantee in words."""
    suite = world.suite({"a": 120})
    rng = random.Random(3)  # noqa: S311 - a simulation
    good, bad = ("".join(rng.sample("+" * n + "-" * (120 - n), 120)) for n in (114, 40))
    spine = world.spine({"bad": {"a": bad}, "good": {"a": good}, "best": {"a": "+" * 120}})
    exact = await world.choosing(spine, suite).choose()
    asked = len(world.calls)
    early = await world.choosing(spine, suite, seed=1, error=0.05, tolerance=0.03).choose()
    assert exact.kinds[0].chosen == early.kinds[0].chosen == "good"
    assert len(world.calls) - asked < 0.6 * asked
    assert [of(early, name).status for name in ("bad", "good", "best")] == [
        Status.FAILED, Status.CHOSEN, Status.NOT_NEEDED,
    ]  # fmt: skip
    assert of(early, "bad").early
    assert of(early, "good").early
    assert not of(exact, "good").early
    assert exact.guarantee == EXACT
    assert "wrong with probability 5 % at most, whenever one stops" in early.guarantee
    assert "the bar less 3 points" in early.guarantee
    interval, scored = of(early, "good").interval, of(early, "good").passed + of(early, "good").failed
    assert interval is not None
    assert interval[1] - interval[0] > 2 * 1.96 * (0.05 * 0.95 / scored) ** 0.5


async def test_gates_are_asked_in_full_whatever_the_error(world: World) -> None:
    """Their failures are counted, with an exact bound."""
    suite = world.suite({"a": 60}, a="gate = true")
    decision = await world.choosing(world.spine({"m": {"a": "+" * 60}}), suite, error=0.2).choose()
    assert of(decision, "m").passed == len(world.calls) == 60
    assert of(decision, "m").failure_bound == pytest.approx(1 - 0.05 ** (1 / 60))
    assert not of(decision, "m").early


async def test_concurrency_wastes_little(world: World) -> None:
    """Eight in flight ask two samples more than one at a time, at most, and not seven."""
    suite = world.suite({"a": 100})
    spine = world.spine({"alone": {"a": "+" * 100}, "eight": {"a": "+" * 100}})
    alone = await world.choosing(spine, suite, "alone", error=0.05).choose()
    eight = await world.choosing(spine, suite, "eight", error=0.05, concurrency=8).choose()
    assert of(alone, "alone").passed <= of(eight, "eight").passed <= of(alone, "alone").passed + 2


async def test_within_the_tolerance_is_told(world: World) -> None:
    """The bar is missed by one sample, which the tolerance allows: whoever is chosen in spite of it, it is said."""
    suite = world.suite({"a": 20})
    spine = world.spine({"m": {"a": "+" * 15 + "-" * 5}})
    decisions = [await world.choosing(spine, suite, seed=seed, tolerance=0.05).choose() for seed in range(12)]
    taken = [of(one, "m") for one in decisions if one.kinds[0].chosen == "m"]
    assert all(one.guarantee == f"{EXACT}; 5 points below the bar it may be either" for one in decisions)
    assert taken
    met = "m is the cheapest proven to meet the bar of 80% less 5 points"
    assert {one.kinds[0].reason for one in decisions if one.kinds[0].chosen == "m"} == {met}
    assert all("within the tolerance" in one.reason for one in taken if one.passed + one.failed == 20)
    assert (await world.choosing(spine, suite).choose()).kinds[0].chosen is None


async def test_who_turns_out_dear_may_be_undercut(world: World) -> None:
    """The cheapest by its price thinks long: one that is expected to cost less than that is asked too, and wins."""
    suite = world.suite({"a": 10})
    spine = world.spine({"thinker": {"a": "+" * 10}, "plain": {"a": "+" * 10}, "dear": {"a": "+" * 10}})
    thinks(spine, "thinker", 15)
    decision = await world.choosing(spine, suite).choose()
    assert decision.kinds[0].chosen == "plain"
    assert "passes too; plain costs no more" in of(decision, "thinker").reason
    assert of(decision, "dear").status is Status.NOT_NEEDED
    assert of(decision, "dear").passed == 0


async def test_who_has_become_dear_may_be_undercut(world: World) -> None:
    """Answered at half of today's price: what they would cost now is compared, not what was billed then."""
    suite, words = world.suite({"a": 10}), 6
    spine = world.spine({"thinker": {"a": "+" * 10}})
    thinks(spine, "thinker", words)
    await world.choosing(spine, suite).choose()
    spine = world.spine({"x": {"a": "-"}, "thinker": {"a": "+" * 10}, "plain": {"a": "+" * 10}})
    thinks(spine, "thinker", words)
    decision = await world.choosing(spine, suite, "thinker", "plain").choose()
    assert decision.kinds[0].chosen == "plain"


def thinks(spine: Any, name: str, words: int) -> None:
    """Give a scripted model something to think before each answer, which is billed."""
    from msgspec import structs

    live = spine.targets[name]  # may answer at such a length: else it would be charged at the bound of a short one
    live.config = structs.replace(live.config, settings=structs.replace(live.config.settings, max_tokens=words + 1))
    live._prompts.clear()
    provider = live.provider
    rules = tuple(structs.replace(rule, reasoning="so " * words) for rule in provider._script.rules)
    provider._script = structs.replace(provider._script, rules=rules)
