"""Reports read from a ledger: a decision or run with its suite as it was, changed, or gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.decision.decision import Decision
from assay.errors import ConfigError, DecisionError, ReportError
from assay.report import Report, open_report, read_report
from assay.report import page as page_module
from assay.report.mask import WITHHELD
from assay.report.page import Plot
from assay.report.view import DecisionView, RunView

Project = Any  # of this folder's conftest
CANARY = "CANARY-ALARM-9317-4402"


@pytest.fixture(autouse=True)
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read here is text; drawing costs seconds."""
    none = Plot("", "")
    empty = {"tradeoff": none, "tokens": none, "bars": none, "latency": none}
    monkeypatch.setattr(page_module, "_plots", lambda view, key: empty | {"kind_plots": [[]] * len(view.kinds)})


@pytest.fixture
async def decided(project: Project) -> Decision:
    """Two models on two kinds and a leak probe; they differ on w1, w2, s1 and p1, and `loud` tells the secret."""
    project.model("loud", {"word 1": "no", "secret\\?": f"It is {CANARY}.", "side 1": f"psst: {CANARY}"})
    project.model("quiet", {"word 2": "no", "word 1": "yes", "secret\\?": "I cannot say"})
    words = [{"id": f"w{n}", "input": f"word {n}", "target": "yes"} for n in range(4)]
    project.suite(
        {
            "words": words,
            "private": [{"id": "s1", "input": "side 1", "target": "yes", "label": "private-only"}],
            "probe": [{"id": "p1", "input": "secret?", "target": "I cannot say"}],
        },
        probe='gate = true\nguards = ["probe"]\n'
        f'graders = [{{ check = "leak", canaries = ["{CANARY}"], expect = true }}]',
    )
    made: Decision = await project.choose()
    return made


def forms(report: Report) -> dict[str, str]:
    """The report in every form."""
    return {"html": report.html(), "md": report.markdown(), "json": report.json(), "cell": report._repr_html_()}


async def test_the_newest_decision_is_the_default(project: Project, decided: Decision) -> None:
    """Without an id the newest decision is shown, and an id may be cut short."""
    report = await read_report(project.loaded, project.ledger)
    assert isinstance(report.view, DecisionView)
    assert report.view.source.id == decided.id
    assert (await read_report(project.loaded, project.ledger, decided.id[:20])).view == report.view
    assert report.file_name == f"report-{decided.id[:12]}"
    assert decided.id in repr(report)


async def test_samples_where_candidates_differ(project: Project, decided: Decision) -> None:
    """Only those are shown, with input, target, each answer and the grader's words; who was chosen and lost first."""
    shown = (await read_report(project.loaded, project.ledger)).view.samples
    assert {one.id for one in shown.shown} == {"w1", "w2", "s1", "p1"}
    [w1] = [one for one in shown.shown if one.id == "w1"]
    assert w1.turns[0].text.head == "word 1"
    assert w1.target is not None
    assert w1.target.head == "yes"
    assert [(one.name, one.outcome, one.text.head) for one in w1.answers] == [
        ("loud", "failed", "no"), ("quiet", "passed", "yes"),
    ]  # fmt: skip
    assert "expected" in w1.answers[0].words[0].text
    assert shown.shown[0].id == "w1"  # `loud` was chosen for words, being cheaper


async def test_a_canary_is_in_no_form_of_a_report(project: Project, decided: Decision) -> None:
    """Not where the probe asks for it, not where another kind's answer gives it away, not in a grader's words."""
    report = await read_report(project.loaded, project.ledger)
    for form, text in forms(report).items():
        assert CANARY not in text, form
        assert "9317" not in text, form
    answers = {(one.id, a.name): a for one in report.view.samples.shown for a in one.answers}
    assert answers["p1", "loud"].text.withheld == WITHHELD
    assert answers["s1", "loud"].text.withheld == WITHHELD
    assert [word.text for word in answers["s1", "loud"].words] == [WITHHELD]
    assert answers["p1", "quiet"].text.head == "I cannot say"


async def test_private_samples_are_announced_and_can_be_left_out(project: Project, decided: Decision) -> None:
    """Text of a private-only sample is said to be there; `samples=0` leaves all texts out, Markdown always does."""
    report = await read_report(project.loaded, project.ledger)
    assert report.view.samples.private
    assert "Contains private data" in report.html()
    assert "side 1" in report.html()
    assert "side 1" not in report.markdown()
    without = await read_report(project.loaded, project.ledger, samples=0)
    assert not without.view.samples.private
    assert all("side 1" not in text and "word 1" not in text for text in forms(without).values())


async def test_so_many_samples_of_each_kind(project: Project, decided: Decision) -> None:
    """The limit is for each kind, and what was found is still counted."""
    samples = (await read_report(project.loaded, project.ledger, samples=1)).view.samples
    assert [one.kind for one in samples.shown] == ["words", "private", "probe"]
    assert samples.found == 4


async def test_a_suite_that_is_gone_hides_samples_and_nothing_else(project: Project, decided: Decision) -> None:
    """Without the suite nobody knows inputs, labels and canaries: the page says so, figures stay."""
    before = await read_report(project.loaded, project.ledger)
    (project.folder / "suite" / "suite.toml").unlink()
    report = await read_report(project.loaded, project.ledger)
    assert report.view.source.suite_state == "missing"
    assert report.view.samples.shown == ()
    assert "The suite cannot be read" in report.html()
    assert "The suite cannot be read" in report.markdown()
    assert report.verdict == before.verdict
    assert all(CANARY not in text for text in forms(report).values())


async def test_a_suite_that_has_changed_is_said_to_have(project: Project, decided: Decision) -> None:
    """Inputs are shown as they are now with a warning; an answer that failed the leak check then stays withheld."""
    probe = project.folder / "suite" / "suite.toml"
    probe.write_text(probe.read_text().replace(CANARY, "ANOTHER-SECRET-77"))
    report = await read_report(project.loaded, project.ledger)
    assert report.view.source.suite_state == "changed"
    assert "The suite has changed since" in report.html()
    [p1] = [one for one in report.view.samples.shown if one.id == "p1"]
    assert p1.answers[0].text.withheld


async def test_no_suite_in_the_configuration(project: Project, decided: Decision) -> None:
    """A configuration that names no suite any more still gives a report."""
    project.toml = project.toml.replace('suite = "suite"', "")
    report = await read_report(project.loaded, project.ledger)
    assert "names no suite" in report.view.samples.note
    assert report.view.source.suite_state == "missing"


async def test_a_changed_configuration_is_said_to_have(project: Project, decided: Decision) -> None:
    """Where a candidate works is read from the configuration of now; a reader is told."""
    loaded = project.loaded._replace(digest="d" * 64)
    assert "The configuration has changed since" in (await read_report(loaded, project.ledger)).html()


async def test_a_run(project: Project, decided: Decision) -> None:
    """A run's id shows the run: kinds with bars, what did not pass, and the same care for secrets."""
    report = await read_report(project.loaded, project.ledger, decided.runs["loud"])
    assert isinstance(report.view, RunView)
    assert report.verdict.startswith("loud passes 3 of 6 scored samples: 50% (")
    assert {one.name: one.meets for one in report.view.kinds} == {"words": True, "private": False, "probe": False}
    assert [one.id for one in report.view.samples.shown] == ["w1", "s1", "p1"]
    for form, text in forms(report).items():
        assert CANARY not in text, form
    assert "1 of 1 failed; failure rate at most 100%" in report.html()


async def test_a_run_without_its_suite(project: Project, decided: Decision) -> None:
    """Figures of what was asked remain; bars and samples are not known."""
    (project.folder / "suite" / "suite.toml").unlink()
    report = await read_report(project.loaded, project.ledger, decided.runs["quiet"])
    assert isinstance(report.view, RunView)
    assert all(one.bar is None for one in report.view.kinds)
    assert report.view.overall.total == 6
    assert "cannot be read" in report.html()


async def test_a_run_with_unscored_samples(project: Project) -> None:
    """The third state is counted with its reasons and widens the bounds; nothing is dropped."""
    project.model("ill", {}, default="yes")
    project.scripts["ill.json"]["rules"] = [{"match": "word 0", "error": "Overloaded"}]
    project.suite({"words": [{"id": f"w{n}", "input": f"word {n}", "target": "yes"} for n in range(4)]})
    made = await project.choose()
    report = await read_report(project.loaded, project.ledger, made.runs["ill"])
    assert isinstance(report.view, RunView)
    assert (report.view.overall.unscored, report.view.overall.total) == (1, 4)
    assert report.view.overall.bounds == (0.75, 1.0)
    [(reason, count)] = report.view.unscored
    assert "Overloaded" in reason
    assert count == 1
    assert "1 sample unscored: between 75% (all wrong) and 100% (all right)" in report.html()


async def test_the_reasons_of_unscored_samples_keep_secrets(project: Project) -> None:
    """An error may quote an answer: a canary in it is withheld, and without the suite only its class is told."""
    project.model("ill", {})
    grader = f'graders = [{{ check = "leak", canaries = ["{CANARY}"] }}]'
    project.suite({"words": [{"id": "w0", "input": "word 0", "target": "yes"}]}, words=grader)
    made = await project.choose()
    [row] = await project.ledger.results(made.runs["ill"])
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    await project.ledger.add_result(
        type(row)(**(fields | {"value": None, "scores": b"[]", "unscored": f"ValueError: cannot read {CANARY}"}))
    )
    report = await read_report(project.loaded, project.ledger, made.runs["ill"])
    assert isinstance(report.view, RunView)
    assert report.view.unscored == ((WITHHELD, 1),)
    (project.folder / "suite" / "suite.toml").unlink()
    report = await read_report(project.loaded, project.ledger, made.runs["ill"])
    assert isinstance(report.view, RunView)
    assert report.view.unscored == (("ValueError", 1),)
    assert all(CANARY not in text for text in forms(report).values())


async def test_nothing_to_show(project: Project) -> None:
    """No decision yet, or no such id: the error says which and what to do."""
    (project.folder / "suite").mkdir()
    with pytest.raises(DecisionError, match=r"no decision yet.*assay choose"):
        await read_report(project.loaded, project.ledger)
    with pytest.raises(ConfigError, match=r"no decision or run 'feed' .*`assay eval` prints the ids of runs"):
        await read_report(project.loaded, project.ledger, "feed")


async def test_an_id_that_begins_two_things(project: Project, decided: Decision) -> None:
    """A prefix of a decision and of a run is refused, and both are named."""
    with pytest.raises(ConfigError, match=r"begins a decision .* and a run .*; give more"):
        await read_report(project.loaded, project.ledger, decided.id[:1])
    run = await project.ledger.run(decided.runs["loud"])
    assert run is not None
    for end in ("1", "2"):
        await project.ledger.open_run(msgspec.structs.replace(run, id="f" * 31 + end))
    with pytest.raises(ConfigError, match=r"begins a run \(f+2\) and a run \(f+1\); give more"):
        await read_report(project.loaded, project.ledger, "ff")
    assert (await read_report(project.loaded, project.ledger, "f" * 31 + "1")).view.source.what == "run"


async def test_a_notebook_opens_it_within_its_loop(project: Project, decided: Decision) -> None:
    """`open_report` is plain Python and works while a loop is running, as in a notebook."""
    loaded = project.loaded
    report = open_report(loaded.folder)
    assert report.view.source.id == decided.id
    assert report._repr_markdown_() == report.markdown()
    assert 'class="assay assay-embedded"' in report._repr_html_()


async def test_writing(project: Project, decided: Decision, tmp_path: Path) -> None:
    """Each form goes to a file in one step; a place that cannot be written is named and nothing is left there."""
    report = await read_report(project.loaded, project.ledger)
    assert report.write(tmp_path / "a.html").read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(report.write(tmp_path / "a.json", "json").read_text())["verdict"] == report.verdict
    assert report.write(tmp_path / "a.md", "md").read_text("utf-8") == report.markdown()
    for place in (tmp_path / "no" / "such" / "folder.html", tmp_path / "a.md" / "below-a-file.html"):
        with pytest.raises(ReportError, match=r"cannot write .*; name another file with -o"):
            report.write(place)
    for folder in (tmp_path, Path("/")):
        with pytest.raises(ReportError, match="it is a folder"):
            report.write(folder)
    assert not list(tmp_path.glob(".*.part"))


async def test_what_the_graders_wrote_may_be_damaged(project: Project, decided: Decision) -> None:
    """Scores that cannot be read leave the row's own verdict."""
    rows = await project.ledger.results(decided.runs["loud"])
    damaged = next(row for row in rows if row.sample_id == "w1")
    await project.ledger.add_result(
        type(damaged)(**{n: getattr(damaged, n) for n in damaged.__struct_fields__ if n != "scores"}, scores=b"{")
    )
    shown = (await read_report(project.loaded, project.ledger)).view.samples.shown
    answer = next(a for one in shown if one.id == "w1" for a in one.answers if a.name == "loud")
    assert (answer.outcome, answer.words) == ("failed", ())
