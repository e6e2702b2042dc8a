"""What a report of a run must not mix: groups, repeats, made-up samples, public benchmarks, judges' costs."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.report import read_report
from assay.report.markdown import markdown
from assay.stats.intervals import wilson
from assay.stats.shares import share

Project = Any  # of this folder's conftest

GROUPED = [{"id": f"g{n}", "input": f"g{n}", "target": "yes", "group": f"doc{n // 4}"} for n in range(12)]


async def test_groups_are_counted_and_widen(project: Project) -> None:
    """The interval of a kind in groups is that of the statistics, in view and text, in the decision too."""
    project.model("m", {f"g{n}": "no" for n in range(4)})
    project.suite({"docs": GROUPED})
    decision = await project.choose()
    view = (await read_report(project.loaded, project.ledger, decision.runs["m"])).view
    found = share([float(n >= 4) for n in range(12)], [n // 4 for n in range(12)])
    assert found is not None
    measure = view.kinds[0].measure
    assert (measure.groups, measure.interval) == (3, tuple(found.interval))
    assert measure.interval != tuple(wilson(8, 12))
    assert decision.kinds[0].candidates[0].interval == tuple(found.interval)
    assert "(3 groups)" in markdown(view)


async def test_made_up_samples_stand_apart(project: Project) -> None:
    """They count in no figure and have a line of their own; so have a benchmark's harness and the cost of judges."""
    project.model("m", {"a": "no"})
    lines = [{"id": one, "input": one, "target": "yes", "synthetic": one in "cd"} for one in "abcd"]
    project.suite({"words": lines})
    decision = await project.choose()
    run = await project.ledger.run(decision.runs["m"])
    assert run is not None
    public = msgspec.structs.replace(run, id="e" * 32, harness="lm-eval")
    await project.ledger.open_run(public)
    for row in await project.ledger.results(run.id):
        await project.ledger.add_result(msgspec.structs.replace(row, run_id=public.id, grading_usd=0.25))
    view = (await read_report(project.loaded, project.ledger, public.id)).view
    assert (view.overall.total, view.overall.passed, view.kinds[0].measure.total) == (2, 1, 2)
    assert view.details[-3:] == (
        "A public benchmark, asked by lm-eval: no work of one's own",
        "2 samples that were made up count in no other figure: passes 2 of 2 scored ones: 100%",
        "Grading its answers cost 1.00 USD more",
    )


async def test_a_decision_on_made_up_samples_says_so(project: Project) -> None:
    """In the reason, beside the bar, and in what it speaks of; on the page and in Markdown."""
    project.model("m", {})
    made_up, real = [[{"id": f"{kind}{n}", "input": f"{kind}{n}", "target": "yes"} for n in range(3)] for kind in "ab"]
    project.suite(
        {"a": [line | {"synthetic": True} for line in made_up], "b": [*real[:2], real[2] | {"synthetic": True}]}
    )
    made = await project.choose()
    report = await read_report(project.loaded, project.ledger, made.id)
    for text in (report.text("md"), report.text("html")):
        assert "2 of 3 made-up samples must pass" in text
        assert "1 of 2 samples must pass; 1 made-up ones decide nothing" in text
        assert "on 3 made-up samples" in text
        assert "all 3 of a were made up; 1 more were made up and decide nothing" in text


async def test_repeats_are_one_sample(project: Project) -> None:
    """Five answers to one sample are one score, by the reducer of its kind."""
    project.model("m", {})
    project.suite(
        {"words": [{"id": "a", "input": "a", "target": "yes"}, {"id": "b", "input": "b", "target": "yes"}]},
        words='graders = [{ check = "exact" }]\nrepeats = 5\nreducer = "majority"',
    )
    decision = await project.choose()
    rows = await project.ledger.results(decision.runs["m"])
    assert len(rows) == 10
    for row in rows:
        if row.sample_id == "b" and row.repeat < 2:
            await project.ledger.add_result(msgspec.structs.replace(row, value=0.0))
    view = (await read_report(project.loaded, project.ledger, decision.runs["m"])).view
    assert (view.overall.total, view.overall.passed, view.overall.failed) == (2, 2, 0)
