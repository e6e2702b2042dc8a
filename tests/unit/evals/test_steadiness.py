"""What repeats of a kind's samples come to in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay.evals.figures.scorecard import scorecard
from assay.evals.figures.steadiness import steadiness
from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.repeats import Repeats
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite
from assay.ledger.rows import Outcome, RunRow
from assay.stats.repeats import pass_all_of, pass_any_of, spread, steady


def run_of(answers: Mapping[str, Sequence[float | None]], times: int) -> Run:
    """A run whose samples were asked several times."""
    head = RunRow(
        id="r", suite="tiny", suite_digest="d", target="m", target_digest="t", config_digest="c", seed=0,
        created_at=0.0, version="1",
    )  # fmt: skip
    outcomes = Outcomes("r", lambda kind: Repeats(times))
    for sample, values in answers.items():
        for repeat, value in enumerate(values):
            outcomes.add(
                Outcome(
                    run_id="r", sample_id=sample, kind="words", value=value, repeat=repeat, cost_basis="none",
                    unscored="Timeout" if value is None else None, cached=False, created_at=0.0,
                )
            )  # fmt: skip
    return Run(head, outcomes)


def test_repeats_are_told_with_intervals(tiny: Callable[[int], Suite]) -> None:
    """Steady samples, any and all of 2, 4 and 5 tries, and the spread: as the statistics say, in the scorecard."""
    suite = tiny(4)
    answers = {"w000": [1.0] * 5, "w001": [0.0] * 5, "w002": [1.0, 0.0, 1.0, 1.0, 0.0], "w003": [1.0] * 4 + [0.0]}
    run = run_of(answers, 5)
    found = steadiness(run, suite.samples)
    assert found is not None
    assert (found.samples, found.repeats) == (4, 5)
    counts = [(5, 5), (0, 5), (3, 5), (4, 5)]
    alike = steady(counts)
    assert alike is not None
    assert (found.steady.share, found.steady.interval) == (0.5, tuple(alike.interval))
    assert list(found.any_of) == list(found.all_of) == [2, 4, 5]
    for tries in (2, 4, 5):
        any_of, all_of = pass_any_of(counts, tries), pass_all_of(counts, tries)
        assert any_of is not None
        assert all_of is not None
        assert found.any_of[tries].share == any_of.value
        assert found.all_of[tries].interval == tuple(all_of.interval)
    assert (found.within, found.between) == spread(list(answers.values()))
    assert scorecard(run, suite).steadiness == {"words": found}


def test_samples_with_a_missing_score_stay_out(tiny: Callable[[int], Suite]) -> None:
    """An unscored repeat, or one that was not asked, leaves its sample out: a fault is no unsteadiness."""
    found = steadiness(run_of({"w000": [1.0, None], "w001": [1.0, 0.0], "w002": [1.0]}, 2), tiny(3).samples)
    assert found is not None
    assert (found.samples, found.steady.share, found.within, found.between) == (1, 0.0, None, None)


def test_once_says_nothing_of_steadiness(tiny: Callable[[int], Suite]) -> None:
    """One answer to each sample, or none at all: no figure."""
    suite = tiny(2)
    assert steadiness(run_of({"w000": [1.0], "w001": [0.0]}, 1), suite.samples) is None
    assert steadiness(run_of({"w000": [None, None]}, 2), suite.samples) is None
    assert steadiness(Run(run_of({}, 1).row, {}), suite.samples) is None
