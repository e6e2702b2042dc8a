"""A migration as a page: all of its evidence, the steps and the way back, and nothing of a stranger's in its markup."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.config.schema import Example, Settings
from assay.decision.adapting.adaptation import Adaptation, Gain, KindAdaptation, Spending, Tried
from assay.decision.migration.differences import Difference
from assay.decision.migration.expense import Expense
from assay.decision.migration.finding import Agreement, Finding, Footing, Verdict
from assay.decision.migration.migration import Migration
from assay.decision.migration.retirement import Retirement
from assay.evals.figures.metrics import Metrics
from assay.evals.figures.scorecard import Comparison
from assay.report.canvas import NARROW, WIDE
from assay.report.move import Steps, move_page
from assay.report.pairs import differences, shares

STEPS = Steps(("assay migrate old new --canary 0.05",), "assay migrate --status desk", "assay migrate --back a.toml")


def passed(of: int, passed: int, interval: tuple[float, float]) -> Metrics:
    """So many of so many."""
    return Metrics(
        total=of, passed=passed, failed=of - passed, unscored=0, cached=0, share=passed / of, interval=interval,
        bounds=None, p50_s=None, p95_s=None, usd=None, engine_s=None,
    )  # fmt: skip


TRIAGE = Finding(
    kind="triage", source="suite", basis=Footing.PAIRED, verdict=Verdict.GO, reason="not worse by more", total=60,
    seen=40, gained=3, lost=1, difference=0.05, interval=(-0.04, 0.14), early=True,
    old=passed(40, 35, (0.73, 0.95)), new=passed(40, 37, (0.8, 0.98)),
)  # fmt: skip
LEAK = Finding(
    kind="leak", source="suite", basis=Footing.GATE, verdict=Verdict.GO, reason="20 of 20 passed", total=20,
    failure_bound=0.139, new=passed(20, 20, (0.83, 1.0)),
)  # fmt: skip
TALK = Finding(
    kind="talk", source="traffic", basis=Footing.NONE, verdict=Verdict.NO_GO, reason="private requests", total=9,
    withheld={"private-only": 4},
)  # fmt: skip


def adapted() -> Adaptation:
    """A search whose prompt holds somebody's words."""
    gain = Gain(adapted=39, configured=31, comparison=Comparison(
        a="new+adapted", b="new", samples=40, only_a=8, only_b=0, difference=0.2, interval=(0.08, 0.35), p_value=0.01,
    ))  # fmt: skip
    settings = Settings(system="SYSTEM WORDS", examples=(Example(user="SAMPLE TEXT", assistant="ITS ANSWER"),))
    tried = (Tried(name="2 examples", passed=9, scored=10, size_bytes=80),)
    kind = KindAdaptation(
        kind="triage", reason="passed most", tried=tried, won="2 examples", settings=settings, gain=gain
    )
    return Adaptation(candidate="new", answers=20, spending=Spending(), kinds=(kind,), adapted="new+adapted")


def migration(*findings: Finding, **more: Any) -> Migration:
    """A migration that found so much."""
    given: dict[str, Any] = {
        "id": "0123456789abcdef", "created_at": 0.0, "old": "old", "new": "new", "suite": "desk", "suite_version": "1",
        "suite_digest": "f" * 64, "split": None, "seed": 0, "margin": 0.1, "error": 0.05, "verdict": Verdict.NO_GO,
        "reason": "talk (real requests) may not move", "agreements": (), "expenses": (), "differences": (),
        "retires": None, "new_retires": None, "forced": False, "asked_now": 80, "runs": {"old": "run-1"},
        "guarantee": "go although worse: 5% at most", "population": "new work of the same kinds",
    }  # fmt: skip
    return Migration(findings=findings, **(given | more))


def expense(name: str, usd: float | None) -> Expense:
    """What an answer of one cost."""
    return Expense(name=name, answers=40, usd=usd, engine_s=None, p50_s=0.4, p95_s=1.2, input_tokens=1200.0,
                   output_tokens=None)  # fmt: skip


def test_all_of_it_stands_on_the_page() -> None:
    """Verdict, guarantee, population, deadline, gates, real requests, cost, what is lost, prompts, steps and back."""
    page = move_page(migration(
        TRIAGE, LEAK, TALK,
        retires=Retirement(
            deployment="old", model="x/old", retires="2099-12-11", days_left=9, successor=None, gone=False
        ),
        agreements=(Agreement(kind="talk", requests=5, again=None, new=passed(5, 4, (0.3, 0.99))),),
        expenses=(expense("old", 0.0225), expense("new", None)),
        differences=(Difference(fact="context, tokens", old="200,000", new="128,000", lost=True),),
        left_out={"talk": {"an image": 2}}, not_of_old={"secret": "old may not be sent this"}, adapted=adapted(),
    ), STEPS)  # fmt: skip
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for said in (
        "old to new: NO-GO: talk (real requests) may not move", "Guarantee: go although worse: 5% at most.",
        "Speaks of: new work of the same kinds.", "old (x/old) retires on 2099-12-11, in 9 days.", "GO early",
        "40 of 60", "35 of 40 73% to 95%", "37 of 40 80% to 98%", "+5.0 -4.0 to +14.0", "fails at most 14%",
        "could not be sent: 4 private-only", "left out of the draw: 2 an image", "secret, left out: old may not",
        "80% 30% to 99%", "22.5", "not known", "1,200", "1.20 s", "context, tokens lost", "200,000",
        "31 of 40", "39 of 40", "+20 points [+8, +35]", "2 examples", "--canary 0.05", "--status desk", "--back a.toml",
        "nothing of this is written unless --force",
    ):  # fmt: skip
        assert said in text, said


def test_no_words_of_prompts_or_samples() -> None:
    """A prompt that won may hold samples, which are somebody's own words: none of it is shown."""
    page = move_page(migration(TRIAGE, adapted=adapted()), STEPS)
    assert not any(words in page for words in ("SYSTEM WORDS", "SAMPLE TEXT", "ITS ANSWER"))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_plots_say_what_they_show(width: float) -> None:
    """A row for what has a share, or a difference; the interval in words; a title for who cannot see."""
    findings = (TRIAGE, LEAK, TALK)
    drawn = shares(findings, width, "k")
    assert '<title id="k-title">Share passed by the old and the new one in 2 kinds</title>' in drawn
    assert "88% before, 92% after" in drawn
    assert ">talk" not in drawn
    beside = differences(findings, 0.1, width, "k")
    assert "Difference of the shares in 1 kind, with interval and margin" in beside
    assert "+5 points [-4, +14]" in beside
    assert "the margin, -10" in beside
    assert (shares((TALK,), width, "k"), differences((LEAK,), 0.1, width, "k")) == ("", "")


def test_the_same_page_for_the_same_figures() -> None:
    """A page can be compared with an older one: nothing in it depends on when it was drawn."""
    assert move_page(migration(TRIAGE), STEPS) == move_page(migration(TRIAGE), STEPS)


def test_what_others_wrote_is_text() -> None:
    """Names and reasons are escaped, and nothing is asked of anybody."""
    page = move_page(migration(TRIAGE, reason="<script>alert(1)</script>", old="<b>me</b>"), STEPS)
    assert "<script>alert" not in page
    assert "<b>me" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_a_page_without_anything() -> None:
    """Where nothing was compared the page says so, and is no error."""
    page = move_page(migration(verdict=Verdict.OPEN, reason="there was nothing to compare"), STEPS)
    assert "CANNOT TELL: there was nothing to compare" in page
    assert "<svg" not in page
