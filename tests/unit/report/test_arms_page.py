"""An A/B as a page: verdict, sessions, every difference with its interval, and how sure it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.decision.experiments.experiment import Arm, Difference, Experiment
from assay.decision.experiments.measured import Compared, Method
from assay.report.arm_plots import differences, sessions
from assay.report.arms import experiment_page
from assay.report.canvas import NARROW, WIDE


def arm(name: str, share: float, units: int, accepted: float | None = None, **more: Any) -> Arm:
    """An arm with so many sessions."""
    given: dict[str, Any] = {
        "requests": units, "cancelled": 0, "beside": 0, "unpriced": 0, "p50_s": 0.4, "p95_s": 1.25,
        "means": {"failed": 0.01, "accepted": accepted, "usd": 0.00123},
    } | more  # fmt: skip
    return Arm(name=name, share=share, units=units, **given)


def difference(
    measure: str, old: float | None, new: float | None, interval: tuple[float, float] | None, shows: Any = "open",
    method: Method = "exact", more_units: int | None = None,
) -> Difference:  # fmt: skip
    """What `new` differs by from `old`."""
    value = new - old if old is not None and new is not None else None
    return Difference(
        arm="new", better="higher", shows=shows, more_units=more_units,
        compared=Compared(measure=measure, old=old, new=new, value=value, interval=interval, method=method,
                          old_units=100, new_units=100),
    )  # fmt: skip


def experiment(**more: Any) -> Experiment:
    """Two arms, of which people like the new one better, at a higher price."""
    given: dict[str, Any] = {
        "route": "desk", "kind": None, "version": "v2", "versions": ("v2", "v1"), "first_at": 0.0, "last_at": 86400.0,
        "baseline": "old", "measure": "accepted", "metric": None, "error": 0.05, "unit": "session",
        "arms": (arm("old", 0.5, 1204, 0.5, cancelled=3), arm("new", 0.5, 1180, 0.7)),
        "differences": (
            difference("accepted", 0.5, 0.7, (0.13, 0.27), "better"),
            difference("failed", 0.01, 0.012, (-0.02, 0.03)),
            difference("usd", 0.00123, 0.00246, (0.001, 0.0015), "worse", "sessions"),
            difference("metric", None, None, None),
        ),
        "mismatch_p": 0.81, "left_out": {"dealt with other shares": 12}, "verdict": "winner",
        "reason": "better than the baseline in accepted: new", "guarantee": "5% at most, however often one looks",
    }  # fmt: skip
    return Experiment(**(given | more))


def words(page: str) -> str:
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_all_of_it_stands_on_the_page() -> None:
    """Verdict, guarantee, arms, sizes with their test, differences with intervals, what is in no figure, methods."""
    text = words(experiment_page(experiment()))
    for said in (
        "desk: WINNER: better than the baseline in accepted: new", "Decided by accepted, beside old; split v2",
        "Guarantee: 5% at most, however often one looks; of the other measures, each by itself.",
        "old baseline 50% 1,204 1,204 1.0% 50.0% 0.00123 0.40 s 1.25 s", "p = 0.81.",
        "Of old: 3 left by the client.", "Left out: 12, dealt with other shares.",
        "accepted decides new 50.0% 70.0% +20.0% +13.0% to +27.0% better",
        "usd new 0.00123 0.00246 +0.00123 +0.001 to +0.0015 worse", "metric new – – – –",
        "accepted, failed: exact", "usd: by the variance between sessions", "there are 2 versions",
        "points more than old", "USD a request more than old", "1,204 of 2,384, wanted 50%",
    ):  # fmt: skip
        assert said in text, said


def test_what_cannot_be_told_says_how_many_more() -> None:
    """An open one has what it lacks; one without any interval has no plot of what decides."""
    open_one = difference("accepted", 0.5, 0.52, (-0.05, 0.09), more_units=4100)
    page = experiment_page(experiment(verdict="open", reason="no difference", differences=(open_one,)))
    assert "About 4,100 more sessions would show what new differs by now." in words(page)
    none = difference("accepted", None, None, None)
    assert "What decides" not in words(experiment_page(experiment(verdict="open", differences=(none,))))


def test_a_mismatch_is_not_to_be_overlooked() -> None:
    """Nothing that stands there can be believed, which is said above and beside the sizes."""
    page = experiment_page(experiment(verdict="mismatch", reason="sessions are lost", mismatch_p=1e-9))
    assert "nothing below can be believed" in words(page)
    assert "p = 1e-09, which is a mismatch" in words(page)


def test_names_are_no_markup() -> None:
    """A route, an arm and an outcome are named by somebody."""
    page = experiment_page(experiment(
        route="<b>x", arms=(arm("old", 0.5, 1), arm("<i>y", 0.5, 1)), measure="metric", metric="<u>z",
        differences=(difference("metric", 1.0, 2.0, (0.5, 1.5), "better"),),
    ))  # fmt: skip
    assert not any(tag in page for tag in ("<b>x", "<i>y", "<u>z"))
    assert "&lt;i&gt;y" in page


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_plots_say_what_they_show(width: float) -> None:
    """Arms are named where there are several; intervals in words; a title for who cannot see."""
    found = experiment(arms=(arm("old", 0.5, 9), arm("new", 0.25, 9), arm("newer", 0.25, 0)))
    drawn = differences(found.deciding, found, "points", width, "k")
    assert '<title id="k-title">Difference from old in 1 measure, with intervals</title>' in drawn
    assert ">accepted, new<" in drawn
    assert ">+13.0% to +27.0%, better<" in drawn
    assert "Sessions of 3 arms, and how many each was to have" in sessions(found.arms, width, "s")
    assert differences((), found, "points", width, "k") == ""
